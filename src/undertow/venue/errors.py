"""Every refusal of the exchange as a value: parsed from its text, and written from its parts.

Texts are matched by their beginning, as live ones end in `` asset=N`` and change their endings; of a
text we do not know nothing is assumed. Source: Hyperliquid docs, "Error responses", and recorded
replies (facts). `UNVERIFIED` names the refusals whose wording nobody has recorded.
"""

from __future__ import annotations

import enum
import re
from typing import Any, Final, Literal, NamedTuple

import msgspec

from undertow.venue.refusals import RULES, Nature, Refusal

_MODIFY_PREFIX: Final = "Error placing new order during modify: "
_ASSET: Final = re.compile(r"\.? asset=(\d+)\s*$")
_FIELD: Final = re.compile(r"\\{(\w+)\\}")

RequestKind = Literal["order", "cancel", "modify"]


class Fate(enum.Enum):
    """What a refusal says of the order a request was about."""

    GONE = "gone"
    STANDS = "stands"
    UNKNOWN = "unknown"


class Refused(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A refusal with the numbers its text holds (None: it holds none)."""

    refusal: Refusal
    text: str
    asset: int | None = None
    in_modify: bool = False
    bid_px: float | None = None
    ask_px: float | None = None
    nonce: int | None = None
    nonce_floor: int | None = None
    used: int | None = None
    cap: int | None = None
    volume_usd: float | None = None
    required_usd: float | None = None
    limit_usd: float | None = None
    percent: float | None = None
    address: str | None = None

    @property
    def nature(self) -> Nature:
        """What to do about it."""
        return RULES[self.refusal].nature

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which the same request may be sent again; None: not without a change."""
        return RULES[self.refusal].retry_after_s

    @property
    def about_account(self) -> bool:
        """Whether key, network, deposit or settings are wrong: nothing will succeed until changed."""
        return self.nature is Nature.ACCOUNT

    @property
    def order_is_gone(self) -> bool:
        """Whether the order named by a cancel or modify certainly rests no longer."""
        return self.nature is Nature.GONE or self.in_modify

    def fate(self, request: RequestKind) -> Fate:
        """What became of the order: the new one of an ``order``, the old one of the others.

        UNKNOWN where only the exchange's open orders can tell: a nonce seen before may mean that the
        first sending of the same request was carried out.
        """
        if self.refusal is Refusal.NONCE_DUPLICATE:
            return Fate.UNKNOWN
        if request == "order" or self.order_is_gone:
            return Fate.GONE
        if RULES[self.refusal].whole or self.refusal is Refusal.MODIFY_INVALID:
            return Fate.STANDS
        if request == "modify" and self.refusal is Refusal.POST_ONLY:
            return Fate.GONE
        return Fate.UNKNOWN


class _Pattern(NamedTuple):
    prefix: str
    refusal: Refusal
    pattern: re.Pattern[str]


def _pattern(template: str, refusal: Refusal) -> _Pattern:
    prefix = template.split("{", 1)[0]
    last = template.rstrip(".")
    pattern = _FIELD.sub(r"(?P<\1>[-+0-9a-zA-Z.]*[0-9a-zA-Z])", re.escape(last))
    return _Pattern(prefix.rstrip("."), refusal, re.compile(pattern))


_PATTERNS: Final = sorted(
    (_pattern(template, refusal) for refusal, rule in RULES.items() for template in rule.texts),
    key=lambda pattern: -len(pattern.prefix),
)
_INTEGERS: Final = frozenset({"nonce", "nonce_floor", "used", "cap"})


def _values(found: re.Match[str] | None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in (found.groupdict() if found else {}).items():
        if name not in Refused.__struct_fields__:
            continue
        try:
            values[name] = text if name == "address" else int(text) if name in _INTEGERS else float(text)
        except ValueError:
            continue
    return values


def parse_refusal(text: str) -> Refused:
    """The refusal of an error text; `Refusal.UNKNOWN` with the text where it is new to us."""
    asset = _ASSET.search(text)
    body = text[: asset.start()] if asset else text
    in_modify = body.startswith(_MODIFY_PREFIX)
    body = body.removeprefix(_MODIFY_PREFIX).strip()
    known: dict[str, Any] = {
        "text": text,
        "asset": int(asset[1]) if asset else None,
        "in_modify": in_modify,
    }
    for prefix, refusal, pattern in _PATTERNS:
        if body.startswith(prefix):
            return Refused(refusal=refusal, **known, **_values(pattern.match(body)))
    return Refused(refusal=Refusal.UNKNOWN, **known)


def refusal_text(
    refusal: Refusal, *, asset: int | None = None, in_modify: bool = False, **values: Any
) -> str:
    """The official text of a refusal; `values` fill the braces of its template.

    Raises `KeyError` naming a value that is missing, and of a refusal without text.
    """
    template = RULES[refusal].texts[0] if RULES[refusal].texts else None
    if template is None:
        raise KeyError(f"{refusal.name} has no text")
    text = template.format(**values)
    if in_modify:
        text = _MODIFY_PREFIX + text
    return text if asset is None else f"{text} asset={asset}"
