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
