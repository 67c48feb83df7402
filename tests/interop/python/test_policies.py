"""Policies that come and go while queues and exchanges are in use, on the server of the run: AnyMQ's command, or RabbitMQ's management API."""

import json
import os
import urllib.error
import urllib.request
import uuid
from urllib.parse import quote

import pytest

from probe import authorized
from probes.streams import SMALL, fill, kept
from runner import Probe, Run
from steps import CONFIRM, bind, bodies, confirms, count, exchange, get, publish, queue, until


@pytest.fixture
def policies(server, shared_broker):
    """(put, remove): put(name, pattern, kind, priority, **definition), remove(name). What is left is removed at the end."""
    left, management = set(), os.environ.get("RABBITMQ_MANAGEMENT")
    if not shared_broker and not management:
        pytest.skip("no way to set policies: set RABBITMQ_MANAGEMENT")

    def put(name, pattern, kind, priority=50, **definition):
        left.add(name)
        definition = {key.replace("_", "-"): value for key, value in definition.items()}
        if shared_broker:
            shared_broker.command("policy", "set", name, pattern, json.dumps(definition), "--apply-to", kind, "--priority", str(priority))
        else:
            body = {"pattern": pattern, "definition": definition, "apply-to": kind, "priority": priority}
            urllib.request.urlopen(authorized(management, "PUT", f"/api/policies/%2F/{quote(name)}", body), timeout=30).read()

    def remove(name):
        left.discard(name)
        if shared_broker:
            shared_broker.command("policy", "rm", name, "--yes")
        else:
            urllib.request.urlopen(authorized(management, "DELETE", f"/api/policies/%2F/{quote(name)}"), timeout=30).read()
    yield put, remove
    for name in list(left):
        remove(name)


@pytest.fixture
def run(server):
    """Steps on names of the test's own; `pattern(...)` is a policy's pattern for them."""
    probe = Probe(f"live-{uuid.uuid4()}", "1.5 policies", [*(queue(f"${letter}") for letter in "abcde"), exchange("$x"), exchange("$ae", "fanout")])
    run = Run(server, probe)
    run.name = probe.id
    run.pattern = lambda names: rf"^p\.{probe.id}\.({names})$"

    def lines(*steps):
        run.lines.clear()
        run.steps(steps)
        return run.lines
    run.shown = lines
    yield run
    run.clean()
    for client in run.clients.values():
        client.close()


def ready(name, messages):
    return f"count {name} messages={messages} consumers=0"


KINDS = {"classic_queues": "$a", "quorum_queues": "$b", "streams": "$c"}


def test_max_length_bytes_comes_and_goes(run, policies):
    put, remove = policies
    run.shown(queue("$a"), CONFIRM, *bodies(["aaaa", "bbbb", "cccc"], "$a"), confirms(1, 3))
    put(run.name, run.pattern("a"), "queues", max_length_bytes=8)
    assert run.shown(count("$a", 2), get("$a"), publish("$a", "d" * 9), confirms(4), count("$a", 0)) == [
        ready("$a", 2), "get #1 'bbbb' from '' key '$a' redelivered=False left=1", "confirms 4=ack", ready("$a", 0)]
    remove(run.name)
    # RabbitMQ's queues hear of it a little later than the one who removed it.
    assert run.shown(until(0.3), *bodies(["aaaa", "bbbb", "cccc"], "$a"), confirms(5, 7), count("$a", 3)) == ["confirms 5=ack 6=ack 7=ack", ready("$a", 3)]


