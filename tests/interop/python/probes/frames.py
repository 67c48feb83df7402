"""Probes of framing and syntax errors: what the server says to bytes that are not AMQP, or not now."""

import struct
import time

from probes.connection import fresh
from runner import Probe
from wire import FRAME_BODY, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD, encode_header, encode_method, frame


def after_login(*parts, channel=True):
    """Sends the bytes on an open connection (and channel 1) and waits for what the server says."""
    def step(run, client):
        client.login()
        if channel:
            client.open_channel(1)
        for part in parts:
            client.raw(part)
        event = client.wait(1, {"channel.close", "queue.declare-ok", "basic.qos-ok"}, timeout=3)
        if event.name == "channel.close":
            run.line(f"CHANNEL {event.reply_code} {event.reply_text} ({event.class_id},{event.method_id})")
        else:
            run.line(event.name)
    return fresh(step)


def method(name, cut=None, **args):
    return frame(FRAME_METHOD, 1, encode_method(name, args)[:cut])


def header(size, class_id=60, **props):
    return frame(FRAME_HEADER, 1, encode_header(props, size, class_id))


def body(data):
    return frame(FRAME_BODY, 1, data)


PUBLISH = method("basic.publish", routing_key="nowhere")
QOS = method("basic.qos")


def row(name, *parts):
    return Probe(f"frame.{name}", "1.1 frames, Error class split", [after_login(*parts)])


def many_bodies(run, client):
    """A body in frames of one byte each, with another channel's method between them."""
    client.login()
    client.open_channel(1)
    client.open_channel(2)
    client.send(1, "queue.declare", queue="p.frame.small", exclusive=True)
    client.wait(1, {"queue.declare-ok"})
    client.raw(method("basic.publish", routing_key="p.frame.small") + header(5))
    for byte in b"hello":
        client.raw(body(bytes([byte])))
        client.send(2, "basic.qos", prefetch_count=1)
    client.send(1, "basic.get", queue="p.frame.small", no_ack=True)
    run.line(f"body {client.wait(1, {'basic.get-ok'}).body!r}")


def big_body(run, client):
    """A 1 MB body comes back in frames no longer than the negotiated maximum."""
    client.login(frame_max=4096)
    client.open_channel(1)
    client.send(1, "queue.declare", queue="p.frame.big", exclusive=True)
    client.wait(1, {"queue.declare-ok"})
    client.publish(1, b"x" * 1_000_000, routing_key="p.frame.big")
    client.send(1, "basic.get", queue="p.frame.big", no_ack=True)
    longest, got, deadline = 0, 0, time.monotonic() + 10
    while got < 1_000_000:
        kind, _, payload = client.read_frame(deadline)
        longest = max(longest, len(payload) + 8)
        got += len(payload) if kind == FRAME_BODY else 0
    run.line(f"{got} bytes, longest frame within 4096: {longest <= 4096}")


PROBES = [
    row("bad-end-of-body", PUBLISH, header(3), frame(FRAME_BODY, 1, b"abc", end=0xCF)),
    row("bad-end", frame(FRAME_METHOD, 1, encode_method("basic.qos", {}), end=0x00)),
    row("too-large", struct.pack(">BHI", FRAME_METHOD, 1, 200_000)),
    row("unknown-type", frame(5, 1, b"abc")),
    row("unknown-class", frame(FRAME_METHOD, 1, struct.pack(">HH", 99, 10))),
    row("unknown-method", frame(FRAME_METHOD, 1, struct.pack(">HH", 60, 999))),
    row("empty-method", frame(FRAME_METHOD, 1, b"")),
    row("short-method", frame(FRAME_METHOD, 1, b"\x00\x32")),
    row("truncated-arguments", method("queue.declare", cut=8, queue="p.frame.cut")),
    row("name-not-utf8", method("queue.declare", queue=b"\xff\xfe")),
    row("heartbeat-with-payload", frame(FRAME_HEARTBEAT, 0, b"x")),
    row("body-on-channel-0", frame(FRAME_BODY, 0, b"x")),
    row("trailing-bytes", frame(FRAME_METHOD, 1, encode_method("basic.qos", {}) + b"extra")),
    row("body-without-header", body(b"abc")),
    row("header-without-method", header(3)),
    row("method-instead-of-header", PUBLISH, QOS),
    row("body-instead-of-header", PUBLISH, body(b"abc")),
    row("method-instead-of-body", PUBLISH, header(3), QOS),
    row("header-instead-of-body", PUBLISH, header(3), header(3)),
    row("header-of-other-class", PUBLISH, header(3, class_id=50)),
    row("body-longer-than-said", PUBLISH, header(3), body(b"abcdef"), QOS),
    row("empty-body-frame", PUBLISH, header(3), body(b""), body(b"abc"), QOS),
    row("zero-length-body", PUBLISH, header(0), QOS),
    row("zero-length-body-with-frame", PUBLISH, header(0), body(b""), QOS),
    row("table-unknown-type", frame(FRAME_METHOD, 1, encode_method("queue.declare", {"queue": "p.frame.t"})[:-4]
                                    + struct.pack(">I", 3) + b"\x01a?")),
    row("table-length-lies", frame(FRAME_METHOD, 1, encode_method("queue.declare", {"queue": "p.frame.t"})[:-4]
                                   + struct.pack(">I", 1000) + b"\x01aI\x00\x00\x00\x01")),
    row("header-table-unknown-type", PUBLISH, frame(FRAME_HEADER, 1, struct.pack(">HHQH", 60, 0, 0, 1 << 13)
                                                    + struct.pack(">I", 3) + b"\x01a?"), QOS),
    row("header-reserved-flag", PUBLISH, frame(FRAME_HEADER, 1, struct.pack(">HHQH", 60, 0, 0, 1)), QOS),
    row("header-weight", PUBLISH, frame(FRAME_HEADER, 1, struct.pack(">HHQH", 60, 7, 0, 0)), QOS),
    row("header-properties-short", PUBLISH, frame(FRAME_HEADER, 1, struct.pack(">HHQH", 60, 0, 0, 1 << 15)), QOS),
    Probe("frame.many-bodies", "1.1 frames", [fresh(many_bodies)]),
    Probe("frame.max-respected", "1.1 frames, tune", [fresh(big_body)]),
]
