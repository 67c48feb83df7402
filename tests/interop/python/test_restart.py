"""What survives kill -9 and a graceful stop: both keep what RabbitMQ 4.0.5 keeps over a graceful stop."""

import pytest

from probe import agree, difference
from restart import CASES, run_cases, wanted


@pytest.fixture(scope="module", params=["kill", "stop"])
def observed(request, own_broker_of_module):
    return run_cases(own_broker_of_module, request.param)


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_restart(case, observed):
    lines = observed[case.id]
    assert agree(wanted(case), lines), "\n" + "\n".join(difference(wanted(case), lines))
