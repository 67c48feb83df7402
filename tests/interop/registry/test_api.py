"""The registry's API as written HTTP: paths, codes, words, logins."""

import uuid

import requests

PLAIN = {"schema": '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}'}


def subject():
    return f"s-{uuid.uuid4().hex[:8]}"


def test_paths(broker):
    name = subject()
    number = broker.ask("POST", f"/subjects/{name}/versions", PLAIN)["id"]
    whole = {"subject": name, "version": 1, "id": number, "schema": PLAIN["schema"]}
    assert broker.ask("GET", f"/subjects/{name}/versions") == [1]
    for version in ("1", "latest", "-1"):
        assert broker.ask("GET", f"/subjects/{name}/versions/{version}") == whole
    assert broker.ask("GET", f"/subjects/{name}/versions/1/schema")["name"] == "R"
    assert broker.ask("GET", f"/subjects/{name}/versions/1/referencedby") == []
    assert broker.ask("POST", f"/subjects/{name}", PLAIN) == whole
    assert broker.ask("GET", f"/schemas/ids/{number}") == {"schema": PLAIN["schema"]}
    assert broker.ask("GET", f"/schemas/ids/{number}/schema")["name"] == "R"
    assert name in broker.ask("GET", f"/schemas/ids/{number}/subjects")
    assert {"subject": name, "version": 1} in broker.ask("GET", f"/schemas/ids/{number}/versions")
    assert broker.ask("GET", "/schemas/types") == ["JSON", "PROTOBUF", "AVRO"]
    assert broker.ask("GET", f"/schemas?subjectPrefix={name}") == [whole]
    assert broker.ask("GET", f"/subjects?subjectPrefix={name}") == [name]
    assert broker.ask("GET", "/contexts") == ["."]
    assert broker.ask("GET", "/") == {}
    fits = broker.ask("POST", f"/compatibility/subjects/{name}/versions/latest?verbose=true", {"schema": '"int"'})
    assert fits["is_compatible"] is False and "TYPE_MISMATCH" in fits["messages"][0]
    assert broker.ask("POST", f"/compatibility/subjects/{name}/versions", PLAIN) == {"is_compatible": True}


def test_settings(broker):
    name = subject()
    assert broker.ask("GET", "/config") == {"compatibilityLevel": "BACKWARD"}
    assert broker.ask("GET", f"/config/{name}", status=404)["error_code"] == 40408
    assert broker.ask("GET", f"/config/{name}?defaultToGlobal=true") == {"compatibilityLevel": "BACKWARD"}
    assert broker.ask("PUT", f"/config/{name}", {"compatibility": "full"}) == {"compatibility": "FULL"}
    assert broker.ask("GET", f"/config/{name}") == {"compatibilityLevel": "FULL"}
    assert broker.ask("DELETE", f"/config/{name}") == {"compatibilityLevel": "FULL"}
    assert broker.ask("PUT", f"/config/{name}", {"compatibility": "SIDEWAYS"}, status=422)["error_code"] == 42203
    assert broker.ask("GET", "/mode") == {"mode": "READWRITE"}
    assert broker.ask("GET", f"/mode/{name}", status=404)["error_code"] == 40409
    assert broker.ask("PUT", f"/mode/{name}", {"mode": "READONLY"}) == {"mode": "READONLY"}
    assert broker.ask("POST", f"/subjects/{name}/versions", PLAIN, status=422)["error_code"] == 42205
    assert broker.ask("DELETE", f"/mode/{name}") == {"mode": "READONLY"}
    assert broker.ask("PUT", f"/mode/{name}", {"mode": "X"}, status=422)["error_code"] == 42204


def test_deleting(broker):
    name = subject()
    other = {"schema": '{"type":"record","name":"R","fields":[]}'}
    broker.ask("POST", f"/subjects/{name}/versions", PLAIN)
    broker.ask("POST", f"/subjects/{name}/versions", other)
    assert broker.ask("DELETE", f"/subjects/{name}/versions/2") == 2
    gone = broker.ask("DELETE", f"/subjects/{name}/versions/2", status=404)
    assert gone == {"error_code": 40406, "message": f"Subject '{name}' Version 2 was soft deleted.Set permanent=true to delete permanently"}
    assert broker.ask("GET", f"/subjects/{name}/versions") == [1]
    assert broker.ask("GET", f"/subjects/{name}/versions?deleted=true") == [1, 2]
    assert broker.ask("GET", f"/subjects/{name}/versions/2", status=404)["error_code"] == 40402
    assert broker.ask("GET", f"/subjects/{name}/versions/2?deleted=true")["version"] == 2
    assert broker.ask("DELETE", f"/subjects/{name}?permanent=true", status=404)["error_code"] == 40405
    assert broker.ask("DELETE", f"/subjects/{name}") == [1]
    assert name not in broker.ask("GET", "/subjects")
    assert name in broker.ask("GET", "/subjects?deleted=true")
    assert broker.ask("DELETE", f"/subjects/{name}", status=404)["error_code"] == 40404
    assert broker.ask("DELETE", f"/subjects/{name}?permanent=true") == [1, 2]
    assert broker.ask("DELETE", f"/subjects/{name}", status=404)["error_code"] == 40401


def test_refusals(broker):
    name = subject()
    broker.ask("POST", f"/subjects/{name}/versions", PLAIN)
    for method, path, body, status, code in [
        ("GET", "/subjects/none/versions", None, 404, 40401),
        ("GET", f"/subjects/{name}/versions/7", None, 404, 40402),
        ("GET", f"/subjects/{name}/versions/zero", None, 422, 42202),
        ("GET", "/schemas/ids/999999", None, 404, 40403),
        ("GET", "/nothing", None, 404, 404),
        ("PATCH", "/subjects", None, 405, 405),
        ("POST", f"/subjects/{name}/versions", {"schema": "{"}, 422, 42201),
        ("POST", f"/subjects/{name}/versions", {"schema": '"int"'}, 409, 409),
        ("POST", f"/subjects/{name}/versions", {"schema": '"int"', "metadata": {"a": "b"}}, 422, 42210),
        ("POST", "/subjects/:.ctx:s/versions", PLAIN, 422, 42208),
        ("POST", f"/subjects/{name}/versions", {"schema": '"' + "x" * (1 << 20) + '"'}, 422, 42209),
        ("POST", f"/subjects/{name}/versions", {"schema": "x" * (5 << 20)}, 413, 413),
    ]:
        assert broker.ask(method, path, body, status=status)["error_code"] == code, (method, path)
    form = requests.post(f"{broker.registry}/subjects/{name}/versions", data={"schema": "x"}, timeout=10)
    assert form.status_code == 415
    text = broker.ask("POST", "/subjects/a%2Fb/versions", PLAIN)
    assert broker.ask("GET", "/subjects/a%2Fb/versions/1")["id"] == text["id"]


def test_logins(start):
    broker = start({"ANYMQ_REGISTRY__ANONYMOUS_USER": ""})
    nobody = requests.get(f"{broker.registry}/subjects", timeout=10)
    assert nobody.status_code == 401 and nobody.headers["WWW-Authenticate"].startswith("Basic")
    assert requests.get(f"{broker.registry}/subjects", auth=("guest", "wrong"), timeout=10).status_code == 401
    assert broker.ask("GET", "/subjects", auth=("guest", "guest")) == []
