"""The metrics that dashboards and autoscalers made for RabbitMQ ask for are there, with their labels, and count right."""

import os
import re
import time
import urllib.request

import pika
import pytest

from conftest import start_own_broker

NAMES = """
rabbitmq_queues rabbitmq_consumers rabbitmq_connections rabbitmq_channels
rabbitmq_connections_opened_total rabbitmq_connections_closed_total rabbitmq_channels_opened_total rabbitmq_channels_closed_total
rabbitmq_queues_created_total rabbitmq_queues_declared_total rabbitmq_queues_deleted_total
rabbitmq_process_resident_memory_bytes rabbitmq_resident_memory_limit_bytes rabbitmq_disk_space_available_bytes
rabbitmq_alarms_memory_used_watermark rabbitmq_alarms_free_disk_space_watermark rabbitmq_identity_info rabbitmq_build_info
rabbitmq_global_messages_received_total rabbitmq_global_messages_routed_total rabbitmq_global_messages_confirmed_total
rabbitmq_global_messages_delivered_total rabbitmq_global_messages_acknowledged_total rabbitmq_global_messages_redelivered_total
rabbitmq_global_messages_unroutable_dropped_total rabbitmq_global_messages_unroutable_returned_total
rabbitmq_global_messages_dead_lettered_expired_total rabbitmq_global_messages_dead_lettered_rejected_total
rabbitmq_global_messages_dead_lettered_maxlen_total rabbitmq_global_messages_dead_lettered_delivery_limit_total
rabbitmq_global_messages_received_confirm_total rabbitmq_global_messages_get_empty_total rabbitmq_global_consumers
""".split()
SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")


@pytest.fixture
def metrics(server, request):
    base = os.environ.get("RABBITMQ_METRICS") or request.getfixturevalue("admin_url")

    def read(path="/metrics"):
        text = urllib.request.urlopen(base + path, timeout=10).read().decode()
        samples = []
        for line in text.splitlines():
            if line and not line.startswith("#"):
                match = SAMPLE.match(line)
                assert match, f"not a sample: {line}"
                samples.append((match[1], dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or "")), float(match[3])))
        return samples
    return read


def wait_for(condition, what):
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_names(metrics):
    present = {name for name, _, _ in metrics()}
    assert [name for name in NAMES if name not in present] == []


GLOBAL = "rabbitmq_global_messages_"


class Growth:
    """What the counters of /metrics grew by since the last look; RabbitMQ's queues tell their numbers every five seconds."""

    def __init__(self, read):
        self.read = read
        self.seen = self.take()

    def take(self):
        # Of two series that a label tells apart, each counts for itself: name and labels are the key.
        return {(name, frozenset(labels.items())): value for name, labels, value in self.read()
                if name.startswith("rabbitmq_") and name.endswith("_total")}

    def now(self):
        return {key: value - self.seen.get(key, 0) for key, value in self.take().items()}

    def expect(self, wanted, only=GLOBAL):
        """Waits until the counters that begin with `only` grew by exactly what is wanted, and begins anew."""
        def grown():
            return {key: n for key, n in self.now().items() if n and key[0].startswith(only)}
        deadline = time.monotonic() + 15
        while (found := grown()) != wanted:
            if time.monotonic() > deadline:
                different = {key: (found.get(key), wanted.get(key)) for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)}
                raise AssertionError(f"(found, wanted): {different}")
            time.sleep(0.1)
        self.seen = self.take()


def count(name, n, **labels):
    return {(name, frozenset(labels.items())): float(n)}


def published(n, confirm=None, routed=None):
    """Counters of n messages on a confirming channel, each for one queue, unless said otherwise."""
    confirm, routed = n if confirm is None else confirm, n if routed is None else routed
    names = {"received": n, "received_confirm": confirm, "confirmed": confirm, "routed": routed}
    return {key: value for name, m in names.items() if m for key, value in count(f"{GLOBAL}{name}_total", m, protocol="amqp091").items()}


def of_type(kind, **counts):
    return {key: value for name, n in counts.items()
            for key, value in count(f"{GLOBAL}{name}_total", n, protocol="amqp091", queue_type=f"rabbit_{kind}_queue").items()}


