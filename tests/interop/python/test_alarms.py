"""Alarms without a disk to fill: limits that every machine is beyond. Who publishes is held back and told why; who does not, hears nothing."""

import os
import shutil

import pytest

from broker import Broker
from client import Client, Timeout
from test_operating import port_of, publish_until
from unread import silence

MEMORY = {"ANYMQ_BROKER__MEMORY_HIGH_WATERMARK": "1"}
DISK = {"ANYMQ_BROKER__DISK_FREE_LIMIT": str(1 << 60)}
LIFTED = {"ANYMQ_BROKER__MEMORY_HIGH_WATERMARK": str(1 << 50), "ANYMQ_BROKER__DISK_FREE_LIMIT": "1"}


@pytest.fixture
def broker():
    if os.environ.get("AMQP_URL"):
        pytest.skip("needs a broker with settings of the test's own: needs ANYMQ_BIN")
    broker = Broker(None, dict(LIFTED)).start()
    yield broker
    broker.remove()


def connect(broker, **login):
    client = Client("127.0.0.1", port_of(broker.url))
    client.login(**login)
    client.open_channel(1)
    return client


def ask(client, method, **fields):
    client.send(1, method, **fields)
    return client.wait(1, {f"{method}-ok"})


def silent(client, channel, names, seconds=0.5):
    with pytest.raises(Timeout):
        client.wait(channel, names, timeout=seconds)


@pytest.mark.parametrize("limits, reason", [(MEMORY, "low on memory"), (DISK, "low on disk"), ({**MEMORY, **DISK}, "low on memory & low on disk")])
def test_publishers_are_held_back_and_consumers_are_not(broker, limits, reason):
    before = connect(broker)
    ask(before, "queue.declare", queue="alarm", durable=True)
    ask(before, "confirm.select")
    for body in (b"one", b"two", b"three"):
        before.publish(1, body, routing_key="alarm", delivery_mode=2)
    while sum(len(tags) for tags in before.settled.values()) < 3:
        before.wait(1, {"basic.ack"})
    before.close()
    broker.stop()
    broker.settings = {**LIFTED, **limits}
    broker.start()

    consumer, publisher, plain = connect(broker), connect(broker), connect(broker, capabilities={"publisher_confirms": True})
    for client in (publisher, plain):
        ask(client, "confirm.select")
    assert publish_until(publisher, "connection.blocked").reason == reason
    # Nobody who only consumes is told, and deliveries, acknowledgements and declarations go on.
    ask(consumer, "basic.qos", prefetch_count=1)
    ask(consumer, "basic.consume", queue="alarm", consumer_tag="c")
    for tag, body in enumerate((b"one", b"two", b"three"), 1):
        assert consumer.wait(1, {"basic.deliver"}).body == body
        consumer.send(1, "basic.ack", delivery_tag=tag)
    ask(consumer, "queue.declare", queue="alarm.other")
    silent(consumer, 0, {"connection.blocked"})
    # Who cannot understand connection.blocked is held back as well, and not told.
    plain.publish(1, b"m", routing_key="alarm")
    for client in (publisher, plain):
        silence(client, 0.3)
    # From then on nothing that is published is confirmed or delivered.
    settled = [sum(len(tags) for tags in client.settled.values()) for client in (publisher, plain)]
    for client in (publisher, plain):
        client.publish(1, b"held", routing_key="alarm.other")
        client.publish(1, b"held", routing_key="alarm.other")
    for client in (publisher, plain):
        silence(client, 0.5)
        assert not any(event.name.startswith("connection.") for event in client.events[0])
    assert [sum(len(tags) for tags in client.settled.values()) for client in (publisher, plain)] == settled
    consumer.send(1, "basic.get", queue="alarm.other", no_ack=True)
    assert consumer.wait(1, {"basic.get-ok", "basic.get-empty"}).name == "basic.get-empty"
    for client in (consumer, publisher, plain):
        client.sock.close()


@pytest.mark.parametrize("count", [1, 60])
def test_a_new_connection_gets_nothing_through(broker, count):
    broker.stop()
    broker.settings = {**LIFTED, **MEMORY}
    broker.start()
    reader = connect(broker)
    ask(reader, "queue.declare", queue="alarm", durable=True)
    publisher = connect(broker)
    ask(publisher, "confirm.select")
    publisher.sock.settimeout(2)
    for _ in range(count):
        publisher.publish(1, b"x" * 1000, routing_key="alarm")
    silence(publisher, 1)
    assert [event.name for event in publisher.events[0]] == ["connection.blocked"]
    assert ask(reader, "queue.declare", queue="alarm", durable=True).message_count == 0
    assert not publisher.settled


def test_what_was_held_back_is_taken_when_there_is_room(broker):
    """A file makes the disk fuller than the broker likes; then it goes."""
    broker.stop()
    filler = broker.home / "filler"
    size = 2 << 30
    if shutil.disk_usage(broker.home).free < 2 * size:
        pytest.skip("needs 4 GiB of free disk")
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
    broker.settings = {**LIFTED, "ANYMQ_BROKER__DISK_FREE_LIMIT": str(shutil.disk_usage(broker.home).free + size // 2)}
    broker.start()
    publisher = connect(broker)
    ask(publisher, "queue.declare", queue="held", durable=True)
    ask(publisher, "confirm.select")
    for number in range(60):
        publisher.publish(1, b"%d " % number + b"x" * 1000, routing_key="held")
    publisher.send(1, "basic.get", queue="held", no_ack=True)
    assert publisher.wait(0, {"connection.blocked"}).reason == "low on disk"
    silence(publisher, 0.5)
    assert not publisher.settled
    filler.unlink()
    publisher.wait(0, {"connection.unblocked"})
    # Nothing more was sent: what was read before the alarm's end is taken in, in its order.
    assert publisher.wait(1, {"basic.get-ok"}).body.startswith(b"0 ")
    while sum(len(tags) for tags in publisher.settled.values()) < 60:
        publisher.wait(1, {"basic.ack"})


def test_without_an_alarm_nobody_is_told(broker):
    publisher = connect(broker)
    ask(publisher, "confirm.select")
    publisher.publish(1, b"m", routing_key="nowhere")
    publisher.wait(1, {"basic.ack"})
    silent(publisher, 0, {"connection.blocked"}, 0.3)
    publisher.close()
