"""What the broker holds against clients: wrong passwords, other people's names, deliveries that are never acknowledged."""

import os
import subprocess
import threading
import time
import urllib.request

import pika
import pytest

from broker import Broker


def start(**settings):
    if os.environ.get("AMQP_URL"):
        pytest.skip("needs a broker with settings of the test's own: needs ANYMQ_BIN")
    return Broker(None, settings).start()


@pytest.fixture(scope="module")
def broker():
    broker = start()
    yield broker
    broker.remove()


def make_user(broker, name, *options):
    password = broker.home / "password"
    password.write_text(f"{name}-pw")
    broker.command("user", "create", name, "--new-password-file", str(password), *options)
    broker.command("permission", "set", name, "--vhost", "/", "--configure", ".*", "--write", ".*", "--read", ".*")


def connect(broker, user="guest", password="guest"):
    return pika.BlockingConnection(pika.ConnectionParameters(
        "127.0.0.1", broker.amqp_port, credentials=pika.PlainCredentials(user, password), blocked_connection_timeout=20))


def metric(broker, name):
    text = urllib.request.urlopen(f"http://127.0.0.1:{broker.admin_port}/metrics", timeout=10).read().decode()
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


@pytest.mark.parametrize("tags, allowed", [(["impersonator"], True), (["administrator"], False), ([], False)])
def test_only_impersonators_publish_as_somebody_else(broker, tags, allowed):
    name = "user-" + "".join(tags)
    make_user(broker, name, *[option for tag in tags for option in ("--tags", tag)])
    with connect(broker, name, f"{name}-pw") as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(name)
        channel.basic_publish("", name, b"own", pika.BasicProperties(user_id=name))
        if allowed:
            channel.basic_publish("", name, b"other", pika.BasicProperties(user_id="somebody"))
            channel.basic_get(name, auto_ack=True)
            assert channel.basic_get(name, auto_ack=True)[1].user_id == "somebody"
        else:
            with pytest.raises(pika.exceptions.ChannelClosedByBroker) as closed:
                channel.basic_publish("", name, b"other", pika.BasicProperties(user_id="somebody"))
            assert closed.value.reply_code == 406
            assert closed.value.reply_text == \
                f"PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was '{name}'"


def refuse(broker, password="wrong"):
    """Seconds until a wrong password is refused."""
    begun = time.monotonic()
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        connect(broker, "guest", password)
    return time.monotonic() - begun


