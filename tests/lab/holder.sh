#!/bin/sh
# Makes the lab's mount namespace out of a fresh one, and stays as the process that keeps it: holder.sh STATE INSIDE
set -eu
state=$1 inside=$2

# What a command in the lab writes below the folder stays in the lab.
keep_private() {
    copy="$state/private/$1"
    mkdir -p "$copy" "$1"
    cp -a "$1/." "$copy/"
    mount --bind "$copy" "$1"
}

# sysfs shows the links of the namespace that mounts it. LXD needs cgroup2 where systemd would have it.
umount -R /sys
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup

mount -t tmpfs -o mode=755 homelab-lab /run/netns
mount --bind "$state" "$inside"
keep_private /etc/sysctl.d
keep_private /run/lxc
keep_private /var/lib/homelab
# No name server is within reach, so asking for one must not take a timeout.
if [ -e /etc/resolv.conf ]; then
    : >"$state/resolv.conf"
    mount --bind "$state/resolv.conf" /etc/resolv.conf
fi

ip netns attach host $$
: >"$state/held"
exec sleep infinity </dev/null
