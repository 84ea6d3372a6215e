"""The file with the keys: one a line, the first one seals, nobody else may read it. Changed by putting a whole new one in its place."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

from archiver.errors import ConfigError

__all__ = ["create_file", "file_state", "is_credential", "read_file", "write_file"]

_REMARK = "# Seals the credentials that Archiver keeps. Without it they are lost: keep a copy elsewhere.\n"


def file_state(path: Path) -> tuple[int, int] | None:
    """Differs once the file is another one; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def read_file(path: Path) -> list[str]:
    """The lines of a key file that nobody else may read, without remarks.

    Raises:
        ConfigError: There is none, others may read it, or it cannot be read.
    """
    try:
        with path.open(encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077 and not is_credential(path):
                raise ConfigError(f"the key file {path} may be read by others (mode {mode:04o})", hint=f"chmod 600 {path}")
            return [line for line in file.read().splitlines() if line.strip() and not line.startswith("#")]
    except FileNotFoundError:
        raise ConfigError(f"the key file {path} does not exist", hint="Bring it back, or set ARCHIVER_KEY.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the key file {path} cannot be read: {type(error).__name__}") from None


def is_credential(path: Path) -> bool:
    """Whether systemd handed the file to this service (systemd.exec(5), "Credentials").

    Then only this service can reach it, by an access list whose mask looks like rights of the group. It cannot be written.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return bool(directory) and path.parent == Path(directory)


def create_file(path: Path, key: str) -> None:
    """Makes a key file unless there is one; two processes at once end up with the same.

    Raises:
        ConfigError: It cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = _draft(path, [key])
        try:
            os.link(draft, path)  # fails if somebody was faster, where a rename would replace their key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise ConfigError(
            f"the key file {path} cannot be made: {type(error).__name__}", hint="Set ARCHIVER_KEY or ARCHIVER_KEY_FILE."
        ) from None


def write_file(path: Path, keys: Sequence[str]) -> None:
    """Puts a file with these keys in the place of the old one, at once: a kill leaves the one or the other.

    Raises:
        ConfigError: It cannot be written.
    """
    if is_credential(path):
        raise ConfigError(
            f"the key file {path} is given by systemd and cannot be changed here", hint="Change the file that the unit names."
        )
    try:
        _draft(path, keys).replace(path)
    except OSError as error:
        raise ConfigError(f"the key file {path} cannot be written: {type(error).__name__}") from None


def _draft(path: Path, keys: Sequence[str]) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write(_REMARK + "".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    return draft
