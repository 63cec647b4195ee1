"""Refusals: every text of the facts, its numbers, and what it says of the order.

Texts are those of Hyperliquid's docs and of recorded replies; numbers in them are theirs or changed.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.venue.errors import Fate, parse_refusal, refusal_text
from undertow.venue.refusals import RULES, UNVERIFIED, Nature, Refusal
from undertow.venue.socket_faults import SocketFault, parse_fault
from undertow.venue.statuses import OrderStatus, order_status
from undertow.venue.wire.subscriptions import L2BookSub

ADDRESS = "0x1a642f0e3c3af545e7acbd38b07251b3990914f1"
TEXTS: list[tuple[str, Refusal, dict[str, Any]]] = [
    ("Price must be divisible by tick size.", Refusal.TICK, {}),
    ("Order has invalid price.", Refusal.TICK, {}),
    ("Order has invalid size.", Refusal.SIZE, {}),
    ("Order has zero size.", Refusal.ZERO_SIZE, {}),
    ("Order must have minimum value of $10.", Refusal.MIN_NOTIONAL, {}),
    ("Order must have minimum value of 10 USDC.", Refusal.MIN_NOTIONAL, {}),
    (
        "Post only order would have immediately matched, bbo was 0.56057@0.56086.",
        Refusal.POST_ONLY,
        {"bid_px": 0.56057, "ask_px": 0.56086},
    ),
    ("Order could not immediately match against any resting orders.", Refusal.IOC_NO_MATCH, {}),
    ("Insufficient margin to place order.", Refusal.MARGIN, {}),
    ("Reduce only order would increase position.", Refusal.REDUCE_ONLY, {}),
    (
        "Order price cannot be more than 95% away from the reference price",
        Refusal.PRICE_BAND,
        {"percent": 95.0},
    ),
    (
        "Order price cannot be more than 80% away from the reference price",
        Refusal.PRICE_BAND,
        {"percent": 80.0},
    ),
    ("Price too far from oracle", Refusal.ORACLE, {}),
    ("Order price too far from oracle", Refusal.ORACLE, {}),
    ("Order value too large. Max is $5000000.", Refusal.TOO_LARGE, {"limit_usd": 5e6}),
    (
        "Order would increase open interest while open interest is capped",
        Refusal.OPEN_INTEREST_CAP,
        {},
    ),
    ("Order would increase open interest too quickly", Refusal.OPEN_INTEREST_SPEED, {}),
    (
        "Order rejected due to price more aggressive than oracle while at open interest cap",
        Refusal.OPEN_INTEREST_AGGRESSIVE,
        {},
    ),
    (
        "Order would cause position to exceed margin tier limit at current leverage",
        Refusal.MARGIN_TIER,
        {},
    ),
    ("Invalid TP/SL price.", Refusal.TRIGGER_PX, {}),
    ("No liquidity available for market order.", Refusal.NO_LIQUIDITY, {}),
    ("Insufficient spot balance", Refusal.SPOT_BALANCE, {}),
    ("Order was never placed, already canceled, or filled.", Refusal.NEVER_PLACED, {}),
    ("Cannot modify canceled or filled order", Refusal.CANNOT_MODIFY, {}),
    ("Attempted to modify to invalid new order", Refusal.MODIFY_INVALID, {}),
    (
        "Only post-only orders allowed immediately after a network upgrade",
        Refusal.POST_ONLY_PERIOD,
        {},
    ),
    ("Only post-only orders allowed immediately after network upgrade", Refusal.POST_ONLY_PERIOD, {}),
    (
        "Too many cumulative requests sent (97460 > 97456) for cumulative volume traded $87457.46."
        " Place taker orders to free up 1 request per USDC traded.",
        Refusal.BUDGET,
        {"used": 97460, "cap": 97456, "volume_usd": 87457.46},
    ),
    ("Signed action over weight limit of 200.", Refusal.WEIGHT, {}),
    (
        "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $12.5",
        Refusal.SCHEDULE_VOLUME,
        {"required_usd": 1e6, "volume_usd": 12.5},
    ),
    (
        "Scheduled cancel time too early, must be at least 5 seconds from now.",
        Refusal.SCHEDULE_EARLY,
        {},
    ),
    (
        "Invalid nonce: duplicate nonce 1790232236546",
        Refusal.NONCE_DUPLICATE,
        {"nonce": 1790232236546},
    ),
    ("Invalid nonce: nonce too low 3 < 9", Refusal.NONCE_LOW, {"nonce": 3, "nonce_floor": 9}),
    ("Action already expired", Refusal.EXPIRED, {}),
    (f"User or API Wallet {ADDRESS} does not exist.", Refusal.NO_USER, {"address": ADDRESS}),
    (
        f"Must deposit before performing actions. User: {ADDRESS}",
        Refusal.NO_DEPOSIT,
        {"address": ADDRESS},
    ),
    ("Unable to recover signer.", Refusal.NO_SIGNER, {}),
    (f"Vault not registered: {ADDRESS}", Refusal.NO_VAULT, {"address": ADDRESS}),
    ("Cannot switch leverage type with open position.", Refusal.LEVERAGE_OPEN_POSITION, {}),
    ("Invalid leverage value", Refusal.LEVERAGE_VALUE, {}),
    ("Builder fee has not been approved", Refusal.BUILDER_FEE, {}),
]


@pytest.mark.parametrize(("text", "refusal", "values"), TEXTS, ids=[t[:50] for t, _, _ in TEXTS])
def test_text(text: str, refusal: Refusal, values: dict[str, Any]) -> None:
    for ending, asset in (("", None), (" asset=31", 31), (". asset=110000", 110000)):
        found = parse_refusal(text.rstrip(".") + ending if ending else text)
        assert found.refusal is refusal
        assert found.asset == asset
        assert not found.in_modify
        for name, value in values.items():
            assert getattr(found, name) == value, name
    modified = parse_refusal(f"Error placing new order during modify: {text}")
    assert (modified.refusal, modified.in_modify) == (refusal, True)


def test_every_refusal_is_reached() -> None:
    told = {refusal for _, refusal, _ in TEXTS}
    assert told | UNVERIFIED | {Refusal.UNKNOWN} == set(Refusal)
    assert set(RULES) == set(Refusal)


@given(st.text())
def test_any_text(text: str) -> None:
    found = parse_refusal(text)
    assert found.text == text
    if found.refusal is Refusal.UNKNOWN:
        assert found.nature is Nature.UNKNOWN
        assert found.fate("cancel") is (Fate.GONE if found.in_modify else Fate.UNKNOWN)


@given(st.floats(0.01, 1e6), st.integers(0, 10**6))
def test_written_and_read(px: float, asset: int) -> None:
    text = refusal_text(Refusal.POST_ONLY, bid_px=f"{px:.5f}", ask_px=f"{2 * px:.5f}", asset=asset)
    found = parse_refusal(text)
    assert (found.bid_px, found.ask_px, found.asset) == (
        float(f"{px:.5f}"),
        float(f"{2 * px:.5f}"),
        asset,
    )


@pytest.mark.parametrize("refusal", [r for r in Refusal if RULES[r].texts])
def test_every_text_written_reads_as_itself(refusal: Refusal) -> None:
    numbers = {"bid_px": 1.5, "ask_px": 1.6, "volume_usd": 3.25, "required_usd": 1e6, "limit_usd": 10.5}
    numbers |= {"used": 5, "cap": 4, "nonce": 7, "nonce_floor": 9, "percent": 95.0}
    values = {**numbers, "address": ADDRESS, "quote": "USDC"}
    text = refusal_text(refusal, **values)
    found = parse_refusal(text)
    assert found.refusal is refusal
    assert "{" not in text
    for name, value in values.items():
        if f"{{{name}}}" in RULES[refusal].texts[0]:
            assert getattr(found, name) == value


def test_a_missing_value_is_named() -> None:
    with pytest.raises(KeyError, match="bid_px"):
        refusal_text(Refusal.POST_ONLY)
    with pytest.raises(KeyError, match="UNKNOWN"):
        refusal_text(Refusal.UNKNOWN)


def test_fates() -> None:
    post_only = parse_refusal(TEXTS[6][0])
    assert post_only.fate("order") is Fate.GONE
    assert post_only.fate("modify") is Fate.GONE, "a crossing modify loses the old order"
    never = parse_refusal("Order was never placed, already canceled, or filled. asset=0")
    assert never.order_is_gone
    assert never.fate("cancel") is Fate.GONE
    budget = parse_refusal("Too many cumulative requests sent (2 > 1) for cumulative volume traded $1.0.")
    assert budget.fate("cancel") is Fate.STANDS
    assert budget.retry_after_s == 10.0
    assert parse_refusal("Attempted to modify to invalid new order").fate("modify") is Fate.STANDS
    assert parse_refusal("Insufficient margin to place order.").fate("modify") is Fate.UNKNOWN
    for request in ("order", "cancel", "modify"):
        assert parse_refusal("Invalid nonce: duplicate nonce 1").fate(request) is Fate.UNKNOWN
    assert parse_refusal(f"User or API Wallet {ADDRESS} does not exist.").about_account
    assert not post_only.about_account


def test_order_statuses() -> None:
    open_words = {"open", "triggered"}
    for status in OrderStatus:
        if status is not OrderStatus.UNKNOWN:
            assert order_status(status.value) is status
            assert status.terminal is (status.value not in open_words)
            assert status.terminal is (
                status.rejected + status.canceled + (status is OrderStatus.FILLED) == 1
            )
    assert order_status("somethingNewCanceled") is OrderStatus.UNKNOWN
    assert not order_status("").terminal
    assert order_status("badAloPxRejected").rejected
    assert order_status("scheduledCancel").canceled


def test_socket_faults() -> None:
    sol = '{"type":"l2Book","coin":"SOL","nSigFigs":null,"mantissa":null,"fast":false}'
    fault = parse_fault(f"Already subscribed: {sol}")
    assert (fault.kind, fault.subscription) == (SocketFault.ALREADY_SUBSCRIBED, L2BookSub("SOL"))
    assert parse_fault(f"Already unsubscribed: {sol}").subscription == L2BookSub("SOL")
    assert parse_fault("Already subscribed: {").subscription is None
    posts = parse_fault("too many pending post requests id=1234")
    assert (posts.kind, posts.post_id) == (SocketFault.TOO_MANY_POSTS, 1234)
    for kind in SocketFault:
        assert parse_fault(kind.value).kind is kind
    assert parse_fault("Something new").kind is SocketFault.UNKNOWN
