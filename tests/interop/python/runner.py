"""Runs probes: lists of steps against one server, each giving lines of observation that two servers can be compared by.

A probe is data: `Probe("queue.purge", "1.3 purge", [declare("$q"), ...])`. A name that begins with `$` is the probe's
own: it is given a prefix on the server and shown with `$` again in the observation, so that lines are the same on
every server. Names the server makes up and times are replaced by what they are (`amq.gen-<22>`, `T:<now>`).
"""

import re
import time
from urllib.parse import urlsplit

import unread
from client import Client, Closed, Timeout
from wire import V

GENERATED = re.compile(r"amq\.(gen|ctag)-([A-Za-z0-9_-]+)")
REPLY_TO = re.compile(r"amq\.rabbitmq\.reply-to\.[A-Za-z0-9_.+/=-]+")
PID = re.compile(r"<\d+\.\d+\.\d+>")
QUIET = 0.15


class Probe:
    """`row` names the rows of the feature table it proves, `vhost`, `user`, `login` how its connections log in."""

    def __init__(self, probe_id, row, steps, vhost="/", user=("guest", "guest"), **login):
        self.id, self.row, self.steps = probe_id, row, steps
        self.vhost, self.user, self.login = vhost, user, login


def show(value):
    """Typed, stable text of a field value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={show(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(show(item) for item in value) + "]"
    if isinstance(value, V) and value.tag == "T" and abs(value.value - time.time()) < 600:
        return "T:<now>"
    return str(value)


class Run:
    """One execution of one probe on one server."""

    def __init__(self, url, probe):
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 5672
        self.probe, self.lines = probe, []
        self.prefix = f"p.{probe.id}."
        self.clients, self.open_channels, self.saved = {}, {}, {}
        self.at = ("a", 1)

    # -- names and lines ---------------------------------------------------------------------------------------------

    def expand(self, value):
        if isinstance(value, str):
            if value.startswith("@"):
                return self.saved[value]
            return value.replace("$", self.prefix)
        if isinstance(value, dict):
            return {key: self.expand(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.expand(item) for item in value]
        if isinstance(value, V) and value.tag in "SFA":
            return V(value.tag, self.expand(value.value))
        return value

    def line(self, text):
        text = text.replace(self.prefix, "$")
        text = GENERATED.sub(lambda m: f"amq.{m[1]}-<{len(m[2])}>", text)
        text = REPLY_TO.sub("amq.rabbitmq.reply-to.<opaque>", text)
        # Long terms come with line breaks in them; how they are broken is nobody's business.
        self.lines.append(re.sub(r"\s*\n\s*", " ", PID.sub("<pid>", text)))

    # -- connections and channels ------------------------------------------------------------------------------------

    def client(self, key=None):
        key = key or self.at[0]
        if key not in self.clients:
            client = Client(self.host, self.port)
            self.clients[key] = client
            client.login(*self.probe.user, vhost=self.probe.vhost, **self.probe.login)
        return self.clients[key]

    def channel(self):
        client = self.client()
        if self.at not in self.open_channels:
            self.open_channels[self.at] = True
            client.open_channel(self.at[1])
        return self.at[1]

    def gone(self, closed):
        """Notes that the current connection ended; the next step opens a new one."""
        key = self.at[0]
        client = self.clients.pop(key, None)
        self.open_channels = {at: True for at in self.open_channels if at[0] != key}
        if client:
            client.sock.close()
            self.show_unread(key, unread.take_all(client, but={"connection.close"}))
        event = closed.event
        if event is None:
            self.line("socket closed")
        else:
            self.line(f"CONNECTION {event.reply_code} {event.reply_text} ({event.class_id},{event.method_id})")

    def channel_closed(self, event):
        self.open_channels.pop(self.at, None)
        key, channel = self.at
        self.show_unread(key, ((channel, line) for line in unread.take(self.clients[key], channel)))
        self.line(f"CHANNEL {event.reply_code} {event.reply_text} ({event.class_id},{event.method_id})")

    def wait(self, names, timeout=None):
        """The next of `names` on the current channel, or None after noting a close."""
        event = self.client().wait(self.at[1], set(names) | {"channel.close"}, timeout)
        if event.name == "channel.close" and "channel.close" not in names:
            self.channel_closed(event)
            return None
        return event

    def show_unread(self, key, lines):
        """Lines for (channel, text) of what came on a connection and no step took."""
        for channel, text in lines:
            where = "" if (key, channel) == ("a", 1) else f" on {key}:{channel}"
            self.line(f"unread{where}: {text}")

    def leave(self, key):
        """Shows what a connection was sent that no step took, and gives the connection up."""
        client = self.clients.pop(key)
        unread.settle(client, [channel for owner, channel in self.open_channels if owner == key])
        self.open_channels = {at: True for at in self.open_channels if at[0] != key}
        self.show_unread(key, unread.take_all(client))
        return client

    # -- running -----------------------------------------------------------------------------------------------------

    def steps(self, steps):
        for step in steps:
            op, args = step
            try:
                getattr(self, "op_" + op)(**args)
            except Closed as closed:
                self.gone(closed)
            except Timeout:
                self.line(f"TIMEOUT in {op}")

    def execute(self):
        left = []
        try:
            self.clean()
            self.steps(self.probe.steps)
            for key in sorted(self.clients):
                left.append(self.leave(key))
            self.at = ("a", 1)
            self.clean()
        finally:
            for client in [*left, *self.clients.values()]:
                client.close()
        return self.lines

    def clean(self):
        """Deletes what the probe declares, whoever left it there. Uses a connection of its own."""
        names = sorted(set(declared(self.probe.steps)))
        if not names:
            return
        client = Client(self.host, self.port)
        try:
            client.login(vhost=self.probe.vhost)
            client.open_channel(1)
            for kind, name in names:
                client.send(1, f"{kind}.delete", **{kind: self.expand(name)})
                if client.wait(1, {f"{kind}.delete-ok", "channel.close"}).name == "channel.close":
                    client.open_channel(1)
        except (Closed, Timeout):
            pass
        finally:
            client.close()

    # -- the steps' operations ---------------------------------------------------------------------------------------

    def op_call(self, method, args, quiet=False):
        """Sends a method and waits for its answer."""
        channel = self.channel()
        self.client().send(channel, method, **self.expand(args))
        if method == "channel.close":
            self.open_channels.pop(self.at)
        if args.get("nowait"):
            return
        event = self.wait({f"{method}-ok", "basic.get-empty"} - ({"basic.get-empty"} if method != "basic.get" else set()))
        if event and not quiet:
            shown = " ".join(f"{key}={show(value)}" for key, value in event.args.items() if key != "reserved1")
            self.line(f"{event.name} {shown}".strip())

    def op_send(self, method, args):
        """Sends a method that has no answer (or whose answer is not of interest now)."""
        self.client().send(self.channel(), method, **self.expand(args))

    def op_publish(self, routing_key, body, exchange, mandatory, immediate, props):
        self.client().publish(self.channel(), body, self.expand(exchange), self.expand(routing_key), mandatory,
                              immediate, **self.expand(props))

    def op_sync(self):
        """A round trip: shows a close that an earlier asynchronous step provoked, or `in sync`."""
        self.client().send(self.channel(), "exchange.declare", exchange="amq.direct", type="direct", passive=True)
        if self.wait({"exchange.declare-ok"}):
            self.line("in sync")

    def op_get(self, queue, no_ack, props):
        self.client().send(self.channel(), "basic.get", queue=self.expand(queue), no_ack=no_ack)
        event = self.wait({"basic.get-ok", "basic.get-empty"})
        if event and event.name == "basic.get-ok":
            self.message("get", event, props, f" left={event.message_count}")
        elif event:
            self.line("get-empty")

    def message(self, word, event, props, more=""):
        body = event.body if len(event.body) <= 60 else event.body[:20] + b"... %d bytes" % len(event.body)
        self.line(f"{word} #{event.delivery_tag} {body.decode('utf-8', 'backslashreplace')!r} from '{event.exchange}' "
                  f"key '{event.routing_key}' redelivered={event.redelivered}{more}")
        if props:
            chosen = event.props if props is True else {
                "headers": {key: value for key, value in event.props.get("headers", {}).items() if key in props}}
            self.line("  " + " ".join(f"{key}={show(value)}" for key, value in sorted(chosen.items())))

    def op_deliveries(self, count, props, quiet, tags):
        """Takes `count` deliveries and waits a moment for more than were asked for."""
        got = 0
        while True:
            try:
                event = self.wait({"basic.deliver", "basic.cancel"}, timeout=5 if got < count else quiet)
            except Timeout:
                if got < count:
                    self.line(f"only {got} of {count} deliveries")
                return
            if event is None:
                return
            if event.name == "basic.cancel":
                self.line(f"server cancels consumer '{event.consumer_tag}' nowait={event.nowait}")
                return
            got += 1
            self.message(f"deliver to {event.consumer_tag}" if tags else "deliver", event, props)

    def op_events(self, count, quiet):
        """Takes whatever comes next on the channel, in order."""
        names = {"basic.deliver", "basic.return", "basic.ack", "basic.nack", "basic.cancel"}
        for index in range(count + 1):
            try:
                event = self.wait(names, timeout=5 if index < count else quiet)
            except Timeout:
                if index < count:
                    self.line(f"only {index} of {count} events")
                return
            if event is None:
                return
            if event.name == "basic.return":
                self.line(f"return {event.reply_code} {event.reply_text} exchange='{event.exchange}' "
                          f"key='{event.routing_key}' body={event.body.decode()!r}")
                if event.props:
                    self.line("  " + " ".join(f"{key}={show(value)}" for key, value in sorted(event.props.items())))
            elif event.name == "basic.deliver":
                self.message(f"deliver to {event.consumer_tag}", event, False)
            else:
                self.line(f"{event.name} " + " ".join(f"{key}={value}" for key, value in event.args.items()))

    def op_confirms(self, first, last):
        """Takes confirms until every tag of first..last is settled; shows each tag's outcome, however they were grouped."""
        outcome = {}
        while any(tag not in outcome for tag in range(first, last + 1)):
            event = self.wait({"basic.ack", "basic.nack"}, timeout=5)
            if event is None:
                return
            outcome.update(dict.fromkeys(event.tags, event.name.split(".")[1]))
        self.line("confirms " + " ".join(f"{tag}={outcome[tag]}" for tag in sorted(outcome)))

    def ready(self, queue):
        """declare-ok of a passive declare, or None after noting a close."""
        self.client().send(self.channel(), "queue.declare", queue=self.expand(queue), passive=True)
        return self.wait({"queue.declare-ok"})

    def settled_count(self, queue, wanted=None):
        """Counts of a queue once they hold still (a server may answer a count before publishes that came earlier)."""
        deadline, before = time.monotonic() + 5, None
        while True:
            event = self.ready(queue)
            if event is None or time.monotonic() > deadline:
                return event
            counts = (event.message_count, event.consumer_count)
            if event.message_count == wanted or (wanted is None and counts == before):
                return event
            before = counts
            time.sleep(0.02 if wanted is not None else 0.06)

    def op_count(self, queue, wanted):
        """Messages ready and consumers of a queue; with `wanted`, waits until that many are ready."""
        event = self.settled_count(queue, wanted)
        if event:
            self.line(f"count {queue} messages={event.message_count} consumers={event.consumer_count}")

    def op_until_missing(self, kind, name):
        """Waits until a queue or exchange is gone. Asks in ways that do not count as use of a queue (x-expires)."""
        method = "queue.purge" if kind == "queue" else "exchange.declare"
        fields = {} if kind == "queue" else {"passive": True}
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            self.client().send(self.channel(), method, **{kind: self.expand(name)}, **fields)
            event = self.client().wait(self.at[1], {f"{method}-ok", "channel.close"})
            if event.name == "channel.close":
                self.open_channels.pop(self.at)
                if event.reply_code == 404:
                    self.line(f"gone: {event.reply_text}")
                    return
            time.sleep(0.02)
        self.line(f"{kind} {name} still there")

    def op_on(self, where, steps):
        """Runs steps on another channel ('2') or connection ('b' or 'b:2')."""
        before = self.at
        connection, _, channel = where.partition(":") if not where.isdigit() else (before[0], "", where)
        self.at = (connection, int(channel or 1))
        try:
            self.steps(steps)
        finally:
            self.at = before

    def op_drop(self, where, politely):
        """Ends a connection: with connection.close, or by closing the socket."""
        client = self.leave(where)
        client.close() if politely else client.sock.close()

    def op_wait_close(self, timeout):
        """Waits for the server to end the channel or the connection."""
        self.channel()
        if self.wait({"never"}, timeout):
            raise AssertionError("no such event")

    def op_python(self, function):
        """A step of its own code, for what steps cannot say."""
        function(self)

    def op_note(self, text):
        self.line(f"-- {text}")

    def op_until(self, seconds):
        """Lets time pass that the server counts (a TTL), for probes about time only."""
        time.sleep(seconds)


def declared(steps):
    for op, args in steps:
        if op == "on":
            yield from declared(args["steps"])
        elif op == "call":
            kind, _, verb = args["method"].partition(".")
            name = args["args"].get(kind, "")
            if verb == "declare" and isinstance(name, str) and name.startswith("$"):
                yield kind, name


