"""What the tools of this machine print inside one place, collected by a single process."""

import secrets
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from homelab.errors import UnreadableError
from homelab.system.doors import Door
from homelab.system.reasons import printable

# ip(8) is asked for numbers (-N): names come from files in /etc/iproute2 that anybody may edit. One
# batch costs as much as one command. iptables-legacy-save would make the tables that it lists, so it
# runs only where the kernel has some; `nft list ruleset` never makes any. ipset(8) loads its module.
SCRIPT = r"""
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
token=$1

run() {
  name=$1
  shift
  said=
  status=0
  out=$("$@" 2>/dev/null) || { status=$?; said=$("$@" 2>&1 >/dev/null); }
  printf '%s\n%s %s %s\n%s\n%s' "$out" "$token" "$name" "$status" "$said" "$token"
}

family() {
  exec ip "$1" -N -d -j -batch - <<'BATCH'
route show table all
rule show
neigh show nud all
neigh show proxy
BATCH
}

sysctls() {
  a=/proc/sys/net
  b=$a/ipv4/conf/*
  c=$a/ipv6/conf/*
  exec grep -s '' $a/ipv4/ip_forward $a/ipv4/icmp_echo_ignore_all $a/ipv4/ip_default_ttl $a/ipv4/ip_no_pmtu_disc \
    $a/ipv4/ip_local_port_range $a/ipv4/fwmark_reflect $a/ipv4/tcp_fwmark_accept \
    $a/ipv4/tcp_l3mdev_accept $a/ipv4/udp_l3mdev_accept $a/ipv4/fib_multipath_hash_policy \
    $a/ipv4/ip_nonlocal_bind $a/ipv4/icmp_ratelimit $a/ipv4/tcp_mtu_probing \
    $b/forwarding $b/rp_filter $b/proxy_arp $b/proxy_arp_pvlan $b/arp_ignore $b/arp_announce \
    $b/arp_filter $b/accept_local $b/route_localnet $b/src_valid_mark $b/send_redirects \
    $b/accept_redirects $b/ignore_routes_with_linkdown $b/disable_policy $b/bc_forwarding \
    $a/ipv6/icmp/echo_ignore_all $a/ipv6/bindv6only $c/forwarding $c/force_forwarding \
    $c/accept_ra $c/disable_ipv6 $c/proxy_ndp $c/autoconf $c/ignore_routes_with_linkdown \
    $c/accept_ra_rt_info_max_plen $c/mtu $a/bridge/* $a/netfilter/nf_conntrack_count \
    $a/netfilter/nf_conntrack_max $a/netfilter/nf_conntrack_tcp_loose \
    $a/netfilter/nf_conntrack_tcp_be_liberal
}

legacy() {
  names=
  [ -e "$2" ] || return
  if [ -r "$2" ]; then read -r names <"$2" && run "$1-legacy" "$1-legacy-save" -c; else run "$1-legacy" cat "$2"; fi
  sets=$sets$out
}

run links ip -d -j addr
case $out in *'"info_kind":"bridge"'*)
  run fdb bridge -j fdb
  run vlans bridge -j vlan ;;
esac
run ipv4 family -4
run ipv6 family -6
run sockets ss -Hltun
run sysctls sysctls
sets=
run nft nft -a list ruleset
if [ "$status" != 0 ] || [ -n "$out" ]; then
  tables="$status $out"
  run nft-json nft -j list ruleset
  case $tables in [!0]*|*'table ip '*) run iptables-nft iptables-nft-save -c; sets=$sets$out ;; esac
  case $tables in [!0]*|*'table ip6 '*) run ip6tables-nft ip6tables-nft-save -c; sets=$sets$out ;; esac
fi
out=
legacy iptables /proc/net/ip_tables_names
legacy ip6tables /proc/net/ip6_tables_names
case $sets in *match-set*) run ipset ipset save ;; esac
exit 0
"""


@dataclass(frozen=True, slots=True)
class Section:
    """What one tool printed, how it ended, and what it said about that."""

    text: str
    status: int = 0
    said: str = ""

    @property
    def trouble(self) -> str | None:
        """Why this cannot be taken as the tool's answer; None when it can."""
        if self.status == 0:
            return None
        if self.status > _SIGNALLED:
            return f"crashed ({_signal_name(self.status - _SIGNALLED)})"
        return printable(self.said) or f"exit status {self.status}"


Sections = Mapping[str, Section]

_SIGNALLED = 128


def collect(door: Door, timeout: float = 10.0) -> dict[str, Section]:
    """The sections of one place; ``UnreadableError`` with the reason when it cannot be entered."""
    # The text of a guest's rules and link aliases is in its hands: it must not be able to end a section.
    token = secrets.token_hex(16)
    command = door.argv(["sh", "-c", SCRIPT, "homelab", token])
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except OSError as error:
        raise UnreadableError(f"{command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise UnreadableError(f"its tools did not end within {timeout:g} s") from error
    if done.returncode != 0:
        raise UnreadableError(_refusal(done.stderr, done.returncode))
    return split(done.stdout.decode(errors="replace"), token)


def _refusal(said: bytes, status: int) -> str:
    """What nsenter(1) or ssh(1) said last."""
    lines = said.decode(errors="replace").strip().splitlines()
    last = printable(lines[-1]) if lines else f"exit status {status}"
    denied = "not permitted" in last or "Permission denied" in last
    return f"{last}; run as root" if denied and last.startswith("nsenter") else last


def split(printed: str, token: str) -> dict[str, Section]:
    """The sections in what the script printed."""
    texts = iter(printed.split(token))
    return dict(_section(text, end) for text, end in zip(texts, texts, strict=False))


def _section(text: str, end: str) -> tuple[str, Section]:
    head, _, said = end.partition("\n")
    name, _, status = head.strip().partition(" ")
    if not status.isdecimal():
        raise UnreadableError("it does not answer as its shell should")
    return name, Section(text.removesuffix("\n"), int(status), said)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
