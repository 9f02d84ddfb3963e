#!/bin/sh
# What an installer under KVM does after the packages are there. Runs in a private mount namespace.
# usage: unshare --mount tests/roots-finish.sh ROOT GENERATOR UUID
set -eu
root=$1 generator=$2 uuid=$3
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

mkdir -p "$root/boot/grub"
echo hvtest >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n127.0.1.1\thvtest\n' >"$root/etc/hosts"
cat >"$root/etc/fstab" <<END
# /etc/fstab: static file system information.
# <file system> <mount point> <type> <options> <dump> <pass>
UUID=$uuid / ext4 errors=remount-ro 0 1
END
sed -i 's/^GRUB_CMDLINE_LINUX_DEFAULT=.*/GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"/' "$root/etc/default/grub"
# mmdebstrap's own touch, and the builder's names
rm -f "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/etc/resolv.conf"

# A machine with one disk, whatever the builder has.
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9
mknod "$root/dev/sda" b 8 0
mknod "$root/dev/sda1" b 8 1
mkdir -p "$root/dev/disk/by-uuid" "$root/dev/shm"
ln -s ../../sda1 "$root/dev/disk/by-uuid/$uuid"
ln -s /proc/self/fd "$root/dev/fd"

case $generator in
initramfs-tools)
    rm "$root/etc/initramfs-tools/conf.d/builder" # see roots.py
    sed -i 's/^MODULES=.*/MODULES=list/' "$root/etc/initramfs-tools/initramfs.conf"
    printf '%s\n' virtio_pci virtio_blk virtio_scsi virtio_net ext4 >>"$root/etc/initramfs-tools/modules"
    chroot "$root" update-initramfs -u
    ;;
dracut)
    # Generic, as the kernel's postinst has it made.
    rm "$root/etc/dracut.conf.d/builder.conf" # see roots.py
    for vmlinuz in "$root"/boot/vmlinuz-*; do
        kernel=${vmlinuz##*/vmlinuz-}
        chroot "$root" dracut --quiet --force "/boot/initrd.img-$kernel" "$kernel"
    done
    ;;
esac

# The real update-grub asks grub-probe about the disk.
mount --bind "${0%/*}/grub-probe.sh" "$root/usr/sbin/grub-probe"
chroot "$root" update-grub
grep -q "root=UUID=$uuid" "$root/boot/grub/grub.cfg"
