"""The MSS option of TCP, as rules lower it.

Facts: tcpmss_mangle_packet in net/netfilter/xt_TCPMSS.c; nft_exthdr_tcp_set_eval in net/netfilter/nft_exthdr.c
and nft_rt_get_eval in net/netfilter/nft_rt.c. Neither raises it.
"""

from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.packet import TCP_HEADERS, Packet


def lowered(packet: Packet, mss: int) -> Packet:
    """The packet with that MSS, if it had a greater one."""
    return packet if packet.mss is None or packet.mss <= mss else packet._replace(mss=mss)


def clamped(packet: Packet, context: Context) -> Packet:
    """The packet with the MSS that fits the MTU of the routes to both of its ends."""
    ends = (packet.destination, packet.source)
    known = [mtu for mtu in map(context.fib.mtu_to, ends) if mtu is not None]
    return lowered(packet, min(known) - TCP_HEADERS[packet.family]) if known else packet
