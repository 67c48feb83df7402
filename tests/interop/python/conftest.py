"""Fixtures: a broker for the whole run (ANYMQ_BIN), or a server that runs already (AMQP_URL, RABBITMQ_MANAGEMENT)."""

import os

import pytest

from broker import Broker
from probe import DEFINITIONS, import_by_management


def pytest_runtest_logreport(report):
    """Keeps what was skipped, and why, for the end of the whole run: run.sh prints it."""
    if report.skipped and os.environ.get("INTEROP_SKIPPED"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        with open(os.environ["INTEROP_SKIPPED"], "a", encoding="utf-8") as skipped:
            skipped.write(f"{report.nodeid}: {str(reason).removeprefix('Skipped: ')}\n")


@pytest.fixture(scope="session")
def shared_broker():
    """The broker of the run, or None when testing a server that runs already."""
    if os.environ.get("AMQP_URL"):
        yield None
        return
    if not os.environ.get("ANYMQ_BIN"):
        pytest.exit("set ANYMQ_BIN to the binary, or AMQP_URL to a running server", returncode=2)
    broker = Broker().start()
    try:
        broker.import_definitions(DEFINITIONS)
        yield broker
    finally:
        broker.stop()
        broker.remove()


@pytest.fixture(scope="session")
def server(shared_broker):
    """URL of the server under test, with the definitions imported."""
    if shared_broker:
        return shared_broker.url
    if os.environ.get("RABBITMQ_MANAGEMENT"):
        import_by_management(os.environ["RABBITMQ_MANAGEMENT"])
    return os.environ["AMQP_URL"]


@pytest.fixture(scope="session")
def admin_url(shared_broker):
    if not shared_broker:
        pytest.skip("no admin address: set RABBITMQ_METRICS")
    return f"http://127.0.0.1:{shared_broker.admin_port}"


def start_own_broker(settings=None):
    if os.environ.get("AMQP_URL"):
        pytest.skip("kills the broker: needs ANYMQ_BIN")
    return Broker(settings=settings).start()


@pytest.fixture
def own_broker():
    """A broker of the test's own, that it may kill. Not available when testing a server that runs already."""
    broker = start_own_broker()
    yield broker
    broker.remove()


@pytest.fixture(scope="module")
def own_broker_of_module():
    broker = start_own_broker()
    yield broker
    broker.remove()
