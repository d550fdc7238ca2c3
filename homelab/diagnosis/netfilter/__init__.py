"""The door of netfilter: what the rules of one namespace do with a packet at one hook.

``Firewall.compile(namespace, place)`` once per namespace, then ``traverse`` at each hook that the packet
meets. The signatures are in ``door.py`` (``Fib``, ``Context``, ``Traversal``, ``Blame``).
"""

from homelab.diagnosis.netfilter.door import Blame, Context, Fib, Traversal
from homelab.diagnosis.netfilter.firewall import Firewall

__all__ = ["Blame", "Context", "Fib", "Firewall", "Traversal"]
