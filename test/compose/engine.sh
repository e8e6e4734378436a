#!/bin/sh
# Starts a container engine in namespaces of its own; test/compose runs this as
#   unshare --mount --pid --fork --kill-child [--net] engine.sh DIR DATA CGROUP FLAG…
# With the process, everything ends: containers too. DIR has socket and log, DATA the images.
set -eu
dir=$1 data=$2 cgroup=$3
shift 3
mount --make-rprivate /
mount -t proc proc /proc
# What an engine leaves in /run and /etc/docker stays in here.
names=$(readlink -f /etc/resolv.conf)
cp -L /etc/resolv.conf "$dir/resolv.conf"
mount -t tmpfs tmpfs /run
[ -e "$names" ] || { mkdir -p "${names%/*}" && cp "$dir/resolv.conf" "$names"; }
[ ! -d /etc/docker ] || mount -t tmpfs tmpfs /etc/docker
init=$(command -v docker-init) || init=
exec $init ${init:+--} dockerd --data-root="$data" --exec-root="$dir/exec" --pidfile="$dir/pid" -H "unix://$dir/docker.sock" \
	--cgroup-parent="$cgroup" "$@"
