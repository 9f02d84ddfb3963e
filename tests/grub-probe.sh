#!/bin/sh
# What grub-probe says on a machine whose only disk is /dev/sda with a DOS label, and / on its first partition.
# Stands in for the real one, which fails below an overlay or a loop device (test-machine.md), in systems whose
# /dev has that disk and no other.
for word; do
    case $word in
    --target=*) target=${word#--target=} ;;
    --target | -t) next=yes ;;
    *) [ -z "${next:-}" ] || target=$word next= ;;
    esac
done
case ${target:-} in
device) echo /dev/sda1 ;;
disk) echo /dev/sda ;;
fs) echo ext2 ;;
fs_uuid) ls /dev/disk/by-uuid ;;
partmap) echo msdos ;;
bios_hints | efi_hints | compatibility_hint | drive) echo hd0,msdos1 ;;
baremetal_hints) echo ahci0,msdos1 ;;
abstraction | cryptodisk_uuid | fs_label | hints_string | partuuid) ;;
*) exit 1 ;;
esac
