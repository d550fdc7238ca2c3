# Like iptables.t; a rule of `table inet t`, in a chain at hook forward.
meta l4proto tcp drop
    tcp:80 yes
    udp:53 no
ip saddr 10.99.1.0/24 tcp dport 80 counter drop
    tcp:80 yes
    tcp:81 no
ip saddr != { 10.99.1.1-10.99.1.3, 10.99.4.0/24 } drop
    tcp:80 no
tcp dport { 22, 80, 8000-9000 } drop
    tcp:80 yes
    tcp:8500 yes
    tcp:81 no
tcp dport != 80-90 drop
    tcp:80 no
    tcp:91 yes
th dport 53 drop
    udp:53 yes
    tcp:80 no
iifname "in*" oifname != "in0" drop
    tcp:80 yes
iif "lo" drop
    tcp:80 no
iifname { "in0", "br-*" } drop
    tcp:80 yes
meta nfproto ipv6 drop
    tcp:80 no
meta pkttype != multicast drop
    tcp:80 yes
meta length 60 drop
    tcp:80 yes
meta mark & 0xff == 0x1 drop
    tcp:80 no
meta mark 0x0 drop
    tcp:80 yes
meta iifgroup 1 drop
    tcp:80 ?
meta skuid 1000 drop
    tcp:80 ?
meta cpu 0 drop
    tcp:80 ?
meta day "Monday" drop
    tcp:80 ?
meta hour "10:00"-"12:00" drop
    tcp:80 ?
meta random 100 drop
    tcp:80 ?
numgen random mod 2 vmap { 0 : drop, 1 : accept }
    tcp:80 ?
jhash ip saddr mod 2 seed 0x1 vmap { 0 : drop, 1 : accept }
    tcp:80 ?
jhash ip saddr mod 2 vmap { 0 : drop, 1 : drop }
    tcp:80 ?
ct state new drop
    tcp:80 yes
ct state established,related drop
    tcp:80 no
ct state != { established, related } drop
    tcp:80 yes
ct state vmap { invalid : drop, established : accept, related : accept }
    tcp:80 no
ct state vmap { new : drop, established : accept }
    tcp:80 yes
ct direction original drop
    tcp:80 yes
ct status dnat drop
    tcp:80 no
ct mark 0x1 drop
    tcp:80 no
ct original ip saddr 10.99.1.2 drop
    tcp:80 yes
meta l4proto tcp ct reply ip saddr 10.99.2.2 ct original proto-dst 80 drop
    tcp:80 yes
    tcp:81 no
ct original protocol tcp drop
    tcp:80 yes
ct zone 1 drop
    tcp:80 ?
ct helper "ftp" drop
    tcp:80 ?
ct count over 3 drop
    tcp:80 ?
ct expiration 10s drop
    tcp:80 ?
ct avgpkt > 100 drop
    tcp:80 ?
ct bytes > 100000 drop
    tcp:80 ?
fib daddr type local drop
    tcp:80 no
fib daddr type { unicast, broadcast } drop
    tcp:80 yes
fib saddr . iif oif missing drop
    tcp:80 no
fib saddr oifname "in0" drop
    tcp:80 yes
rt classid 1 drop
    tcp:80 ?
rt ip nexthop 10.99.2.2 drop
    tcp:80 ?
socket transparent 1 drop
    tcp:80 ?
tcp flags & (fin | syn | rst | ack) == syn drop
    tcp:80 yes
tcp flags syn / fin,syn,rst,ack drop
    tcp:80 yes
tcp flags != syn drop
    tcp:80 no
tcp option maxseg size 1-500 drop
    tcp:80 ?
tcp option maxseg size set rt mtu
    tcp:80 no
tcp sequence 1 drop
    tcp:80 ?
exthdr frag exists drop
    tcp:80 no
ip dscp cs1 drop
    tcp:80 no
ip ttl > 10 drop
    tcp:80 yes
ip protocol icmp icmp type echo-request drop
    ping yes
    tcp:80 no
icmp type { echo-reply, echo-request } drop
    ping yes
icmp code 0 drop
    ping yes
ip frag-off & 0x1fff != 0 drop
    tcp:80 no
udp length 8 drop
    udp:53 ?
    tcp:80 no
sctp dport 80 drop
    tcp:80 no
ip saddr . tcp dport { 10.99.1.2 . 80, 10.99.1.0/24 . 8000-9000 } drop
    tcp:80 yes
    tcp:8080 yes
    tcp:81 no
ip saddr . ip daddr vmap { 10.99.1.2 . 10.99.2.2 : drop }
    tcp:80 yes
meta l4proto . th dport { tcp . 80, udp . 53 } drop
    tcp:80 yes
    udp:53 yes
    udp:80 no
ip daddr @addresses drop
    tcp:80 yes
ip daddr . tcp dport @services drop
    tcp:80 yes
    tcp:81 no
ip saddr @changing drop
    tcp:80 ?
tcp dport vmap @verdicts
    tcp:80 yes
    tcp:81 no
add @changing { ip saddr timeout 1m } counter
    tcp:80 no
update @changing { ip saddr limit rate 10/minute } drop
    tcp:80 ?
limit rate over 10/second burst 5 packets drop
    tcp:80 ?
limit rate 10 mbytes/second accept
    tcp:80 no
limit name "slow" drop
    tcp:80 ?
quota over 10 mbytes drop
    tcp:80 ?
quota name "some" drop
    tcp:80 ?
counter name "seen" drop
    tcp:80 yes
meta mark set 0x1 drop
    tcp:80 yes
meta mark set ct mark
    tcp:80 no
ct mark set meta mark and 0xff
    tcp:80 no
meta nftrace set 1 drop
    tcp:80 yes
meta priority set 1:1
    tcp:80 no
ip dscp set cs1
    tcp:80 no
ip saddr set 10.99.9.9
    tcp:80 ?
log prefix "a drop " level debug flags all
    tcp:80 no
log group 2 queue-threshold 5
    tcp:80 no
reject
    tcp:80 yes
reject with icmpx admin-prohibited
    tcp:80 yes
ip protocol tcp reject with tcp reset
    tcp:80 yes
    udp:53 no
reject with icmp host-prohibited
    tcp:80 yes
queue num 0-3 bypass
    tcp:80 ?
queue num 1 bypass
    tcp:80 ?
jump other
    tcp:80 yes
    udp:53 no
goto other
    tcp:80 yes
tcp dport 80 jump { ip saddr 10.99.1.2 drop; }
    tcp:80 yes
    tcp:81 no
return
    tcp:80 no
tcp dport 80 drop comment "it's -j ACCEPT"
    tcp:80 yes
