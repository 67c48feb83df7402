"""Probes of publishing: confirms, returns, transactions, validation, direct reply-to."""

from runner import Probe
from steps import (CONFIRM, ack, bind, bodies, call, confirms, consume, count, declare, deliveries, drop, events,
                   exchange, get, note, on, publish, python, queue, quietly, reject, send, sync, wait_close)
from wire import V

REPLY = "amq.rabbitmq.reply-to"
TX = call("tx.select")


def answer_request(run):
    """Takes the request from $q and answers to the address it carries."""
    event = None
    run.client().send(run.channel(), "basic.get", queue=run.expand("$q"), no_ack=True)
    event = run.wait({"basic.get-ok"})
    reply_to = event.props["reply_to"]
    run.line(f"request carries reply_to {reply_to}")
    run.saved["@reply"] = reply_to
    run.client().publish(run.channel(), b"answer", routing_key=reply_to, correlation_id=event.props["correlation_id"])


def big(size):
    def step(run):
        run.client().publish(run.channel(), b"x" * size, routing_key=run.expand("$q"))
    return python(step)


def many(number):
    def step(run):
        client, channel = run.client(), run.channel()
        for index in range(number):
            client.publish(channel, str(index), routing_key=run.expand("$q"), delivery_mode=2)
    return python(step)


