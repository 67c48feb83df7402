"""A real Celery worker: retries, countdowns, late acknowledgement, the worker killed -9 twice; no task is lost.

CELERY_TASKS tasks (500).
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from kombu.transport.native_delayed_delivery import (MAX_NUMBER_OF_BITS_TO_USE, CELERY_DELAYED_DELIVERY_EXCHANGE,
                                                     declare_native_delayed_delivery_exchanges_and_queues, level_name)

TASKS = int(os.environ.get("CELERY_TASKS", "500"))
DEADLINE_SECONDS = 120 + TASKS / 20
HERE = Path(__file__).parent


class Worker:
    def __init__(self, log):
        self.log, self.process = log, None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "celery_app.app", "worker", "--concurrency=2", "--loglevel=warning"],
                cwd=HERE, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def kill(self):
        """The worker and its pool at once, as when the machine loses power."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def program(url, tmp_path, monkeypatch):
    """The program, and a worker that is not started yet."""
    monkeypatch.setenv("CELERY_BROKER", url)
    monkeypatch.setenv("CELERY_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("CELERY_QUEUE", f"celery-{uuid.uuid4()}")
    (tmp_path / "results").touch()
    sys.modules.pop("celery_app.app", None)
    worker = Worker(tmp_path / "worker.log")
    module = importlib.import_module("celery_app.app")
    module.worker, module.results = worker, tmp_path / "results"
    try:
        yield module
    finally:
        if worker.process and worker.process.poll() is None:
            worker.kill()


@pytest.fixture
def celery(server, tmp_path, monkeypatch):
    with program(server, tmp_path, monkeypatch) as module:
        yield module
        with module.app.connection_for_write() as connection:
            connection.default_channel.queue_delete(module.app.conf.task_default_queue)


def finished(module):
    return {int(line) for line in module.results.read_text().split()}


def wait_for(condition, what, module):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not in {DEADLINE_SECONDS} s: {what}; {module.worker.log.read_text()[-2000:]}")
        time.sleep(0.05)


def test_no_task_is_lost(celery):
    celery.worker.start()
    for number in range(TASKS):
        # Every tenth waits a moment: the worker holds it unacknowledged until it is due.
        celery.work.apply_async((number,), countdown=1 if number % 10 == 7 else None)
    for share in (0.2, 0.5):
        wait_for(lambda: len(finished(celery)) >= TASKS * share, f"{share:.0%} of the tasks", celery)
        celery.worker.kill()
        celery.worker.start()
    wait_for(lambda: len(finished(celery)) == TASKS, "all tasks", celery)
    assert finished(celery) == set(range(TASKS))


def test_results_and_remote_control(celery):
    celery.worker.start()
    pending = [celery.add.delay(number, 1) for number in range(20)]
    assert [result.get(timeout=60) for result in pending] == [number + 1 for number in range(20)]
    # Remote control goes over fanout exchanges and transient reply queues.
    answers = celery.app.control.ping(timeout=5)
    assert len(answers) == 1 and list(answers[0].values()) == [{"ok": "pong"}]


@pytest.fixture
def quorum(server, tmp_path, monkeypatch):
    """The program with a quorum queue, on the server of the run; the queues that countdowns wait in are deleted at the end."""
    monkeypatch.setenv("CELERY_QUORUM", "1")
    with program(server, tmp_path, monkeypatch) as module:
        yield module
        module.worker.kill()
        with module.app.connection_for_write() as connection:
            channel = connection.default_channel
            channel.queue_delete(module.app.conf.task_default_queue)
            for name in [CELERY_DELAYED_DELIVERY_EXCHANGE, module.app.conf.task_default_exchange]:
                channel.exchange_delete(name)
            for level in range(MAX_NUMBER_OF_BITS_TO_USE):
                channel.queue_delete(level_name(level))
                channel.exchange_delete(level_name(level))


def runs(module):
    """When each task ran, as (number, seconds)."""
    return [(int(number), float(when)) for number, when in (line.split() for line in module.results.read_text().splitlines())]


def ready(module):
    """Starts the worker; a task without a countdown shows that it has declared what it needs."""
    module.worker.start()
    # The worker declares the queue before that; publishing before it does would find no exchange.
    module.due.delay(-1)
    wait_for(lambda: runs(module), "the first task", module)


def countdowns(module, countdown, numbers):
    """When each of these tasks is due."""
    due = {}
    for number in numbers:
        due[number] = time.time() + countdown
        module.due.apply_async((number,), countdown=countdown)
    return due


def check(module, due, late):
    ran = [run for run in runs(module) if run[0] >= 0]
    assert sorted(number for number, _ in ran) == sorted(due), "each once"
    for number, when in ran:
        assert due[number] <= when < due[number] + late, f"task {number} ran {when - due[number]:+.3f} s after its time"


def queues(broker, *fields):
    return {row["name"]: tuple(row[field] for field in fields) for row in json.loads(broker.command("queue", "ls", "-o", "json"))}


def test_countdowns_wait_in_the_broker(quorum, shared_broker):
    ready(quorum)
    due = {**countdowns(quorum, 5, range(20)), **countdowns(quorum, 1, range(20, 30)), **countdowns(quorum, 2, range(30, 35))}
    wait_for(lambda: len(runs(quorum)) >= 1 + 15, "the short ones", quorum)
    if shared_broker:
        # The long ones are in the second of their two queues now, or on the way there; with the worker there is nothing.
        name = quorum.app.conf.task_default_queue
        assert queues(shared_broker, "messages", "unacked", "kind")[name] == (0, 0, "quorum")
        waiting = [row[0] for queue, row in queues(shared_broker, "messages").items() if queue.startswith("celery_delayed_")]
        assert len(waiting) == MAX_NUMBER_OF_BITS_TO_USE and sum(waiting) == 20
    wait_for(lambda: len(runs(quorum)) >= 1 + len(due), "all of them", quorum)
    time.sleep(0.3)  # For one that would run twice.
    check(quorum, due, late=2)


def test_declaring_what_countdowns_need_can_be_repeated(celery):
    with celery.app.connection_for_write() as connection:
        try:
            for _ in range(2):
                declare_native_delayed_delivery_exchanges_and_queues(connection, "quorum", "repeated")
        finally:
            channel = connection.channel()
            channel.exchange_delete("repeated_" + CELERY_DELAYED_DELIVERY_EXCHANGE)
            for level in range(MAX_NUMBER_OF_BITS_TO_USE):
                channel.queue_delete(level_name(level, "repeated"))
                channel.exchange_delete(level_name(level, "repeated"))


def test_countdowns_survive_the_brokers_death(own_broker, tmp_path, monkeypatch):
    monkeypatch.setenv("CELERY_QUORUM", "1")
    with program(own_broker.url, tmp_path, monkeypatch) as module:
        ready(module)
        due = countdowns(module, 5, range(20))
        time.sleep(1)  # Within the four seconds of the first queue they wait in.
        own_broker.kill()
        own_broker.start()
        wait_for(lambda: len(runs(module)) >= 1 + len(due), "all of them", module)
        time.sleep(0.3)
        # The worker takes a while to come back.
        check(module, due, late=10)
