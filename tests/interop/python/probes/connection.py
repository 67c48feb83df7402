"""Probes of the handshake, tuning, logging in, heartbeats and connection-wide errors."""

import struct
import time

import unread
from client import Client, Closed, Timeout
from runner import Probe, show
from steps import call, consume, declare, drop, get, note, on, publish, python, queue, quietly, send, sync, until_missing, wait_close
from wire import FRAME_HEARTBEAT, PROTOCOL_HEADER, frame


def fresh(function, **options):
    """A step with a socket of its own that has said nothing yet."""
    def step(run):
        client, shown = Client(run.host, run.port, **options), set()
        try:
            function(run, client)
        except Closed as closed:
            shown = {"connection.close"}
            event = closed.event
            run.line(f"CONNECTION {event.reply_code} {event.reply_text} ({event.class_id},{event.method_id})"
                     if event else "socket closed")
        except Timeout:
            run.line("TIMEOUT")
        finally:
            unread.silence(client)
            run.show_unread("fresh", unread.take_all(client, but=shown))
            client.sock.close()
    return python(step)


def wrong_header(data):
    def step(run, client):
        client.raw(data)
        answer = client.recv_exact(8, time.monotonic() + 5)
        run.line(f"answer {answer!r}")
        client.recv_exact(1, time.monotonic() + 5)
    return fresh(step)


def start(run, client):
    client.raw(PROTOCOL_HEADER)
    event = client.wait(0, {"connection.start"})
    run.line(f"version {event.version_major}.{event.version_minor} locales {event.locales!r}")
    run.line(f"mechanisms {sorted(event.mechanisms.split())}")
    for key, value in sorted(event.server_properties.items()):
        if key == "capabilities":
            run.line("capabilities " + show(value))
        else:
            run.line(f"{key} is {value.tag}" + (f" {value.value}" if key == "product" else ""))


def tune(run, client):
    _, event = client.login()
    run.line(show(event.args))


def login(**options):
    def step(run, client):
        client.login(**options)
        client.open_channel(1)
        run.line("open")
    return fresh(step)


def amqplain(run, client):
    from wire import V, encode_table
    body = encode_table({"LOGIN": V("S", "guest"), "PASSWORD": V("S", "guest")})[4:]
    client.login(mechanism="AMQPLAIN", response=body)
    run.line("open")


def pipelined(run, client):
    """tune-ok, open and channel.open sent without waiting for the answers between them."""
    client.raw(PROTOCOL_HEADER)
    client.wait(0, {"connection.start"})
    client.send(0, "connection.start-ok", client_properties={}, mechanism="PLAIN", response="\0guest\0guest", locale="en_US")
    client.wait(0, {"connection.tune"})
    client.send(0, "connection.tune-ok", channel_max=2047, frame_max=131072)
    client.send(0, "connection.open", vhost="/")
    client.send(1, "channel.open")
    client.wait(0, {"connection.open-ok"})
    client.wait(1, {"channel.open-ok"})
    run.line("open")


def heartbeat_from_server(run, client):
    client.login(heartbeat=2)
    begin = time.monotonic()
    while not client.heartbeats:
        client.pump(begin + 3)
    run.line(f"within the interval: {time.monotonic() - begin < 2.5}")


def heartbeat_missed(run, client):
    client.login(heartbeat=1)
    begin = time.monotonic()
    try:
        while True:
            client.pump(begin + 8)
    except Closed as closed:
        run.line(f"closed, not before one interval: {time.monotonic() - begin > 1.0}, said why: {closed.event is not None}")


def any_traffic_counts(run, client):
    """A client that sends methods but no heartbeats is alive."""
    client.login(heartbeat=1)
    client.open_channel(1)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        client.send(1, "basic.qos", prefetch_count=1)
        client.wait(1, {"basic.qos-ok"})
        time.sleep(0.2)
    run.line("alive after 4 intervals")


def channel_limit(run, client):
    client.login(channel_max=2)
    client.open_channel(1)
    client.open_channel(2)
    client.send(3, "channel.open")
    client.wait(3, {"channel.open-ok"})
    run.line("third channel opened")


def update_secret(run, client):
    client.login()
    client.send(0, "connection.update-secret", new_secret="guest", reason="rotated")
    run.line(client.wait(0, {"connection.update-secret-ok"}).name)


