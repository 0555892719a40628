#!/bin/sh
# A file of 1 GiB (or $1 MiB) sent and pulled over loopback, beside the same
# bytes through a pipe to the disk, and hashed.  One JSON line: MiB/s, and the
# most memory of both commands in KiB.  Run by make bench, which sets
# SENTINEL_BIN and SENTINEL_TOOLS.
set -eu
mib=${1:-1024}
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
	A sentinel-keys request b
	B sentinel-pull
	B sentinel-keys fetch a
	B sentinel-keys send a
	A sentinel-pull
	A sentinel-keys send b
} >/dev/null
head -c "${mib}M" /dev/urandom >"$T/f"

# rate COMMAND...: its MiB/s in $rate
rate() {
	begun=$(date +%s%N)
	"$@" >"$T/out" 2>"$T/used"
	rate=$((mib * 1000000000 / ($(date +%s%N) - begun)))
}

copy() {
	# shellcheck disable=SC2002
	cat "$T/f" | dd of="$T/copy" bs=256K iflag=fullblock conv=fdatasync
}

rate copy
raw=$rate
rate b2sum -l 256 "$T/f"
hash=$rate
rate A "$SENTINEL_TOOLS/peak" "$SENTINEL_BIN/sentinel-sendfile" b "$T/f"
send=$rate
send_peak=$(tail -n 1 "$T/used")
rate B "$SENTINEL_TOOLS/peak" "$SENTINEL_BIN/sentinel-pull" -o "$T/in"
pull_peak=$(tail -n 1 "$T/used")
cmp "$T/f" "$T/in/f"
printf '{"bench":"files","mib":%d,"pipe_mib_s":%d,"b2sum_mib_s":%d,"send_mib_s":%d,"pull_mib_s":%d,"send_peak_kib":%d,"pull_peak_kib":%d}\n' \
    "$mib" "$raw" "$hash" "$send" "$rate" "$send_peak" "$pull_peak"
