# SPDX-License-Identifier: Apache-2.0
"""/openapi.json against the server, the table of routes, the table of problems and docs/api.md, each both ways; its examples
are executed, and a client made of it alone (openapi_client.py) does a day's work."""
import copy
import json
import os
import re
import socket

import harness
import openapi_client

SOURCE = os.environ.get("LSM_SOURCE_DIR", os.path.join(harness.HERE, ".."))
server = harness.Server(SNAPSHOT_IDLE_S=600).start()
client = openapi_client.OpenApiClient(server.port)
document = client.document
STREAMS = {"watch"}                     # they do not end by themselves


def source(name):
    with open(os.path.join(SOURCE, name), encoding="utf-8") as f:
        return f.read()


def routes_of_the_document():
    found = {}
    for path, method, _ in document.operations.values():
        found.setdefault(re.sub(r"\{\w+\}$", "", path), set()).add(method)
    return found


def routes_of_the_table():
    rows = re.findall(r'^\tROW\("([^"]+)",(.*?)\),$', source("frontend/routes.c"), re.MULTILINE | re.DOTALL)
    assert rows
    return {path: set(re.findall(r"HTTP_M_(\w+)\]", calls)) for path, calls in rows}


def problems_of_the_table():
    return set(re.findall(r'^PROBLEM\(\w+, +(\d+), "(\w+)"', source("frontend/problem.def"), re.MULTILINE))


def what_is_served_is_the_file():
    status, fields, body = server.client().request("GET", "/openapi.json")
    harness.equal((status, fields["content-type"]), (200, "application/json"))
    harness.equal(body.decode(), source("frontend/openapi.json"))
    harness.equal(json.loads(body)["openapi"], "3.1.0")


def document_and_routes_agree_both_ways():
    harness.equal(routes_of_the_document(), routes_of_the_table())


def every_path_allows_what_the_document_says():
    for path, methods in routes_of_the_document().items():
        status, fields, _ = server.client().request("OPTIONS", path + ("x" if path.endswith("/") else ""))
        want = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        harness.equal((status, set(fields["allow"].split(", "))), (204, want), path)


def query_parameters_agree_both_ways():
    folder = os.path.join(SOURCE, "frontend")
    code = "".join(source("frontend/" + name) for name in sorted(os.listdir(folder)) if name.endswith(".c"))
    told = {p["name"] for _, _, o in document.operations.values() for p in o.get("parameters", ()) if p["in"] == "query"}
    harness.equal(told, set(re.findall(r'\.name = "(\w+)" \}', code)))
    for name, (path, method, operation) in document.operations.items():
        target = path.replace("{key}", "k").replace("{id}", "0")
        fields = {"Content-Type": media for media in list(operation.get("requestBody", {}).get("content", ()))[:1]}
        known = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"] if name not in STREAMS else []
        for parameter in known:
            _, _, body = client.fetch(method, f"{target}?{parameter}=%00bogus", fields, b"")
            assert b'"parameter_unknown"' not in body, f"{name} does not know {parameter}: {body!r}"
        if known:
            _, _, body = client.fetch(method, target + "?bogus=1", fields, b"")
            harness.equal(json.loads(body)["code"], "parameter_unknown", name)


def every_problem_is_in_the_document_and_no_other():
    schema = document.json["components"]["schemas"]["Problem"]
    told = {(status, code) for status, codes in schema["x-codes"].items() for code in codes}
    harness.equal(told, problems_of_the_table())
    harness.equal(set(schema["properties"]["code"]["enum"]), {code for _, code in told})


def every_problem_is_in_the_list_for_people_and_no_other():
    text = source("docs/api.md")
    rows = re.findall(r"^\| ([45]\d\d(?:, \d+)*) \| (.*) \|$", text, re.MULTILINE)
    table = problems_of_the_table()
    codes = {code for _, code in table}
    told = {code: statuses.split(", ") for statuses, cell in rows for code in re.findall(r"`(\w+)`", cell) if code in codes}
    for statuses, cell in rows:
        words = {w for w in re.findall(r"`(\w+)`", cell) if "_" in w}
        harness.equal(words - codes, set(), "codes of docs/api.md that no problem has")
    harness.equal(codes - set(told), set(), "codes that docs/api.md does not list")
    for status, code in table:
        assert status in told[code], f"{code} stands beside {told[code]}, it has {status}"


def every_path_is_in_the_text_for_people():
    text = source("docs/api.md")
    for path, _, _ in document.operations.values():
        plain = re.sub(r"\{.*", "", path)
        assert plain in text, f"{path} is not in docs/api.md"


def every_reference_leads_somewhere():
    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                document.resolve(node)
            for inner in node.values():
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)
    walk(document.json)


def examples_of_answers_fit_their_schemas():
    count = 0
    for path, method, operation in document.operations.values():
        for status, response in operation["responses"].items():
            for media, content in document.resolve(response).get("content", {}).items():
                for name, example in content.get("examples", {}).items():
                    document.check(content["schema"], example["value"], f"{method} {path} {status} {name}")
                    count += 1
    assert count > 20, count


def example_arguments(operation):
    found = [document.resolve(p) for p in operation.get("parameters", ())]
    return {p["name"]: p["example"] for p in found if "example" in p}


def example_bodies(operation):
    """(media, body) of each example; (None, None) when there is no body."""
    content = operation.get("requestBody", {}).get("content", {})
    found = [(media, e["value"]) for media, c in content.items() for e in c.get("examples", {}).values()]
    return found or [(None, None)]


