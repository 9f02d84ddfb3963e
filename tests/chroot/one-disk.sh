#!/bin/sh
# Runs a program on a builder whose only disk is the one that holds the root: /dev has that disk and no
# other, and the root's grub-probe answers for it, as it would if the root were mounted from /dev/sda1.
# usage: one-disk.sh ROOT UUID PROGRAM [ARGUMENT...]
# The real grub-probe fails on an overlay or loop device (test-machine.md); all else of update-grub is real.
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

cat >/dev/shm/grub-probe <<END
#!/bin/sh
for word; do
    case \$word in
    --target=*) target=\${word#--target=} ;;
    --target | -t) next=yes ;;
    *) [ -z "\${next:-}" ] || target=\$word next= ;;
    esac
done
case \${target:-} in
device) echo /dev/sda1 ;;
disk) echo /dev/sda ;;
fs) echo ext2 ;;
fs_uuid) echo $uuid ;;
partmap) echo msdos ;;
bios_hints | efi_hints | compatibility_hint | drive) echo hd0,msdos1 ;;
baremetal_hints) echo ahci0,msdos1 ;;
abstraction | cryptodisk_uuid | fs_label | hints_string | partuuid) ;;
*) exit 1 ;;
esac
END
chmod 755 /dev/shm/grub-probe
mount --bind /dev/shm/grub-probe "$root/usr/sbin/grub-probe"
exec "$@"
