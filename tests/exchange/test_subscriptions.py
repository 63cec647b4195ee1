"""What can be subscribed to and how it is refused (facts, section 2: WSP, PY)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.exchange.subscriptions import KINDS, Fatal, Subscription, Unreadable, parse

USER = "0x" + "aB" * 20


class Listed:
    def has_coin(self, coin: str) -> bool:
        return coin in ("BTC", "xyz:TSLA")

    def has_dex(self, dex: str) -> bool:
        return dex in ("", "xyz")


def read(**fields: Any) -> Subscription:
    return parse(fields, Listed())


def test_defaults_are_filled_in_as_recorded() -> None:
    book = read(type="l2Book", coin="BTC", fast=True)
    assert book.text == '{"type":"l2Book","coin":"BTC","nSigFigs":null,"mantissa":null,"fast":true}'
    assert read(type="l2Book", coin="BTC").fields["fast"] is False


def test_addresses_are_compared_in_lower_case() -> None:
    assert read(type="orderUpdates", user=USER).user == USER.lower()
    assert read(type="orderUpdates", user=USER).text == read(type="orderUpdates", user=USER.lower()).text


@pytest.mark.parametrize("coin", ["KILL", "btc", "TSLA", "XYZ:TSLA", "xyz:tsla", "", "xyz:"])
@pytest.mark.parametrize("kind", ["bbo", "trades", "l2Book", "activeAssetCtx"])
def test_a_coin_that_is_not_listed_is_fatal(kind: str, coin: str) -> None:
    with pytest.raises(Fatal):
        read(type=kind, coin=coin)


@pytest.mark.parametrize(
    "wanted", [{"nSigFigs": 1}, {"nSigFigs": 6}, {"mantissa": 2}, {"nSigFigs": 4, "mantissa": 2}]
)
def test_an_aggregation_that_is_not_offered_is_fatal(wanted: dict[str, int]) -> None:
    with pytest.raises(Fatal):
        read(type="l2Book", coin="BTC", **wanted)


@pytest.mark.parametrize("wanted", [{"nSigFigs": n} for n in (2, 3, 4, 5)] + [{"nSigFigs": 5, "mantissa": 2}])
def test_the_aggregations_that_are_offered(wanted: dict[str, int]) -> None:
    assert read(type="l2Book", coin="BTC", **wanted).fields["nSigFigs"] == wanted["nSigFigs"]


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        [],
        {"type": "weather"},
        {"type": ["bbo"]},
        {"type": "webData2", "user": USER},
        {"type": "bbo"},
        {"type": "bbo", "coin": 1},
        {"type": "userFills", "user": "0x12"},
        {"type": "l2Book", "coin": "BTC", "fast": "yes"},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": "5"},
        {"type": "candle", "coin": "BTC", "interval": "2m"},
    ],
)
def test_what_is_no_subscription_is_unreadable(wanted: object) -> None:
    with pytest.raises(Unreadable):
        parse(wanted, Listed())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(sorted(KINDS)) | json_values},
        optional={
            name: st.sampled_from(["BTC", USER, "1m", "xyz", 5, 2, True]) | json_values
            for name in ("coin", "user", "dex", "nSigFigs", "mantissa", "fast", "interval", "aggregateByTime")
        },
    )
)
def test_anything_is_read_refused_or_fatal_and_what_is_read_reads_again_the_same(
    wanted: dict[str, Any],
) -> None:
    try:
        found = parse(wanted, Listed())
    except (Unreadable, Fatal):
        return
    again = parse(json.loads(found.text), Listed())
    assert again.text == found.text
    assert list(found.fields) == ["type", *KINDS[found.kind]]
