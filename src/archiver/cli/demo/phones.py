"""Companies of the demo with a phone system instead of a folder: a RingCentral on loopback each, in which people call, speak and fax."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from archiver.app import ConnectionSpec
from archiver.sandbox.audit import Expected
from archiver.sandbox.ringcentral import GroupLimit, RingCentral
from archiver.sandbox.ringcentral.company import silence
from archiver.sandbox.ringcentral.limits import LIMITS

__all__ = ["PhoneCompany", "phone_system"]

_WINDOW = 6.0  # seconds instead of sixty: the numbers of calls are the published ones
_PEOPLE = 3
_POLL_SECONDS = 5.0  # beneath the webhooks


def phone_system() -> RingCentral:
    """A RingCentral with its limits on, ten times as quick as the real one's."""
    limits = {group: GroupLimit(calls=limit.calls, window=_WINDOW, penalty=_WINDOW) for group, limit in LIMITS.items()}
    return RingCentral(limits=limits)


class PhoneCompany:
    """One customer with a phone system.

    Args:
        name: The customer's.
        directory: Where what was said and faxed is kept, for the judge.
        phones: The phone system, which runs.
    """

    def __init__(self, name: str, directory: Path, phones: RingCentral) -> None:
        self.name = name
        self._directory = directory
        self._phones = phones
        self._people = [phones.office.add_extension(str(101 + number), f"Agent {101 + number}") for number in range(_PEOPLE)]
        self._login = phones.login()
        self._expected: list[Expected] = []

    def source(self) -> ConnectionSpec:
        """How Archiver is connected to it."""
        options = {"client_id": self._login.client_id, "base_url": self._phones.url, "poll_interval": f"{_POLL_SECONDS}"}
        secrets = {"client_secret": self._login.client_secret, "jwt": self._login.jwt}
        return ConnectionSpec(adapter="ringcentral", options={**options, "kinds": "recording,voicemail,fax"}, secrets=secrets)

    def expected(self) -> Iterator[Expected]:
        """What must be archived."""
        return iter(self._expected)

    def make(self, count: int) -> None:
        """So many calls end, voicemails are left and faxes come."""
        for _ in range(count):
            self._happen(len(self._expected))

    def _happen(self, number: int) -> None:
        office, person = self._phones.office, self._people[number % _PEOPLE]
        data = silence(f"{self.name} {number}", frames=40 + number % 80)
        match number % 3:
            case 0:
                external_id = office.add_call(person, [data]).id
            case 1:
                message = office.add_message(person, "VoiceMail")
                office.attach(message, "AudioRecording", "audio/mpeg", data, seconds=7)
                external_id = str(message.id)
            case _:
                data = b"%PDF-1.4\n% fax " + f"{self.name} {number}\n".encode() + bytes(2000) + b"\n%%EOF\n"
                message = office.add_message(person, "Fax")
                office.attach(message, "RenderedDocument", "application/pdf", data)
                external_id = str(message.id)
        path = self._directory / f"{external_id}.bin"
        path.write_bytes(data)
        digest = sha256(data).hexdigest()
        self._expected.append(Expected(account=self.name, external_id=external_id, path=path, size=len(data), sha256=digest))
