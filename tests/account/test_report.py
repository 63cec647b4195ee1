"""The report is one file that needs no network, says the same as the account, and survives odd sessions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from undertow.account.build import Account, account_of, remarks
from undertow.account.calibration import fill_rates
from undertow.account.frames import fills_frame
from undertow.account.report import Context, render, write_report
from undertow.account.report.text import bps, duration, number, setting, usd
from undertow.account.scenarios import Outcome
from undertow.account.silence import MEANINGS, Reason, reasons_of
from undertow.instrument import Instrument
from undertow.kernel.ladder import LIMIT, MARGIN, QUOTED, REASON_NAMES
from undertow.kernel.tally import TALLY
from undertow.maker import OBSERVATION
from undertow.records import new_record

Make = Callable[..., tuple[np.ndarray, np.void]]


def _observations(fills: np.ndarray, ledger: np.void, n: int = 200) -> np.ndarray:
    rows = np.zeros(n, dtype=OBSERVATION)
    rows["time_ns"] = np.linspace(ledger["first_ns"], ledger["last_ns"], n).astype(np.int64)
    for name in OBSERVATION.names or ():
        if name != "time_ns":
            rows[name] = np.nan
    rows["mid"] = ledger["last_mid"]
    held = np.concatenate(([0.0], fills["position_after"]))
    rows["position"] = held[np.searchsorted(fills["exch_ns"], rows["time_ns"], side="right")]
    rows["equity"] = np.linspace(0.0, 1.0, n)
    return rows


def _account(make_session: Make, instrument: Instrument, n: int, **more: Any) -> Account:
    fills, ledger = make_session(instrument, n, seed=4)
    return account_of(fills, _observations(fills, ledger), ledger, instrument, **more)


CONTEXT = Context("a <maker>", "a market", {"Replay": {"queue_model": "power", "seed": 3}}, ("a note",))


def _figures(page: str) -> dict[str, Any]:
    found = re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)
    assert found
    figures: dict[str, Any] = json.loads(found.group(1))
    return figures


def test_the_page_is_whole_and_needs_no_network(
    make_session: Make, instrument: Instrument, tmp_path: Path
) -> None:
    rates = fill_rates(np.array([0.0, 1.0]), np.ones((2, 1)), np.ones((2, 1)), np.ones((2, 1)))
    account = _account(make_session, instrument, 300, fill_rates=rates)
    page = write_report(account, CONTEXT, tmp_path / "deep" / "report.html").read_text(encoding="utf-8")
    ours = page.replace(re.search(r"<script>/\*\*.*?</script>", page, re.DOTALL).group(0), "")  # type: ignore[union-attr]
    assert not re.search(r"""(src|href)\s*=|https?://|@import|url\(""", ours)
    assert "Plotly.react" in page
    assert len(ours) < 2_000_000
    drawn = _figures(page)
    assert set(drawn) == set(re.findall(r'class="figure" id="(\w+)"', page))
    assert "a &lt;maker&gt;" in page


def test_the_page_says_what_the_account_says(make_session: Make, instrument: Instrument) -> None:
    account = _account(make_session, instrument, 300)
    page = render(account, CONTEXT)
    total = account.parts.total_usd
    for amount in (account.pnl_usd, total.spread, -total.markout_loss, -total.fees, total.inventory):
        assert usd(amount, sign=True) in page
    assert "Reconciled with cash" in page
    steps = _figures(page)["waterfall"]["data"][0]["y"]
    assert sum(steps[:-1]) == pytest.approx(steps[-1], abs=0.01)
    for remark in remarks(account):
        assert remark in page.replace("&#x27;", "'")


def test_long_sessions_stay_small(make_session: Make) -> None:
    instrument = Instrument(name="X", tick_size=0.1, size_step=0.001)
    fills, ledger = make_session(instrument, 6000, seed=1)
    account = account_of(fills, _observations(fills, ledger, 200_000), ledger, instrument)
    assert len(json.dumps(_figures(render(account, CONTEXT)))) < 1_500_000


def test_a_session_without_fills(make_session: Make, instrument: Instrument) -> None:
    account = _account(make_session, instrument, 0)
    page = render(account, CONTEXT)
    assert "Nothing was filled" in page
    assert account.pnl_usd == 0.0
    assert set(_figures(page)) == set(re.findall(r'class="figure" id="(\w+)"', page))


def test_outcomes_and_reasons_are_shown(make_session: Make, instrument: Instrument) -> None:
    first = _account(make_session, instrument, 50)
    assert any("one assumption" in r for r in remarks(first))
    total = first.parts.total_usd
    outcomes = [
        Outcome("base", "power 3", "200 ms", True, 10.0, total, 1e5, 50),
        Outcome("pessimistic", "risk_averse", "400 ms", False, -4.0, total, 1e5, 40),
    ]
    reasons = [Reason("bid", "margin", "a fill there loses", "margin, bps", 12, 0.25, -0.5)]
    account = _account(make_session, instrument, 50, outcomes=outcomes, reasons=reasons)
    page = render(account, CONTEXT)
    assert "−$4.00 to +$10.00" in page
    assert "a fill there loses" in page
    assert not any("one assumption" in r for r in remarks(account))


def test_the_frame_adds_up(make_session: Make, instrument: Instrument) -> None:
    account = _account(make_session, instrument, 200)
    frame = fills_frame(account.fills, instrument, account.parts)
    total = account.parts.total_usd
    assert frame["spread_usd"].sum() == pytest.approx(total.spread)
    assert frame["markout_loss_usd"].sum() == pytest.approx(total.markout_loss)
    assert frame["side"].unique().sort().to_list() == ["buy", "sell"]
    for groups in account.splits.values():
        assert groups["fills"].sum() == 200
        assert groups["fee_usd"].sum() == pytest.approx(total.fees)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (usd(-1234.567), "−$1,234.57"),
        (usd(0.001, sign=True), "$0.00"),
        (usd(-0.001), "$0.00"),
        (usd(2.0, sign=True), "+$2.00"),
        (number(-3.14159, 3), "−3.142"),
        (setting(1 / 120), "0.00833333"),
        (setting(None), "unset"),
        (setting((5.0, True)), "5, yes"),
        (duration(59.0), "59.0 s"),
        (duration(3599.9), "60 min 0 s"),
        (duration(7260.0), "2 h 1 min"),
        (duration(200_000.0), "2 d 8 h"),
    ],
)
def test_numbers_as_text(shown: str, text: str) -> None:
    assert shown == text


def test_what_is_not_known_is_a_dash() -> None:
    assert "–" in usd(float("nan"))
    assert "±" not in bps(1.0, float("nan"))


def test_reasons_are_counted_and_every_word_is_explained() -> None:
    assert set(MEANINGS) == set(REASON_NAMES.values())
    tally = new_record(TALLY)
    tally["levels"][0, MARGIN], tally["value_total"][0, MARGIN] = 3, -6.0
    tally["levels"][0, QUOTED] = 9
    tally["levels"][1, LIMIT], tally["value_total"][1, LIMIT] = 2, 24.0
    found = [(r.side, r.word, r.levels, r.share, r.average) for r in reasons_of(tally)]
    assert found == [
        ("bid", "quoted", 9, 0.75, 0.0),
        ("bid", "margin", 3, 0.25, -2.0),
        ("ask", "limit", 2, 1.0, 12.0),
    ]
