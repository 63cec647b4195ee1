"""What is left when a session has ended: the account of every coin and its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from undertow.account.build import Account, account_of
from undertow.account.calibration import fill_rates
from undertow.account.provenance import provenance
from undertow.account.report import Context, write_report
from undertow.account.silence import reasons_of
from undertow.account.summary import summary
from undertow.config import Config
from undertow.kernel.scorecard import DEPTH_EDGES_BPS
from undertow.live.spec import RunSpec
from undertow.maker import Maker
from undertow.records import Rec
from undertow.replay.engine import ReplayResult
from undertow.trading.results import result_of


@dataclass(frozen=True)
class CoinEnd:
    """A coin's account, and where its report lies."""

    coin: str
    account: Account
    report: Path

    @property
    def as_dict(self) -> dict[str, Any]:
        """Plain data: what ``--json`` prints."""
        return {"coin": self.coin, **summary(self.account), "report": str(self.report)}


def end_of(
    folder: Path, coin: str, maker: Maker, spec: RunSpec, config: Config, notes: tuple[str, ...]
) -> CoinEnd:
    """Take the account of `coin` from what the session in `folder` captured, and write its report."""
    result = result_of(folder, coin, maker)
    account = account_of(
        result.fills,
        result.observations,
        result.ledger,
        result.instrument,
        fill_rates=_scored(result.maker_state),
        reasons=reasons_of(result.maker_state["tally"]) if _has(result.maker_state, "tally") else [],
    )
    context = Context(maker.name, f"{coin} ({spec.network})", _blocks(spec, config, result), notes)
    path = folder / f"report-{coin.replace(':', '-').replace('/', '-')}.html"
    return CoinEnd(coin, account, write_report(account, context, path))


def _has(state: Rec, name: str) -> bool:
    return name in (state.dtype.names or ())


def _scored(state: Rec) -> list[Any]:
    if not _has(state, "score"):
        return []
    score = state["score"]
    edges = np.array(DEPTH_EDGES_BPS)
    return fill_rates(edges, score["exposure_s"], score["predicted_fills"], score["fills"])


def _blocks(spec: RunSpec, config: Config, result: ReplayResult) -> Mapping[str, Mapping[str, object]]:
    """What made the session, by title."""
    asked = msgspec.to_builtins(spec, enc_hook=str)
    sections = msgspec.to_builtins(config)
    return {
        "session": asked,
        "instrument": msgspec.to_builtins(result.instrument),
        **{
            f"maker: {name}": values
            for name, values in sections.items()
            if name in ("risk", "ladder", "quoting")
        },
        "code": provenance(),
    }
