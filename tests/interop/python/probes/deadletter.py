"""Probes of dead lettering: reasons, headers, routing, cycles."""

import time

from runner import Probe
from steps import (CONFIRM, bind, bodies, confirms, consume, count, deliveries, exchange, get, nack, publish, python, queue, reject,
                   sync, until)
from wire import V

DEATH = ["x-death", "x-first-death-queue", "x-first-death-reason", "x-first-death-exchange", "x-last-death-queue",
         "x-last-death-reason", "x-last-death-exchange"]
TO_DLQ = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "$dlq"}
DLQ = queue("$dlq")


def letter(name, arguments, *steps):
    return Probe(f"dead.{name}", "1.4 dead lettering, x-death", [DLQ, queue("$q", {**TO_DLQ, **arguments}), *steps])


def to(key, **arguments):
    """Arguments of a queue whose dead letters go to the queue `key`."""
    return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": key, **arguments}


def rejected_at(number):
    """Takes the message with the delivery tag `number` and shows whether `time` of its refusal is still that of the first."""
    def step(run):
        event = None
        deadline = time.monotonic() + 5
        while (event is None or event.name == "basic.get-empty") and time.monotonic() < deadline:
            run.client().send(run.channel(), "basic.get", queue=run.expand("$q"), no_ack=False)
            event = run.wait({"basic.get-ok", "basic.get-empty"})
        death = next(death for death in event.props["headers"]["x-death"] if str(death["reason"]) == "S:rejected")
        first = run.saved.setdefault("@first", death["time"].value)
        run.line(f"#{event.delivery_tag} {death['count']} refusals, time of the first: {death['time'].value == first}")
    return python(step)


