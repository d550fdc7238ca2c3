-s fd99:1::/64 -j DROP
    tcp:80 yes
! -s fd99:1::2 -j DROP
    tcp:80 no
-p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP
    ping yes
-p ipv6-icmp -m icmp6 ! --icmpv6-type echo-reply -j DROP
    ping yes
    tcp:80 no
-m hl --hl-gt 10 -j DROP
    tcp:80 yes
-m hl ! --hl-eq 64 -j DROP
    tcp:80 yes
-m iprange --dst-range fd99:2::1-fd99:2::9 -j DROP
    tcp:80 yes
-m frag --fragid 1 --fragmore -j DROP
    tcp:80 no
-m frag ! --fragid 1 -j DROP
    tcp:80 no
-m rt --rt-type 0 -j DROP
    tcp:80 no
-m rt ! --rt-type 0 -j DROP
    tcp:80 no
-m hbh ! --hbh-len 8 -j DROP
    tcp:80 no
-m ipv6header --header frag --soft -j DROP
    tcp:80 no
-m ipv6header ! --header frag --soft -j DROP
    tcp:80 yes
-m ipv6header --header prot -j DROP
    tcp:80 yes
-m ipv6header ! --header prot --soft -j DROP
    tcp:80 no
-m ipv6header ! --header prot -j DROP
    tcp:80 no
-m ipv6header --header prot,frag --soft -j DROP
    tcp:80 no
-m ipv6header ! --header prot,frag -j DROP
    tcp:80 yes
-m conntrack --ctorigdst fd99:2::/64 -j DROP
    tcp:80 yes
-j REJECT --reject-with icmp6-adm-prohibited
    tcp:80 yes
-j HL --hl-dec 1 @mangle FORWARD
    tcp:80 no
-p tcp -j DNAT --to-destination [fd99:2::9]:8080 @nat PREROUTING
    tcp:80 to fd99:2::9:8080
-d fd99:2::/64 -j NETMAP --to fd99:3::/64 @nat PREROUTING
    tcp:80 to fd99:3::2:80
-j SNAT --to-source fd99:2::1 @nat POSTROUTING
    tcp:80 from fd99:2::1
-j MASQUERADE @nat POSTROUTING
    tcp:80 from fd99:2::1