@pytest.fixture
def channel(server):
    with pika.BlockingConnection(pika.URLParameters(server)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel
        if not channel.is_open:
            channel = connection.channel()
        for queue in ("metrics-probe", "metrics-other", "metrics-dead"):
            channel.queue_delete(queue)
        channel.exchange_delete("metrics-fan")


def publish(channel, queue, n, exchange=""):
    for _ in range(n):
        channel.basic_publish(exchange, queue, b"abc", pika.BasicProperties(delivery_mode=2))


def get(channel, queue, auto_ack=False):
    """A message of the queue; quorum queues may take a moment to have one."""
    deadline = time.monotonic() + 10
    while True:
        method, _, _ = channel.basic_get(queue, auto_ack=auto_ack)
        if method:
            return method.delivery_tag
        assert time.monotonic() < deadline, f"no message in {queue}"
        time.sleep(0.05)


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_counts_by_queue_type(channel, metrics, kind):
    queue, type_label = "metrics-probe", f"rabbit_{kind}_queue"
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": kind})
    grown = Growth(metrics)
    publish(channel, queue, 10)
    grown.expect(published(10))
    wait_for(lambda: channel.queue_declare(queue, passive=True).method.message_count == 10, "10 ready")

    channel.basic_ack(get(channel, queue))
    get(channel, queue, auto_ack=True)
    channel.basic_nack(get(channel, queue), requeue=True)
    channel.basic_reject(get(channel, queue), requeue=False)
    grown.expect({
        **of_type(kind, delivered=4, delivered_get_manual_ack=3, delivered_get_auto_ack=1, redelivered=1, acknowledged=1),
        **count(GLOBAL + "dead_lettered_rejected_total", 1, queue_type=type_label, dead_letter_strategy="disabled")})

    # Seven are left: two are settled, five come again.
    received = []
    consumer = channel.basic_consume(queue, lambda ch, method, props, body: received.append(method.delivery_tag))
    wait_for(lambda: channel.connection.process_data_events(0.05) or len(received) == 7, "7 deliveries")
    for tag in received[:2]:
        channel.basic_ack(tag)
    grown.expect(of_type(kind, delivered=7, delivered_consume_manual_ack=7, acknowledged=2))
    channel.basic_cancel(consumer)
    channel.basic_nack(received[-1], multiple=True, requeue=True)
    received.clear()
    channel.basic_consume(queue, lambda ch, method, props, body: received.append(method.delivery_tag), auto_ack=True)
    wait_for(lambda: channel.connection.process_data_events(0.05) or len(received) == 5, "5 deliveries")
    assert channel.basic_get(queue)[0] is None
    grown.expect(of_type(kind, delivered=5, delivered_consume_auto_ack=5, redelivered=5, get_empty=1))


def test_counts_of_a_stream(channel, metrics):
    channel.queue_declare("metrics-probe", durable=True, arguments={"x-queue-type": "stream"})
    grown = Growth(metrics)
    publish(channel, "metrics-probe", 5)
    received = []
    channel.basic_qos(prefetch_count=10)
    channel.basic_consume("metrics-probe", lambda ch, method, props, body: received.append(ch.basic_ack(method.delivery_tag)),
                          arguments={"x-stream-offset": "first"})
    wait_for(lambda: channel.connection.process_data_events(0.05) or len(received) == 5, "5 deliveries")
    channel.connection.process_data_events(0.1)
    grown.expect({**published(5), **of_type("stream", delivered=5, delivered_consume_manual_ack=5, acknowledged=5)})


def test_counts_of_routing(channel, metrics):
    channel.exchange_declare("metrics-fan", "fanout")
    for queue in ("metrics-probe", "metrics-other"):
        channel.queue_declare(queue)
        channel.queue_bind(queue, "metrics-fan")
    grown = Growth(metrics)
    publish(channel, "", 3, exchange="metrics-fan")
    grown.expect(published(3, routed=6))
    with channel.connection.channel() as plain:
        publish(plain, "metrics-nowhere", 2)
    grown.expect({**published(2, confirm=0, routed=0), **count(GLOBAL + "unroutable_dropped_total", 2, protocol="amqp091")})
    publish(channel, "metrics-nowhere", 1)
    grown.expect({**published(1, routed=0), **count(GLOBAL + "unroutable_dropped_total", 1, protocol="amqp091")})
    with pytest.raises(pika.exceptions.UnroutableError):
        channel.basic_publish("", "metrics-nowhere", b"returned", mandatory=True)
    grown.expect({**published(1, routed=0), **count(GLOBAL + "unroutable_returned_total", 1, protocol="amqp091")})


@pytest.mark.parametrize("kind, strategy", [("classic", "disabled"), ("classic", "at_most_once"),
                                            ("quorum", "disabled"), ("quorum", "at_most_once"), ("quorum", "at_least_once")])
def test_dead_letters_by_reason_queue_type_and_strategy(channel, metrics, kind, strategy):
    channel.exchange_declare("metrics-fan", "fanout")
    channel.queue_declare("metrics-other")
    channel.queue_bind("metrics-other", "metrics-fan")
    arguments = {"x-queue-type": kind, **({} if strategy == "disabled" else {"x-dead-letter-exchange": "metrics-fan"})}
    at_least_once = strategy == "at_least_once"
    if at_least_once:
        arguments |= {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    labels = {"queue_type": f"rabbit_{kind}_queue", "dead_letter_strategy": strategy}
    grown = Growth(metrics)

    def died(reason, n):
        arrived = count(GLOBAL + "dead_lettered_confirmed_total", n, **labels) if at_least_once else {}
        grown.expect({**count(f"{GLOBAL}dead_lettered_{reason}_total", n, **labels), **arrived}, only=GLOBAL + "dead_lettered")
        channel.queue_delete("metrics-dead")

    def declare(**more):
        channel.queue_declare("metrics-dead", durable=True, arguments=arguments | {name.replace("_", "-"): n for name, n in more.items()})

    declare(x_message_ttl=50)
    publish(channel, "metrics-dead", 1)
    died("expired", 1)
    declare()
    publish(channel, "metrics-dead", 2)
    for _ in range(2):
        channel.basic_reject(get(channel, "metrics-dead"), requeue=False)
    died("rejected", 2)
    if not at_least_once:
        declare(x_max_length=1)
        publish(channel, "metrics-dead", 4)
        died("maxlen", 3)
    if kind == "quorum":
        declare(x_delivery_limit=1)
        publish(channel, "metrics-dead", 2)
        for _ in range(4):
            channel.basic_nack(get(channel, "metrics-dead"), requeue=True)
        died("delivery_limit", 2)


def test_comings_and_goings(server, channel, metrics):
    gauges = ("connections", "channels", "consumers", "queues")

    def values():
        samples = metrics()
        return {name: one(samples, "rabbitmq_" + name) for name in gauges}
    if os.environ.get("AMQP_URL"):
        time.sleep(10)  # RabbitMQ forgets queues of the tests before a while after they are deleted.
    before, grown = values(), Growth(metrics)

    def there_are(**more):
        wanted = {name: n + more.get(name, 0) for name, n in before.items()}
        wait_for(lambda: values() == wanted, f"{wanted}, not {values()}")

    def expect(**counters):
        grown.expect({key: n for name, m in counters.items() for key, n in count(f"rabbitmq_{name}_total", m).items()},
                     only=("rabbitmq_queues", "rabbitmq_channels", "rabbitmq_connections"))
    connection = pika.BlockingConnection(pika.URLParameters(server))
    first, second = connection.channel(), connection.channel()
    for _ in range(2):
        first.queue_declare("metrics-probe", durable=True)
    first.queue_declare("metrics-probe", passive=True)
    for ch in (first, first, second):
        ch.basic_consume("metrics-probe", lambda *_: None)
    there_are(connections=1, channels=2, consumers=3, queues=1)
    expect(connections_opened=1, channels_opened=2, queues_created=1, queues_declared=2)
    second.close()
    there_are(connections=1, channels=1, consumers=2, queues=1)
    expect(channels_closed=1)
    first.queue_delete("metrics-probe")
    there_are(connections=1, channels=1)
    expect(queues_deleted=1)
    connection.close()
    there_are()
    expect(channels_closed=1, connections_closed=1)


FAMILIES = "&".join(f"family={name}" for name in (
    "queue_coarse_metrics", "queue_consumer_count", "queue_delivery_metrics", "channel_metrics", "connection_metrics", "no_such_family"))


def test_detailed(server, channel, metrics):
    # Names of this run only: RabbitMQ goes on counting where a deleted queue of the same name stopped.
    probe, other = (f"metrics-{name}-{os.getpid()}" for name in ("one", "two"))
    for queue in (probe, other):
        channel.queue_declare(queue, durable=True)
    publish(channel, probe, 5)
    publish(channel, other, 2)
    get(channel, probe, auto_ack=True)
    with pika.BlockingConnection(pika.URLParameters(server)) as connection:
        consuming = connection.channel()
        received = []
        consuming.basic_qos(prefetch_count=3)
        consuming.basic_consume(probe, lambda ch, method, *_: received.append(method.delivery_tag))
        wait_for(lambda: connection.process_data_events(0.05) or len(received) == 3, "3 deliveries")
        consuming.basic_ack(received[0])
        wait_for(lambda: connection.process_data_events(0.05) or len(received) == 4, "the last one")
        wanted = {
            "queue_messages_ready": (0, 2), "queue_messages_unacked": (3, 0), "queue_messages": (3, 2), "queue_consumers": (1, 0),
            "queue_get_total": (1, None), "queue_get_ack_total": (0, None), "queue_get_empty_total": (0, None), "queue_messages_delivered_ack_total": (4, None),
            "queue_messages_delivered_total": (0, None), "queue_messages_redelivered_total": (0, None), "queue_messages_acked_total": (1, None)}

        def found(path):
            samples = metrics(path)
            # A queue that nothing was read from may have no counters of that.
            return {name: tuple(one(samples, "rabbitmq_detailed_" + name, vhost="/", queue=queue) or (0 if value is not None else None)
                                for queue, value in zip((probe, other), values))
                    for name, values in wanted.items()}
        path = f"/metrics/detailed?vhost=%2F&{FAMILIES}"
        wait_for(lambda: found(path) == wanted, f"{wanted}, not {found(path)}")

        def of_channels():
            channels = {}
            for name, labels, value in metrics(path):
                if "channel" in labels:
                    channels.setdefault(labels["channel"], {})[name.removeprefix("rabbitmq_detailed_")] = value
            return channels.values()
        own = {"channel_consumers": 1, "channel_messages_unacked": 3, "consumer_prefetch": 3}
        wait_for(lambda: any(own.items() <= c.items() for c in of_channels()), own)
        wait_for(lambda: any(c.get("connection_channels") == 1 for c in of_channels()), "a connection with one channel")

        # Only what is asked for, of the vhosts asked for; one family that is there twice is written once.
        assert not [name for name, _, _ in metrics("/metrics/detailed") if name.startswith("rabbitmq_detailed")]
        elsewhere = metrics(f"/metrics/detailed?vhost=metrics-nowhere&{FAMILIES}")
        assert not [name for name, _, _ in elsewhere if name.startswith("rabbitmq_detailed_queue")]
        assert [name for name, _, _ in elsewhere if name == "rabbitmq_detailed_channel_consumers"]
        both = metrics("/metrics/detailed?family=queue_consumer_count&family=queue_metrics")
        assert one(both, "rabbitmq_detailed_queue_consumers", queue=probe, vhost="/") == 1
        wait_for(lambda: [one(metrics("/metrics/detailed?family=queue_metrics"), f"rabbitmq_detailed_queue_messages{what}_bytes", queue=probe)
                          for what in ("", "_ready", "_unacked")] == [9, 0, 9], "bytes")
    for queue in (probe, other):
        channel.queue_delete(queue)


def test_detailed_of_the_topology(channel, metrics):
    channel.exchange_declare("metrics-fan", "fanout")
    for queue in ("metrics-probe", "metrics-other"):
        channel.queue_declare(queue)
        channel.queue_bind(queue, "metrics-fan")
    samples = metrics("/metrics/detailed?family=vhost_status&family=exchange_bindings&family=exchange_names&vhost=metrics-nowhere")
    assert one(samples, "rabbitmq_cluster_vhost_status", vhost="/") == 1
    fan = {"vhost": "/", "exchange": "metrics-fan", "type": "fanout"}
    assert one(samples, "rabbitmq_cluster_exchange_bindings", **fan) == 2
    assert one(samples, "rabbitmq_cluster_exchange_name", **fan) == 1
    assert one(samples, "rabbitmq_cluster_exchange_bindings", exchange="amq.topic", vhost="/") == 0
    assert not [labels for _, labels, _ in samples if labels.get("exchange") in ("", "amq.rabbitmq.trace")]


def histogram(samples, name):
    """Count and sum of a histogram, its buckets rising."""
    buckets = [value for sample, _, value in samples if sample == name + "_bucket"]
    assert buckets and buckets == sorted(buckets)
    values = {sample: value for sample, _, value in samples}
    assert buckets[-1] == values[name + "_count"]
    return values[name + "_count"], values[name + "_sum"]


@pytest.fixture
def own(own_broker):
    """A broker of the test's own, its metrics, and a channel."""
    def read(path="/metrics"):
        text = urllib.request.urlopen(f"http://127.0.0.1:{own_broker.admin_port}{path}", timeout=10).read().decode()
        return [(match[1], dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or "")), float(match[3]))
                for match in map(SAMPLE.match, text.splitlines()) if match]
    with pika.BlockingConnection(pika.URLParameters(own_broker.url)) as connection:
        yield own_broker, read, connection.channel()