def test_guessing_gets_slower_and_success_forgives():
    broker = start()
    try:
        held_back = "anymq_auth_held_back_total"
        quick = [refuse(broker) for _ in range(20)]
        assert metric(broker, held_back) == 0, "the first ones do not wait"
        slow = [refuse(broker, f"guess-{attempt}") for attempt in range(8)]
        assert metric(broker, held_back) == 8
        assert metric(broker, "anymq_auth_failures_total") == 28
        # 50, 100, 200, 400, 500 ms … on this machine; on top of what a refusal takes anyway.
        assert sum(slow[5:]) >= 1.4 + 3 * min(quick) * 0.5, (quick, slow)
        # Many at once do not go faster: they stand in one line, and those too many are refused unheard.
        before = metric(broker, "anymq_auth_failures_total")
        begun = time.monotonic()
        threads = [threading.Thread(target=refuse, args=(broker,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - begun
        verified = metric(broker, "anymq_auth_failures_total") - before
        assert verified <= 2 + took / 0.5, f"{verified} of 12 were verified in {took:.1f} s"
        # The right password waits its turn and ends it.
        connect(broker).close()
        assert refuse(broker) <= 3 * max(quick) + 0.5
        assert metric(broker, held_back) > 8
        waited = metric(broker, held_back)
        refuse(broker)
        assert metric(broker, held_back) == waited, "all is forgiven"
    finally:
        broker.remove()


def test_who_logged_in_lately_does_not_wait_for_a_neighbour():
    broker = start()
    try:
        connect(broker).close()
        for _ in range(26):
            refuse(broker)
        waited = metric(broker, "anymq_auth_held_back_total")
        assert waited > 0
        connect(broker).close()
        assert metric(broker, "anymq_auth_held_back_total") == waited
    finally:
        broker.remove()


def test_the_backoff_can_be_switched_off():
    broker = start(ANYMQ_BROKER__LOGIN_BACKOFF="false")
    try:
        for _ in range(24):
            refuse(broker)
        assert metric(broker, "anymq_auth_held_back_total") == 0
    finally:
        broker.remove()


TEXT = ("PRECONDITION_FAILED - delivery acknowledgement on channel {channel} timed out. Timeout value used: {ms} ms. "
        "This timeout value can be configured, see consumers doc guide to learn more")


@pytest.mark.parametrize("case", ["server", "queue", "consumer", "get", "quorum", "policy"])
def test_a_delivery_that_is_not_acknowledged_closes_its_channel(case):
    """`server`: broker.consumer_timeout_ms; `queue` and `consumer`: the argument x-consumer-timeout; a policy's key consumer-timeout."""
    broker = start(**({"ANYMQ_BROKER__CONSUMER_TIMEOUT_MS": "700"} if case == "server" else {}))
    arguments = {"queue": {"x-consumer-timeout": 700}, "get": {"x-consumer-timeout": 700},
                 "quorum": {"x-consumer-timeout": 700, "x-queue-type": "quorum"}}.get(case, {})
    if case == "policy":
        broker.command("policy", "set", "timeout", "^held$", '{"consumer-timeout": 700}', "--apply-to", "queues")
    try:
        with connect(broker) as connection:
            other = connection.channel()
            channel = connection.channel(7)
            closed = []
            channel.add_on_cancel_callback(lambda frame: None)
            channel._impl.add_on_close_callback(lambda _, reason: closed.append(reason))
            other.queue_declare("held", durable=True, arguments=arguments)
            for body in (b"first", b"second"):
                other.basic_publish("", "held", body)
            if case == "get":
                assert channel.basic_get("held")[2] == b"first"
            else:
                taken = []
                channel.basic_consume("held", lambda *delivery: taken.append(delivery[3]),
                                      arguments={"x-consumer-timeout": 700} if case == "consumer" else None)
                while len(taken) < 2:
                    connection.process_data_events(time_limit=5)
            begun = time.monotonic()
            while not closed:
                connection.process_data_events(time_limit=1)
                assert time.monotonic() - begun < 10, "the channel stays open"
            assert (closed[0].reply_code, closed[0].reply_text) == (406, TEXT.format(channel=7, ms=700))
            assert time.monotonic() - begun < 3
            # The connection goes on, and the messages are back, in their order.
            with connect(broker) as second:
                fresh = second.channel()
                messages = [fresh.basic_get("held", auto_ack=True) for _ in range(2)]
            assert [body for _, _, body in messages] == [b"first", b"second"]
            assert messages[0][0].redelivered
            assert other.is_open
    finally:
        broker.remove()


def test_a_timely_acknowledgement_keeps_the_channel():
    broker = start(ANYMQ_BROKER__CONSUMER_TIMEOUT_MS="1500")
    try:
        with connect(broker) as connection:
            channel = connection.channel()
            channel.queue_declare("timely")
            begun = time.monotonic()
            rounds = 0
            while time.monotonic() - begun < 4:
                channel.basic_publish("", "timely", b"m")
                method, _, _ = channel.basic_get("timely")
                connection.process_data_events(time_limit=0.3)
                channel.basic_ack(method.delivery_tag)
                rounds += 1
            assert rounds > 5 and channel.is_open
    finally:
        broker.remove()


def test_there_is_no_limit_unless_it_is_asked_for():
    broker = start()
    try:
        with connect(broker) as connection:
            channel = connection.channel()
            channel.queue_declare("timely")
            channel.basic_publish("", "timely", b"m")
            broker.command("policy", "set", "timeout", "^timely$", '{"consumer-timeout": 500}')
            broker.command("policy", "rm", "timeout", "--yes")
            method, _, _ = channel.basic_get("timely")
            connection.process_data_events(time_limit=2)
            channel.basic_ack(method.delivery_tag)
            assert channel.queue_declare("timely", passive=True).method.message_count == 0 and channel.is_open
    finally:
        broker.remove()
    shown = subprocess.run([os.environ["ANYMQ_BIN"], "config", "show"], capture_output=True, text=True, check=True, timeout=20).stdout
    assert [line.split("=")[1].strip() for line in shown.splitlines() if "consumer_timeout_ms" in line] == ["0"], "30 minutes are RabbitMQ's default, not ours"
