"""The metrics that dashboards and autoscalers made for RabbitMQ ask for are there, with their labels, and count right."""

import os
import re
import time
import urllib.request

import pika
import pytest

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


def test_counts(server, metrics):
    def total(name):
        return sum(value for sample, _, value in metrics() if sample == name)

    names = [f"rabbitmq_global_messages_{what}_total" for what in
             ("received", "routed", "confirmed", "acknowledged", "redelivered", "unroutable_dropped", "unroutable_returned")]
    before = {name: total(name) for name in names}
    with pika.BlockingConnection(pika.URLParameters(server)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("metrics-probe", durable=True)
        for _ in range(10):
            channel.basic_publish("", "metrics-probe", b"m", pika.BasicProperties(delivery_mode=2))
        channel.basic_publish("", "metrics-nowhere", b"dropped")
        with pytest.raises(pika.exceptions.UnroutableError):
            channel.basic_publish("", "metrics-nowhere", b"returned", mandatory=True)
        method, _, _ = channel.basic_get("metrics-probe")
        channel.basic_nack(method.delivery_tag, requeue=True)
        for _ in range(4):
            method, _, _ = channel.basic_get("metrics-probe")
            channel.basic_ack(method.delivery_tag)

        def of_queue(name):
            return [value for sample, labels, value in metrics("/metrics/per-object")
                    if sample == name and labels.get("queue") == "metrics-probe" and labels.get("vhost") == "/"]
        wait_for(lambda: of_queue("rabbitmq_queue_messages_ready") == [6.0], "6 ready")
        # Confirms and redeliveries may be counted for more than this test's messages, never for fewer.
        wanted = dict(zip(names, (12, 10, 12, 4, 1, 1, 1)))
        wait_for(lambda: all(total(name) - before[name] >= count for name, count in wanted.items()), f"counters grow by {wanted}")
        channel.queue_delete("metrics-probe")


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
