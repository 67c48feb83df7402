"""Groups with confluent-kafka: both protocols, and the way from one to the other."""

import time

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from test_librdkafka import PATIENCE, producer, send, unique

PROTOCOLS = ["classic", "consumer"]


def topic_of(address, partitions):
    topic = unique("groups")
    admin = AdminClient({"bootstrap.servers": address})
    made = admin.create_topics([NewTopic(topic, partitions, 1)])
    made[topic].result(PATIENCE)
    return topic


def member(address, group, protocol, topics, **settings):
    own = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500} if protocol == "classic" else {}
    client = Consumer({
        "bootstrap.servers": address,
        "group.id": group,
        "group.protocol": protocol,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        **own,
        **settings,
    })
    client.subscribe(topics)
    return client


def shares(members, is_done):
    """Polls all of them until their shares are as wanted; what was read meanwhile."""
    messages, deadline = [], time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline:
        for client in members:
            message = client.poll(0.1)
            if message is not None and message.error() is None:
                messages.append((message.partition(), message.offset()))
        found = [sorted(p.partition for p in client.assignment()) for client in members]
        if is_done(found):
            return messages
    pytest.fail(f"shares are {found}")


def split(found):
    """All four partitions, two each."""
    return sorted(sum(found, [])) == [0, 1, 2, 3] and all(len(share) == 4 // len(found) for share in found)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_members_share_and_hand_over(broker, protocol):
    topic, group = topic_of(broker.kafka, 4), unique("g")
    one = member(broker.kafka, group, protocol, [topic])
    shares([one], split)
    two = member(broker.kafka, group, protocol, [topic])
    shares([one, two], split)
    two.close()
    shares([one], split)
    one.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_group_goes_on_where_it_stopped(start, protocol):
    broker = start()
    topic, group = topic_of(broker.kafka, 1), unique("g")
    send(producer(broker.kafka), topic, [{"value": b"%d" % n} for n in range(10)])
    one = member(broker.kafka, group, protocol, [topic])
    seen = []
    while len(seen) < 10:
        message = one.poll(PATIENCE)
        assert message is not None and message.error() is None
        seen.append(message.offset())
    one.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
    one.close()
    broker.kill()
    broker.start()
    again = member(broker.kafka, group, protocol, [topic])
    message = again.poll(PATIENCE)
    assert message.offset() == 4
    assert again.committed([TopicPartition(topic, 0)], timeout=PATIENCE)[0].offset == 4
    again.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_members_come_back_after_a_crash_of_the_broker(start, protocol):
    broker = start()
    topic, group = topic_of(broker.kafka, 4), unique("g")
    members = [member(broker.kafka, group, protocol, [topic]) for _ in range(2)]
    shares(members, split)
    broker.kill()
    broker.start()
    send(producer(broker.kafka), topic, [{"value": b"x", "partition": n} for n in range(4)])
    seen, deadline = set(), time.monotonic() + 2 * PATIENCE
    while seen != {0, 1, 2, 3} and time.monotonic() < deadline:
        for client in members:
            message = client.poll(0.2)
            if message is not None and message.error() is None:
                seen.add(message.partition())
    assert seen == {0, 1, 2, 3}
    shares(members, split)
    for client in members:
        client.close()


def test_a_pattern_finds_topics(broker):
    topic, group = topic_of(broker.kafka, 4), unique("g")
    one = member(broker.kafka, group, "consumer", ["^" + topic[:-1] + "."])
    shares([one], split)
    one.close()


def test_a_group_changes_its_protocol_while_it_works(broker):
    topic, group = topic_of(broker.kafka, 4), unique("g")
    old = member(broker.kafka, group, "classic", [topic])
    shares([old], split)
    new = member(broker.kafka, group, "consumer", [topic])
    shares([old, new], split)
    new.close()
    shares([old], split)
    old.close()


def test_a_static_member_does_not_disturb_the_others(broker):
    topic, group = topic_of(broker.kafka, 4), unique("g")
    one, two = (member(broker.kafka, group, "classic", [topic], **{"group.instance.id": name}) for name in "ab")
    shares([one, two], split)
    before = sorted(p.partition for p in one.assignment())
    two.close()
    shares([one], lambda found: found == [before])
    two = member(broker.kafka, group, "classic", [topic], **{"group.instance.id": "b"})
    shares([one, two], split)
    assert sorted(p.partition for p in one.assignment()) == before
    one.close()
    two.close()
