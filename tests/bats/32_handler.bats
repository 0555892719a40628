#!/usr/bin/env bats
# sentinel-pull -- COMMAND: a program for each record, tried until it is done.

load helper
load tools

setup() {
	relay_start
	handshake
	H=$BATS_TEST_TMPDIR/handler
	export LOG=$BATS_TEST_TMPDIR/log
	: >"$LOG"
}

# handler: the script on standard input is the handler
handler() {
	{
		echo '#!/bin/sh'
		cat
	} >"$H"
	chmod +x "$H"
}

say() {
	local text

	for text; do
		alice sentinel-send bob -m "$text" >/dev/null
	done
}

# row COLUMNS: of the messages in bob's inbox, one a line
row() {
	sqlite3 "$BATS_TEST_TMPDIR/bob.key" \
	    "SELECT $1 FROM inbox WHERE kind = 1 ORDER BY n"
}

logged() {
	[ "$(wc -l <"$LOG")" -ge "$1" ]
}

@test "the record on standard input, in order; nothing is printed" {
	say one two three
	run bob sentinel-pull -- sh -c 'cat >>"$LOG"'
	assert_success
	assert_output ''
	[ "$(jq -r .body "$LOG" | xargs)" = 'one two three' ]
	[ "$(jq -r .type "$LOG" | uniq)" = message ]
	/usr/bin/python3 "$TOOLS/validate.py" "$LOG"
	run bob sentinel-pull
	assert_output ''
}

@test "no shell: arguments are what they are" {
	say one
	run bob sentinel-pull -n 1 -- printf '%s|' 'a b' '$(id)' '*' -n --peek
	assert_output 'a b|$(id)|*|-n|--peek|'
}

@test "with --raw the bytes of the message" {
	printf '\377\0\033x' | alice sentinel-send bob >/dev/null
	bob sentinel-pull --raw -- sh -c 'cat >"$LOG"'
	printf '\377\0\033x' | cmp - "$LOG"
}

@test "the environment tells what it is" {
	number=$(bob sentinel-keys fingerprint alice --get safety_number)
	bob sentinel-keys verify alice "$number" >/dev/null
	id=$(alice sentinel-send bob -m one --get id)
	register carol
	carol sentinel-keys fetch bob
	carol sentinel-keys request bob
	echo content >"$BATS_TEST_TMPDIR/file"
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/file" >/dev/null
	handler <<-'EOF'
	echo "$SENTINEL_TYPE|$SENTINEL_FROM|$SENTINEL_FROM_ID|$SENTINEL_VERIFIED|$SENTINEL_REPLY_TO|$SENTINEL_PATH|$SENTINEL_ID" >>"$LOG"
	EOF
	SENTINEL_REPLY_TO=old SENTINEL_PATH=old bob sentinel-pull \
	    -o "$BATS_TEST_TMPDIR/in" -- "$H"
	run sed 's/|[^|]*$//' "$LOG"
	assert_output "message|alice|$alice_id|true||
key_request||$carol_id|false||
file|alice|$alice_id|true||$BATS_TEST_TMPDIR/in/file"
	[ "$(sed -n '1s/.*|//p' "$LOG")" = "$id" ]
}

@test "a failure: 3, it stays, and its peer's next ones wait" {
	handshake carol bob
	say one two
	carol sentinel-send bob -m other
	say three
	handler <<-'EOF'
	echo "$SENTINEL_FROM" >>"$LOG"
	[ "$SENTINEL_FROM" != alice ] || exit 1
	sleep 1.2
	EOF
	# not again in the same run, however long that lasts
	fault 3 partial bob sentinel-pull -- "$H"
	[ "$(xargs <"$LOG")" = 'alice carol' ]
	[ "$(jq -r 'select(.type == "warning") | .message' <<<"$stderr")" = \
	    "$H: status 1 for $(bob sentinel-pull --peek -n 1 --get id), try 1 of 10" ]
	# each run tries it at once
	fault 3 partial bob sentinel-pull -- "$H"
	[ "$(xargs <"$LOG")" = 'alice carol alice' ]
	assert_equal "$(row tries,state | head -n 1)" '2|2'
	run bob sentinel-pull -- sh -c 'jq -r .body,.redelivered'
	assert_output 'one
true
two
null
three
null'
}

@test "three failures, then it works; the order is kept" {
	say one two
	handler <<-'EOF'
	body=$(jq -r .body)
	echo "$body" >>"$LOG"
	[ "$body" != one ] || [ "$(grep -c one "$LOG")" -gt 3 ]
	EOF
	start bob "$SENTINEL_BIN/sentinel-pull" -q -F -n 2 -- "$H"
	wait $!
	[ "$(xargs <"$LOG")" = 'one one one one two' ]
	assert_equal "$(row tries,state)" '4|3
1|3'
}