PROBES = [
    Probe("publish.unroutable", "1.4 unroutable", [publish("nowhere"), sync()]),
    Probe("publish.mandatory", "1.4 mandatory", [publish("nowhere", "m", mandatory=True, headers={"h": 1}, message_id="i"), events(1)]),
    Probe("publish.mandatory-routed", "1.4 mandatory", [queue(), publish(mandatory=True), events(0), get()]),
    Probe("publish.mandatory-confirm-order", "1.4 mandatory", [CONFIRM, publish("nowhere", mandatory=True), events(2)]),
    Probe("publish.mandatory-exchange", "1.4 mandatory", [exchange("$x", "topic"), publish("a.b", exchange="$x", mandatory=True), events(1)]),
    Probe("publish.immediate", "1.4 mandatory", [queue(), publish(immediate=True), wait_close()]),
    Probe("publish.confirm-unroutable", "1.4 confirms", [CONFIRM, publish("nowhere"), confirms(1)]),
    Probe("publish.confirm-many", "1.4 confirms", [queue(), call("confirm.select"), many(20), confirms(1, 20), count()]),
    Probe("publish.confirm-transient", "1.4 confirms", [declare("$q"), CONFIRM, publish(delivery_mode=1), confirms(1)]),
    Probe("publish.confirm-tags-per-channel", "1.4 confirms", [queue(), CONFIRM, publish(), confirms(1), on("2", CONFIRM, publish(), confirms(1)), publish(), confirms(2)]),
    Probe("publish.confirm-select-twice", "1.4 confirms", [queue(), CONFIRM, publish(), confirms(1), call("confirm.select"), publish(), confirms(2)]),
    Probe("publish.confirm-select-late", "1.4 confirms", [queue(), publish(), publish(), CONFIRM, publish(), confirms(1)]),
    Probe("publish.confirm-select-nowait", "1.4 confirms", [queue(), call("confirm.select", nowait=True), publish(), confirms(1)]),
    Probe("publish.confirm-fanout", "1.4 confirms", [exchange("$x", "fanout"), queue("$q1"), queue("$q2"), bind("$q1"), bind("$q2"), CONFIRM, publish("", exchange="$x", delivery_mode=2), confirms(1)]),
    Probe("publish.confirm-rejected-by-one", "1.4 confirms", [
        exchange("$x", "fanout"), queue("$q1"), queue("$q2", {"x-max-length": 1, "x-overflow": "reject-publish"}), bind("$q1"), bind("$q2"), CONFIRM,
        publish("", "a", exchange="$x"), confirms(1), publish("", "b", exchange="$x"), confirms(2), count("$q1"), count("$q2")]),
    Probe("publish.confirm-consumed-no-ack", "1.4 confirms", [queue(), consume("$q", no_ack=True), on("2", CONFIRM, publish(delivery_mode=2), confirms(1)), deliveries(1)]),
    Probe("publish.tx-then-confirm", "1.4 confirm/tx exclusive", [TX, call("confirm.select")]),
    Probe("publish.confirm-then-tx", "1.4 confirm/tx exclusive", [call("confirm.select"), TX]),
    Probe("tx.commit-without", "1.4 tx", [call("tx.commit")]),
    Probe("tx.rollback-without", "1.4 tx", [call("tx.rollback")]),
    Probe("tx.commit", "1.4 tx", [queue(), TX, *bodies("ab"), count(), call("tx.commit"), count("$q", 2), get(), get()]),
    Probe("tx.rollback", "1.4 tx", [queue(), TX, *bodies("ab"), call("tx.rollback"), count(), publish(body="c"), call("tx.commit"), get()]),
    Probe("tx.acks-buffered", "1.4 tx", [queue(), publish(), sync(), TX, get(no_ack=False), ack(1), on("b", count("$q")), call("tx.rollback"), note("not requeued by rollback"), count(), ack(1), call("tx.commit"), drop("a"), count()]),
    Probe("tx.uncommitted-ack-lost", "1.4 tx", [queue(), publish(), sync(), TX, get(no_ack=False), ack(1), drop("a"), count("$q", 1), get()]),
    Probe("tx.reject-buffered", "1.4 tx", [queue(), publish(), sync(), TX, get(no_ack=False), reject(1, requeue=True), count(), call("tx.commit"), count("$q", 1)]),
    Probe("tx.select-twice", "1.4 tx", [TX, TX]),
    Probe("tx.mandatory-on-commit", "1.4 tx", [TX, publish("nowhere", mandatory=True), events(0), send("tx.commit"), events(1)]),
    Probe("tx.missing-exchange", "1.4 tx", [TX, publish("k", exchange="nope"), wait_close()]),
    Probe("tx.uncommitted-lost", "1.4 tx", [queue(), on("b", TX, publish(), sync()), drop("b"), count()]),
    Probe("publish.size-17-mib", "1.4 max message size", [queue(), big(17 * 2**20), sync(), count()]),
    Probe("publish.size-1-mib", "1.4 max message size", [queue(), big(2**20), sync(), count()]),
    Probe("publish.user-id-own", "1.4 user-id", [queue(), publish(user_id="guest"), sync(), get(props=True)]),
    Probe("publish.user-id-other", "1.4 user-id", [queue(), publish(user_id="bob"), sync()]),
    Probe("publish.user-id-unroutable", "1.4 user-id", [publish("nowhere", user_id="bob"), sync()]),
    Probe("publish.expiration-bad-unroutable", "1.3 message TTL", [publish("nowhere", expiration="abc"), sync()]),
    Probe("publish.x-death-from-client", "1.4 x-death", [queue(), publish(headers={"x-death": [V("F", {"count": V("l", 5), "queue": "$q", "reason": "rejected"})]}), sync(), get(props=True)]),
    Probe("publish.x-delay-any-queue", "1.2 x-delayed-message", [queue(), publish(body="late", headers={"x-delay": 300}), publish(body="now"), sync(), get(), get()]),
    Probe("publish.empty-exchange-empty-key", "1.4 unroutable", [CONFIRM, publish("", mandatory=True), events(2)]),
    Probe("reply-to.round-trip", "1.4 direct reply-to", [
        queue(), consume(REPLY, "r", no_ack=True, show=True), publish("$q", "ask", reply_to=REPLY, correlation_id="7"), on("b", python(answer_request)), deliveries(1, props=True)]),
    Probe("reply-to.needs-no-ack", "1.4 direct reply-to", [consume(REPLY, "r", show=True)]),
    Probe("reply-to.twice", "1.4 direct reply-to", [consume(REPLY, "r", no_ack=True, show=True), consume(REPLY, "r2", no_ack=True, show=True)]),
    Probe("reply-to.no-consumer", "1.4 direct reply-to", [queue(), publish("$q", reply_to=REPLY), sync()]),
    Probe("reply-to.cancelled", "1.4 direct reply-to", [consume(REPLY, "r", no_ack=True), call("basic.cancel", consumer_tag="r"), consume(REPLY, "r", no_ack=True, show=True)]),
    Probe("reply-to.declare-address", "1.4 direct reply-to", [
        queue(), consume(REPLY, "r", no_ack=True), publish("$q", "ask", reply_to=REPLY, correlation_id="7"), on("b", python(answer_request), declare("@reply")), deliveries(1)]),
    Probe("reply-to.gone-requester", "1.4 direct reply-to", [
        queue(), on("b", consume(REPLY, "r", no_ack=True), publish("$q", "ask", reply_to=REPLY, correlation_id="7"), sync()), drop("b"), python(answer_request), sync(),
        publish("@reply", "late", mandatory=True), events(1)]),
    Probe("reply-to.mandatory", "1.4 direct reply-to", [
        queue(), consume(REPLY, "r", no_ack=True), publish("$q", "ask", reply_to=REPLY, correlation_id="7"), on("b", python(answer_request), CONFIRM, publish("@reply", "again", mandatory=True), events(1)), deliveries(2)]),
    Probe("reply-to.ordinary-queue", "1.4 RPC", [queue(), queue("$r"), publish("$q", "ask", reply_to="$r", correlation_id="7"), python(answer_request), sync(), get("$r", props=True)]),
    Probe("reply-to.exclusive-flag", "1.4 direct reply-to", [consume(REPLY, "r", no_ack=True, exclusive=True, show=True)]),
    Probe("publish.pipelined-with-declare", "1.1 pipelining", [send("queue.declare", queue="$q", exclusive=True), publish("$q", "m"), sync(), get("$q")]),
    Probe("publish.priority-header-types", "1.4 publish", [queue(), quietly("queue.purge", queue="$q"), publish(headers={"CC": []}), sync(), get(props=True)]),
]
