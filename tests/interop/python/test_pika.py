"""pika, unmodified, doing what programs do with it."""

import threading
import uuid

import pika
import pytest
from pika.adapters.select_connection import SelectConnection


@pytest.fixture
def connection(server):
    connection = pika.BlockingConnection(pika.URLParameters(f"{server}/%2F?heartbeat=30"))
    yield connection
    if connection.is_open:
        connection.close()


@pytest.fixture
def channel(connection):
    return connection.channel()


@pytest.fixture
def queue(server):
    name = f"pika-{uuid.uuid4()}"
    yield name
    with pika.BlockingConnection(pika.URLParameters(server)) as connection:
        connection.channel().queue_delete(name)


def test_publish_and_consume(channel, queue):
    channel.queue_declare(queue, durable=True)
    properties = pika.BasicProperties(delivery_mode=2, content_type="text/plain", headers={"n": 1, "s": "x", "l": [1, "two"], "d": {"k": True}})
    channel.basic_publish("", queue, b"hello", properties)
    for method, got, body in channel.consume(queue, inactivity_timeout=5):
        assert body == b"hello" and got.headers == properties.headers and got.delivery_mode == 2
        channel.basic_ack(method.delivery_tag)
        break
    assert channel.cancel() == 0


def test_confirmed_publish(channel, queue):
    channel.queue_declare(queue, durable=True)
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"kept", mandatory=True)
    with pytest.raises(pika.exceptions.UnroutableError) as refused:
        channel.basic_publish("", queue + ".missing", b"lost", mandatory=True)
    assert refused.value.messages[0].method.reply_code == 312


def test_nack_to_confirming_publisher(channel, queue):
    channel.queue_declare(queue, durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"fits")
    with pytest.raises(pika.exceptions.NackError):
        channel.basic_publish("", queue, b"does not")


def test_start_consuming_with_callbacks(connection, channel, queue):
    channel.queue_declare(queue)
    channel.basic_qos(prefetch_count=10)
    seen = []

    def on_message(ch, method, properties, body):
        seen.append(body)
        ch.basic_ack(method.delivery_tag)
        if len(seen) == 100:
            ch.stop_consuming()

    channel.basic_consume(queue, on_message)
    for index in range(100):
        channel.basic_publish("", queue, str(index).encode())
    watchdog = threading.Timer(20, lambda: connection.add_callback_threadsafe(channel.stop_consuming))
    watchdog.start()
    channel.start_consuming()
    watchdog.cancel()
    assert seen == [str(index).encode() for index in range(100)]


def test_channel_error_leaves_the_connection(connection, channel):
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as closed:
        channel.queue_declare("no-such-queue-here", passive=True)
    assert closed.value.reply_code == 404
    assert connection.channel().is_open


def test_bad_password(server):
    parameters = pika.URLParameters(server)
    parameters.credentials = pika.PlainCredentials("guest", "wrong")
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        pika.BlockingConnection(parameters)


def test_unknown_vhost(server):
    parameters = pika.URLParameters(server)
    parameters.virtual_host = "nope"
    with pytest.raises((pika.exceptions.ProbableAccessDeniedError, pika.exceptions.ConnectionClosedByBroker)):
        pika.BlockingConnection(parameters)


def test_cancelled_by_the_broker(connection, channel, queue):
    channel.queue_declare(queue)
    cancelled = []
    channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    tag = channel.basic_consume(queue, lambda *_: None)
    connection.channel().queue_delete(queue)
    connection.process_data_events(time_limit=2)
    for _ in range(20):
        if cancelled:
            break
        connection.process_data_events(time_limit=0.2)
    assert cancelled == [tag]


def test_transaction(channel, queue):
    channel.queue_declare(queue)
    channel.tx_select()
    channel.basic_publish("", queue, b"rolled back")
    channel.tx_rollback()
    channel.basic_publish("", queue, b"committed")
    channel.tx_commit()
    assert channel.basic_get(queue, auto_ack=True)[2] == b"committed"
    assert channel.basic_get(queue, auto_ack=True)[0] is None


def test_large_message(channel, queue):
    channel.queue_declare(queue)
    body = bytes(range(256)) * 20_000
    channel.basic_publish("", queue, body)
    assert channel.basic_get(queue, auto_ack=True)[2] == body


def test_direct_reply_to(connection, channel, queue):
    channel.queue_declare(queue)
    answers = []
    channel.basic_consume("amq.rabbitmq.reply-to", lambda ch, m, p, body: answers.append((p.correlation_id, body)), auto_ack=True)
    channel.basic_publish("", queue, b"ask", pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id="7"))
    server_side = connection.channel()
    method, properties, body = server_side.basic_get(queue, auto_ack=True)
    server_side.basic_publish("", properties.reply_to, b"answer", pika.BasicProperties(correlation_id=properties.correlation_id))
    for _ in range(50):
        if answers:
            break
        connection.process_data_events(time_limit=0.1)
    assert answers == [("7", b"answer")]


def test_asynchronous_adapter(server, queue):
    """The callback-driven adapter: open, declare, confirm, close."""
    steps = []

    def on_open(connection):
        steps.append("open")
        connection.channel(on_open_callback=on_channel)

    def on_channel(channel):
        steps.append("channel")
        channel.queue_declare(queue, callback=lambda _: on_queue(channel))

    def on_queue(channel):
        channel.confirm_delivery(lambda frame: (steps.append(type(frame.method).__name__), channel.connection.close()))
        channel.basic_publish("", queue, b"m")

    def on_failure(connection, error):
        steps.append(repr(error))
        connection.ioloop.stop()

    connection = SelectConnection(pika.URLParameters(server), on_open_callback=on_open, on_open_error_callback=on_failure,
                                  on_close_callback=lambda connection, reason: connection.ioloop.stop())
    connection.ioloop.call_later(20, connection.ioloop.stop)
    connection.ioloop.start()
    assert steps == ["open", "channel", "Ack"]


def test_update_secret(connection):
    done = threading.Event()
    connection._impl.update_secret("guest", "rotated", callback=lambda _: done.set())
    for _ in range(50):
        if done.is_set():
            break
        connection.process_data_events(time_limit=0.1)
    assert done.is_set() and connection.is_open


def test_graceful_stop_says_320(own_broker):
    connection = pika.BlockingConnection(pika.URLParameters(own_broker.url))
    stopper = threading.Thread(target=own_broker.stop)
    stopper.start()
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as closed:
        for _ in range(300):
            connection.process_data_events(time_limit=0.1)
    stopper.join()
    assert closed.value.reply_code == 320