@test "one that always fails: a dead letter after --max-tries" {
	say one two
	run bob sentinel-pull --dead
	assert_output ''
	handler <<-'EOF'
	body=$(jq -r .body)
	[ "$body" != one ]
	EOF
	fault 3 partial bob sentinel-pull --max-tries 2 -- "$H"
	assert_equal "$(row state)" '2
1'
	fault 3 partial bob sentinel-pull --max-tries 2 -- "$H"
	assert_equal "$(row state)" '4
3'
	[ "$(bob sentinel-status --get dead_letters)" = 1 ]
	run bob sentinel-pull
	assert_output ''
	run bob sentinel-pull --dead
	[ "$(field .body)" = one ]
	id=$(field .id)
	run bob sentinel-pull --dead --from alice -n 1 --raw
	assert_output one
	# another id has no effect
	bob sentinel-pull --dead --forget "$alice_id"
	[ "$(bob sentinel-pull --dead --get id)" = "$id" ]
	fault 2 usage bob sentinel-pull --dead --forget "$id" one
	[ "$(bob sentinel-pull --dead --get id)" = "$id" ]
	bob sentinel-pull --dead --forget "$id"
	run bob sentinel-pull --dead
	assert_output ''
	[ "$(bob sentinel-status --get dead_letters)" = 0 ]
	bob sentinel-pull --dead --forget "$id"
}

@test "status 100: a dead letter at once, and the next one's turn" {
	say one two
	handler <<-'EOF'
	[ "$(jq -r .body)" != one ] || exit 100
	EOF
	fault 3 partial bob sentinel-pull -- "$H"
	assert_equal "$(row tries,state)" '1|4
1|3'
	run bob sentinel-pull --dead --get body
	assert_output one
}

@test "a handler that is killed, or cannot be run, is tried again" {
	say one
	run --separate-stderr bob sentinel-pull -- sh -c 'kill -KILL $$'
	assert_failure 3
	[[ $stderr == *'signal 9 for '* ]]
	echo '#!/no/such/interpreter' >"$H"
	chmod +x "$H"
	run --separate-stderr bob sentinel-pull -- "$H"
	assert_failure 3
	[[ $stderr == *'status 127 for '*'try 2 of 10'* ]]
	run bob sentinel-pull -- cat
	assert_success
	[ "$(field .redelivered)" = true ]
}

@test "one that ignores its input, one that closes it, one that is slow to read" {
	head -c 1048576 /dev/urandom >"$BATS_TEST_TMPDIR/in"
	for n in 1 2 3 4; do
		alice sentinel-send bob <"$BATS_TEST_TMPDIR/in" >/dev/null
	done
	bob sentinel-pull --raw -n 1 -- true
	bob sentinel-pull --raw -n 1 -- sh -c 'exec <&-; sleep 0.1'
	bob sentinel-pull --raw -n 1 -- sh -c 'sleep 0.1; cat >"$LOG"'
	cmp "$BATS_TEST_TMPDIR/in" "$LOG"
	# what it leaves behind may hold on to the input
	bob sentinel-pull --raw -n 1 -- \
	    sh -c 'sleep 30 >/dev/null 2>&1 & echo $! >"$LOG"'
	kill "$(cat "$LOG")"
	run bob sentinel-pull
	assert_output ''
}

@test "one that writes 1 MiB to standard output" {
	say one two
	bob sentinel-pull -- sh -c 'head -c 1048576 /dev/zero' |
	    { sleep 0.2; wc -c; } >"$BATS_TEST_TMPDIR/out"
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = 2097152 ]
}

@test "a handler may use the key file, and other commands may meanwhile" {
	say question
	bob sentinel-pull -n 1 -- sh -c 'sentinel-send alice -m answer;
	    sentinel-pull --peek >/dev/null && sentinel-keys show >/dev/null'
	run alice sentinel-pull --get body
	assert_output answer
}

@test "a follower's handler fails on one peer: others' messages flow on" {
	handshake carol bob
	handler <<-'EOF'
	[ "$SENTINEL_TYPE" = message ] || exit 0
	echo "$SENTINEL_FROM $(jq -r .body)" >>"$LOG"
	[ "$SENTINEL_FROM" != alice ] || [ -e "$LOG.well" ]
	EOF
	say a1 a2
	start bob "$SENTINEL_BIN/sentinel-pull" -q -F -- "$H"
	follower=$!
	until_true grep -q a1 "$LOG"
	for n in 1 2 3 4; do carol sentinel-send bob -m c$n; done
	until_true grep -q c4 "$LOG"
	refute grep -q a2 "$LOG"
	: >"$LOG.well"
	until_true grep -q a2 "$LOG"
	kill $follower
	wait $follower || true
	[ "$(grep carol "$LOG" | xargs -n 2 | cut -d ' ' -f 2 | xargs)" = \
	    'c1 c2 c3 c4' ]
	# without a pause it would have been tried far more often
	[ "$(grep -c a1 "$LOG")" -le 6 ]
}

@test "a follower that is ended takes its handler along, and the message stays" {
	handler <<-'EOF'
	echo $$ >>"$LOG"
	exec sleep 60
	EOF
	say one
	for signal in TERM KILL; do
		: >"$LOG"
		start bob "$SENTINEL_BIN/sentinel-pull" -F -- "$H"
		until_true logged 1
		kill -$signal $!
		wait_for_exit $!
		wait_for_exit "$(cat "$LOG")"
	done
	assert_equal "$(row tries,state)" '2|2'
	run bob sentinel-pull --get redelivered,body
	assert_output 'true	one'
}

@test "tries are not without end where each one ends the follower" {
	say one
	for n in 1 2 3; do
		run bob sentinel-pull --max-tries 2 -- \
		    sh -c 'echo >>"$LOG"; kill -KILL $PPID; exec sleep 60'
	done
	[ "$(wc -l <"$LOG")" = 2 ]
	run bob sentinel-pull --dead --get body
	assert_output one
}
