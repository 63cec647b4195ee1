"""What the order manager tells, as the screen says it and the guard hears it."""

from __future__ import annotations

from undertow.live.guarding import Ear
from undertow.monitor.facts import SessionFacts
from undertow.trading.orders.limits import WORDS, Breach
from undertow.trading.orders.notices import Kind, Notice


def test_who_refused_is_said() -> None:
    facts = SessionFacts(session="s")
    ear = Ear(facts)
    ear(Notice(1, Kind.REFUSED, "BTC", "Order has invalid price."))
    assert facts.coin("BTC").refused == "the venue refuses: Order has invalid price."
    ear(Notice(2, Kind.LIMIT, "BTC", WORDS[Breach.BAND]))
    assert facts.coin("BTC").refused == "our own limit: its price is too far from the mid"
    assert facts.coin("BTC").rejects == {"refused": 1, "limit": 1}


def test_every_limit_has_words() -> None:
    assert set(WORDS) == set(Breach)
