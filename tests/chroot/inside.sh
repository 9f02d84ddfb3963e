#!/bin/sh
# Runs a program in a root as an administrator's chroot would, without a line of hvprep's own.
# usage: inside.sh ROOT PROGRAM [ARGUMENT...]
# Everything that is mounted here ends with the program: the mount namespace is private.
set -eu
if [ -z "${HVPREP_TEST_NAMESPACE:-}" ]; then
    HVPREP_TEST_NAMESPACE=yes exec unshare --mount "$0" "$@"
fi
unset HVPREP_TEST_NAMESPACE
root=$1
shift
for name in dev proc sys; do
    mount --rbind "/$name" "$root/$name"
done
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
export LC_ALL=C.UTF-8 HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec chroot "$root" "$@"