def one(samples, name, **labels):
    found = [value for sample, have, value in samples if sample == name and labels.items() <= have.items()]
    assert len(found) <= 1, f"{name} {labels}: {found}"
    return found[0] if found else None


@pytest.mark.parametrize("settings, wanted", [
    ({}, (0, 0)), ({"ANYMQ_BROKER__MEMORY_HIGH_WATERMARK": "1"}, (1, 0)), ({"ANYMQ_BROKER__DISK_FREE_LIMIT": str(1 << 60)}, (0, 1))])
def test_alarms(settings, wanted):
    broker = start_own_broker(settings)
    try:
        lines = [f"rabbitmq_alarms_{name} {value}" for name, value in zip(("memory_used_watermark", "free_disk_space_watermark"), wanted)]

        def told():
            text = urllib.request.urlopen(f"http://127.0.0.1:{broker.admin_port}/metrics", timeout=10).read().decode()
            return all(line in text.splitlines() for line in lines)
        wait_for(told, lines)
    finally:
        broker.remove()


def test_age_of_the_oldest_message(own):
    _, read, channel = own
    channel.queue_declare("aged", durable=True)
    channel.queue_declare("empty", durable=True)
    assert one(read(), "anymq_oldest_message_age_seconds") == 0
    begun = time.monotonic()
    channel.basic_publish("", "aged", b"m", pika.BasicProperties(delivery_mode=2))
    name = "anymq_queue_oldest_message_age_seconds"
    wait_for(lambda: one(read("/metrics/per-object"), name, queue="aged") > 1, "the message grows old")
    assert one(read("/metrics/per-object"), name, queue="aged") <= time.monotonic() - begun
    assert one(read("/metrics/per-object"), name, queue="empty") == 0
    assert one(read(), "anymq_oldest_message_age_seconds") > 1
    # What is delivered and not acknowledged is still there; what is acknowledged is not.
    method, _, _ = channel.basic_get("aged")
    assert one(read(), "anymq_oldest_message_age_seconds") > 1
    channel.basic_ack(method.delivery_tag)
    wait_for(lambda: one(read(), "anymq_oldest_message_age_seconds") == 0, "none is left")


