"""What PostgreSQL does with a statement: through which indexes, and how much it reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

__all__ = ["Values", "indexes", "plan", "rows"]

Values = Sequence[object] | Mapping[str, object] | None


def plan(raw: psycopg.Connection[Any], statement: str, values: Values, mode: str) -> list[dict[str, Any]]:
    """The nodes of what PostgreSQL did, each with the rows that it looked at."""
    with raw.transaction(force_rollback=True):
        raw.execute(sql.SQL("SET LOCAL plan_cache_mode = {}").format(mode))
        # Prepared, since only then may a plan be one for any values.
        cursor = raw.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), values, prepare=True)
        ((document,),) = cursor.fetchall()
    nodes: list[dict[str, Any]] = []

    def visit(node: dict[str, Any]) -> None:
        nodes.append(node)
        for child in node.get("Plans", []):
            visit(child)

    visit((json.loads(document) if isinstance(document, str) else document)[0]["Plan"])
    return nodes


def indexes(nodes: Sequence[dict[str, Any]]) -> set[str]:
    """The indexes that were used."""
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def rows(nodes: Sequence[dict[str, Any]]) -> float:
    """How many rows were looked at in tables and indexes."""
    scans = [node for node in nodes if "Relation Name" in node and node["Node Type"].endswith("Scan")]
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)) * node["Actual Loops"]
        for node in scans
    )
