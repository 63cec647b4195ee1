"""The wire beside the official SDK and ``json``, in one run: ``python -m benchmarks.wire [--json FILE]``.

Decoding a frame to typed numbers against ``json.loads`` and ``float`` of each number (what a user of
the SDK does); signing and recovering against the SDK's own functions; a whole order from prices to
signed body against the SDK's. Median of interleaved rounds, warm, µs of processor time per call.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eth_account
import msgspec
import numpy as np
from hyperliquid.utils.signing import (
    order_request_to_order_wire,
    order_wires_to_order_action,
    recover_agent_or_user_from_l1_action,
    sign_l1_action,
)

from undertow.instrument import hyperliquid_perp
from undertow.venue.signing import Signer, recover
from undertow.venue.wire.actions import PlaceOrders, order_spec
from undertow.venue.wire.frames import L2BookFrame, decode_frame
from undertow.venue.wire.numbers import WireNumbers
from undertow.venue.wire.requests import encode_request

ROUNDS = 15
KEY = b"\x01" * 32
NONCE = 1_790_232_236_546


def _book(depth: int) -> bytes:
    def side(sign: int) -> list[dict[str, Any]]:
        return [
            {"px": f"{84143 - sign * i}.0", "sz": f"{10.25923 + 1.7 * i:.5f}", "n": 3 + i}
            for i in range(depth)
        ]

    data = {"coin": "BTC", "time": NONCE, "levels": [side(1), side(-1)]}
    return json.dumps({"channel": "l2Book", "data": data}, separators=(",", ":")).encode()


def _bbo() -> bytes:
    level = {"px": "84143.0", "sz": "10.25923", "n": 36}
    data = {"coin": "BTC", "time": NONCE, "bbo": [level, level]}
    return json.dumps({"channel": "bbo", "data": data}, separators=(",", ":")).encode()


def _trades(n: int) -> bytes:
    trade = {
        "coin": "BTC",
        "side": "A",
        "px": "84143.0",
        "sz": "0.00036",
        "time": NONCE,
        "hash": "0x" + "0" * 64,
        "tid": 1045359869404765,
        "users": ["0x" + "9a" * 20, "0x" + "82" * 20],
    }
    return json.dumps({"channel": "trades", "data": [trade] * n}, separators=(",", ":")).encode()


def _json_book(text: bytes) -> Any:
    levels = json.loads(text)["data"]["levels"]
    return [[(float(x["px"]), float(x["sz"])) for x in side] for side in levels]


def _json_bbo(text: bytes) -> Any:
    return [(float(x["px"]), float(x["sz"])) for x in json.loads(text)["data"]["bbo"]]


def _json_trades(text: bytes) -> Any:
    return [(float(x["px"]), float(x["sz"]), x["side"]) for x in json.loads(text)["data"]]


def _table(text: bytes, table: np.ndarray[Any, Any]) -> None:
    frame = decode_frame(text)
    assert isinstance(frame, L2BookFrame)
    frame.data.fill(table)


def _json_table(text: bytes, table: np.ndarray[Any, Any]) -> None:
    for row, side in zip((0, 2), _json_book(text), strict=True):
        table[row : row + 2, : len(side)] = np.array(side).T


def _signing() -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    signer = Signer(KEY, mainnet=False)
    wallet = eth_account.Account.from_key(KEY)
    numbers = WireNumbers(hyperliquid_perp("BTC", 5))
    action = PlaceOrders([order_spec(0, 1, "99000", "0.001")])
    plain = json.loads(msgspec.json.encode(action))
    signature = signer.sign(action, NONCE)
    fields = msgspec.to_builtins(signature)

    def ours(n: int) -> bytes:
        orders = [order_spec(0, 1, numbers.px(841_430 - i), numbers.sz(0.00125)) for i in range(n)]
        placed = PlaceOrders(orders)
        return encode_request(placed, NONCE, signer.sign(placed, NONCE))

    def sdk(n: int) -> bytes:
        requests: list[Any] = [
            {
                "coin": "BTC",
                "is_buy": True,
                "sz": 0.00125,
                "limit_px": 84143.0 - 0.1 * i,
                "order_type": {"limit": {"tif": "Alo"}},
                "reduce_only": False,
            }
            for i in range(n)
        ]
        for request in requests:
            request["limit_px"] = round(request["limit_px"], 1)
        sdk_action = order_wires_to_order_action([order_request_to_order_wire(r, 0) for r in requests])
        signed = sign_l1_action(wallet, sdk_action, None, NONCE, None, False)
        body = {"action": sdk_action, "nonce": NONCE, "signature": signed}
        return json.dumps({**body, "vaultAddress": None, "expiresAfter": None}).encode()

    assert json.loads(ours(4)) == json.loads(sdk(4))
    return {
        "sign an action": (
            lambda: signer.sign(action, NONCE),
            lambda: sign_l1_action(wallet, plain, None, NONCE, None, False),
        ),
        "recover a signer": (
            lambda: recover(plain, NONCE, signature, False),
            lambda: recover_agent_or_user_from_l1_action(plain, fields, None, NONCE, None, False),
        ),
        "1 order to signed body": (lambda: ours(1), lambda: sdk(1)),
        "8 orders to signed body": (lambda: ours(8), lambda: sdk(8)),
    }


def _decoding() -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    deep, fast, bbo = _book(20), _book(5), _bbo()
    one, many = _trades(1), _trades(10)
    table, fast_table = np.empty((4, 20)), np.empty((4, 5))
    return {
        "l2Book, 20 levels": (lambda: decode_frame(deep), lambda: _json_book(deep)),
        "l2Book, 20 levels, to a table": (lambda: _table(deep, table), lambda: _json_table(deep, table)),
        "l2Book fast, 5 levels": (lambda: decode_frame(fast), lambda: _json_book(fast)),
        "l2Book fast, 5 levels, to a table": (
            lambda: _table(fast, fast_table),
            lambda: _json_table(fast, fast_table),
        ),
        "bbo": (lambda: decode_frame(bbo), lambda: _json_bbo(bbo)),
        "trades, 1": (lambda: decode_frame(one), lambda: _json_trades(one)),
        "trades, 10": (lambda: decode_frame(many), lambda: _json_trades(many)),
    }


def _us(call: Callable[[], Any], calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - start) / calls * 1e6


def compare(rounds: int = ROUNDS) -> dict[str, tuple[float, float]]:
    """Median µs per call, ours and the peer's, by name."""
    found = {}
    for name, (ours, peer) in {**_decoding(), **_signing()}.items():
        slow = max(_us(peer, 3), 1.0)
        calls = max(5, int(20_000 / slow))
        pairs = [(_us(ours, calls), _us(peer, calls)) for _ in range(rounds)]
        found[name] = (statistics.median(o for o, _ in pairs), statistics.median(p for _, p in pairs))
    return found


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__)
    parser.add_argument("--json", type=Path, default=None, help="also write the figures here")
    arguments = parser.parse_args()
    found = compare()
    print(f"{'':<36}{'undertow µs':>14}{'SDK/json µs':>14}{'times':>8}")
    for name, (ours, peer) in found.items():
        print(f"{name:<36}{ours:>14.2f}{peer:>14.2f}{peer / ours:>8.1f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
