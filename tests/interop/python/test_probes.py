"""Every probe's observation against what RabbitMQ 4.0.5 does, deliberate differences aside."""

import os

import pytest

from probe import agree, difference, expected, observe, run_all
from probes import PROBES
from runner import Probe
from steps import CONFIRM, consume, on, publish, queue

# Against a RabbitMQ the deliberate differences of AnyMQ are no differences.
EXPECTED = expected(deliberate=not os.environ.get("RABBITMQ_MANAGEMENT"))


@pytest.fixture(scope="module")
def observations(server):
    return run_all(server, PROBES, jobs=8)


@pytest.mark.parametrize("probe", PROBES, ids=[probe.id for probe in PROBES])
def test_probe(probe, observations, server):
    wanted, got = EXPECTED[probe.id], observations[probe.id]
    if not agree(wanted, got):
        # Probes with time in them can lose a race on a busy machine: one more try, alone. Wrong twice is wrong.
        got = observe(server, probe)
    assert agree(wanted, got), f"{probe.row}:\n" + "\n".join(difference(wanted, got))


def test_each_observation_has_its_probe():
    assert set(EXPECTED) == {probe.id for probe in PROBES}


def test_what_no_step_reads_is_shown(server):
    """A frame that nobody asked for makes a probe's observation another one."""
    steps = [queue("$q"), CONFIRM, consume("$q"), publish("$q", "x" * 70), on("2", consume("$q", "d")), on("b", queue("$q"))]
    assert observe(server, Probe("unread", "runner", steps)) == [
        "unread: confirms 1=ack", f"unread: deliver to c #1 '{'x' * 20}... 70 bytes' from '' key '$q' redelivered=False"]
    assert observe(server, Probe("unread.none", "runner", steps[:3])) == []
