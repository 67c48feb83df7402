"""Attacks on the Kafka door with raw sockets, and the same clients as everybody's; each test names its scenario.

What needs no process of its own is in crates/kafka/src/connection/tests, crates/kafka/tests and crates/net/tests.
"""

import base64
import hashlib
import hmac
import json
import re
import shutil
import socket
import ssl
import struct
import time

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from test_librdkafka import PATIENCE, unique
from test_tools import JARS, TOOLS, tool

PRODUCE, FETCH, METADATA, HANDSHAKE, VERSIONS, AUTHENTICATE = 0, 1, 3, 17, 18, 36
needs_jars = pytest.mark.skipif(not (JARS / "installed.xml").exists(), reason="Kafka's jars are not installed: needs Java 17 and Maven")


class Raw:
    """A socket, and as much of the protocol as a stranger needs."""

    def __init__(self, address, tls=None):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")

    def send(self, api, version, body, client=b"raw"):
        header = struct.pack(">hhih", api, version, 7, len(client)) + client
        self.socket.sendall(struct.pack(">i", len(header) + len(body)) + header + body)

    def receive(self):
        """A response's body after the correlation id; None if the connection was closed."""
        try:
            size = self.exactly(4)
            return self.exactly(struct.unpack(">i", size)[0])[4:]
        except (EOFError, ConnectionError):
            return None

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def ask(self, api, version, body):
        self.send(api, version, body)
        return self.receive()

    def is_open(self):
        return self.ask(METADATA, 1, struct.pack(">i", 0)) is not None

    def handshake(self, mechanism, version=1):
        answer = self.ask(HANDSHAKE, version, struct.pack(">h", len(mechanism)) + mechanism)
        return answer and struct.unpack(">h", answer[:2])[0]

    def token(self, token):
        """Error code, error message and answer."""
        answer = self.ask(AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)
        if answer is None:
            return None
        code, length = struct.unpack(">hh", answer[:4])
        message, rest = answer[4:4 + max(length, 0)], answer[4 + max(length, 0):]
        return code, message.decode(), rest[4:]

    def plain(self, user, password):
        assert self.handshake(b"PLAIN") == 0
        return self.token(b"\0" + user + b"\0" + password)

    def scram(self, user, password, nonce=b"abcdef", claim=None, header=b"biws", proof=None):
        """A SCRAM-SHA-256 login that may lie; what is said to the last message."""
        assert self.handshake(b"SCRAM-SHA-256") == 0
        bare = b"n=" + user + b",r=" + nonce
        code, message, first = self.token(b"n,," + bare)
        if code:
            return code, message, first
        fields = dict(part.split(b"=", 1) for part in first.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(fields[b"s"]), int(fields[b"i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        without = b"c=" + header + b",r=" + (claim or fields[b"r"])
        signature = hmac.digest(hashlib.sha256(key).digest(), bare + b"," + first + b"," + without, "sha256")
        made = bytes(a ^ b for a, b in zip(key, signature))
        return self.token(without + b",p=" + base64.b64encode(made if proof is None else proof))


def resident(broker):
    """Bytes of memory that the server has."""
    with open(f"/proc/{broker.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) << 10


@pytest.fixture(scope="module")
def locked():
    """A broker on which everybody has to log in, and where a half-open connection is not waited for."""
    from conftest import KafkaBroker

    broker = KafkaBroker({"ANYMQ_KAFKA__ANONYMOUS_USER": "", "ANYMQ_KAFKA__HANDSHAKE_TIMEOUT": "2s",
                          "ANYMQ_KAFKA__MAX_UNAUTHENTICATED_PER_IP": "50"}).start()
    yield broker
    broker.remove()


def string(text):
    return struct.pack(">h", len(text)) + text


def test_s2_lengths_that_lie(broker):
    """S2: lengths and counts that are negative, huge or not there; nothing is allocated for them, and others go on."""
    witness = Raw(broker.kafka)
    assert witness.is_open()
    before = resident(broker)
    sizes = [-1, -(1 << 31), (1 << 31) - 1, (100 << 20) + 1, 0, 3, 7]
    for size in sizes:
        raw = Raw(broker.kafka)
        raw.socket.sendall(struct.pack(">i", size) + b"\0" * 16)
        assert raw.receive() is None, size
    for count in [(1 << 31) - 1, 1 << 30, 100_001]:
        for api, version, body in [
            (METADATA, 1, struct.pack(">i", count)),
            (PRODUCE, 3, struct.pack(">hhii", -1, 1, 1000, count)),
            (FETCH, 4, struct.pack(">iiiibi", -1, 0, 1, 1 << 20, 0, count)),
            (2, 1, struct.pack(">ii", -1, count)),
            (8, 2, string(b"g") + struct.pack(">i", -1) + string(b"") + struct.pack(">qi", -1, count)),
            (11, 0, string(b"g") + struct.pack(">i", 6000) + string(b"") + string(b"consumer") + struct.pack(">i", count)),
            (19, 2, struct.pack(">i", count)),
            (42, 0, struct.pack(">i", count)),
        ]:
            raw = Raw(broker.kafka)
            assert raw.ask(api, version, body) is None, (api, count)
    # Compact lengths: the largest varint, one of too many bytes, and a string beyond the frame.
    for count in [b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\x01", b"\x80\x80\x80\x80\x80\x80\x01", b"\x02\xff\xff\x03"]:
        raw = Raw(broker.kafka)
        assert raw.ask(METADATA, 9, b"\0" + count) is None, count
    assert resident(broker) - before < 32 << 20
    assert witness.is_open()


def test_s3_before_the_login(locked):
    """S3: who has not logged in gets little memory, little time, and few connections."""
    # A frame larger than a login can be is not waited for; nor is anything else than a login.
    for start in [struct.pack(">ihh", 65 << 10, HANDSHAKE, 1), struct.pack(">ihh", 20, METADATA, 1), struct.pack(">ihh", 20, PRODUCE, 7)]:
        assert Raw(locked.kafka).socket.sendall(start) is None
        raw = Raw(locked.kafka)
        raw.socket.sendall(start + b"\0" * 16)
        assert raw.receive() is None, start
    # Half a login, byte by byte: the deadline is that of the whole.
    raw, begin = Raw(locked.kafka), time.monotonic()
    raw.socket.settimeout(0.2)
    closed = False
    for byte in struct.pack(">ihhi", 8_000, HANDSHAKE, 1, 1) + b"\0" * 100:
        try:
            raw.socket.sendall(bytes([byte]))
            closed = raw.socket.recv(1) == b""
        except TimeoutError:
            continue
        except ConnectionError:
            closed = True
        if closed:
            break
    assert closed and 1 < time.monotonic() - begin < 6
    # The connections of one address that say nothing are counted; when they are gone there is room again.
    before = resident(locked)
    silent = [Raw(locked.kafka) for _ in range(50)]
    for raw in silent:
        raw.socket.sendall(struct.pack(">ihh", 8_000, HANDSHAKE, 1))
    assert Raw(locked.kafka).receive() is None, "one too many"
    assert resident(locked) - before < 8 << 20
    for raw in silent:
        raw.socket.close()
    deadline = time.monotonic() + PATIENCE
    while (raw := Raw(locked.kafka)).ask(VERSIONS, 0, b"") is None:
        assert time.monotonic() < deadline
    assert raw.plain(b"guest", b"guest")[0] == 0


def test_s4_frames_that_do_not_fit(broker):
    """S4: a body beyond its frame, a frame beyond the limit; and no more is sent than was asked for."""
    raw = Raw(broker.kafka)
    # The name is said to be longer than the frame.
    assert raw.ask(METADATA, 1, struct.pack(">ih", 1, 500) + b"short") is None
    # More than the request says is left alone, as by Kafka.
    raw = Raw(broker.kafka)
    assert raw.ask(METADATA, 1, struct.pack(">i", 0) + b"more") is not None and raw.is_open()
    topic = unique("s4")
    writer = Producer({"bootstrap.servers": broker.kafka, "batch.size": 20_000})
    for _ in range(500):
        writer.produce(topic, b"x" * 1000)
    assert writer.flush(PATIENCE) == 0
    for total, part in [(50_000, 1 << 20), (1 << 20, 50_000), (0, 0), (-1, -1), (1, 1)]:
        name = topic.encode()
        body = struct.pack(">iiiibi", -1, 0, 0, total, 0, 1) + string(name) + struct.pack(">iiqi", 1, 0, 0, part)
        answer = raw.ask(FETCH, 4, body)
        # One batch there always is.
        assert 61 < len(answer) <= max(min(total, part), 21_000) + 200, (total, part, len(answer))


def test_s6_bombs_do_not_go_off(broker):
    """S6: a batch that unpacks to 400 MiB, by a real client; see crates/kafka/tests/bombs.rs for every codec and place."""
    topic = unique("s6")
    before = resident(broker)
    for codec in ["gzip", "zstd", "lz4"]:
        writer = Producer({"bootstrap.servers": broker.kafka, "compression.type": codec, "message.max.bytes": 100_000_000, "linger.ms": 100})
        errors = []
        for _ in range(4):
            writer.produce(topic, b"\0" * 90_000_000, on_delivery=lambda error, _: errors.append(error))
            assert writer.flush(PATIENCE) == 0
        assert len(errors) == 4
    assert resident(broker) - before < 300 << 20


def test_s10_who_does_not_log_in_right_stays_outside(locked):
    """S10: skipped, doubled, replayed and wrong logins; strangers are answered like users."""
    # Skipped: whatever else is asked.
    for api in [PRODUCE, FETCH, METADATA, 10, 19, 29, 32, 48, AUTHENTICATE]:
        assert Raw(locked.kafka).ask(api, 1, b"\0" * 40) is None, api
    # After a refusal the connection is of no use.
    raw = Raw(locked.kafka)
    assert raw.plain(b"guest", b"wrong")[0] == 58
    assert raw.ask(METADATA, 1, struct.pack(">i", 0)) is None
    # Doubled: another mechanism, or another user, in the middle.
    raw = Raw(locked.kafka)
    assert raw.handshake(b"SCRAM-SHA-256") == 0
    assert raw.handshake(b"PLAIN") == 34 and raw.receive() is None
    raw = Raw(locked.kafka)
    assert raw.plain(b"guest", b"guest")[0] == 0 and raw.is_open()
    for user, password in [(b"guest", b""), (b"", b"guest"), (b"", b""), (b"GUEST", b"guest"), (b"guest", b"guest\0"), (b"nobody", b"guest"),
                           (b"\xff\xfe", b"guest"), (b"guest", b"x" * 8_000)]:
        answer = Raw(locked.kafka).plain(user, password)
        assert answer[:2] == (58, "Authentication failed: Invalid username or password"), (user, answer)
    # In the name of somebody else.
    raw = Raw(locked.kafka)
    assert raw.handshake(b"PLAIN") == 0 and raw.token(b"admin\0guest\0guest")[0] == 58
    assert Raw(locked.kafka).scram(b"guest", b"guest")[0] == 0
    # The nonce is another's, or shorter; the header is not what was said; the proof is of nothing.
    alike = set()
    for how in [{"claim": b"abcdef"}, {"claim": b"other"}, {"header": b"eSws"}, {"proof": b""}, {"proof": b"\0" * 32}, {"proof": b"\0" * 64}]:
        alike.add(Raw(locked.kafka).scram(b"guest", b"guest", **how))
    alike.add(Raw(locked.kafka).scram(b"guest", b"wrong"))
    alike.add(Raw(locked.kafka).scram(b"nobody", b"guest"))
    assert len(alike) == 1 and alike.pop()[0] == 58
    # Tokens that nobody signed are not offered unless the settings say so.
    assert Raw(locked.kafka).handshake(b"OAUTHBEARER") == 33
    for mechanism in [b"GSSAPI", b"", b"plain", b"PLAIN\0", b"EXTERNAL"]:
        assert Raw(locked.kafka).handshake(mechanism) == 33, mechanism


def jwt(header, claims):
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")  # noqa: E731
    return part(header) + b"." + part(claims) + b"."


def test_s10_tokens(start):
    """S10: tokens that have ended, are not yet good, claim to be signed, or name nobody."""
    broker = start({"ANYMQ_KAFKA__UNSECURED_TOKENS": "true"})
    now = int(time.time())
    none = {"alg": "none"}

    def login(token):
        raw = Raw(broker.kafka)
        assert raw.handshake(b"OAUTHBEARER") == 0
        code, _, answer = raw.token(b"n,,\x01auth=Bearer " + token + b"\x01\x01")
        return code == 0 and b"invalid_token" not in answer

    assert login(jwt(none, {"sub": "guest", "exp": now + 60}))
    for header, claims in [
        (none, {"sub": "guest", "exp": now - 5}),
        (none, {"sub": "guest"}),
        (none, {"sub": "guest", "exp": "tomorrow"}),
        (none, {"sub": "guest", "exp": -1.5}),
        (none, {"sub": "nobody", "exp": now + 60}),
        (none, {"exp": now + 60}),
        (none, {"sub": ["guest"], "exp": now + 60}),
        ({"alg": "HS256"}, {"sub": "guest", "exp": now + 60}),
        ({"alg": "NONE"}, {"sub": "guest", "exp": now + 60}),
        ({}, {"sub": "guest", "exp": now + 60}),
    ]:
        assert not login(jwt(header, claims)), (header, claims)
    assert not login(jwt(none, {"sub": "guest", "exp": now + 60}) + b"AAAA")
    assert not login(jwt(none, {"sub": "guest", "exp": now + 60})[:-1])


def make_user(broker, name, password="pw"):
    path = broker.home / f"password-{name}"
    path.write_text(password)
    broker.command("user", "create", name, "--new-password-file", str(path))
    return {"bootstrap.servers": broker.kafka, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": name, "sasl.password": password}


@needs_jars
def test_s11_rules_given_and_taken_by_kafka_acls(start):
    """S11: kafka-acls gives rules to a user without permissions, lists them and takes them away; that counts within a second, in the
    middle of consuming. What a rule does not say stays shut."""
    broker = start()
    acls = f"{TOOLS}.AclCommand"
    settings = make_user(broker, "alice")
    mine, other = unique("mine"), unique("other")
    for topic in (mine, other):
        tool(broker.kafka, f"{TOOLS}.TopicCommand", "--create", "--topic", topic, "--partitions", "1")
    tool(broker.kafka, acls, "--add", "--allow-principal", "User:alice", "--operation", "Read", "--operation", "Write", "--topic", mine)
    tool(broker.kafka, acls, "--add", "--allow-principal", "User:alice", "--operation", "Read", "--group", "g", "--resource-pattern-type", "prefixed")
    listed = tool(broker.kafka, acls, "--list", "--principal", "User:alice")
    assert f"ResourcePattern(resourceType=TOPIC, name={mine}, patternType=LITERAL)" in listed
    assert "ResourcePattern(resourceType=GROUP, name=g, patternType=PREFIXED)" in listed
    assert listed.count("principal=User:alice, host=*, operation=READ, permissionType=ALLOW") == 2

    writer, reports = Producer(settings), []
    for topic in (mine, other):
        writer.produce(topic, b"hello", on_delivery=lambda error, message: reports.append((message.topic(), error and error.name())))
    assert writer.flush(PATIENCE) == 0
    assert sorted(reports) == sorted([(mine, None), (other, "TOPIC_AUTHORIZATION_FAILED")])
    assert set(AdminClient(settings).list_topics(timeout=PATIENCE).topics) == {mine}, "others are not told of"
    reader = Consumer({**settings, "group.id": "group", "auto.offset.reset": "earliest", "enable.auto.commit": False})
    reader.subscribe([mine])
    assert reader.poll(PATIENCE).value() == b"hello"
    strange = Consumer({**settings, "group.id": "strange"})
    strange.subscribe([mine])
    assert strange.poll(PATIENCE).error().name() == "GROUP_AUTHORIZATION_FAILED"
    strange.close()

    tool(broker.kafka, acls, "--remove", "--force", "--allow-principal", "User:alice", "--operation", "Read", "--topic", mine)
    taken = time.monotonic()
    Producer({"bootstrap.servers": broker.kafka}).produce(mine, b"secret")
    message = reader.poll(PATIENCE)
    assert message is not None and message.error() and message.error().name() == "TOPIC_AUTHORIZATION_FAILED", message and message.value()
    assert time.monotonic() - taken < 1
    reader.close()
    tool(broker.kafka, acls, "--remove", "--force", "--topic", mine)
    tool(broker.kafka, acls, "--remove", "--force", "--group", "g", "--resource-pattern-type", "prefixed")
    assert "alice" not in tool(broker.kafka, acls, "--list")
    with pytest.raises(KafkaException):
        AdminClient({**settings, "socket.timeout.ms": 3000}).list_topics(timeout=3)


@pytest.fixture
def authorities(tmp_path):
    """Two authorities of the same name, and none of them the other."""
    from test_tls import Authority

    if not shutil.which("openssl"):
        pytest.skip("makes certificates with openssl, which is not here")
    ours = Authority(tmp_path / "ours", "authority")
    return ours, Authority(tmp_path / "theirs", "authority")


def test_s13_tls(start, authorities):
    """S13: TLS 1.0 and 1.1 are refused, so is plain text, and certificates of an authority that has the same name as ours."""
    ours, theirs = authorities
    cert, key = ours.issue("server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    broker = start({"ANYMQ_KAFKA__TLS_PORT": str(port), "ANYMQ_KAFKA__TLS__CERT": str(cert), "ANYMQ_KAFKA__TLS__KEY": str(key),
                    "ANYMQ_KAFKA__TLS__CLIENT_CA": str(ours.cert)})
    address = f"127.0.0.1:{port}"

    def context(trusted=ours, version=None, identity=None):
        made = ssl.create_default_context(cafile=str(trusted.cert))
        if version:
            made.minimum_version = made.maximum_version = version
            made.set_ciphers("ALL:@SECLEVEL=0")
        if identity:
            made.load_cert_chain(*map(str, identity))
        return made

    assert Raw(address, context()).is_open()
    assert Raw(address, context(identity=ours.issue("guest"))).is_open()
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            Raw(address, context(version=version))
    with pytest.raises(ssl.SSLCertVerificationError):
        Raw(address, context(theirs))
    # In TLS 1.3 the client hears of it when it next reads.
    try:
        assert not Raw(address, context(identity=theirs.issue("guest"))).is_open()
    except (ssl.SSLError, ConnectionError):
        pass
    raw = Raw(address)
    raw.send(VERSIONS, 0, b"")
    try:
        assert raw.socket.recv(100)[:1] in (b"", b"\x15"), "an alert, if anything"
    except ConnectionError:
        pass
    tls = {"bootstrap.servers": address.replace("127.0.0.1", "localhost"), "security.protocol": "ssl", "socket.timeout.ms": 5000}
    assert AdminClient({**tls, "ssl.ca.location": str(ours.cert)}).list_topics(timeout=PATIENCE).brokers
    with pytest.raises(KafkaException):
        AdminClient({**tls, "ssl.ca.location": str(theirs.cert)}).list_topics(timeout=3)


def test_s20_what_one_user_may_have(start):
    """S20: connections of a user and of a vhost, partitions of a vhost: limits hold on this door as on the others."""
    broker = start()
    definitions = broker.home / "limits.json"
    definitions.write_text(json.dumps({
        "users": [{"name": "few", "password": "pw", "tags": "", "limits": {"max-connections": 3}}],
        "permissions": [{"user": "few", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
        "vhosts": [{"name": "/", "limits": {"max-queues": 20}}],
    }))
    broker.import_definitions(definitions)
    mine = [Raw(broker.kafka) for _ in range(3)]
    for raw in mine:
        assert raw.plain(b"few", b"pw")[0] == 0
    code, message, _ = Raw(broker.kafka).plain(b"few", b"pw")
    assert code == 58 and "connection limit (3) is reached" in message
    mine.pop().socket.close()
    deadline = time.monotonic() + PATIENCE
    while Raw(broker.kafka).plain(b"few", b"pw")[0]:
        assert time.monotonic() < deadline
    made = AdminClient({"bootstrap.servers": broker.kafka})
    made.create_topics([NewTopic("ten", 10)])["ten"].result(PATIENCE)
    with pytest.raises(KafkaException, match="POLICY_VIOLATION"):
        made.create_topics([NewTopic("eleven", 11)])["eleven"].result(PATIENCE)
    # Groups, producers and transactional ids of a client's choice leave no more behind than their bounds say.
    before = resident(broker)
    raw = Raw(broker.kafka)
    for n in range(2000):
        group = string(b"g%d" % n + b"x" * 200)
        raw.ask(11, 0, group + struct.pack(">i", 6000) + string(b"") + string(b"consumer") + struct.pack(">i", 0))
        raw.ask(22, 0, string(b"t%d" % n + b"x" * 200) + struct.pack(">i", 1000))
    assert resident(broker) - before < 64 << 20
