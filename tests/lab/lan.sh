#!/bin/sh
# The LAN 10.0.0.0/24 and fd00:10::/64 between client, host and router, in the holder's mount namespace.
set -eu

new_namespace() {
    ip netns add "$1"
    ip -n "$1" link set lo up
}

# NAME ADDRESS ADDRESS6: a cable from NAME's eth0 to the router's bridge, which is also its gateway.
plug_in() {
    ip link add eth0 netns "$1" type veth peer name "to-$1" netns router
    ip -n router link set "to-$1" master br-lan up
    ip -n "$1" addr add "$2/24" dev eth0
    ip -n "$1" addr add "$3/64" dev eth0 nodad
    ip -n "$1" link set eth0 up
    ip -n "$1" route add default via 10.0.0.1
    ip -n "$1" -6 route add default via fd00:10::1
}

set_sysctl() {
    ip netns exec "$1" sh -c "[ ! -e /proc/sys/$2 ] || echo $3 >/proc/sys/$2"
}

new_namespace router
new_namespace client
ip -n host link set lo up

ip -n router link add br-lan type bridge
ip -n router addr add 10.0.0.1/24 dev br-lan
ip -n router addr add fd00:10::1/64 dev br-lan nodad
ip -n router link set br-lan up
plug_in client 10.0.0.100 fd00:10::100
plug_in host 10.0.0.2 fd00:10::2

# A new namespace starts with the machine's own values, and a machine with Docker forwards.
set_sysctl host net/ipv4/ip_forward 0
set_sysctl router net/ipv4/ip_forward 1
# A redirect would let the client pass by the router until it forgets: no test could say which way a packet took.
for each in all default br-lan; do set_sysctl router "net/ipv4/conf/$each/send_redirects" 0; done
set_sysctl router net/ipv6/conf/all/forwarding 1
set_sysctl router net/bridge/bridge-nf-call-iptables 0
set_sysctl router net/bridge/bridge-nf-call-ip6tables 0
set_sysctl router net/bridge/bridge-nf-call-arptables 0

# What a user's router has before homelab comes: the way to the guests, none to their containers.
ip -n router route add 10.77.0.0/24 via 10.0.0.2
ip -n router -6 route add fd77::/64 via fd00:10::2
