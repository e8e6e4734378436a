#!/usr/bin/env bash
# Makes the two base images of the Dockerfile where no image registry is reachable:
# Debian from its packages (debootstrap), Go from the toolchain of this machine.
# Images that exist or can be pulled are left as they are. Root, for debootstrap.
#
#   scripts/images.sh
#   ONEPING_MIRROR=URL scripts/images.sh    Debian's packages from another mirror than this machine's
set -euo pipefail
case ${1-} in
-h | --help)
	sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
	exit 0
	;;
esac

debian=debian:bookworm-slim golang=golang:1.26-bookworm
label=org.oneping.base # what an image of ours was made from; official ones have no such label
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/machine.sh"
use_go 2>/dev/null || : # make_golang wants it, and says so
PATH=$(with_sbin)

die() { echo "scripts/images.sh: $*" >&2; exit 1; }
docker version >/dev/null 2>&1 || die "no container engine answers (docker version)"

# good IMAGE SOURCE: IMAGE is there and, if it is one of ours, made from SOURCE.
good() {
	local from
	from=$(docker image inspect -f "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null) || return 1
	[ -z "$from" ] || [ "$from" = "$2" ]
}

# there IMAGE SOURCE: nothing has to be made.
there() { good "$1" "$2" || timeout 60 docker pull -q "$1" >/dev/null 2>&1; }

# mirror is where this machine gets its Debian packages from.
mirror() {
	cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
		sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\).*/\2/p' | head -n 1
}

work=$(mktemp -d "${TMPDIR:-/tmp}/oneping-images.XXXXXX")
trap 'rm -rf "$work"' EXIT

make_debian() {
	local from=${ONEPING_MIRROR:-$(mirror)}
	[ "$(id -u)" = 0 ] || die "$debian can neither be pulled nor, without root, be made: repeat this with sudo"
	command -v debootstrap >/dev/null || die "$debian cannot be pulled, and to make it debootstrap is missing: apt-get install debootstrap"
	[ -n "$from" ] || die "$debian cannot be pulled, and no Debian mirror is known: ONEPING_MIRROR=URL $0"
	echo "making $debian from $from"
	debootstrap --variant=minbase bookworm "$work/root" "$from" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; die "debootstrap failed"; }
	rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
	# The certificates that this machine trusts: where modules come through a proxy, it may have an authority of its own.
	if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
		mkdir -p "$work/root/etc/ssl/certs"
		cp -L /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/"
	fi
	tar -C "$work/root" -c . | docker import -c 'CMD ["bash"]' -c "LABEL $label=bookworm" - "$debian" >/dev/null
	rm -rf "$work/root"
}

make_golang() {
	local goroot
	goroot=$(go env GOROOT) || die "$golang cannot be pulled, and to make it Go is missing"
	echo "making $golang from $goroot"
	mkdir "$work/go"
	tar -C "$goroot" --exclude=./test --exclude=./api --exclude=./doc --transform='s,^\.,go,' -cf "$work/go/go.tar" .
	cat >"$work/go/Dockerfile" <<-EOF
		FROM $debian
		ENV PATH=/usr/local/go/bin:/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPATH=/go GOTOOLCHAIN=local
		ADD go.tar /usr/local/
		WORKDIR /go
		LABEL $label=$1
	EOF
	DOCKER_BUILDKIT=0 docker build -q -t "$golang" "$work/go" >/dev/null
}

there "$debian" bookworm || make_debian
version=$(go env GOVERSION 2>/dev/null) || version=none
there "$golang" "$version" || make_golang "$version"
echo "base images: $debian, $golang"
