#!/bin/sh
# Runs a program on a builder whose only disk is the one that holds the root: /dev has that disk and no
# other, and the root's grub-probe answers for it, as it would if the root were mounted from /dev/sda1.
# usage: one-disk.sh ROOT UUID PROGRAM [ARGUMENT...]
# All else of update-grub is real.
set -eu
if [ -z "${HVPREP_TEST_ONE_DISK:-}" ]; then
    HVPREP_TEST_ONE_DISK=yes exec unshare --mount "$0" "$@"
fi
unset HVPREP_TEST_ONE_DISK
root=$1 uuid=$2
shift 2
mount -t tmpfs -o mode=0755 tmpfs /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
mknod /dev/sda b 8 0
mknod /dev/sda1 b 8 1
mkdir -p /dev/disk/by-uuid /dev/shm
ln -s ../../sda1 "/dev/disk/by-uuid/$uuid"
ln -s /proc/self/fd /dev/fd

mount --bind "${0%/*}/../grub-probe.sh" "$root/usr/sbin/grub-probe"
exec "$@"
