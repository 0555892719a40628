#!/bin/sh
# Two people who have never met exchange keys, compare safety numbers, say hello
# and send a file.  Usage: ten-steps.sh sentinel://KEY@HOST:PORT
set -e; T=$(mktemp -d); export SENTINEL_RELAY="$1"; printf 'a report\n' >"$T/report.txt"; trap 'rm -rf "$T"' EXIT
A() { SENTINEL_KEYFILE=$T/alice.key "$@"; }
B() { SENTINEL_KEYFILE=$T/bob.key   "$@"; }
A sentinel-register alice; bob=$(B sentinel-register bob --get id)        # 1
A sentinel-clients; B sentinel-clients                                    # 2
A sentinel-keys fetch "$bob"                                              # 3
A sentinel-keys request "$bob"                                            # 4
alice=$(B sentinel-pull -w 10 -n 1 --type key_request --get from.id)      # 5
B sentinel-keys fetch "$alice"                                            # 6
B sentinel-keys send "$alice"                                             # 7
A sentinel-pull -w 10 -n 1 --type key_received                            # 8
A sentinel-keys send "$bob"                                               # 9
B sentinel-pull -w 10 -n 1 --type key_received | jq -e '.session == "established"'   # 10
test "$(A sentinel-keys fingerprint bob --get safety_number)" = "$(B sentinel-keys fingerprint alice --get safety_number)"
A sentinel-send bob -m 'hello, Bob'; B sentinel-pull --get from.name,body
A sentinel-sendfile bob "$T/report.txt"
B sentinel-pull --type file -o "$T/in" | jq -r '"\(.blake2b)  \(.path)"' | b2sum -c
