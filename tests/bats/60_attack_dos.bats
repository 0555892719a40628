#!/usr/bin/env bats
# Clients that want to keep the relay busy with nothing.

load helper
load tools

setup() {
	relay_start
}

# clock ticks, of a hundredth of a second each
relay_cpu() {
	awk '{ print $14 + $15 }' "/proc/$RELAY_PID/stat"
}

relay_fds() {
	find "/proc/$RELAY_PID/fd" -mindepth 1 | wc -l
}

@test "a header that promises bytes, then the end: 200 times, nothing is left" {
	alice sentinel-register alice
	fds=$(relay_fds)
	cpu=$(relay_cpu)
	mkfifo "$BATS_TEST_TMPDIR/go"
	"$TOOLS/rawclient.py" "$SENTINEL_RELAY" hangup 200 \
	    <"$BATS_TEST_TMPDIR/go" >"$BATS_TEST_TMPDIR/out" 3>&- &
	STARTED+=($!)
	exec 9>"$BATS_TEST_TMPDIR/go"
	for ((i = 0; i < 1000; i++)); do
		[ ! -s "$BATS_TEST_TMPDIR/out" ] || break
		sleep 0.02
	done
	[ "$(jq .count "$BATS_TEST_TMPDIR/out")" = 200 ]
	# at most a second later, while the client still holds its ends
	for ((i = 0; i < 50; i++)); do
		[ "$(relay_fds)" -gt "$fds" ] || break
		sleep 0.02
	done
	[ "$(relay_fds)" -le "$fds" ]
	[ $(($(relay_cpu) - cpu)) -lt 100 ]
	run alice sentinel-clients --get name
	assert_output mallory
	exec 9>&-
}
