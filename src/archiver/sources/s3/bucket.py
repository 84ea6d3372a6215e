"""The two calls: list keys in their order, read an object."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
from yarl import URL

from archiver.errors import ArchiverError, ConfigError, MisconfiguredError, ReconnectNeededError, SourceGoneError, SourceThrottledError
from archiver.http.replies import NETWORK_ERRORS, beginning, network_error, retry_after
from archiver.s3.signing import EMPTY_SHA256, Keys, Signer
from archiver.s3.xml import field
from archiver.sources.port import Context
from archiver.sources.replies import refusal
from archiver.sources.s3.objects import Listing, listing_of
from archiver.sources.s3.settings import S3Settings

__all__ = ["Bucket"]

_PAGE_KEYS = 1000
_CHUNK_BYTES = 1024 * 1024
_LIMITS = aiohttp.ClientTimeout(total=None, sock_connect=30.0, sock_read=60.0)
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_THROTTLES = frozenset({"SlowDown", "Throttling", "RequestLimitExceeded", "TooManyRequests"})
_KEYS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"})
_SETTINGS = frozenset({"NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "AuthorizationHeaderMalformed", "RequestTimeTooSkewed"})


class Bucket:
    """One bucket, read only.

    Args:
        context: Clock and HTTP session.
        settings: Where it is.
        keys: What it is opened with.
    """

    def __init__(self, context: Context, settings: S3Settings, keys: Keys) -> None:
        if context.http is None:
            raise ConfigError("the source s3 needs an HTTP session")
        self._http = context.http
        self._clock = context.clock
        self._settings = settings
        self._signer = Signer(keys, settings.region)

    def __repr__(self) -> str:
        return f"Bucket({self._settings.url!r})"

    async def list(self, after: str) -> Listing:
        """The next keys behind one, in the order of their bytes.

        Raises:
            ArchiverError: See `read`.
        """
        query = {"list-type": "2", "max-keys": str(_PAGE_KEYS), "prefix": self._settings.prefix, "start-after": after}
        told = "&".join(f"{name}={quote(query[name], safe='-_.~')}" for name in sorted(query) if query[name])
        async with self._get(f"{self._settings.url}/?{told}", {}) as response:
            body = await response.read()
        return listing_of(re.findall(rb"<Contents>(.*?)</Contents>", body, re.DOTALL), body)

    async def read(self, key: str, etag: str, offset: int) -> AsyncGenerator[bytes, None]:
        """The bytes of one version of an object from an offset on.

        Raises:
            SourceGoneError: It is not there any more, or has other bytes now.
            SourceThrottledError: Its turn comes later.
            ReconnectNeededError, MisconfiguredError: The keys do not hold, or not here.
            TransientError, UnavailableError: Not now.
        """
        headers = {"if-match": f'"{etag}"'} | ({"range": f"bytes={offset}-"} if offset else {})
        async with self._get(f"{self._settings.url}/{quote(key, safe='/-_.~')}", headers) as response:
            while response.status != 416 and (chunk := await response.content.read(_CHUNK_BYTES)):
                yield chunk

    @asynccontextmanager
    async def _get(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        signed = self._signer.sign("GET", url, headers, EMPTY_SHA256, self._clock.wall())
        try:
            async with self._http.get(URL(url, encoded=True), headers=signed, timeout=_LIMITS, allow_redirects=False) as response:
                if response.status not in {200, 206, 416}:
                    raise self._refused(response.status, response.headers, await beginning(response))
                yield response
        except NETWORK_ERRORS as error:
            # Its attributes hold the request's headers, and so the signature.
            raise network_error(error, "S3", "a read", "the options endpoint and region") from None

    def _refused(self, status: int, headers: Mapping[str, str], body: bytes) -> ArchiverError:
        code = field(body, "Code") if b"<Error" in body else ""
        code = code if _CODE.fullmatch(code) else ""
        if code in _THROTTLES or (status == 503 and not code):
            wait = retry_after(headers.get("Retry-After", ""), self._clock.wall())
            return SourceThrottledError(f"S3 asks for time ({code or status})", retry_after=5.0 if wait is None else wait)
        if code in _KEYS:
            return ReconnectNeededError(f"S3 does not take the keys ({code})", hint="Give the keys of this source anew.")
        if code in _SETTINGS:
            return MisconfiguredError(f"S3 does not find the bucket so ({code})", hint="Check bucket, region, endpoint, and the clock.")
        if status == 412:
            return SourceGoneError("the object has other bytes now, which are an item of their own")
        return refusal("S3", status, headers, self._clock.wall(), code)
