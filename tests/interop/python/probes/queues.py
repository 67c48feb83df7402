"""Probes of classic queues: declaring, arguments and their validation, equivalence, deleting, TTL, length, priority."""

from runner import Probe
from steps import (CONFIRM, ack, bodies, call, confirms, consume, count, declare, deliveries, get, note, on, publish,
                   python, queue, quietly, reject, sync, until, until_missing, wait_close)
from wire import V

# Each is declared on a queue of its own; valid ones answer declare-ok.
ARGUMENTS = [
    ("ttl", {"x-message-ttl": 1000}), ("ttl-zero", {"x-message-ttl": 0}), ("ttl-negative", {"x-message-ttl": -1}),
    ("ttl-string", {"x-message-ttl": "1000"}), ("ttl-float", {"x-message-ttl": V("d", 1000.0)}),
    ("ttl-huge", {"x-message-ttl": V("l", 2**40)}), ("ttl-bool", {"x-message-ttl": True}), ("ttl-void", {"x-message-ttl": None}),
    ("expires", {"x-expires": 60000}), ("expires-zero", {"x-expires": 0}), ("expires-negative", {"x-expires": -5}),
    ("expires-string", {"x-expires": "1"}), ("expires-huge", {"x-expires": V("l", 2**40)}),
    ("max-length", {"x-max-length": 10}), ("max-length-zero", {"x-max-length": 0}), ("max-length-negative", {"x-max-length": -1}),
    ("max-length-string", {"x-max-length": "a"}), ("max-length-bytes", {"x-max-length-bytes": V("l", 2**33)}),
    ("max-length-bytes-negative", {"x-max-length-bytes": -1}), ("max-length-bytes-string", {"x-max-length-bytes": "1MB"}),
    ("priority", {"x-max-priority": 10}), ("priority-zero", {"x-max-priority": 0}), ("priority-255", {"x-max-priority": 255}),
    ("priority-256", {"x-max-priority": 256}), ("priority-negative", {"x-max-priority": -1}), ("priority-string", {"x-max-priority": "5"}),
    ("overflow-drop-head", {"x-overflow": "drop-head"}), ("overflow-reject", {"x-overflow": "reject-publish"}),
    ("overflow-reject-dlx", {"x-overflow": "reject-publish-dlx"}), ("overflow-bad", {"x-overflow": "explode"}), ("overflow-int", {"x-overflow": 1}),
    ("dlx", {"x-dead-letter-exchange": "amq.direct"}), ("dlx-empty", {"x-dead-letter-exchange": ""}), ("dlx-int", {"x-dead-letter-exchange": 1}),
    ("dlx-missing-exchange", {"x-dead-letter-exchange": "not.there.yet"}),
    ("dlrk-alone", {"x-dead-letter-routing-key": "k"}), ("dlrk", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "k"}),
    ("dlrk-int", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": 5}),
    ("dl-strategy", {"x-dead-letter-strategy": "at-least-once"}), ("mode-lazy", {"x-queue-mode": "lazy"}), ("mode-bad", {"x-queue-mode": "x"}),
    ("mode-int", {"x-queue-mode": 1}), ("version-1", {"x-queue-version": 1}), ("version-2", {"x-queue-version": 2}), ("version-3", {"x-queue-version": 3}),
    ("version-string", {"x-queue-version": "2"}), ("sac", {"x-single-active-consumer": True}), ("sac-string", {"x-single-active-consumer": "true"}),
    ("consumer-timeout", {"x-consumer-timeout": 60000}), ("consumer-timeout-string", {"x-consumer-timeout": "x"}),
    ("consumer-timeout-negative", {"x-consumer-timeout": -1}),
    ("type-classic", {"x-queue-type": "classic"}), ("type-bad", {"x-queue-type": "zzz"}), ("type-int", {"x-queue-type": 1}),
    ("locator", {"x-queue-leader-locator": "balanced"}), ("locator-bad", {"x-queue-leader-locator": "moon"}),
    ("delivery-limit", {"x-delivery-limit": 5}), ("max-age", {"x-max-age": "1h"}), ("max-in-memory", {"x-max-in-memory-length": 5}),
    ("group-size", {"x-quorum-initial-group-size": 3}), ("segment-size", {"x-stream-max-segment-size-bytes": 1000}),
    ("ha-policy", {"x-ha-policy": "all"}), ("unknown", {"x-nobody-knows": 1}), ("no-x", {"anything": "goes"}),
]
REDECLARE = [
    ("same", {"x-message-ttl": 1000}, {"x-message-ttl": 1000}), ("ttl-other", {"x-message-ttl": 1000}, {"x-message-ttl": 2000}),
    ("ttl-added", {}, {"x-message-ttl": 1000}), ("ttl-removed", {"x-message-ttl": 1000}, {}),
    ("ttl-other-int-type", {"x-message-ttl": V("I", 1000)}, {"x-message-ttl": V("l", 1000)}),
    ("ttl-other-small-type", {"x-message-ttl": V("s", 1000)}, {"x-message-ttl": V("I", 1000)}),
    ("expires-other", {"x-expires": 60000}, {"x-expires": 60001}), ("max-length-other", {"x-max-length": 1}, {"x-max-length": 2}),
    ("max-bytes-other", {"x-max-length-bytes": 1}, {"x-max-length-bytes": 2}),
    ("overflow-other", {"x-overflow": "drop-head"}, {"x-overflow": "reject-publish"}), ("overflow-added", {}, {"x-overflow": "drop-head"}),
    ("priority-other", {"x-max-priority": 5}, {"x-max-priority": 6}), ("priority-added", {}, {"x-max-priority": 6}),
    ("dlx-other", {"x-dead-letter-exchange": "a"}, {"x-dead-letter-exchange": "b"}), ("dlx-added", {}, {"x-dead-letter-exchange": "b"}),
    ("dlx-removed", {"x-dead-letter-exchange": "a"}, {}),
    ("dlrk-other", {"x-dead-letter-exchange": "a", "x-dead-letter-routing-key": "1"}, {"x-dead-letter-exchange": "a", "x-dead-letter-routing-key": "2"}),
    ("sac-added", {}, {"x-single-active-consumer": True}), ("mode-other", {"x-queue-mode": "lazy"}, {"x-queue-mode": "default"}),
    ("version-other", {"x-queue-version": 2}, {}), ("type-quorum", {}, {"x-queue-type": "quorum"}),
    ("type-explicit-classic", {}, {"x-queue-type": "classic"}), ("unknown-other", {"x-nobody": 1}, {"x-nobody": 2}),
    ("unknown-removed", {"x-nobody": 1}, {}), ("two-differ", {"x-message-ttl": 1, "x-max-length": 1}, {"x-message-ttl": 2, "x-max-length": 2}),
    ("consumer-timeout-other", {"x-consumer-timeout": 60000}, {"x-consumer-timeout": 90000}),
    ("locator-other", {"x-queue-leader-locator": "balanced"}, {"x-queue-leader-locator": "client-local"}),
]
FLAGS = ["durable", "auto_delete", "exclusive"]
EXPIRATIONS = ["1000", "0", "-1", "abc", "", "1.5", "99999999999999999999", "+5", " 5"]


