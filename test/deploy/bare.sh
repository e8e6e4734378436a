#!/bin/sh
# Runs a line of shell in a root that has Go, the tree and next to nothing else; test/deploy runs this as
#   unshare --mount --pid --ipc --uts --fork --kill-child bare.sh ROOT USER LINE
# with GOROOT, GOMODCACHE and GOCACHE of the outside. What it mounts ends with it.
set -eu
root=$1 user=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root" # pivot_root wants a mount; in a chroot no user namespace can be made
cd "$root"
mkdir -p usr/local/go root/go/pkg/mod root/.cache/go-build .old
mount --bind "$GOROOT" usr/local/go
mount --bind "$GOMODCACHE" root/go/pkg/mod
mount --bind "$GOCACHE" root/.cache/go-build
mount -t proc proc proc
mount -t tmpfs -o mode=755 dev dev
mkdir dev/net dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
node() { mknod -m 666 "dev/$1" c "$2" "$3"; }
node null 1 3; node zero 1 5; node full 1 7; node random 1 8; node urandom 1 9; node tty 5 0; node net/tun 10 200
pivot_root . .old
cd /
umount -l .old
rmdir .old
home=/root
[ "$user" = root ] || home=/home/$user
cd /oneping
exec env -i HOME="$home" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	setpriv --reuid="$user" --regid="$user" --init-groups bash -c "$*"
