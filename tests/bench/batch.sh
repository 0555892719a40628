#!/bin/sh
# Lines a second of one sentinel-send --batch, beside one sentinel-send a
# message, and how long reads of the key file take beside 16 senders.  One JSON
# line.  Run by make bench, which sets SENTINEL_BIN.
set -eu
lines=${1:-20000} single=${2:-200}
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
A() { SENTINEL_KEYFILE=$T/a.key "$@"; }
B() { SENTINEL_KEYFILE=$T/b.key "$@"; }
{
	A sentinel-register a
	B sentinel-register b
	A sentinel-keys fetch b
	A sentinel-keys connect b
	B sentinel-keys connect "$(A sentinel-keys show --get id)"
	A sentinel-keys connect b
	B sentinel-pull
} >/dev/null

# ms COMMAND...: how long it takes, in $ms
ms() {
	ms=$(date +%s%N)
	"$@"
	ms=$((($(date +%s%N) - ms) / 1000000))
}

one_by_one() {
	for i in $(seq "$single"); do
		A sentinel-send b -m "message $i" >/dev/null
	done
}

in_a_batch() {
	A sentinel-send -b <"$T/lines" >"$T/sent"
}

ms one_by_one
each=$((single * 1000 / ms))
seq -f '{"to":"b","body":"message %g"}' "$lines" >"$T/lines"
ms in_a_batch
batch=$((lines * 1000 / ms))
test "$(jq -r .status "$T/sent" | sort | uniq -c | xargs)" = "$lines accepted"

# reads, while 16 send as fast as they can
: >"$T/on"
for i in $(seq 16); do
	while [ -e "$T/on" ]; do A sentinel-send b -m x >/dev/null; done &
	senders="${senders-} $!"
done
for i in $(seq 100); do
	ms A sentinel-keys show >/dev/null
	echo "$ms"
done | sort -n >"$T/reads"
rm "$T/on"
# shellcheck disable=SC2086
wait $senders
printf '{"bench":"batch","lines_s":%d,"one_by_one_s":%d,"ratio":%d,"read_ms_p50":%d,"read_ms_p99":%d}\n' \
    "$batch" "$each" $((batch / each)) \
    "$(sed -n 50p "$T/reads")" "$(sed -n 99p "$T/reads")"
