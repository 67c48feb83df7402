"""Fixtures: a broker for the whole run, and one that a test may kill."""

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))
from broker import Broker  # noqa: E402


class KafkaBroker(Broker):
    """Keeps its Kafka port over restarts too."""

    def __init__(self, settings=None):
        super().__init__(settings={"ANYMQ_KAFKA__PORT": "0", "ANYMQ_METRICS__PORT": "0", **(settings or {})})

    def start(self):
        super().start()
        address = json.loads((self.home / "ready.json").read_text())["kafka"]
        self.settings["ANYMQ_KAFKA__PORT"] = address.rsplit(":", 1)[1]
        return self

    @property
    def kafka(self):
        return f"127.0.0.1:{self.settings['ANYMQ_KAFKA__PORT']}"


def pytest_runtest_logreport(report):
    """Keeps what was skipped, and why, for the end of the whole run: run.sh prints it."""
    if report.skipped and os.environ.get("INTEROP_SKIPPED"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        with open(os.environ["INTEROP_SKIPPED"], "a", encoding="utf-8") as skipped:
            skipped.write(f"{report.nodeid}: {str(reason).removeprefix('Skipped: ')}\n")


@pytest.fixture(scope="session")
def broker():
    if not os.environ.get("ANYMQ_BIN"):
        pytest.exit("set ANYMQ_BIN to the binary", returncode=2)
    broker = KafkaBroker().start()
    yield broker
    broker.stop()
    broker.remove()


@pytest.fixture
def start():
    """Starts brokers of the test's own, with settings."""
    started = []

    def start(settings=None):
        started.append(KafkaBroker(settings).start())
        return started[-1]

    yield start
    for broker in started:
        broker.remove()
