"""Probes of exchanges, bindings and routing."""

from runner import Probe
from steps import (CONFIRM, bind, bodies, call, confirms, consume, count, declare, deliveries, events, exchange, get,
                   on, publish, python, queue, quietly, send, sync, until_missing, wait_close)
from wire import V

TYPES = ["direct", "fanout", "topic", "headers", "x-consistent-hash", "x-random", "x-modulus-hash",
         "x-recent-history", "x-jms-topic", "x-local-random"]
PREDECLARED = [("amq.direct", "direct"), ("amq.fanout", "fanout"), ("amq.topic", "topic"), ("amq.headers", "headers"),
               ("amq.match", "headers"), ("amq.rabbitmq.trace", "topic")]
TOPIC_BINDINGS = ["a.b", "a.*", "*.b", "#", "a.#", "#.b", "*", "a.*.c", "#.b.#", "*.*", "a.#.c", "", "*.#", "#.*", "a..b"]
TOPIC_KEYS = ["a.b", "a", "a.b.c", "b", "", "a.x.y.c", "a..b", "a.b.b", "A.B", ".", "a."]
HEADERS_TABLE = [
    # (binding arguments, message headers)
    ({"x-match": "all", "a": 1, "b": "x"}, {"a": 1, "b": "x", "c": True}),
    ({"x-match": "all", "a": 1, "b": "x"}, {"a": 1}),
    ({"x-match": "any", "a": 1, "b": "x"}, {"b": "x"}),
    ({"x-match": "any", "a": 1, "b": "x"}, {"a": 2, "b": "y"}),
    ({"a": 1}, {"a": 1}),
    ({"x-match": "all"}, {}),
    ({"x-match": "any"}, {}),
    ({"x-match": "all", "a": None}, {"a": 7}),
    ({"x-match": "all", "a": None}, {}),
    ({"x-match": "all", "x-a": 1}, {}),
    ({"x-match": "all-with-x", "x-a": 1}, {}),
    ({"x-match": "all-with-x", "x-a": 1}, {"x-a": 1}),
    ({"x-match": "any-with-x", "x-a": 1, "b": 1}, {"x-a": 1}),
    ({"x-match": "any", "x-a": 1, "b": 1}, {"x-a": 1}),
    ({"x-match": "all", "a": V("I", 1)}, {"a": V("l", 1)}),
    ({"x-match": "all", "a": V("S", "1")}, {"a": V("I", 1)}),
    ({"x-match": "all", "a": V("d", 1.0)}, {"a": V("I", 1)}),
    ({"x-match": "all", "a": V("t", True)}, {"a": V("t", True)}),
]


def topic_row(key):
    steps = [exchange("$x", "topic")]
    for index, pattern in enumerate(TOPIC_BINDINGS):
        steps += [queue(f"$q{index}"), bind(f"$q{index}", "$x", pattern)]
    steps += [CONFIRM, publish(key, exchange="$x"), confirms(1), count("$q3", 1)]

    def matched(run):
        names = []
        for index, pattern in enumerate(TOPIC_BINDINGS):
            if run.ready(f"$q{index}").message_count:
                names.append(pattern)
        run.line(f"key '{key}' matches {names}")
    return Probe(f"topic.key-{TOPIC_KEYS.index(key)}", "1.2 topic", steps + [python(matched)])


def headers_row(index, arguments, headers):
    return Probe(f"headers.row-{index}", "1.2 headers", [
        exchange("$x", "headers"), queue(), bind("$q", "$x", "", arguments),
        publish("ignored", exchange="$x", headers=headers), sync(), get()])


def spread(run):
    """1000 keys over weights 1 and 3: both queues get some, the heavier one more, a key always goes to one place."""
    client, channel = run.client(), run.channel()
    for index in range(1000):
        client.publish(channel, b"m", run.expand("$x"), f"key-{index}")
    run.steps([sync()])
    counts = [run.settled_count(name).message_count for name in ("$q1", "$q2")]
    run.line(f"all routed once: {sum(counts) == 1000}, heavier gets more: {counts[1] > counts[0] > 0}")


