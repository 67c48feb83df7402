"""What operators see of Kafka clients, and do about them: the binary's own commands and the metrics page."""

import json
import subprocess
import time
import urllib.request

import pika
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from test_groups import member, shares
from test_librdkafka import PATIENCE, producer, receive, send, unique


def topic_of(broker, partitions):
    topic = unique("ops")
    admin = AdminClient({"bootstrap.servers": broker.kafka})
    made = admin.create_topics([NewTopic(topic, partitions, 1)])
    made[topic].result(PATIENCE)
    return topic


def in_json(broker, *arguments):
    return json.loads(broker.command(*arguments, "-o", "json"))


def refused(broker, *arguments):
    with pytest.raises(AssertionError) as why:
        broker.command(*arguments)
    return str(why.value)


def committed(broker, group, topic, partitions):
    reader = Consumer({"bootstrap.servers": broker.kafka, "group.id": group})
    found = reader.committed([TopicPartition(topic, n) for n in range(partitions)], timeout=PATIENCE)
    reader.close()
    return [p.offset for p in found]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_group_is_seen_moved_and_goes_on_there(broker, protocol):
    topic, group = topic_of(broker, 2), unique("g")
    begun = int(time.time() * 1000)
    for partition in range(2):
        send(producer(broker.kafka), topic,
             [{"value": b"%d" % n, "partition": partition, "timestamp": begun + n} for n in range(10)])
    one = member(broker.kafka, group, protocol, [topic], **{"client.id": "shop"})
    shares([one], lambda found: found == [[0, 1]])
    one.commit(offsets=[TopicPartition(topic, 0, 4), TopicPartition(topic, 1, 10)], asynchronous=False)

    found = in_json(broker, "group", "describe", group)
    assert (found["kind"], found["state"], found["members"], found["lag"]) == (protocol, "stable", 1, 6)
    seen = found["member_detail"][0]
    assert (seen["client_id"], seen["host"]) == ("shop", "127.0.0.1")
    assert seen["assigned"] == [{"topic": topic, "partitions": [0, 1]}]
    zero, last = found["offsets"]
    assert [(o["committed"], o["next_offset"], o["lag"], o["stable_lag"]) for o in (zero, last)] == [(4, 10, 6, 6), (10, 10, 0, 0)]
    waited = time.time() * 1000 - (begun + 4)
    assert waited - 5_000 < zero["lag_ms"] < waited + 5_000 and last["lag_ms"] == 0
    assert f"{topic}  " in broker.command("group", "lag", group)
    assert group in [g["name"] for g in in_json(broker, "group", "ls")]

    assert "AnyMQ-1213" in refused(broker, "group", "reset-offsets", group, "--to-earliest", "--yes")
    assert "AnyMQ-1213" in refused(broker, "group", "delete", group, "--yes")
    one.close()
    plan = in_json(broker, "group", "reset-offsets", group, "--to-time", f"{iso(begun + 7)}", "--topic", f"{topic}:0", "--dry-run")
    assert plan == {"executed": False, "offsets": [{"topic": topic, "partition": 0, "before": 4, "after": 7}]}
    assert committed(broker, group, topic, 2) == [4, 10]
    done = in_json(broker, "group", "reset-offsets", group, "--shift", "-2", "--yes")
    assert [(o["before"], o["after"]) for o in done["offsets"]] == [(4, 2), (10, 8)]
    assert committed(broker, group, topic, 2) == [2, 8]

    again = member(broker.kafka, group, protocol, [topic])
    read = receive(again, 10)
    assert sorted((m.partition(), m.offset()) for m in read) == [(0, n) for n in range(2, 10)] + [(1, 8), (1, 9)]
    again.close()
    broker.command("group", "delete", group, "--yes")
    assert "AnyMQ-1201" in refused(broker, "group", "describe", group)


def iso(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03}Z"


