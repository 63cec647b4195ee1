"""The last events of a journal as lines of text, of all tables in the order in which they were written."""

from __future__ import annotations

from undertow.journal.export import utc
from undertow.journal.reading import Reader
from undertow.journal.rows import DEEDS

_CODES = {0: "stands", 2: "filled", 3: "canceled", 4: "rejected", 5: "expired"}


def events(reader: Reader, most: int) -> list[str]:
    """The last `most` events, oldest first."""
    coins = reader.coins()
    lines: list[tuple[int, str]] = []
    for intent in reader.last_intents(most):
        coin = coins[intent.coin]
        side, size = "buy" if intent.side > 0 else "sell", intent.lots * coin.lot_size
        what = f"{DEEDS[intent.deed]} {intent.coin}#{intent.order_id} {side} {size:f}"
        what += f" at {intent.tick * coin.tick_size:f}"
        lines.append((intent.time_ns, f"{what} ({intent.reason}, nonce {intent.nonce})"))
    for ack in reader.last_acks(most):
        left = "" if ack.final is None else f", {ack.final * coins[ack.coin].lot_size:f} filled in all"
        code = _CODES.get(ack.code, str(ack.code))
        lines.append((ack.time_ns, f"answer {ack.coin}#{ack.order_id} {code}, oid {ack.oid}{left}"))
    for fill in reader.last_fills(most):
        side, size = "bought" if fill.side > 0 else "sold", fill.lots * coins[fill.coin].lot_size
        what = f"fill {fill.coin}#{fill.order_id} {side} {size:f} at {fill.px:f}"
        lines.append((fill.time_ns, f"{what}, fee {fill.fee:f} ({fill.oid}:{fill.tid})"))
    for paid in list(reader.payments())[-most:] if most else []:
        lines.append((paid.time_ns, f"funding {paid.coin} {paid.usd:f}"))
    for said in reader.last_decisions(most):
        lines.append((said.time_ns, f"{said.kind} {said.coin}: {said.text}"))
    lines.sort(key=lambda line: line[0])
    return [f"{utc(time_ns // 1_000_000)} {text}" for time_ns, text in lines[-most:]] if most else []
