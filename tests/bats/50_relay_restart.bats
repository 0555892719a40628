#!/usr/bin/env bats
# The relay goes away, in good order or not.

load helper
load tools
load drain

setup() {
	relay_start
	handshake
}

@test "a restart between sending and receiving loses nothing" {
	alice sentinel-send bob -m one >/dev/null
	relay_stop
	run --separate-stderr alice sentinel-send bob -m away --timeout 0.3
	assert_failure 10
	[ "$(jq 'has("in_doubt")' <<<"$stderr")" = false ]
	run --separate-stderr bob sentinel-pull --timeout 0.3
	assert_failure 10
	relay_restart
	alice sentinel-send bob -m two >/dev/null
	run bob sentinel-pull --get seq,body
	assert_output '0	one
1	two'
}

@test "kill -9 of the relay loses nothing it has acknowledged" {
	for i in $(seq 5); do
		alice sentinel-send bob -m "text $i" >/dev/null
		relay_kill
		relay_restart
	done
	bob sentinel-pull --get body >"$BATS_TEST_TMPDIR/out"
	relay_kill
	relay_restart
	bob sentinel-pull --get body >>"$BATS_TEST_TMPDIR/out"
	seq 5 | sed 's/^/text /' | cmp - "$BATS_TEST_TMPDIR/out"
}

@test "killed between insert and commit, with a pull waiting: nothing is told twice or lost" {
	bob sentinel-pull -w 20 --timeout 0.5 --get seq,body \
	    >"$BATS_TEST_TMPDIR/out" 2>&1 &
	waiting=$!
	sleep 0.3
	# the first write of the commit never happens
	strace -f -qq -o /dev/null -e trace=pwrite64 \
	    -e inject=pwrite64:signal=KILL:when=1 -p "$RELAY_PID" &
	tracer=$!
	sleep 0.5
	run --separate-stderr alice sentinel-send bob -m doubtful --timeout 2
	assert_failure 10
	[ "$(jq -r .in_doubt <<<"$stderr")" = true ]
	id=$(jq -r .id <<<"$stderr")
	wait $tracer || true
	wait $waiting || true
	relay_gone
	relay_restart
	# the next command delivers what is in doubt, once
	alice sentinel-send bob -m next >/dev/null
	bob sentinel-pull --get seq,id,body >"$BATS_TEST_TMPDIR/got"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/got")" = 2 ]
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/got")" = "0	$id	doubtful" ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/got" | cut -f 1,3)" = '1	next' ]
	relay_stop
	run relay_sql 'PRAGMA integrity_check'
	assert_output ok
}

@test "an answer lost on its way: in doubt, then delivered once" {
	# the proxy lets the request through and drops the reply
	proxy_start down:cut:114
	run --separate-stderr alice sentinel-send bob -m once --timeout 1 \
	    -r "$PROXY_RELAY"
	assert_failure 10
	proxy_stop
	[ "$(jq -r .in_doubt <<<"$stderr")" = true ]
	alice sentinel-send bob -m next >/dev/null
	run bob sentinel-pull --get body
	assert_output 'once
next'
}

@test "a second relay on the same store is refused with 31" {
	run --separate-stderr timeout 5 "$SENTINEL_BIN/sentinel-relay" -l 127.0.0.1:0 \
	    --store "sqlite:$RELAY_STORE" --key "$RELAY_KEY" --errors=json
	assert_failure 31
	run alice sentinel-clients --get name
	assert_output bob
}

@test "SIGTERM ends the relay with 0, waiting pulls are let go" {
	bob sentinel-pull -w 20 >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	waiting=$!
	sleep 0.3
	relay_stop
	kill $waiting 2>/dev/null || true
	wait $waiting || true
}

@test "a second SIGTERM ends the relay at once, whoever keeps it waiting" {
	# else it waits a second for races in other threads
	export TSAN_OPTIONS=${TSAN_OPTIONS-}:atexit_sleep_ms=0
	glutton_start
	pid=$RELAY_PID
	RELAY_PID=
	kill "$pid"
	until_true stopping 1
	# who takes his answer is given a second
	lasts "$pid" 20 || fail 'the first one has ended it'
	kill "$pid"
	until_true stopping 2
	if lasts "$pid" 20; then
		kill -KILL "$pid"
		fail 'it goes on'
	fi
	wait "$pid"
}
