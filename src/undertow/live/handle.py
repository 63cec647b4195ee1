"""What may be asked of a running session from outside: to stop, to read its configuration again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from undertow.config import Config
from undertow.live.reload import Reloaded

NOT_RUNNING: Final = Reloaded(fault="the session is not running yet")
NO_FILE: Final = Reloaded(fault="the session was started without --config: there is nothing to read again")


class Handle:
    """On the session's event loop. `read` reads the configuration again, None where there is no file."""

    def __init__(self, read: Callable[[], Config] | None = None) -> None:
        self.stop = asyncio.Event()
        self.read = read
        self._reload: Callable[[Callable[[], Config]], Reloaded] | None = None

    def attach(self, reload: Callable[[Callable[[], Config]], Reloaded] | None) -> None:
        """The session says how it reloads; None: it no longer does."""
        self._reload = reload

    def reload(self) -> Reloaded:
        """Read the configuration again and put into effect what may change; never raises."""
        if self.read is None:
            return NO_FILE
        return NOT_RUNNING if self._reload is None else self._reload(self.read)
