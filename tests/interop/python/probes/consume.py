"""Probes of consuming: flow, acknowledgement, requeueing and its order, cancelling, getting."""

from runner import Probe
from steps import (ack, bodies, call, consume, count, declare, deliveries, drop, events, get, nack, on, publish, python,
                   qos, queue, quietly, reject, send, sync, wait_close)
from wire import V

GLOBAL = {"global": True}
FOUR = [queue(), *bodies("0123"), sync()]
GET_FOUR = [get(no_ack=False) for _ in range(4)]
PRIORITIES = [("int", 5), ("negative", -5), ("string", "5"), ("float", V("d", 1.0)), ("bool", True), ("long", V("l", 2**40)), ("void", None)]


def ring(run):
    """Nine messages over three consumers with prefetch 1 that ack at once: each its turn."""
    seen = {}
    for _ in range(9):
        event = run.wait({"basic.deliver"})
        seen.setdefault(event.consumer_tag, []).append(event.body.decode())
        run.client().send(run.at[1], "basic.ack", delivery_tag=event.delivery_tag)
    run.line(f"{sorted(seen.items())}")


def count_deliveries(run):
    seen = {}
    while True:
        try:
            event = run.client().wait(run.at[1], {"basic.deliver"}, timeout=0.4)
        except Exception as stop:
            assert type(stop).__name__ == "Timeout", stop
            break
        seen[event.consumer_tag] = seen.get(event.consumer_tag, 0) + 1
    run.line(f"deliveries {sorted(seen.items())}")


def requeue(name, *steps):
    return Probe(f"requeue.{name}", "1.4 nack/reject requeue order", [*FOUR, *GET_FOUR, *steps, count("$q", 4), *[get() for _ in range(4)]])


