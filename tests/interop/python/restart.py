#!/usr/bin/env python3
"""What survives the broker's end and what does not: steps before, kill -9 or a graceful stop, steps after.

    AMQP_URL=… CRASH_START=… CRASH_KILL=… CRASH_STOP=… restart.py      records what a RabbitMQ does in expected_restart_4.0.5.json
"""

import json
import re
import sys
from pathlib import Path

from broker import CommandBroker
from runner import Probe, Run
from steps import (CONFIRM, ack, bind, bodies, call, confirms, consume, count, declare, deliveries, exchange, get, nack, publish,
                   qos, queue, quietly, reject, sync, until)

EXPECTED = Path(__file__).parent / "expected_restart_4.0.5.json"
KEPT = {"delivery_mode": 2}
QUORUM = {"x-queue-type": "quorum"}
# A publish that is confirmed after them proves that the steps before it on the channel are on disk.
PROOF = [queue("$proof"), publish("$proof", **KEPT)]


class Case:
    """`anymq` gives the lines expected of AnyMQ where RabbitMQ loses, resurrects or is not ready yet."""

    def __init__(self, case_id, before, after, anymq=None):
        self.id, self.before, self.after, self.anymq = case_id, before, after, anymq


def empty(name="$q"):
    return f"count {name} messages=0 consumers=0"


def got(body, redelivered=None, left=0, tag=1):
    """A message taken. Only those that were out before must come redelivered: a broker may flag all that it recovers."""
    flag = "(True|False)" if redelivered is None else redelivered
    return "~" + re.escape(f"get #{tag} '{body}' from '' key '$q' redelivered=") + f"{flag} left={left}"


