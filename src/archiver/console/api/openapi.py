"""The description of the API (OpenAPI 3.1), made of the table: what is described is what is there."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import Any

import msgspec

from archiver.console.api.shapes import Problem
from archiver.console.api.table import OPERATIONS, Operation

__all__ = ["description"]

_ABOUT = "Everything that the console does, for programs. Times are milliseconds since the epoch, UTC; sizes are bytes."


@cache
def description() -> dict[str, Any]:
    """The whole of it, but for where it is served."""
    types = [kind for operation in OPERATIONS for kind in (operation.gives, operation.takes) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template="#/components/schemas/{name}")
    known = iter(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        gives = next(known) if operation.gives is not None else None
        takes = next(known) if operation.takes is not None else None
        paths.setdefault(f"/api/v1{operation.path}", {})[operation.method.lower()] = _operation(operation, gives, takes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Archiver", "version": "1", "description": _ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "security": [{"key": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key that an admin made: arc_…"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-archiver", "description": "A browser that has logged in."},
            },
        },
    }


def _operation(operation: Operation, gives: Any, takes: Any) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", operation.path)
    path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names]
    query = [{"name": one.name, "in": "query", "description": one.help, "schema": one.schema} for one in operation.query]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    done = {"description": "Done.", "content": {"application/json": {"schema": gives}}} if gives else {"description": "Done."}
    described: dict[str, Any] = {
        "operationId": operation.answer.__name__,
        "summary": inspect.getdoc(operation.answer),
        "description": f"Needs the rank {operation.rank}.",
        "responses": {"200" if gives else "204": done, "default": {"description": "Why it was not done.", "content": problem}},
    }
    if path or query:
        described["parameters"] = [*path, *query]
    if takes:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": takes}}}
    return described
