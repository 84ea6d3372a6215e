"""The Helm chart, rendered; and by Helm itself where that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from archiver.cli import COMMANDS
from archiver.console.listening import Listening
from archiver.settings import load
from support.charts import rendered

CHART = Path(__file__).parent.parent.parent / "deploy" / "helm" / "archiver"
HELM = shutil.which("helm") or ""
ON_SQLITE = {"database": {"secret": ""}}


def one(kind: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """The one object of a kind."""
    (found,) = [made for made in rendered(CHART, values or {}) if made["kind"] == kind]
    return found


def pod(values: dict[str, Any] | None = None) -> dict[str, Any]:
    """The pod that the Deployment makes."""
    spec = one("Deployment", values)["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


def container(values: dict[str, Any] | None = None) -> dict[str, Any]:
    """Its one container."""
    (made,) = pod(values)["containers"]
    return dict(made)


def test_on_postgresql_there_are_several_workers() -> None:
    """A Deployment whose pods need no name that stays, rolled one by one, with nothing to keep."""
    deployment = one("Deployment")
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]["type"]) == (2, "RollingUpdate")
    assert {made["kind"] for made in rendered(CHART, {})} == {"Deployment", "PodDisruptionBudget", "NetworkPolicy"}
    assert {volume["name"]: "emptyDir" in volume for volume in pod()["volumes"]} == {"home": True, "credentials": False, "tmp": True}
    text = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    assert "StatefulSet" not in re.sub(r"#.*", "", text)
    assert "metadata.name" not in text.replace("kubernetes.io/metadata.name", ""), "no identity from a pod's name"


def test_on_sqlite_there_is_one() -> None:
    """The old one ends before the new one starts, and both have the same volume."""
    deployment = one("Deployment", ON_SQLITE | {"replicas": 5})
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})
    claim = one("PersistentVolumeClaim", ON_SQLITE)
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    (home,) = [volume for volume in pod(ON_SQLITE)["volumes"] if volume["name"] == "home"]
    assert home["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert "ARCHIVER_DATABASE" not in [variable["name"] for variable in container(ON_SQLITE)["env"]]


def test_it_has_time_to_drain() -> None:
    """SIGTERM is what drains: 45 seconds, and no preStop before it."""
    assert pod()["terminationGracePeriodSeconds"] == 45 >= load(environment={}).drain_seconds + 20
    assert "lifecycle" not in container()
    assert container()["args"][0] in COMMANDS


def test_probes_ask_where_health_is_served() -> None:
    """Alive and ready are two questions: a database that is away restarts nothing."""
    made = container()
    paths = {probe: made[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    variables = {variable["name"]: variable.get("value") for variable in made["env"]}
    assert variables["ARCHIVER_METRICS"] == f"0.0.0.0:{made['ports'][0]['containerPort']}"
    assert {made[probe]["httpGet"]["port"] for probe in paths} == {made["ports"][0]["name"]}
    assert made["startupProbe"]["periodSeconds"] * made["startupProbe"]["failureThreshold"] >= 120, "a migration may take its time"


def test_it_may_do_little() -> None:
    """Not root, no privileges, nothing to write but its volumes, no token of Kubernetes."""
    spec, made = pod(), container()
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert made["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert made["resources"]["limits"]["memory"]
    assert {mount["name"] for mount in made["volumeMounts"] if not mount.get("readOnly")} == {"home", "tmp"}


def test_secrets_come_from_secrets() -> None:
    """The database's address and the key; the key is mounted where a file's mode is not asked for."""
    made = container()
    variables = {variable["name"]: variable for variable in made["env"]}
    assert variables["ARCHIVER_DATABASE"]["valueFrom"]["secretKeyRef"] == {"name": "archiver-database", "key": "url"}
    (mount,) = [mount for mount in made["volumeMounts"] if mount["name"] == "credentials"]
    assert mount["mountPath"] == variables["CREDENTIALS_DIRECTORY"]["value"]
    (volume,) = [volume for volume in pod()["volumes"] if volume["name"] == "credentials"]
    assert volume["secret"]["secretName"] == "archiver-key"


def test_settings_become_variables() -> None:
    """Each by its name; together they can be."""
    values = {"settings": {"uploads_in_flight": 500, "bytes_in_flight": "64MiB", "console": "0.0.0.0:8470"}}
    variables = {variable["name"]: variable["value"] for variable in container(values)["env"] if "value" in variable}
    settings = load(environment={name: value for name, value in variables.items() if name.startswith("ARCHIVER_")})
    assert (settings.uploads_in_flight, settings.bytes_in_flight, settings.log_format) == (500, 64 * 2**20, "json")


def test_the_console_is_behind_a_proxy() -> None:
    """With its address and the proxy's, a Service to reach it by, and a way through the network policy; off unless it is wanted."""
    values = {"console": {"enabled": True}}
    made = container(values)
    variables = {variable["name"]: variable.get("value") for variable in made["env"]}
    settings = load(environment={name: value for name, value in variables.items() if value and name.startswith("ARCHIVER_CONSOLE")})
    listening = Listening.of(settings)
    assert (listening.url, listening.port, listening.secure) == ("https://archive.example.com", 8470, True)
    service = one("Service", values)["spec"]
    assert service["ports"][0]["targetPort"] in [port["name"] for port in made["ports"]]
    assert service["selector"] == one("Deployment")["spec"]["selector"]["matchLabels"]
    assert {"port": "console"} in [rule["ports"][0] for rule in one("NetworkPolicy", values)["spec"]["ingress"]]


def test_policies_choose_its_pods() -> None:
    """Disruption and network alike; each can be switched off."""
    labels = one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    policy = one("NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert policy["ingress"][0]["ports"] == [{"port": "metrics"}]
    assert "169.254.0.0/16" in policy["egress"][0]["to"][0]["ipBlock"]["except"], "the cloud's metadata service has its keys"
    off = {"podDisruptionBudget": {"enabled": False}, "networkPolicy": {"enabled": False}}
    assert {made["kind"] for made in rendered(CHART, off)} == {"Deployment"}


@pytest.mark.skipif(not HELM, reason="helm is not installed, and no package index has it: the templates are rendered by support.charts")
@pytest.mark.parametrize("flags", [(), ("--set", "database.secret=")])
def test_helm_accepts_it(flags: tuple[str, ...]) -> None:
    """Lint and template, on either database."""
    for command in (["lint", "--strict"], ["template", "release"]):
        subprocess.run([HELM, *command, str(CHART), *flags], check=True, capture_output=True)
