"""Real IMAP servers on 127.0.0.1, each in a process of its own: pymap, which is a package for Python, and Dovecot where it is installed.

Mails are put into them, and taken away, by Python's ``imaplib``, so that another client than ours says what is there.
"""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from support.seaweed import free_ports

__all__ = ["PASSWORD", "USER", "MailServer", "dovecot_is_here", "mail_of"]

USER = "acme@example.com"
PASSWORD = "canary-imap-password-0123456789"
_START_SECONDS = 30.0
_PYMAP = """
from pymap.main import main
from pysasl.hashing import BuiltinHash
BuiltinHash.__init__.__kwdefaults__["rounds"] = 1  # half a million rounds cost each log-in a third of a second
main()
"""
_DOVECOT = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
_CONFIGURATION = """
base_dir = {place}/run
state_dir = {place}/state
log_path = {place}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{place}/server.pem
ssl_key = <{place}/server.pem
mail_location = maildir:{place}/mail/%u
default_login_user = {guest}
default_internal_user = {guest}
auth_mechanisms = plain xoauth2
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={place}/mail/%u
}}
first_valid_uid = 1
mail_max_userip_connections = 50
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


def dovecot_is_here() -> bool:
    """Whether Dovecot is installed, and may be started: it changes users, which only root can."""
    return _DOVECOT is not None and os.geteuid() == 0


def mail_of(name: str, *attachments: tuple[str, str, bytes], subject: str = "New fax message from (650) 555-0100", **headers: str) -> bytes:
    """A mail as a fax service sends it.

    Args:
        name: Its Message-ID.
        attachments: Of each the media type, the name and the bytes.
        subject: Its subject.
        headers: More of them.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "Fax Service <fax@service.example>"
    mail["To"] = USER
    mail["Subject"] = subject
    mail["Date"] = "Tue, 24 Nov 2026 10:30:00 +0100"
    if name:
        mail["Message-ID"] = f"<{name}>"
    for header, value in headers.items():
        mail[header.replace("_", "-")] = value
    mail.set_content("You have received a message. It is attached.\n")
    for media_type, file_name, data in attachments:
        main, _, sub = media_type.partition("/")
        mail.add_attachment(data, maintype=main, subtype=sub, filename=file_name)
    return mail.as_bytes()


class MailServer:
    """``with MailServer("pymap") as server``: runs until the end of the block.

    Args:
        kind: ``pymap`` or ``dovecot``.

    Attributes:
        port: Where it speaks without TLS, and offers STARTTLS.
        tls_port: Where it speaks TLS from the beginning; 0 if it does not.
        ca_file: The certificate of who vouches for it.
        place: Where its files are.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.place = Path(tempfile.mkdtemp(prefix="archiver-mail-"))
        self.port, self.tls_port = free_ports(2)
        self.ca_file = self.place / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None
        self._one: imaplib.IMAP4 | None = None
        self._writing = threading.Lock()

    def __enter__(self) -> Self:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(self.place / "server.pem")
        command = self._dovecot() if self.kind == "dovecot" else self._pymap()
        with (self.place / "out").open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out)
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.client().logout()
            except (OSError, imaplib.IMAP4.error) as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    told = "".join(path.read_text()[-2000:] for path in (self.place / "out", self.place / "log") if path.exists())
                    self.__exit__(None, None, None)
                    raise RuntimeError(f"{self.kind} does not start: {told}") from error
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._one is not None:
            self._one.shutdown()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
        shutil.rmtree(self.place, ignore_errors=True)

    def client(self) -> imaplib.IMAP4:
        """Another client, logged in."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        if self.kind == "pymap":
            client.starttls(ssl.create_default_context(cafile=str(self.ca_file)))
        client.login(USER, PASSWORD)
        return client

    def create(self, folder: str) -> None:
        """Makes a folder."""
        self._do("create", folder)

    def renew(self, folder: str) -> None:
        """Takes a folder away, with everything in it, and makes it anew: its numbers mean other mails from then on."""
        before = self._validity(folder)
        while self._validity(folder) == before:
            self._do("delete", folder)
            self._do("create", folder)

    def append(self, folder: str, *mails: bytes) -> None:
        """Mails arrive."""
        with self._writing:
            for mail in mails:
                answer = self._writer().append(folder, "", "", mail)
                assert answer[0] == "OK", answer

    def expunge(self, folder: str, name: str) -> None:
        """Somebody deletes the mail of that Message-ID for good."""
        with self._writing:
            client = self._writer()
            client.select(folder)
            _, found = client.search(None, "HEADER", "Message-ID", f'"<{name}>"')
            for number in found[0].split():
                client.store(number.decode(), "+FLAGS", "\\Deleted")
            client.close()

    def seen(self, folder: str) -> int:
        """How many mails of a folder are marked as read."""
        with self._writing:
            client = self._writer()
            client.select(folder, readonly=True)
            _, found = client.search(None, "SEEN")
            client.close()
            return len(found[0].split())

    def _validity(self, folder: str) -> bytes:
        with self._writing:
            return bytes(self._writer().status(folder, "(UIDVALIDITY)")[1][0])

    def _do(self, what: str, folder: str) -> None:
        with self._writing:
            answer = getattr(self._writer(), what)(folder)
            assert answer[0] == "OK", answer

    def _writer(self) -> imaplib.IMAP4:
        """The one client of whoever changes something."""
        if self._one is None:
            self._one = self.client()
        return self._one

    def _pymap(self) -> list[str]:
        pem = str(self.place / "server.pem")
        server = [sys.executable, "-c", _PYMAP, "--host", "127.0.0.1", "--port", str(self.port), "--cert", pem, "--key", pem]
        self.tls_port = 0
        return [*server, "dict", "--demo-data", "--demo-user", USER, "--demo-password", PASSWORD]

    def _dovecot(self) -> list[str]:
        assert _DOVECOT is not None
        guest = pwd.getpwnam("nobody")
        for path in (self.place, self.place / "mail"):
            path.mkdir(exist_ok=True)
            shutil.chown(path, "nobody")
            path.chmod(0o755)
        written = _CONFIGURATION.format(
            place=self.place,
            guest="nobody",
            password=PASSWORD,
            uid=guest.pw_uid,
            gid=guest.pw_gid,
            plain=self.port,
            tls=self.tls_port,
        )
        (self.place / "dovecot.conf").write_text(written)
        return [_DOVECOT, "-F", "-c", str(self.place / "dovecot.conf")]
