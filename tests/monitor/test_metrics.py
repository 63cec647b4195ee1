"""The endpoint as Prometheus sees it: scraped over HTTP, from the loopback interface alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from undertow.monitor.facts import Feed, Kill
from undertow.monitor.latency import EDGES_S, LatencyHistogram
from undertow.monitor.metric_table import COIN_METRICS, INFO, LATENCY, SESSION_METRICS
from undertow.monitor.metrics import LOOPBACK, MetricsServer
from undertow.units import s_to_ns

from .watched import NAME, Watched, quoting

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(port: int) -> tuple[Samples, dict[str, tuple[str, str]]]:
    """Samples by (name, labels), and (type, help) by family, as a scrape gives them."""
    with urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=5) as reply:
        text = reply.read().decode()
    samples: Samples = {}
    families = {}
    for family in text_string_to_metric_families(text):
        families[family.name] = (family.type, family.documentation)
        for sample in family.samples:
            samples[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return samples, families


@pytest.fixture(scope="module")
def session() -> Watched:
    s = quoting()
    s.filled(s.working(1)[0], 0.05)
    s.now_ns += s_to_ns(1.5)
    s.show(100.01)
    s.acknowledge(s.timer())
    own = s.facts.coin(NAME)
    own.feeds["bbo"] = Feed(last_ns=s.now_ns - s_to_ns(2.0), limit_s=1.0)
    own.rejects["badAloPx"] = 3
    own.kills.append(Kill(reason="drawdown", grade="accumulating"))
    s.facts.kills.append(Kill(reason="loss"))
    s.facts.budget.left = 9_000.0
    s.facts.money.equity_usd, s.facts.money.free_margin_usd = 1_000.5, 800.0
    s.facts.money.used_margin_usd = 200.5
    return s


@pytest.fixture(scope="module")
def server(session: Watched) -> Iterator[MetricsServer]:
    latency = session.facts.latency("frame_to_order")
    for delay_ns in (90_000, 240_000, 240_000, 20_000_000_000):
        latency.observe_ns(delay_ns)
    session.view()
    with MetricsServer(lambda: session.watch.latest, session.facts.latencies) as server:
        yield server


def coin_sample(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted({"coin": NAME, **labels}.items()))]


def test_a_scrape_gives_the_views_numbers(session: Watched, server: MetricsServer) -> None:
    samples, _ = scraped(server.port)
    coin = session.view().coins[0]
    assert coin_sample(samples, "undertow_position") == 0.05
    assert coin_sample(samples, "undertow_spread_bps") == pytest.approx(coin.price.spread_bps)
    assert coin_sample(samples, "undertow_orders", side="bid") == coin.bid.live
    assert coin_sample(samples, "undertow_quote_px", side="ask") == coin.ask.best_px
    assert coin_sample(samples, "undertow_sigma_bps_per_sqrt_s") == coin.belief.sigma_bps_per_sqrt_s
    assert coin.belief.kappa_bid_95 is not None
    assert (
        coin_sample(samples, "undertow_kappa_95_per_bp", side="bid", end="low") == coin.belief.kappa_bid_95[0]
    )
    assert coin_sample(samples, "undertow_drift_sd_bps_per_s") == coin.belief.drift_sd_bps_per_s
    assert coin_sample(samples, "undertow_toxicity") == coin.belief.toxicity
    assert coin_sample(samples, "undertow_fills_total") == 1
    assert coin_sample(samples, "undertow_markout_loss_bps", horizon="1s") == pytest.approx(
        coin.pnl.markouts_bps["1s"]
    )
    assert coin_sample(samples, "undertow_rejects_total", kind="badAloPx") == 3
    assert coin_sample(samples, "undertow_feed_age_seconds", source="bbo") == pytest.approx(2.0)
    assert coin_sample(samples, "undertow_feed_stale", source="bbo") == 1
    assert coin_sample(samples, "undertow_coin_kill", reason="drawdown", grade="accumulating") == 1
    assert coin_sample(samples, "undertow_not_quoting", cause="kill") == 1
    parts = ("spread", "markout", "fees", "funding", "inventory")
    added = sum(coin_sample(samples, "undertow_pnl_part_usd", part=part) for part in parts)
    assert added == pytest.approx(coin_sample(samples, "undertow_pnl_usd"))
    assert samples["undertow_kill", (("grade", "cancel"), ("reason", "loss"))] == 1
    assert samples["undertow_requests_left", ()] == 9_000
    assert samples["undertow_equity_usd", ()] == 1_000.5
    assert samples["undertow_up", ()] == 1


def test_delays_are_a_histogram(server: MetricsServer) -> None:
    samples, families = scraped(server.port)
    assert families["undertow_latency_seconds"] == ("histogram", LATENCY[1])
    buckets = [
        value
        for (name, labels), value in samples.items()
        if name == "undertow_latency_seconds_bucket" and ("kind", "frame_to_order") in labels
    ]
    assert buckets == sorted(buckets)
    assert len(buckets) == len(EDGES_S) + 1
    kind = (("kind", "frame_to_order"),)
    assert samples["undertow_latency_seconds_count", kind] == 4
    assert samples["undertow_latency_seconds_sum", kind] == pytest.approx(20.00057)
    assert samples["undertow_latency_seconds_bucket", (*kind, ("le", "0.0003"))] == 3


def test_quantiles_are_edges_of_buckets() -> None:
    h = LatencyHistogram()
    assert h.quantile_s(0.5) is None
    for ns in (60_000, 120_000, 120_000, 30_000_000_000):
        h.observe_ns(ns)
    assert (h.n, h.quantile_s(0.25), h.quantile_s(0.5)) == (4, 100e-6, 150e-6)
    assert h.quantile_s(0.99) == float("inf")


def test_every_metric_has_a_help_text_with_its_unit(session: Watched, server: MetricsServer) -> None:
    _, families = scraped(server.port)
    table = {m.name.removesuffix("_total"): m for m in (*COIN_METRICS, *SESSION_METRICS)}
    others = {LATENCY[0], f"{INFO[0]}_info"}
    for name, (kind, about) in families.items():
        if name in others:
            continue
        assert (kind, about) == (table[name].kind, table[name].help)
    # all of the table is on show, of a maker that has everything
    assert set(families) == {*table, *others}
    units = {
        "bps": "bps",
        "usd": "USD",
        "seconds": "seconds",
        "lots": "lots",
        "px": "currency",
        "per_bp": "1/bp",
    }
    for metric in table.values():
        for ending, word in units.items():
            if metric.name.removesuffix("_total").endswith(ending):
                assert word in metric.help, metric.name


def test_it_listens_on_the_loopback_interface_alone(server: MetricsServer) -> None:
    assert server._server.server_address[0] == "127.0.0.1"


def test_a_port_in_use_is_named(session: Watched, server: MetricsServer) -> None:
    with (
        pytest.raises(OSError, match=rf"metrics.port = {server.port} cannot be listened on"),
        MetricsServer(lambda: session.watch.latest, port=server.port),
    ):
        pass


def test_before_the_first_view_there_is_nothing() -> None:
    with MetricsServer(lambda: None) as server:
        assert scraped(server.port) == ({}, {})


def test_the_page_lists_exactly_the_metrics() -> None:
    listed = re.findall(
        r"^\| `(undertow_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", DOCS.read_text(), re.MULTILINE
    )
    expected = [(m.name, m.kind, ", ".join(("coin", *m.labels)), m.help) for m in COIN_METRICS]
    expected += [(m.name, m.kind, ", ".join(m.labels) or "–", m.help) for m in SESSION_METRICS]
    expected += [(LATENCY[0], "histogram", "kind", LATENCY[1])]
    expected += [(f"{INFO[0]}_info", "info", "session, mode, venue, market", INFO[1])]
    assert listed == expected
