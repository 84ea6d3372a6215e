"""The steps of connecting in their order: invited, asked, linked, confirmed. Each is taken once, by the browser that took the last one."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import aiohttp
import msgspec

from archiver.connecting.adapters import Accounts, adapter_of, checked, link_of
from archiver.connecting.records import Confirmation, Connected, Invited, Offer
from archiver.connecting.secrets import InvitedSecrets, hash_of, opened_of, sealed_for
from archiver.database.port import Database, Invitation, Step
from archiver.errors import ConfigError, InvitationError, ReconnectNeededError
from archiver.keeping import opened
from archiver.model import Connection, Customer, Kind, Millis, Role
from archiver.oauth import Endpoint, Link, authorize_url, code_form, new_pkce, new_state
from archiver.proof.auditing import Auditor, audited
from archiver.vault import Vault
from archiver.views import ConnectionSpec
from genstage.clock import Clock

__all__ = ["Connecting"]

_T = TypeVar("_T")

_LIFE_SECONDS = 24 * 3600.0
_ANSWER_SECONDS = 600.0  # for the provider's page, and as long again to confirm
_VERIFIER = "verifier"
_BROWSER_LEAST = 16
_MINUTES = int(_ANSWER_SECONDS // 60)


class Connecting:
    """Connects customers; see ``archiver.connecting`` for the steps.

    Args:
        database: Where invitations and connections are.
        vault: Seals their secrets.
        http: The process's HTTP session.
        clock: Time.
        auditor: Told what was done.
        changed: Told that there is a connection which was not there, or works again.
    """

    def __init__(  # noqa: PLR0913  its four neighbours, and whom it tells
        self,
        database: Database,
        vault: Vault,
        http: aiohttp.ClientSession,
        clock: Clock,
        *,
        auditor: Auditor,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.auditor = auditor
        self._changed = changed
        self._database = database
        self._vault = vault
        self._http = http
        self._clock = clock
        self._accounts = Accounts(http, clock)

    # -- before ---------------------------------------------------------------------------------------------------------------------

    async def invite(  # noqa: PLR0913  what a person says in one command
        self,
        customer: str,
        spec: ConnectionSpec,
        *,
        role: Role = Role.DESTINATION,
        kinds: Sequence[Kind] = (),
        connection_id: int | None = None,
        seconds: float = _LIFE_SECONDS,
    ) -> Invited:
        """Makes a link with which one customer may connect one storage, once.

        Args:
            customer: The customer's name.
            spec: Which adapter; its options, and the application's secret if it has one. What the linking gives is not among them.
            role: Source or destination.
            kinds: Of a destination: which kinds of items go there; empty for all.
            connection_id: A connection of the customer that is to be connected again; what ``spec`` does not say stays as it was.
            seconds: How long the link lives.

        Raises:
            ConfigError: There is no such customer, connection or adapter, or an option cannot be.
        """
        owner = await self._customer(customer)
        options, given = dict(spec.options), dict(spec.secrets)
        if connection_id is not None:
            old = await self._connection(owner, connection_id)
            if old.adapter != spec.adapter or old.role is not role:
                raise ConfigError(
                    f"the connection {connection_id} is a {old.role} {old.adapter}", hint="Connect that one again, or a new one."
                )
            options = {**old.options, **options}
            given = {**opened(old, self._vault), **given}
            kinds = kinds or old.kinds
        values = checked(role, spec.adapter, {**options, **given}, later=True)
        link_of(role, spec.adapter, values)  # an application that is not named is said now, not to the customer
        now = self._now()
        link = random.token_urlsafe(32)
        await self._database.add_invitation(
            Invitation(
                customer_id=owner.id,
                connection_id=connection_id,
                role=role,
                adapter=spec.adapter,
                options={name: value for name, value in values.items() if name not in given},
                secrets=sealed_for(self._vault, owner.id, spec.adapter, given),
                kinds=tuple(kinds),
                link_hash=hash_of(link),
                created_at=now,
                expires_at=now + int(seconds * 1000),
            )
        )
        detail = {"adapter": spec.adapter, "role": role, "again": connection_id, "hours": round(seconds / 3600, 1)}
        await self.auditor.record("connections link", owner.name, detail=detail)
        return Invited(link=link, customer=owner.name, adapter=spec.adapter, expires_at=now + int(seconds * 1000))

    async def look(self, link: str) -> Offer:
        """What a link is for.

        Raises:
            InvitationError: It is unknown, was used, or has ended.
        """
        invitation = await self._invitation(link)
        customer = await self._customer_of(invitation)
        how = self._link(invitation)
        declared = adapter_of(invitation.role, invitation.adapter).options
        again = await self._connection(customer, invitation.connection_id) if invitation.connection_id else None
        return Offer(
            customer=customer.name,
            role=invitation.role,
            adapter=invitation.adapter,
            title=how.provider.title if how else invitation.adapter,
            way="page" if how else "keys",
            scopes=how.provider.scopes if how else (),
            secrets=() if how else [option.name for option in declared if option.secret],
            kinds=invitation.kinds,
            again=again.account if again else "",
            expires_at=invitation.expires_at,
        )

    # -- the provider's page --------------------------------------------------------------------------------------------------------

    async def begin(self, link: str, *, browser: str, redirect_uri: str) -> str:
        """The address of the provider's page; its answer comes to ``redirect_uri`` with ``state`` and ``code``, or with ``error``.

        Whoever begins again makes the answer of the time before worthless.

        Raises:
            InvitationError: The link is unknown, was used, or has ended.
            ConfigError: There is no page: the adapter is given keys. See `enter`.
        """
        invitation = await self._invitation(link)
        how = self._link(invitation)
        if how is None:
            raise ConfigError(f"{invitation.adapter} is connected with keys, not on a page of its own")
        state, pkce = new_state(), new_pkce()
        asked = msgspec.structs.replace(
            invitation,
            secrets={
                **_without(invitation.secrets, how.option),
                **sealed_for(self._vault, invitation.customer_id, invitation.adapter, {_VERIFIER: pkce.verifier}),
            },
            redirect_uri=redirect_uri,
            account="",
            **self._awaiting(Step.ASKED, state, browser),
        )
        await self._move(invitation, asked)
        return authorize_url(how.provider, client_id=how.client_id, redirect_uri=redirect_uri, state=state, challenge=pkce.challenge)

    async def finish(self, state: str, code: str, *, browser: str) -> Confirmation:
        """Takes the code of the provider's page, once, and looks whose account it is.

        Raises:
            InvitationError: The answer was taken before, comes too late or from another browser, or was never awaited.
            ReconnectNeededError: The provider does not take the code. The link may be used again.
            ArchiverError: The provider cannot be reached, or does not let us see the account. The link may be used again.
        """
        invitation = await self._awaited(state, browser, Step.ASKED)
        how = self._link(invitation)
        if how is None:
            raise InvitationError("this link is not connected on a page")
        verifier = opened_of(self._vault, invitation).get(_VERIFIER, "")
        # The state is spent before the code is: a second answer finds nothing, whatever becomes of the first.
        spent = msgspec.structs.replace(
            invitation, secrets=_without(invitation.secrets, _VERIFIER), state_hash="", state_until=0, step=Step.OFFERED
        )
        await self._move(invitation, spent)
        endpoint = Endpoint(self._http, self._clock, how.provider, client_id=how.client_id, client_secret=how.client_secret)
        answer = await endpoint.ask(code_form(code, redirect_uri=invitation.redirect_uri, verifier=verifier))
        if not answer.refresh_token:
            raise ReconnectNeededError(
                f"{how.provider.title} gave no leave that lasts",
                hint="Take the application away in the account's settings, and connect again.",
            )
        return await self._linked(spent, {how.option: answer.refresh_token}, browser)

    async def decline(self, state: str, *, browser: str) -> None:
        """The provider's page answered that the customer said no; the link may be used again.

        Raises:
            InvitationError: As `finish`.
        """
        invitation = await self._awaited(state, browser, Step.ASKED)
        declined = msgspec.structs.replace(
            invitation, secrets=_without(invitation.secrets, _VERIFIER), state_hash="", state_until=0, step=Step.OFFERED
        )
        await self._move(invitation, declined)

    # -- keys -----------------------------------------------------------------------------------------------------------------------

    async def enter(self, link: str, *, secrets: Mapping[str, str], browser: str) -> Confirmation:
        """Takes keys or passwords in place of a page's answer, and looks whose account it is.

        Only secrets: where the storage is was said by whoever made the link, so nobody with a link can let us call an address of theirs.

        Raises:
            InvitationError: The link is unknown, was used, or has ended.
            ConfigError: One cannot be, or is not one that may be entered.
            ArchiverError: The storage does not let us in, or cannot be reached. The link may be used again.
        """
        invitation = await self._invitation(link)
        if self._link(invitation) is not None:
            raise ConfigError(f"{invitation.adapter} is connected on its own page, not with keys")
        known = {option.name for option in adapter_of(invitation.role, invitation.adapter).options if option.secret}
        if unknown := secrets.keys() - known:
            raise ConfigError(f"{invitation.adapter} does not take {min(unknown)!r} here")
        return await self._linked(invitation, secrets, browser)

    # -- the end --------------------------------------------------------------------------------------------------------------------

    async def confirm(self, ticket: str, *, browser: str) -> Connected:
        """A person says that the account is the right one: tries it with a test file, and keeps the connection.

        Raises:
            InvitationError: It was confirmed before, comes too late or from another browser.
            ArchiverError: The test file could not be written, read or deleted; nothing was kept, and it may be confirmed again.
        """
        invitation = await self._awaited(ticket, browser, Step.LINKED)
        customer = await self._customer_of(invitation)
        kept = InvitedSecrets(self._database, self._vault, invitation)
        values = self._values(invitation)
        tried = await self._accounts.try_out(invitation.role, invitation.adapter, values, kept)
        invitation = kept.invitation
        connection = Connection(
            id=0,
            customer_id=invitation.customer_id,
            role=invitation.role,
            adapter=invitation.adapter,
            options=invitation.options,
            secrets=invitation.secrets,
            account=invitation.account,
            kinds=tuple(invitation.kinds),
        )
        accepted = await self._database.accept(invitation, connection, now=self._now())
        if accepted is None:
            raise InvitationError("this link was used meanwhile")
        self._changed()
        detail = {"connection": accepted.id, "adapter": accepted.adapter, "again": invitation.connection_id}
        await self.auditor.record("connect", customer.name, detail=detail)
        return Connected(customer=customer.name, connection=accepted, tried=tried, again=invitation.connection_id is not None)

    @audited("connections withdraw", subject="customer")
    async def withdraw(self, customer: str) -> int:
        """Ends every link of a customer that was not used yet; how many. Raises ConfigError if there is no such customer."""
        owner, now, ended = await self._customer(customer), self._now(), 0
        for invitation in await self._database.invitations(owner.id):
            if invitation.step is not Step.DONE and invitation.expires_at > now:
                bare = msgspec.structs.replace(invitation, secrets={}, state_hash="", state_until=0, expires_at=now)
                ended += await self._database.change_invitation(invitation, bare)
        return ended

    async def clear(self) -> int:
        """Forgets links that have ended; how many."""
        return await self._database.clear_invitations(self._now())

    # -- inside ---------------------------------------------------------------------------------------------------------------------

    async def _linked(self, invitation: Invitation, secrets: Mapping[str, str], browser: str) -> Confirmation:
        """Keeps what was given before it is used, then looks at the account."""
        sealed = sealed_for(self._vault, invitation.customer_id, invitation.adapter, secrets)
        ticket = random.token_urlsafe(32)
        linked = msgspec.structs.replace(
            invitation, secrets={**invitation.secrets, **sealed}, **self._awaiting(Step.LINKED, ticket, browser)
        )
        values = self._values(linked)
        linked = msgspec.structs.replace(linked, options={name: values[name] for name in values if name not in linked.secrets})
        await self._move(invitation, linked)
        kept = InvitedSecrets(self._database, self._vault, linked)
        account = await self._accounts.look(linked.role, linked.adapter, values, kept)
        await self._move(kept.invitation, msgspec.structs.replace(kept.invitation, account=account.name))
        customer = await self._customer_of(linked)
        before = (await self._connection(customer, linked.connection_id)).account if linked.connection_id else ""
        return Confirmation(ticket=ticket, customer=customer.name, adapter=linked.adapter, account=account, before=before)

    def _awaiting(self, step: Step, answer: str, browser: str) -> dict[str, Any]:
        if len(browser) < _BROWSER_LEAST:
            raise ConfigError("the browser must be told from others by a random text")
        until = self._now() + int(_ANSWER_SECONDS * 1000)
        return {"step": step, "state_hash": hash_of(answer), "state_until": until, "browser_hash": hash_of(browser)}

    async def _awaited(self, answer: str, browser: str, step: Step) -> Invitation:
        found = await self._database.find_invitation(state_hash=hash_of(answer))
        if found is None or found.step is not step:
            raise InvitationError(
                "this answer is not awaited: it was taken before, or another attempt was begun", hint="Open the link again."
            )
        if not random.compare_digest(found.browser_hash, hash_of(browser)):
            who = await self._customer_of(found)
            await self.auditor.record("connect", who.name, result="refused", detail={"adapter": found.adapter, "why": "another browser"})
            raise InvitationError(
                "this answer belongs to another browser", hint="Open the link again, in one browser from beginning to end."
            )
        if self._now() > min(found.state_until, found.expires_at):
            raise InvitationError(f"this answer comes too late: there are {_MINUTES} minutes for each step", hint="Open the link again.")
        return found

    async def _invitation(self, link: str) -> Invitation:
        found = await self._database.find_invitation(link_hash=hash_of(link))
        if found is None:
            raise InvitationError("this link is not known", hint="Ask for a new one.")
        if found.step is Step.DONE:
            raise InvitationError("this link was used already", hint="Ask for a new one if something is to be changed.")
        if self._now() > found.expires_at:
            raise InvitationError("this link has ended", hint="Ask for a new one.")
        return found

    async def _move(self, old: Invitation, new: Invitation) -> None:
        if not await self._database.change_invitation(old, new):
            raise InvitationError("this link is being used somewhere else at the same time", hint="Open the link again.")

    def _link(self, invitation: Invitation) -> Link | None:
        return link_of(invitation.role, invitation.adapter, self._values(invitation, later=True))

    def _values(self, invitation: Invitation, *, later: bool = False) -> dict[str, Any]:
        """The adapter's options, secret ones too, in their own types."""
        known = {**invitation.options, **_without(opened_of(self._vault, invitation), _VERIFIER)}
        return checked(invitation.role, invitation.adapter, known, later=later)

    async def _customer(self, name: str) -> Customer:
        customer = await self._database.find_customer(name=name) if name else None
        if customer is None:
            raise ConfigError(f"there is no customer {name}", hint="`archiver customers list` shows them.")
        return customer

    async def _customer_of(self, invitation: Invitation) -> Customer:
        customer = await self._database.find_customer(customer_id=invitation.customer_id)
        if customer is None:
            raise InvitationError("the customer of this link was removed")
        return customer

    async def _connection(self, customer: Customer, connection_id: int) -> Connection:
        for connection in await self._database.connections(customer_id=customer.id):
            if connection.id == connection_id:
                return connection
        raise ConfigError(f"{customer.name} has no connection {connection_id}", hint="`archiver customers list` shows them.")

    def _now(self) -> Millis:
        return int(self._clock.wall() * 1000)


def _without(texts: Mapping[str, _T], name: str) -> dict[str, _T]:
    return {other: text for other, text in texts.items() if other != name}
