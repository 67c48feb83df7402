"""A real, small file system that fills up: by the broker itself, and by somebody else at once. Needs root, for mount."""

import os
import shutil
import subprocess
import time

import pika
import pytest

from broker import Broker, mount_small
from client import Client, Timeout

MIB = 1 << 20
SIZE = 96 * MIB


@pytest.fixture
def disk(tmp_path):
    """An empty file system of 96 MiB."""
    if os.environ.get("AMQP_URL"):
        pytest.skip("fills the broker's disk: needs ANYMQ_BIN")
    path = tmp_path / "disk"
    if reason := mount_small(path, SIZE):
        pytest.skip(reason)
    yield path
    subprocess.run(["umount", "-l", str(path)], capture_output=True)


def start(disk, free_limit):
    return Broker(disk, {"ANYMQ_BROKER__DISK_FREE_LIMIT": str(free_limit), "ANYMQ_STORAGE__SEGMENT_SIZE": "4MiB",
                         "ANYMQ_BROKER__HISTORY_BYTES": "0", "ANYMQ_BROKER__SNAPSHOT_EVERY": "4MiB"}).start()


class Publisher:
    """Publishes numbered messages of 16 KiB with confirms; knows which were confirmed."""

    def __init__(self, broker):
        self.client = Client("127.0.0.1", broker.amqp_port)
        self.client.login()
        self.client.open_channel(1)
        self.client.send(1, "queue.declare", queue="full", durable=True)
        self.client.wait(1, {"queue.declare-ok"})
        self.client.send(1, "confirm.select")
        self.client.wait(1, {"confirm.select-ok"})
        self.sent = self.confirmed = 0

    def publish(self, count):
        for _ in range(count):
            body = b"%d " % self.sent + b"x" * (16 << 10)
            self.client.publish(1, body, routing_key="full", delivery_mode=2)
            self.sent += 1

    def confirms(self, timeout, seconds=60):
        """Takes what confirms come within that time of each other, for so long at most: what is reclaimed on a full disk lets some
        through now and then."""
        deadline = time.monotonic() + seconds
        while self.confirmed < self.sent and time.monotonic() < deadline:
            try:
                ack = self.client.wait(1, {"basic.ack"}, timeout=timeout)
            except Timeout:
                return
            self.confirmed = max(self.confirmed, ack.delivery_tag)

    def until_blocked(self):
        """Publishes until the broker holds publishers back; the reason."""
        for _ in range(4 * SIZE // (128 << 10)):
            self.publish(8)
            self.confirms(0.5)
            try:
                return self.client.wait(0, {"connection.blocked"}, timeout=0.01).reason
            except Timeout:
                pass
        pytest.fail("never blocked")


def check_after_crash(broker, publisher, seen):
    """Kills the broker; all that was sent has been seen or is still there."""
    broker.kill()
    broker.start()
    drain(broker, publisher.sent, seen)
    assert sorted(set(seen)) == list(range(publisher.sent))


def drain(broker, count, seen):
    """Consumes `count` messages, on a connection of its own."""
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.amqp_port, blocked_connection_timeout=60)) as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=50)
        for method, _, body in channel.consume("full", inactivity_timeout=10):
            if method is None:
                break
            seen.append(int(body.split(b" ", 1)[0]))
            channel.basic_ack(method.delivery_tag)
            count -= 1
            if not count:
                break
        channel.cancel()


def depth(broker):
    client = Client("127.0.0.1", broker.amqp_port)
    client.login()
    client.open_channel(1)
    client.send(1, "queue.declare", queue="full", passive=True)
    count = client.wait(1, {"queue.declare-ok"}).message_count
    client.close()
    return count


def test_publishers_wait_for_consumers_when_the_disk_is_full(disk):
    broker = start(disk, 24 * MIB)
    try:
        publisher, seen = Publisher(broker), []
        assert publisher.until_blocked() == "low on disk"
        assert shutil.disk_usage(disk).free > 0, "held back before the disk is full"
        # Consumers drain, the space comes back, and publishing resumes by itself.
        drain(broker, depth(broker), seen)
        publisher.client.wait(0, {"connection.unblocked"}, timeout=60)
        publisher.confirms(5)
        assert publisher.confirmed == publisher.sent, "what was held back is taken now"
        publisher.publish(200)
        publisher.confirms(5)
        assert publisher.confirmed == publisher.sent
        # Nothing confirmed is lost, over a crash, too.
        check_after_crash(broker, publisher, seen)
    finally:
        broker.kill()


def test_a_write_that_finds_no_room_waits_for_it(disk):
    # No limit to speak of: the alarm comes too late, the write itself fails.
    broker = start(disk, 1)
    try:
        publisher, seen = Publisher(broker), []
        publisher.publish(100)
        publisher.confirms(5)
        assert publisher.confirmed == 100
        ballast = disk / "ballast"
        with open(ballast, "wb") as file:
            try:
                while True:
                    file.write(b"\0" * MIB)
            except OSError:
                pass
        assert shutil.disk_usage(disk).free == 0
        # The journal's segment may have room left; then it is really full.
        deadline = time.monotonic() + 30
        while publisher.confirmed == publisher.sent:
            assert time.monotonic() < deadline, "a full disk confirms everything"
            publisher.publish(32)
            publisher.confirms(1)
        stuck = publisher.confirmed
        publisher.confirms(1)
        assert publisher.confirmed == stuck, "nothing is confirmed that is not on disk"
        assert broker.process.poll() is None, "a full disk is no reason to end"
        # Consumers go on.
        drain(broker, 50, seen)
        assert seen == list(range(50))
        ballast.unlink()
        publisher.confirms(20)
        assert publisher.confirmed == publisher.sent, "writing resumes by itself"
        check_after_crash(broker, publisher, seen)
    finally:
        broker.kill()


def test_a_broker_killed_on_a_full_disk_keeps_what_it_confirmed(disk):
    broker = start(disk, 1)
    try:
        publisher, seen = Publisher(broker), []
        with open(disk / "ballast", "wb") as file:
            try:
                while True:
                    file.write(b"\0" * MIB)
            except OSError:
                pass
        # A few at a time: a broker that holds publishers back does not read, and the socket takes only so much.
        deadline = time.monotonic() + 30
        while publisher.confirmed == publisher.sent:
            assert time.monotonic() < deadline, "a full disk confirms everything"
            publisher.publish(32)
            publisher.confirms(1, seconds=5)
        confirmed = publisher.confirmed
        assert confirmed < publisher.sent
        broker.kill()
        (disk / "ballast").unlink()
        broker.start()
        drain(broker, publisher.sent, seen)
        assert set(range(confirmed)) <= set(seen)
    finally:
        broker.kill()
