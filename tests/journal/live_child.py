"""A trading process, as ``undertow run`` is one, to be killed: its orders are written on standard input.

One line of JSON: url, key, folder, and either a maker or a session to resume. It says ``quoting`` once it has
an order in the market, and ends in order on SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from undertow.config import Config
from undertow.config.sections import Symmetric
from undertow.live.handle import Handle
from undertow.live.running import run_session
from undertow.live.spec import RunSpec
from undertow.venue.signing import Signer


async def main() -> None:
    asked = json.loads(sys.stdin.readline())
    handle, said = Handle(None), False
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, handle.stop.set)

    def say(line: str) -> None:
        print(json.dumps({"said": line}), flush=True)

    def show(view: object) -> None:
        nonlocal said
        if not said and any(coin.requests for coin in view.coins):
            said = True
            print(json.dumps({"quoting": True}), flush=True)

    spec = RunSpec(
        url=asked["url"],
        coins=tuple(asked["coins"]),
        maker=asked["maker"],
        duration_s=None,
        history_s=0.0,
        folder=Path(asked["folder"]),
        resume=asked["resume"],
    )
    config = Config(symmetric=Symmetric(half_spread_bps=0.02, spacing_bps=0.1, requote_bps=0.05))
    signer = Signer(asked["key"], mainnet=False)
    ended = await run_session(spec, config, signer=signer, say=say, show=show, handle=handle)
    print(json.dumps({"ended": str(ended.folder), "left": ended.orders_left}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
