"""What a message of one protocol looks like to the other: a test for each row of docs/mapping.md, named like it."""

import json
import time
from decimal import Decimal
from pathlib import Path

import pika
import pytest

from test_librdkafka import consumer, producer, receive, send, unique
from confluent_kafka import TopicPartition

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "mapping.md"
LONG = b"k" * 256
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def channel(broker):
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.amqp_port)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel


def publish(channel, properties=None, body=b"body", routing_key=None, exchange=None):
    """Publishes to a new queue; its name."""
    queue = unique("mapping")
    channel.queue_declare(queue, durable=True)
    if exchange:
        channel.exchange_declare(exchange, "topic", durable=True)
        channel.queue_bind(queue, exchange, "#")
    key = queue if routing_key is None else routing_key
    channel.basic_publish(exchange or "", key, body, pika.BasicProperties(**(properties or {})), mandatory=True)
    return queue


def record(broker, topic):
    """The first record of a topic, as librdkafka reads it."""
    reader = consumer(broker.kafka)
    reader.assign([TopicPartition(topic, 0, 0)])
    message = receive(reader, 1)[0]
    reader.close()
    return message


def published(broker, channel, **message):
    return record(broker, publish(channel, **message))


def headers(message):
    return dict(message.headers() or [])


def produce(broker, channel, **message):
    """Produces to a new queue; what a consumer of AMQP gets."""
    queue = unique("mapping")
    channel.queue_declare(queue, durable=True)
    reports = send(producer(broker.kafka), queue, [{"value": b"value", **message}])
    assert reports[0][0] is None
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method:
            return method, properties, body, queue
    pytest.fail("nothing came")


def amqp_header(value, expected):
    def check(broker, channel):
        got = headers(published(broker, channel, properties={"headers": {"h": value}}))
        assert got["h"] == expected

    return check


def amqp_property(name, value, expected):
    def check(broker, channel):
        got = published(broker, channel, properties={name.replace("-", "_"): value})
        assert headers(got) == {name: expected}

    return check


def amqp_numbers(broker, channel):
    values = {"int": -5, "long": 1 << 40, "decimal": Decimal("1.25"), "yes": True}
    got = headers(published(broker, channel, properties={"headers": values}))
    assert got == {"int": b"-5", "long": b"1099511627776", "decimal": b"1.25", "yes": b"true"}


def amqp_stored_at(broker, channel):
    before = time.time() * 1000 - 1000
    kind, at = published(broker, channel).timestamp()
    assert kind == 1 and before <= at <= time.time() * 1000 + 1000


def amqp_exchange(broker, channel):
    exchange = unique("exchange")
    got = published(broker, channel, exchange=exchange, routing_key="a.b")
    assert (got.key(), headers(got)) == (b"a.b", {"x-exchange": exchange.encode()})


def amqp_default_exchange(broker, channel):
    got = published(broker, channel)
    assert (got.key(), got.headers()) == (None, None)


def amqp_traceparent(broker, channel):
    got = headers(published(broker, channel, properties={"headers": {"traceparent": TRACE, "tracestate": "a=1"}}))
    assert got == {"traceparent": TRACE.encode(), "tracestate": b"a=1"}


def amqp_json(value):
    def check(broker, channel):
        got = headers(published(broker, channel, properties={"headers": {"h": value}}))
        assert json.loads(got["h"]) == value

    return check


def value_is(field, expected, **message):
    def check(broker, channel):
        assert getattr(published(broker, channel, **message), field)() == expected

    return check


TO_KAFKA = {
    "body": value_is("value", b"\x00\xff any bytes", body=b"\x00\xff any bytes"),
    "empty-body": value_is("value", b"", body=b""),
    "routing-key": amqp_exchange,
    "default-exchange": amqp_default_exchange,
    "exchange": amqp_exchange,
    "header-text": amqp_header("grüße", "grüße".encode()),
    "header-number": amqp_numbers,
    "header-nothing": amqp_header(None, None),
    "header-list": amqp_json([1, "two", None]),
    "header-table": amqp_json({"a": 1, "b": {"c": "d"}}),
    "content-type": amqp_property("content-type", "text/plain", b"text/plain"),
    "content-encoding": amqp_property("content-encoding", "gzip", b"gzip"),
    "correlation-id": amqp_property("correlation-id", "c-1", b"c-1"),
    "reply-to": amqp_property("reply-to", "answers", b"answers"),
    "expiration": amqp_property("expiration", "600000", b"600000"),
    "message-id": amqp_property("message-id", "m-1", b"m-1"),
    "type": amqp_property("type", "order", b"order"),
    "user-id": amqp_property("user-id", "guest", b"guest"),
    "app-id": amqp_property("app-id", "shop", b"shop"),
    "cluster-id": amqp_property("cluster-id", "east", b"east"),
    "priority": amqp_property("priority", 3, b"3"),
    "timestamp": amqp_property("timestamp", 1700000000, b"1700000000"),
    "stored-at": amqp_stored_at,
    "traceparent": amqp_traceparent,
    "delivery-mode": amqp_property("delivery-mode", 2, None),
}


