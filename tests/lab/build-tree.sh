#!/bin/sh
# A Debian release in a folder, with packages that this one has not: build-tree.sh SUITE MIRROR FOLDER PACKAGES
# FOLDER gets root; PACKAGES are separated by commas.
set -eu
suite=$1 mirror=$2 folder=$3 packages=$4

debootstrap --variant=minbase --include="$packages" \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    "$suite" "$folder/root" "$mirror"

root=$folder/root
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* \
    "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/debootstrap
: >"$root/etc/resolv.conf"
# What is mounted there when it is used.
mkdir -p "$root/mnt" "$root/usr/lib/modules"
# The range of ids that guests without privileges get, as the package of LXD in Debian 12 has it.
for each in subuid subgid; do
    grep -q '^root:' "$root/etc/$each" || echo root:1000000:1000000000 >>"$root/etc/$each"
done
