"""A small synchronous AMQP 0-9-1 client that can send what a well-behaved client never sends."""

import socket
import struct
import time
from collections import deque

from wire import (CONTENT_METHODS, FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD,
                  PROTOCOL_HEADER, decode_header, decode_method, encode_header, encode_method, frame)


class Closed(Exception):
    """The socket is closed; `event` is the connection.close that came before, if any."""

    def __init__(self, event=None):
        super().__init__(f"closed {event.args if event else 'without a word'}")
        self.event = event


class Timeout(Exception):
    pass


class Client:
    """One connection. `events` holds what came and was not yet taken, per channel."""

    def __init__(self, host, port, timeout=10.0):
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.events, self.partial, self.settled = b"", {}, {}, {}
        self.timeout, self.closed, self.close_event = timeout, False, None
        self.frame_max, self.heartbeats = 131072, 0

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            self.closed = True

    def send(self, channel, name, **args):
        self.raw(frame(FRAME_METHOD, channel, encode_method(name, args)))

    def publish(self, channel, body=b"", exchange="", routing_key="", mandatory=False, immediate=False, **props):
        body = body.encode() if isinstance(body, str) else body
        size = self.frame_max - 8
        parts = [
            frame(FRAME_METHOD, channel, encode_method("basic.publish", {
                "exchange": exchange, "routing_key": routing_key, "mandatory": mandatory, "immediate": immediate})),
            frame(FRAME_HEADER, channel, encode_header(props, len(body))),
        ] + [frame(FRAME_BODY, channel, body[at:at + size]) for at in range(0, len(body), size)]
        self.raw(b"".join(parts))

    def _fill(self, deadline):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise Timeout()
        self.sock.settimeout(remaining)
        try:
            data = self.sock.recv(262144)
        except socket.timeout:
            raise Timeout() from None
        except OSError:
            data = b""
        if not data:
            self.closed = True
            raise Closed(self.close_event)
        self.buffer += data

    def recv_exact(self, count, deadline):
        while len(self.buffer) < count:
            self._fill(deadline)
        part, self.buffer = self.buffer[:count], self.buffer[count:]
        return part

    def read_frame(self, deadline):
        while len(self.buffer) < 7:
            self._fill(deadline)
        kind, channel, size = struct.unpack(">BHI", self.buffer[:7])
        while len(self.buffer) < size + 8:
            self._fill(deadline)
        payload, end = self.buffer[7:7 + size], self.buffer[7 + size]
        self.buffer = self.buffer[8 + size:]
        assert end == FRAME_END, "the server's frame does not end with 0xCE"
        return kind, channel, payload

    def pump(self, deadline):
        """Reads one frame and files it."""
        kind, channel, payload = self.read_frame(deadline)
        if kind == FRAME_HEARTBEAT:
            self.heartbeats += 1
            return
        if kind == FRAME_METHOD:
            event = decode_method(payload)
            if event.name in CONTENT_METHODS:
                self.partial[channel] = [event, None]
                return
            self._file(channel, event)
            return
        assert channel in self.partial, "content without a method"
        entry = self.partial[channel]
        if kind == FRAME_HEADER:
            entry[1], entry[0].props = decode_header(payload)
        else:
            entry[0].body += payload
        if len(entry[0].body) == entry[1]:
            del self.partial[channel]
            self._file(channel, entry[0])

    def _file(self, channel, event):
        self.events.setdefault(channel, deque()).append(event)
        if event.name in ("basic.ack", "basic.nack"):
            # The tags it settles, however the server groups them.
            settled = self.settled.setdefault(channel, set())
            event.tags = [tag for tag in range(1 if event.multiple else event.delivery_tag, event.delivery_tag + 1) if tag not in settled]
            settled.update(event.tags)
        if event.name == "connection.close":
            self.close_event = event
            self.send(0, "connection.close-ok")
        elif event.name == "channel.close":
            self.send(channel, "channel.close-ok")

    def wait(self, channel, names, timeout=None):
        """Takes the first waiting event of `channel` with one of `names`; a close of the connection raises Closed."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            queue = self.events.setdefault(channel, deque())
            for index, event in enumerate(queue):
                if event.name in names:
                    del queue[index]
                    return event
            if self.close_event and "connection.close" not in names:
                raise Closed(self.close_event)
            self.pump(deadline)

    def login(self, user="guest", password="guest", vhost="/", capabilities=None, mechanism="PLAIN", response=None,
              heartbeat=0, frame_max=131072, channel_max=2047, locale="en_US"):
        """The handshake; returns connection.start and connection.tune."""
        if capabilities is None:
            capabilities = {name: True for name in (
                "publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
                "connection.blocked", "authentication_failure_close")}
        self.raw(PROTOCOL_HEADER)
        start = self.wait(0, {"connection.start"})
        response = f"\0{user}\0{password}" if response is None else response
        self.send(0, "connection.start-ok", client_properties={"product": "probe", "capabilities": capabilities},
                  mechanism=mechanism, response=response, locale=locale)
        tune = self.wait(0, {"connection.tune"})
        self.send(0, "connection.tune-ok", channel_max=channel_max, frame_max=frame_max, heartbeat=heartbeat)
        self.send(0, "connection.open", vhost=vhost)
        self.wait(0, {"connection.open-ok"})
        self.frame_max = frame_max or 131072
        return start, tune

    def open_channel(self, channel):
        self.settled.pop(channel, None)
        self.send(channel, "channel.open")
        return self.wait(channel, {"channel.open-ok"})

    def close(self):
        try:
            if not self.closed and not self.close_event:
                self.send(0, "connection.close", reply_code=200, reply_text="bye")
                self.wait(0, {"connection.close-ok"}, timeout=2)
        except (Closed, Timeout, ValueError, AssertionError):
            pass
        finally:
            self.sock.close()
