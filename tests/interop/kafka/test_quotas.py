"""Quotas of clients: set with kafka-configs, felt by librdkafka."""

import os
import threading
import time

import pytest
from confluent_kafka import Consumer, Producer

from test_librdkafka import PATIENCE, unique
from test_tools import CONFIGS, JARS, tool

RATE = 400_000
# Long enough for the second's worth that may be had at once not to matter much.
SECONDS = 10

needs_jars = pytest.mark.skipif(not (JARS / "installed.xml").exists(), reason="Kafka's jars are not installed: needs Java 17 and Maven")


@pytest.fixture(scope="module")
def server(request):
    """HOST:PORT of the server under test."""
    return os.environ.get("KAFKA_URL") or request.getfixturevalue("broker").kafka


def configs(server, *arguments, **how):
    return tool(server, CONFIGS, *arguments, **how)


def limited(server, client_id, setting):
    entity = ("--entity-type", "clients", "--entity-name", client_id)
    configs(server, "--alter", *entity, "--add-config", setting)
    assert setting.split("=")[0] in configs(server, "--describe", *entity)


def within(rate):
    """Whether a rate is the quota's, to a fifth."""
    return 0.8 * RATE <= rate <= 1.2 * RATE


@needs_jars
def test_kafka_configs_sets_tells_and_takes_away(server):
    user, client = unique("user"), unique("client")
    entity = ("--entity-type", "users", "--entity-name", user)
    configs(server, "--alter", *entity, "--add-config", "producer_byte_rate=1024,consumer_byte_rate=2048,request_percentage=12.5")
    seen = configs(server, "--describe", *entity)
    assert f"Quota configs for user-principal '{user}' are " in seen
    assert {"producer_byte_rate=1024.0", "consumer_byte_rate=2048.0", "request_percentage=12.5"} <= set(seen.strip().split(" are ")[1].split(", "))
    both = (*entity, "--entity-type", "clients", "--entity-name", client)
    configs(server, "--alter", *both, "--add-config", "controller_mutation_rate=2.5")
    assert f"Quota configs for user-principal '{user}', client-id '{client}' are controller_mutation_rate=2.5" in configs(server, "--describe", *both)
    configs(server, "--alter", "--entity-type", "clients", "--entity-default", "--add-config", "consumer_byte_rate=1000000000")
    assert "default client-id are consumer_byte_rate=1.0E9" in configs(server, "--describe", "--entity-type", "clients", "--entity-default")
    configs(server, "--alter", "--entity-type", "clients", "--entity-default", "--delete-config", "consumer_byte_rate")
    assert "consumer_byte_rate" not in configs(server, "--describe", "--entity-type", "clients")
    configs(server, "--alter", *entity, "--delete-config", "producer_byte_rate,consumer_byte_rate,request_percentage")
    assert "producer_byte_rate" not in configs(server, "--describe", *entity)
    refused = configs(server, "--alter", *entity, "--add-config", "producer_byte_rate=0", code=1)
    assert "InvalidRequestException: Quota producer_byte_rate must be greater than 0" in refused


@needs_jars
def test_librdkafka_is_throttled_and_others_are_not(server):
    topic, slow, told = unique("quota"), unique("slow"), []
    limited(server, slow, f"producer_byte_rate={RATE}")
    limited(server, slow, f"consumer_byte_rate={RATE}")
    common = {"bootstrap.servers": server, "throttle_cb": told.append}
    writer = Producer({**common, "client.id": slow, "batch.size": 50_000, "queue.buffering.max.kbytes": 64 << 10})
    value, sent, begin = os.urandom(1000), [0], time.monotonic()

    ended = False

    def count(error, _):
        assert ended or error is None, error
        sent[0] += error is None

    # Nobody else waits meanwhile.
    waits = []

    def others():
        other = Producer({"bootstrap.servers": server, "client.id": unique("other")})
        while time.monotonic() - begin < SECONDS:
            at = time.monotonic()
            other.produce(topic, b"x")
            assert other.flush(PATIENCE) == 0
            waits.append(time.monotonic() - at)
            time.sleep(0.05)

    thread = threading.Thread(target=others)
    thread.start()
    while time.monotonic() - begin < SECONDS:
        if len(writer) < 2000:
            writer.produce(topic, value, on_delivery=count)
        writer.poll(0.001 if len(writer) >= 2000 else 0)
    rate = sent[0] * len(value) / (time.monotonic() - begin)
    thread.join()
    assert within(rate), rate
    assert told and max(event.throttle_time for event in told) > 0
    assert len(waits) > 50 and max(waits) < 1, (len(waits), max(waits))
    # What is left is given up.
    ended = True
    writer.purge()
    writer.flush(PATIENCE)


@needs_jars
def test_what_librdkafka_fetches_is_throttled(server):
    topic, slow, told = unique("quota"), unique("slow"), []
    # Batches are fetched whole: small ones, so that the last does not count for much.
    fast = Producer({"bootstrap.servers": server, "client.id": unique("fast"), "batch.size": 50_000})
    value = os.urandom(1000)
    for _ in range(2 * SECONDS * RATE // len(value)):
        fast.produce(topic, value)
        fast.poll(0)
    assert fast.flush(PATIENCE) == 0
    limited(server, slow, f"consumer_byte_rate={RATE}")
    reader = Consumer({"bootstrap.servers": server, "group.id": unique("group"), "client.id": slow, "auto.offset.reset": "earliest",
                       "throttle_cb": told.append, "fetch.message.max.bytes": 100_000, "fetch.queue.backoff.ms": 10})
    reader.subscribe([topic])
    first = None
    while first is None:
        first = reader.poll(PATIENCE)
    begin, got = time.monotonic(), 0
    while time.monotonic() - begin < SECONDS:
        message = reader.poll(0.1)
        if message is not None:
            assert message.error() is None, message.error()
            got += len(message.value())
    rate = got / (time.monotonic() - begin)
    reader.close()
    assert within(rate), rate
    assert told and max(event.throttle_time for event in told) > 0


@needs_jars
def test_quotas_survive_a_restart(start):
    broker = start()
    user = unique("user")
    entity = ("--entity-type", "users", "--entity-name", user)
    configs(broker.kafka, "--alter", *entity, "--add-config", "producer_byte_rate=1024,request_percentage=12.5")
    before = configs(broker.kafka, "--describe", *entity)
    broker.kill()
    broker.start()
    assert configs(broker.kafka, "--describe", *entity) == before != ""
