"""Fills and events as polars frames, with their units in the column names."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from undertow import events
from undertow.account.decomposition import Decomposition, reference_mids
from undertow.account.markouts import depth_bps, loss_bps
from undertow.instrument import Instrument
from undertow.replay.log import MARKOUT_HORIZONS_S

_TIME = pl.Datetime("ns", "UTC")
_SIDES = {1: "buy", -1: "sell", 0: "none"}
_LIQUIDITY = {events.MAKER: "maker", events.TAKER: "taker"}


def _time(name: str, ns: NDArray[np.int64]) -> pl.Series:
    return pl.Series(name, ns, dtype=pl.Int64).cast(_TIME)


def _words(name: str, codes: NDArray[Any], words: dict[int, str]) -> pl.Series:
    """Codes spelled out; a code without a word keeps its number."""
    column = pl.Series(name, codes.astype(np.int64))
    return column.replace_strict(words, default=column.cast(pl.String), return_dtype=pl.String)


def fills_frame(fills: NDArray[np.void], instrument: Instrument, parts: Decomposition) -> pl.DataFrame:
    """One row per fill. Amounts in USD; ``markout_loss_usd`` and ``fee_usd`` are losses.

    ``level`` counts from 1, the nearest to the mid; 0 is an order that was part of no ladder.

    ``markout_loss_bps_10s`` and its like are the signed loss at each horizon, null where the
    recording ends earlier.
    """
    usd = parts.usd_rate
    losses = loss_bps(fills, instrument)
    columns = [
        _time("time", fills["exch_ns"]),
        _time("learned", fills["recv_ns"]),
        _time("sent", fills["sent_ns"]),
        pl.Series("order_id", fills["order_id"]),
        _words("side", fills["side"], _SIDES),
        _words("liquidity", fills["liquidity"], _LIQUIDITY),
        pl.Series("level", fills["level"].astype(np.int64) + 1),
        pl.Series("px", fills["px"]),
        pl.Series("qty", fills["qty"]),
        pl.Series("notional_usd", parts.volume),
        pl.Series("mid", reference_mids(fills)),
        pl.Series("depth_bps", depth_bps(fills, instrument)),
        pl.Series("position_after", fills["position_after"]),
        pl.Series("spread_usd", parts.spread * usd),
        pl.Series("markout_loss_usd", parts.markout_loss * usd),
        pl.Series("fee_usd", parts.fees * usd),
        pl.Series("inventory_usd", parts.inventory * usd),
        pl.Series("forecast_edge_bps", fills["edge_bps"]),
        pl.Series("forecast_rate_per_s", fills["fill_rate"]),
    ]
    columns += [
        pl.Series(f"markout_loss_bps_{h:g}s", losses[:, i], nan_to_null=True)
        for i, h in enumerate(MARKOUT_HORIZONS_S)
    ]
    return pl.DataFrame(columns)


def split(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """Parts of the PnL by `key` (``side``, ``level`` or ``liquidity``), USD and bps of volume."""
    parts = [pl.col(c).sum() for c in ("spread_usd", "markout_loss_usd", "fee_usd", "inventory_usd")]
    grouped = frame.group_by(key).agg(
        pl.len().alias("fills"), pl.col("notional_usd").sum().alias("volume_usd"), *parts
    )
    by_horizon = pl.col("spread_usd") - pl.col("markout_loss_usd") - pl.col("fee_usd")
    return grouped.with_columns(
        by_horizon.alias("pnl_by_horizon_usd"),
        (by_horizon / pl.col("volume_usd") * 1e4).alias("pnl_by_horizon_bps"),
    ).sort(key)


def events_frame(rows: NDArray[np.void]) -> pl.DataFrame:
    """Event rows (EVENT) with kinds and sides spelled out; columns as `undertow.events` has them."""
    return pl.DataFrame(
        [
            _time("exch_time", rows["exch_ns"]),
            _time("recv_time", rows["recv_ns"]),
            _words("kind", rows["kind"], events.KIND_NAMES),
            _words("side", rows["side"], _SIDES),
            *(pl.Series(name, rows[name]) for name in ("px", "qty", "val", "ref", "flags", "asset", "code")),
        ]
    )


def observations_frame(observations: NDArray[np.void]) -> pl.DataFrame:
    """What the maker saw and wanted over time (OBSERVATION), NaN as null."""
    names = [name for name in observations.dtype.names or () if name != "time_ns"]
    return pl.DataFrame(
        [
            _time("time", observations["time_ns"]),
            *(pl.Series(name, observations[name], nan_to_null=True) for name in names),
        ]
    )