def same_key(run):
    client, channel = run.client(), run.channel()
    for _ in range(50):
        client.publish(channel, b"m", run.expand("$x"), "one-key")
    run.steps([sync()])
    counts = [run.settled_count(name).message_count for name in ("$q1", "$q2")]
    run.line(f"one key goes to one queue: {sorted(counts) == [0, 50]}")


def hashed(name, arguments, fixed, varied):
    """40 messages alike in what is hashed and different in all else go to one queue; 200 that differ there, to both."""
    def step(run):
        client, channel = run.client(), run.channel()
        for count, other in ((40, lambda index: {**varied(index), **fixed}), (200, varied)):
            for index in range(count):
                fields = dict(other(index))
                client.publish(channel, b"m", run.expand("$x"), fields.pop("routing_key", f"key-{index}"), **fields)
            run.steps([sync()])
            counts = sorted(run.settled_count(name).message_count for name in ("$q1", "$q2"))
            run.line(f"to one queue: {counts == [0, count]}, to both: {counts[0] > count // 10 and sum(counts) == count}")
            run.steps([quietly("queue.purge", queue="$q1"), quietly("queue.purge", queue="$q2")])
    return Probe(f"hash.by-{name}", "1.2 x-consistent-hash", two("x-consistent-hash", ("1", "1"), arguments) + [python(step)])


def two(type, keys=("", ""), arguments=None):
    return [exchange("$x", type, arguments), queue("$q1"), queue("$q2"), bind("$q1", "$x", keys[0]), bind("$q2", "$x", keys[1])]


def inequivalent(name, first, second):
    return Probe(f"exchange.redeclare.{name}", "1.2 redeclare differently", [
        exchange("$x", **first), exchange("$x", show=True, **second)])


