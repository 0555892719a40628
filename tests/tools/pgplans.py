#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""How many partitions of a table each statement of a server's log has touched.

  pgplans.py JSONLOG...

The log is that of auto_explain, with log_analyze, log_nested_statements and
format json; a partition has its parent's name, "_p" and a number.  Prints one
JSON line: how many plans there were of how many statements, and the texts of
those that have touched more than one partition of one table, other than by
the clients of an array or of a join, one after the other; and how many plans
were made for one call, with its client in them.
"""
import json
import re
import sys

PARTITION = re.compile(r"(\w+)_p(\d+)$")
# PostgreSQL itself does not prune for an array that is a parameter
SEVERAL = re.compile(r"\((\w+\.)?(id|to_client|client) = "
                     r"(ANY \(|[a-z]\w*\.\w)")

ONE_CALL = re.compile(r" = '[-0-9a-f]{36}'::uuid")


def plans(paths):
    """(statement, plan) of each that was logged."""
    for path in paths:
        with open(path, encoding="utf-8") as log:
            for line in log:
                message = json.loads(line).get("message", "")
                _, found, text = message.partition("plan:\n")
                if found:
                    plan = json.loads(text)
                    yield " ".join(plan["Query Text"].split()), plan["Plan"]


def condition(node):
    """By which rows are found, of a scan or of the index below it."""
    return node.get("Index Cond") or "".join(
        child.get("Index Cond", "") for child in node.get("Plans", ()))


def touched(node):
    """(table, partition) of all nodes that were run."""
    if node.get("Actual Loops", 0) > 0:
        name = PARTITION.match(node.get("Relation Name", ""))
        if (name and node["Node Type"] != "ModifyTable"
                and not SEVERAL.search(condition(node))):
            yield name.groups()
    for child in node.get("Plans", ()):
        yield from touched(child)


def is_wide(plan):
    parts = set(touched(plan))
    return len(parts) > len({table for table, _ in parts})


def main():
    seen, wide, n, custom = set(), set(), 0, 0
    for statement, plan in plans(sys.argv[1:]):
        n += 1
        custom += bool(ONE_CALL.search(json.dumps(plan)))
        seen.add(statement)
        if is_wide(plan):
            wide.add(statement)
    print(json.dumps({"plans": n, "statements": len(seen),
                      "wide": sorted(wide), "custom": custom}))


if __name__ == "__main__":
    main()
