"""The words probes are written in: each makes one step for `runner.Run`."""

from runner import QUIET


def call(method, **args):
    return ("call", {"method": method, "args": args})


def quietly(method, **args):
    return ("call", {"method": method, "args": args, "quiet": True})


def send(method, **args):
    return ("send", {"method": method, "args": args})


def declare(queue, arguments=None, show=True, **args):
    step = call("queue.declare", queue=queue, arguments=arguments or {}, **args)
    step[1]["quiet"] = not show
    return step


def queue(name="$q", arguments=None, **args):
    """A queue the probe needs, without a line in the observation. Durable unless said otherwise."""
    return declare(name, arguments, show=False, **{"durable": True, **args})


def exchange(name="$x", type="direct", arguments=None, show=False, **args):
    step = call("exchange.declare", exchange=name, type=type, arguments=arguments or {}, **args)
    step[1]["quiet"] = not show
    return step


def bind(queue="$q", exchange="$x", routing_key="", arguments=None, show=False, **args):
    step = call("queue.bind", queue=queue, exchange=exchange, routing_key=routing_key, arguments=arguments or {}, **args)
    step[1]["quiet"] = not show
    return step


def publish(routing_key="$q", body="m", exchange="", mandatory=False, immediate=False, **props):
    return ("publish", {"routing_key": routing_key, "body": body, "exchange": exchange, "mandatory": mandatory,
                        "immediate": immediate, "props": props})


def bodies(letters, routing_key="$q", **more):
    """One message per letter."""
    return [publish(routing_key, letter, **more) for letter in letters]


def get(queue="$q", no_ack=True, props=False):
    return ("get", {"queue": queue, "no_ack": no_ack, "props": props})


def consume(queue="$q", consumer_tag="c", arguments=None, show=False, **args):
    step = call("basic.consume", queue=queue, consumer_tag=consumer_tag, arguments=arguments or {}, **args)
    step[1]["quiet"] = not show
    return step


def qos(prefetch_count, **args):
    return quietly("basic.qos", prefetch_count=prefetch_count, **args)


def deliveries(count, props=False, quiet=QUIET, tags=False):
    return ("deliveries", {"count": count, "props": props, "quiet": quiet, "tags": tags})


def events(count, quiet=QUIET):
    return ("events", {"count": count, "quiet": quiet})


def confirms(first, last=None):
    return ("confirms", {"first": first, "last": last or first})


def ack(delivery_tag, multiple=False):
    return send("basic.ack", delivery_tag=delivery_tag, multiple=multiple)


def nack(delivery_tag, multiple=False, requeue=True):
    return send("basic.nack", delivery_tag=delivery_tag, multiple=multiple, requeue=requeue)


def reject(delivery_tag, requeue=False):
    return send("basic.reject", delivery_tag=delivery_tag, requeue=requeue)


def count(queue="$q", wanted=None):
    return ("count", {"queue": queue, "wanted": wanted})


def until_missing(kind, name):
    return ("until_missing", {"kind": kind, "name": name})


def on(where, *steps):
    return ("on", {"where": where, "steps": list(steps)})


def drop(where="a", politely=False):
    return ("drop", {"where": where, "politely": politely})


def wait_close(timeout=5):
    return ("wait_close", {"timeout": timeout})


def python(function):
    return ("python", {"function": function})


def note(text):
    return ("note", {"text": text})


def until(seconds):
    return ("until", {"seconds": seconds})


def sync():
    return ("sync", {})


CONFIRM = quietly("confirm.select")
