"""Which accounts there are: the one that was named, and its subaccounts."""

from __future__ import annotations

from collections.abc import Mapping

from archiver.errors import MisconfiguredError, ReconnectNeededError
from archiver.sources.twilio.api import VERSION, Api, rows_of
from archiver.sources.twilio.settings import TwilioSettings
from genstage.clock import Clock

__all__ = ["Accounts"]

_LOOK_SECONDS = 900.0  # between two looks at who there is
_HINT = "API keys do not open subaccounts: give the auth token, or leave them out with subaccounts=false."


class Accounts:
    """The accounts that are fetched, as of some minutes ago.

    Args:
        api: Makes the calls.
        settings: Whether there are subaccounts.
        clock: Time.
    """

    def __init__(self, api: Api, settings: TwilioSettings, clock: Clock) -> None:
        self._api = api
        self._settings = settings
        self._clock = clock
        self._names: dict[str, str] = {settings.account: ""}
        self._looked_at = float("-inf")

    @property
    def again_in(self) -> float:
        """Seconds until the next look at who there is; infinite if there is nobody to look for."""
        return self._looked_at + _LOOK_SECONDS - self._clock.time() if self._settings.subaccounts else float("inf")

    async def names(self) -> Mapping[str, str]:
        """What they are called, by their SIDs, the main account first.

        Raises:
            MisconfiguredError: The key may read the account, but not list its subaccounts.
            ArchiverError: See `archiver.sources.twilio.api.Api.ask`.
        """
        if self._settings.subaccounts and self.again_in <= 0:
            self._names = await self._list()
            self._looked_at = self._clock.time()
        return self._names

    async def _list(self) -> dict[str, str]:
        own = self._settings.account
        found = {own: ""}
        address = f"{VERSION}/Accounts.json?PageSize=1000"
        while address:
            try:
                answer = await self._api.ask(address)
            except (ReconnectNeededError, MisconfiguredError) as error:
                if not self._settings.has_key:
                    raise
                # Twilio answers 401 to a key that may not, and to one that is none: does it open the account?
                await self._api.ask(f"{VERSION}/Accounts/{own}/Messages.json?PageSize=1")
                raise MisconfiguredError("the key may not list subaccounts", hint=_HINT) from error
            for row in rows_of(answer, "accounts"):
                if row.get("sid") and row.get("status") != "closed":  # what a closed one had, Twilio gives nobody any more
                    found[str(row["sid"])] = str(row.get("friendly_name") or "")
            address = str(answer.get("next_page_uri") or "")
        return found
