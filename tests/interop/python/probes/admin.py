"""Probes of users, permissions, limits and policies. They need tests/interop/python/definitions.json imported."""

from runner import Probe
from steps import (CONFIRM, bind, bodies, call, confirms, consume, count, declare, deliveries, exchange, get, nack, on, publish,
                   queue, reject, sync, until_missing, wait_close)

from probes.connection import login

READER, WRITER, NOBODY, PREFIX, SOME = ("reader", "reader-pw"), ("writer", "writer-pw"), ("nobody-here", "nobody-pw"), ("prefix", "prefix-pw"), ("some-reads", "some-reads-pw")
VHOST = "probes"
DEAD = {"x-dead-letter-exchange": "fixture.fanout"}


def may(name, user, *steps):
    """One attempt by a user in the vhost that the definitions make; the fixtures are there already."""
    return Probe(f"perm.{name}", "1.5 permissions", list(steps), vhost=VHOST, user=user)


def policy(name, *steps):
    return Probe(f"policy.{name}", "1.5 policies", list(steps))


PROBES = [
    Probe("perm.vhost-refused", "1.1 bad vhost", [login(user=NOBODY[0], password=NOBODY[1], vhost="/")]),
    Probe("perm.vhost-refused-own", "1.1 bad vhost", [login(user="writer", password="writer-pw", vhost="/")]),
    Probe("perm.imported-hash", "1.5 users", [login(user="writer", password="writer-pw", vhost=VHOST)]),
    may("declare-queue", READER, declare("mine")),
    may("declare-queue-passive", READER, declare("fixture", passive=True)),
    may("declare-existing", READER, declare("fixture", durable=True)),
    may("declare-exchange", READER, exchange("mine", show=True)),
    may("declare-exchange-passive", READER, exchange("fixture.topic", "topic", show=True, passive=True)),
    may("delete-queue", READER, call("queue.delete", queue="fixture")),
    may("delete-exchange", READER, call("exchange.delete", exchange="fixture.topic")),
    may("publish", READER, publish("k", exchange="fixture.topic"), wait_close()),
    may("publish-default", READER, publish("fixture"), wait_close()),
    may("get-read-only", READER, get("fixture")),
    may("get-write-only", WRITER, get("fixture")),
    may("consume-write-only", WRITER, consume("fixture", show=True)),
    may("purge-write-only", WRITER, call("queue.purge", queue="fixture")),
    may("bind-read-only", READER, bind("fixture", "fixture.topic", "k", show=True)),
    may("bind-write-only", WRITER, bind("fixture", "fixture.topic", "k", show=True)),
    may("unbind-read-only", READER, call("queue.unbind", queue="fixture", exchange="fixture.topic", routing_key="k")),
    may("e2e-bind", WRITER, call("exchange.bind", destination="fixture.fanout", source="fixture.topic", routing_key="k")),
    may("topic-write", WRITER, publish("allowed.key", exchange="fixture.topic"), sync(), publish("forbidden.key", exchange="fixture.topic"), sync()),
    may("topic-write-other-exchange", WRITER, publish("forbidden.key", exchange="fixture.fanout"), sync()),
    may("topic-read", PREFIX, declare("prefix-q", exclusive=True), bind("prefix-q", "fixture.topic", "open.#", show=True), bind("prefix-q", "fixture.topic", "closed.#", show=True)),
    may("own-prefix", PREFIX, declare("prefix-a", exclusive=True), declare("other-a", exclusive=True)),
    may("server-named", PREFIX, declare("", exclusive=True)),
    may("dlx-needs-write", PREFIX, declare("prefix-d", {"x-dead-letter-exchange": "fixture.fanout"}, exclusive=True)),
    may("dlx-needs-read", SOME, declare("unreadable", DEAD, exclusive=True)),
    may("dlx-needs-read-existing", SOME, declare("unreadable-too", exclusive=True), declare("unreadable-too", DEAD, exclusive=True)),
    may("dlx-readable", SOME, declare("readable", DEAD, exclusive=True)),
    may("dlx-server-named", SOME, declare("", DEAD, exclusive=True)),
    may("dlx-before-arguments", SOME, declare("unreadable-as-well", {**DEAD, "x-max-length": -1}, exclusive=True)),
    may("dlx-invalid", SOME, declare("unreadable-also", {"x-dead-letter-exchange": 1}, exclusive=True)),
    may("alternate-needs-write", PREFIX, exchange("prefix-x", arguments={"alternate-exchange": "fixture.fanout"}, show=True, auto_delete=True)),
    may("mandatory-return", WRITER, publish("allowed.nobody", exchange="fixture.topic", mandatory=True), ("events", {"count": 1, "quiet": 0.1})),
    Probe("limit.vhost-connections", "1.1 limits", [login(vhost="probes-limited"), on("b", declare("", exclusive=True), on("c", declare("", exclusive=True)))],
          vhost="probes-limited"),
    Probe("limit.vhost-queues", "1.1 limits", [declare("", exclusive=True), declare("", exclusive=True), declare("", exclusive=True), declare("$q", {"x-max-length": -1}, exclusive=True)], vhost="probes-few-queues"),
    Probe("limit.user-connections", "1.1 limits", [declare("prefix-l1", exclusive=True), on("b", declare("prefix-l2", exclusive=True))], vhost=VHOST, user=("limited", "limited-pw")),
    Probe("limit.user-channels", "1.1 limits", [declare("prefix-c1", exclusive=True), on("2", declare("prefix-c2", exclusive=True))], vhost=VHOST, user=("channels", "channels-pw")),
    Probe("vhost.default-queue-type", "1.3 default queue type", [declare("$q", durable=True), declare("$q", {"x-queue-type": "quorum"}, durable=True), declare("$q", {"x-queue-type": "classic"}, durable=True),
                                                               declare("", exclusive=True)], vhost="probes-quorum"),
    Probe("vhost.apart", "1.5 vhosts", [declare("fixture", passive=True), publish("fixture"), sync(), get("fixture")], vhost="probes-quorum"),
    policy("ttl", queue("$ttl"), publish("$ttl"), sync(), count("$ttl", 0)),
    policy("ttl-smaller-arg-wins", queue("$ttl-arg", {"x-message-ttl": 60000}), publish("$ttl-arg"), sync(), count("$ttl-arg", 0)),
    policy("max-length", queue("$maxlen"), CONFIRM, *bodies("abc", "$maxlen"), confirms(1, 3), count("$maxlen", 2), get("$maxlen"), get("$maxlen")),
    policy("max-length-min-of-arg", queue("$maxlen", {"x-max-length": 5}), CONFIRM, *bodies("abcd", "$maxlen"), confirms(1, 4), count("$maxlen", 2)),
    policy("dead-letter", queue("$dlq"), queue("$dlx"), publish("$dlx"), sync(), get("$dlx", no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=["x-last-death-reason", "x-last-death-queue"])),
    policy("alternate", queue("$q"), exchange("$ae", "fanout"), bind("$q", "$ae"), exchange("$alternate"), publish("nowhere", exchange="$alternate"), count("$q", 1)),
    policy("expires", queue("$expires"), until_missing("queue", "$expires")),
    policy("priority-wins", queue("$prio-both"), CONFIRM, *bodies("abcd", "$prio-both"), confirms(1, 4), count("$prio-both", 3)),
    policy("only-quorum", queue("$kinds"), queue("$kinds-q", {"x-queue-type": "quorum"}), CONFIRM, *bodies("abc", "$kinds"), confirms(1, 3), count("$kinds"), *bodies("abc", "$kinds-q"), confirms(4, 6), count("$kinds-q", 1)),
    policy("delivery-limit", queue("$limit", {"x-queue-type": "quorum"}), CONFIRM, publish("$limit"), confirms(1), consume("$limit"), *[step for tag in range(1, 7) for step in (deliveries(1, quiet=0.02), nack(tag))], deliveries(0, quiet=0.4), count("$limit", 0)),
    policy("operator-min", queue("$operator", {"x-max-length": 5}), CONFIRM, *bodies("abcd", "$operator"), confirms(1, 4), count("$operator", 1)),
    policy("reject-publish", queue("$overflow"), CONFIRM, publish("$overflow"), confirms(1), publish("$overflow"), confirms(2), count("$overflow")),
    policy("not-matched", queue("$plain"), *bodies("abc", "$plain"), sync(), count("$plain")),
]
