#!/bin/sh
# Debian with Docker, ready to be a guest, as LXD imports it: build-image.sh SUITE MIRROR FOLDER PACKAGES
# FOLDER gets rootfs.squashfs and metadata.tar; PACKAGES are separated by commas.
set -eu
suite=$1 mirror=$2 folder=$3 packages=$4
root=$folder/root
scripts=/usr/share/debootstrap/scripts
script=sid
[ ! -e "$scripts/$suite" ] || script=$suite

debootstrap --variant=minbase --include="$packages" \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    "$suite" "$root" "$mirror" "$scripts/$script"

rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* \
    "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/debootstrap
: >"$root/etc/resolv.conf"
mkdir -p "$root/lab" "$root/etc/lab"
# The guest's own programs come with the lab, mounted at /lab: a change to them needs no new image.
ln -sf /lab/init "$root/sbin/init"
ln -sf /lab/dockerd-restart /lab/dhcp-renew "$root/usr/local/bin/"
for applet in nc ping vi wget; do
    ln -sf /bin/busybox "$root/usr/local/bin/$applet"
done

mksquashfs "$root" "$folder/rootfs.squashfs" -noappend -no-progress -comp zstd -Xcompression-level 1
rm -rf "$root"
cat >"$folder/metadata.yaml" <<YAML
architecture: $(uname -m)
creation_date: $(date +%s)
properties:
  description: $suite with Docker
YAML
tar -C "$folder" -cf "$folder/metadata.tar" metadata.yaml
