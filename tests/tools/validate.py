#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Hold records against share/schema/v1: validate.py [FILE]...

Reads NDJSON from the files or from stdin.  A record passes when it is one
line of JSON without duplicate keys, with "v" and "type" in front, with no
character that could drive a terminal, and fits the schema named by its type.
Readers take fields that are in no schema, but here they are a failure: nobody
has told of them.  So is a status that is not in the manual of its program.
Prints the first failures and ends with 1; says nothing when all is well.

validate.py --self: the schemas themselves, by their examples.
"""

import base64
import json
import pathlib
import re
import sys

from jsonschema import Draft202012Validator

TOP = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = TOP / "share/schema/v1"
SHOWN = 10
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Bad(Exception):
    """A record that does not pass, and why."""


def unique(pairs):
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Bad("a key stands there twice")
    return fields


def refuse(text):
    raise Bad(f"not an integer below 2^53: {text}")


def integer(text):
    return int(text) if abs(int(text)) < 1 << 53 else refuse(text)


def parse(line):
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as e:
        raise Bad(f"not UTF-8: {e}") from e
    found = UNSAFE.search(text)
    if found:
        raise Bad(f"a raw U+{ord(found[0]):04X}")
    try:
        record = json.loads(text, object_pairs_hook=unique, parse_int=integer,
                            parse_float=refuse, parse_constant=refuse)
    except ValueError as e:
        raise Bad(f"not JSON: {e}") from e
    if not isinstance(record, dict) or list(record)[:2] != ["v", "type"]:
        raise Bad('no object with "v" and "type" in front')
    return record


def load(name):
    with open(SCHEMAS / name, encoding="utf-8") as f:
        return json.load(f)


def inline(node, common):
    """The schema with what it borrows from common.json put in."""
    if isinstance(node, list):
        return [inline(n, common) for n in node]
    if not isinstance(node, dict):
        return node
    out = {k: inline(v, common) for k, v in node.items() if k != "$ref"}
    if "$ref" in node:
        file, _, name = node["$ref"].partition("#/$defs/")
        if file != "common.json":
            raise ValueError(f"unknown reference {node['$ref']}")
        out = {**inline(common[name], common), **out}
    return out


def closed(schema):
    """The same, without room for fields that are not told of."""
    out = {**schema}
    if "properties" in schema:
        out["properties"] = {k: closed(v)
                             for k, v in schema["properties"].items()}
        if "additionalProperties" not in schema:
            out["unevaluatedProperties"] = False
    return out


class Schemas:
    """The validators, by type, made when first asked for."""

    def __init__(self, strict):
        self.strict = strict
        self.common = load("common.json")["$defs"]
        self.names = {p.stem for p in SCHEMAS.glob("*.json")} - {"common"}
        self.made = {}

    def of(self, name):
        if not isinstance(name, str) or name not in self.names:
            raise Bad(f"unknown type {name!r}")
        if name not in self.made:
            schema = inline(load(f"{name}.json"), self.common)
            self.made[name] = Draft202012Validator(
                closed(schema) if self.strict else schema)
        return self.made[name]

    def check(self, record):
        for e in self.of(record["type"]).iter_errors(record):
            where = ".".join(map(str, e.absolute_path)) or "record"
            raise Bad(f"{record['type']}: {where}: {e.message[:300]}")
        if "body" in record:
            check_body(record)
        if self.strict and record["type"] == "error":
            check_status(record)


def check_status(record):
    """The page of a program tells how it can end."""
    for page in (TOP / "man").glob(f"{record['tool']}.[18]"):
        row = f".It {record['exit_code']} Pq Ic {record['code']}\n"
        if row not in page.read_text(encoding="utf-8"):
            raise Bad(f"{page.name} does not tell of {record['code']}")


def check_body(record):
    """What a schema cannot say: how the three fields of a body agree."""
    exact = text = record["body"].encode("utf-8")
    if "body_base64" in record:
        exact = base64.b64decode(record["body_base64"], validate=True)
        if b"\xef\xbf\xbd" not in text:
            raise Bad("message: body_base64 without need")
    if b"\0" in text or len(exact) != record["size_bytes"]:
        raise Bad("message: body, body_base64 and size_bytes disagree")


def failures(schemas, name, lines):
    for n, line in enumerate(lines, 1):
        try:
            schemas.check(parse(line.removesuffix(b"\n")))
        except Bad as e:
            yield f"{name}:{n}: {e}"


def from_files(schemas, paths):
    for path in paths:
        with open(path, "rb") as f:
            yield from failures(schemas, path, f)


def passes(schemas, record):
    try:
        schemas.check(parse(json.dumps(record).encode()))
    except Bad:
        return False
    return True


def weak_spots(schemas, name):
    """Where a schema refuses its own example, or takes a spoilt one."""
    validator = schemas.of(name)
    Draft202012Validator.check_schema(validator.schema)
    if not validator.schema["examples"]:
        yield f"{name}.json: no example"
    typed = {k for k, v in validator.schema["properties"].items()
             if set(v) - {"description"}}
    for example in validator.schema["examples"]:
        if not passes(schemas, example):
            yield f"{name}.json: refuses its example"
        if not passes(schemas, {**example, "one_more": 1}):
            yield f"{name}.json: refuses a field that was added"
        for key in example:
            fewer = {k: v for k, v in example.items() if k != key}
            if key in validator.schema["required"] and passes(schemas, fewer):
                yield f"{name}.json: does without {key}"
            if key in typed and passes(schemas, {**example, key: [None]}):
                yield f"{name}.json: takes any {key}"


def main(args):
    schemas = Schemas(strict=args != ["--self"])
    if args == ["--self"]:
        found = (f for n in sorted(schemas.names) for f in weak_spots(schemas, n))
    elif args:
        found = from_files(schemas, args)
    else:
        found = failures(schemas, "stdin", sys.stdin.buffer)
    status = 0
    for n, failure in enumerate(found):
        status = 1
        if n == SHOWN:
            print("...", file=sys.stderr)
            break
        print(failure, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
