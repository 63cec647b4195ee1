"""What is refused before it reaches a block: wallets, nonces, expiry, budgets."""

from __future__ import annotations

from tests.exchange.still import ALICE, PX, START_NS, STEP, Bench

from undertow.exchange.core import Exchange
from undertow.exchange.listing import Rules

AGENT, SUB, NOBODY = ("0x" + c * 40 for c in "123")
NOOP = {"type": "noop"}
NOW_MS = START_NS // 10**6
BID = PX - STEP


def reply(ex: Exchange, signer: str, action: dict, nonce: int, **how: object) -> dict:
    ticket = ex.submit(signer, action, nonce, **how)
    ex.advance(ex.now_ns + ex.rules.block_ns)
    assert ticket.reply is not None
    return ticket.reply


def err(text: str) -> dict:
    return {"status": "err", "response": text}


def test_who_may_sign_for_whom() -> None:
    b = Bench()
    ex = b.ex
    assert reply(ex, NOBODY, NOOP, NOW_MS) == err(f"User or API Wallet {NOBODY} does not exist.")
    ex.approve_agent(ALICE, AGENT, "bot")
    assert reply(ex, AGENT, NOOP, NOW_MS)["status"] == "ok"
    assert reply(ex, AGENT, NOOP, NOW_MS + 1, vault=SUB) == err(f"Vault not registered: {SUB}")
    ex.add_sub_account(ALICE, SUB)
    assert reply(ex, AGENT, NOOP, NOW_MS + 2, vault=SUB)["status"] == "ok"
    order = {"type": "order", "orders": [b.spec(1, BID, 20)], "grouping": "na"}
    assert "Insufficient margin" in str(reply(ex, AGENT, order, NOW_MS + 3, vault=SUB))
    ex.deposit(SUB, 100.0)
    assert "resting" in str(reply(ex, AGENT, order, NOW_MS + 4, vault=SUB))
    ex.approve_agent(ALICE, "0x" + "4" * 40, "bot")
    assert reply(ex, AGENT, NOOP, NOW_MS + 5) == err(f"User or API Wallet {AGENT} does not exist.")
    ex.approve_agent(NOBODY, "0x" + "5" * 40)
    assert reply(ex, NOBODY, NOOP, NOW_MS) == err(f"Must deposit before performing actions. User: {NOBODY}")


def test_an_agent_ends_with_its_time() -> None:
    b = Bench()
    b.ex.approve_agent(ALICE, AGENT, None, NOW_MS + 100)
    assert reply(b.ex, AGENT, NOOP, NOW_MS)["status"] == "ok"
    assert reply(b.ex, AGENT, NOOP, NOW_MS + 1)["status"] == "ok"
    assert "does not exist" in reply(b.ex, AGENT, NOOP, NOW_MS + 2)["response"]


def test_nonces() -> None:
    ex = Bench().ex
    assert reply(ex, ALICE, NOOP, NOW_MS)["status"] == "ok"
    assert reply(ex, ALICE, NOOP, NOW_MS) == err(f"Invalid nonce: duplicate nonce {NOW_MS}")
    for i in range(1, 101):
        assert reply(ex, ALICE, NOOP, NOW_MS + i)["status"] == "ok"
    low = NOW_MS - 5
    assert reply(ex, ALICE, NOOP, low) == err(f"Invalid nonce: nonce too low {low} < {NOW_MS + 1}")
    assert "Invalid nonce" in reply(ex, ALICE, NOOP, NOW_MS + 3 * 86_400_000)["response"]


def test_noop_burns_the_nonce_of_an_action_in_flight() -> None:
    b = Bench()
    assert reply(b.ex, ALICE, NOOP, NOW_MS)["status"] == "ok"
    order = {"type": "order", "orders": [b.spec(1, BID, 20)], "grouping": "na"}
    assert "duplicate" in reply(b.ex, ALICE, order, NOW_MS)["response"]
    assert b.ex.account(ALICE).live == {}


def test_stale_actions_cost_five_times() -> None:
    b = Bench()
    order = {"type": "order", "orders": [b.spec(1, BID, 20)] * 2, "grouping": "na"}
    assert reply(b.ex, ALICE, order, NOW_MS, expires_after=NOW_MS - 1) == err("Action already expired")
    assert b.ex.account(ALICE).requests.used == 10
    # good when sent, stale when its block comes
    assert reply(b.ex, ALICE, order, NOW_MS + 1, expires_after=b.ex.now_ns // 10**6 + 1) == err(
        "Action already expired"
    )
    assert b.ex.account(ALICE).requests.used == 20
    assert reply(b.ex, ALICE, order, NOW_MS + 2, expires_after=NOW_MS + 10**6)["status"] == "ok"


def test_a_spent_budget_passes_one_action_in_ten_seconds_and_cancels_longer() -> None:
    b = Bench(rules=Rules(requests_free=10, cancels_extra=8))
    account = b.ex.account(ALICE)
    order = {"type": "order", "orders": [b.spec(1, BID, 20)] * 5, "grouping": "na"}
    for i in range(2):
        assert reply(b.ex, ALICE, order, NOW_MS + i)["status"] == "ok"
    assert reply(b.ex, ALICE, order, NOW_MS + 10)["status"] == "ok"  # the one that passes
    text = (
        "Too many cumulative requests sent (20 > 10) for cumulative volume traded $0.00. "
        "Place taker orders to free up 1 request per USDC traded."
    )
    assert reply(b.ex, ALICE, order, NOW_MS + 11) == err(text)
    assert account.requests.used == 15
    cancel = {"type": "cancel", "cancels": [{"a": 0, "o": oid} for oid in list(account.live)[:3]]}
    assert reply(b.ex, ALICE, cancel, NOW_MS + 12)["status"] == "ok"
    assert account.requests.used == 18
    assert "(21 > 18)" in reply(b.ex, ALICE, cancel, NOW_MS + 13)["response"]
    b.run(150)
    assert reply(b.ex, ALICE, order, NOW_MS + 14)["status"] == "ok"


def test_volume_buys_requests_and_reserved_weight_too() -> None:
    b = Bench()
    b.order(ALICE, 1, PX + STEP, 500, "Ioc")
    requests = b.ex.account(ALICE).requests
    assert requests.cap == 10_000 + 500
    raw = b.ex.account(ALICE).purse("").raw
    assert b.act(ALICE, {"type": "reserveRequestWeight", "weight": 1000})["status"] == "ok"
    assert requests.cap == 11_500
    assert b.ex.account(ALICE).purse("").raw == raw - 500_000
    b.ex.approve_agent(ALICE, AGENT)
    assert b.act(AGENT, {"type": "reserveRequestWeight", "weight": 1})["status"] == "err"
