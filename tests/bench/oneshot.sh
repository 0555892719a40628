#!/bin/sh
# One sentinel-send from start to end, beside a bare process that commits to
# the key file twice.  Run by make bench, which sets SENTINEL_BIN and
# SENTINEL_TOOLS.
set -eu
rounds=${1:-200}
PATH=$SENTINEL_BIN:$PATH
T=$(mktemp -d)
trap 'kill "$relay" 2>/dev/null || :; rm -rf "$T"' EXIT
sentinel-relay -l 127.0.0.1:0 --store "sqlite:$T/relay.db" --key "$T/relay.key" \
    >"$T/ready" 2>"$T/log" &
relay=$!
until [ -s "$T/ready" ]; do
	kill -0 "$relay"
	sleep 0.05
done
SENTINEL_RELAY=$(jq -r .address "$T/ready")
export SENTINEL_RELAY
a="-k $T/a.key" b="-k $T/b.key"
# options, to be split
# shellcheck disable=SC2086
{
	sentinel-register $a a
	sentinel-register $b b
	sentinel-keys fetch $a b
	sentinel-keys request $a b
	sentinel-pull $b
	sentinel-keys fetch $b a
	sentinel-keys send $b a
	sentinel-pull $a
	sentinel-keys send $a b
} >/dev/null
cp "$T/a.key" "$T/c.key"
# shellcheck disable=SC2086
"$SENTINEL_TOOLS/oneshot" "$T/c.key" "$rounds" sentinel-send $a -m 'a message' b
