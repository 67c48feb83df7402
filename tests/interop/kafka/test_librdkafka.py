"""Records in and out with confluent-kafka, which is librdkafka."""

import time
import uuid

import pika
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

PATIENCE = 30


def unique(name):
    return f"{name}-{uuid.uuid4().hex[:8]}"


def producer(address, **settings):
    return Producer({"bootstrap.servers": address, **settings})


def consumer(address, **settings):
    """A consumer that is given its partitions, and so needs no group."""
    return Consumer({"bootstrap.servers": address, "group.id": "unused", "enable.auto.commit": False, **settings})


def send(client, topic, messages):
    """Sends all of them; the reports of their delivery, in order."""
    reports = []
    for message in messages:
        client.produce(topic, on_delivery=lambda error, report: reports.append((error, report)), **message)
        client.poll(0)
    assert client.flush(PATIENCE) == 0, "not all were acknowledged in time"
    return reports


def offsets(reports):
    assert [error for error, _ in reports if error] == []
    return [report.offset() for _, report in reports]


def receive(client, count):
    messages, deadline = [], time.monotonic() + PATIENCE
    while len(messages) < count and time.monotonic() < deadline:
        message = client.poll(1)
        if message is not None:
            assert message.error() is None, message.error()
            messages.append(message)
    assert len(messages) == count
    return messages


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_is_produced_is_consumed(broker, codec):
    topic = unique(codec)
    client = producer(broker.kafka, **{"compression.type": codec, "enable.idempotence": True})
    sent = [{"key": b"k%d" % n, "value": b"v" * 50 + b"%d" % n, "headers": [("n", b"%d" % n), ("none", None)], "timestamp": 1000 + n}
            for n in range(500)]
    sent.append({"key": b"gone", "value": None})
    assert offsets(send(client, topic, sent)) == list(range(501))
    reader = consumer(broker.kafka)
    reader.assign([TopicPartition(topic, 0, 0)])
    messages = receive(reader, 501)
    assert [m.offset() for m in messages] == list(range(501))
    assert [(m.key(), m.value()) for m in messages] == [(m["key"], m["value"]) for m in sent]
    assert messages[7].headers() == [("n", b"7"), ("none", None)]
    assert messages[7].timestamp()[1] == 1007
    reader.close()


def test_seeking_by_offset_and_by_time(broker):
    topic = unique("seek")
    client = producer(broker.kafka, **{"compression.type": "lz4", "linger.ms": 50})
    send(client, topic, [{"value": b"%d" % n, "timestamp": 10_000 + n * 1000} for n in range(100)])
    reader = consumer(broker.kafka, **{"enable.partition.eof": False})
    partition = TopicPartition(topic, 0)
    assert reader.get_watermark_offsets(partition, timeout=PATIENCE) == (0, 100)
    found = reader.offsets_for_times([TopicPartition(topic, 0, 52_500)], timeout=PATIENCE)
    assert found[0].offset == 43
    reader.assign([TopicPartition(topic, 0, found[0].offset)])
    assert receive(reader, 1)[0].value() == b"43"
    reader.seek(TopicPartition(topic, 0, 7))
    assert receive(reader, 1)[0].value() == b"7"
    reader.close()


def test_a_waiting_consumer_hears_at_once(broker):
    topic = unique("wait")
    client = producer(broker.kafka)
    send(client, topic, [{"value": b"first"}])
    reader = consumer(broker.kafka, **{"fetch.wait.max.ms": 10_000, "fetch.min.bytes": 1})
    reader.assign([TopicPartition(topic, 0, 0)])
    receive(reader, 1)
    client.produce(topic, b"second")
    begin = time.monotonic()
    receive(reader, 1)
    assert time.monotonic() - begin < 5, "it waited for its patience to end"
    reader.close()


def test_what_was_acknowledged_survives_a_kill(start):
    broker = start()
    topic = unique("kill")
    for round_ in range(3):
        client = producer(broker.kafka, **{"acks": "all", "enable.idempotence": True})
        assert offsets(send(client, topic, [{"value": b"%d" % n} for n in range(100)]))[-1] == round_ * 100 + 99
        broker.kill()
        broker.start()
    reader = consumer(broker.kafka)
    reader.assign([TopicPartition(topic, 0, 0)])
    messages = receive(reader, 300)
    assert [m.value() for m in messages] == [b"%d" % n for n in range(100)] * 3
    assert [m.offset() for m in messages] == list(range(300))
    reader.close()


