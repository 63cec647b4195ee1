"""A Prometheus endpoint on the loopback interface: reads the latest view when it is scraped.

The trading loop writes plain numbers and now and then a view; a scrape happens in the server's own
thread and reads one immutable view, plus the counts of the latency histograms (integers that only grow:
a scrape during an update may see one observation in a bucket and not yet in the sum).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.registry import Collector

from undertow.monitor.latency import EDGES_S, LatencyHistogram
from undertow.monitor.metric_table import COIN_METRICS, INFO, LATENCY, SESSION_METRICS
from undertow.monitor.view import SessionView

LOOPBACK: Final = "127.0.0.1"
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily | InfoMetricFamily


def _family(kind: str, name: str, about: str, labels: tuple[str, ...]) -> Any:
    if kind == "counter":
        return CounterMetricFamily(name.removesuffix("_total"), about, labels=labels)
    return GaugeMetricFamily(name, about, labels=labels)


class ViewCollector(Collector):
    """Turns the latest view into metric families; numbers not known are left out."""

    def __init__(
        self,
        latest: Callable[[], SessionView | None],
        latencies: Mapping[str, LatencyHistogram] | None = None,
    ) -> None:
        self._latest = latest
        self._latencies = {} if latencies is None else latencies

    def describe(self) -> Iterator[Family]:
        """Nothing: names are checked when they are collected."""
        return iter(())

    def collect(self) -> Iterator[Family]:
        """Every family that has a sample now."""
        view = self._latest()
        if view is None:
            return
        info = InfoMetricFamily(INFO[0], INFO[1])
        info.add_metric(
            [], {"session": view.session, "mode": view.mode, "venue": view.venue, "market": view.market}
        )
        yield info
        for metric in SESSION_METRICS:
            family = _family(metric.kind, metric.name, metric.help, metric.labels)
            for labels, value in metric.samples(view):
                _add(family, labels, value)
            if family.samples:
                yield family
        for own in COIN_METRICS:
            family = _family(own.kind, own.name, own.help, ("coin", *own.labels))
            for coin in view.coins:
                for labels, value in own.samples(coin):
                    _add(family, (coin.coin, *labels), value)
            if family.samples:
                yield family
        if self._latencies:
            yield self._histograms()

    def _histograms(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(LATENCY[0], LATENCY[1], labels=("kind",))
        for name, histogram in tuple(self._latencies.items()):
            total, buckets = 0, []
            for edge, count in zip((*EDGES_S, math.inf), tuple(histogram.counts), strict=True):
                total += count
                buckets.append(("+Inf" if math.isinf(edge) else f"{edge:g}", float(total)))
            family.add_metric([name], buckets=buckets, sum_value=histogram.total_s)
        return family


def _add(family: Any, labels: tuple[str, ...], value: float | None) -> None:
    if value is not None and math.isfinite(value):
        family.add_metric(labels, float(value))


class MetricsServer:
    """Serves the metrics at ``http://127.0.0.1:port/metrics``. A context manager.

    `port` 0 takes a free one; the one taken is ``port``. Raises OSError naming the port where it is
    in use.
    """

    def __init__(
        self,
        latest: Callable[[], SessionView | None],
        latencies: Mapping[str, LatencyHistogram] | None = None,
        port: int = 0,
    ) -> None:
        self._collector = ViewCollector(latest, latencies)
        self.port = port
        self._server: Any = None
        self._thread: Any = None

    def __enter__(self) -> Self:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self._collector)
        try:
            self._server, self._thread = start_http_server(self.port, addr=LOOPBACK, registry=registry)
        except OSError as error:
            raise OSError(
                f"metrics.port = {self.port} cannot be listened on ({error.strerror}): choose another"
            ) from error
        self.port = int(self._server.server_port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
