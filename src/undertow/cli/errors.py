"""Mistakes of a user of the command line, told apart from work that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UsageError(ValueError):
    """The command was used wrongly; the text names the option at fault and the fix."""


@contextmanager
def preparing() -> Iterator[None]:
    """What cannot be prepared as asked (an option, a file, a value) was asked wrongly."""
    try:
        yield
    except UsageError:
        raise
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error


def exit_code(error: Exception) -> int | None:
    """2 for wrong use, 1 for work that failed, None for a fault of ours (which keeps its traceback)."""
    from undertow.config import ConfigError

    if isinstance(error, UsageError | ConfigError):
        return 2
    if isinstance(error, ValueError | OSError | ArithmeticError):
        return 1
    from undertow.venue.failures import VenueFailure

    return 1 if isinstance(error, VenueFailure) else None
