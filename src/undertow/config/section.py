"""What every section of the configuration is made of."""

from __future__ import annotations

import msgspec
from msgspec import Meta


def between(low: float, high: float, about: str) -> Meta:
    """A closed range for a number, with the sentence that explains it."""
    return Meta(ge=low, le=high, description=about)


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: immutable, keyword-only, unknown keys refused."""
