"""Configuration: TOML decoded into typed structs, every key known and every value in its range.

`sections` says what may be configured, in which unit and range; `decode` reads files into it. A file
that names an unknown key or a value out of range is refused with one line per fault.
"""

from undertow.config.decode import ConfigError, accepted, describe, dumps, load, loads
from undertow.config.live_sections import SESSION_SECTIONS, Alerts, Live, Log, Metrics, Rollout, Stage
from undertow.config.section import Section, between
from undertow.config.sections import (
    AdverseSelection,
    Avellaneda,
    Config,
    Drift,
    Fees,
    Flow,
    Funding,
    GlftGrid,
    Intensity,
    Ladder,
    Quoting,
    Replay,
    Risk,
    Symmetric,
    Volatility,
    cautions,
    kappa_eta_at_limit,
)

__all__ = [
    "SESSION_SECTIONS",
    "AdverseSelection",
    "Alerts",
    "Avellaneda",
    "Config",
    "ConfigError",
    "Drift",
    "Fees",
    "Flow",
    "Funding",
    "GlftGrid",
    "Intensity",
    "Ladder",
    "Live",
    "Log",
    "Metrics",
    "Quoting",
    "Replay",
    "Risk",
    "Rollout",
    "Section",
    "Stage",
    "Symmetric",
    "Volatility",
    "accepted",
    "between",
    "cautions",
    "describe",
    "dumps",
    "kappa_eta_at_limit",
    "load",
    "loads",
]
