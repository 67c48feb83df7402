"""Probes of frames under load: the parts of a delivery stand together on their channel, whatever else the connection does."""

import threading
import time
from collections import Counter

from client import Client
from probes.connection import fresh
from runner import Probe
from wire import CONTENT_METHODS, FRAME_BODY, FRAME_HEADER, FRAME_METHOD, Reader, decode_method

SIZES = (0, 1, 4000, 4089, 9000, 50_000)


class Watcher(Client):
    """Counts frames that stand where they must not, and how often channels took turns within a body."""

    def __init__(self, host, port):
        super().__init__(host, port)
        self.expects, self.faults, self.seen, self.turns, self.last = {}, [], Counter(), 0, None

    def read_frame(self, deadline):
        kind, channel, payload = super().read_frame(deadline)
        self.watch(kind, channel, payload)
        return kind, channel, payload

    def watch(self, kind, channel, payload):
        what, left = self.expects.get(channel, ("method", 0))
        if self.last is not None and self.last != channel and self.expects.get(self.last, ("method", 0))[0] == "body":
            self.turns += 1
        self.last = channel
        if (kind, what) == (FRAME_METHOD, "method"):
            name = decode_method(payload).name
            self.seen[name] += 1
            self.expects[channel] = ("header", 0) if name in CONTENT_METHODS else ("method", 0)
        elif (kind, what) == (FRAME_HEADER, "header"):
            size = Reader(payload[4:12]).unpack(">Q")[0]
            self.expects[channel] = ("body", size) if size else ("method", 0)
        elif (kind, what) == (FRAME_BODY, "body") and 0 < len(payload) <= left:
            self.expects[channel] = ("body", left - len(payload)) if left > len(payload) else ("method", 0)
        elif channel:
            self.faults.append((kind, channel, what))


def send(client, prefix, channels, rounds):
    for _ in range(rounds):
        for size in SIZES:
            for channel in range(1, channels + 1):
                client.publish(channel, b"x" * size, routing_key=f"{prefix}{channel % channels + 1}")
                client.publish(channel, b"y" * size, routing_key="nowhere", mandatory=True)
                client.send(channel, "basic.qos", prefetch_count=1)


def load(channels, rounds):
    """Every channel consumes, publishes in confirm mode with answers due, gets, and has mandatory messages come back."""
    def step(run, _):
        client = Watcher(run.host, run.port)
        client.login(frame_max=4096)
        for channel in range(1, channels + 1):
            client.open_channel(channel)
            for method, fields in (("queue.declare", {"queue": f"{run.prefix}{channel}", "exclusive": True}), ("confirm.select", {}),
                                   ("basic.consume", {"queue": f"{run.prefix}{channel}", "consumer_tag": "c", "no_ack": True})):
                client.send(channel, method, **fields)
                client.wait(channel, {f"{method}-ok"})
        sent = channels * rounds * len(SIZES)
        # Who sends does not read meanwhile, and a server need not take what nobody reads the answers to.
        sender = threading.Thread(target=send, args=(client, run.prefix, channels, rounds))
        sender.start()
        deadline = time.monotonic() + 20
        settled = 0
        while settled < 2 * sent or client.seen["basic.deliver"] < sent or client.seen["basic.qos-ok"] < sent or client.partial:
            client.pump(deadline)
            settled = sum(len(tags) for tags in client.settled.values())
        sender.join()
        client.events.clear()
        run.line(f"{client.seen['basic.deliver']} deliveries, {client.seen['basic.return']} returns, {settled} confirms, "
                 f"{client.seen['basic.qos-ok']} answers, frames out of place: {client.faults[:3]}")
        client.close()
    return fresh(step)


PROBES = [
    Probe("frame.load.one-channel", "1.1 frames", [load(1, 20)]),
    Probe("frame.load.many-channels", "1.1 frames", [load(12, 5)]),
]
