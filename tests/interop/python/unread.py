"""What a server sent that no step of a probe asked for: shown at the end, so that an unwanted frame fails the probe.

Confirms are shown as the tags they settle, and events of one kind and consumer stand together: how confirms are grouped,
and their order among deliveries, no server promises.
"""

import time

from client import Closed, Timeout

QUIET = 0.1
CONFIRMS = {"basic.ack": "ack", "basic.nack": "nack"}


def settle(client, channels):
    """A round trip on each open channel, then a moment of silence: what the server had to say is here."""
    try:
        for channel in channels:
            client.send(channel, "exchange.declare", exchange="amq.direct", type="direct", passive=True)
            event = client.wait(channel, {"exchange.declare-ok", "channel.close"}, timeout=5)
            if event.name == "channel.close":
                client.events[channel].append(event)
        silence(client)
    except Closed:
        return
    except Timeout:
        client.events.setdefault(0, []).append(None)


def silence(client, seconds=QUIET):
    """Reads until the server says nothing for that long, or closes."""
    try:
        while not client.closed and not client.close_event:
            client.pump(time.monotonic() + seconds)
    except (Closed, Timeout):
        pass


def describe(event):
    if event is None:
        return "no answer to exchange.declare"
    if event.name in ("channel.close", "connection.close"):
        return f"{event.name.split('.')[0].upper()} {event.reply_code} {event.reply_text} ({event.class_id},{event.method_id})"
    if event.name == "basic.deliver":
        return (f"deliver to {event.consumer_tag} #{event.delivery_tag} {shorten(event.body)} from '{event.exchange}' "
                f"key '{event.routing_key}' redelivered={event.redelivered}")
    shown = " ".join(f"{key}={value}" for key, value in event.args.items())
    return f"{event.name} {shown}{' ' + shorten(event.body) if event.body else ''}".rstrip()


def shorten(body):
    text = body if len(body) <= 60 else body[:20] + b"... %d bytes" % len(body)
    return repr(text.decode("utf-8", "backslashreplace"))


def take(client, channel):
    """Lines for the unread events of a channel; they count as read then."""
    events = list(client.events.pop(channel, ()))
    confirms = {tag: word for event in events if event and (word := CONFIRMS.get(event.name)) for tag in event.tags}
    rest = [event for event in events if not event or event.name not in CONFIRMS]
    lines = [describe(event) for event in sorted(rest, key=group)]
    if confirms:
        lines.insert(0, "confirms " + " ".join(f"{tag}={confirms[tag]}" for tag in sorted(confirms)))
    return lines


def group(event):
    return (event.name, event.args.get("consumer_tag", "")) if event else ("", "")


def take_all(client, but=()):
    """(channel, line) for everything unread; `but` names events that are shown elsewhere."""
    for channel in sorted(client.events):
        client.events[channel] = [event for event in client.events[channel] if not event or event.name not in but]
        for line in take(client, channel):
            yield channel, line
