"""Sections of `undertow run`: for whom it trades, how carefully it begins, and who hears of it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from undertow.config.section import Section, between

SESSION_SECTIONS: Final = ("live", "rollout", "metrics", "log", "alerts")
"""Sections that concern a session and not its makers."""

Stage = Literal["shadow", "minimum", "full"]
"""How far a rollout is: nothing sent, the smallest orders, everything."""

Address = Annotated[
    str,
    Meta(
        pattern=r"^(0x[0-9a-fA-F]{40})?$",
        description="address traded: master, sub-account or vault, never the agent's; mainnet demands it",
        extra={"accepted": "0x and 40 hexadecimal digits"},
    ),
]
Port = Annotated[
    int, between(0, 65_535, "port of the metrics on 127.0.0.1; 0 takes a free one; unset: no metrics")
]


class Live(Section, frozen=True, kw_only=True):
    """Whom `undertow run` trades for, and how; options of the command come first."""

    account: Address = ""
    key_file: Annotated[
        str, Meta(description="file of the agent key, mode 0600; UNDERTOW_AGENT_KEY comes before it")
    ] = ""
    keyring_name: Annotated[
        str, Meta(description="name of the agent key in the keyring, service undertow; the last place asked")
    ] = ""
    orders: Annotated[
        Literal["auto", "venue", "paper"],
        Meta(description="where orders go; auto: to the venue if there is a key, else matched on paper"),
    ] = "auto"
    coins: Annotated[tuple[str, ...], Meta(description="coins traded, such as BTC or dex:COIN")] = ()
    references: Annotated[
        tuple[str, ...], Meta(description="COIN=OTHER: the maker of COIN also watches OTHER's mid")
    ] = ()
    leverage: Annotated[int, between(1, 50, "leverage asked for, as far as the coin allows it")] = 5
    account_usd: Annotated[float, between(1, 1e9, "money of a paper or local account, USD")] = 10_000.0
    expire_after_s: Annotated[
        float, between(0, 600, "orders that reach the venue later than this are void, s; 0: never")
    ] = 10.0
    folder: Annotated[str, Meta(description="folder sessions are recorded in")] = "sessions"


class Rollout(Section, frozen=True, kw_only=True):
    """Stages of going live, and what must have been seen in one before the next (docs/going-live.md)."""

    stage: Annotated[
        Literal["auto", "shadow", "minimum", "full"],
        Meta(description="auto: minimum for orders on mainnet, shadow on paper, full elsewhere"),
    ] = "auto"
    shadow_hours: Annotated[float, between(0, 10_000, "hours in shadow before minimum")] = 24.0
    minimum_hours: Annotated[float, between(0, 10_000, "hours at minimum before full")] = 24.0
    least_fills: Annotated[int, between(0, 1_000_000, "fills in a stage before the next")] = 20
    fill_ratio_low: Annotated[float, between(0, 1, "least realised over predicted fills")] = 0.4
    fill_ratio_high: Annotated[float, between(1, 100, "largest realised over predicted fills")] = 2.5
    edge_shortfall_bps: Annotated[
        float, between(0, 100, "how far the realised edge per volume may fall below the predicted, bps")
    ] = 3.0


class Metrics(Section, frozen=True, kw_only=True):
    """Prometheus endpoint, on the loopback interface alone."""

    port: Port | None = None


class Log(Section, frozen=True, kw_only=True):
    """Log of events, one JSON object per line (docs/metrics.md)."""

    path: Annotated[
        str, Meta(description="file; session: log.jsonl in the session's folder; empty: no log")
    ] = "session"


class Alerts(Section, frozen=True, kw_only=True):
    """Alerts by webhook. The address may hold a token: UNDERTOW_ALERTS_URL keeps it out of this file."""

    url: Annotated[str, Meta(description="https:// address posted to; empty: no alerts")] = ""
    body: Annotated[
        Literal["json", "slack", "discord", "telegram"], Meta(description="what the receiver understands")
    ] = "json"
    chat_id: Annotated[str, Meta(description="chat of a Telegram bot")] = ""
    per_minute: Annotated[int, between(1, 600, "most alerts a minute; kills always go")] = 10
    fills_every_s: Annotated[
        float, between(0, 86_400, "fills are gathered for so long into one alert, s; 0: none of fills")
    ] = 60.0