EXPIRES = {"x-message-ttl": 80}
QUORUM = {"x-queue-type": "quorum"}
REJECTED = [publish(body="m"), sync(), get(no_ack=False), reject(1), count("$dlq", 1)]
PROBES = [
    letter("rejected", {}, *REJECTED, get("$dlq", props=True)),
    letter("nacked", {}, publish(), sync(), get(no_ack=False), nack(1, requeue=False), count("$dlq", 1), get("$dlq", props=True)),
    letter("nacked-multiple", {}, *bodies("abc"), sync(), *[get(no_ack=False) for _ in range(3)], nack(3, multiple=True, requeue=False), count("$dlq", 3), *[get("$dlq", props=["x-last-death-reason"]) for _ in range(3)]),
    letter("expired-queue-ttl", {"x-message-ttl": 100}, publish(), count("$dlq", 1), get("$dlq", props=True)),
    letter("expired-message-ttl", {}, publish(expiration="100"), count("$dlq", 1), get("$dlq", props=True)),
    letter("expired-both", {"x-message-ttl": 100}, publish(expiration="60000"), count("$dlq", 1), get("$dlq", props=True)),
    letter("rejected-with-expiration", {}, publish(expiration="60000"), sync(), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=True)),
    letter("maxlen", {"x-max-length": 1}, *bodies("ab"), count("$dlq", 1), get("$dlq", props=True)),
    letter("maxlen-zero", {"x-max-length": 0}, publish(), count("$dlq", 1), get("$dlq", props=DEATH)),
    letter("maxlen-bytes", {"x-max-length-bytes": 5}, *bodies(["aaaa", "bbbb"]), count("$dlq", 1), get("$dlq", props=DEATH)),
    letter("reject-publish-dlx", {"x-max-length": 1, "x-overflow": "reject-publish-dlx"}, CONFIRM, publish(body="a"), confirms(1), publish(body="b"), confirms(2), count("$dlq", 1), get("$dlq", props=DEATH), get()),
    letter("reject-publish-no-dlx", {"x-max-length": 1, "x-overflow": "reject-publish"}, CONFIRM, publish(body="a"), confirms(1), publish(body="b"), confirms(2), count("$dlq")),
    letter("delivery-limit", {"x-queue-type": "quorum", "x-delivery-limit": 1}, CONFIRM, publish(), confirms(1), consume("$q"), deliveries(1), nack(1), deliveries(1), nack(2), count("$dlq", 1), get("$dlq", props=True)),
    letter("quorum-rejected", {"x-queue-type": "quorum"}, CONFIRM, publish(), confirms(1), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=True)),
    letter("quorum-to-quorum", {**QUORUM, "x-dead-letter-routing-key": "$second"}, queue("$second", QUORUM), CONFIRM, publish(), confirms(1), get(no_ack=False), reject(1), count("$second", 1), get("$second", props=["x-delivery-count"])),
    letter("quorum-expired", {"x-queue-type": "quorum", "x-message-ttl": 100}, CONFIRM, publish(), confirms(1), count("$dlq", 1), get("$dlq", props=DEATH)),
    letter("quorum-maxlen", {"x-queue-type": "quorum", "x-max-length": 1}, CONFIRM, *bodies("ab"), confirms(1, 2), count("$dlq", 1), get("$dlq", props=DEATH)),
    letter("at-least-once", {"x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}, CONFIRM, publish(), confirms(1), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=DEATH)),
    letter("purge-does-not", {}, publish(), sync(), ("call", {"method": "queue.purge", "args": {"queue": "$q"}}), count("$dlq")),
    letter("delete-does-not", {}, publish(), sync(), ("call", {"method": "queue.delete", "args": {"queue": "$q"}}), count("$dlq")),
    letter("properties-kept", {}, publish(body="m", content_type="text/plain", delivery_mode=2, message_id="7", headers={"mine": V("S", "yes")}, priority=3), sync(), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=True)),
    letter("counts-up", {}, *REJECTED, publish(body="x"), get("$dlq", no_ack=False), sync(), get("$dlq")),
    letter("dlx-removed-order", {}, *bodies("abc"), sync(), *[get(no_ack=False) for _ in range(3)], reject(3), reject(1), reject(2), count("$dlq", 3), *[get("$dlq") for _ in range(3)]),
    Probe("dead.original-key", "1.4 dead lettering, x-death", [
        exchange("$dlx", "topic"), queue("$dlq"), bind("$dlq", "$dlx", "#"), exchange("$x", "topic"), queue("$q", {"x-dead-letter-exchange": "$dlx"}), bind("$q", "$x", "#"),
        publish("a.b", exchange="$x"), sync(), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=True)]),
    Probe("dead.cc-kept", "1.4 dead lettering, x-death", [
        exchange("$dlx", "direct"), queue("$dlq"), bind("$dlq", "$dlx", "other"), queue("$q", {"x-dead-letter-exchange": "$dlx"}),
        publish("$q", headers={"CC": ["other"]}), sync(), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=True)]),
    Probe("dead.bcc", "1.4 dead lettering, x-death", [
        exchange("$dlx", "direct"), queue("$dlq"), bind("$dlq", "$dlx", "other"), queue("$q", {"x-dead-letter-exchange": "$dlx"}),
        publish("$q", headers={"BCC": ["other"]}), sync(), get(no_ack=False), reject(1), until(0.2), count("$dlq"), get("$dlq", props=True)]),
    Probe("dead.dlrk-replaces-cc", "1.4 dead lettering, x-death", [
        exchange("$dlx", "direct"), queue("$dlq"), bind("$dlq", "$dlx", "dead"), queue("$other"), bind("$other", "$dlx", "other"),
        queue("$q", {"x-dead-letter-exchange": "$dlx", "x-dead-letter-routing-key": "dead"}),
        publish("$q", headers={"CC": ["other"]}), sync(), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=True), count("$other")]),
    Probe("dead.missing-exchange", "1.4 dead lettering, x-death", [queue("$q", {"x-dead-letter-exchange": "nope"}), publish(), sync(), get(no_ack=False), reject(1), sync(), count()]),
    Probe("dead.unroutable", "1.4 dead lettering, x-death", [exchange("$dlx"), queue("$q", {"x-dead-letter-exchange": "$dlx"}), publish(), sync(), get(no_ack=False), reject(1), sync(), count()]),
    Probe("dead.no-dlx", "1.4 dead lettering, x-death", [queue(), publish(), sync(), get(no_ack=False), reject(1), sync(), count()]),
    Probe("dead.self-cycle-expired", "1.4 dead lettering, x-death", [
        queue("$q", {"x-dead-letter-exchange": "", "x-message-ttl": 100}), publish(), sync(), count("$q", 0), until(0.3), count()]),
    Probe("dead.cycle-with-reject", "1.4 dead lettering, x-death", [
        queue("$q", {"x-dead-letter-exchange": ""}), publish(), sync(), get(no_ack=False), reject(1), count("$q", 1), get(no_ack=False, props=True), reject(2), count("$q", 1), get(props=True)]),
    Probe("dead.two-queue-cycle", "1.4 dead lettering, x-death", [
        queue("$q", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "$r", "x-message-ttl": 80}), queue("$r", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "$q", "x-message-ttl": 80}),
        publish(), sync(), until(0.6), count("$q"), count("$r")]),
    Probe("dead.retry-loop", "1.4 dead lettering, x-death", [
        # The usual delayed retry: reject to a waiting queue that expires back.
        queue("$wait", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "$q", "x-message-ttl": 80}), queue("$q", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "$wait"}),
        publish(), sync(), get(no_ack=False), reject(1), count("$q", 1), get(no_ack=False, props=DEATH), reject(2), count("$q", 1), get(props=DEATH)]),
    *[Probe(f"dead.cycle-after-reject{suffix}", "1.4 dead lettering, cycles", [
        # The refusal came before the circle: it does not excuse it.
        queue("$s", {**to("$r"), **EXPIRES, **kind}), queue("$r", {**to("$s"), **EXPIRES, **kind}), queue("$q", {**to("$r"), **kind}),
        CONFIRM, publish(delivery_mode=2), confirms(1), get(no_ack=False), reject(1), until(0.6), consume("$r", "r"), consume("$s", "s"), deliveries(0, quiet=0.3)])
      for suffix, kind in (("", {}), ("-quorum", QUORUM))],
    *[Probe(f"dead.cycle-back-to-refuser{suffix}", "1.4 dead lettering, cycles", [
        # The circle leads through the queue where it was refused: each round was wanted.
        queue("$r", {**to("$q"), **EXPIRES, **kind}), queue("$s", {**to("$r"), **EXPIRES, **kind}), queue("$q", {**to("$s"), **kind}),
        CONFIRM, publish(delivery_mode=2), confirms(1), get(no_ack=False), reject(1), count("$q", 1), get(no_ack=False), reject(2), count("$q", 1), get(props=["x-last-death-queue"]), count("$r"), count("$s")])
      for suffix, kind in (("", {}), ("-quorum", QUORUM))],
    Probe("dead.cycle-after-coming-home", "1.4 dead lettering, cycles", [
        # Refused in $q it comes home, and expires there: $r has had it since.
        queue("$r", {**to("$q"), **EXPIRES}), queue("$q", to("$r", **{"x-message-ttl": 400})),
        publish(), sync(), get(no_ack=False), reject(1), count("$q", 1), until(0.8), consume("$r", "r"), consume("$q", "q"), deliveries(0, quiet=0.6)]),
    Probe("dead.cycle-refused-then-expired", "1.4 dead lettering, cycles", [
        # Refused once, it comes home, and expires: nobody has refused it since.
        queue("$q", {**to("$q"), "x-message-ttl": 300}), publish(), sync(), get(no_ack=False), reject(1), count("$q", 1), until(1.0), count("$q")]),
    Probe("dead.target-full", "1.4 dead lettering", [
        queue("$dlq", {"x-max-length": 1, "x-overflow": "reject-publish"}), queue("$q", TO_DLQ), CONFIRM, *bodies("abc"), confirms(1, 3), *[get(no_ack=False) for _ in "abc"],
        reject(1), count("$dlq", 1), reject(2), reject(3), until(0.3), count("$dlq")]),
    Probe("dead.time-is-the-first", "1.4 x-death", [
        queue("$wait", to("$q", **{"x-message-ttl": 1100})), queue("$q", to("$wait")),
        publish(), sync(), get(no_ack=False), reject(1), rejected_at(2), reject(2), rejected_at(3)]),
    Probe("dead.three-hops", "1.4 dead lettering, x-death", [
        queue("$r", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "$s"}), queue("$q", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "$r"}), queue("$s"),
        publish(), sync(), get(no_ack=False), reject(1), count("$r", 1), get("$r", no_ack=False), reject(2), count("$s", 1), get("$s", props=True)]),
    Probe("dead.client-x-death-trusted", "1.4 x-death", [
        DLQ, queue("$q", TO_DLQ), publish(headers={"x-death": [V("F", {"count": V("l", 41), "queue": "$q", "reason": "rejected", "exchange": "", "routing-keys": ["$q"], "time": V("T", 5)})]}), sync(), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=DEATH)]),
    Probe("dead.republished-by-client", "1.4 x-death", [
        # A client that copies the headers of a dead message into a new one.
        DLQ, queue("$q", TO_DLQ), publish(headers={"x-first-death-queue": "elsewhere", "x-first-death-reason": "expired", "x-first-death-exchange": "e"}), sync(), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=DEATH)]),
    Probe("dead.priority-queue", "1.4 dead lettering, x-death", [
        DLQ, queue("$q", {**TO_DLQ, "x-max-priority": 5}), publish(priority=4), sync(), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=True)]),
    Probe("dead.confirmed-when-routed", "1.4 dead lettering, x-death", [
        DLQ, queue("$q", {**TO_DLQ, "x-message-ttl": 0}), CONFIRM, publish(delivery_mode=2), confirms(1), count("$dlq", 1)]),
    Probe("dead.user-id-kept", "1.4 dead lettering, x-death", [DLQ, queue("$q", TO_DLQ), publish(user_id="guest"), sync(), get(no_ack=False), reject(1), count("$dlq", 1), get("$dlq", props=True)]),
]
