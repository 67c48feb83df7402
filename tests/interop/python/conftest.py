"""Fixtures: a broker for the whole run (ANYMQ_BIN), or a server that runs already (AMQP_URL, RABBITMQ_MANAGEMENT)."""

import os

import pytest

from broker import Broker
from probe import DEFINITIONS, import_by_management


@pytest.fixture(scope="session")
def server():
    """URL of the server under test, with the definitions imported."""
    url = os.environ.get("AMQP_URL")
    if url:
        if os.environ.get("RABBITMQ_MANAGEMENT"):
            import_by_management(os.environ["RABBITMQ_MANAGEMENT"])
        yield url
        return
    if not os.environ.get("ANYMQ_BIN"):
        pytest.exit("set ANYMQ_BIN to the binary, or AMQP_URL to a running server", returncode=2)
    broker = Broker().start()
    try:
        broker.import_definitions(DEFINITIONS)
        yield broker.url
    finally:
        broker.stop()


@pytest.fixture
def own_broker():
    """A broker of the test's own, that it may kill. Not available when testing a server that runs already."""
    if os.environ.get("AMQP_URL"):
        pytest.skip("kills the broker: needs ANYMQ_BIN")
    broker = Broker().start()
    yield broker
    broker.kill()
