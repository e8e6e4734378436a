#!/usr/bin/env bash
# Prints the path of a small Debian (or Ubuntu) root with systemd that tests use as a lower layer, and makes it first
# where it is not there: debootstrap, from the mirror of this machine, as root. It is kept in ~/.cache/oneping/root.
#
#   scripts/debian-root.sh
set -euo pipefail
die() { echo "scripts/debian-root.sh: $*" >&2; exit 1; }
PATH=$PATH:/usr/sbin:/sbin
include=systemd,systemd-sysv,dbus,iproute2,iputils-ping,traceroute,procps
. /etc/os-release
suite=${VERSION_CODENAME:?}
dir=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/oneping/root/$suite-$(printf %s "$include" | cksum | cut -d' ' -f1)
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
if [ ! -d "$dir" ]; then
	[ "$(id -u)" = 0 ] || die "debootstrap needs root"
	command -v debootstrap >/dev/null || die "debootstrap is not installed"
	mirror=$({ cat /etc/apt/sources.list.d/{debian,ubuntu}.sources /etc/apt/sources.list 2>/dev/null || true; } |
		sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\).*/\2/p' | sed -n 1p)
	rm -rf "$dir.new"
	debootstrap --variant=minbase --include=$include "$suite" "$dir.new" "$mirror" >"$dir.log" 2>&1 ||
		{ tail -n 20 "$dir.log" >&2; die "debootstrap failed"; }
	rm -rf "$dir.new"/var/cache/apt/archives/*.deb
	mv "$dir.new" "$dir"
fi
echo "$dir"
