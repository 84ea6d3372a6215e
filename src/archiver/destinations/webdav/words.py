"""What refusals of WebDAV mean: the status says everything, and `archiver.destinations.objects.errors` does the rest."""

from __future__ import annotations

from archiver.destinations.objects.calls import Answer
from archiver.destinations.objects.errors import Dialect, InTheWayError, NotThereError
from archiver.errors import MisconfiguredError, QuotaFullError, ReconnectNeededError, RejectedError, TransientError

__all__ = ["DIALECT", "code_of"]

_WORDS = {
    **dict.fromkeys((301, 302, 303, 305, 307, 308), "Redirect"),
    **dict.fromkeys((400, 414, 415, 422), "BadName"),
    401: "Unauthorized",
    402: "InsufficientStorage",
    403: "Forbidden",
    404: "NotFound",
    405: "NoWebDav",
    409: "NotFound",
    410: "NotFound",
    412: "InTheWay",
    413: "TooLarge",
    423: "Locked",
    424: "Locked",
    501: "NoWebDav",
    502: "BadGateway",
    507: "InsufficientStorage",
}

DIALECT = Dialect(
    provider="the WebDAV server",
    options="the option url",
    throttles=frozenset(),
    meanings={
        "Redirect": (MisconfiguredError, "It sends us elsewhere, and passwords do not follow; set the option url to the address itself."),
        "BadName": (RejectedError, "The server does not take this name."),
        "Unauthorized": (ReconnectNeededError, "Give the user's name and password, or the token, anew."),
        "Forbidden": (MisconfiguredError, "Check that the account may make, move and delete files in the folder of the option url."),
        "NotFound": (NotThereError, ""),
        "NoWebDav": (MisconfiguredError, "Nothing there speaks WebDAV; check the option url."),
        "InTheWay": (InTheWayError, "Something else stands where this item belongs; move it away, then retry."),
        "TooLarge": (RejectedError, "The server, or a proxy before it, limits the size of files."),
        "Locked": (TransientError, "Somebody has locked it; it is tried again."),
        "BadGateway": (
            TransientError,
            "If that does not end by itself: a proxy changes the host's name, and the server refuses to move files.",
        ),
        "InsufficientStorage": (QuotaFullError, "Make room; the lane goes on by itself."),
    },
)


def code_of(answer: Answer) -> str:
    """Our word for a status."""
    return _WORDS.get(answer.status, "")
