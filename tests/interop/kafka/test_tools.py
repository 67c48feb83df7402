"""Kafka's own command-line tools and Java programs (Maven, 4.2), as its documentation calls them.

`KAFKA_URL=HOST:PORT pytest test_tools.py` runs the same against another server, such as the real one from the same jars.
"""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from test_librdkafka import unique

JAVA = Path(__file__).resolve().parent / "java"
JARS = JAVA / "lib"
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
TOOLS = "org.apache.kafka.tools"
GROUPS = f"{TOOLS}.consumer.group.ConsumerGroupCommand"
CONFIGS = "kafka.admin.ConfigCommand"
PROGRAM_S = 240

pytestmark = pytest.mark.skipif(not (JARS / "installed.xml").exists(), reason="Kafka's jars are not installed: needs Java 17 and Maven")


@pytest.fixture(scope="module")
def server(request):
    """HOST:PORT of the server under test."""
    return os.environ.get("KAFKA_URL") or request.getfixturevalue("broker").kafka


@pytest.fixture
def topic(server):
    name = unique("tool")
    tool(server, f"{TOOLS}.TopicCommand", "--create", "--topic", name, "--partitions", "3", "--config", "retention.ms=3600000")
    return name


def run(*arguments, input="", code=0):
    """Runs a Java program; what it printed."""
    done = subprocess.run(
        ["java", "-Xmx512m", QUIET, "-cp", f"{JARS}/*", *map(str, arguments)],
        input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PROGRAM_S, check=False,
    )
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}"
    return done.stdout


def tool(server, name, *arguments, **how):
    return run(name, "--bootstrap-server", server, *arguments, **how)


def produce(server, topic, lines, *arguments):
    tool(server, f"{TOOLS}.ConsoleProducer", "--topic", topic, *arguments, input="".join(f"{line}\n" for line in lines))


def consume(server, topic, count, *arguments):
    printed = tool(server, f"{TOOLS}.consumer.ConsoleConsumer", "--topic", topic, "--max-messages", count, "--timeout-ms", 30000, *arguments)
    return [line for line in printed.splitlines() if line and not line.startswith("Processed")]


def rows(printed, *first):
    """The lines whose words begin with these, as lists of words."""
    words = [line.split() for line in printed.splitlines()]
    return [row for row in words if row[: len(first)] == list(first)]


def test_kafka_topics(server, topic):
    command = f"{TOOLS}.TopicCommand"
    assert topic in tool(server, command, "--list").split()
    seen = tool(server, command, "--describe", "--topic", topic)
    assert re.search(rf"Topic: {topic}\s+TopicId: \S{{22}}\s+PartitionCount: 3\s+ReplicationFactor: 1\s+Configs: .*retention.ms=3600000", seen), seen
    assert len(re.findall(r"Partition: \d+\s+Leader: \d+\s+Replicas: \d+\s+Isr: \d+", seen)) == 3, seen
    tool(server, command, "--alter", "--topic", topic, "--partitions", "5")
    assert "PartitionCount: 5" in tool(server, command, "--describe", "--topic", topic)
    assert "already exists" in tool(server, command, "--create", "--topic", topic, code=1)
    assert tool(server, command, "--describe", "--under-replicated-partitions", "--topic", topic).strip() == ""
    tool(server, command, "--delete", "--topic", topic)
    assert topic not in tool(server, command, "--list").split()


def test_kafka_console_producer_and_consumer(server, topic):
    lines = [f"h:{n}\tkey{n % 3}\tvalue {n}" for n in range(12)]
    produce(server, topic, lines, "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true", "--compression-codec", "lz4")
    got = consume(server, topic, 12, "--from-beginning", *(f for p in ("print.key=true", "print.headers=true") for f in ("--formatter-property", p)))
    assert sorted(got) == sorted(lines)
    places = ("--formatter-property", "print.partition=true", "--formatter-property", "print.offset=true")
    place = consume(server, topic, 12, "--from-beginning", *places)[-1]
    partition, offset, value = re.match(r"Partition:(\d+)\tOffset:(\d+)\t(.*)", place).groups()
    assert consume(server, topic, 1, "--partition", partition, "--offset", offset) == [value]


