"""Every probe's observation against what RabbitMQ 4.0.5 does, deliberate differences aside."""

import os

import pytest

from probe import agree, difference, expected, observe, run_all
from probes import PROBES

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
