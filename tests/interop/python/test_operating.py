"""What operators do to a running broker, seen by clients: policies applied live, definitions in and out, alarms."""

import json
import os
import shutil
import subprocess
import time
import uuid
from pathlib import Path

import pika
import pytest

from broker import Broker, mount_small
from client import Client, Timeout
from probe import DEFINITIONS, import_by_management
from runner import Probe, Run
from steps import CONFIRM, bind, bodies, confirms, count, exchange, get, publish, queue

MIB = 1 << 20


@pytest.fixture
def import_definitions(server, shared_broker, tmp_path):
    """Imports a document into the server under test."""
    def take(document):
        path = tmp_path / "definitions.json"
        path.write_text(json.dumps(document))
        if shared_broker:
            shared_broker.import_definitions(path)
        elif os.environ.get("RABBITMQ_MANAGEMENT"):
            import_by_management(os.environ["RABBITMQ_MANAGEMENT"], path)
        else:
            pytest.skip("no way to import definitions: set RABBITMQ_MANAGEMENT")
    return take


def policy(name, pattern, kind, **definition):
    return {"vhost": "/", "name": name, "pattern": pattern, "apply-to": kind, "priority": 50, "definition": definition}


def test_policies_apply_to_what_exists(server, import_definitions):
    # A name of its own for each run: policies stay when their test is over.
    name = f"live-{uuid.uuid4()}"
    run = Run(server, Probe(name, "1.5 policies", [queue("$q"), queue("$dead"), exchange("$x"), queue("$other"), exchange("$ae", "fanout")]))
    run.clean()
    run.steps([*run.probe.steps, bind("$other", "$ae"), CONFIRM, *bodies("abc"), confirms(1, 3), count("$q", 3)])
    # One policy wins for a queue: this one shortens it, and what goes is dead-lettered.
    import_definitions({"policies": [
        policy(name, rf"^p\.{name}\.q$", "queues", **{"max-length": 1, "dead-letter-exchange": "", "dead-letter-routing-key": f"p.{name}.dead"}),
        policy(name + "-x", rf"^p\.{name}\.x$", "exchanges", **{"alternate-exchange": f"p.{name}.ae"})]})
    run.lines.clear()
    run.steps([count("$q", 1), count("$dead", 2), get("$q"), publish("nowhere", exchange="$x"), count("$other", 1)])
    # The same name again: other settings, at once.
    import_definitions({"policies": [policy(name, rf"^p\.{name}\.q$", "queues", **{"message-ttl": 100})]})
    run.steps([publish(body="short"), count("$q", 0), count("$dead", 2)])
    run.clean()
    for client in run.clients.values():
        client.close()
    assert run.lines == [
        "count $q messages=1 consumers=0", "count $dead messages=2 consumers=0", "get #1 'c' from '' key '$q' redelivered=False left=0",
        "count $other messages=1 consumers=0", "count $q messages=0 consumers=0", "count $dead messages=2 consumers=0"]


def test_definitions_survive_export_and_import(own_broker, tmp_path):
    own_broker.import_definitions(DEFINITIONS)
    exported = json.loads(own_broker.command("export"))
    asked = json.loads(DEFINITIONS.read_text())
    keys = {"users": ["name"], "vhosts": ["name"], "permissions": ["user", "vhost"], "topic_permissions": ["user", "vhost", "exchange"],
            "policies": ["vhost", "name"], "queues": ["vhost", "name"], "exchanges": ["vhost", "name"],
            "bindings": ["vhost", "source", "destination", "routing_key"], "parameters": ["component", "vhost", "name"]}
    for kind, fields in keys.items():
        have = {tuple(entry[field] for field in fields): entry for entry in exported[kind]}
        for entry in asked[kind]:
            found = have[tuple(entry[field] for field in fields)]
            for field, value in entry.items():
                if field not in ("password", "password_hash", "hashing_algorithm", "metadata"):
                    assert found[field] == value or (field == "tags" and not found[field] and not value), f"{kind} {entry} {field}: {found}"
    second = Broker().start()
    try:
        path = tmp_path / "exported.json"
        path.write_text(json.dumps(exported))
        second.import_definitions(path)
        client = Client("127.0.0.1", second.amqp_port)
        client.login("reader", "reader-pw", vhost="probes")
        client.close()
        assert json.loads(second.command("export")) == exported
    finally:
        second.remove()


