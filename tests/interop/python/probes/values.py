"""Probes of field types and properties: what a client sends must come back bit for bit, with its type."""

import functools

from runner import Probe
from steps import declare, get, publish, queue
from wire import V

EACH_TYPE = {
    "bool": V("t", True), "int8": V("b", -5), "uint8": V("B", 250), "int16": V("s", -300), "uint16": V("u", 60000),
    "int32": V("I", -70000), "uint32": V("i", 4_000_000_000), "int64": V("l", -(2**40)), "float": V("f", 1.5),
    "double": V("d", 2.25), "decimal": V("D", (2, 314)), "long-string": V("S", "grüße"), "array": V("A", [V("I", 1), V("S", "two")]),
    "timestamp": V("T", 1_700_000_000), "table": V("F", {"inner": V("S", "x"), "deep": V("F", {"n": V("l", 1)})}),
    "void": V("V", None), "bytes": V("x", b"\x00\x01\xff"), "int64-L": V("L", 7),
    "bool-false": V("t", False), "empty-string": V("S", ""), "empty-table": V("F", {}), "empty-array": V("A", []),
    "uint64-max-timestamp": V("T", 2**63), "table-in-array": V("A", [V("F", {"a": V("t", True)})]),
}
ALL_PROPERTIES = {
    "content_type": "application/json", "content_encoding": "utf-8", "headers": {"h": V("S", "v")}, "delivery_mode": 2,
    "priority": 9, "correlation_id": "c-1", "reply_to": "answers", "expiration": "60000", "message_id": "m-1",
    # Milliseconds in a field of seconds, as Date.now() gives.
    "timestamp": 1_732_000_000_123, "type": "order", "user_id": "guest", "app_id": "app", "cluster_id": "cl",
}

PROBES = [
    Probe(f"value.{name}", "1.1 table types", [queue(), publish(headers={"h": value}), get(props=True)])
    for name, value in EACH_TYPE.items()
] + [
    Probe("value.all-properties", "A3 properties round-trip", [queue(), publish(**ALL_PROPERTIES), get(props=True)]),
    Probe("value.no-properties", "A3 properties round-trip", [queue(), publish(), get(props=True)]),
    Probe("value.empty-headers", "A3 properties round-trip", [queue(), publish(headers={}), get(props=True)]),
    Probe("value.empty-strings", "A3 properties round-trip",
          [queue(), publish(content_type="", correlation_id="", type=""), get(props=True)]),
    Probe("value.delivery-mode-0", "A3 properties round-trip", [queue(), publish(delivery_mode=0), get(props=True)]),
    Probe("value.delivery-mode-3", "A3 properties round-trip", [queue(), publish(delivery_mode=3), get(props=True)]),
    Probe("value.priority-255", "A3 properties round-trip", [queue(), publish(priority=255), get(props=True)]),
    Probe("value.empty-body", "1.1 frames", [queue(), publish(body=""), get()]),
    Probe("value.binary-body", "1.1 frames", [queue(), publish(body=b"\x00\xce\x01AMQP"), get()]),
    Probe("value.long-queue-name", "1.3 server-named", [declare("$" + "n" * 200)]),
    Probe("value.utf8-queue-name", "1.3 server-named", [declare("$grüße-ключ"), publish("$grüße-ключ", "m"), get("$grüße-ключ")]),
    Probe("value.cr-lf-in-name", "1.3 server-named", [declare("$a\r\nb"), declare("$ab", passive=True)]),
    Probe("value.nested-64", "limits of nesting", [queue(), publish(headers={"h": V("F", functools.reduce(
        lambda inner, _: {"n": V("F", inner)}, range(30), {"leaf": V("I", 1)}))}), get(props=True)]),
]
