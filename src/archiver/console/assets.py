"""The console's files: style, scripts, pictures; each under a name with its own hash in it, so that browsers keep it for ever."""

from __future__ import annotations

import gzip
import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["Assets"]

_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
_SMALL = 512  # bytes that are not worth packing


class Assets:
    """Reads every file once, when it is made."""

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}
        self._files: dict[str, tuple[bytes, bytes, str]] = {}
        static = files("archiver.console") / "static"
        for folder in (static, static / "vendor"):
            for file in folder.iterdir():
                if file.name.rpartition(".")[2] in _TYPES:
                    self._add(file)

    def _add(self, file: Traversable) -> None:
        data = file.read_bytes()
        stem, _, kind = file.name.rpartition(".")
        hashed = f"{stem}.{hashlib.sha256(data).hexdigest()[:12]}.{kind}"
        self._paths[file.name] = f"/static/{hashed}"
        packed = gzip.compress(data, mtime=0) if len(data) > _SMALL else b""
        self._files[hashed] = (data, packed, _TYPES[kind])

    def path(self, name: str) -> str:
        """Where a file is served."""
        return self._paths[name]

    def answer(self, name: str, request: Request) -> Response | None:
        """A file, or None if there is none of that name."""
        found = self._files.get(name)
        if found is None:
            return None
        data, packed, kind = found
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        if packed and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type=kind, headers=headers | {"Content-Encoding": "gzip"})
        return Response(data, media_type=kind, headers=headers)
