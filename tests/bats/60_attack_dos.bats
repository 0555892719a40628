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

@test "one send alone is committed and answered before the relay sleeps" {
	relay_stop
	# a leak checker is a tracer of its own
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
	RELAY_PROGRAM=$BATS_TEST_TMPDIR/traced
	trace=$BATS_TEST_TMPDIR/trace
	cat >"$RELAY_PROGRAM" <<-EOF
	#!/bin/sh
	exec strace -D -f -o "$trace" \
	    -e trace=epoll_wait,epoll_pwait,epoll_pwait2,recvfrom,sendto,fdatasync \
	    "$SENTINEL_BIN/sentinel-relay" "\$@"
	EOF
	chmod +x "$RELAY_PROGRAM"
	relay_start
	handshake
	for n in 1 2 3; do
		alice sentinel-send bob -m "$n" >/dev/null
	done
	# what comes before something that has come has been written
	alice sentinel-clients >/dev/null
	# between what was received and its commit, and from there to the answer
	awk '{ sub(/^[0-9]+ +/, ""); sub(/\(.*/, ""); print }' "$trace" |
	    grep -B 1 -A 1 '^fdatasync' | tail -n 11 >"$BATS_TEST_TMPDIR/calls"
	run paste -sd ' ' "$BATS_TEST_TMPDIR/calls"
	assert_output 'recvfrom fdatasync sendto -- recvfrom fdatasync sendto -- recvfrom fdatasync sendto'
}
