"""The image and the compose file. Where no Docker engine is at hand they are only read: nothing is built here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from archiver.cli import COMMANDS
from archiver.settings import load

ROOT = Path(__file__).parent.parent.parent
DOCKER = ROOT / "deploy" / "docker"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each on one line, without comments."""
    text = re.sub(r"^#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines)]


def last(name: str) -> str:
    """What an instruction of the last stage says."""
    return [rest for found, rest in instructions() if found == name][-1]


def test_the_image_runs_as_nobody_in_particular() -> None:
    """Two stages, the second without the sources; a user of its own that owns only the volume."""
    stages = [rest for name, rest in instructions() if name == "FROM"]
    assert len(stages) == 2
    assert len({stage.split()[0] for stage in stages}) == 1, "what was compiled runs on the same"
    assert all(":" in stage and ":latest" not in stage for stage in stages)
    assert last("USER") == "10001:10001"
    assert last("COPY").startswith("--from=build ")
    assert last("VOLUME") == "/var/lib/archiver"


def test_signals_reach_the_process() -> None:
    """No shell stands between; SIGTERM drains."""
    assert json.loads(last("ENTRYPOINT")) == ["archiver"]
    assert json.loads(last("CMD"))[0] in COMMANDS
    assert last("STOPSIGNAL") == "SIGTERM"


def test_its_health_is_asked() -> None:
    """By a command that there is, where the image's own settings serve health; a drain is no reason to kill it."""
    words = json.loads(last("HEALTHCHECK").partition(" CMD ")[2])
    assert words[:2] == ["archiver", "healthcheck"]
    assert words[1] in COMMANDS
    assert "--live" in words
    settings = load(environment=dict(re.findall(r"(ARCHIVER_\w+)=(\S+)", last("ENV"))))
    assert settings.metrics


def test_only_what_is_needed_is_sent_to_the_engine() -> None:
    """Everything that is copied in is let through, and nothing else."""
    lines = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {word for name, rest in instructions() if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]}
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)
    assert "*" in lines


def test_what_is_installed_is_what_was_tested() -> None:
    """The sed line of the image makes a version of each locked package, and the extras that it asks for are ones."""
    pattern = re.compile(r"^([A-Za-z0-9._-]*==[^ ;]*).*")
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pinned = [found[1] for line in lines if (found := pattern.match(line))]
    assert len(pinned) == sum("==" in line and not line.startswith((" ", "#")) for line in lines) > 50
    (pip,) = [rest for name, rest in instructions() if name == "RUN" and "pip install" in rest]
    assert r"sed -n 's/^\([A-Za-z0-9._-]*==[^ ;]*\).*/\1/p' requirements.lock" in pip
    extras = re.search(r"\.\[([\w,]+)\]", pip)
    assert extras
    known = re.search(r"^\[project.optional-dependencies\]\n(.*?)\n\n", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE)
    assert known
    assert set(extras[1].split(",")) <= {line.partition(" ")[0] for line in known[1].splitlines()}


def compose() -> dict[str, Any]:
    """The compose file."""
    loaded = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_the_services() -> None:
    """Archiver waits for its database, has time to drain, writes nowhere but into its volume; the sandbox shares its loopback."""
    services = compose()["services"]
    archiver, sandbox = services["archiver"], services["sandbox"]
    assert archiver["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert "healthcheck" in services["postgres"]
    assert int(archiver["stop_grace_period"].removesuffix("s")) >= 30
    for service in (archiver, sandbox):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert sandbox["network_mode"] == "service:archiver"
    assert sandbox["command"][0] in COMMANDS
    assert set(compose()["volumes"]) == {"postgres", "archiver"}


def test_its_settings_are_ones_and_no_password_stands_there() -> None:
    """Every variable is a setting; what is secret is asked of whoever starts it."""
    services = compose()["services"]
    variables = {name: value for name, value in services["archiver"]["environment"].items() if name.startswith("ARCHIVER_")}
    assert load(environment=variables).metrics == "0.0.0.0:9464"
    secrets = [services["archiver"]["environment"]["PGPASSWORD"], services["postgres"]["environment"]["POSTGRES_PASSWORD"]]
    assert all(secret.startswith("${POSTGRES_PASSWORD:?") for secret in secrets)
    assert all("://archiver@" in value for value in [variables["ARCHIVER_DATABASE"]])