PROBES = [
    Probe("consume.generated-tag", "1.4 consume", [queue(), consume("$q", "", show=True)]),
    Probe("consume.tag-reused", "1.4 consume", [queue(), consume("$q", "t", show=True), consume("$q", "t", show=True)]),
    Probe("consume.tag-on-other-channel", "1.4 consume", [queue(), consume("$q", "t", show=True), on("2", consume("$q", "t", show=True))]),
    Probe("consume.missing-queue", "1.4 consume", [consume("nope", show=True)]),
    Probe("consume.exclusive-first", "1.4 consume", [queue(), consume("$q", exclusive=True, show=True), on("2", consume("$q", "d", show=True)), on("b", get())]),
    Probe("consume.exclusive-second", "1.4 consume", [queue(), consume("$q"), on("2", consume("$q", "d", exclusive=True, show=True))]),
    Probe("consume.exclusive-freed", "1.4 consume", [queue(), consume("$q", exclusive=True), call("basic.cancel", consumer_tag="c"), consume("$q", "d", exclusive=True, show=True)]),
    Probe("consume.nowait", "1.4 consume", [queue(), publish(), consume("$q", "t", nowait=True), deliveries(1, tags=True)]),
    Probe("consume.no-local-ignored", "1.4 consume", [queue(), consume("$q", no_local=True), publish(), deliveries(1)]),
    Probe("consume.ok-before-deliver", "1.4 consume", [*FOUR, consume("$q", show=True), deliveries(4)]),
    Probe("consume.no-ack-not-kept", "1.4 consume", [*FOUR, consume("$q", no_ack=True), deliveries(4), drop("a"), count()]),
    Probe("consume.unknown-argument", "1.4 consume", [queue(), consume("$q", arguments={"x-nobody-knows": 1}, show=True)]),
    Probe("consume.round-robin", "1.4 consume", [queue(), qos(1), consume("$q", "c1"), consume("$q", "c2"), consume("$q", "c3"), *bodies("123456789"), python(ring)]),
    Probe("cancel.client", "1.4 cancel notify", [queue(), consume("$q"), publish(body="a"), deliveries(1), call("basic.cancel", consumer_tag="c"), publish(body="b"), deliveries(0), count("$q", 1), ack(1), sync()]),
    Probe("cancel.unknown", "1.4 cancel notify", [call("basic.cancel", consumer_tag="nope")]),
    Probe("cancel.nowait", "1.4 cancel notify", [queue(), consume("$q"), call("basic.cancel", consumer_tag="c", nowait=True), publish(), deliveries(0), count()]),
    Probe("cancel.queue-deleted", "1.4 cancel notify", [queue(), consume("$q"), on("b", call("queue.delete", queue="$q")), events(1)]),
    Probe("cancel.queue-deleted-same-channel", "1.4 cancel notify", [queue(), consume("$q"), call("queue.delete", queue="$q"), events(1)]),
    Probe("cancel.unacked-of-deleted-queue", "1.4 cancel notify", [queue(), publish(), consume("$q"), deliveries(1), call("queue.delete", queue="$q"), events(1), ack(1), sync()]),
] + [
    Probe(f"consume.priority.{name}", "1.4 consumer priority", [queue(), consume("$q", arguments={"x-priority": value}, show=True)]) for name, value in PRIORITIES
] + [
    Probe("consume.priority.order", "1.4 consumer priority", [queue(), qos(2), consume("$q", "low", {"x-priority": 1}), consume("$q", "high", {"x-priority": 5}), *bodies("abc"), sync(), python(count_deliveries)]),
    Probe("consume.priority.negative-last", "1.4 consumer priority", [queue(), qos(1), consume("$q", "neg", {"x-priority": -1}), consume("$q", "zero"), *bodies("a"), deliveries(1, tags=True)]),
    Probe("qos.per-consumer", "1.4 qos", [*FOUR, publish(), publish(), qos(2), consume("$q", "c1"), consume("$q", "c2"), python(count_deliveries)]),
    Probe("qos.global", "1.4 qos", [*FOUR, publish(), publish(), qos(2, **GLOBAL), consume("$q", "c1"), consume("$q", "c2"), deliveries(2)]),
    Probe("qos.both", "1.4 qos", [*FOUR, publish(), publish(), qos(2), qos(3, **GLOBAL), consume("$q", "c1"), consume("$q", "c2"), deliveries(3)]),
    Probe("qos.change-applies-to-later", "1.4 qos", [*FOUR, qos(1), consume("$q", "c1"), deliveries(1), qos(3), deliveries(0), consume("$q", "c2"), deliveries(3)]),
    Probe("qos.global-change-is-immediate", "1.4 qos", [*FOUR, qos(1, **GLOBAL), consume("$q"), deliveries(1), qos(3, **GLOBAL), deliveries(2)]),
    Probe("qos.global-to-none", "1.4 qos", [*FOUR, qos(1, **GLOBAL), consume("$q"), deliveries(1), qos(0, **GLOBAL), deliveries(3)]),
    Probe("qos.global-lowered", "1.4 qos", [*FOUR, qos(2, **GLOBAL), consume("$q"), deliveries(2), qos(1, **GLOBAL), ack(1), deliveries(0), ack(2), deliveries(1)]),
    Probe("qos.per-consumer-lifts-global", "1.4 qos", [*FOUR, qos(1, **GLOBAL), consume("$q"), deliveries(1), qos(2), deliveries(3), consume("$q", "d"), *bodies("ab"), deliveries(2, tags=True)]),
    Probe("qos.none-lifts-global", "1.4 qos", [*FOUR, qos(1, **GLOBAL), consume("$q"), deliveries(1), qos(0), deliveries(3)]),
    Probe("qos.prefetch-size", "1.4 qos", [call("basic.qos", prefetch_size=10)]),
    Probe("qos.no-ack-unlimited", "1.4 qos", [*FOUR, qos(1), consume("$q", no_ack=True), deliveries(4)]),
    Probe("qos.get-counts-not", "1.4 qos", [*FOUR, qos(1), get(no_ack=False), consume("$q"), deliveries(1)]),
    Probe("qos.global-get-counts", "1.4 qos", [*FOUR, qos(1, **GLOBAL), get(no_ack=False), consume("$q"), deliveries(1)]),
    Probe("qos.ack-gives-credit", "1.4 qos", [*FOUR, qos(2), consume("$q"), deliveries(2), ack(1), deliveries(1), ack(3, multiple=True), deliveries(1)]),
    Probe("ack.unknown", "1.4 ack", [ack(999), wait_close()]),
    Probe("ack.double", "1.4 ack", [*FOUR, get(no_ack=False), ack(1), ack(1), wait_close()]),
    Probe("ack.no-ack-delivery", "1.4 ack", [*FOUR, get(), ack(1), wait_close()]),
    Probe("ack.multiple", "1.4 ack", [*FOUR, *GET_FOUR, ack(3, multiple=True), drop("a"), count("$q", 1), get()]),
    Probe("ack.zero-multiple", "1.4 ack", [*FOUR, *GET_FOUR, ack(0, multiple=True), sync(), drop("a"), count()]),
    Probe("ack.zero-multiple-none", "1.4 ack", [ack(0, multiple=True), sync()]),
    Probe("ack.zero-single", "1.4 ack", [ack(0), wait_close()]),
    Probe("ack.multiple-unknown", "1.4 ack", [*FOUR, get(no_ack=False), ack(5, multiple=True), wait_close(), count("$q", 4)]),
    Probe("ack.multiple-already-settled", "1.4 ack", [*FOUR, *GET_FOUR, ack(2, multiple=True), ack(2, multiple=True), wait_close()]),
    Probe("ack.gap", "1.4 ack", [*FOUR, *GET_FOUR, ack(2), ack(4, multiple=True), sync(), drop("a"), count()]),
    Probe("ack.other-channel", "1.4 ack", [*FOUR, get(no_ack=False), on("2", ack(1), wait_close()), ack(1), sync()]),
    Probe("nack.unknown", "1.4 ack", [nack(7), wait_close()]),
    Probe("nack.zero-multiple-none", "1.4 ack", [nack(0, multiple=True), sync()]),
    Probe("reject.unknown", "1.4 ack", [reject(7), wait_close()]),
    Probe("reject.drop", "1.4 ack", [*FOUR, get(no_ack=False), reject(1), sync(), count()]),
    Probe("reject.requeue", "1.4 nack/reject requeue order", [*FOUR, get(no_ack=False), reject(1, requeue=True), count("$q", 4), get(props=True)]),
    requeue("classic-order", *[nack(tag + 1) for tag in (1, 0, 3, 2)]),
    requeue("multiple", nack(4, multiple=True)),
    requeue("all", nack(0, multiple=True)),
    requeue("ahead-of-new", publish(body="new"), nack(1), ack(2), nack(3), nack(4)),
    Probe("requeue.channel-close", "1.4 nack/reject requeue order", [*FOUR, on("2", *GET_FOUR, quietly("channel.close", reply_code=200)), count("$q", 4), *GET_FOUR]),
    Probe("requeue.connection-loss", "1.4 nack/reject requeue order", [*FOUR, on("b", *GET_FOUR), publish(body="new"), sync(), drop("b"), count("$q", 5), *[get() for _ in range(5)]]),
    Probe("requeue.to-same-consumer", "1.4 nack/reject requeue order", [queue(), consume("$q"), publish(), deliveries(1), nack(1), deliveries(1, props=True)]),
    Probe("requeue.other-consumer-redelivered", "1.4 nack/reject requeue order", [queue(), on("b", consume("$q"), publish(), deliveries(1)), consume("$q", "d"), drop("b"), deliveries(1, tags=True)]),
    Probe("recover.requeue", "1.4 recover", [*FOUR, consume("$q"), deliveries(4), call("basic.recover", requeue=True), deliveries(4)]),
    Probe("recover.no-requeue", "1.4 recover", [*FOUR, consume("$q"), deliveries(4), call("basic.recover", requeue=False)]),
    Probe("recover.async", "1.4 recover", [*FOUR, get(no_ack=False), send("basic.recover-async", requeue=True), count("$q", 4), get()]),
    Probe("recover.nothing", "1.4 recover", [call("basic.recover", requeue=True)]),
    Probe("get.empty", "1.4 basic.get", [queue(), get()]),
    Probe("get.missing", "1.4 basic.get", [get("nope")]),
    Probe("get.remaining", "1.4 basic.get", [*FOUR, get(), get(), get(), get(), get()]),
    Probe("get.counts-as-unacked", "1.4 basic.get", [*FOUR, get(no_ack=False), drop("a"), count("$q", 4), get()]),
    Probe("get.tags-shared-with-deliver", "1.4 basic.get", [*FOUR, get(no_ack=False), qos(1), consume("$q"), deliveries(1), get(no_ack=False)]),
    Probe("consume.same-queue-twice", "1.4 consume", [queue(), qos(10), consume("$q", "c1"), consume("$q", "c2"), *bodies("abcd"), sync(), python(count_deliveries)]),
    Probe("consume.transient-queue", "1.3 transient non-exclusive", [declare("$q"), consume("$q"), publish(), deliveries(1)]),
    Probe("consume.cancel-then-requeue-on-close", "1.4 cancel notify", [*FOUR, on("2", consume("$q"), deliveries(4), quietly("basic.cancel", consumer_tag="c"), count(), quietly("channel.close", reply_code=200)), count("$q", 4)]),
    Probe("consume.timeout-argument", "1.4 consumer timeout", [queue(), consume("$q", arguments={"x-consumer-timeout": 60000}, show=True)]),
]