CASES = [
    Case("persistent-and-order", [queue(), CONFIRM, *bodies("abcdef", **KEPT), confirms(1, 6)], [count("$q", 6), *[get() for _ in range(7)]]),
    Case("transient-message", [queue(), CONFIRM, publish(body="t", delivery_mode=1), publish(body="p", **KEPT), confirms(1, 2)], [count("$q", 1), get()]),
    Case("transient-queue", [declare("$q"), CONFIRM, publish(**KEPT), confirms(1)], [declare("$q", passive=True)]),
    Case("exclusive-queue", [declare("$q", exclusive=True)], [declare("$q", passive=True)]),
    Case("exchange-and-binding", [exchange("$x", "topic", durable=True), queue(), bind("$q", "$x", "a.*"), bind("$q", "$x", "gone"),
                                  call("queue.unbind", queue="$q", exchange="$x", routing_key="gone")],
         [CONFIRM, publish("a.b", exchange="$x"), publish("gone", exchange="$x"), confirms(1, 2), count("$q", 1)]),
    Case("transient-exchange", [exchange("$x")], [exchange("$x", passive=True, show=True)]),
    Case("exchange-to-exchange", [exchange("$x", durable=True), exchange("$y", "fanout", durable=True), queue(), bind("$q", "$y"),
                                  quietly("exchange.bind", destination="$y", source="$x", routing_key="k")],
         [CONFIRM, publish("k", exchange="$x"), confirms(1), count("$q", 1)]),
    Case("headers-binding", [exchange("$x", "headers", durable=True), queue(), bind("$q", "$x", "", {"x-match": "any", "a": 1, "b": "x"})],
         [CONFIRM, publish("", exchange="$x", headers={"b": "x"}), confirms(1), count("$q", 1)]),
    Case("alternate-exchange", [exchange("$ae", "fanout", durable=True), queue(), bind("$q", "$ae"), exchange("$x", durable=True, arguments={"alternate-exchange": "$ae"})],
         [CONFIRM, publish("nowhere", exchange="$x"), confirms(1), count("$q", 1)]),
    Case("queue-arguments", [queue("$q", {"x-max-length": 7, "x-message-ttl": 60000, "x-max-priority": 3})],
         [declare("$q", {"x-max-length": 7, "x-message-ttl": 60000, "x-max-priority": 3}, durable=True), declare("$q", {"x-max-length": 8, "x-message-ttl": 60000, "x-max-priority": 3}, durable=True)]),
    Case("deleted-queue", [queue(), CONFIRM, publish(**KEPT), confirms(1), quietly("queue.delete", queue="$q")], [declare("$q", passive=True)]),
    Case("deleted-and-declared-again", [queue(), CONFIRM, publish(body="old", **KEPT), confirms(1), quietly("queue.delete", queue="$q"), queue(), publish(body="new", **KEPT), confirms(2)], [count("$q", 1), get()]),
    Case("purged", [queue(), CONFIRM, *bodies("abc", **KEPT), confirms(1, 3), quietly("queue.purge", queue="$q"), publish(body="new", **KEPT), confirms(4)], [count("$q", 1), get()], anymq=["count $q messages=1 consumers=0", got("new")]),
    Case("unacked-come-back", [queue(), CONFIRM, *bodies("abc", **KEPT), confirms(1, 3), get(no_ack=False), get(no_ack=False)], [count("$q", 3), *[get() for _ in range(3)]],
         anymq=["count $q messages=3 consumers=0", got("a", True, 2), got("b", True, 1, 2), got("c", None, 0, 3)]),
    Case("acked-stay-gone", [queue(), CONFIRM, *bodies("abc", **KEPT), confirms(1, 3), get(no_ack=False), get(no_ack=False), ack(1), *PROOF, confirms(4)], [count("$q", 2), get()],
         anymq=["count $q messages=2 consumers=0", got("b", True, 1)]),
    Case("no-ack-stay-gone", [queue(), CONFIRM, *bodies("ab", **KEPT), confirms(1, 2), get(), *PROOF, confirms(3)], [count("$q", 1), get()], anymq=["count $q messages=1 consumers=0", got("b")]),
    Case("requeued", [queue(), CONFIRM, *bodies("ab", **KEPT), confirms(1, 2), get(no_ack=False), nack(1), *PROOF, confirms(3), count("$q", 2)], [count("$q", 2), get(), get()],
         anymq=["count $q messages=2 consumers=0", got("a", True, 1), got("b", None, 0, 2)]),
    Case("dead-letters", [queue("$d"), queue("$q", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "$d"}), CONFIRM, publish(**KEPT), confirms(1), get(no_ack=False), reject(1), count("$d", 1), *PROOF, confirms(2)],
         [count("$q", 0), count("$d", 1), get("$d", props=["x-death", "x-first-death-reason"])],
         anymq=[empty(), "count $d messages=1 consumers=0", "~get #1 'm' from '' key '\\$d' redelivered=(True|False) left=0",
                "  headers={x-death=[{count=l:1, exchange=S:, queue=S:$q, reason=S:rejected, routing-keys=[S:$q], time=T:<now>}], x-first-death-reason=S:rejected}"]),
    Case("expired-while-down", [queue("$d"), queue("$q", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "$d"}), CONFIRM, publish(expiration="100", **KEPT), publish(body="stays", expiration="3600000", **KEPT), confirms(1, 2), until(0.1)],
         [count("$q", 1), count("$d", 1), get()]),
    Case("priority-order", [queue("$q", {"x-max-priority": 5}), CONFIRM, *[publish(body=str(level), priority=level, **KEPT) for level in (1, 5, 3)], confirms(1, 3)], [count("$q", 3), *[get() for _ in range(3)]]),
    Case("priority-many-levels", [queue("$q", {"x-max-priority": 255}), CONFIRM, *[publish(body=str(level), priority=level, **KEPT) for level in (1, 200, 255, 31, 32)], confirms(1, 5), get(no_ack=False)], [count("$q", 5), *[get() for _ in range(5)]]),
    Case("max-length", [queue("$q", {"x-max-length": 2}), CONFIRM, *bodies("abcd", **KEPT), confirms(1, 4)], [count("$q", 2), get(), get()], anymq=["count $q messages=2 consumers=0", got("c", left=1), got("d", tag=2)]),
    Case("transaction", [queue(), quietly("tx.select"), *bodies("ab", **KEPT), quietly("tx.commit"), publish(body="not committed", **KEPT), sync()], [count("$q", 2), get(), get()]),
    Case("quorum-delivery-count", [queue("$q", QUORUM), CONFIRM, publish(**KEPT), confirms(1), get(no_ack=False), nack(1), count("$q", 1), get(no_ack=False), nack(2), count("$q", 1), *PROOF, confirms(2)],
         [count("$q", 1), get(props=["x-delivery-count"])]),
    Case("quorum-transient-message-kept", [queue("$q", QUORUM), CONFIRM, publish(delivery_mode=1), confirms(1)], [count("$q", 1), get()]),
    Case("stream", [queue("$q", {"x-queue-type": "stream"}), CONFIRM, *bodies("abc", **KEPT), confirms(1, 3)], [qos(10), consume("$q", arguments={"x-stream-offset": "first"}), deliveries(3)],
         anymq=[f"~deliver #{n} '{body}' from '' key '\\$q' redelivered=(True|False)" for n, body in enumerate("abc", 1)]),
    Case("fanout-all-or-none", [exchange("$x", "fanout", durable=True), queue("$q1"), queue("$q2"), bind("$q1"), bind("$q2"), CONFIRM, *[publish("", exchange="$x", body=letter, **KEPT) for letter in "abc"], confirms(1, 3)],
         [count("$q1", 3), count("$q2", 3)]),
    Case("properties", [queue(), CONFIRM, publish(content_type="text/plain", headers={"n": 1, "t": {"deep": [1, "x"]}}, priority=4, message_id="m", timestamp=1732000000123, **KEPT), confirms(1)], [count("$q", 1), get(props=True)]),
    Case("large-message", [queue(), CONFIRM, publish(body="x" * 3_000_000, **KEPT), confirms(1)], [count("$q", 1), get()]),
    Case("x-delay", [queue(), CONFIRM, publish(body="delayed", headers={"x-delay": 2500}, **KEPT), confirms(1)], [count("$q", 1), get()], anymq=["count $q messages=1 consumers=0", got("delayed")]),
]


def wanted(case):
    """Lines that AnyMQ must show after either end: what RabbitMQ keeps over a graceful stop."""
    if case.anymq:
        return case.anymq
    lines = json.loads(EXPECTED.read_text())["stop"][case.id]
    return [re.sub("redelivered=(True|False)", "redelivered=(True|False)", "~" + re.escape(line)) for line in lines]


def run_cases(broker, how):
    """Runs all cases through one restart; lines of observation by case."""
    runs = {}
    for case in CASES:
        run = runs[case.id] = Run(broker.url, Probe(f"restart.{case.id}", "restart", case.before))
        run.clean()
        run.steps(case.before)
    getattr(broker, how)()
    broker.start()
    observed = {}
    for case in CASES:
        before = runs[case.id]
        for client in before.clients.values():
            client.sock.close()
        run = Run(broker.url, before.probe)
        run.steps(case.after)
        run.clean()
        observed[case.id] = run.lines
        for client in run.clients.values():
            client.close()
    return observed


if __name__ == "__main__":
    record = {how: run_cases(CommandBroker(), how) for how in ("kill", "stop")}
    EXPECTED.write_text(json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    sys.exit(0)
