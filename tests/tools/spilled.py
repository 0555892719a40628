#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""Does anything of a key file that nobody else may have stand elsewhere?

  spilled.py KEYFILE FILE...

Opens the boxes of KEYFILE, which has no passphrase, and looks for its secret
keys in the FILEs: as bytes, in hex and in base64.  The public key of the
identity, which must be there, shows that the search can find something.
Prints a JSON object: how many secrets were looked for, which were found, and
whether the public key was.
"""
import base64
import json
import struct
import sys

from secrecy import KeyFile, open_box

KEY = 32
SESSION = {"rk": 40, "dhs_sk": 72, "cks": 136, "ckr": 168}     # session.state


def forms(secret):
    """How a key may be written, wherever in a line of base64 it begins."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret)
        whole = -(-before * 8 // 6)
        yield text[whole:(before + KEY) * 8 // 6]


def named(boxes):
    """(what it is, the key) of all in boxes, and the public key."""
    for (table, column, row), plain in boxes.items():
        name = f"{table}.{column} {row}"
        if column.endswith("_sk"):
            assert len(plain) == KEY, name
            yield name, plain
        elif (table, column) == ("sessions", "state"):
            for part, at in SESSION.items():
                if any(plain[at:at + KEY]):     # there is none yet
                    yield f"{name} {part}", plain[at:at + KEY]


def main():
    path, *files = sys.argv[1:]
    boxes = KeyFile(path).places()
    raw = b"\0".join(open(name, "rb").read() for name in files)
    secrets = dict(named(boxes))
    assert len(set(secrets.values())) == len(secrets), "a key twice"
    public = boxes["self", "identity_pk", "1"]
    print(json.dumps({
        "secrets": len(secrets),
        "found": [name for name, secret in secrets.items()
                  if any(form in raw for form in forms(secret))],
        "public": any(form in raw for form in forms(public))}))


main()
