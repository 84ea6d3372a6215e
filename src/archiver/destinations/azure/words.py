"""Azure's language: its codes, translated, and the few fields of its XML that are read. Nothing else here reads a provider's words."""

from __future__ import annotations

import re

from archiver.destinations.objects.calls import Answer
from archiver.destinations.objects.errors import Dialect, InTheWayError, Meaning, NotThereError
from archiver.errors import IntegrityError, MisconfiguredError, ReconnectNeededError, RejectedError, TransientError

__all__ = ["DIALECT", "block_list_xml", "blocks_of", "code_of"]

_KEYS = "Give the account key or the shared access signature anew; is this machine's clock right?"
_PERMISSION = "docs/object-storage.md lists the permissions that are needed; the account's firewall must let this machine in."
_MOVE_AWAY = "Something else stands where this item belongs; move it away, then retry."
_CONTAINER = "Make the container, or check the option container."

_MEANINGS: dict[str, Meaning] = {
    "BlobAlreadyExists": (InTheWayError, _MOVE_AWAY),
    "ConditionNotMet": (InTheWayError, _MOVE_AWAY),
    "TargetConditionNotMet": (InTheWayError, _MOVE_AWAY),
    "BlobImmutableDueToPolicy": (InTheWayError, _MOVE_AWAY),
    "UnauthorizedBlobOverwrite": (InTheWayError, _MOVE_AWAY),
    "InvalidBlobType": (InTheWayError, _MOVE_AWAY),
    "BlobNotFound": (NotThereError, ""),
    "ResourceNotFound": (NotThereError, ""),
    "InvalidBlockList": (NotThereError, ""),
    "InvalidBlobOrBlock": (NotThereError, ""),
    "InvalidBlockId": (NotThereError, ""),
    "Md5Mismatch": (IntegrityError, ""),
    "InvalidMd5": (IntegrityError, ""),
    "OperationTimedOut": (TransientError, ""),
    "InternalError": (TransientError, ""),
    "LeaseIdMissing": (TransientError, ""),
    "AuthenticationFailed": (ReconnectNeededError, _KEYS),
    "InvalidAuthenticationInfo": (ReconnectNeededError, _KEYS),
    "NoAuthenticationInformation": (ReconnectNeededError, _KEYS),
    "AuthorizationFailure": (MisconfiguredError, _PERMISSION),
    "AuthorizationPermissionMismatch": (MisconfiguredError, _PERMISSION),
    "AuthorizationProtocolMismatch": (MisconfiguredError, _PERMISSION),
    "AuthorizationResourceTypeMismatch": (MisconfiguredError, _PERMISSION),
    "AuthorizationServiceMismatch": (MisconfiguredError, _PERMISSION),
    "AuthorizationSourceIPMismatch": (MisconfiguredError, _PERMISSION),
    "InsufficientAccountPermissions": (MisconfiguredError, _PERMISSION),
    "KeyBasedAuthenticationNotPermitted": (MisconfiguredError, "This account takes no account keys; give a shared access signature."),
    "AccountIsDisabled": (MisconfiguredError, "The storage account is disabled; its owner can enable it."),
    "ContainerNotFound": (MisconfiguredError, _CONTAINER),
    "ContainerBeingDeleted": (MisconfiguredError, _CONTAINER),
    "ContainerDisabled": (MisconfiguredError, _CONTAINER),
    "FeatureVersionMismatch": (MisconfiguredError, "Does the container allow version-level immutability, if a retention is set?"),
    "BlockCountExceedsLimit": (RejectedError, ""),
    "RequestBodyTooLarge": (RejectedError, ""),
    "InvalidUri": (RejectedError, ""),
    "InvalidResourceName": (RejectedError, ""),
}

DIALECT = Dialect(
    provider="Azure",
    options="the options account and endpoint",
    throttles=frozenset({"ServerBusy", "TooManyRequests", "AccountIngressLimitExceeded"}),
    meanings=_MEANINGS,
)


def code_of(answer: Answer) -> str:
    """Azure's word for a refusal; a header has it also where there is no body."""
    code = answer.headers.get("x-ms-error-code", "")
    if not code and answer.status == 404:
        return "BlobNotFound"
    return code


def blocks_of(body: bytes) -> dict[str, int]:
    """The blocks of a list that are not committed: their ids and sizes.

    Raises:
        IntegrityError: It is not such a list.
    """
    found = re.search(rb"<UncommittedBlocks>(.*?)</UncommittedBlocks>", body, re.DOTALL)
    blocks = re.findall(rb"<Block>\s*<Name>([^<]*)</Name>\s*<Size>([^<]*)</Size>\s*</Block>", found[1]) if found else []
    try:
        return {name.decode("ascii"): int(size) for name, size in blocks}
    except ValueError:
        raise IntegrityError("Azure lists blocks without name or size") from None


def block_list_xml(names: list[str]) -> bytes:
    """The list of blocks that make the blob."""
    rows = "".join(f"<Uncommitted>{name}</Uncommitted>" for name in names)
    return f'<?xml version="1.0" encoding="utf-8"?><BlockList>{rows}</BlockList>'.encode()
