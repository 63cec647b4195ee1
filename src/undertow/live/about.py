"""What a session writes down of its configuration: everything but what may be a secret."""

from __future__ import annotations

from typing import Any, Final

import msgspec

import undertow
from undertow.config import Config
from undertow.live.spec import RunSpec
from undertow.replay.from_config import settings_of

HIDDEN: Final = "hidden"


def shown_config(config: Config) -> dict[str, Any]:
    """`config` as plain data; a webhook's address and chat may be secrets, and are hidden."""
    plain: dict[str, Any] = msgspec.to_builtins(config)
    for key in ("url", "chat_id"):
        if plain["alerts"][key]:
            plain["alerts"][key] = HIDDEN
    return plain


def about(config: Config, spec: RunSpec) -> dict[str, Any]:
    """What stands in every leg's start.json."""
    return {
        "undertow": undertow.__version__,
        "config": shown_config(config),
        "settings": msgspec.to_builtins(settings_of(config)),
        "network": spec.network,
        "account": spec.account,
        "stage": spec.stage,
    }
