"""AMQP over TLS with certificates of the test's own: verification both ways, EXTERNAL, reload, and what goes wrong."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pika
import pika.credentials
import pytest

from broker import Broker
from wire import PROTOCOL_HEADER

FAILED = (pika.exceptions.AMQPConnectionError, ssl.SSLError, OSError)


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"openssl {arguments}: {done.stderr}"


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, home, name):
        self.home, self.name = home, name
        home.mkdir()
        self.cert, self.key = home / "ca.pem", home / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert)

    def issue(self, name, subject=None):
        """Paths of a certificate and its key, for a server of this machine or for a client."""
        base = self.home / name
        request, extensions = base.with_suffix(".csr"), base.with_suffix(".ext")
        cert, key = base.with_suffix(".pem"), base.with_suffix(".key")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", subject or f"/CN={name}", "-keyout", key, "-out", request)
        extensions.write_text("basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
                              "extendedKeyUsage=serverAuth,clientAuth\n")
        openssl("x509", "-req", "-days", "2", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                "-extfile", extensions, "-out", cert)
        return cert, key


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("makes certificates with openssl, which is not here")
    return Authority(tmp_path_factory.mktemp("tls") / "ours", "ours")


@pytest.fixture(scope="module")
def theirs(ours):
    return Authority(ours.home.parent / "theirs", "theirs")


def start(ours, home=None, **settings):
    if os.environ.get("AMQP_URL"):
        pytest.skip("starts a broker with certificates: needs ANYMQ_BIN")
    cert, key = ours.issue("server")
    broker = Broker(home, {"ANYMQ_AMQP__TLS_PORT": "0", "ANYMQ_AMQP__TLS__CERT": str(cert), "ANYMQ_AMQP__TLS__KEY": str(key),
                           "ANYMQ_AMQP__TLS__CLIENT_CA": str(ours.cert), **settings}).start()
    addresses = json.loads((broker.home / "ready.json").read_text())
    broker.tls_port = int(addresses["amqps"].rsplit(":", 1)[1])
    return broker



@pytest.fixture(scope="module")
def broker(ours):
    broker = start(ours)
    password = broker.home / "password"
    password.write_text("web-password")
    broker.command("user", "create", "web", "--new-password-file", str(password))
    broker.command("permission", "set", "web", "--vhost", "/", "--configure", ".*", "--write", ".*", "--read", ".*")
    yield broker
    broker.remove()


def parameters(broker, trusted, identity=None, credentials=None):
    context = ssl.create_default_context(cafile=str(trusted.cert))
    if identity:
        context.load_cert_chain(*map(str, identity))
    return pika.ConnectionParameters(
        "localhost", broker.tls_port, ssl_options=pika.SSLOptions(context, "localhost"), socket_timeout=15, stack_timeout=20,
        blocked_connection_timeout=15, credentials=credentials or pika.PlainCredentials("guest", "guest"))


def external(broker, ours, identity):
    return parameters(broker, ours, identity, pika.credentials.ExternalCredentials())


def users(broker):
    return [connection["user"] for connection in json.loads(broker.command("connection", "ls", "-o", "json"))]


def round_trip(connection):
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare("tls", durable=True)
    body = bytes(range(256)) * 2_000
    channel.basic_publish("", "tls", body, pika.BasicProperties(delivery_mode=2))
    assert channel.basic_get("tls", auto_ack=True)[2] == body


def test_messages_and_a_new_secret(broker, ours):
    with pika.BlockingConnection(parameters(broker, ours)) as connection:
        round_trip(connection)
        connection.update_secret("another", "renewed")
        round_trip(connection)
        listed = json.loads(broker.command("connection", "ls", "-o", "json"))
        assert [entry["tls"] for entry in listed] == [True]


def test_a_client_does_not_trust_another_authority(broker, theirs):
    with pytest.raises(FAILED):
        pika.BlockingConnection(parameters(broker, theirs))


def test_external_takes_the_name_in_the_certificate(broker, ours):
    with pika.BlockingConnection(external(broker, ours, ours.issue("web"))) as connection:
        assert users(broker) == ["web"]
        round_trip(connection)


@pytest.mark.parametrize("case", ["nobody", "without a name", "no certificate"])
def test_external_refuses(broker, ours, case):
    identity = {"nobody": lambda: ours.issue("nobody"), "without a name": lambda: ours.issue("nameless", "/O=Shop"),
                "no certificate": lambda: None}[case]()
    with pytest.raises((pika.exceptions.ProbableAuthenticationError, pika.exceptions.AuthenticationError)):
        pika.BlockingConnection(external(broker, ours, identity))


def test_a_certificate_of_another_authority_is_refused(broker, ours, theirs):
    with pytest.raises(FAILED):
        pika.BlockingConnection(external(broker, ours, theirs.issue("web")))


def test_external_is_not_offered_without_tls(broker):
    plain = pika.ConnectionParameters("127.0.0.1", broker.amqp_port, credentials=pika.credentials.ExternalCredentials())
    with pytest.raises((pika.exceptions.AuthenticationError, pika.exceptions.AMQPConnectionError)):
        pika.BlockingConnection(plain)


def test_the_whole_subject_may_be_the_user(ours):
    broker = start(ours, ANYMQ_AMQP__EXTERNAL_USER="distinguished_name", ANYMQ_AMQP__TLS__REQUIRE_CLIENT_CERT="true")
    try:
        password = broker.home / "password"
        password.write_text("any")
        identity = ours.issue("long", "/O=Shop/CN=web")
        broker.command("user", "create", "CN=web,O=Shop", "--new-password-file", str(password))
        broker.command("permission", "set", "CN=web,O=Shop", "--vhost", "/", "--configure", ".*", "--write", ".*", "--read", ".*")
        with pika.BlockingConnection(external(broker, ours, identity)):
            assert users(broker) == ["CN=web,O=Shop"]
        # A password does not replace the certificate that is asked for.
        with pytest.raises(FAILED):
            pika.BlockingConnection(parameters(broker, ours))
    finally:
        broker.remove()


def until_closed(stream, seconds):
    """What comes before the other side closes."""
    stream.settimeout(seconds)
    answer = b""
    while chunk := stream.recv(65536):
        answer += chunk
    return answer


def test_plain_text_on_the_tls_port_ends_in_order(broker, ours):
    with socket.create_connection(("127.0.0.1", broker.tls_port), 10) as stream:
        stream.sendall(PROTOCOL_HEADER)
        # An alert of TLS at most, then the end of the stream; no reset, and no AMQP.
        answer = until_closed(stream, 10)
        assert b"AMQP" not in answer
    with pika.BlockingConnection(parameters(broker, ours)) as connection:
        round_trip(connection)


def test_time_before_the_login_counts_from_the_first_packet(ours):
    broker = start(ours, ANYMQ_AMQP__HANDSHAKE_TIMEOUT="3s")
    try:
        context = ssl.create_default_context(cafile=str(ours.cert))
        begun = time.monotonic()
        raw = socket.create_connection(("localhost", broker.tls_port), 10)
        time.sleep(2)  # The client dawdles: this is what is tested.
        with context.wrap_socket(raw, server_hostname="localhost") as stream:
            stream.sendall(PROTOCOL_HEADER)
            until_closed(stream, 10)
        took = time.monotonic() - begun
        assert 2.5 < took < 4.5, f"closed after {took:.1f} s, not 3"
    finally:
        broker.remove()


def resident(broker):
    status = open(f"/proc/{broker.process.pid}/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_memory_of_clients_that_do_not_log_in_is_bounded(broker, ours):
    context = ssl.create_default_context(cafile=str(ours.cert))

    def idle(count):
        streams = []
        for _ in range(count):
            stream = context.wrap_socket(socket.create_connection(("localhost", broker.tls_port), 10), server_hostname="localhost")
            stream.sendall(PROTOCOL_HEADER)
            assert stream.recv(1)
            streams.append(stream)
        return streams
    warm = idle(50)
    before = resident(broker)
    more = idle(200)
    each = (resident(broker) - before) / 200
    for stream in warm + more:
        stream.close()
    print(f"{each / 1024:.1f} KiB for each TLS connection before its login")
    assert each < 64 << 10


def test_certificates_are_replaced_while_clients_stay(ours, theirs):
    broker = start(ours)
    try:
        with pika.BlockingConnection(parameters(broker, ours)) as connection:
            cert, key = theirs.issue("server")
            shutil.copy(cert, broker.settings["ANYMQ_AMQP__TLS__CERT"])
            shutil.copy(key, broker.settings["ANYMQ_AMQP__TLS__KEY"])
            broker.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 15
            while True:
                try:
                    pika.BlockingConnection(parameters(broker, theirs)).close()
                    break
                except FAILED:
                    assert time.monotonic() < deadline, "the new certificate is not served"
                    time.sleep(0.1)
            round_trip(connection)
    finally:
        broker.remove()
