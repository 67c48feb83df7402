"""Logins with access tokens: who gets in, what the scopes allow, and what happens when a token ends or is renewed.

Against a server that runs already: OAUTH2_SIGNING_KEY names the private key (PEM) of the public key it knows as `key1`, and
it is configured as `start` configures ours: resource server `rabbitmq`, `extra_scope` as the additional scopes key and
`user_name` as a preferred user name claim.
"""

import base64
import http.server
import itertools
import json
import os
import re
import signal
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import jwt
import pika
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pika.exceptions import ChannelClosedByBroker, ConnectionClosedByBroker, ProbableAccessDeniedError, ProbableAuthenticationError

from broker import Broker

ALL = "rabbitmq.configure:*/* rabbitmq.read:*/* rabbitmq.write:*/*"
OURS = "ANYMQ_BIN" in os.environ


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


class Server:
    """Where to connect, and the key to sign with."""

    def __init__(self, key, amqp_port, admin, broker=None):
        self.key, self.amqp_port, self.admin, self.broker = key, amqp_port, admin, broker

    def token(self, scope=ALL, key=None, kid="key1", algorithm="RS256", ttl=3600, **claims):
        """A token; claims that are None are left out."""
        claims = {"aud": "rabbitmq", "sub": "alice", "client_id": "app", "scope": scope,
                  "exp": int(time.time()) + ttl, **claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key or self.key, algorithm=algorithm, headers={"kid": kid} if kid else {})

    def connect(self, token, vhost="/", user="whoever"):
        return pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", self.amqp_port, vhost, pika.PlainCredentials(user, token), heartbeat=0,
            socket_timeout=20, stack_timeout=30, blocked_connection_timeout=20))

    def attempt(self, token, operation, **how):
        """What the operation comes to on a new channel: its result, or code and text of the error."""
        with self.connect(token, **how) as connection:
            return attempt(connection, operation)

    def status(self, token):
        """Status of a look at the overview in the admin API, with the token as the password."""
        path = "/api/v1/overview" if OURS else "/api/overview"
        request = urllib.request.Request(self.admin + path)
        request.add_header("authorization", "Basic " + base64.b64encode(f"any:{token}".encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


def attempt(connection, operation):
    channel = connection.channel()
    try:
        result = operation(channel)
    except ChannelClosedByBroker as closed:
        return closed.reply_code, closed.reply_text
    channel.close()
    return result


def declare(name):
    return lambda channel: channel.queue_declare(name, auto_delete=True).method.queue


def publish(exchange, key, headers=None):
    def operation(channel):
        channel.confirm_delivery()
        channel.basic_publish(exchange, key, b"x", pika.BasicProperties(headers=headers))
        return "ok"
    return operation


def start(home, key, **settings):
    home.mkdir(parents=True, exist_ok=True)
    (home / "key1.pem").write_bytes(public_pem(key))
    broker = Broker(home, {
        "ANYMQ_AUTH__OAUTH2__ENABLED": "true", "ANYMQ_AUTH__OAUTH2__SIGNING_KEYS": f"key1={home / 'key1.pem'}",
        "ANYMQ_AUTH__OAUTH2__ADDITIONAL_SCOPES_KEY": "extra_scope",
        "ANYMQ_AUTH__OAUTH2__PREFERRED_USERNAME_CLAIMS": "user_name", "ANYMQ_BROKER__LOGIN_BACKOFF": "false", **settings})
    broker.start()
    return Server(key, broker.amqp_port, f"http://127.0.0.1:{broker.admin_port}", broker)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if OURS:
        server = start(tmp_path_factory.mktemp("oauth2"), rsa.generate_private_key(65537, 2048))
        yield server
        server.broker.remove()
        return
    if "OAUTH2_SIGNING_KEY" not in os.environ:
        pytest.skip("starts a broker with a key of its own: needs ANYMQ_BIN, or OAUTH2_SIGNING_KEY")
    with open(os.environ["OAUTH2_SIGNING_KEY"], "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    address = urllib.parse.urlsplit(os.environ["AMQP_URL"])
    admin = urllib.parse.urlsplit(os.environ["RABBITMQ_MANAGEMENT"])
    yield Server(key, address.port, f"http://{admin.hostname}:{admin.port}")


def test_a_token_lets_in_and_passwords_still_do(server):
    assert server.attempt(server.token(), declare("o1")) == "o1"
    assert server.attempt(server.token(ALL.split()), declare("o1")) == "o1"
    assert server.attempt(server.token(kid=None), declare("o1")) == "o1"
    assert server.attempt("guest", declare("o1"), user="guest") == "o1"


LOGINS_REFUSED = {
    "another key": lambda s: s.token(key=rsa.generate_private_key(65537, 2048)),
    "an unknown key": lambda s: s.token(kid="nobody's"),
    "another audience": lambda s: s.token(aud="other"),
    "no audience": lambda s: s.token(aud=None),
    "expired": lambda s: s.token(ttl=-5),
    "not signed": lambda s: jwt.encode({"aud": "rabbitmq", "scope": ALL}, None, algorithm="none", headers={"kid": "key1"}),
    # The public key as the secret of an HMAC: signed by hand, because the library refuses to.
    "signed with the public key": lambda s: hmac_token({"aud": "rabbitmq", "scope": ALL}, public_pem(s.key)),
    "garbage": lambda s: "a.b.c",
    "cut off": lambda s: s.token()[:-8],
    "nothing": lambda s: "",
}


def hmac_token(claims, secret):
    import hashlib
    import hmac

    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    message = part(b'{"alg":"HS256","kid":"key1"}') + b"." + part(json.dumps(claims).encode())
    return (message + b"." + part(hmac.digest(secret, message, hashlib.sha256))).decode()


@pytest.mark.parametrize("case", LOGINS_REFUSED)
def test_logins_refused(server, case):
    with pytest.raises(ProbableAuthenticationError) as refused:
        server.connect(LOGINS_REFUSED[case](server))
    assert ("(403) 'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. "
            "For details see the broker logfile.'") in str(refused.value)


@pytest.mark.parametrize("scope", [None, "", "other.read:*/*", "rabbitmq.read:elsewhere/*", "rabbitmq.tag:administrator"])
def test_a_vhost_without_scopes_is_refused(server, scope):
    with pytest.raises(ProbableAccessDeniedError) as refused:
        server.connect(server.token(scope))
    assert "(530) \"NOT_ALLOWED - access to vhost '/' refused for user 'alice'\"" in str(refused.value)


def refusal(what, user="alice"):
    return 403, f"ACCESS_REFUSED - {what} in vhost '/' refused for user '{user}'"


CONFIGURE_O1 = "configure access to queue 'o1'"


@pytest.mark.parametrize("scope, operation, expected", [
    ("rabbitmq.read:*/*", declare("o1"), refusal(CONFIGURE_O1)),
    ("rabbitmq.read:*/*", publish("", "o1"), refusal("write access to exchange 'amq.default'")),
    ("rabbitmq.write:*/*", lambda c: c.basic_get("o0"), refusal("read access to queue 'o0'")),
    ("rabbitmq.write:*/amq.default", publish("", "o1"), "ok"),
    ("rabbitmq.configure:%2F/o*", declare("o1"), "o1"),
    ("rabbitmq.configure:%2f/%6F1", declare("o1"), "o1"),
    ("rabbitmq.configure:%2F/o+1", declare("o 1"), "o 1"),
    ("rabbitmq.configure:*/x-*-b*c", declare("x-a-byc"), "x-a-byc"),
    ("rabbitmq.configure:*/o rabbitmq.read:*/o1", declare("o1"), refusal(CONFIGURE_O1)),
    ("rabbitmq.configure:*/o% rabbitmq.read:*/o1", declare("o1"), refusal(CONFIGURE_O1)),
    ("rabbitmq.configure:{vhost}/o1 rabbitmq.read:*/x", declare("o1"), refusal(CONFIGURE_O1)),
    # Routing keys matter on topic exchanges, and there a scope must name them.
    (ALL, publish("amq.topic", "a.b"), refusal("write access to topic 'a.b' in exchange 'amq.topic'")),
    ("rabbitmq.write:*/*/b.*", publish("amq.topic", "a.b"), refusal("write access to topic 'a.b' in exchange 'amq.topic'")),
    ("rabbitmq.write:*/*/a.*", publish("amq.topic", "a.b"), "ok"),
    ("rabbitmq.write:*/*/a.*", publish("amq.topic", "a.b", {"CC": ["c.d"]}),
     refusal("write access to topic 'c.d' in exchange 'amq.topic'")),
    ("rabbitmq.write:*/*/b.*", publish("amq.direct", "a.b"), "ok"),
    ("rabbitmq.write:*/*/{sub}.*", publish("amq.topic", "alice.b"), "ok"),
    ("rabbitmq.write:*/*/{sub}.*", publish("amq.topic", "bob.b"), refusal("write access to topic 'bob.b' in exchange 'amq.topic'")),
])
def test_scopes(server, scope, operation, expected):
    assert server.attempt(server.token(scope), operation) == expected


def test_binding_to_a_topic_exchange_reads_its_routing_key(server):
    def bind(channel):
        channel.queue_declare("o2", auto_delete=True)
        channel.queue_bind("o2", "amq.topic", "a.b")
        return "bound"
    assert server.attempt(server.token(), bind) == refusal("read access to topic 'a.b' in exchange 'amq.topic'")
    assert server.attempt(server.token(ALL + " rabbitmq.read:*/amq.topic/a.*"), bind) == "bound"


@pytest.mark.parametrize("claims", [
    {"extra_scope": ["rabbitmq.configure:*/*"]},
    {"extra_scope": "rabbitmq.configure:*/* x"},
    {"extra_scope": {"rabbitmq": ["configure:*/*"]}},
    {"extra_scope": {"rabbitmq": "configure:*/* read:*/*"}},
    {"authorization": {"permissions": [{"scopes": ["rabbitmq.configure:*/*"]}]}},
])
def test_scopes_in_other_claims(server, claims):
    assert server.attempt(server.token("rabbitmq.read:*/*", **claims), declare("o1")) == "o1"


@pytest.mark.parametrize("claims, user", [
    ({}, "alice"), ({"sub": None}, "app"), ({"user_name": "bob"}, "bob"), ({"sub": None, "client_id": None}, "unknown"),
    ({"user_name": 5}, "alice"),
])
def test_who_the_user_is(server, claims, user):
    assert server.attempt(server.token("rabbitmq.read:*/*", **claims), declare("o1")) == refusal(CONFIGURE_O1, user)


def expired(what):
    return (f"ACCESS_REFUSED - {what} in vhost '/' refused for user 'alice', backend rabbit_auth_backend_oauth2 returned an error: "
            '"Provided JWT token has expired at timestamp N (validated at N)"')


def without_times(outcome):
    code, text = outcome
    return code, re.sub(r"\b\d{10}\b", "N", text)


def test_an_expired_token_allows_nothing_more_until_it_is_renewed(server):
    with server.connect(server.token(ttl=3)) as connection:
        assert attempt(connection, declare("o3")) == "o3"
        until = time.monotonic() + 20
        # Nothing is asked twice under one name: a server may remember for a while what it has allowed.
        for number in itertools.count():
            outcome = attempt(connection, declare(f"o3-{number}"))
            if outcome != f"o3-{number}":
                break
            assert time.monotonic() < until, "the token did not expire"
            connection.process_data_events(0.1)
        assert without_times(outcome) == (403, expired(f"configure access to queue 'o3-{number}'"))
        assert without_times(attempt(connection, publish("", "o3"))) == (403, expired("write access to exchange 'amq.default'"))
        outcome = attempt(connection, lambda channel: channel.basic_consume("o3", lambda *_: None))
        assert without_times(outcome) == (403, expired("read access to queue 'o3'"))
        connection.update_secret(server.token(), "renewed")
        assert attempt(connection, declare("o4")) == "o4"


def renew(server, old, new, operation):
    with server.connect(server.token(old)) as connection:
        connection.update_secret(new, "renewed")
        return attempt(connection, operation)


def test_a_new_token_replaces_the_scopes(server):
    assert renew(server, "rabbitmq.read:*/*", server.token(), declare("o1")) == "o1"
    assert renew(server, ALL, server.token("rabbitmq.read:*/*"), declare("o1")) == refusal(CONFIGURE_O1)
    # The vhost is not asked about again, only what is done there.
    assert renew(server, ALL, server.token("rabbitmq.read:other/*"), declare("o1")) == refusal(CONFIGURE_O1)


@pytest.mark.parametrize("case", ["another user", "garbage", "another audience", "another key"])
def test_new_secrets_refused(server, case):
    secret = {"another user": lambda: server.token(sub="bob"), "garbage": lambda: "garbage",
              "another audience": lambda: server.token(aud="other"),
              "another key": lambda: server.token(key=rsa.generate_private_key(65537, 2048))}[case]()
    connection = server.connect(server.token())
    with pytest.raises(ConnectionClosedByBroker) as closed:
        connection.update_secret(secret, "renewed")
        connection.process_data_events(10)
    assert (closed.value.reply_code, closed.value.reply_text) == (530, "NOT_ALLOWED - New secret was refused by one of the backends")


def test_consumers_go_on_while_the_secret_is_renewed(server):
    with server.connect(server.token()) as connection:
        channel, received = connection.channel(), []
        channel.queue_declare("o5", auto_delete=True)
        channel.basic_consume("o5", lambda c, m, p, body: received.append(body), auto_ack=True)
        connection.update_secret(server.token(), "renewed")
        channel.basic_publish("", "o5", b"after")
        until = time.monotonic() + 20
        while not received and time.monotonic() < until:
            connection.process_data_events(0.1)
        assert received == [b"after"]


def test_tags_open_the_admin_api(server):
    assert server.status(server.token(ALL + " rabbitmq.tag:administrator")) == 200
    assert server.status(server.token(ALL + " rabbitmq.tag:monitoring")) == 200
    assert server.status(server.token(ALL)) in (401, 403)
    assert server.status(server.token(ALL + " rabbitmq.tag:administrator", ttl=-5)) == 401


def test_the_tag_impersonator(server):
    def operation(channel):
        channel.confirm_delivery()
        channel.basic_publish("", "o1", b"", pika.BasicProperties(user_id="bob"))
        return "ok"
    assert server.attempt(server.token(ALL + " rabbitmq.tag:impersonator"), operation) == "ok"
    code, text = server.attempt(server.token(), operation)
    assert (code, text) == (406, "PRECONDITION_FAILED - user_id property set to 'bob' but authenticated user was 'alice'")


# What follows needs a broker of ours.

@pytest.fixture
def ours():
    if not OURS:
        pytest.skip("configures a broker: needs ANYMQ_BIN")


def test_a_long_token(ours, server):
    many = [f"rabbitmq.read:*/queue-number-{number}" for number in range(250)]
    token = server.token(many + ALL.split())
    assert 8_000 < len(token) < 16_384
    assert server.attempt(token, declare("o1")) == "o1"


class KeySet:
    """A server of a key set over https, with a certificate made here."""

    def __init__(self, home):
        self.keys, self.asked, keyset = [], 0, self
        from test_tls import Authority
        authority = Authority(home / "ca", "keys")
        cert, key = authority.issue("server")
        self.ca = authority.cert

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                keyset.asked += 1
                body = json.dumps({"keys": keyset.keys}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_address[1]}/jwks"

    def add(self, kid):
        key = ec.generate_private_key(ec.SECP256R1())
        entry = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self.keys.append({**entry, "kid": kid, "use": "sig"})
        return key


def test_keys_are_fetched_and_a_new_one_is_fetched_when_it_is_missed(ours, tmp_path):
    keyset = KeySet(tmp_path)
    first = keyset.add("first")
    server = start(tmp_path / "broker", rsa.generate_private_key(65537, 2048), ANYMQ_AUTH__OAUTH2__JWKS_URL=keyset.url,
                   ANYMQ_AUTH__OAUTH2__JWKS_CA=str(keyset.ca))
    try:
        def sign(key, kid):
            return server.token(key=key, kid=kid, algorithm="ES256")
        assert server.attempt(sign(first, "first"), declare("j1")) == "j1"
        assert server.attempt(server.token(), declare("j1")) == "j1"  # The key of the file is there as well.
        before = keyset.asked
        second = keyset.add("second")
        with server.connect(sign(first, "first")) as connection:
            # The first token with the new key comes as a new secret.
            connection.update_secret(sign(second, "second"), "renewed")
            assert attempt(connection, declare("j2")) == "j2"
        assert server.attempt(sign(second, "second"), declare("j2")) == "j2"
        # Not again within a minute, however many unknown keys are named.
        asked = keyset.asked
        assert asked - before <= 1
        for number in range(5):
            with pytest.raises(ProbableAuthenticationError):
                server.connect(sign(second, f"unknown-{number}"))
        assert keyset.asked - asked <= 1
    finally:
        server.broker.remove()
        keyset.server.shutdown()


def test_keys_are_read_again_on_sighup(ours, tmp_path):
    server = start(tmp_path, rsa.generate_private_key(65537, 2048))
    try:
        old, new = server.key, ec.generate_private_key(ec.SECP384R1())

        def lets_in(key, algorithm):
            try:
                return server.attempt(server.token(key=key, algorithm=algorithm), declare("h1")) == "h1"
            except ProbableAuthenticationError:
                return False
        assert lets_in(old, "RS256") and not lets_in(new, "ES384")
        (tmp_path / "key1.pem").write_bytes(public_pem(new))
        server.broker.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 20
        while not lets_in(new, "ES384"):
            assert time.monotonic() < until, "the new key was not taken"
        assert not lets_in(old, "RS256")
        # A file that is no key changes nothing.
        (tmp_path / "key1.pem").write_text("no key")
        server.broker.process.send_signal(signal.SIGHUP)
        while "token keys not reloaded" not in (tmp_path / "log").read_text():
            assert time.monotonic() < until + 20, "the log does not say that the key is none"
        assert lets_in(new, "ES384")
    finally:
        server.broker.remove()


def test_secrets_and_aliases(ours, tmp_path):
    secret = "0123456789abcdef0123456789abcdef"
    (tmp_path / "secret").write_text(secret + "\n")
    server = start(tmp_path / "broker", rsa.generate_private_key(65537, 2048),
                   ANYMQ_AUTH__OAUTH2__ALGORITHMS="RS256,HS256", ANYMQ_AUTH__OAUTH2__SECRETS=f"s={tmp_path / 'secret'}",
                   ANYMQ_AUTH__OAUTH2__SCOPE_ALIASES="boss=" + ALL, ANYMQ_AUTH__OAUTH2__RESOURCE_SERVER_ID="rabbitmq")
    try:
        assert server.attempt(server.token("boss", key=secret, kid="s", algorithm="HS256"), declare("a1")) == "a1"
        with pytest.raises(ProbableAuthenticationError):
            server.connect(server.token("boss", key="x" * 32, kid="s", algorithm="HS256"))
    finally:
        server.broker.remove()
