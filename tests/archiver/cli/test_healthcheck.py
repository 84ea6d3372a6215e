"""``archiver healthcheck``, against a real server of health."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from archiver.observe.health import health_of
from archiver.snapshot import Snapshot


class Server(ThreadingHTTPServer):
    """Answers as `archiver run` would."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.draining = False
        self.text = b""


class Answer(BaseHTTPRequestHandler):
    """One answer."""

    server: Server

    def do_GET(self) -> None:
        """How it is."""
        health = health_of(Snapshot(at=0, serving=True), lag=0.0, stalled=0.0, draining=self.server.draining)
        body = self.server.text or msgspec.json.encode(health)
        self.send_response(200 if health.ready else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the parent's name
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_it_asks_where_the_setting_says(archiver: Any, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where that is every address: this machine is one of them."""
    monkeypatch.setenv("ARCHIVER_METRICS", f"0.0.0.0:{server.server_port}")
    code, health, words = archiver("healthcheck")
    assert (code, health["status"]) == (0, "ok")
    assert "✓ database: answers" in words


def test_a_drain_is_not_ready_and_yet_alive(archiver: Any, server: Server) -> None:
    """A container that drains must not be killed for it."""
    server.draining = True
    address = f"127.0.0.1:{server.server_port}"
    code, _, words = archiver("healthcheck", "--metrics", address)
    assert code == 1
    assert "✗ serving: stopping" in words
    assert archiver("healthcheck", "--metrics", address, "--live")[0] == 0


def test_nobody_answers(archiver: Any, server: Server, unused_tcp_port: int) -> None:
    """Nobody is there, or somebody else."""
    code, document, _ = archiver("healthcheck", "--metrics", f"127.0.0.1:{unused_tcp_port}")
    assert (code, document["error"]) == (1, "UnavailableError")
    server.text = b"<html>hello</html>"
    assert archiver("healthcheck", "--metrics", f"127.0.0.1:{server.server_port}")[0] == 1


def test_nowhere_to_ask(archiver: Any) -> None:
    """Without the setting it is told which one."""
    code, document, _ = archiver("healthcheck")
    assert code == 78
    assert "ARCHIVER_METRICS" in document["hint"]