PROBES = [
    Probe(f"exchange.type.{name}", "1.2 types", [exchange("$x", name, show=True), exchange("$x", name, show=True, passive=True)])
    for name in TYPES
] + [
    Probe(f"exchange.predeclared.{name}", "1.2 predeclared", [exchange(name, kind, show=True, passive=True),
                                                               exchange(name, kind, show=True, durable=True)])
    for name, kind in PREDECLARED
] + [topic_row(key) for key in TOPIC_KEYS] + [
    headers_row(index, arguments, headers) for index, (arguments, headers) in enumerate(HEADERS_TABLE)
] + [
    inequivalent("same", {"durable": True}, {"durable": True}),
    inequivalent("type", {}, {"type": "fanout"}),
    inequivalent("durable", {}, {"durable": True}),
    inequivalent("auto-delete", {}, {"auto_delete": True}),
    inequivalent("internal", {}, {"internal": True}),
    inequivalent("alternate", {"arguments": {"alternate-exchange": "amq.fanout"}}, {}),
    inequivalent("alternate-other", {"arguments": {"alternate-exchange": "amq.fanout"}},
                 {"arguments": {"alternate-exchange": "amq.topic"}}),
    inequivalent("unknown-argument", {"arguments": {"x-nobody-knows": 1}}, {}),
    Probe("exchange.unknown-type", "1.2 unknown type", [exchange("$x", "bogus", show=True)]),
    Probe("exchange.empty-type", "1.2 unknown type", [exchange("$x", "", show=True)]),
    Probe("exchange.passive-missing", "1.2 passive", [exchange("$x", show=True, passive=True)]),
    Probe("exchange.reserved", "1.2 amq.* names", [exchange("amq.foo", show=True)]),
    Probe("exchange.reserved-passive", "1.2 amq.* names", [exchange("amq.foo", show=True, passive=True)]),
    Probe("exchange.reserved-redeclare-other", "1.2 amq.* names", [exchange("amq.direct", "fanout", show=True, durable=True)]),
    Probe("exchange.default.declare", "1.2 default exchange", [exchange("", show=True)]),
    Probe("exchange.default.declare-passive", "1.2 default exchange", [exchange("", show=True, passive=True)]),
    Probe("exchange.default.bind", "1.2 default exchange", [queue(), bind("$q", "", "k", show=True)]),
    Probe("exchange.default.unbind", "1.2 default exchange", [queue(), call("queue.unbind", queue="$q", exchange="", routing_key="$q")]),
    Probe("exchange.default.delete", "1.2 default exchange", [call("exchange.delete", exchange="")]),
    Probe("exchange.default.e2e", "1.2 default exchange", [exchange("$x"), call("exchange.bind", destination="$x", source="", routing_key="k")]),
    Probe("exchange.delete-system", "1.2 amq.* names", [call("exchange.delete", exchange="amq.direct")]),
    Probe("exchange.delete-missing", "1.2 delete missing", [call("exchange.delete", exchange="nope")]),
    Probe("exchange.delete-if-unused", "1.2 if-unused", [
        exchange("$x"), queue(), bind("$q", "$x", "k"), call("exchange.delete", exchange="$x", if_unused=True),
        call("queue.unbind", queue="$q", exchange="$x", routing_key="k"), call("exchange.delete", exchange="$x", if_unused=True)]),
    Probe("exchange.delete-if-unused-as-destination", "1.2 if-unused", [
        exchange("$x"), exchange("$y"), quietly("exchange.bind", destination="$y", source="$x", routing_key="k"),
        call("exchange.delete", exchange="$y", if_unused=True)]),
    Probe("exchange.auto-delete", "1.2 auto_delete", [
        exchange("$x", auto_delete=True), queue(), exchange("$x", show=True, passive=True), bind("$q", "$x", "k"),
        call("queue.unbind", queue="$q", exchange="$x", routing_key="k"), until_missing("exchange", "$x")]),
    Probe("exchange.auto-delete-by-queue", "1.2 auto_delete", [
        exchange("$x", auto_delete=True), queue(), bind("$q", "$x", "k"), quietly("queue.delete", queue="$q"),
        until_missing("exchange", "$x")]),
    Probe("exchange.auto-delete-as-destination", "1.2 auto_delete", [
        exchange("$x"), exchange("$y", auto_delete=True), quietly("exchange.bind", destination="$y", source="$x", routing_key="k"),
        call("exchange.unbind", destination="$y", source="$x", routing_key="k"), exchange("$y", show=True, passive=True, auto_delete=True)]),
    Probe("exchange.internal", "1.2 internal", [exchange("$x", internal=True), publish("k", exchange="$x"), wait_close()]),
    Probe("exchange.nowait", "1.2 nowait", [exchange("$x", nowait=True), exchange("$x", show=True, passive=True)]),
    Probe("exchange.nowait-error", "1.2 nowait", [exchange("$x"), exchange("$x", "fanout", nowait=True), wait_close()]),
    Probe("exchange.publish-missing", "1.4 publish to missing exchange", [publish("k", exchange="nope"), wait_close()]),
    Probe("exchange.deleted-stops-routing", "1.2 delete", [
        exchange("$x"), queue(), bind("$q", "$x", "k"), call("exchange.delete", exchange="$x"), publish("k", exchange="$x"), wait_close()]),
    Probe("bind.missing-queue", "1.2 delete missing", [exchange("$x"), bind("nope", "$x", "k", show=True)]),
    Probe("bind.missing-exchange", "1.2 delete missing", [queue(), bind("$q", "nope", "k", show=True)]),
    Probe("bind.twice-delivers-once", "1.2 binding identity", [
        exchange("$x"), queue(), bind("$q", "$x", "k", show=True), bind("$q", "$x", "k", show=True),
        publish("k", exchange="$x"), count("$q", 1), count()]),
    Probe("bind.two-matches-one-copy", "1.2 binding identity", [
        exchange("$x", "topic"), queue(), bind("$q", "$x", "#"), bind("$q", "$x", "a.*"), publish("a.b", exchange="$x"), count("$q", 1)]),
    Probe("bind.args-are-identity", "1.2 binding identity", [
        exchange("$x"), queue(), bind("$q", "$x", "k", {"n": 1}), bind("$q", "$x", "k", {"n": 2}),
        call("queue.unbind", queue="$q", exchange="$x", routing_key="k", arguments={"n": 1}), publish("k", exchange="$x"), count("$q", 1),
        call("queue.unbind", queue="$q", exchange="$x", routing_key="k", arguments={"n": 2}), publish("k", exchange="$x"), sync(), count()]),
    Probe("bind.empty-names", "1.3 server-named", [
        exchange("$x"), declare("$q"), bind("", "$x", "", show=True), publish("$q", exchange="$x"), sync(), count()]),
    Probe("bind.empty-queue-with-key", "1.3 server-named", [
        exchange("$x"), declare("$q"), bind("", "$x", "k", show=True), publish("k", exchange="$x"), sync(), count()]),
    Probe("bind.no-last-queue", "1.3 server-named", [exchange("$x"), bind("", "$x", "k", show=True)]),
    Probe("unbind.missing-binding", "1.2 delete missing", [exchange("$x"), queue(), call("queue.unbind", queue="$q", exchange="$x", routing_key="zzz")]),
    Probe("unbind.missing-queue", "1.2 delete missing", [exchange("$x"), call("queue.unbind", queue="nope", exchange="$x", routing_key="k")]),
    Probe("unbind.missing-exchange", "1.2 delete missing", [queue(), call("queue.unbind", queue="$q", exchange="nope", routing_key="k")]),
    Probe("bind.headers-x-match-invalid", "1.2 headers", [exchange("$x", "headers"), queue(), bind("$q", "$x", "", {"x-match": "some"}, show=True)]),
    Probe("bind.headers-x-match-not-string", "1.2 headers", [exchange("$x", "headers"), queue(), bind("$q", "$x", "", {"x-match": 1}, show=True)]),
    Probe("bind.nowait", "1.2 nowait", [exchange("$x"), queue(), bind("$q", "$x", "k", nowait=True), publish("k", exchange="$x"), sync(), count()]),
    Probe("fanout.ignores-key", "1.2 fanout", two("fanout", ("a", "b")) + [publish("zzz", exchange="$x"), sync(), count("$q1"), count("$q2")]),
    Probe("direct.exact-key", "1.2 direct", two("direct", ("k", "K")) + [publish("k", exchange="$x"), sync(), count("$q1"), count("$q2")]),
    Probe("e2e.routes", "1.2 exchange-to-exchange", [
        exchange("$x", "topic"), exchange("$y", "fanout"), queue(), bind("$q", "$y"),
        call("exchange.bind", destination="$y", source="$x", routing_key="a.#"), publish("a.b", exchange="$x"), publish("b", exchange="$x"),
        sync(), get(), get(), call("exchange.unbind", destination="$y", source="$x", routing_key="a.#"), publish("a.b", exchange="$x"), sync(), get()]),
    Probe("e2e.cycle", "1.2 exchange-to-exchange", [
        exchange("$x", "fanout"), exchange("$y", "fanout"), queue(), bind("$q", "$y"),
        quietly("exchange.bind", destination="$y", source="$x"), quietly("exchange.bind", destination="$x", source="$y"),
        publish("", exchange="$x"), sync(), count()]),
    Probe("e2e.missing", "1.2 exchange-to-exchange", [exchange("$x"), call("exchange.bind", destination="$x", source="nope", routing_key="k"),
                                                      call("exchange.bind", destination="nope", source="$x", routing_key="k")]),
    Probe("alternate.unroutable", "1.2 alternate-exchange", [
        exchange("$ae", "fanout"), queue(), bind("$q", "$ae"), exchange("$x", arguments={"alternate-exchange": "$ae"}),
        publish("nowhere", exchange="$x"), sync(), get()]),
    Probe("alternate.mandatory-satisfied", "1.2 alternate-exchange", [
        exchange("$ae", "fanout"), queue(), bind("$q", "$ae"), exchange("$x", arguments={"alternate-exchange": "$ae"}), CONFIRM,
        publish("nowhere", exchange="$x", mandatory=True), events(1)]),
    Probe("alternate.mandatory-both-fail", "1.2 alternate-exchange", [
        exchange("$ae", "fanout"), exchange("$x", arguments={"alternate-exchange": "$ae"}), CONFIRM,
        publish("nowhere", exchange="$x", mandatory=True), events(2)]),
    Probe("alternate.cycle", "1.2 alternate-exchange", [
        exchange("$x", arguments={"alternate-exchange": "$y"}), exchange("$y", arguments={"alternate-exchange": "$x"}), CONFIRM,
        publish("nowhere", exchange="$x", mandatory=True), events(2)]),
    Probe("alternate.missing", "1.2 alternate-exchange", [
        exchange("$x", arguments={"alternate-exchange": "nope"}), CONFIRM, publish("k", exchange="$x"), confirms(1)]),
    Probe("alternate.not-a-string", "1.2 alternate-exchange", [exchange("$x", arguments={"alternate-exchange": 1}, show=True)]),
    Probe("cc.routes", "1.2 CC / BCC", [
        queue("$q1"), queue("$q2"), queue("$q3"), publish("$q1", headers={"CC": ["$q2"], "BCC": ["$q3"]}), sync(),
        get("$q1", props=True), get("$q2", props=True), get("$q3", props=True)]),
    Probe("cc.duplicate", "1.2 CC / BCC", [queue(), publish("$q", headers={"CC": ["$q", "$q"]}), sync(), count()]),
    Probe("cc.wrong-type", "1.2 CC / BCC", [queue(), publish("$q", headers={"CC": "$q"}), sync()]),
    Probe("cc.wrong-item", "1.2 CC / BCC", [queue(), publish("$q", headers={"CC": [V("I", 1)]}), sync()]),
    Probe("bcc.wrong-type", "1.2 CC / BCC", [queue(), publish("$q", headers={"BCC": V("I", 1)}), sync()]),
    Probe("hash.spread", "1.2 x-consistent-hash", two("x-consistent-hash", ("1", "3")) + [python(spread)]),
    Probe("hash.same-key", "1.2 x-consistent-hash", two("x-consistent-hash", ("1", "1")) + [python(same_key)]),
    hashed("header", {"hash-header": "h"}, {"headers": {"h": "same"}}, lambda index: {"headers": {"h": f"value-{index}"}}),
    hashed("message-id", {"hash-property": "message_id"}, {"message_id": "same"}, lambda index: {"message_id": f"id-{index}", "correlation_id": f"{index}"}),
    hashed("correlation-id", {"hash-property": "correlation_id"}, {"correlation_id": "same"}, lambda index: {"correlation_id": f"id-{index}", "message_id": f"{index}"}),
    hashed("timestamp", {"hash-property": "timestamp"}, {"timestamp": 7}, lambda index: {"timestamp": 1_700_000_000 + index}),
    hashed("header-ignores-key", {"hash-header": "h"}, {"headers": {"h": "same"}}, lambda index: {"routing_key": "one", "headers": {"h": f"value-{index}"}}),
    hashed("header-missing", {"hash-header": "h"}, {}, lambda index: {"headers": {"other": f"value-{index}"}}),
    hashed("property-missing", {"hash-property": "message_id"}, {}, lambda index: {"correlation_id": f"id-{index}"}),
    hashed("header-number", {"hash-header": "h"}, {"headers": {"h": 5}}, lambda index: {"headers": {"h": index}}),
    Probe("hash.arg.header-not-string", "1.2 x-consistent-hash", [exchange("$x", "x-consistent-hash", {"hash-header": 1}, show=True)]),
    Probe("hash.bad-weight", "1.2 x-consistent-hash", [exchange("$x", "x-consistent-hash"), queue(), bind("$q", "$x", "heavy", show=True)]),
    Probe("hash.negative-weight", "1.2 x-consistent-hash", [exchange("$x", "x-consistent-hash"), queue(), bind("$q", "$x", "-1", show=True)]),
    Probe("hash.zero-weight", "1.2 x-consistent-hash", [exchange("$x", "x-consistent-hash"), queue(), bind("$q", "$x", "0", show=True)]),
    Probe("hash.header-and-property", "1.2 x-consistent-hash", [
        exchange("$x", "x-consistent-hash", {"hash-header": "h", "hash-property": "message_id"}, show=True)]),
    Probe("hash.bad-property", "1.2 x-consistent-hash", [exchange("$x", "x-consistent-hash", {"hash-property": "nope"}, show=True)]),
    Probe("random.one-queue", "1.2 x-random", two("x-random") + [
        *[publish("k", exchange="$x") for _ in range(20)], sync(), python(lambda run: total(run, 20))]),
    Probe("modulus.one-queue", "1.2 x-modulus-hash", two("x-modulus-hash") + [
        *[publish("k", exchange="$x") for _ in range(20)], sync(), python(lambda run: total(run, 20))]),
    Probe("recent-history", "1.2 x-recent-history", [
        exchange("$x", "x-recent-history", {"x-recent-history-length": 2}), *bodies("abc", "k", exchange="$x"), sync(), queue(),
        bind("$q", "$x"), count("$q", 2), get(), get()]),
    Probe("recent-history.bad-length", "1.2 x-recent-history", [exchange("$x", "x-recent-history", {"x-recent-history-length": "x"}, show=True)]),
    Probe("local-random", "1.2 x-local-random", [
        exchange("$x", "x-local-random"), declare("$q", exclusive=True), bind("$q", "$x", show=True), publish("k", exchange="$x"), sync(), get()]),
    Probe("delayed.type", "1.2 x-delayed-message", [exchange("$x", "x-delayed-message", {"x-delayed-type": "direct"}, show=True)]),
    Probe("delayed.needs-type", "1.2 x-delayed-message", [exchange("$x", "x-delayed-message", show=True)]),
    Probe("dedup.type", "1.2 x-message-deduplication", [exchange("$x", "x-message-deduplication", {"x-cache-size": 100}, show=True)]),
    Probe("exchange.consume-order", "1.2 fanout", two("fanout") + [
        consume("$q1", "c1"), consume("$q2", "c2"), *bodies("ab", "", exchange="$x"), on("2", sync()), python(lambda run: sorted_deliveries(run, 4))]),
    Probe("exchange.trace-exists", "1.5 firehose", [queue(), bind("$q", "amq.rabbitmq.trace", "#", show=True), send("basic.ack", delivery_tag=0, multiple=True), sync()]),
    Probe("exchange.events-are-in-order", "1.2 direct", [exchange("$x"), queue(), bind("$q", "$x", "k"), consume("$q"), *bodies("abcde", "k", exchange="$x"), deliveries(5)]),
]


def total(run, wanted):
    counts = [run.settled_count(name).message_count for name in ("$q1", "$q2")]
    run.line(f"each message in one queue: {sum(counts) == wanted}")


def sorted_deliveries(run, wanted):
    seen = {}
    for _ in range(wanted):
        event = run.wait({"basic.deliver"})
        seen.setdefault(event.consumer_tag, []).append(event.body.decode())
    run.line(f"per consumer {sorted(seen.items())}")
