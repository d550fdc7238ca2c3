"""The numbers that `homelab watch --metrics` serves to Prometheus."""

from collections.abc import Mapping

from homelab.errors import OperationError, UsageError
from homelab.model.finding import NetworkName

# A repair takes from some ten milliseconds to as long as a guest needs to start.
_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)


class Metrics:
    """Counters that are served from a thread of its own, at ``/metrics`` of an address and a port."""

    def __init__(self, address: str, port: int) -> None:
        try:
            import prometheus_client as library  # noqa: PLC0415 - optional: homelab-net[metrics]
        except ImportError as error:
            raise UsageError(
                "--metrics needs prometheus_client: pip install 'homelab-net[metrics]'"
            ) from error
        registry = library.CollectorRegistry()
        self._drift = library.Counter(
            "homelab_drift", "Things found not as applied", ["kind"], registry=registry
        )
        self._repairs = library.Counter(
            "homelab_repairs", "Repairs by how they ended", ["kind", "outcome"], registry=registry
        )
        self._astray = library.Gauge(
            "homelab_astray", "Things not as applied now", ["why"], registry=registry
        )
        self._seconds = library.Histogram(
            "homelab_repair_seconds",
            "From the first event to the repair",
            registry=registry,
            buckets=_BUCKETS,
        )
        self._reachable = library.Gauge(
            "homelab_network_reachable",
            "1 reachable from the LAN as the model sees it, 0 not, NaN unknown",
            ["guest", "network"],
            registry=registry,
        )
        try:
            library.start_http_server(port, addr=address, registry=registry)
        except OSError as error:
            raise OperationError(f"--metrics {address}:{port}: {error.strerror}") from error

    def found(self, kind: str) -> None:
        self._drift.labels(kind).inc()

    def repaired(self, kind: str, outcome: str, seconds: float) -> None:
        self._repairs.labels(kind, outcome).inc()
        self._seconds.observe(seconds)

    def stands(
        self, astray: Mapping[str, int], reachable: Mapping[NetworkName, bool | None]
    ) -> None:
        """How the lab stands now; a network that is gone is not told any more."""
        for why, count in astray.items():
            self._astray.labels(why).set(count)
        self._reachable.clear()
        for name, answer in reachable.items():
            value = float("nan") if answer is None else float(answer)
            self._reachable.labels(name.guest, name.network).set(value)