def test_what_is_no_longer_in_memory_is_read_from_disk(start):
    broker = start({"ANYMQ_BROKER__MEMORY_BUDGET": "1MiB"})
    topic = unique("cold")
    client = producer(broker.kafka)
    send(client, topic, [{"value": b"%06d" % n + b"x" * 10_000} for n in range(2000)])
    for fetch in [{}, {"fetch.message.max.bytes": 30_000}, {"fetch.max.bytes": 100_000, "message.max.bytes": 100_000}]:
        reader = consumer(broker.kafka, **fetch)
        reader.assign([TopicPartition(topic, 0, 0)])
        assert [m.value()[:6] for m in receive(reader, 2000)] == [b"%06d" % n for n in range(2000)]
        reader.close()


def test_logins(broker):
    def login(password):
        settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "guest", "sasl.password": password}
        errors = []
        client = producer(broker.kafka, error_cb=errors.append, **settings)
        return client, errors

    client, errors = login("guest")
    assert offsets(send(client, unique("login"), [{"value": b"v"}])) == [0]
    client, errors = login("wrong")
    deadline = time.monotonic() + PATIENCE
    while not errors and time.monotonic() < deadline:
        client.poll(0.1)
    assert errors[0].code() == KafkaError._AUTHENTICATION, errors


def test_what_is_refused_is_said(broker):
    topic = unique("refused")
    client = producer(broker.kafka, **{"message.max.bytes": 3_000_000})
    [(error, _)] = send(client, topic, [{"value": b"x" * 2_000_000}])
    assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    reader = consumer(broker.kafka)
    with pytest.raises(KafkaException) as raised:
        reader.get_watermark_offsets(TopicPartition(unique("nowhere"), 0), timeout=5)
    assert raised.value.args[0].code() in (KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART)
    reader.close()


def test_a_transaction_is_seen_whole_or_not_at_all(broker):
    topic = unique("transactions")
    client = producer(broker.kafka, **{"transactional.id": topic})
    client.init_transactions(PATIENCE)
    for value, end in [(b"kept", client.commit_transaction), (b"dropped", client.abort_transaction), (b"last", client.commit_transaction)]:
        client.begin_transaction()
        client.produce(topic, value)
        assert client.flush(PATIENCE) == 0
        end(PATIENCE)
    for isolation, expected in [("read_committed", [b"kept", b"last"]), ("read_uncommitted", [b"kept", b"dropped", b"last"])]:
        reader = consumer(broker.kafka, **{"isolation.level": isolation})
        reader.assign([TopicPartition(topic, 0, 0)])
        assert [m.value() for m in receive(reader, len(expected))] == expected
        reader.close()


def test_amqp_and_kafka_meet_in_one_stream(broker):
    name = unique("meeting")
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.queue_declare(name, durable=True, arguments={"x-queue-type": "stream"})
    channel.exchange_declare(name, "topic")
    channel.queue_bind(name, name, "#")
    channel.confirm_delivery()
    properties = pika.BasicProperties(content_type="text/plain", headers={"n": 5, "s": "text"}, delivery_mode=2)
    channel.basic_publish(name, "a.key", b"from AMQP", properties)

    client = producer(broker.kafka)
    assert offsets(send(client, name, [{"key": b"k", "value": b"from Kafka", "headers": [("h", b"v")]}])) == [1]
    reader = consumer(broker.kafka)
    reader.assign([TopicPartition(name, 0, 0)])
    first, second = receive(reader, 2)
    assert (first.key(), first.value(), first.offset()) == (b"a.key", b"from AMQP", 0)
    assert dict(first.headers()) == {"n": b"5", "s": b"text", "content-type": b"text/plain", "x-exchange": name.encode()}
    assert (second.key(), second.value(), second.offset()) == (b"k", b"from Kafka", 1)
    reader.close()

    channel.basic_qos(prefetch_count=10)
    received = []
    for method, properties, body in channel.consume(name, arguments={"x-stream-offset": "first"}, inactivity_timeout=PATIENCE):
        assert method is not None, "nothing came in time"
        received.append((method.routing_key, body, (properties.headers or {}).get("h")))
        channel.basic_ack(method.delivery_tag)
        if len(received) == 2:
            break
    assert received == [("a.key", b"from AMQP", None), ("k", b"from Kafka", "v")]
    connection.close()
