"""A real Celery worker: retries, countdowns, late acknowledgement, the worker killed -9 twice; no task is lost.

CELERY_TASKS tasks (500).
"""

import importlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

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


@pytest.fixture
def celery(server, tmp_path, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER", server)
    monkeypatch.setenv("CELERY_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("CELERY_QUEUE", f"celery-{uuid.uuid4()}")
    (tmp_path / "results").touch()
    sys.modules.pop("celery_app.app", None)
    worker = Worker(tmp_path / "worker.log")
    module = importlib.import_module("celery_app.app")
    module.worker, module.results = worker, tmp_path / "results"
    yield module
    if worker.process.poll() is None:
        worker.kill()
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