def examples_are_executed():
    order = {"PUT": 0, "POST": 1, "GET": 2, "DELETE": 3}
    operations = sorted(document.operations.items(), key=lambda o: order[o[1][1]])
    for name, (path, method, operation) in operations:
        if name in STREAMS or name == "releaseSnapshot":
            continue
        for media, body in example_bodies(operation):
            answer = client.call(name, body, media, **example_arguments(operation))
            assert answer.status < 300, f"{name} {body!r}: {answer.status} {answer.body[:200]!r}"


def a_watch_begins_as_the_document_says():
    method, target, headers, _ = client.prepare("watch", None, None, None, example_arguments(document.operations["watch"][2]))
    client.call("put", "seen", key="user:watched")
    with socket.create_connection(("127.0.0.1", server.port), 60) as s:
        s.sendall(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        got = b""
        while b"event: put" not in got:
            piece = s.recv(65536)
            assert piece, got
            got += piece
    assert got.startswith(b"HTTP/1.1 200 OK\r\n") and b"Content-Type: text/event-stream" in got, got


def a_days_work_is_done_with_the_document_alone():
    put = client.call("put", b"\0\xffone", key="work:1")
    tag = put.headers["etag"]
    got = client.call("get", key="work:1")
    harness.equal((got.body, got.headers["etag"]), (b"\0\xffone", tag))
    harness.equal(client.call("get", key="work:1", **{"If-None-Match": tag}).status, 304)
    refused = client.call("put", b"two", key="work:1", **{"If-None-Match": "*"})
    harness.equal((refused.status, refused.value["code"], refused.value["version"]), (412, "precondition_failed", int(tag.strip('"'))))
    harness.equal(client.call("put", b"two", key="work:1", **{"If-Match": tag}).status, 204)
    harness.equal(client.call("increment", {"by": 40}, key="work:count").value["value"], 40)
    harness.equal(client.call("increment", key="work:count").value["value"], 41)
    harness.equal(client.call("increment", key="work:1").value["code"], "conflict")
    items = client.call("getMany", {"keys": ["work:1", "work:none"]}).value["items"]
    harness.equal([i["found"] for i in items], [True, False])
    client.call("batchKeys", {"operations": [{"type": "write", "key": f"work:b{n}", "value": str(n)} for n in range(10)]})
    seen, cursor = [], None
    while True:
        page = client.call("list", prefix="work:b", limit=3, **({"cursor": cursor} if cursor else {})).value
        seen += [item["value"] for item in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    harness.equal(seen, [str(n) for n in range(10)])
    harness.equal(len(client.call("list", prefix="work:b", accept="application/x-ndjson").body.splitlines()), 10)
    exported = client.call("export", prefix="work:b").body
    harness.equal(len(exported.splitlines()), 10)
    harness.equal(client.call("deleteRange", prefix="work:").value["deleted"], 12)
    harness.equal(json.loads(client.call("import", exported, "application/x-ndjson").body.splitlines()[-1])["imported"], 10)
    harness.equal(client.call("get", key="work:b9").body, b"9")
    harness.equal(client.call("get", key="work:1").value["code"], "not_found")


def snapshots_are_listed_and_released():
    client.call("batchKeys", {"operations": [{"type": "write", "key": f"snap:{n}", "value": "v"} for n in range(5)]})
    cursor = client.call("list", prefix="snap:", limit=2).value["cursor"]
    ids = [s["id"] for s in client.call("snapshots").value["snapshots"]]
    assert ids
    for one in ids:
        harness.equal(client.call("releaseSnapshot", id=one).status, 204)
    harness.equal(client.call("releaseSnapshot", id=ids[0]).value["code"], "not_found")
    harness.equal(client.call("list", cursor=cursor).value["code"], "snapshot_gone")


def the_client_notices_what_the_document_does_not_say():
    """The tests above can fail: a document that says less, or something else, is not believed."""
    def spoil(change):
        text = copy.deepcopy(document.json)
        change(text)
        return openapi_client.OpenApiClient(server.port, json.dumps(text))

    def must_refuse(change, *call, **arguments):
        spoiled = spoil(change)
        try:
            spoiled.call(*call, **arguments)
        except openapi_client.Mismatch:
            return
        raise AssertionError(f"{call} was believed")

    client.call("write", {"key": "user:123", "value": "v"})
    must_refuse(lambda d: d["paths"]["/v1/kv/{key}"]["get"]["responses"].pop("200"), "get", key="user:123")
    must_refuse(lambda d: d["components"]["schemas"]["SeedItem"]["properties"].pop("timestamp"), "read", key="user:123")
    must_refuse(lambda d: d["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].remove("not_found"), "get", key="none")
    must_refuse(lambda d: d["paths"]["/livez"]["get"]["responses"]["200"].pop("content"), "live")
    must_refuse(lambda d: d["paths"]["/v1/kv"]["get"]["parameters"].pop(3), "list", limit=2)
    must_refuse(lambda d: None, "write", {"key": "a"})
    must_refuse(lambda d: None, "get")


harness.run(what_is_served_is_the_file, document_and_routes_agree_both_ways, every_path_allows_what_the_document_says,
            query_parameters_agree_both_ways, every_problem_is_in_the_document_and_no_other, every_problem_is_in_the_list_for_people_and_no_other,
            every_path_is_in_the_text_for_people, every_reference_leads_somewhere, examples_of_answers_fit_their_schemas,
            examples_are_executed, a_watch_begins_as_the_document_says, a_days_work_is_done_with_the_document_alone,
            snapshots_are_listed_and_released, the_client_notices_what_the_document_does_not_say)
