# A rule as the tool takes it, with `@table CHAIN` in it where that is not `filter FORWARD`; below it, indented,
# packets and what the rule does to them: `yes` the target ends them, `no` they go on, `?` nobody can tell,
# `to` or `from` the address that they have then.
-p tcp -j DROP
    tcp:80 yes
    udp:53 no
! -p tcp -j DROP
    tcp:80 no
    udp:53 yes
-s 10.99.1.0/24 -j DROP
    tcp:80 yes
! -s 10.99.1.0/255.255.0.255 -j DROP
    tcp:80 yes
-d 10.99.2.2 -i in0 -o out+ -j DROP
    tcp:80 yes
! -i in0 -j DROP
    tcp:80 no
! -o in+ -j DROP
    tcp:80 yes
-p tcp -m tcp --dport 80 -j DROP
    tcp:80 yes
    tcp:81 no
-p tcp -m tcp ! --dport 80:90 -j DROP
    tcp:80 no
    tcp:91 yes
-p udp -m udp --sport 1024: --dport :53 -j DROP
    udp:53 yes
    udp:54 no
-p tcp -m tcp --syn -j DROP
    tcp:80 yes
-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP
    tcp:80 no
-p tcp -m tcp --tcp-flags ALL NONE -j DROP
    tcp:80 no
-p tcp -m tcp --tcp-option 8 -j DROP
    tcp:80 ?
-p icmp -m icmp --icmp-type 8 -j DROP
    ping yes
    tcp:80 no
-p icmp -m icmp --icmp-type any -j DROP
    ping yes
-p icmp -m icmp ! --icmp-type echo-reply -j DROP
    ping yes
-p tcp -m multiport --dports 80,443,8000:9000 -j DROP
    tcp:80 yes
    tcp:8500 yes
    tcp:81 no
-p tcp -m multiport ! --dports 80,443 -j DROP
    tcp:80 no
    tcp:81 yes
-p tcp -m multiport --ports 80 -j DROP
    tcp:80 yes
    tcp:81 no
-p tcp -m multiport --sports 1:100 -j DROP
    tcp:80 no
-m conntrack --ctstate NEW -j DROP
    tcp:80 yes
-m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP
    tcp:80 yes
-m conntrack --ctstate INVALID,UNTRACKED,SNAT,DNAT -j DROP
    tcp:80 no
-m conntrack --ctdir ORIGINAL --ctproto 6 -j DROP
    tcp:80 yes
    udp:53 no
-m conntrack --ctorigsrc 10.99.1.0/24 ! --ctorigdst 10.99.3.0/24 --ctorigdstport 80:81 -j DROP
    tcp:80 yes
    tcp:82 no
-m conntrack --ctreplsrc 10.99.2.2 -j DROP
    tcp:80 yes
-m conntrack --ctexpire 1:100 -j DROP
    tcp:80 ?
-m state --state NEW -j DROP
    tcp:80 yes
-m addrtype --dst-type LOCAL -j DROP
    tcp:80 no
-m addrtype ! --src-type LOCAL --dst-type UNICAST -j DROP
    tcp:80 yes
-m addrtype --src-type UNICAST --limit-iface-in -j DROP
    tcp:80 yes
-m mark --mark 0x0/0xff -j DROP
    tcp:80 yes
-m mark ! --mark 0x1 -j DROP
    tcp:80 yes
-m connmark --mark 0x1 -j DROP
    tcp:80 no
-m iprange --src-range 10.99.1.1-10.99.1.9 ! --dst-range 10.99.2.9-10.99.2.20 -j DROP
    tcp:80 yes
-m mac --mac-source 02:00:00:00:00:01 -j DROP
    tcp:80 ?
-m length --length 0:59 -j DROP
    tcp:80 no
-m length ! --length 60 -j DROP
    tcp:80 no
-m pkttype --pkt-type unicast -j DROP
    tcp:80 yes
-m pkttype ! --pkt-type multicast -j DROP
    tcp:80 yes
-m ttl --ttl-gt 10 -j DROP
    tcp:80 yes
-m ttl ! --ttl-eq 64 -j DROP
    tcp:80 yes
-m ttl --ttl-lt 63 -j DROP
    tcp:80 no
-m dscp --dscp 0x0a -j DROP
    tcp:80 no
-m dscp ! --dscp 0x0a -j DROP
    tcp:80 yes
-m tos --tos 0x10/0x3f -j DROP
    tcp:80 no
-m tos ! --tos 0x10/0x3f -j DROP
    tcp:80 yes
-m physdev --physdev-is-bridged -j DROP
    tcp:80 no
-m physdev --physdev-in br0 -j DROP
    tcp:80 no
-m physdev ! --physdev-in br0 -j DROP
    tcp:80 yes
-m comment --comment "it's \"quoted\" -j ACCEPT" -j DROP
    tcp:80 yes
-m limit --limit 5/min --limit-burst 7 -j DROP
    tcp:80 ?
-m hashlimit --hashlimit-above 10/sec --hashlimit-burst 5 --hashlimit-mode srcip,dstport --hashlimit-name x -j DROP
    tcp:80 ?
-m statistic --mode nth --every 3 --packet 0 -j DROP
    tcp:80 ?
-m statistic --mode random ! --probability 0.5 -j DROP
    tcp:80 ?
-m time --timestart 10:00:00 --timestop 18:00:00 --weekdays Mon,Tue -j DROP
    tcp:80 ?
