"""The check against the exchange finds every kind of difference, and nothing where there is none."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.journal.making import NOW, ack, fill, intent, made, payment

from undertow.journal.reading import Reader
from undertow.journal.verify import VENUE_KEEPS, VenueAccount, VenueFill, VenuePayment, verify


def _same(folder: Path) -> VenueAccount:
    """A journal in `folder`, and the exchange's account that agrees with it."""
    journal = made(folder)
    journal.intents([intent(1), intent(2)])
    journal.ack(ack(1, code=2, ended=True))
    journal.ack(ack(2))
    fills = [fill(1), fill(2, side=-1, lots=2, px="101.5", fee="-0.002")]
    for one in fills:
        journal.fill(one)
    journal.payment(payment(1, "-0.5"))
    journal.commit()
    journal.close()
    theirs = [VenueFill(f.coin, f.oid, f.tid, f.side, f.px, f.lots, f.fee, f.exch_ms) for f in fills]
    paid = [VenuePayment("BTC", payment(1, "0").exch_ms + 1_234, Decimal("-0.5"))]
    return VenueAccount(theirs, paid, {"BTC": frozenset({1_002})}, {"BTC": 3, "xyz:GOLD": 0})


def _found(folder: Path, account: VenueAccount) -> list[str]:
    with Reader(folder) as reader:
        return verify(reader, account).differences


def test_no_difference(tmp_path: Path) -> None:
    account = _same(tmp_path)
    with Reader(tmp_path) as reader:
        verdict = verify(reader, account)
    assert verdict.same
    assert verdict.journal == verdict.venue
    assert verdict.journal["BTC"].cash == Decimal("-0.297")
    assert verdict.journal["BTC"].fees == Decimal("0.008")


def test_fills_of_other_coins_and_of_before_do_not_count(tmp_path: Path) -> None:
    account = _same(tmp_path)
    other = account.fills[0]._replace(coin="ETH", tid=9)
    assert not _found(tmp_path, account._replace(fills=[*account.fills, other]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a._replace(lots={"BTC": 4}), "position of BTC: journal 3 lots, exchange 4"),
        (lambda a: a._replace(fills=a.fills[:1]), "fill 1:2 of BTC is unknown to the exchange"),
        (
            lambda a: a._replace(fills=[*a.fills, a.fills[0]._replace(tid=3)]),
            "fill 1:3 of BTC is not in the journal",
        ),
        (
            lambda a: a._replace(fills=[a.fills[0]._replace(fee=Decimal("0.010001")), a.fills[1]]),
            "fees of BTC: journal 0.008, exchange 0.008001",
        ),
        (lambda a: a._replace(open_oids={}), "open orders of BTC"),
        (
            lambda a: a._replace(open_oids={"BTC": frozenset({1_002}), "xyz:GOLD": frozenset({5})}),
            "open orders of xyz:GOLD: none in the journal alone, [5] at the exchange",
        ),
        (lambda a: a._replace(payments=[]), "journal -0.5, exchange none"),
        (
            lambda a: a._replace(
                payments=[*a.payments, VenuePayment("BTC", NOW // 10**6 + 7_200_000, Decimal(1))]
            ),
            "journal none, exchange 1",
        ),
    ],
)
def test_differences(tmp_path: Path, change, said: str) -> None:
    found = _found(tmp_path, change(_same(tmp_path)))
    assert any(said in line for line in found), found


def test_fills_the_exchange_tells_of_no_more_count_as_ours(tmp_path: Path) -> None:
    """It keeps ten thousand: of older ones the journal is the only witness."""
    account = _same(tmp_path)
    late = account.fills[1]
    padding = [VenueFill("ETH", 1, k, 1, Decimal(1), 1, Decimal(0), late.exch_ms) for k in range(VENUE_KEEPS)]
    assert not _found(tmp_path, account._replace(fills=[late, *padding]))
    assert _found(tmp_path, account._replace(fills=[late]))
