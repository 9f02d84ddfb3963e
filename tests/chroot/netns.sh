#!/bin/sh
# Runs a program in a root like inside.sh, with a network of its own: eth0 is there, of any MAC address, with
# nobody at its other end.
# usage: netns.sh ROOT PROGRAM [ARGUMENT...]
set -eu
if [ -z "${HVPREP_TEST_NETWORK:-}" ]; then
    HVPREP_TEST_NETWORK=yes exec unshare --mount --net "$0" "$@"
fi
unset HVPREP_TEST_NETWORK
mount -t sysfs -o ro sysfs /sys
ip link set lo up
ip link add eth0 type veth peer name other
ip link set other up
HVPREP_TEST_NAMESPACE=yes exec "$(dirname "$0")/inside.sh" "$@"
