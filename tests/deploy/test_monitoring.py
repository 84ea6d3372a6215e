"""The alert rules and the dashboard: promtool accepts them, and every metric they name is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from archiver.database.port import Totals
from archiver.model import ConnectionState
from archiver.observe.gauges import Gauges
from archiver.observe.metrics import Metrics
from archiver.pipeline.drawing import Cloud, Drawing, Edge, Stage
from archiver.pipeline.events import Event
from archiver.snapshot import Snapshot

ROOT = Path(__file__).parent.parent.parent
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "archiver.json"
PROMTOOL = shutil.which("promtool") or ""
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="promtool (Debian's package prometheus) is not installed")

_OF_PROMETHEUS = frozenset({"job", "instance"})  # labels that every series gets from it


def told() -> dict[str, set[str]]:
    """Every metric that a process tells, with its labels: after one of each event, and with a drawing that has everything in it."""
    edge = Edge(giver="Fetcher", taker="Uploader")
    gauges = Gauges(Path())
    gauges.latest = Snapshot(
        at=1,
        serving=True,
        totals=Totals(states={ConnectionState.QUOTA_FULL: 1}),
        drawing=Drawing(
            stages=(Stage(name="Uploader", most=10),),
            edges=(edge,),
            clouds=(Cloud(provider="dropbox", lanes=1, throttled=0, in_flight=0, calls=0, calls_per_second=0.0, edge=edge),),
        ),
    )
    metrics = Metrics("1", [gauges])
    for kind in get_args(Event):
        metrics.listen(_one_of(kind))
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.page().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def _one_of(kind: type) -> Any:
    """An event of a kind, whatever is in it."""
    fields = {}
    for field in msgspec.structs.fields(kind):
        choices = list(field.type) if hasattr(field.type, "__members__") else []
        fields[field.encode_name] = choices[0] if choices else {int: 1, float: 1.0, str: "x", bool: True}[field.type]
    return kind(**fields)


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    return [rule for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """Every expression of the rules and the dashboard."""
    yield from (rule["expr"] for rule in rules())
    dashboard = json.loads(DASHBOARD.read_text())
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    yield from (annotation["expr"] for annotation in dashboard["annotations"]["list"])
    yield from (re.sub(r"label_values\((\w+), (\w+)\)", r"\1", one["query"]["query"]) for one in dashboard["templating"]["list"][1:])


def used(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of an expression, each with the labels that it is chosen by."""
    for name, _, chosen in re.findall(r"\b((?:archiver|stage|process|python)_\w+)(\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)\s*[=!]", chosen))


def test_every_metric_that_is_named_is_one() -> None:
    """With the labels that it is chosen and summed by: a dashboard that shows nothing looks as if nothing were wrong."""
    known = told()
    names = 0
    for expression in expressions():
        metrics = dict(used(expression))
        names += len(metrics)
        assert metrics, expression
        for name, labels in metrics.items():
            assert name in known, f"{name} in {expression}"
            assert labels <= known[name] | _OF_PROMETHEUS, expression
        labels = set().union(*(known[name] for name in metrics)) | _OF_PROMETHEUS
        for summed in re.findall(r"\bby \(([^)]*)\)", expression):
            assert {label.strip() for label in summed.split(",")} <= labels, expression
    assert names > 40


def test_every_alert_tells_a_person_what_it_is() -> None:
    """A name, a severity, a sentence, what it means; and docs/operations.md says what to do."""
    operations = (ROOT / "docs" / "operations.md").read_text()
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert f"`{rule['alert']}`" in operations


def test_every_metric_is_documented() -> None:
    """docs/metrics.md has a row for each that is ours, and none for one that is not."""
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told() if name.startswith(("archiver_", "stage_"))}
    assert documented == ours


def test_the_dashboard_can_be_imported() -> None:
    """Panels have numbers of their own and do not overlap; the source of the data is asked for."""
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert all(panel["title"] for panel in panels)


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    """Their language, and what they say of histories that were made up."""
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "rules.test.yml"]):
        done = subprocess.run([PROMTOOL, *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_the_page() -> None:
    """Names, units, types and help of what a process tells are as Prometheus wants them."""
    page = Metrics("1", [Gauges(Path())]).page()
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode(), done.stdout.decode()) == (0, "", "")


@needs_promtool
def test_promtool_accepts_the_dashboards_expressions(tmp_path: Path) -> None:
    """Each as a rule of its own, with Grafana's variables filled in."""
    dashboard = json.loads(DASHBOARD.read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    filled = [text.replace("$__rate_interval", "5m").replace("$job", "archiver") for text in shown]
    records = [{"record": f"a:{number}", "expr": text} for number, text in enumerate(filled)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": records}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
