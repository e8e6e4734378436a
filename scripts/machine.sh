# What the scripts want of a machine: Go, programs, user namespaces, a TUN device. To be sourced, with
# $root set; for bash 3.2 too, which macOS has.

needs=$root/test/program/needs.txt

# problem TEXT HINT: what is wrong and what to do about it, in oneping's own words.
problem() { printf 'oneping: error: %s\nhint: %s\n' "$1" "$2" >&2; }

# go_minor GO: 19 of a go1.19.8, whatever module and toolchain stand around it.
go_minor() {
	local text
	text=$(cd / && GOTOOLCHAIN=local "$1" version 2>/dev/null) || return 1
	[[ $text =~ go1\.([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

# go_dirs: where a Go may be, the one that would run first.
go_dirs() {
	local IFS=: d
	for d in $PATH; do echo "$d"; done
	for d in /usr/local/go/bin /usr/lib/go-*/bin /usr/lib/go/bin /snap/bin /opt/homebrew/bin "${HOME:-/root}"/sdk/go*/bin; do
		echo "$d"
	done
}

# use_go puts a Go before all others that can build oneping: 1.21 or newer, which fetches the version
# that go.mod names. Where there is none it says so, and fails.
use_go() {
	local dir minor found='' wants
	wants=$(sed -n 's/^go //p' "$root/go.mod")
	while read -r dir; do
		[ -x "$dir/go" ] && minor=$(go_minor "$dir/go") || continue
		if [ "$minor" -ge 21 ]; then
			[ "$(command -v go)" = "$dir/go" ] || PATH=$dir:$PATH
			export PATH
			may_fetch
			return 0
		fi
		[ -n "$found" ] || found="$dir/go is Go 1.$minor"
	done < <(go_dirs)
	problem "${found:-Go is not installed}; oneping is built with Go $wants" \
		"install Go 1.21 or newer, it fetches the rest; in PATH or in /usr/local/go"
	return 1
}

# may_fetch: distributions and images tell their Go to fetch no other one (its go.env says
# GOTOOLCHAIN=local). Who has said so himself is obeyed.
may_fetch() {
	[ -z "${GOTOOLCHAIN-}" ] || return 0
	! grep -qs '^GOTOOLCHAIN=' "$(cd / && GOTOOLCHAIN=local go env GOENV)" || return 0
	export GOTOOLCHAIN=auto
}

# with_sbin: PATH with the folders of administrators' tools, which users of Debian do not have in it.
with_sbin() { echo "$PATH:/usr/local/sbin:/usr/sbin:/sbin"; }

# there WHAT: a program can be run, or a file is there.
there() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*) [ -x "$(PATH=$(with_sbin) && type -P "$1")" ] ;;
	esac
}

# package WHAT: the Debian package that has it, as the list says.
package() { awk -v what="$1" '$1 == what {print $2}' "$needs"; }

# missing SECTION…: what these sections of scripts/test need, and is not there: "WHAT PACKAGE" a line.
missing() {
	local what package sections s
	while read -r what package sections; do
		case $what in '' | '#'*) continue ;; esac
		for s in $sections; do
			if [[ " $* " == *" $s "* ]]; then
				there "$what" || echo "$what $package"
				break
			fi
		done
	done <"$needs"
}

# namespaces: this user may make the namespaces of a lab. Prints what to do where not.
namespaces() {
	[ "$(id -u)" != 0 ] || return 0
	command -v unshare >/dev/null || return 0
	! unshare --user --map-root-user --net true 2>/dev/null || return 0
	local file=/proc/sys/kernel/unprivileged_userns_clone
	if [ "$(cat $file 2>/dev/null)" = 0 ]; then
		echo "as root: sysctl -w kernel.unprivileged_userns_clone=1"
	elif [ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ]; then
		echo "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
	else
		echo "this system forbids unprivileged user namespaces (a container?); run it as root"
	fi
	return 1
}

# tun: this user may open the TUN device (DEVICE, for tests). Prints what to do where not.
tun() {
	local device=${1:-/dev/net/tun}
	if [ ! -e "$device" ]; then
		echo "as root: modprobe tun; in a container start it with: --device /dev/net/tun"
	elif [ ! -r "$device" ] || [ ! -w "$device" ]; then
		echo "as root: chmod 0666 /dev/net/tun"
	elif ! (: <>"$device") 2>/dev/null; then
		echo "start the container with: --device /dev/net/tun"
	else
		return 0
	fi
	return 1
}

# all_sections: the sections of scripts/test, in their order.
all_sections() { echo format static cross unit e2e conformance rootless wine compose package; }
