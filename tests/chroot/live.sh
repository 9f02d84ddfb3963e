#!/bin/sh
# Runs the builder's Python in a root that is / of everything that it can see, process 1 included: to hvprep
# that is a running system, not an image. The kernel is the builder's; the root needs no Python.
# usage: live.sh ROOT PYTHONPATH ARGUMENT...
set -eu
if [ -z "${HVPREP_TEST_LIVE:-}" ]; then
    HVPREP_TEST_LIVE=yes exec unshare --mount --pid --fork "$0" "$@"
fi
unset HVPREP_TEST_LIVE
root=$1 modules=$2
shift 2
host=/run/host
mount --rbind "$root" "$root" # / has to be a mount, as on every running system
for name in dev sys; do
    mount --rbind "/$name" "$root/$name"
done
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir "$root$host"
mount --bind / "$root$host"
python=$(readlink -f /usr/bin/python3)
libraries=$(dirname "$(readlink -f "$(ldd "$python" | sed -n 's/^\tlibc\.so\.6 => \([^ ]*\) .*/\1/p')")")
loader=$(readlink -f "$(ldd "$python" | sed -n 's/^\t\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p')")
export PYTHONHOME="$host/usr" PYTHONPATH="$host$modules:$host/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1
export LC_ALL=C.UTF-8 HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec chroot "$root" "$host$loader" --library-path "$host$libraries:$host/usr/lib:$host/lib" "$host$python" "$@"