def amqp_delivery_mode(broker, channel):
    assert published(broker, channel, properties={"delivery_mode": 2}).headers() is None


TO_KAFKA["delivery-mode"] = amqp_delivery_mode


def routed_by(expected, **message):
    """The routing key, or the name of the queue if that is expected; and the header with a long key."""

    def check(broker, channel):
        method, properties, _, queue = produce(broker, channel, **message)
        assert method.routing_key == (queue if expected is None else expected)
        return properties

    return check


def kafka_value(broker, channel):
    _, properties, body, _ = produce(broker, channel, value=b"\x00\xff")
    assert (body, properties.headers) == (b"\x00\xff", None)


def kafka_no_value(broker, channel):
    _, properties, body, _ = produce(broker, channel, key=b"k", value=None)
    assert (body, properties.headers) == (b"", {"x-tombstone": True})


def kafka_long_key(broker, channel):
    assert routed_by(None, key=LONG)(broker, channel).headers == {"x-key": LONG.decode()}


def kafka_exchange(broker, channel):
    assert produce(broker, channel)[0].exchange == ""


def kafka_headers(sent, expected):
    def check(broker, channel):
        assert produce(broker, channel, headers=sent)[1].headers == expected

    return check


def kafka_properties(broker, channel):
    texts = ["content-type", "content-encoding", "correlation-id", "reply-to", "message-id", "type", "app-id"]
    sent = [(name, b"x/y") for name in texts] + [("expiration", b"600000"), ("priority", b"3"), ("timestamp", b"1700000000")]
    _, properties, _, _ = produce(broker, channel, headers=sent)
    assert [getattr(properties, name.replace("-", "_")) for name in texts] == ["x/y"] * len(texts)
    assert (properties.expiration, properties.priority, properties.timestamp) == ("600000", 3, 1700000000)
    assert properties.headers is None


def kafka_unfit(broker, channel):
    sent = [("priority", b"high"), ("expiration", b"soon"), ("message-id", b"x" * 300)]
    _, properties, _, _ = produce(broker, channel, headers=sent)
    assert (properties.priority, properties.expiration, properties.message_id) == (None, None, None)
    assert properties.headers == {"priority": "high", "expiration": "soon", "message-id": "x" * 300}


def kafka_user_id(broker, channel):
    _, properties, _, _ = produce(broker, channel, headers=[("user-id", b"somebody")])
    assert (properties.user_id, properties.headers) == (None, {"user-id": "somebody"})


def kafka_timestamp(broker, channel):
    at = int(time.time()) * 1000 + 250
    assert produce(broker, channel, timestamp=at)[1].timestamp == at // 1000


def kafka_persistent(broker, channel):
    assert produce(broker, channel)[1].delivery_mode == 2


TO_AMQP = {
    "value": kafka_value,
    "no-value": kafka_no_value,
    "key": routed_by("k.1", key=b"k.1"),
    "long-key": kafka_long_key,
    "no-key": routed_by(None),
    "exchange-of-record": kafka_exchange,
    "header": kafka_headers([("h", "grüße".encode())], {"h": "grüße"}),
    "header-bytes": kafka_headers([("h", b"\xff\x00")], {"h": b"\xff\x00"}),
    "header-null": kafka_headers([("h", None)], {"h": None}),
    "header-twice": kafka_headers([("h", b"1"), ("h", b"2")], {"h": "2"}),
    "property-headers": kafka_properties,
    "property-unfit": kafka_unfit,
    "user-id-header": kafka_user_id,
    "record-timestamp": kafka_timestamp,
    "trace-headers": kafka_headers([("traceparent", TRACE.encode()), ("tracestate", b"a=1")], {"traceparent": TRACE, "tracestate": "a=1"}),
    "always-persistent": kafka_persistent,
}


@pytest.mark.parametrize("row", TO_KAFKA)
def test_amqp_to_kafka(broker, channel, row):
    TO_KAFKA[row](broker, channel)


@pytest.mark.parametrize("row", TO_AMQP)
def test_kafka_to_amqp(broker, channel, row):
    TO_AMQP[row](broker, channel)


def test_round_trip(broker, channel):
    properties = {"content_type": "text/plain", "message_id": "m-1", "priority": 3, "headers": {"h": "text"}, "timestamp": 1700000000}
    sent = record(broker, publish(channel, properties=properties, body=b"there", routing_key="a.b", exchange=unique("exchange")))
    carried = [(name, value) for name, value in sent.headers() if name != "x-exchange"]
    method, back, body, _ = produce(broker, channel, key=sent.key(), value=sent.value(), headers=carried)
    assert (method.routing_key, body) == ("a.b", b"there")
    assert {name: getattr(back, name) for name in properties} == properties


def test_the_document_and_the_tests_name_the_same_rows():
    """A row without a test, or a test without a row, is a mistake."""
    sections = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1:]
    for section, tests in zip(sections, [TO_KAFKA, TO_AMQP]):
        rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
        names = [name.strip().strip("`") for row in rows for name in row.split(",")]
        assert sorted(names) == sorted(tests), section.splitlines()[0]
