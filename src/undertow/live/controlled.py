"""A session that `undertow status|kill|reset` can talk to."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from undertow.live.assemble import Parts
from undertow.live.control import Control


@contextlib.asynccontextmanager
async def controlled(parts: Parts) -> AsyncIterator[None]:
    """Its control channel is open while the body runs."""
    session, clock, watch = parts.session, parts.client.clock, parts.watch
    control = Control(
        parts.recorder.folder,
        parts.kept.path,
        parts.guard,
        now_ns=clock.now_ns,
        enforce=session.enforce,
        view=lambda: watch.view(clock.now_ns()),
        said=parts.facts.notes.append,
    )
    await control.start()
    try:
        yield
    finally:
        await control.stop()
