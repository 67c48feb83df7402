"""A Celery 5 program as people write it: late acknowledgement, retries, countdowns; each finished task leaves a line in a file."""

import os
import time

from celery import Celery

RESULTS = os.environ["CELERY_RESULTS"]

app = Celery("interop", broker=os.environ["CELERY_BROKER"], backend="rpc://")
app.conf.update(
    task_default_queue=os.environ.get("CELERY_QUEUE", "celery-interop"),
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=8,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    worker_send_task_events=True,
    task_ignore_result=True,
)

if os.environ.get("CELERY_QUORUM"):
    # Countdowns wait in the broker then, in 28 quorum queues that dead-letter into each other; the worker holds nothing.
    name = app.conf.task_default_queue
    app.conf.update(task_default_queue_type="quorum", task_default_exchange=name, task_default_exchange_type="topic", task_default_routing_key=name)


@app.task(bind=True, max_retries=10)
def work(self, number):
    """Fails at first where the number ends in 3; done means one line in the results file."""
    if number % 10 == 3 and self.request.retries == 0:
        raise self.retry(countdown=0.2)
    with open(RESULTS, "a", encoding="ascii") as results:
        results.write(f"{number}\n")


@app.task(ignore_result=False)
def add(a, b):
    return a + b


@app.task
def due(number):
    """Says when it ran: the clocks of one machine agree."""
    with open(RESULTS, "a", encoding="ascii") as results:
        results.write(f"{number} {time.time()}\n")