@pytest.mark.parametrize("kind", ["classic_queues", "quorum_queues", "queues"])
def test_a_policy_keeps_to_its_kind_of_queue(run, policies, kind):
    put, remove = policies
    run.shown(queue("$a"), queue("$b", {"x-queue-type": "quorum"}), CONFIRM, *bodies("123", "$a"), *bodies("123", "$b"), confirms(1, 6))
    put(run.name, run.pattern("a|b"), kind, max_length=1)
    limited = {name: kind in (theirs, "queues") for theirs, name in KINDS.items()}
    # Each publish shows what holds now.
    run.shown(until(0.3), publish("$a", "4"), publish("$b", "4"), confirms(7, 8))
    for name in ("$a", "$b"):
        wanted = 1 if limited[name] else 4
        assert run.shown(count(name, wanted), get(name)) == [
            ready(name, wanted), f"get #{1 if name == '$a' else 2} '{4 if limited[name] else 1}' from '' key '{name}' redelivered=False left={wanted - 1}"]
    remove(run.name)
    run.shown(until(0.3), *bodies("5678", "$a"), *bodies("5678", "$b"), confirms(9, 16))
    assert run.shown(*[count(name, 4 if limited[name] else 7) for name in ("$a", "$b")]) == [
        ready(name, 4 if limited[name] else 7) for name in ("$a", "$b")]


def test_streams_are_cut_by_a_policys_bytes(run, policies):
    put, _ = policies
    # The classic queue has a name that the pattern takes, but is no stream.
    run.shown(queue("$q", SMALL), queue("$a"), CONFIRM, *bodies(["x" * 150_000] * 3, "$a"), confirms(1, 3), *fill(4, 33))
    put(run.name, run.pattern("q|a"), "streams", max_length_bytes=200_000)
    assert run.shown(until(0.3), *fill(34, 70), kept(70, 45), count("$a", 3))[1:] == ["the oldest are gone: True, without a gap: True", ready("$a", 3)]


def test_streams_are_cut_by_a_policys_age(run, policies):
    put, _ = policies
    run.shown(queue("$q", SMALL), CONFIRM, *fill(1, 30))
    put(run.name, run.pattern("q"), "streams", max_age="1s")
    assert run.shown(until(2.5), *fill(31, 60), kept(60, 40))[1:] == ["the oldest are gone: True, without a gap: True"]


def test_an_alternate_exchange_comes_and_goes(run, policies):
    put, remove = policies
    unrouted = (publish("nowhere", "m", "$x"), count("$a", 1), get("$a"))
    run.shown(queue("$a"), exchange("$x"), exchange("$ae", "fanout"), bind("$a", "$ae"))
    assert run.shown(*unrouted[:1], count("$a")) == [ready("$a", 0)]
    put(run.name, run.pattern("x"), "exchanges", alternate_exchange=f"p.{run.name}.ae")
    assert run.shown(until(0.3), *unrouted)[0] == ready("$a", 1)
    remove(run.name)
    assert run.shown(until(0.3), *unrouted[:1], until(0.1), count("$a")) == [ready("$a", 0)]


def test_the_next_one_takes_over(run, policies):
    put, remove = policies
    put(run.name + "-low", run.pattern("a"), "queues", 1, max_length=3)
    put(run.name + "-high", run.pattern("a"), "queues", 2, max_length=1)
    assert run.shown(queue("$a"), CONFIRM, *bodies("1234", "$a"), confirms(1, 4), count("$a", 1))[1:] == [ready("$a", 1)]
    remove(run.name + "-high")
    assert run.shown(until(0.3), *bodies("5678", "$a"), confirms(5, 8), count("$a", 3))[1:] == [ready("$a", 3)]
    remove(run.name + "-low")
    assert run.shown(until(0.3), *bodies("1234", "$a"), confirms(9, 12), count("$a", 7))[1:] == [ready("$a", 7)]


def test_a_policy_that_means_nothing_is_refused(policies):
    put, remove = policies
    for definition in ({"max_length": -1}, {"max_age": "soon"}, {"nobody_knows": 1}, {"consumer_timeout": "x"}):
        name = f"live-{uuid.uuid4()}"
        with pytest.raises((AssertionError, urllib.error.HTTPError)):
            put(name, "^$", "queues", **definition)
        with pytest.raises((AssertionError, urllib.error.HTTPError)):
            remove(name)
