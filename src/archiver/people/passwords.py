"""Passwords: what one must be like, and the hash that is kept of it (argon2id, the second profile of RFC 9106)."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from archiver.errors import ConfigError

__all__ = ["LEAST", "MOST", "Passwords", "check_password"]

LEAST = 12
"""Characters that a password has at least …"""
MOST = 128
"""… and at most: a longer one only makes work."""
_VARIETY = 6  # different characters
_AT_ONCE = 2  # hashes of 64 MiB each
# Those of the commonly used passwords that are long enough to be tried at all; shorter ones fail for their length.
_COMMON = """
123456789012 1234567890123 12345678901234 123456789012345 1234567890123456 password1234 password12345 password123456
passwordpassword qwertyuiop12 qwertyuiop123 qwertyuiop[] qwerty123456 qwertyuiopasdf 1qaz2wsx3edc 1q2w3e4r5t6y 1q2w3e4r5t6y7u
administrator administrator1 adminadmin12 letmeinletmein welcome12345 welcome123456 changeme1234 changemeplease iloveyou1234
iloveyou12345 sunshine1234 football1234 baseball1234 princess1234 superman1234 trustno1trustno1 correcthorsebatterystaple
abcdefghijkl abcdefgh1234 abcd12345678 asdfghjkl123 zxcvbnm12345 987654321012 archiver1234 archiverarchiver
"""
_HINT = "Three or four words that have nothing to do with each other."


def check_password(password: str, name: str) -> None:
    """Refuses what is guessed first.

    Raises:
        ConfigError: It is too short, too long, too simple, or much used.
    """
    if not LEAST <= len(password) <= MOST:
        raise ConfigError(f"a password has {LEAST} to {MOST} characters", hint=_HINT)
    plain = password.casefold()
    besides = plain.replace(name.casefold(), "") if len(name) >= 4 else plain
    if plain in _COMMON.split() or len(set(plain)) < _VARIETY or len(besides) <= 4:
        raise ConfigError("this password is among the first that are guessed", hint=_HINT)


class Passwords:
    """Hashes and compares, off the event loop and few at a time: each takes 64 MiB for a tenth of a second."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """The hash that is kept."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, kept: str, password: str) -> bool:
        """Whether the password is the one of the hash. For an empty hash the same work is done, and the answer is no."""
        if len(password) > MOST:
            return False
        if not kept and not self._nobodys:
            self._nobodys = await self.hash("nobody has this password")
        async with self._turn:
            return await asyncio.to_thread(self._verify, kept or self._nobodys, password) and bool(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False
