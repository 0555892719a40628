#!/usr/bin/env bats
# tests/bats/60_attack_messages.bats in the numbers of a bad day.

load ../bats/helper
load ../bats/siege

@test "100 000 messages: so much memory as for a few, killed and resumed" {
	local pid

	relay_start --mailbox-messages 200000
	handshake
	seq 100000 | alice sentinel-send -l bob --get status --timeout 5m |
	    uniq -c | tr -s ' ' >"$BATS_TEST_TMPDIR/sent"
	[ "$(cat "$BATS_TEST_TMPDIR/sent")" = ' 100000 accepted' ]
	out=$BATS_TEST_TMPDIR/out
	# it is killed once it has printed so many
	for lines in 1 1000 10000; do
		start bob "$SENTINEL_BIN/sentinel-pull" --get body >"$out"
		pid=$!
		until_true printed "$lines"
		kill -KILL "$pid"
		wait "$pid" || :
		cat "$out" >>"$out.all"
	done
	used=$(measured bob "$out" "$SENTINEL_BIN/sentinel-pull" --get body)
	cat "$out" >>"$out.all"
	# what was half printed comes again, and none is missing
	sort -un "$out.all" | cmp - <(seq 100000)
	[ "$used" -le $((32 * MIB * MEMORY)) ] || fail "$used KiB"
}

printed() {
	[ "$(wc -l <"$out")" -ge "$1" ]
}

@test "100 000 clients: their list is read in the memory of a page" {
	relay_start
	relay_stop
	directory 100000
	relay_restart
	alice sentinel-register alice
	used=$(measured alice "$BATS_TEST_TMPDIR/out" \
	    "$SENTINEL_BIN/sentinel-clients")
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" = 100000 ]
	[ "$used" -le $((16 * MIB * MEMORY)) ] || fail "$used KiB"
}
