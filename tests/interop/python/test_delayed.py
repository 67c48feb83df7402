"""Messages that wait: exchanges of the type x-delayed-message, and x-delay on any exchange, with pika.

The plug-in's documentation says what is expected: https://github.com/rabbitmq/rabbitmq-delayed-message-exchange. A RabbitMQ without it is not asked.
"""

import os
import time
import uuid

import pika
import pytest

TOLERANCE = 0.35


@pytest.fixture(autouse=True)
def only_where_delays_are(server):
    if os.environ.get("RABBITMQ_MANAGEMENT"):
        pytest.skip("RabbitMQ has no delayed messages without a plug-in")


@pytest.fixture
def connection(server):
    with pika.BlockingConnection(pika.URLParameters(server)) as connection:
        yield connection


@pytest.fixture
def channel(connection):
    channel = connection.channel()
    channel.confirm_delivery()
    return channel


@pytest.fixture
def name(server):
    """A name for the test's exchange, and the beginning of its queues' names."""
    name = f"delayed-{uuid.uuid4()}"
    yield name
    with pika.BlockingConnection(pika.URLParameters(server)) as connection:
        channel = connection.channel()
        channel.exchange_delete(name)
        for queue in "ab":
            channel.queue_delete(f"{name}.{queue}")


def topology(channel, name, kind="topic", **arguments):
    """A delayed exchange; queue a is bound with a.*, queue b with b.*."""
    channel.exchange_declare(name, "x-delayed-message", durable=True, arguments={"x-delayed-type": kind, **arguments})
    for queue in "ab":
        channel.queue_declare(f"{name}.{queue}", durable=True)
        channel.queue_bind(f"{name}.{queue}", name, f"{queue}.*")


def publish(channel, exchange, key, delay=None, body=None, **more):
    headers = {} if delay is None else {"x-delay": delay}
    channel.basic_publish(exchange, key, body or f"{delay}".encode(), pika.BasicProperties(delivery_mode=2, headers=headers), **more)


def take(connection, channel, queue, count, seconds=5):
    """(seconds from now, body, headers, routing key) of that many deliveries."""
    got, begun = [], time.monotonic()

    def on_message(_, method, properties, body):
        got.append((time.monotonic() - begun, body.decode(), properties.headers, method.routing_key))
    tag = channel.basic_consume(queue, on_message, auto_ack=True)
    while len(got) < count and time.monotonic() - begun < seconds:
        connection.process_data_events(time_limit=0.05)
    channel.basic_cancel(tag)
    return got


def test_each_comes_in_its_time_and_where_it_belongs(connection, channel, name):
    topology(channel, name)
    begun = time.monotonic()
    for delay in (400, 100, None):
        publish(channel, name, "a.x", delay)
    publish(channel, name, "b.x", 200)
    confirmed = time.monotonic() - begun
    assert confirmed < 0.1 + TOLERANCE, "a confirm does not wait for the delay"
    assert channel.queue_declare(f"{name}.a", passive=True).method.message_count == 1, "who waits is not counted"
    got = take(connection, channel, f"{name}.a", 3)
    assert [body for _, body, _, _ in got] == ["None", "100", "400"]
    for (seconds, _, _, _), due in zip(got, (0, 0.1, 0.4)):
        # Counted from before the first publish to after the last one.
        assert due - confirmed - 0.005 <= seconds <= due + TOLERANCE, got
    assert [headers.get("x-delay") if headers else None for _, _, headers, _ in got] == [None, -100, -400]
    assert {key for *_, key in got} == {"a.x"}
    assert [body for _, body, _, _ in take(connection, channel, f"{name}.b", 1)] == ["200"]
    assert take(connection, channel, f"{name}.a", 1, seconds=0.3) == [], "nothing comes twice"


def test_a_queue_is_empty_until_the_time_has_come(channel, name):
    topology(channel, name)
    publish(channel, name, "a.x", 300)
    begun = time.monotonic()
    while (got := channel.basic_get(f"{name}.a", auto_ack=True))[0] is None:
        assert time.monotonic() - begun < 5, "it never comes"
        time.sleep(0.01)
    assert 0.29 <= time.monotonic() - begun < 0.3 + TOLERANCE
    assert (got[2], got[1].headers) == (b"300", {"x-delay": -300})


@pytest.mark.parametrize("kind, keys", [("direct", ["a.*"]), ("fanout", ["anything"]), ("headers", ["ignored"])])
def test_other_types_can_be_wrapped(connection, channel, name, kind, keys):
    topology(channel, name, kind)
    for key in keys:
        publish(channel, name, key, 100)
    assert len(take(connection, channel, f"{name}.a", 1)) == 1
    assert len(take(connection, channel, f"{name}.b", 1, seconds=0.3)) == (0 if kind == "direct" else 1)


def test_what_no_queue_is_bound_for_comes_back_at_once(channel, name):
    topology(channel, name)
    begun = time.monotonic()
    with pytest.raises(pika.exceptions.UnroutableError) as refused:
        publish(channel, name, "nowhere", 5000, mandatory=True)
    assert time.monotonic() - begun < 1 and refused.value.messages[0].method.reply_code == 312
    publish(channel, name, "a.x", 50, mandatory=True)


@pytest.mark.parametrize("delay", [0, -1, "soon", None, True])
def test_a_delay_that_is_none(connection, channel, name, delay):
    """Zero, negative or not a number: no delay, and the header stays as it was."""
    topology(channel, name)
    channel.basic_publish(name, "a.x", b"now", pika.BasicProperties(headers={"x-delay": delay}))
    [(seconds, body, headers, _)] = take(connection, channel, f"{name}.a", 1)
    assert seconds < TOLERANCE and body == "now" and headers == {"x-delay": delay}


def test_any_queue_delays(connection, channel, name):
    queue = f"{name}.a"
    channel.queue_declare(queue, durable=True)
    for delay in (300, None, 100):
        publish(channel, "", queue, delay)
    got = take(connection, channel, queue, 3)
    assert [body for _, body, _, _ in got] == ["None", "100", "300"] and 0.2 < got[2][0] < 0.3 + TOLERANCE
    assert [headers.get("x-delay") if headers else None for _, _, headers, _ in got] == [None, -100, -300]


def test_who_waits_survives_the_brokers_death(own_broker):
    parameters = pika.URLParameters(own_broker.url)
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    channel.confirm_delivery()
    topology(channel, "delayed")
    begun = time.monotonic()
    for delay in (2500, 1, 2000):
        publish(channel, "delayed", "a.x", delay)
    assert [body for _, body, _, _ in take(connection, channel, "delayed.a", 1)] == ["1"]
    publish(channel, "delayed", "b.x", 2000)
    # The acknowledgement of what came is on disk with what was confirmed after it.
    own_broker.kill()
    own_broker.start()
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        assert time.monotonic() - begun < 1.9, "the restart took too long to show anything"
        assert channel.basic_get("delayed.a", auto_ack=True)[0] is None, "it does not come early because of the restart"
        got = take(connection, channel, "delayed.a", 2)
        assert [body for _, body, _, _ in got] == ["2000", "2500"]
        assert 2.49 <= time.monotonic() - begun < 2.5 + 2 * TOLERANCE
        assert [headers for _, _, headers, _ in got] == [{"x-delay": -2000}, {"x-delay": -2500}]
        assert [body for _, body, _, _ in take(connection, channel, "delayed.b", 1)] == ["2000"]
        assert take(connection, channel, "delayed.a", 1, seconds=0.3) == []