def test_publishers_waits_are_counted_by_commit(own):
    _, read, channel = own
    channel.queue_declare("waits", durable=True)
    channel.confirm_delivery()
    before, _ = histogram(read(), "anymq_confirm_seconds")
    begun = time.monotonic()
    for _ in range(20):
        channel.basic_publish("", "waits", b"m", pika.BasicProperties(delivery_mode=2))
    took = time.monotonic() - begun
    # One at a time: each waits for a commit of its own. A wait that begins while the one before is being counted is not measured.
    count, total = histogram(read(), "anymq_confirm_seconds")
    assert 10 <= count - before <= 20
    assert 0 < total <= took + 1


def test_depth_of_dead_letter_queues(own):
    broker, read, channel = own
    channel.exchange_declare("graves", "topic", durable=True)
    channel.exchange_declare("behind", "fanout", durable=True)
    channel.exchange_bind("behind", "graves", "#")
    for queue in ("by-exchange", "by-exchange-of-exchange", "by-key", "other"):
        channel.queue_declare(queue, durable=True)
    channel.queue_bind("by-exchange", "graves", "#")
    channel.queue_bind("by-exchange-of-exchange", "behind")
    channel.queue_declare("work", durable=True, arguments={"x-dead-letter-exchange": "graves"})
    channel.queue_declare("jobs", durable=True, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "by-key"})
    for queue in ("work", "jobs", "other"):
        channel.basic_publish("", queue, b"m", pika.BasicProperties(delivery_mode=2))
    channel.basic_publish("", "work", b"m", pika.BasicProperties(delivery_mode=2))
    for queue in ("work", "work", "jobs"):
        method, _, _ = channel.basic_get(queue)
        channel.basic_reject(method.delivery_tag, requeue=False)
    wanted = {"by-exchange": 2, "by-exchange-of-exchange": 2, "by-key": 1}

    def depths():
        return {labels["queue"]: value for name, labels, value in read() if name == "anymq_dlq_messages"}
    wait_for(lambda: depths() == wanted, f"depths {wanted}, not {depths()}")
