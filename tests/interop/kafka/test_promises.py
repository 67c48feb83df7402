"""What Kafka's users expect that kafkajs cannot ask for, by the numbers of the product's requirements (K7 …)."""

import os
import time

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from test_librdkafka import PATIENCE, consumer, producer, receive, send, unique

RECORDS = int(os.environ.get("K7_RECORDS", "100000"))


def create(address, topic, partitions, **config):
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(topic, partitions, config=config)])[topic].result(PATIENCE)


def ends(client, topic, partition=0):
    return client.get_watermark_offsets(TopicPartition(topic, partition), timeout=PATIENCE)


def until(probe, what):
    deadline = time.monotonic() + PATIENCE
    while not probe():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_k7_order_of_partitions_and_of_keys(broker):
    topic, partitions, keys = unique("k7"), 12, 100
    create(broker.kafka, topic, partitions)
    client = producer(broker.kafka, **{"enable.idempotence": True, "linger.ms": 5, "queue.buffering.max.messages": 2_000_000})
    for n in range(RECORDS):
        client.produce(topic, key=b"%d" % (n % keys), value=b"%d" % n)
        if n % 1000 == 0:
            client.poll(0)
    assert client.flush(120) == 0
    reader = consumer(broker.kafka)
    reader.assign([TopicPartition(topic, n, 0) for n in range(partitions)])
    offsets, last, seen = [-1] * partitions, {}, 0
    deadline = time.monotonic() + 120
    while seen < RECORDS and time.monotonic() < deadline:
        for message in reader.consume(10_000, timeout=1):
            assert message.error() is None
            assert message.offset() == offsets[message.partition()] + 1, "no offset is left out or comes twice"
            offsets[message.partition()] = message.offset()
            number = int(message.value())
            assert number > last.get(message.key(), -1), "the order of a key"
            last[message.key()] = number
            seen += 1
    assert seen == RECORDS
    reader.close()


def test_k9_size_and_age_end_records_and_reading_does_not(start):
    broker = start({"ANYMQ_STORAGE__SEGMENT_SIZE": "1MiB"})
    small, old = unique("k9-size"), unique("k9-age")
    create(broker.kafka, small, 1, **{"retention.bytes": str(1 << 20), "segment.bytes": str(1 << 20)})
    create(broker.kafka, old, 1, **{"retention.ms": "1000", "segment.ms": "1000"})
    client, body = producer(broker.kafka), b"x" * 10_000
    send(client, old, [{"value": body}] * 10)
    reader = consumer(broker.kafka)
    reader.assign([TopicPartition(small, 0, 0)])
    send(client, small, [{"value": body}] * 50)
    receive(reader, 50)
    assert ends(reader, small) == (0, 50), "what was read is still there"
    for _ in range(20):
        send(client, small, [{"value": body}] * 50)
    until(lambda: ends(reader, small)[0] > 0, "the front goes by size")
    first, end = ends(reader, small)
    assert end == 1050 and (end - first) * len(body) >= 1 << 20, "not more than asked for"
    until(lambda: ends(reader, old) == (10, 10), "the front goes by age")
    reader.close()


def test_k9_compaction_keeps_the_last_of_each_key(start):
    broker = start({"ANYMQ_STORAGE__SEGMENT_SIZE": "1MiB"})
    topic = unique("k9-compact")
    create(broker.kafka, topic, 1, **{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "1000", "segment.bytes": str(1 << 20)})
    client = producer(broker.kafka)
    for round_ in range(30):
        send(client, topic, [{"key": b"%d" % n, "value": b"%d " % round_ + b"x" * 5000} for n in range(20)])

    def records():
        reader = consumer(broker.kafka, **{"enable.partition.eof": True})
        reader.assign([TopicPartition(topic, 0, 0)])
        found = []
        while True:
            message = reader.poll(5)
            if message is None or message.error():
                break
            found.append((message.key(), message.value().split()[0], message.offset()))
        reader.close()
        return found

    until(lambda: len(records()) < 300, "most of what was overwritten is gone")
    found = records()
    assert {key: value for key, value, _ in found} == {b"%d" % n: b"29" for n in range(20)}, "the last of each key is there"
    assert [offset for _, _, offset in found] == sorted(offset for _, _, offset in found), "offsets stay what they were"


def test_k11_a_zombie_is_fenced_and_what_it_wrote_is_not_seen(broker):
    topic, txn = unique("k11"), unique("txn")
    create(broker.kafka, topic, 1)
    first = Producer({"bootstrap.servers": broker.kafka, "transactional.id": txn})
    first.init_transactions(PATIENCE)
    first.begin_transaction()
    first.produce(topic, b"of the zombie")
    first.flush(PATIENCE)
    second = Producer({"bootstrap.servers": broker.kafka, "transactional.id": txn})
    second.init_transactions(PATIENCE)
    second.begin_transaction()
    second.produce(topic, b"of the living")
    second.commit_transaction(PATIENCE)
    with pytest.raises(KafkaException) as fenced:
        first.commit_transaction(PATIENCE)
    assert fenced.value.args[0].fatal()
    committed = consumer(broker.kafka, **{"isolation.level": "read_committed"})
    committed.assign([TopicPartition(topic, 0, 0)])
    assert [message.value() for message in receive(committed, 1)] == [b"of the living"]
    everything = consumer(broker.kafka, **{"isolation.level": "read_uncommitted"})
    everything.assign([TopicPartition(topic, 0, 0)])
    assert [message.value() for message in receive(everything, 2)] == [b"of the zombie", b"of the living"]
    committed.close(), everything.close()


def test_k12_a_static_member_comes_back_without_a_rebalance(broker):
    topic, group = unique("k12"), unique("group")
    create(broker.kafka, topic, 4)
    rebalances = {"a": 0, "b": 0}

    def member(name):
        client = Consumer({"bootstrap.servers": broker.kafka, "group.id": group, "group.instance.id": name, "session.timeout.ms": 10_000,
                           "auto.offset.reset": "earliest", "enable.auto.commit": False})

        def assigned(*_):
            rebalances[name] += 1

        client.subscribe([topic], on_assign=assigned)
        return client

    first, second = member("a"), member("b")

    def settled():
        first.poll(0.05), second.poll(0.05)
        return len(first.assignment()) == 2 and len(second.assignment()) == 2

    until(settled, "two partitions each")
    before = rebalances["b"]
    had = sorted(partition.partition for partition in first.assignment())
    # A static member that closes does not leave.
    first.close()
    first = member("a")
    until(settled, "it has its partitions again")
    assert sorted(partition.partition for partition in first.assignment()) == had
    assert rebalances["b"] == before, "the other one has noticed nothing"
    first.close(), second.close()
