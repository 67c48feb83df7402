"""Probes of quorum and stream queues, and of single active consumers."""

from runner import Probe
from steps import (CONFIRM, ack, bodies, call, confirms, consume, count, declare, deliveries, drop, get, nack, on,
                   publish, qos, queue, sync, until)
from wire import V

QUORUM, STREAM, SAC = {"x-queue-type": "quorum"}, {"x-queue-type": "stream"}, {"x-single-active-consumer": True}
QUORUM_ARGUMENTS = [
    ("ttl", {"x-message-ttl": 1000}), ("expires", {"x-expires": 60000}), ("max-length", {"x-max-length": 5}), ("max-length-bytes", {"x-max-length-bytes": 5}),
    ("overflow-drop-head", {"x-overflow": "drop-head"}), ("overflow-reject", {"x-overflow": "reject-publish"}), ("overflow-reject-dlx", {"x-overflow": "reject-publish-dlx"}),
    ("priority", {"x-max-priority": 5}), ("delivery-limit", {"x-delivery-limit": 5}), ("delivery-limit-none", {"x-delivery-limit": -1}), ("delivery-limit-zero", {"x-delivery-limit": 0}),
    ("delivery-limit-minus-2", {"x-delivery-limit": -2}), ("delivery-limit-string", {"x-delivery-limit": "5"}), ("mode", {"x-queue-mode": "lazy"}), ("version", {"x-queue-version": 2}),
    ("strategy-at-least-once", {"x-dead-letter-strategy": "at-least-once", "x-dead-letter-exchange": "", "x-overflow": "reject-publish"}),
    ("strategy-at-least-once-drop-head", {"x-dead-letter-strategy": "at-least-once", "x-dead-letter-exchange": ""}), ("strategy-bad", {"x-dead-letter-strategy": "never"}),
    ("group-size", {"x-quorum-initial-group-size": 1}), ("group-size-zero", {"x-quorum-initial-group-size": 0}), ("sac", SAC), ("max-in-memory", {"x-max-in-memory-length": 5}),
    ("max-age", {"x-max-age": "1h"}), ("consumer-timeout", {"x-consumer-timeout": 60000}), ("locator", {"x-queue-leader-locator": "balanced"}), ("unknown", {"x-nobody-knows": 1}),
]
STREAM_ARGUMENTS = [
    ("plain", {}), ("max-age", {"x-max-age": "7D"}), ("max-age-bad", {"x-max-age": "7 days"}), ("max-age-int", {"x-max-age": 5}), ("max-length-bytes", {"x-max-length-bytes": 1000000}),
    ("segment-size", {"x-stream-max-segment-size-bytes": 1000000}), ("segment-size-zero", {"x-stream-max-segment-size-bytes": 0}), ("segment-size-huge", {"x-stream-max-segment-size-bytes": V("l", 2**40)}),
    ("filter-size", {"x-stream-filter-size-bytes": 32}), ("filter-size-bad", {"x-stream-filter-size-bytes": 5}), ("cluster-size", {"x-initial-cluster-size": 1}), ("ttl", {"x-message-ttl": 5}), ("max-length", {"x-max-length": 5}),
    ("dlx", {"x-dead-letter-exchange": ""}), ("expires", {"x-expires": 5000}), ("overflow", {"x-overflow": "drop-head"}), ("priority", {"x-max-priority": 5}), ("sac", SAC), ("delivery-limit", {"x-delivery-limit": 3}),
]
OFFSETS = [("first", "first"), ("last", "last"), ("next", "next"), ("number", 2), ("number-beyond", 100), ("timestamp", V("T", 1)), ("interval", "1h"),
           ("bad", "zzz"), ("bad-interval", "1x"), ("negative", -1), ("bool", True), ("none", None)]


def stream_offset(name, offset):
    arguments = {} if offset is None else {"x-stream-offset": offset}
    return Probe(f"stream.offset.{name}", "1.3 stream queue", [
        queue("$q", STREAM), CONFIRM, *[step for n, letter in enumerate("abcd", 1) for step in (publish(body=letter), confirms(n))], qos(10),
        consume("$q", arguments=arguments, show=True),
        deliveries(0, props=["x-stream-offset"], quiet=0.6), publish(body="later"), deliveries(0, props=["x-stream-offset"], quiet=0.6)])


def quorum(name, *steps, arguments=None):
    return Probe(f"quorum.{name}", "1.3 quorum queue", [queue("$q", {**QUORUM, **(arguments or {})}), *steps])


