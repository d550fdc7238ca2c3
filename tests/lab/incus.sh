#!/bin/sh
# Becomes Incus out of a tree of a newer Debian, in the mount namespace that it is started in: incus.sh TREE INSIDE
# A change of root alone would not do: the daemon enters the mount namespaces of its guests, and makes those of theirs
# out of its own.
set -eu
tree=$1 inside=$2
new=$inside/root

mkdir -p "$new"
# Labs share the tree.
mount --bind "$tree" "$new"
mount -o remount,bind,ro "$new"
for each in dev proc sys usr/lib/modules; do
    [ ! -d "/$each" ] || mount --rbind "/$each" "$new/$each"
done
for each in run tmp; do mount -t tmpfs -o mode=755 "$each" "$new/$each"; done
for each in "$inside" /run/netns; do
    mkdir -p "$new$each"
    mount --rbind "$each" "$new$each"
done
cd "$new"
pivot_root . mnt
cd /
umount -l /mnt
exec /usr/libexec/incus/incusd --group root