-m recent --rcheck --seconds 60 --name bad --rsource -j DROP
    tcp:80 ?
-m connlimit --connlimit-above 3 --connlimit-mask 24 -j DROP
    tcp:80 ?
-p tcp -m connlimit --connlimit-upto 3 --connlimit-mask 32 --connlimit-daddr -j DROP
    tcp:80 ?
    udp:53 no
-m string --string "GET" --algo bm --to 100 -j DROP
    tcp:80 ?
-m u32 --u32 "0x0&0xf=0x1" -j DROP
    tcp:80 ?
-m quota --quota 1000 -j DROP
    tcp:80 ?
-m connbytes --connbytes 100: --connbytes-mode bytes --connbytes-dir both -j DROP
    tcp:80 ?
-m helper --helper ftp -j DROP
    tcp:80 ?
-m policy --dir in --pol none -j DROP
    tcp:80 ?
-m realm --realm 0x1 -j DROP
    tcp:80 ?
-m cpu --cpu 0 -j DROP
    tcp:80 ?
-m ecn --ecn-ip-ect 1 -j DROP
    tcp:80 ?
-p tcp -m tcpmss --mss 1:500 -j DROP
    tcp:80 ?
-m bpf --bytecode "1,6 0 0 0" -j DROP
    tcp:80 ?
-m devgroup --src-group 0x1 -j DROP
    tcp:80 ?
-p sctp -m sctp --dport 80 -j DROP
    tcp:80 no
-p esp -m esp --espspi 1 -j DROP
    tcp:80 no
-m set --match-set homes src -j DROP
    tcp:80 yes
-m set ! --match-set homes dst -j DROP
    tcp:80 yes
-m rpfilter --invert @raw PREROUTING -j DROP
    tcp:80 no
-m rpfilter --loose --validmark @mangle PREROUTING -j DROP
    tcp:80 yes
-m owner --uid-owner 0 @filter OUTPUT -j DROP
    out:80 ?
-m owner ! --socket-exists @filter OUTPUT -j DROP
    out:80 ?
-m socket --transparent @mangle PREROUTING -j DROP
    tcp:80 ?
-j REJECT
    tcp:80 yes
-p tcp -j REJECT --reject-with tcp-reset
    tcp:80 yes
-j REJECT --reject-with icmp-admin-prohibited
    tcp:80 yes
-j RETURN
    tcp:80 no
-j LOG --log-prefix "a -j DROP " --log-level 7 --log-ip-options
    tcp:80 no
-j NFLOG --nflog-prefix x --nflog-group 2
    tcp:80 no
-j TRACE @raw PREROUTING
    tcp:80 no
-j MARK --set-xmark 0x1/0xff @mangle FORWARD
    tcp:80 no
-j MARK --or-mark 0x10 @mangle FORWARD
    tcp:80 no
-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff @mangle FORWARD
    tcp:80 no
-j CONNMARK --restore-mark @mangle FORWARD
    tcp:80 no
-j CT --notrack @raw PREROUTING
    tcp:80 no
-j CT --zone 3 @raw PREROUTING
    tcp:80 ?
-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu @mangle FORWARD
    tcp:80 no
-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400 @mangle FORWARD
    tcp:80 no
-j CHECKSUM --checksum-fill @mangle POSTROUTING
    tcp:80 no
-j TEE --gateway 10.99.1.7 @mangle PREROUTING
    tcp:80 no
-j CLASSIFY --set-class 1:1 @mangle POSTROUTING
    tcp:80 no
-j DSCP --set-dscp 0x0a @mangle FORWARD
    tcp:80 no
-j TOS --set-tos 0x10/0x3f @mangle FORWARD
    tcp:80 no
-j TTL --ttl-set 64 @mangle FORWARD
    tcp:80 no
-p tcp -j ECN --ecn-tcp-remove @mangle FORWARD
    tcp:80 no
-j SET --add-set homes dst --exist @filter FORWARD
    tcp:80 no
-p tcp -j TPROXY --on-port 50080 --on-ip 127.0.0.1 --tproxy-mark 0x1/0x1 @mangle PREROUTING
    tcp:80 ?
    udp:53 no
-j NFQUEUE --queue-balance 0:3 --queue-bypass
    tcp:80 ?
-p tcp -j DNAT --to-destination 10.99.2.9:8080 @nat PREROUTING
    tcp:80 to 10.99.2.9:8080
    udp:53 no
-p tcp -j DNAT --to-destination 10.99.2.9:1-100 --persistent @nat PREROUTING
    tcp:80 to 10.99.2.9:80
    tcp:8080 ?
-j DNAT --to-destination 10.99.2.9-10.99.2.10 --random @nat PREROUTING
    tcp:80 ?
-p tcp -j REDIRECT --to-ports 8080 @nat PREROUTING
    tcp:80 to 10.99.1.1:8080
-d 10.99.2.0/24 -j NETMAP --to 10.99.3.0/24 @nat PREROUTING
    tcp:80 to 10.99.3.2:80
-s 10.99.1.0/24 -j NETMAP --to 10.99.3.0/24 @nat POSTROUTING
    tcp:80 from 10.99.3.2
-j SNAT --to-source 10.99.2.1 --random @nat POSTROUTING
    tcp:80 from 10.99.2.1
! -o in0 -j MASQUERADE --random-fully @nat POSTROUTING
    tcp:80 from 10.99.2.1
-p tcp -j MASQUERADE --to-ports 1024-31000 @nat POSTROUTING
    tcp:80 from 10.99.2.1
