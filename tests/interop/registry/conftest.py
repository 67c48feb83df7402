"""Fixtures: a broker for the whole run, and one that a test may kill."""

import json
import os
import sys
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))
from broker import Broker  # noqa: E402

PORTS = {f"ANYMQ_{door}__PORT": "0" for door in ("KAFKA", "REGISTRY", "METRICS")}


class RegistryBroker(Broker):
    """Keeps the ports of its Kafka and registry doors over restarts too."""

    def __init__(self, settings=None):
        super().__init__(settings={**PORTS, **(settings or {})})

    def start(self):
        super().start()
        addresses = json.loads((self.home / "ready.json").read_text())
        for door in ("kafka", "registry"):
            self.settings[f"ANYMQ_{door.upper()}__PORT"] = addresses[door].rsplit(":", 1)[1]
        return self

    @property
    def kafka(self):
        return f"127.0.0.1:{self.settings['ANYMQ_KAFKA__PORT']}"

    @property
    def registry(self):
        return f"http://127.0.0.1:{self.settings['ANYMQ_REGISTRY__PORT']}"

    def ask(self, method, path, body=None, status=200, **more):
        """A request to the registry as any HTTP client makes it; what it answers."""
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"} if body is not None else {}
        data = None if body is None else json.dumps(body)
        answer = requests.request(method, self.registry + path, data=data, headers=headers, timeout=10, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.headers["Content-Type"] == "application/vnd.schemaregistry.v1+json"
        return answer.json()


@pytest.fixture(scope="session")
def broker():
    if not os.environ.get("ANYMQ_BIN"):
        pytest.exit("set ANYMQ_BIN to the binary", returncode=2)
    broker = RegistryBroker().start()
    yield broker
    broker.stop()
    broker.remove()


@pytest.fixture
def start():
    """Starts brokers of the test's own, with settings."""
    started = []

    def start(settings=None):
        started.append(RegistryBroker(settings).start())
        return started[-1]

    yield start
    for broker in started:
        broker.remove()