def test_kafka_consumer_groups(server, topic):
    group = unique("g")
    produce(server, topic, range(30))
    assert len(consume(server, topic, 30, "--from-beginning", "--group", group)) == 30
    mine = ("--group", group)
    assert group in tool(server, GROUPS, "--list").split()
    seen = rows(tool(server, GROUPS, "--describe", *mine), group)
    assert len(seen) == 3 and sum(int(row[3]) for row in seen) == 30 and all(row[3:6] == [row[3], row[3], "0"] for row in seen), seen
    state = rows(tool(server, GROUPS, "--describe", "--state", *mine), group)
    assert state and "Empty" in state[0], state
    to = ("--reset-offsets", *mine, "--topic", topic)
    dry = rows(tool(server, GROUPS, *to, "--to-earliest", "--dry-run"), group)
    assert sorted(row[2:4] for row in dry) == [["0", "0"], ["1", "0"], ["2", "0"]], dry
    assert all(row[5] == "0" for row in rows(tool(server, GROUPS, "--describe", *mine), group)), "a dry run changes nothing"
    tool(server, GROUPS, *to, "--to-earliest", "--execute")
    assert sum(int(row[5]) for row in rows(tool(server, GROUPS, "--describe", *mine), group)) == 30
    tool(server, GROUPS, *to, "--shift-by", "1", "--execute")
    assert sum(int(row[5]) for row in rows(tool(server, GROUPS, "--describe", *mine), group)) == 30 - sum(int(row[3]) > 0 for row in seen)
    tool(server, GROUPS, *to, "--to-datetime", "2020-01-01T00:00:00.000", "--execute")
    assert sum(int(row[5]) for row in rows(tool(server, GROUPS, "--describe", *mine), group)) == 30
    tool(server, GROUPS, "--delete-offsets", *mine, "--topic", topic)
    tool(server, GROUPS, "--delete", *mine)
    assert group not in tool(server, GROUPS, "--list").split()


def test_kafka_configs(server, topic):
    entity = ("--entity-type", "topics", "--entity-name", topic)
    tool(server, CONFIGS, "--alter", *entity, "--add-config", "cleanup.policy=[compact,delete],max.message.bytes=2000000")
    seen = tool(server, CONFIGS, "--describe", *entity)
    assert re.search(r"cleanup.policy=compact,delete sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete\}", seen), seen
    assert "max.message.bytes=2000000" in seen and "retention.ms=3600000" in seen
    tool(server, CONFIGS, "--alter", *entity, "--delete-config", "max.message.bytes")
    assert "max.message.bytes=2000000" not in tool(server, CONFIGS, "--describe", *entity)
    assert "InvalidConfigurationException" in tool(server, CONFIGS, "--alter", *entity, "--add-config", "retention.ms=soon", code=1)
    everything = tool(server, CONFIGS, "--describe", "--all", *entity)
    assert len(re.findall(r"^\s+\S+=.* sensitive=", everything, re.M)) >= 25, everything
    node = re.search(r"Leader: (\d+)", tool(server, f"{TOOLS}.TopicCommand", "--describe", "--topic", topic)).group(1)
    assert "advertised.listeners=" in tool(server, CONFIGS, "--describe", "--all", "--entity-type", "brokers", "--entity-name", node)


def test_kafka_configs_of_brokers(server, topic):
    everyone, topics = ("--entity-type", "brokers", "--entity-default"), ("--entity-type", "topics", "--entity-name", topic)
    leader = re.search(r"Leader: (\d+)", tool(server, f"{TOOLS}.TopicCommand", "--describe", "--topic", topic)).group(1)
    node = ("--entity-type", "brokers", "--entity-name", leader)

    def told(entity, pattern, *more):
        """What is described, once the pattern is in it: a real broker hears of settings a little later."""
        deadline = time.monotonic() + 30
        while True:
            seen = tool(server, CONFIGS, "--describe", *more, *entity)
            if re.search(pattern, seen):
                return seen
            assert time.monotonic() < deadline, f"{pattern}\n{seen}"

    try:
        tool(server, CONFIGS, "--alter", *everyone, "--add-config", "log.roll.ms=70000,log.cleanup.policy=[compact,delete]")
        seen = told(everyone, r"log.roll.ms=70000 sensitive=false synonyms=\{DYNAMIC_DEFAULT_BROKER_CONFIG:log.roll.ms=70000\}")
        assert "log.cleanup.policy=compact,delete" in seen, seen
        told(topics, r"segment.ms=70000 .*\{DYNAMIC_DEFAULT_BROKER_CONFIG:log.roll.ms=70000, DEFAULT_CONFIG:log.roll.hours=168\}", "--all")
        tool(server, CONFIGS, "--alter", *node, "--add-config", "log.roll.ms=80000")
        layers = r"\{DYNAMIC_BROKER_CONFIG:log.roll.ms=80000, DYNAMIC_DEFAULT_BROKER_CONFIG:log.roll.ms=70000, DEFAULT_CONFIG:log.roll.hours=168\}"
        seen = told(node, rf"log.roll.ms=80000 sensitive=false synonyms={layers}")
        assert "log.cleanup.policy" not in seen, "what is not this node's own is told with --all"
        told(node, r"log.cleanup.policy=compact,delete .*DYNAMIC_DEFAULT_BROKER_CONFIG", "--all")
        told(topics, rf"segment.ms=80000 sensitive=false synonyms={layers}", "--all")
        assert "segment.ms" not in tool(server, CONFIGS, "--describe", *topics)
        for setting, says in [
            ("node.id=7", r"Cannot update these configs dynamically: Set\(node.id\)"),
            ("log.roll.ms=soon", "Invalid value soon for configuration log.roll.ms: Not a number of type LONG"),
            ("log.retention.ms=0", "log.retention.ms must be unlimited"),
        ]:
            seen = tool(server, CONFIGS, "--alter", *node, "--add-config", setting, code=1)
            assert re.search(f"InvalidRequestException: .*{says}", seen), seen
    finally:
        tool(server, CONFIGS, "--alter", *node, "--delete-config", "log.roll.ms")
        tool(server, CONFIGS, "--alter", *everyone, "--delete-config", "log.roll.ms,log.cleanup.policy")
    told(topics, r"segment.ms=604800000 sensitive=false synonyms=\{\}", "--all")


