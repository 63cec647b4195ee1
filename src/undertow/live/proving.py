"""The start of a session: orders found again, fills and payments booked, the position proven."""

from __future__ import annotations

from undertow.journal.reading import Reader
from undertow.live.assemble import Parts
from undertow.live.spec import CannotRun
from undertow.trading.orders.manager import VenueExecution
from undertow.trading.orders.notices import Kind
from undertow.trading.orders.venue_port import payment_of
from undertow.units import NS_PER_MS
from undertow.venue.histories import payments_since


async def start_proven(parts: Parts) -> None:
    """Start the session; afterwards its makers may quote.

    Raises `CannotRun` where the venue's position cannot be explained by what the journal knows; what is
    ours is cancelled then.
    """
    execution, client = parts.execution, parts.client
    if isinstance(execution, VenueExecution) and client.account is not None and parts.memory.resumed:
        since_ms = parts.memory.about.created_ns // NS_PER_MS
        paid = await payments_since(client, client.account, since_ms)
        execution.on_payments([payment_of(payment) for payment in paid])
    await parts.session.start(parts.mids)
    if not isinstance(execution, VenueExecution) or not execution.notices.counts[Kind.POSITION]:
        return
    await parts.session.stop()
    raise CannotRun(
        f"unexplained position: {'; '.join(_said(parts))}. Something traded this account that the journal "
        "knows nothing of, or its fills are too old for the venue to tell of. Look at the account; a new "
        "session (without --resume) starts from the position it finds"
    )


def _said(parts: Parts) -> list[str]:
    with Reader(parts.memory.journal.path) as reader:
        return [
            f"{said.coin}: {said.text}"
            for said in reader.decisions()
            if said.kind == Kind.POSITION and said.time_ns >= parts.facts.started_ns
        ]
