#!/bin/sh
# Lines a second of one sentinel-send --batch, beside one sentinel-send a
# message, and how long reads of the key file take beside 16 senders.  One JSON
# line.  Run by make bench, which sets SENTINEL_BIN.
set -eu
lines=${1:-20000} single=${2:-200}
# shellcheck source=tests/bench/stage.bash
. "$(dirname "$0")/stage.bash"
meet a b

# ms COMMAND...: how long it takes, in $ms
ms() {
	ms=$(date +%s%N)
	"$@"
	ms=$((($(date +%s%N) - ms) / 1000000))
}

one_by_one() {
	for i in $(seq "$single"); do
		as a sentinel-send b -m "message $i" >/dev/null
	done
}

in_a_batch() {
	as a sentinel-send -b <"$T/lines" >"$T/sent"
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
	while [ -e "$T/on" ]; do as a sentinel-send b -m x >/dev/null; done &
	senders="${senders-} $!"
done
for i in $(seq 100); do
	ms as a sentinel-keys show >/dev/null
	echo "$ms"
done | sort -n >"$T/reads"
rm "$T/on"
# shellcheck disable=SC2086
wait $senders
printf '{"bench":"batch","lines_s":%d,"one_by_one_s":%d,"ratio":%d,"read_ms_p50":%d,"read_ms_p99":%d}\n' \
    "$batch" "$each" $((batch / each)) \
    "$(sed -n 50p "$T/reads")" "$(sed -n 99p "$T/reads")"