def test_tail_shows_what_either_protocol_wrote(broker):
    topic = unique("mixed")
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare(topic, durable=True, arguments={"x-queue-type": "stream"})
    send(producer(broker.kafka, **{"compression.type": "lz4", "linger.ms": 50}), topic,
         [{"key": b"k1", "value": b"from Kafka", "headers": [("h", b"1")]}, {"value": b"\xff\x00"}])
    channel.basic_publish("", topic, b"from AMQP", pika.BasicProperties(content_type="text/plain"))

    def lines(*arguments):
        return [json.loads(line) for line in broker.command("tail", topic, "--json", *arguments).splitlines()]

    bodies = [{"text": "from Kafka"}, {"base64": "/wA="}, {"text": "from AMQP"}]
    found = lines("--from", "earliest")
    assert [(m["offset"], m["body"]) for m in found] == list(enumerate(bodies))
    assert (found[0]["key"], found[0]["headers"]) == ({"text": "k1"}, {"h": "1"})
    assert found[2]["properties"]["content-type"] == "text/plain"
    for arguments, expected in [((), bodies), (("-n", "1"), bodies[2:]), (("--from", "1"), bodies[1:]), (("--from", "-2"), bodies[1:]),
                                (("--from", "1h", "-n", "2"), bodies[:2]), (("--from", "latest"), [])]:
        assert [m["body"] for m in lines(*arguments)] == expected, arguments
    text = broker.command("tail", topic)
    assert "0:0 key=k1 from Kafka" in text and "0:1 base64:/wA=" in text, text

    # One that follows gets what comes.
    follow = subprocess.Popen([broker.binary, "tail", topic, "--from", "2", "-f", "-n", "3", "--json"], text=True,
                              stdout=subprocess.PIPE, env={"ANYMQ_URL": f"http://127.0.0.1:{broker.admin_port}"})
    try:
        assert json.loads(follow.stdout.readline())["body"] == bodies[2]
        send(producer(broker.kafka), topic, [{"value": b"late"}])
        channel.basic_publish("", topic, b"later")
        out, _ = follow.communicate(timeout=PATIENCE)
    finally:
        follow.kill()
    assert [json.loads(line)["body"]["text"] for line in out.splitlines()] == ["late", "later"]
    connection.close()


def test_an_open_transaction_is_seen_and_aborted(broker):
    topic, name = topic_of(broker, 1), unique("tx")
    client = producer(broker.kafka, **{"transactional.id": name})
    client.init_transactions(PATIENCE)
    client.begin_transaction()
    client.produce(topic, b"never")
    client.flush(PATIENCE)
    send(producer(broker.kafka), topic, [{"value": b"behind it"}])
    found = in_json(broker, "txn", "describe", name)
    assert (found["state"], found["partitions"]) == ("ongoing", [{"topic": topic, "number": 0, "first_offset": 0}])
    assert name in [t["id"] for t in in_json(broker, "txn", "ls", "--open")]
    assert broker.command("tail", topic, "--from", "earliest") == ""
    broker.command("txn", "abort", name, "--yes")
    assert in_json(broker, "txn", "describe", name)["state"] == "aborted"
    assert "AnyMQ-1214" in refused(broker, "txn", "abort", name, "--yes")
    assert broker.command("tail", topic, "--from", "earliest").endswith("0:1 behind it\n")
    with pytest.raises(Exception):
        client.commit_transaction(PATIENCE)


def samples(broker, path):
    text = urllib.request.urlopen(f"http://127.0.0.1:{broker.admin_port}{path}", timeout=10).read().decode()
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, labels = line.rsplit(" ", 1)[0].partition("{")
            pairs = dict(pair.split("=", 1) for pair in labels.rstrip("}").split(",") if pair)
            found.append((name, {key: value.strip('"') for key, value in pairs.items()}, float(line.rsplit(" ", 1)[1])))
    return found


def test_a_dashboard_for_kafka_finds_its_metrics(broker):
    """Panels and variables of Grafana's dashboard 7589, as sums over what the page holds."""
    topic, group = topic_of(broker, 2), unique("g")
    send(producer(broker.kafka), topic, [{"value": b"x", "partition": n % 2} for n in range(10)])
    reader = Consumer({"bootstrap.servers": broker.kafka, "group.id": group})
    reader.commit(offsets=[TopicPartition(topic, 0, 2), TopicPartition(topic, 1, 5)], asynchronous=False)
    reader.close()
    for path in ["/metrics", "/metrics/per-object"]:
        page = samples(broker, path)

        def total(name, **labels):
            values = [value for n, found, value in page if n == name and labels.items() <= found.items()]
            assert values, f"{name} {labels} is missing on {path}"
            return sum(values)

        assert total("kafka_brokers") == 1
        assert total("kafka_topic_partitions", topic=topic) == 2
        assert total("kafka_topic_partition_current_offset", topic=topic) == 10
        assert total("kafka_topic_partition_current_offset", topic=topic, partition="1") == 5
        assert total("kafka_topic_partition_oldest_offset", topic=topic) == 0
        for name, each in [("in_sync_replica", 1), ("leader", 0), ("leader_is_preferred", 1), ("replicas", 1),
                           ("under_replicated_partition", 0)]:
            assert total(f"kafka_topic_partition_{name}", topic=topic) == 2 * each
        assert total("kafka_consumergroup_current_offset", consumergroup=group, topic=topic) == 7
        assert total("kafka_consumergroup_current_offset_sum", consumergroup=group, topic=topic) == 7
        assert total("kafka_consumergroup_lag", consumergroup=group, topic=topic, partition="0") == 3
        assert total("kafka_consumergroup_lag_sum", consumergroup=group, topic=topic) == 3
        assert total("kafka_consumergroup_members", consumergroup=group) == 0
        assert total("anymq_group_lag", group=group) == 3
        assert 0 < total("anymq_group_lag_seconds", group=group, partition="0") < 60
        assert total("anymq_group_lag_seconds", group=group, partition="1") == 0
