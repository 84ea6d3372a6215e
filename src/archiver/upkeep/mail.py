"""Tells people by mail, through a server that takes it (SMTP). The standard library's client works in a thread."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from archiver.database.port import Channel
from archiver.errors import ConfigError, UnavailableError
from archiver.http.addresses import is_loopback
from archiver.upkeep.notices import Message

__all__ = ["Mail"]

_SECONDS = 20.0  # without an answer of the server
_PORTS = {"smtps": 465, "smtp": 587}


class Mail:
    """The port `archiver.upkeep.notices.Channelled` by SMTP.

    Args:
        server: ``smtps://user:password@host`` or ``smtp://user:password@host:587``, which must offer STARTTLS unless it is this machine.
            Holds a secret, so it is never shown.
        sender: From whom.
        recipients: To whom, with commas between.

    Raises:
        ConfigError: The address cannot be, or somebody is missing.
    """

    channel = Channel.MAIL

    def __init__(self, *, server: str, sender: str, recipients: str) -> None:
        try:
            parts = urlsplit(server)
            port = parts.port
        except ValueError:
            raise ConfigError("the setting notify_smtp is not an address", hint="Such as smtps://user:password@mail.example.com") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigError("the setting notify_smtp must begin with smtps:// or smtp://")
        self._to = [one.strip() for one in recipients.split(",") if one.strip()]
        if not sender or not self._to:
            raise ConfigError("mail needs the settings notify_mail_from and notify_mail_to")
        self._from = sender
        self._host, self._port = parts.hostname, port or _PORTS[parts.scheme]
        self._tls = parts.scheme == "smtps"
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    def __repr__(self) -> str:
        return "Mail(…)"

    async def send(self, message: Message) -> None:
        """Gives the message to the server."""
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = self._from
        mail["To"] = ", ".join(self._to)
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain="archiver.invalid")
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        try:
            await asyncio.to_thread(self._give, mail)
        except (smtplib.SMTPException, OSError) as error:
            # What the server says may repeat what it was told.
            code = getattr(error, "smtp_code", None)
            raise UnavailableError(f"the mail server did not take it ({type(error).__name__}{f', {code}' if code else ''})") from None

    def _give(self, mail: EmailMessage) -> None:
        context = ssl.create_default_context()
        if self._tls:
            connected: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=_SECONDS, context=context)
        else:
            connected = smtplib.SMTP(self._host, self._port, timeout=_SECONDS)
        with connected as server:
            if not self._tls and not is_loopback(self._host):
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
            server.send_message(mail)