@pytest.fixture
def alarm(tmp_path):
    """A server whose disk can be filled: (url, fill, free). A small file system of its own, or commands ALARM_ON and ALARM_OFF."""
    if os.environ.get("ALARM_ON"):
        yield os.environ["AMQP_URL"], lambda: command(os.environ["ALARM_ON"]), lambda: command(os.environ["ALARM_OFF"])
        return
    if os.environ.get("AMQP_URL"):
        pytest.skip("fills the broker's disk: needs ANYMQ_BIN")
    disk = tmp_path / "disk"
    if reason := mount_small(disk, "400m"):
        pytest.skip(reason)
    broker = Broker(disk, {"ANYMQ_BROKER__DISK_FREE_LIMIT": str(64 * MIB)}).start()
    ballast = disk / "ballast"

    def fill():
        free = shutil.disk_usage(disk).free
        with open(ballast, "wb") as file:
            for _ in range(max(0, free - 32 * MIB) // MIB):
                file.write(b"\0" * MIB)
    try:
        yield broker.url, fill, lambda: ballast.unlink(missing_ok=True)
    finally:
        broker.kill()
        subprocess.run(["umount", "-l", str(disk)], capture_output=True)


def command(text):
    subprocess.run(text, shell=True, check=True, capture_output=True, timeout=60)


def port_of(url):
    return int(url.rsplit(":", 1)[1])


def publish_until(client, event, seconds=15):
    """Publishes a little until the server sends `event` on channel 0."""
    deadline = time.monotonic() + seconds
    while True:
        client.publish(1, b"m", routing_key="alarm")
        try:
            return client.wait(0, {event}, timeout=0.2)
        except Timeout:
            assert time.monotonic() < deadline, f"no {event}"


def test_disk_alarm(alarm):
    url, fill, free = alarm
    publisher, consumer, plain = (Client("127.0.0.1", port_of(url)) for _ in range(3))
    publisher.login()
    consumer.login()
    # A client that did not ask for connection.blocked is held back without a word.
    plain.login(capabilities={"publisher_confirms": True})
    for client in (publisher, consumer, plain):
        client.open_channel(1)
    consumer.send(1, "queue.declare", queue="alarm", durable=True)
    consumer.wait(1, {"queue.declare-ok"})
    consumer.publish(1, b"before", routing_key="alarm")
    try:
        fill()
        assert publish_until(publisher, "connection.blocked").reason == "low on disk"
        plain.send(1, "confirm.select")
        plain.wait(1, {"confirm.select-ok"})
        # Held back once it publishes, without connection.blocked.
        plain.publish(1, b"held", routing_key="alarm")
        plain.publish(1, b"held", routing_key="alarm")
        with pytest.raises(Timeout):
            plain.wait(0, {"connection.blocked"}, timeout=0.5)
        # Consumers go on: a fresh connection takes what is there.
        reader = Client("127.0.0.1", port_of(url))
        reader.login()
        reader.open_channel(1)
        reader.send(1, "basic.get", queue="alarm", no_ack=True)
        assert reader.wait(1, {"basic.get-ok"}).body == b"before"
    finally:
        free()
    publisher.wait(0, {"connection.unblocked"}, timeout=15)
    # What was held back goes through now.
    assert plain.wait(1, {"basic.ack"}, timeout=15).delivery_tag >= 1
    reader.send(1, "queue.delete", queue="alarm")
    reader.wait(1, {"queue.delete-ok"})
    for client in (publisher, consumer, plain, reader):
        client.close()


def test_files_are_where_they_were_asked_for(own_broker):
    """The data directory holds everything the broker keeps."""
    assert any(Path(own_broker.data_dir).iterdir())


def test_channels_are_listed_one_by_one(own_broker):
    with pika.BlockingConnection(pika.URLParameters(own_broker.url)) as connection:
        confirming, transactional, limited = (connection.channel(number) for number in (1, 2, 9))
        confirming.confirm_delivery()
        transactional.tx_select()
        limited.queue_declare("listed")
        for _ in range(5):
            limited.basic_publish("", "listed", b"m")
        limited.basic_qos(prefetch_count=3)
        taken = []
        tag = limited.basic_consume("listed", lambda _, method, *rest: taken.append(method.delivery_tag))
        while len(taken) < 3:
            connection.process_data_events(time_limit=5)
        limited.basic_qos(prefetch_count=7, global_qos=True)

        def rows():
            listed = json.loads(own_broker.command("channel", "ls", "-o", "json"))
            return [tuple(row[key] for key in ("number", "user", "vhost", "prefetch", "prefetch_global", "unacked", "consumers",
                                               "confirms", "transactional")) for row in listed]
        assert rows() == [(1, "guest", "/", 0, 0, 0, 0, True, False), (2, "guest", "/", 0, 0, 0, 0, False, True),
                          (9, "guest", "/", 3, 7, 3, 1, False, False)]
        # A cancelled consumer leaves what it had; acknowledgements take it away; a fetched message counts.
        limited.basic_ack(taken[0])
        limited.basic_cancel(tag)
        limited.basic_get("listed")
        assert rows()[2][5:7] == (3, 0)
        limited.basic_ack(0, multiple=True)
        assert rows()[2][5] == 0
        confirming.close()
        assert [row[0] for row in rows()] == [2, 9]
        assert "confirm" not in own_broker.command("channel", "ls") and "tx" in own_broker.command("channel", "ls")


def test_default_queue_type():
    """`broker.default_queue_type`, as RabbitMQ's key of that name: for vhosts that say nothing, and queues that can be of it."""
    if os.environ.get("AMQP_URL"):
        pytest.skip("needs settings of its own")
    broker = Broker(settings={"ANYMQ_BROKER__DEFAULT_QUEUE_TYPE": "quorum"}).start()
    try:
        broker.command("vhost", "create", "plain")
        broker.command("vhost", "create", "classic", "--default-queue-type", "classic")
        for vhost, kind in (("%2F", "quorum"), ("plain", "quorum"), ("classic", "classic")):
            with pika.BlockingConnection(pika.URLParameters(f"{broker.url}/{vhost}")) as connection:
                connection.channel().queue_declare("said", durable=True, arguments={"x-queue-type": "stream"})
                connection.channel().queue_declare("lasting", durable=True)
                for name, flags in (("own", {"exclusive": True}), ("passing", {"auto_delete": True, "durable": True})):
                    connection.channel().queue_declare(name, **flags)
                # A queue that exists is of the type it has.
                connection.channel().queue_declare("lasting", durable=True, arguments={"x-queue-type": kind})
                other = {"quorum": "classic", "classic": "quorum"}[kind]
                with pytest.raises(pika.exceptions.ChannelClosedByBroker, match=f"received '{other}' but current is '{kind}'"):
                    connection.channel().queue_declare("lasting", durable=True, arguments={"x-queue-type": other})
                listed = json.loads(broker.command("queue", "ls", "--vhost", {"%2F": "/"}.get(vhost, vhost), "-o", "json"))
                assert {row["name"]: row["kind"] for row in listed} == {
                    "said": "stream", "lasting": kind, "own": "classic", "passing": "classic"}
        # It is not kept: another start with another default, and vhosts follow; queues stay.
        broker.stop()
        broker.settings = {}
        broker.start()
        with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
            connection.channel().queue_declare("later", durable=True)
            connection.channel().queue_declare("later", durable=True, arguments={"x-queue-type": "classic"})
            with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="received 'classic' but current is 'quorum'"):
                connection.channel().queue_declare("lasting", durable=True)
    finally:
        broker.remove()
