"""Nonces: ours only rise; the exchange's window against a plain reading of its rule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from undertow.venue.errors import parse_refusal
from undertow.venue.nonces import KEPT, NonceSource, NonceWindow
from undertow.venue.refusals import Refusal

NOW = 1_790_000_000_000
DAY = 86_400_000


class Hands:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns


@given(st.lists(st.integers(0, 10**13), min_size=1), st.integers(0, 10**13))
def test_nonces_rise_whatever_the_clock_does(times_ms: list[int], last: int) -> None:
    clock = Hands()
    source = NonceSource(clock, last)
    before = last
    for ms in times_ms:
        clock.ns = ms * 1_000_000 + 999_999
        nonce = source.next()
        assert nonce == max(ms, before + 1) == source.last
        before = nonce


def test_raised_above_what_the_exchange_knows() -> None:
    source = NonceSource(Hands())
    source.raise_to(50)
    source.raise_to(10)
    assert source.next() == 51


@given(st.lists(st.integers(-150, 150), max_size=400))
def test_window_against_the_rule(offsets: list[int]) -> None:
    window = NonceWindow()
    used: set[int] = set()
    for offset in offsets:
        nonce = NOW + offset
        highest = sorted(used)[-KEPT:]
        text = window.take("0xa", nonce, NOW)
        if nonce in highest:
            assert text == f"Invalid nonce: duplicate nonce {nonce}"
        elif len(highest) == KEPT and nonce < highest[0]:
            assert text == f"Invalid nonce: nonce too low {nonce} < {highest[0]}"
        else:
            assert text is None
            used.add(nonce)


def test_edges_in_time_and_signers_apart() -> None:
    window = NonceWindow()
    for nonce in (NOW - 2 * DAY, NOW + DAY):
        text = window.take("0xa", nonce, NOW)
        assert text is not None
        assert parse_refusal(text).refusal is Refusal.NONCE_WINDOW
    for nonce in (NOW - 2 * DAY + 1, NOW + DAY - 1):
        assert window.take("0xa", nonce, NOW) is None
    assert window.refusal("0xa", NOW + DAY - 1, NOW) is not None
    assert window.take("0xb", NOW + DAY - 1, NOW) is None


def test_a_refusal_uses_nothing_up() -> None:
    window = NonceWindow()
    for nonce in range(NOW, NOW + KEPT):
        assert window.take("0xa", nonce, NOW) is None
    low = window.take("0xa", NOW - 1, NOW)
    assert low == f"Invalid nonce: nonce too low {NOW - 1} < {NOW}"
    assert window.take("0xa", NOW + KEPT, NOW) is None
    forgotten = window.take("0xa", NOW, NOW)
    assert forgotten == f"Invalid nonce: nonce too low {NOW} < {NOW + 1}", "forgotten, still never again"


def test_a_process_whose_clock_is_behind_gets_past_the_nonces_of_the_one_before() -> None:
    window, now_ms = NonceWindow(), 1_790_000_000_000
    for nonce in range(now_ms + 60_000, now_ms + 60_000 + KEPT):  # made one after the other by a fast clock
        assert window.take("a", nonce, now_ms) is None
    clock = Hands()
    clock.ns = now_ms * 1_000_000
    source = NonceSource(clock)
    refused = 0
    while (text := window.take("a", source.next(), now_ms)) is not None:
        refused += 1
        if "too low" in text:
            source.raise_to(int(text.rsplit(" ", 1)[1]))
        source.leap()
        assert refused < 3
