"""A program that reads, transforms and writes in transactions: worker.py HOST:PORT ID SEED. The harness kills it.

Values are numbers; to each it writes `done NUMBER`. Some transactions it aborts on purpose: what it writes in those begins with
`never`. Ends with 3 once another with the same ID has taken its place, with 9 if it could commit all the same.
"""

import random
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

AT_ONCE = 40
SECONDS = 30
# When its broker is away, librdkafka 2.15 begins anew with the addresses it was given, and forgets a request that adds partitions to a
# transaction: that never ends then. With one broker there is nothing to begin anew with.
PATIENT = {"reconnect.backoff.max.ms": 200, "metadata.recovery.strategy": "none"}
FENCED = {KafkaError._FATAL, KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.FENCED_INSTANCE_ID}
TAKEN_OVER, GAVE_UP, WAS_NOT_FENCED = 3, 4, 9


class Fatal(Exception):
    """This producer cannot go on."""


def again(call):
    """Calls until it went well; False if the transaction has to be aborted."""
    deadline = time.monotonic() + 120
    while True:
        try:
            call()
            return True
        except KafkaException as exception:
            error = exception.args[0]
            if error.fatal() or error.code() in FENCED or time.monotonic() > deadline:
                raise Fatal(error) from exception
            if error.txn_requires_abort():
                return False
            if not error.retriable() and error.code() != KafkaError._TIMED_OUT:
                raise Fatal(error) from exception
            time.sleep(0.05)


class Worker:
    def __init__(self, address, name, seed):
        self.random, self.error, self.open, self.messages = random.Random(seed), None, False, []
        self.producer = Producer({
            "bootstrap.servers": address, "transactional.id": name, "transaction.timeout.ms": 60000, "linger.ms": 2,
            "compression.type": self.random.choice(["none", "lz4", "zstd"]), **PATIENT})
        self.consumer = Consumer({
            "bootstrap.servers": address, "group.id": "eos", "group.instance.id": name, "session.timeout.ms": 10000,
            "error_cb": self.told, "auto.offset.reset": "earliest", "enable.auto.commit": False, "isolation.level": "read_committed",
            **PATIENT})

    def told(self, error):
        if error.fatal() or error.code() in FENCED:
            self.error = error

    def rewind(self):
        """Back to what is committed: the records of the aborted transaction come again."""
        for place in self.consumer.committed(self.consumer.assignment(), timeout=SECONDS):
            place.offset = max(place.offset, 0)
            self.consumer.seek(place)

    def transaction(self, messages):
        abort = self.random.random() < 0.15
        self.producer.begin_transaction()
        self.open = True
        try:
            for message in messages:
                word = b"never" if abort else b"done"
                self.producer.produce("eos-out", key=message.key(), value=word + b" " + message.value())
                self.producer.poll(0)
        except KafkaException as exception:
            if exception.args[0].fatal():
                raise Fatal(exception.args[0]) from exception
            abort = True
        if abort:
            if self.random.random() < 0.5:
                self.producer.flush(SECONDS)
        else:
            places = self.consumer.position(self.consumer.assignment())
            group = self.consumer.consumer_group_metadata()
            wanted = [place for place in places if place.offset >= 0]
            abort = not (again(lambda: self.producer.send_offsets_to_transaction(wanted, group, SECONDS))
                         and again(lambda: self.producer.commit_transaction(SECONDS)))
        self.open = abort
        if abort:
            self.abort()

    def abort(self):
        if self.open:
            again(lambda: self.producer.abort_transaction(SECONDS))
        self.open = False
        self.rewind()

    def batch(self):
        """Some records."""
        deadline = time.monotonic() + 0.2
        self.messages = []
        while len(self.messages) < AT_ONCE and time.monotonic() < deadline:
            message = self.consumer.poll(0.1)
            if message is not None and message.error():
                self.told(message.error())
            elif message is not None:
                self.messages.append(message)
            if self.error:
                raise Fatal(self.error)
        return self.messages

    def revoked(self, consumer, partitions):
        """Another reads them from what is committed on: what was read and not yet written is its business."""
        self.messages.clear()

    def run(self):
        again(lambda: self.producer.init_transactions(SECONDS))
        print("@ready", flush=True)
        self.consumer.subscribe(["eos-in"], on_revoke=self.revoked, on_lost=self.revoked)
        while True:
            messages = self.batch()
            if messages:
                try:
                    self.transaction(messages)
                except KafkaException:
                    # Asking for a place failed, the broker being gone: from what is committed once more.
                    again(self.abort)
                print("@turn", flush=True)

    def is_fenced(self):
        """Whether it is kept from committing; what it writes must never be seen."""
        try:
            if not self.open:
                self.producer.begin_transaction()
            self.producer.produce("eos-out", value=b"never zombie")
            self.producer.commit_transaction(SECONDS)
        except KafkaException as exception:
            print("kept from committing:", exception, flush=True)
            return True
        return False


def main():
    address, name, seed = sys.argv[1:]
    worker = Worker(address, name, int(seed))
    try:
        worker.run()
    except Fatal as fatal:
        error = fatal.args[0]
        print("ends:", error, flush=True)
        if error.code() not in FENCED:
            sys.exit(GAVE_UP)
        sys.exit(TAKEN_OVER if worker.is_fenced() else WAS_NOT_FENCED)


main()
