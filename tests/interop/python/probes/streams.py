"""Probes of streams: where readers begin in time, what retention leaves, and filters."""

import time

from runner import Probe
from steps import CONFIRM, ack, confirms, consume, deliveries, on, publish, python, qos, queue, until
from wire import V

STREAM = {"x-queue-type": "stream"}
OFFSET = ["x-stream-offset"]
FILTERED = [("a1", "a"), ("b1", "b"), ("n1", None), ("a2", "a"), ("n2", None), ("b2", "b")]


def in_time(name, offset, count, *steps):
    """Messages a and b, three seconds, c and d; then a reader from `offset`: a value, or seconds after c and d were sent."""
    def remember(run):
        # Timestamps have seconds: c and d come in the beginning of one, clear of its edge.
        time.sleep(3.05 - time.time() % 1)
        run.saved["@then"] = int(time.time())

    def read(run):
        where = V("T", run.saved["@then"] + offset) if isinstance(offset, int) else offset
        run.steps([qos(10), consume("$q", "c", {"x-stream-offset": where}), deliveries(count, props=OFFSET), *steps])
    return Probe(f"stream.time.{name}", "1.3 stream queue", [
        queue("$q", STREAM), CONFIRM, publish(body="a"), confirms(1), publish(body="b"), confirms(2), python(remember),
        publish(body="c"), confirms(3), publish(body="d"), confirms(4), on("2", python(read))])


def filtered(name, arguments, count, *steps):
    """Messages one by one, so that each is a chunk of its own, then a reader with a filter."""
    sent = [step for n, (body, value) in enumerate(FILTERED, 1) for step in (
        publish(body=body, headers={} if value is None else {"x-stream-filter-value": value}), confirms(n), until(0.02))]
    return Probe(f"stream.filter.{name}", "1.3 stream queue", [
        queue("$q", STREAM), CONFIRM, *sent, on("2", qos(10), consume("$q", "c", {"x-stream-offset": "first", **arguments}, show=True),
                                                deliveries(count, props=OFFSET, quiet=0.3), *steps)])


def fill(first, last, size=10_000):
    """Confirmed messages of `size` bytes."""
    def step(run):
        for number in range(first, last + 1):
            run.client().publish(run.channel(), b"%06d" % number + b"x" * size, routing_key=run.expand("$q"))
    return [python(step), confirms(first, last)]


def kept(total, bound=None):
    """What a reader from the beginning gets: something is gone, the last is there, nothing is missing between."""
    def read(run):
        client = run.client("reader")
        client.open_channel(1)
        client.send(1, "basic.qos", prefetch_count=1000)
        client.wait(1, {"basic.qos-ok"})
        client.send(1, "basic.consume", queue=run.expand("$q"), consumer_tag="c", arguments={"x-stream-offset": "first"})
        numbers = []
        while not numbers or numbers[-1] != total:
            numbers.append(int(client.wait(1, {"basic.deliver"}).body[:6]))
        client.send(1, "basic.cancel", consumer_tag="c")
        client.wait(1, {"basic.cancel-ok"})
        return numbers

    def step(run):
        # Retention may work behind the publishers; RabbitMQ leaves a reader waiting whose beginning goes while it attaches.
        deadline = time.monotonic() + 5
        while True:
            time.sleep(0.6)
            numbers = read(run)
            run.clients.pop("reader").close()
            gone = numbers[0] > 1 and (bound is None or len(numbers) <= bound)
            if gone or time.monotonic() > deadline:
                break
        run.line(f"the oldest are gone: {gone}, without a gap: {numbers == list(range(numbers[0], total + 1))}")
    return python(step)


SMALL = {**STREAM, "x-stream-max-segment-size-bytes": 50_000}
PROBES = [
    in_time("timestamp", 0, 2),
    in_time("timestamp-between", -1, 2),
    in_time("timestamp-before", -60, 4),
    in_time("timestamp-future", 3600, 0),
    in_time("interval", "2s", 2),
    in_time("interval-long", "1h", 4),
    filtered("one-value", {"x-stream-filter": "a"}, 2),
    filtered("values", {"x-stream-filter": ["a", "b"]}, 4),
    filtered("no-such-value", {"x-stream-filter": "zzz"}, 0),
    filtered("unfiltered-too", {"x-stream-filter": "a", "x-stream-match-unfiltered": True}, 4),
    filtered("unfiltered-alone", {"x-stream-match-unfiltered": True}, 6),
    filtered("empty-list", {"x-stream-filter": []}, 6),
    filtered("number", {"x-stream-filter": 5}, 0),
    filtered("credit", {"x-stream-filter": "b"}, 2),
    Probe("stream.filter.credit-is-not-spent", "1.3 stream queue", [
        queue("$q", STREAM), CONFIRM,
        *[step for n, value in enumerate("aaab", 1) for step in (publish(body=f"{value}{n}", headers={"x-stream-filter-value": value}), confirms(n), until(0.02))],
        on("2", qos(1), consume("$q", "c", {"x-stream-offset": "first", "x-stream-filter": "b"}), deliveries(1, props=OFFSET), ack(1))]),
    Probe("stream.retention.bytes", "1.3 stream queue", [queue("$q", {**SMALL, "x-max-length-bytes": 200_000}), CONFIRM, *fill(1, 60), kept(60, 40)]),
    Probe("stream.retention.age", "1.3 stream queue", [queue("$q", {**SMALL, "x-max-age": "2s"}), CONFIRM, *fill(1, 30), until(4), *fill(31, 60), kept(60, 40)]),
    Probe("stream.retention.none", "1.3 stream queue", [
        queue("$q", SMALL), CONFIRM, *fill(1, 30), on("2", qos(1), consume("$q", "c", {"x-stream-offset": "first"}), deliveries(1))]),
]
