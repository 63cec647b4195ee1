"""The exchange's heart: synchronous, no I/O, no clock of its own, no randomness but its seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from undertow.exchange import actions, errors
from undertow.exchange.accounts import Account, Agent, LedgerEntry
from undertow.exchange.coin import Coin
from undertow.exchange.controls import Controls
from undertow.exchange.errors import PreValidation, Refused
from undertow.exchange.funding import settle_hour
from undertow.exchange.gate import EXPIRED_COST, admit
from undertow.exchange.handling import answer, handle, refusal
from undertow.exchange.happenings import AccountChanged, BookChanged, ContextChanged, Event
from undertow.exchange.liquidation import run_liquidations
from undertow.exchange.listing import Dex, Listing, Rules
from undertow.exchange.mark import sample_premium, update_prices
from undertow.exchange.matching import meet_background
from undertow.exchange.settings import run_schedules
from undertow.exchange.state import State
from undertow.exchange.triggers import run_triggers

_AGENT_DAYS_MS = 180 * 86_400_000
_DEX_ASSETS = 10_000
_FIRST_DEX_ASSET = 100_000


class Ticket:
    """An action that was submitted. ``reply``: the JSON answer, None until its block has come."""

    def __init__(self) -> None:
        self.reply: dict[str, Any] | None = None
        self._listener: Callable[[dict[str, Any]], None] | None = None

    def on_reply(self, listener: Callable[[dict[str, Any]], None]) -> None:
        """Call `listener` with the reply: at once if there is one."""
        if self.reply is not None:
            listener(self.reply)
        else:
            self._listener = listener

    def answer(self, reply: dict[str, Any]) -> None:
        """Give the reply."""
        self.reply = reply
        if self._listener is not None:
            self._listener(reply)


class Pending(NamedTuple):
    """An admitted action that waits for its block."""

    urgency: int
    ticket: Ticket
    account: Account
    action: actions.Action
    expires_ms: int | None


class Exchange:
    """Listings, accounts and blocks. See `submit`, `advance`, `drain`; ``state`` is for reading.

    Addresses are lowercase. Money goes in as dollars; inside it is millionths (`numbers`).
    """

    def __init__(
        self, listings: Sequence[Listing], rules: Rules | None = None, start_ns: int = 0, seed: int = 0
    ) -> None:
        self.rules = rules or Rules()
        self.state = State(self.rules, start_ns, seed)
        self.controls = Controls(self)
        self._pending: list[Pending] = []
        self._next_oracle_ns = self._next_premium_ns = start_ns
        self._next_funding_ns = (start_ns // self.rules.funding_every_ns + 1) * self.rules.funding_every_ns
        self.dexes = _dexes(listings, self.rules)
        counts: dict[str, int] = {}
        for listing in listings:
            at = counts.get(listing.dex, 0)
            counts[listing.dex] = at + 1
            index = [dex.name for dex in self.dexes].index(listing.dex)
            asset = at if index == 0 else _FIRST_DEX_ASSET + _DEX_ASSETS * index + at
            coin = Coin(listing, self.dexes[index], asset, listing.open_market(start_ns), self.rules)
            self.state.coins.append(coin)
            self.state.by_name[coin.name] = coin
            self.state.by_asset[asset] = coin
            update_prices(coin, start_ns)

    @property
    def now_ns(self) -> int:
        """End of the last block."""
        return self.state.now_ns

    # ---- accounts --------------------------------------------------------------------------------

    def account(self, user: str) -> Account | None:
        """The account of an address; None if it never held money."""
        return self.state.accounts.get(user.lower())

    def deposit(self, user: str, usd: float, dex: str = "") -> Account:
        """Credit `usd` to `user` on `dex`, the account made if need be."""
        micro = round(usd * 1e6)
        self.state.house.deposits += micro
        return self.credit(user, micro, dex, "deposit")

    def credit(self, user: str, micro: int, dex: str = "", kind: str = "internalTransfer") -> Account:
        """Money (millionths) that comes to `user` on `dex` from within, the account made if need be."""
        account = self._open(user.lower(), None)
        account.purse(dex).raw += micro
        account.deposited = True
        account.ledger.append(LedgerEntry(self.state.now_ms, kind, micro))
        self.state.events.append(AccountChanged(account.address, self.state.now_ms))
        return account

    def _open(self, user: str, master: str | None) -> Account:
        account = self.state.accounts.get(user)
        if account is None:
            account = Account(user, self.rules, self.state.now_ms, master)
            self.state.accounts[user] = account
        return account

    def approve_agent(
        self, user: str, agent: str, name: str | None = None, valid_until_ms: int | None = None
    ) -> None:
        """Let `agent` sign for `user`; an earlier agent of the same name may no longer."""
        account = self._open(user.lower(), None)
        agent = agent.lower()
        for old in [a for a in account.agents.values() if a.name == name]:
            del account.agents[old.address]
            del self.state.owner_of_agent[old.address]
        until = valid_until_ms or self.state.now_ms + _AGENT_DAYS_MS
        account.agents[agent] = Agent(agent, name, until)
        self.state.owner_of_agent[agent] = account.address

    def approve_builder_fee(self, user: str, builder: str, tenths_of_bps: int) -> None:
        """Let orders of `user` carry a fee of up to `tenths_of_bps` for `builder`; the house keeps it."""
        self._open(user.lower(), None).builders[builder.lower()] = tenths_of_bps

    def add_sub_account(self, master: str, address: str, name: str = "", *, vault: bool = False) -> Account:
        """Register a sub-account or vault for which `master` (and its agents) may act."""
        account = self._open(address.lower(), master.lower())
        account.name, account.is_vault = name, vault
        owner = self._open(master.lower(), None)
        if account.address not in owner.sub_accounts:
            owner.sub_accounts.append(account.address)
        return account

    # ---- actions ---------------------------------------------------------------------------------

    def submit(
        self,
        signer: str,
        action: object,
        nonce: int,
        vault: str | None = None,
        expires_after: int | None = None,
    ) -> Ticket:
        """Take an action whose signature gave `signer`; it is executed in the next block.

        Faults of the whole are answered at once. Raises `errors.Malformed` for what the venue could
        not read (status 422).
        """
        ticket = Ticket()
        read = actions.read(action)
        try:
            account = admit(
                self.state, signer.lower(), read, nonce, vault.lower() if vault else None, expires_after
            )
        except Refused as fault:
            ticket.answer(refusal(str(fault)))
            return ticket
        except PreValidation as fault:
            kind = "cancel" if isinstance(read, actions.CancelOrders) else "order"
            ticket.answer(answer(kind, [{"error": str(fault)}]))
            return ticket
        self._pending.append(Pending(actions.urgency(read), ticket, account, read, expires_after))
        return ticket

    # ---- time ------------------------------------------------------------------------------------

    @property
    def next_block_ns(self) -> int:
        """When the next block ends."""
        return self.state.now_ns + self.rules.block_ns

    def advance(self, until_ns: int) -> None:
        """Run every block that ends by `until_ns`."""
        while self.next_block_ns <= until_ns:
            self._block(self.next_block_ns)

    def drain(self) -> list[Event]:
        """The events since the last call, in order. Whoever runs the exchange must collect them."""
        events = self.state.events
        self.state.events = []
        return events

    def _block(self, now_ns: int) -> None:
        state = self.state
        state.now_ns = now_ns
        if self._pending:
            pending, self._pending = self._pending, []
            for entry in sorted(pending, key=lambda entry: entry.urgency):
                entry.ticket.answer(self._execute(entry))
        for coin in state.coins:
            taken = coin.market.advance(now_ns)
            if not coin.tradable:
                continue
            if taken or not coin.resting.empty():
                meet_background(state, coin, taken)
        self._keep_time(now_ns)
        run_schedules(state)
        for coin in state.coins:
            top = coin.top()
            if top != coin.shown:
                coin.shown = top
                state.events.append(BookChanged(coin, state.now_ms))

    def _execute(self, entry: Pending) -> dict[str, Any]:
        if entry.expires_ms is not None and entry.expires_ms < self.state.now_ms:
            entry.account.requests.charge((EXPIRED_COST - 1) * actions.weight(entry.action))
            return refusal(errors.EXPIRED)
        return handle(self.state, entry.account, entry.action)

    def _keep_time(self, now_ns: int) -> None:
        """What is due by the clock: marks, and what hangs on them; premium samples; funding."""
        state, rules = self.state, self.rules
        if now_ns >= self._next_premium_ns:
            self._next_premium_ns += rules.premium_every_ns
            for coin in state.coins:
                sample_premium(coin)
        if now_ns >= self._next_funding_ns:
            settle_hour(state, self._next_funding_ns)
            self._next_funding_ns += rules.funding_every_ns
        if now_ns >= self._next_oracle_ns:
            self._next_oracle_ns += rules.oracle_every_ns
            for coin in state.coins:
                if coin.tradable:
                    update_prices(coin, now_ns)
                    state.events.append(ContextChanged(coin, state.now_ms))
            run_triggers(state)
            run_liquidations(state)


def _dexes(listings: Sequence[Listing], rules: Rules) -> list[Dex]:
    """The main dex, those of the rules, then others in order of their first listing."""
    dexes = [Dex(""), *rules.dexes]
    for listing in listings:
        if listing.dex not in [dex.name for dex in dexes]:
            dexes.append(Dex(listing.dex))
    return dexes