def server_named(run):
    client, channel = run.client(), run.channel()
    client.send(channel, "queue.declare", exclusive=True)
    name = run.wait({"queue.declare-ok"}).queue
    run.saved["@name"] = name
    run.line(f"name {name}, again empty means the same:")
    run.steps([call("queue.purge", queue=""), publish("@name", "m"), sync(), get(""), consume("", show=True), call("queue.delete", queue="")])


PROBES = [
    Probe(f"queue.arg.{name}", "1.3 args with validation", [declare("$q", arguments, durable=True)]) for name, arguments in ARGUMENTS
] + [
    Probe(f"queue.redeclare.{name}", "1.3 redeclare", [queue("$q", first), declare("$q", second, durable=True)]) for name, first, second in REDECLARE
] + [
    Probe(f"queue.redeclare.{flag}-{word}", "1.3 redeclare", [declare("$q", **first), declare("$q", **second)])
    for flag in FLAGS for word, first, second in [("added", {}, {flag: True}), ("removed", {flag: True}, {})]
] + [
    Probe(f"queue.expiration.{index}", "1.3 message TTL", [queue(), publish(expiration=text), sync(), until(0.05), count()]) for index, text in enumerate(EXPIRATIONS)
] + [
    Probe("queue.declare-ok", "1.3 passive", [declare("$q"), *bodies("abc"), count("$q", 3), declare("$q"), consume("$q"), deliveries(3), declare("$q", passive=True)]),
    Probe("queue.server-named", "1.3 server-named", [python(server_named)]),
    Probe("queue.no-last-queue", "1.3 server-named", [call("queue.purge", queue=""), call("queue.delete", queue=""), consume("", show=True), get("")]),
    Probe("queue.last-queue-is-per-channel", "1.3 server-named", [declare("$q"), on("2", call("queue.purge", queue=""))]),
    Probe("queue.passive-missing", "1.3 passive", [declare("nope", passive=True)]),
    Probe("queue.passive-ignores-differences", "1.3 passive", [queue("$q", {"x-max-length": 5}), declare("$q", passive=True, durable=False)]),
    Probe("queue.ready-only", "1.3 passive", [queue(), *bodies("abc"), count("$q", 3), get(no_ack=False), declare("$q", passive=True)]),
    Probe("queue.reserved-name", "1.3 amq.* names", [declare("amq.foo")]),
    Probe("queue.reserved-name-passive", "1.3 amq.* names", [declare("amq.foo", passive=True)]),
    Probe("queue.nowait", "1.3 nowait", [declare("$q", nowait=True), declare("$q", passive=True)]),
    Probe("queue.nowait-error", "1.3 nowait", [declare("$q"), declare("$q", durable=True, nowait=True), wait_close()]),
    Probe("queue.exclusive.other-declares", "1.3 exclusive", [declare("$q", exclusive=True), on("b", declare("$q", exclusive=True))]),
    Probe("queue.exclusive.other-passive", "1.3 exclusive", [declare("$q", exclusive=True), on("b", declare("$q", passive=True))]),
    Probe("queue.exclusive.other-consumes", "1.3 exclusive", [declare("$q", exclusive=True), on("b", consume("$q", show=True))]),
    Probe("queue.exclusive.other-gets", "1.3 exclusive", [declare("$q", exclusive=True), on("b", get("$q"))]),
    Probe("queue.exclusive.other-binds", "1.3 exclusive", [declare("$q", exclusive=True), on("b", call("queue.bind", queue="$q", exchange="amq.direct", routing_key="k"))]),
    Probe("queue.exclusive.other-purges", "1.3 exclusive", [declare("$q", exclusive=True), on("b", call("queue.purge", queue="$q"))]),
    Probe("queue.exclusive.other-deletes", "1.3 exclusive", [declare("$q", exclusive=True), on("b", call("queue.delete", queue="$q"))]),
    Probe("queue.exclusive.other-publishes", "1.3 exclusive", [declare("$q", exclusive=True), on("b", publish("$q", "m"), sync()), get("$q")]),
    Probe("queue.exclusive.durable", "1.3 exclusive", [declare("$q", exclusive=True, durable=True), declare("$q", exclusive=True), declare("$q", exclusive=True, durable=True)]),
    Probe("queue.exclusive.other-channel", "1.3 exclusive", [declare("$q", exclusive=True), on("2", declare("$q", exclusive=True), consume("$q", show=True))]),
    Probe("queue.auto-delete.after-cancel", "1.3 auto_delete", [
        declare("$q", auto_delete=True), declare("$q", passive=True), consume("$q"), call("basic.cancel", consumer_tag="c"), until_missing("queue", "$q")]),
    Probe("queue.auto-delete.after-channel", "1.3 auto_delete", [
        declare("$q", auto_delete=True), on("2", consume("$q"), quietly("channel.close", reply_code=200)), until_missing("queue", "$q")]),
    Probe("queue.auto-delete.two-consumers", "1.3 auto_delete", [
        declare("$q", auto_delete=True), consume("$q", "c1"), consume("$q", "c2"), call("basic.cancel", consumer_tag="c1"),
        declare("$q", passive=True), call("basic.cancel", consumer_tag="c2"), until_missing("queue", "$q")]),
    Probe("queue.auto-delete.get-does-not-count", "1.3 auto_delete", [declare("$q", auto_delete=True), get("$q"), declare("$q", passive=True)]),
    Probe("queue.transient-non-exclusive", "1.3 transient non-exclusive", [declare("$q"), publish(), sync(), on("b", get("$q"))]),
    Probe("queue.delete.counts", "1.3 delete", [queue(), *bodies("abc"), count("$q", 3), call("queue.delete", queue="$q"), call("queue.delete", queue="$q")]),
    Probe("queue.delete.missing", "1.2 delete missing", [call("queue.delete", queue="nope")]),
    Probe("queue.delete.if-unused", "1.3 delete if-unused", [queue(), consume("$q"), on("2", call("queue.delete", queue="$q", if_unused=True))]),
    Probe("queue.delete.if-empty", "1.3 delete if-empty", [queue(), publish(), count("$q", 1), call("queue.delete", queue="$q", if_empty=True), get(), call("queue.delete", queue="$q", if_empty=True)]),
    Probe("queue.delete.if-empty-unacked", "1.3 delete if-empty", [queue(), publish(), sync(), get(no_ack=False), on("2", call("queue.delete", queue="$q", if_empty=True))]),
    Probe("queue.delete.both-flags", "1.3 delete if-unused", [queue(), publish(), consume("$q"), on("2", call("queue.delete", queue="$q", if_empty=True, if_unused=True))]),
    Probe("queue.delete.nowait", "1.3 delete", [queue(), call("queue.delete", queue="$q", nowait=True), declare("$q", passive=True)]),
    Probe("queue.purge", "1.3 purge", [queue(), *bodies("abc"), count("$q", 3), get(no_ack=False), call("queue.purge", queue="$q"), count(), ("send", {"method": "basic.nack", "args": {"delivery_tag": 1, "requeue": True}}), count("$q", 1)]),
    Probe("queue.purge.missing", "1.3 purge", [call("queue.purge", queue="nope")]),
    Probe("queue.ttl.expires", "1.3 message TTL", [queue("$q", {"x-message-ttl": 150}), publish(), sync(), count(), count("$q", 0), get()]),
    Probe("queue.ttl.smaller-wins", "1.3 message TTL", [queue("$q", {"x-message-ttl": 60000}), publish(expiration="100"), sync(), count(), count("$q", 0)]),
    Probe("queue.ttl.queue-smaller-wins", "1.3 message TTL", [queue("$q", {"x-message-ttl": 100}), publish(expiration="60000"), sync(), count("$q", 0)]),
    Probe("queue.ttl.zero-no-consumer", "1.3 message TTL", [queue("$q", {"x-message-ttl": 0}), publish(), sync(), count("$q", 0), get()]),
    Probe("queue.ttl.zero-with-consumer", "1.3 message TTL", [queue("$q", {"x-message-ttl": 0}), consume("$q", no_ack=True), publish(body="now"), deliveries(1)]),
    Probe("queue.ttl.zero-expiration-consumer", "1.3 message TTL", [queue(), consume("$q", no_ack=True), publish(body="now", expiration="0"), deliveries(1)]),
    Probe("queue.ttl.behind-head", "1.3 message TTL", [queue(), publish(body="stays"), publish(body="short", expiration="100"), sync(), until(0.4), count(), get(), get()]),
    Probe("queue.ttl.unacked-kept", "1.3 message TTL", [queue("$q", {"x-message-ttl": 200}), publish(), sync(), get(no_ack=False), until(0.4), ack(1), sync(), count()]),
    Probe("queue.ttl.requeued-expires", "1.3 message TTL", [queue("$q", {"x-message-ttl": 200}), publish(), sync(), get(no_ack=False), until(0.4), reject(1, requeue=True), sync(), count("$q", 0), get()]),
    Probe("queue.expires.unused", "1.3 queue TTL", [queue("$q", {"x-expires": 250}), until_missing("queue", "$q")]),
    Probe("queue.expires.consumer-keeps", "1.3 queue TTL", [queue("$q", {"x-expires": 250}), consume("$q"), until(0.7), declare("$q", passive=True)]),
    Probe("queue.expires.get-renews", "1.3 queue TTL", [queue("$q", {"x-expires": 500}), *[step for _ in range(4) for step in (until(0.25), get())], note("alive"), until_missing("queue", "$q")]),
    Probe("queue.expires.redeclare-renews", "1.3 queue TTL", [queue("$q", {"x-expires": 500}), *[step for _ in range(4) for step in (until(0.25), queue("$q", {"x-expires": 500}))], note("alive"), until_missing("queue", "$q")]),
    Probe("queue.max-length.drop-head", "1.3 length limits", [queue("$q", {"x-max-length": 2}), CONFIRM, *bodies("abcd"), confirms(1, 4), get(), get(), get()]),
    Probe("queue.max-length.reject-publish", "1.3 length limits", [queue("$q", {"x-max-length": 2, "x-overflow": "reject-publish"}), CONFIRM, *[step for n, letter in enumerate("abcd", 1) for step in (publish(body=letter), confirms(n))], get(), get(), get()]),
    Probe("queue.max-length.reject-silent", "1.3 length limits", [queue("$q", {"x-max-length": 1, "x-overflow": "reject-publish"}), *bodies("ab"), sync(), count()]),
    Probe("queue.max-length.bytes", "1.3 length limits", [queue("$q", {"x-max-length-bytes": 10}), *bodies(["aaaa", "bbbb", "cccc"]), sync(), count("$q", 2), get(), get()]),
    Probe("queue.max-length.bytes-too-big", "1.3 length limits", [queue("$q", {"x-max-length-bytes": 3}), publish(body="too big"), sync(), count("$q", 0)]),
    Probe("queue.max-length.unacked-not-counted", "1.3 length limits", [queue("$q", {"x-max-length": 1}), publish(body="a"), sync(), get(no_ack=False), *bodies("bc"), sync(), count(), get()]),
    Probe("queue.max-length.zero", "1.3 length limits", [queue("$q", {"x-max-length": 0}), CONFIRM, publish(), confirms(1), count(), consume("$q", no_ack=True), publish(body="direct"), deliveries(1)]),
    Probe("queue.priority.order", "1.3 priorities", [queue("$q", {"x-max-priority": 5}), *[publish(body=f"{p}{s}", priority=p) for s in "ab" for p in (1, 5, 3, 9)], publish(body="none"), sync(), *[get() for _ in range(9)]]),
    Probe("queue.priority.many-levels", "1.3 priorities", [
        queue("$q", {"x-max-priority": 255}), *[publish(body=f"{p}{s}", priority=p) for s in "ab" for p in (1, 200, 31, 255, 32, 33, 2, 201, 254)], publish(body="none"), sync(),
        *[get() for _ in range(19)]]),
    Probe("queue.priority.levels-capped", "1.3 priorities", [
        queue("$q", {"x-max-priority": 40}), *[publish(body=f"{p}{s}", priority=p) for s in "ab" for p in (39, 41, 40, 255)], sync(), *[get() for _ in range(8)]]),
    Probe("queue.priority.many-requeue", "1.3 priorities", [
        queue("$q", {"x-max-priority": 100}), *[publish(body=str(p), priority=p) for p in (64, 63, 65)], sync(), *[get(no_ack=False) for _ in range(3)],
        reject(2, requeue=True), reject(3, requeue=True), reject(1, requeue=True), count("$q", 3), *[get() for _ in range(3)]]),
    Probe("queue.priority.many-drops-lowest", "1.3 priorities", [
        queue("$q", {"x-max-priority": 255, "x-max-length": 2}), *[publish(body=str(p), priority=p) for p in (129, 128, 130)], sync(), count("$q", 2), get(), get()]),
    Probe("queue.priority.requeue", "1.3 priorities", [queue("$q", {"x-max-priority": 5}), publish(body="low", priority=1), publish(body="high", priority=5), sync(), get(no_ack=False), get(no_ack=False), reject(2, requeue=True), reject(1, requeue=True), sync(), get(), get()]),
    Probe("queue.priority.max-length-drops-lowest", "1.3 priorities", [queue("$q", {"x-max-priority": 5, "x-max-length": 2}), publish(body="high", priority=5), publish(body="low", priority=1), publish(body="mid", priority=3), sync(), get(), get(), get()]),
    Probe("queue.priority.ignored-without-arg", "1.3 priorities", [queue(), publish(body="a", priority=1), publish(body="b", priority=9), sync(), get(), get()]),
    Probe("queue.reply-to-name", "1.4 direct reply-to", [declare("amq.rabbitmq.reply-to", passive=True), declare("amq.rabbitmq.reply-to")]),
]
