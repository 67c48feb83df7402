"""Exactly once under kill -9: workers read, transform and write in transactions while they, or the broker, are killed.

    ANYMQ_BIN=target/release/anymq python eos.py [--rounds 10] [--seed N]

Each round something happens at a random moment: a worker is killed and comes again, the broker is killed and comes again (some
times once more while it recovers), both, or a worker is stopped, replaced by another with its transactional id, and let go on as a
zombie. At the end what librdkafka and Kafka's own client see of the output under read_committed must be, as a multiset, what was
put in: nothing lost, nothing twice, nothing of aborted transactions; and no zombie could commit.
"""

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "kafka"))
from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402
from conftest import KafkaBroker  # noqa: E402

PARTITIONS = 4
WORKERS = ["eos-a", "eos-b"]
A_SECOND = 150
PATIENCE = 180
TAKEN_OVER, GAVE_UP = 3, 4
JARS = HERE.parent / "kafka" / "java" / "lib"


class Feeder(threading.Thread):
    """Produces numbers, each exactly once, as long as it is not told to stop."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "message.timeout.ms": 0,
                                  "compression.type": "snappy", "linger.ms": 5, "reconnect.backoff.max.ms": 200,
                                  "metadata.recovery.strategy": "none"})
        self.stopping, self.count, self.acknowledged, self.failed = threading.Event(), 0, set(), []

    def reported(self, error, message):
        if error:
            self.failed.append(str(error))
        else:
            self.acknowledged.add(message.value().decode())

    def run(self):
        while not self.stopping.wait(1 / A_SECOND):
            self.producer.produce("eos-in", key=str(self.count % 97), value=str(self.count), on_delivery=self.reported)
            self.producer.poll(0)
            self.count += 1

    def stop(self):
        self.stopping.set()
        self.join()
        assert self.producer.flush(PATIENCE) == 0, "the input was not taken in time"
        assert not self.failed, self.failed[:3]


class Workers:
    def __init__(self, broker, choices):
        self.broker, self.choices, self.running, self.lives = broker, choices, {}, 0
        self.ended = collections.Counter()

    def log(self, life):
        return self.broker.home / f"worker-{life}.log"

    def begin(self, name):
        self.lives += 1
        with open(self.log(self.lives), "wb") as log:
            command = [sys.executable, str(HERE / "worker.py"), self.broker.kafka, name, str(self.choices.getrandbits(30))]
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        process.life = self.lives
        self.running[name] = process

    def end(self, name):
        self.running[name].kill()
        self.running[name].wait()

    def look(self):
        """Whoever ended by itself is begun again: the first of two with one id, and those that waited too long."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                self.note(process)
                self.begin(name)

    def note(self, process):
        self.ended[process.returncode] += 1
        said = self.log(process.life).read_text(errors="replace")
        if process.returncode not in (TAKEN_OVER, GAVE_UP):
            raise AssertionError(f"a worker ended with {process.returncode}: {said[-2000:]}")

    def waited_for(self, process, word):
        """Waits until a worker has said something; False if it ended or the time is over."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            if word in self.log(process.life).read_text(errors="replace"):
                return True
            time.sleep(0.02)
        return False

    def zombie(self, name):
        """Stops one, begins another in its place, lets the first go on. Whether it came to that."""
        old = self.running[name]
        if old.poll() is not None or not self.waited_for(old, "@turn"):
            return False
        old.send_signal(signal.SIGSTOP)
        self.begin(name)
        taken = self.waited_for(self.running[name], "@turn")
        old.send_signal(signal.SIGCONT)
        if not taken:
            old.kill()
            old.wait()
            return False
        try:
            code = old.wait(90)
        except subprocess.TimeoutExpired:
            old.kill()
            raise AssertionError(f"a zombie goes on: {self.log(old.life).read_text(errors='replace')[-2000:]}") from None
        self.note(old)
        assert code == TAKEN_OVER, f"a zombie ended with {code}: {self.log(old.life).read_text(errors='replace')[-2000:]}"
        return True


def restart(broker, choices):
    broker.kill()
    if choices.random() < 0.2:
        starting = threading.Thread(target=lambda: attempt(broker))
        starting.start()
        time.sleep(choices.random() * 0.06)
        if broker.process:
            broker.process.kill()
        starting.join()
        broker.kill()
    broker.start()


def attempt(broker):
    try:
        broker.start()
    except RuntimeError:
        pass  # Killed while it recovered.


def committed(address, topic):
    """What librdkafka sees of a topic under read_committed."""
    reader = Consumer({"bootstrap.servers": address, "group.id": "unused", "enable.auto.commit": False,
                       "isolation.level": "read_committed", "enable.partition.eof": True})
    reader.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    values, ends, deadline = [], set(), time.monotonic() + PATIENCE
    while len(ends) < PARTITIONS:
        assert time.monotonic() < deadline, f"the end of {topic} is not reached"
        message = reader.poll(1)
        if message is None:
            continue
        if message.error():
            ends.add(message.partition())
        else:
            values.append(message.value().decode())
    reader.close()
    return values


def committed_by_java(address, topic):
    done = subprocess.run(["java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{JARS}/*",
                           str(HERE / "Committed.java"), address, topic], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split("\n")[:-1]


def differences(want, got):
    want, got = collections.Counter(want), collections.Counter(got)
    return [f"{name}: {len(values)}, as {sorted(values)[:5]}"
            for name, values in [("missing", want - got), ("too many", got - want)] if values]


def finish(broker, workers, feeder):
    """Everything that was put in comes out; what came out is what it should be."""
    feeder.stop()
    put_in = committed(broker.kafka, "eos-in")
    deadline = time.monotonic() + PATIENCE
    while len(committed(broker.kafka, "eos-out")) < len(put_in) and time.monotonic() < deadline:
        workers.look()
        time.sleep(0.5)
    for name in WORKERS:
        workers.end(name)
    wrong = differences(feeder.acknowledged, put_in)
    readers = {"librdkafka": committed}
    if any(JARS.glob("kafka-clients-*.jar")):
        readers["Java"] = committed_by_java
    else:
        skipped(f"{HERE.name}: Kafka's jars are not installed: its own client did not look at the output")
    for name, read in readers.items():
        out = read(broker.kafka, "eos-out")
        wrong += [f"{name} sees {what}" for what in differences([f"done {value}" for value in put_in], out)]
        wrong += [f"{name} sees an aborted record: {value}" for value in out if not value.startswith("done")][:5]
    return len(put_in), list(readers), wrong


def skipped(why):
    print(why)
    if os.environ.get("INTEROP_SKIPPED"):
        with open(os.environ["INTEROP_SKIPPED"], "a", encoding="utf-8") as file:
            file.write(why + "\n")


def one_round(broker, workers, choices, done):
    time.sleep(0.1 + choices.random() * 1.2)
    workers.look()
    name = choices.choice(WORKERS)
    what = choices.choices(["worker", "broker", "both", "zombie"], [40, 35, 15, 10])[0]
    if what in ("worker", "both"):
        workers.end(name)
    if what in ("broker", "both"):
        restart(broker, choices)
    if what in ("worker", "both"):
        workers.begin(name)
    if what == "zombie" and not workers.zombie(name):
        what = "worker"
    done[what] += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 10**9)
    arguments = parser.parse_args()
    choices, done, begin = random.Random(arguments.seed), collections.Counter(), time.monotonic()
    broker = KafkaBroker().start()
    workers = Workers(broker, choices)
    wrong = ["it did not come to an end"]
    try:
        admin = AdminClient({"bootstrap.servers": broker.kafka})
        for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in ("eos-in", "eos-out")]).values():
            future.result(30)
        feeder = Feeder(broker.kafka)
        feeder.start()
        for name in WORKERS:
            workers.begin(name)
        for index in range(1, arguments.rounds + 1):
            one_round(broker, workers, choices, done)
            if index % 10 == 0:
                print(f"round {index}: {feeder.count} put in, {(time.monotonic() - begin) / index:.2f} s a round", flush=True)
        count, readers, wrong = finish(broker, workers, feeder)
        print(f"seed {arguments.seed}: {arguments.rounds} rounds {json.dumps(done)}; {count} records through transactions, "
              f"{workers.lives} lives of workers, ended by themselves {json.dumps(workers.ended)}; looked at by {', '.join(readers)}: "
              + ("; ".join(wrong) if wrong else "each once, nothing aborted"))
    finally:
        for process in workers.running.values():
            process.kill()
        if wrong:
            broker.kill()
            print(f"left as it was: {broker.home}")
        else:
            broker.remove()
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
