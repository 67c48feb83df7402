"""From a topic to AMQP's queues, with librdkafka: the section of docs/mapping.md, and what a stream's arguments look like."""

import time

import pika
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from test_librdkafka import PATIENCE, offsets, producer, send, unique


@pytest.fixture
def channel(broker):
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.amqp_port)) as connection:
        yield connection.channel()


def crossing(broker, channel, partitions=1, kind="fanout", key="", arguments=None):
    """A topic with an exchange and a queue bound to it; the names of topic and queue."""
    topic = unique("crossing")
    admin = AdminClient({"bootstrap.servers": broker.kafka})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(PATIENCE)
    channel.exchange_declare(f"{topic}.all", kind, durable=True, internal=True, arguments={"x-anymq-from-topic": topic})
    queue = f"{topic}.queue"
    channel.queue_declare(queue, durable=True, arguments=arguments)
    channel.queue_bind(queue, f"{topic}.all", key)
    return topic, queue


def taken(channel, queue, count):
    messages, deadline = [], time.monotonic() + PATIENCE
    while len(messages) < count and time.monotonic() < deadline:
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method:
            messages.append((method, properties, body))
    assert len(messages) == count
    assert channel.basic_get(queue)[0] is None, "more came than was sent"
    return messages


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_record_of_a_compressed_batch_is_queued(broker, channel, codec):
    topic, queue = crossing(broker, channel)
    client = producer(broker.kafka, **{"compression.type": codec, "enable.idempotence": True, "linger.ms": 20})
    sent = [{"key": b"k%d" % n, "value": b"v" * 100 + b"%d" % n, "headers": [("n", b"%d" % n), ("type", b"event")]} for n in range(700)]
    offsets(send(client, topic, sent))
    got = taken(channel, queue, 700)
    assert [body for _, _, body in got] == [message["value"] for message in sent]
    for n in (0, 350, 699):
        method, properties, _ = got[n]
        assert (method.exchange, method.routing_key) == (f"{topic}.all", f"k{n}")
        assert (properties.type, properties.headers, properties.delivery_mode) == ("event", {"n": str(n)}, 2)


def test_bindings_choose_by_headers_too(broker, channel):
    topic, queue = crossing(broker, channel, kind="headers")
    channel.queue_unbind(queue, f"{topic}.all", "")
    channel.queue_bind(queue, f"{topic}.all", "", arguments={"x-match": "all", "region": "eu"})
    regions = [b"eu", b"us", b"eu", b"asia"]
    offsets(send(producer(broker.kafka), topic, [{"value": b"%d" % n, "headers": [("region", r)]} for n, r in enumerate(regions)]))
    assert [body for _, _, body in taken(channel, queue, 2)] == [b"0", b"2"]


def test_a_transaction_is_queued_as_a_whole_when_it_commits(broker, channel):
    topic, queue = crossing(broker, channel)
    client = producer(broker.kafka, **{"transactional.id": unique("id"), "compression.type": "lz4"})
    client.init_transactions(PATIENCE)
    for word, commit in [(b"never", False), (b"kept", True)]:
        client.begin_transaction()
        for n in range(300):
            client.produce(topic, value=b"%s %d" % (word, n))
        assert client.flush(PATIENCE) == 0
        assert channel.basic_get(queue)[0] is None
        (client.commit_transaction if commit else client.abort_transaction)(PATIENCE)
    assert [body for _, _, body in taken(channel, queue, 300)] == [b"kept %d" % n for n in range(300)]


def test_a_full_queue_drops_its_oldest(broker, channel):
    topic, queue = crossing(broker, channel, arguments={"x-max-length": 10})
    offsets(send(producer(broker.kafka, **{"linger.ms": 20}), topic, [{"value": b"%d" % n} for n in range(50)]))
    assert [body for _, _, body in taken(channel, queue, 10)] == [b"%d" % n for n in range(40, 50)]


def test_the_age_of_a_stream_is_its_retention(broker, channel):
    names = unique("aged"), unique("plain")
    channel.queue_declare(names[0], durable=True, arguments={"x-queue-type": "stream", "x-max-age": "2h", "x-max-length-bytes": 5000000})
    channel.queue_declare(names[1], durable=True, arguments={"x-queue-type": "stream"})
    admin = AdminClient({"bootstrap.servers": broker.kafka})
    for name, want in zip(names, [("7200000", "5000000"), ("-1", "-1")]):
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        told = admin.describe_configs([resource])[resource].result(PATIENCE)
        assert (told["retention.ms"].value, told["retention.bytes"].value) == want