def stream(name, *steps):
    return Probe(f"stream.{name}", "1.3 stream queue", [queue("$q", STREAM), CONFIRM, *bodies("abc"), confirms(1, 3), *steps])


PROBES = [
    Probe(f"quorum.arg.{name}", "1.3 args with validation", [declare("$q", {**QUORUM, **arguments}, durable=True)]) for name, arguments in QUORUM_ARGUMENTS
] + [
    Probe(f"stream.arg.{name}", "1.3 args with validation", [declare("$q", {**STREAM, **arguments}, durable=True)]) for name, arguments in STREAM_ARGUMENTS
] + [
    Probe(f"{kind}.flag.{name}", "1.3 quorum queue", [declare("$q", {"x-queue-type": kind}, **flags)])
    for kind in ("quorum", "stream") for name, flags in [("transient", {}), ("exclusive", {"durable": True, "exclusive": True}), ("auto-delete", {"durable": True, "auto_delete": True})]
] + [
    Probe(f"{kind}.server-named", "1.3 quorum queue", [declare("", {"x-queue-type": kind}, durable=True)]) for kind in ("quorum", "stream")
] + [stream_offset(name, offset) for name, offset in OFFSETS] + [
    quorum("redeclare-classic", declare("$q", durable=True)),
    quorum("redeclare-stream", declare("$q", STREAM, durable=True)),
    quorum("redeclare-limit", declare("$q", {**QUORUM, "x-delivery-limit": 7}, durable=True)),
    quorum("global-qos", call("basic.qos", prefetch_count=5, **{"global": True}), consume("$q", show=True)),
    quorum("global-qos-after-consume", qos(1), consume("$q", show=True), call("basic.qos", prefetch_count=5, **{"global": True}), sync()),
    quorum("delete-if-empty", call("queue.delete", queue="$q", if_empty=True)),
    quorum("delete-if-unused", consume("$q"), on("2", call("queue.delete", queue="$q", if_unused=True))),
    quorum("requeue-order", CONFIRM, *bodies("0123"), confirms(1, 4), *[get(no_ack=False) for _ in range(4)],
           *[nack(tag + 1) for tag in (1, 0, 3, 2)], count("$q", 4), *[get() for _ in range(4)]),
    quorum("requeue-multiple", CONFIRM, *bodies("0123"), confirms(1, 4), *[get(no_ack=False) for _ in range(4)], nack(0, multiple=True), count("$q", 4), *[get() for _ in range(4)]),
    quorum("delivery-count", CONFIRM, publish(), confirms(1), *[step for tag in (1, 2, 3) for step in (get(no_ack=False, props=True), nack(tag), count("$q", 1))]),
    quorum("delivery-count-on-close", CONFIRM, publish(), confirms(1), on("b", get(no_ack=False)), drop("b"), count("$q", 1), get(props=True)),
    quorum("delivery-limit", CONFIRM, publish(), confirms(1), consume("$q"), *[step for tag in (1, 2, 3) for step in (deliveries(1, props=["x-delivery-count"], quiet=0.02), nack(tag))], deliveries(0, quiet=0.4), count("$q", 0),
           arguments={"x-delivery-limit": 2}),
    quorum("delivery-limit-default-20", CONFIRM, publish(), confirms(1), consume("$q"), *[step for tag in range(1, 22) for step in (deliveries(1, props=["x-delivery-count"], quiet=0.02), nack(tag))], deliveries(0, quiet=0.4)),
    quorum("delivery-limit-off", CONFIRM, publish(), confirms(1), consume("$q"), *[step for tag in range(1, 25) for step in (deliveries(1, props=["x-delivery-count"], quiet=0.02), nack(tag))], deliveries(1, props=["x-delivery-count"]),
           arguments={"x-delivery-limit": -1}),
    quorum("priority-levels", CONFIRM, *[publish(body=f"p{p}", priority=p) for p in (0, 4, 5, 9, 1)], confirms(1, 5), *[get() for _ in range(5)]),
    quorum("max-length", CONFIRM, *bodies("abc"), confirms(1, 3), count("$q", 2), get(), get(), arguments={"x-max-length": 2}),
    # The pause lets a queue tell publishers that it is full, as RabbitMQ's does after the fact.
    quorum("reject-publish", CONFIRM, *[step for n, letter in enumerate("abcde", 1) for step in (publish(body=letter), confirms(n), until(0.15))],
           arguments={"x-max-length": 2, "x-overflow": "reject-publish"}),
    quorum("ttl", CONFIRM, publish(), confirms(1), count("$q", 0), arguments={"x-message-ttl": 100}),
    quorum("transient-message-kept-mode", CONFIRM, publish(delivery_mode=1), confirms(1), get(props=True)),
    quorum("purge", CONFIRM, *bodies("abc"), confirms(1, 3), call("queue.purge", queue="$q")),
    quorum("consumer-order", CONFIRM, *bodies("abcd"), confirms(1, 4), qos(2), consume("$q"), deliveries(2), ack(2, multiple=True), deliveries(2)),
    quorum("recover", CONFIRM, *bodies("ab"), confirms(1, 2), consume("$q"), deliveries(2), call("basic.recover", requeue=True), deliveries(2)),
    quorum("sac-get", get(), arguments=SAC),
    quorum("sac-priority-preempts", CONFIRM, qos(1), consume("$q", "low", {"x-priority": 1}), consume("$q", "high", {"x-priority": 9}), *bodies("ab"), confirms(1, 2), deliveries(1, tags=True), ack(1), deliveries(1, tags=True), arguments=SAC),
    stream("no-prefetch", consume("$q", show=True)),
    stream("no-ack", qos(5), consume("$q", show=True, no_ack=True)),
    stream("get", get()),
    stream("purge", call("queue.purge", queue="$q")),
    stream("delete-if-empty", call("queue.delete", queue="$q", if_empty=True)),
    stream("delete-if-unused", call("queue.delete", queue="$q", if_unused=True)),
    stream("exclusive-consumer", qos(5), consume("$q", show=True, exclusive=True)),
    stream("two-readers", qos(10), consume("$q", "c1", {"x-stream-offset": "first"}), deliveries(3, props=["x-stream-offset"]), on("2", qos(10), consume("$q", "c2", {"x-stream-offset": "first"}), deliveries(3, props=["x-stream-offset"]))),
    stream("credit", qos(1), consume("$q", "c", {"x-stream-offset": "first"}), deliveries(1), ack(1), deliveries(1), ack(2), deliveries(1)),
    stream("nack-is-credit", qos(1), consume("$q", "c", {"x-stream-offset": "first"}), deliveries(1), nack(1), deliveries(1)),
    stream("redeclare-other-age", declare("$q", {**STREAM, "x-max-age": "1h"}, durable=True)),
    Probe("sac.first-is-active", "1.3 SAC", [queue("$q", SAC), qos(1), consume("$q", "c1"), consume("$q", "c2"), *bodies("abc"), deliveries(1, tags=True), ack(1), deliveries(1, tags=True)]),
    Probe("sac.takes-over", "1.3 SAC", [queue("$q", SAC), consume("$q", "c1"), consume("$q", "c2"), publish(body="a"), deliveries(1, tags=True), ack(1), call("basic.cancel", consumer_tag="c1"), publish(body="b"), deliveries(1, tags=True)]),
    Probe("sac.takes-over-on-close", "1.3 SAC", [queue("$q", SAC), on("b", consume("$q", "c1"), publish(body="a"), deliveries(1, tags=True)), consume("$q", "c2"), drop("b"), deliveries(1, tags=True)]),
    Probe("sac.get", "1.3 SAC", [queue("$q", SAC), get()]),
    Probe("sac.get-beside-consumer", "1.3 SAC", [
        queue("$q", SAC), qos(1), consume("$q"), *bodies("abc"), deliveries(1), on("2", get(), get(no_ack=False)), on("b", get()), ack(1), deliveries(0), count()]),
    Probe("sac.get-without-consumer", "1.3 SAC", [queue("$q", SAC), *bodies("ab"), sync(), get(), get(), get()]),
    Probe("quorum.sac-get-beside-consumer", "1.3 SAC", [
        queue("$q", {**QUORUM, **SAC}), CONFIRM, qos(1), consume("$q"), *bodies("ab"), confirms(1, 2), deliveries(1), on("2", get()), ack(1), deliveries(1)]),
    Probe("sac.exclusive-consumer", "1.3 SAC", [queue("$q", SAC), consume("$q", show=True, exclusive=True)]),
    Probe("sac.priority-classic", "1.3 SAC", [queue("$q", SAC), qos(1), consume("$q", "low", {"x-priority": 1}), consume("$q", "high", {"x-priority": 9}), *bodies("ab"), deliveries(1, tags=True), ack(1), deliveries(1, tags=True)]),
]
