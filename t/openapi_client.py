# SPDX-License-Identifier: Apache-2.0
"""A client made of nothing but /openapi.json: client.call("operationId", body, name=value, ...).

It knows no path and no method of its own. What it sends must be in the document, and so must everything that comes back:
the status, the type of the body, its fields, and for JSON the schema.
"""
import http.client
import json
import re
import urllib.parse

BARE = ("delete", "get", "head", "options", "patch", "post", "put", "trace")


class Mismatch(AssertionError):
    """Server and document do not agree, or a call does not fit the document."""


class Answer:
    def __init__(self, status, headers, body, value):
        self.status, self.headers, self.body, self.value = status, headers, body, value


def kind_of(value):
    return {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object", type(None): "null"}[type(value)]


class Document:
    def __init__(self, text):
        self.json = json.loads(text)
        self.operations = {}
        for path, item in self.json["paths"].items():
            for method, operation in item.items():
                if method in BARE:
                    if operation["operationId"] in self.operations:
                        raise Mismatch(f"operationId {operation['operationId']} stands twice")
                    self.operations[operation["operationId"]] = (path, method.upper(), operation)

    def resolve(self, thing):
        while "$ref" in thing:
            node = self.json
            for name in thing["$ref"].removeprefix("#/").split("/"):
                node = node[name]
            thing = node
        return thing

    def check(self, schema, value, where="value"):
        """The part of JSON Schema that the document uses; an unknown word in a schema is an error."""
        schema = self.resolve(schema)
        for word, argument in schema.items():
            if word not in ("description", "default", "x-codes", "required", "additionalProperties"):
                getattr(self, "check_" + word)(schema, argument, value, where)
        if isinstance(value, dict):
            self.check_members(schema, value, where)

    def check_type(self, schema, argument, value, where):
        kinds = argument if isinstance(argument, list) else [argument]
        if kind_of(value) not in kinds and not (kind_of(value) == "integer" and "number" in kinds):
            raise Mismatch(f"{where} is {value!r}, no {argument}")

    def check_members(self, schema, value, where):
        missing = set(schema.get("required", ())) - set(value)
        unknown = set(value) - set(schema.get("properties", ())) if schema.get("additionalProperties", True) is False else ()
        if missing or unknown:
            raise Mismatch(f"{where}: missing {sorted(missing)}, not in the document {sorted(unknown)}")

    def check_properties(self, schema, argument, value, where):
        for name, inner in argument.items():
            if isinstance(value, dict) and name in value:
                self.check(inner, value[name], f"{where}.{name}")

    def check_items(self, schema, argument, value, where):
        for number, one in enumerate(value if isinstance(value, list) else ()):
            self.check(argument, one, f"{where}[{number}]")

    def check_oneOf(self, schema, argument, value, where):
        fits, complaints = 0, []
        for inner in argument:
            try:
                self.check(inner, value, where)
                fits += 1
            except Mismatch as e:
                complaints.append(str(e))
        if fits != 1:
            raise Mismatch(f"{where} fits {fits} of oneOf: {complaints}")

    def check_enum(self, schema, argument, value, where):
        if value not in argument:
            raise Mismatch(f"{where} is {value!r}, none of {argument}")

    def check_const(self, schema, argument, value, where):
        if value != argument or isinstance(value, bool) != isinstance(argument, bool):
            raise Mismatch(f"{where} is {value!r}, not {argument!r}")

    def check_minimum(self, schema, argument, value, where):
        if isinstance(value, (int, float)) and value < argument:
            raise Mismatch(f"{where} is {value}, less than {argument}")

    def check_maximum(self, schema, argument, value, where):
        if isinstance(value, (int, float)) and value > argument:
            raise Mismatch(f"{where} is {value}, more than {argument}")

    def check_minLength(self, schema, argument, value, where):
        if isinstance(value, str) and len(value) < argument:
            raise Mismatch(f"{where} is shorter than {argument}")

    def check_maxItems(self, schema, argument, value, where):
        if isinstance(value, list) and len(value) > argument:
            raise Mismatch(f"{where} has more than {argument} items")


def text_of(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def quoted(value):
    return urllib.parse.quote(value if isinstance(value, bytes) else text_of(value), safe="")


class OpenApiClient:
    def __init__(self, port, text=None, host="127.0.0.1"):
        self.address = host, port
        self.document = Document(text or self.fetch("GET", "/openapi.json", {}, None)[2])

    def fetch(self, method, target, headers, body):
        c = http.client.HTTPConnection(*self.address, timeout=60)
        try:
            c.request(method, target, body, headers)
            r = c.getresponse()
            return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
        finally:
            c.close()

    def prepare(self, operation_id, body, media, accept, arguments):
        """(method, target, headers, bytes of the body) of a call."""
        path, method, operation = self.document.operations[operation_id]
        query, headers = [], {}
        known = [self.document.resolve(p) for p in operation.get("parameters", ())]
        arguments = dict(arguments)
        for p in known:
            name = p["name"]
            if name not in arguments:
                if p["required"]:
                    raise Mismatch(f"{operation_id} needs {name}")
                continue
            value = arguments.pop(name)
            if not isinstance(value, bytes):
                self.document.check(p["schema"], value, name)
            if p["in"] == "path":
                path = path.replace("{" + name + "}", quoted(value))
            elif p["in"] == "query":
                query.append(quoted(name) + "=" + quoted(value))
            else:
                headers[name] = text_of(value)
        if arguments or "{" in path:
            raise Mismatch(f"{operation_id} does not know {sorted(arguments)} ({path})")
        data = self.encode(operation_id, operation, body, media, headers)
        if accept:
            headers["Accept"] = accept
        return method, path + ("?" + "&".join(query) if query else ""), headers, data

    def encode(self, operation_id, operation, body, media, headers):
        content = operation.get("requestBody", {}).get("content", {})
        if body is None:
            if operation.get("requestBody", {}).get("required"):
                raise Mismatch(f"{operation_id} needs a body")
            return None
        media = media or next(iter(content))
        headers["Content-Type"] = media
        if media == "application/json":
            self.document.check(content[media]["schema"], body, "body")
            return json.dumps(body).encode()
        self.document.resolve(content[media]["schema"])
        return body if isinstance(body, bytes) else body.encode()

    def call(self, operation_id, body=None, media=None, accept=None, **arguments):
        """Names with a dash are given as they are, by **{"If-Match": ...}. Every answer is checked."""
        method, target, headers, data = self.prepare(operation_id, body, media, accept, arguments)
        return self.judge(operation_id, *self.fetch(method, target, headers, data))

    def judge(self, operation_id, status, headers, body):
        responses = self.document.operations[operation_id][2]["responses"]
        response = responses.get(str(status))
        if response is None and status >= 400:
            response = responses["default"]
        if response is None:
            raise Mismatch(f"{operation_id} answered {status}, which is not in the document: {body[:200]!r}")
        response = self.document.resolve(response)
        for name in response.get("headers", ()):
            if name.lower() not in headers and status not in (200,):
                raise Mismatch(f"{operation_id} answered {status} without {name}")
        content = response.get("content")
        if not content:
            if body:
                raise Mismatch(f"{operation_id} answered {status} with a body: {body[:200]!r}")
            return Answer(status, headers, body, None)
        media = re.split(r"\s*;", headers.get("content-type", ""))[0]
        if media not in content:
            raise Mismatch(f"{operation_id} answered {status} as {media!r}, the document has {sorted(content)}: {body[:200]!r}")
        value = None
        if media.endswith(("/json", "+json")):
            value = json.loads(body)
            self.document.check(content[media]["schema"], value)
        return Answer(status, headers, body, value)