def close_politely(run, client):
    client.login()
    client.open_channel(1)
    client.send(1, "channel.close", reply_code=200, reply_text="bye")
    run.line(client.wait(1, {"channel.close-ok"}).name)
    client.send(0, "connection.close", reply_code=200, reply_text="bye")
    run.line(client.wait(0, {"connection.close-ok"}).name)


def on_connection(name, channel=0, **args):
    def step(run, client):
        client.login()
        client.send(channel, name, **args)
        while True:
            client.pump(time.monotonic() + 1)
    return fresh(step)


def silent_before_login(run, client):
    """Frames other than start-ok before the login."""
    client.raw(PROTOCOL_HEADER)
    client.wait(0, {"connection.start"})
    client.send(0, "connection.open", vhost="/")
    client.pump(time.monotonic() + 5)
    run.line("answered")
    client.pump(time.monotonic() + 5)


QUIET_CLIENT = {"publisher_confirms": True}
PROBES = [
    Probe("conn.header.version", "1.1 Handshake", [wrong_header(b"AMQP\x01\x01\x00\x0a")]),
    Probe("conn.header.http", "1.1 Handshake", [wrong_header(b"GET / HTTP/1.1\r\n\r\n")]),
    Probe("conn.start", "1.1 server-properties, capabilities", [fresh(start)]),
    Probe("conn.tune", "1.1 tune", [fresh(tune)]),
    Probe("conn.tune.frame-max-too-big", "1.1 tune", [login(frame_max=131073)]),
    Probe("conn.tune.frame-max-too-small", "1.1 tune", [login(frame_max=1024)]),
    Probe("conn.tune.frame-max-4096", "1.1 tune", [login(frame_max=4096)]),
    Probe("conn.tune.frame-max-none", "1.1 tune", [login(frame_max=0)]),
    Probe("conn.tune.channel-max-too-big", "1.1 tune", [login(channel_max=2048)]),
    Probe("conn.tune.channel-max-none", "1.1 tune", [login(channel_max=0)]),
    Probe("conn.tune.heartbeat-bigger", "1.1 tune", [login(heartbeat=600)]),
    Probe("conn.channel-limit", "1.1 limits", [fresh(channel_limit)]),
    Probe("conn.login.wrong-password", "1.1 bad login", [login(password="wrong")]),
    Probe("conn.login.unknown-user", "1.1 bad login", [login(user="nobody")]),
    Probe("conn.login.no-capability", "1.1 client capabilities honoured", [login(password="wrong", capabilities={})]),
    Probe("conn.login.unknown-mechanism", "1.1 Handshake", [login(mechanism="NOPE")]),
    Probe("conn.login.bad-plain", "1.1 Handshake", [login(response="guest")]),
    Probe("conn.login.amqplain", "1.1 Handshake", [fresh(amqplain)]),
    Probe("conn.login.locale", "1.1 Handshake", [login(locale="xx_XX")]),
    Probe("conn.login.pipelined", "1.1 Handshake", [fresh(pipelined)]),
    Probe("conn.login.out-of-order", "1.1 Handshake", [fresh(silent_before_login)]),
    Probe("conn.vhost.unknown", "1.1 bad vhost", [login(vhost="nope")]),
    Probe("conn.vhost.empty", "1.1 bad vhost", [login(vhost="")]),
    Probe("conn.heartbeat.server-sends", "1.1 heartbeat", [fresh(heartbeat_from_server)]),
    Probe("conn.heartbeat.missed", "1.1 heartbeat", [fresh(heartbeat_missed)]),
    Probe("conn.heartbeat.any-traffic", "1.1 heartbeat", [fresh(any_traffic_counts)]),
    Probe("conn.update-secret", "1.1 connection.update-secret", [fresh(update_secret)]),
    Probe("conn.close", "1.1 Error class split", [fresh(close_politely)]),
    Probe("conn.open-twice", "1.1 Error class split", [on_connection("connection.open", vhost="/")]),
    Probe("conn.start-ok-again", "1.1 Error class split",
          [on_connection("connection.start-ok", mechanism="PLAIN", response="\0guest\0guest", locale="en_US")]),
    Probe("conn.method-on-channel-0", "1.1 Error class split", [on_connection("queue.declare", queue="x")]),
    Probe("conn.connection-method-on-channel-1", "1.1 Error class split",
          [on_connection("connection.open", channel=1, vhost="/")]),
    Probe("conn.channel-0-open", "1.1 Error class split", [on_connection("channel.open")]),
    Probe("conn.cancel-notify.not-wanted", "1.1 client capabilities honoured", [
        queue("$q"), consume("$q", show=True), on("b", call("queue.delete", queue="$q")), sync(), sync(),
    ], capabilities=QUIET_CLIENT),
    Probe("conn.exclusive-ends-with-connection", "1.3 exclusive", [
        on("b", declare("$q", exclusive=True)), drop("b", politely=True), until_missing("queue", "$q")]),
    Probe("conn.exclusive-ends-with-socket", "1.3 exclusive", [
        on("b", declare("$q", exclusive=True)), drop("b"), until_missing("queue", "$q")]),
    Probe("channel.flow.on", "1.4 channel.flow", [call("channel.flow", active=True)]),
    Probe("channel.flow.off", "1.4 channel.flow", [call("channel.flow", active=False)]),
    Probe("channel.access-request", "1.1 access.request",
          [call("access.request", realm="/data", passive=True, active=True, write=True, read=True)]),
    Probe("channel.close-then-reuse", "1.1 pipelining after channel close", [
        queue("$q"),
        # All three are sent before the close can be seen; the last publish must be ignored with the rest.
        publish("k", exchange="no.such.exchange"), publish("$q", "ignored"), publish("$q", "ignored"), wait_close(),
        get("$q"), publish("$q", "kept"), get("$q"),
    ]),
    Probe("channel.not-open", "1.1 Error class split", [fresh(lambda run, client: (
        client.login(), client.send(7, "queue.declare", queue="x"), client.pump(time.monotonic() + 5),
        client.pump(time.monotonic() + 5)))]),
    Probe("channel.open-twice", "1.1 Error class split", [fresh(lambda run, client: (
        client.login(), client.open_channel(1), client.send(1, "channel.open"), client.wait(1, {"channel.open-ok"})))]),
    Probe("channel.close-unknown", "1.1 Error class split", [on_connection("channel.close", channel=5, reply_code=200)]),
    Probe("channel.two-numbers", "1.1 frames", [
        on("9", queue("$q"), publish("$q", "a")), on("2047", get("$q")), note("channel 9 still works"), on("9", get("$q"))]),
    Probe("conn.heartbeat.on-channel", "1.1 heartbeat", [fresh(lambda run, client: (
        client.login(), client.open_channel(1), client.raw(frame(FRAME_HEARTBEAT, 1, b"")),
        client.wait(1, {"never"}, timeout=3)))]),
    Probe("conn.login.empty-response", "1.1 Handshake", [login(response="")]),
    Probe("conn.login.noise", "1.1 Handshake", [login(response=b"\xff" * 300)]),
    Probe("conn.login.name-not-utf8", "1.1 Handshake", [login(response=b"\0\xff\xfe\0\xff")]),
    Probe("conn.login.amqplain-noise", "1.1 Handshake", [login(mechanism="AMQPLAIN", response=b"\xff" * 300)]),
    Probe("conn.login.too-long", "1.1 Handshake", [login(response=b"x" * 20_000)]),
    Probe("conn.channel-number-high", "1.1 limits", [fresh(lambda run, client: (
        client.login(channel_max=2), run.line(client.open_channel(60_000).name)))]),
    Probe("conn.quit-without-close", "1.1 Error class split", [
        queue("$q"), on("b", publish("$q", "a"), sync(), get("$q", no_ack=False)), drop("b"),
        ("count", {"queue": "$q", "wanted": 1}), get("$q")]),
    Probe("channel.client-flow-ok", "1.4 channel.flow", [send("channel.flow-ok", active=True), sync()]),
    Probe("conn.header.split", "1.1 Handshake", [fresh(lambda run, client: (
        client.raw(PROTOCOL_HEADER[:3]), time.sleep(0.05), client.raw(PROTOCOL_HEADER[3:]),
        run.line(client.wait(0, {"connection.start"}).name)))]),
    Probe("conn.frame.byte-by-byte", "1.1 frames", [fresh(lambda run, client: (
        client.login(),
        [client.raw(struct.pack("B", byte)) for byte in frame(1, 1, struct.pack(">HHB", 20, 10, 0))],
        run.line(client.wait(1, {"channel.open-ok"}).name)))]),
    Probe("channel.unanswered-methods", "1.1 Error class split",
          [quietly("basic.qos", prefetch_count=1), send("queue.declare-ok", queue="x"), wait_close()]),
]
