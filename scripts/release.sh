#!/usr/bin/env bash
# Builds what a release consists of: tar.gz for each platform, deb and rpm, SHA256SUMS. The same
# source, version and Go give the same files, byte for byte, on any machine and in any directory.
#
#   scripts/release.sh [-o DIR] [VERSION]      VERSION: the tag of this commit, or one made of its date and hash
#   ONEPING_PLATFORMS="linux/amd64" scripts/release.sh …    only some platforms
#
# Needs Go and GNU tar. Without dpkg-deb (Debian: dpkg) no deb is made, without rpmbuild (rpm) no rpm.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

out=$root/dist
while getopts ho: flag; do
	case $flag in
	o) out=$(mkdir -p "$OPTARG" && cd "$OPTARG" && pwd) ;;
	*) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; [ "$flag" = h ] && exit 0 || exit 2 ;;
	esac
done
shift $((OPTIND - 1))

. scripts/machine.sh
use_go || exit 1
for tool in tar gzip sha256sum; do
	there $tool || { echo "scripts/release.sh: $tool is not installed" >&2; exit 1; }
done
export LC_ALL=C TZ=UTC
umask 022
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath"

# version: v1.2.3 of a tag is 1.2.3; without a tag 0.0.0+DATE.HASH, which is older than any release.
version=${1:-$(git describe --exact-match --tags 2>/dev/null || true)}
version=${version:-0.0.0+$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d).$(git rev-parse --short=12 HEAD)}
version=${version#v}
[[ $version =~ ^[0-9][0-9A-Za-z.+~-]*$ ]] || { echo "scripts/release.sh: $version is not a version" >&2; exit 2; }
packaged=${version//-/\~} # 1.0.0-rc1 comes before 1.0.0 in both package formats
platforms=${ONEPING_PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64}

work=$(mktemp -d "${TMPDIR:-/tmp}/oneping-release.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
rm -f "$out"/oneping[-_]* "$out/SHA256SUMS"
texts=internal/service/linux

# build OS ARCH: prints the path of the binary, which is built once.
build() {
	local path=$work/bin/$1-$2
	[ -e "$path" ] || GOOS=$1 GOARCH=$2 go build -ldflags "-s -w -X main.version=$version" -o "$path" .
	echo "$path"
}

# age gives everything below a directory the time of the source.
age() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

# archive NAME DIR: DIR as NAME.tar.gz with nothing of this machine in it.
archive() {
	age "$2"
	tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -C "$(dirname "$2")" -cf - "$(basename "$2")" | gzip -9n >"$out/$1.tar.gz"
}

# stage DIR BINARY: the tree that the packages install.
stage() {
	local dir=$1 r f
	install -D -m 755 "$2" "$dir/usr/bin/oneping"
	for r in client connector edge; do
		install -D -m 644 $texts/oneping-$r.service "$dir/usr/lib/systemd/system/oneping-$r.service"
		install -D -m 644 $texts/$r.yaml "$dir/etc/oneping/$r.yaml"
	done
	install -D -m 644 $texts/sysusers.conf "$dir/usr/lib/sysusers.d/oneping.conf"
	install -D -m 644 $texts/49-oneping.conf "$dir/usr/share/oneping/49-oneping.conf"
	for f in "$work"/docs/man/*.[157]; do
		install -d "$dir/usr/share/man/man${f##*.}"
		gzip -9nc "$f" >"$dir/usr/share/man/man${f##*.}/$(basename "$f").gz"
	done
	install -D -m 644 "$work/docs/completions/oneping.bash" "$dir/usr/share/bash-completion/completions/oneping"
	install -D -m 644 "$work/docs/completions/oneping.fish" "$dir/usr/share/fish/vendor_completions.d/oneping.fish"
	install -d "$dir/usr/share/doc/oneping/docs"
	install -m 644 scripts/package/copyright LICENSE SECURITY.md README.md CHANGELOG.md ARCHITECTURE.md CONTRIBUTING.md "$dir/usr/share/doc/oneping/"
	install -m 644 docs/*.md "$dir/usr/share/doc/oneping/docs/"
	gzip -9nc "$work/licenses" >"$dir/usr/share/doc/oneping/third-party-licenses.gz"
}

# script NAME: a maintainer script with what it shares with the others.
script() { printf '#!/bin/sh\nset -e\n\n' && cat scripts/package/functions && echo && cat "scripts/package/$1"; }

# deb ARCH BINARY
deb() {
	local dir=$work/deb-$1 s
	stage "$dir" "$2"
	install -D -m 644 "$work/docs/completions/oneping.zsh" "$dir/usr/share/zsh/vendor-completions/_oneping"
	printf 'oneping (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- oneping maintainers <maintainers@oneping.invalid>  %s\n' \
		"$packaged" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$dir/usr/share/doc/oneping/changelog.gz"
	mkdir "$dir/DEBIAN"
	(cd "$dir" && find etc -type f | sort | sed 's|^|/|') >"$dir/DEBIAN/conffiles"
	(cd "$dir" && find usr -type f | LC_ALL=C sort | xargs -d '\n' md5sum) >"$dir/DEBIAN/md5sums"
	for s in postinst prerm postrm; do
		script $s >"$dir/DEBIAN/$s"
		chmod 755 "$dir/DEBIAN/$s"
	done
	sed "s/@VERSION@/$packaged/; s/@ARCH@/$1/; s/@SIZE@/$(find "$dir/etc" "$dir/usr" -type f -printf "%s\n" | awk "{k += int((\$1 + 1023) / 1024)} END {print k}")/" scripts/package/control >"$dir/DEBIAN/control"
	age "$dir"
	DPKG_DEB_THREADS_MAX=1 dpkg-deb --root-owner-group -Zxz -z1 --build "$dir" "$out/oneping_${packaged}_$1.deb" >/dev/null
}

# rpm ARCH BINARY; rpm calls the machines by other names.
rpm() {
	local dir=$work/rpm-$1 arch=x86_64
	[ "$1" = amd64 ] || arch=aarch64
	stage "$dir/tree" "$2"
	install -D -m 644 "$work/docs/completions/oneping.zsh" "$dir/tree/usr/share/zsh/site-functions/_oneping"
	age "$dir/tree"
	(cd "$dir/tree" && find etc -type f | sort | sed 's|^|%config(noreplace) /|' && echo '%dir /etc/oneping' && echo '%dir /usr/share/oneping' &&
		printf '%%dir /usr/share/%s\n' doc/oneping doc/oneping/docs fish fish/vendor_completions.d zsh zsh/site-functions && find usr -type f | sort | sed 's|^|/|') >"$dir/files"
	sed -e "s|@VERSION@|$packaged|; s|@STAGE@|$dir/tree|" -e "/@FUNCTIONS@/{r scripts/package/functions" -e "d}" -e "/@FILES@/{r $dir/files" -e "d}" \
		scripts/package/oneping.spec >"$dir/oneping.spec"
	rpmbuild -bb --quiet --target "$arch-linux" --define "_topdir $dir/top" --define "_tmppath $dir/tmp" "$dir/oneping.spec" >"$dir/log" 2>&1 ||
		{ cat "$dir/log" >&2; return 1; }
	cp "$dir/top/RPMS/$arch/oneping-$packaged-1.$arch.rpm" "$out/"
}

native=$(build "$(go env GOHOSTOS)" "$(go env GOHOSTARCH)")
"$native" docs "$work/docs"
scripts/licenses >"$work/licenses"

for p in $platforms; do
	os=${p%/*} arch=${p#*/} exe=oneping
	[ "$os" != windows ] || exe=oneping.exe
	echo "$p"
	name=oneping-$version-$os-$arch
	mkdir -p "$work/tar/$name"
	binary=$(build "$os" "$arch")
	cp "$binary" "$work/tar/$name/$exe"
	cp -r "$work/docs/man" "$work/docs/completions" LICENSE SECURITY.md README.md CHANGELOG.md ARCHITECTURE.md CONTRIBUTING.md "$work/tar/$name/"
	install -D -m 644 -t "$work/tar/$name/docs" docs/*.md
	cp "$work/licenses" "$work/tar/$name/third-party-licenses"
	archive "$name" "$work/tar/$name"
	if [ "$os" = linux ]; then
		! there dpkg-deb || deb "$arch" "$work/tar/$name/$exe"
		! there rpmbuild || rpm "$arch" "$work/tar/$name/$exe"
	fi
	rm -rf "${work:?}/tar/$name"
done

cd "$out"
sha256sum oneping[-_]* >SHA256SUMS
ls -sh1
there dpkg-deb || echo "left out: deb: dpkg-deb is not installed (Debian: dpkg)" >&2
there rpmbuild || echo "left out: rpm: rpmbuild is not installed (Debian: rpm)" >&2
