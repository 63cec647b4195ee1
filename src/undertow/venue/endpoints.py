"""Where the venue's networks are. Mainnet is only ever chosen by name.

Source: facts §1 (docs: API, testnet).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Network = Literal["local", "testnet", "mainnet"]
"""Which exchange: one on this machine, the venue's test network, or the venue itself."""

LOCAL_PORT: Final = 3001
"""The port the official SDK looks for a local exchange at."""


class Endpoints(NamedTuple):
    """One network: base URL of HTTP (``/info``, ``/exchange`` are appended) and URL of the websocket."""

    network: Network
    http: str
    ws: str


_REMOTE: Final = {
    "testnet": Endpoints(
        "testnet", "https://api.hyperliquid-testnet.xyz", "wss://api.hyperliquid-testnet.xyz/ws"
    ),
    "mainnet": Endpoints("mainnet", "https://api.hyperliquid.xyz", "wss://api.hyperliquid.xyz/ws"),
}


def endpoints(network: Network, *, host: str = "localhost", port: int = LOCAL_PORT) -> Endpoints:
    """URLs of `network`; there is no default. `host` and `port` are those of a local exchange.

    Raises ValueError for a name that is none of the three.
    """
    if network == "local":
        return Endpoints("local", f"http://{host}:{port}", f"ws://{host}:{port}/ws")
    try:
        return _REMOTE[network]
    except KeyError:
        raise ValueError(f"network = {network!r}: choose 'local', 'testnet' or 'mainnet'") from None