def test_kafka_transactions(server, topic):
    name = unique("txn")
    run(JAVA / "Programs.java", server, "open-transaction", topic, name)
    command = f"{TOOLS}.TransactionsCommand"
    listed = rows(tool(server, command, "list"), name)
    assert listed and listed[0][3] in ("Ongoing", "CompleteAbort"), listed
    seen = rows(tool(server, command, "describe", "--transactional-id", name), *listed[0][1:2])
    assert seen and seen[0][1] == name, seen
    producers = tool(server, command, "describe-producers", "--topic", topic, "--partition", "0")
    row = [line.split() for line in producers.splitlines() if line.split()[:1] == listed[0][2:3]]
    assert row and row[0][-1] == "0", f"the open transaction begins at offset 0: {producers}"
    tool(server, command, "abort", "--topic", topic, "--partition", "0", "--start-offset", "0")
    producers = tool(server, command, "describe-producers", "--topic", topic, "--partition", "0")
    row = [line.split() for line in producers.splitlines() if line.split()[:1] == listed[0][2:3]]
    assert row and row[0][-1] == "None", producers
    produce(server, topic, ["after"])
    assert consume(server, topic, 1, "--from-beginning", "--isolation-level", "read_committed") == ["after"]


def test_performance_tools(server, topic):
    printed = run(f"{TOOLS}.ProducerPerformance", "--topic", topic, "--num-records", 50000, "--record-size", 100, "--throughput", -1,
                  "--producer-props", f"bootstrap.servers={server}", "acks=all", "compression.type=zstd")
    assert re.search(r"^50000 records sent", printed, re.M), printed
    printed = tool(server, f"{TOOLS}.ConsumerPerformance", "--topic", topic, "--messages", 50000, "--timeout", 30000)
    read = printed.strip().splitlines()[-1].split(", ")
    assert int(read[4]) == 50000, printed
    printed = run(f"{TOOLS}.EndToEndLatency", "--bootstrap-server", server, "--topic", topic, "--num-records", 200,
                  "--producer-acks", "all", "--record-size", 100)
    assert re.search(r"^Percentiles: 50th = \d+, 99th = \d+", printed, re.M), printed


def test_what_else_operators_run(server, topic):
    produce(server, topic, range(9))
    offsets = [line.rsplit(":", 2) for line in tool(server, f"{TOOLS}.GetOffsetShell", "--topic", topic).split()]
    assert sum(int(last) for _, _, last in offsets) == 9, offsets
    partition = next(p for _, p, last in offsets if int(last) > 0)
    before = JAVA.parent / f"delete-{topic}.json"
    before.write_text(f'{{"partitions": [{{"topic": "{topic}", "partition": {partition}, "offset": 1}}], "version": 1}}')
    try:
        printed = tool(server, f"{TOOLS}.DeleteRecordsCommand", "--offset-json-file", before)
    finally:
        before.unlink()
    assert re.search(r"low_watermark: 1$", printed, re.M), printed
    assert f"{topic}:{partition}:1" in tool(server, f"{TOOLS}.GetOffsetShell", "--topic", topic, "--time", "-2").split()
    assert f'"partition":"{topic}-{partition}"' in tool(server, f"{TOOLS}.LogDirsCommand", "--describe", "--topic-list", topic)
    assert re.search(r"Produce\(0\): 0 to 1[1-9]", tool(server, f"{TOOLS}.BrokerApiVersionsCommand"))
    assert "Cluster ID: " in run(f"{TOOLS}.ClusterTool", "cluster-id", "--bootstrap-server", server)
    assert re.search(r"transaction.version\s+SupportedMinVersion: 0\s+SupportedMaxVersion: 2", tool(server, f"{TOOLS}.FeatureCommand", "describe"))
    assert "LeaderId:" in tool(server, f"{TOOLS}.MetadataQuorumCommand", "describe", "--status")
    assert "PROTOCOL" in tool(server, f"{TOOLS}.GroupsCommand", "--list")


@pytest.mark.parametrize("program", ["consumer-protocol", "consume-transform-produce", "word-count"])
def test_java_programs(server, program):
    assert f"ok {program}" in run(JAVA / "Programs.java", server, program).splitlines()
