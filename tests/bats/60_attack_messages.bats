#!/usr/bin/env bats
# What those who may write to somebody, and the relay between them, can do
# with messages alone: to keep a command busy, to fill it up, to have their
# words taken for commands.  In numbers that take a moment; tests/slow has
# more.

load helper
load tools
load siege

# numbered N: the last message on the tape as if it were the N-th, its chain's
# first, in hex
numbered() {
	local content

	content=$(tape -1 content)
	printf '%s%02x%02x%02x%02x%s' "${content:0:96}" $(($1 & 255)) \
	    $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)) \
	    "${content:104}"
}

@test "a number far ahead of its message: refused, at no cost" {
	evil_start
	handshake
	alice sentinel-send bob -m first >/dev/null
	bob sentinel-pull >/dev/null
	alice sentinel-send bob -m second >/dev/null
	second=$(tape -1 content)
	for case in 1001:undecryptable 1002:too_far 2147483647:too_far \
	    2147483648:malformed 4294967295:malformed; do
		honest
		lie "$bob_id" 2104 withhold 4
		lie "$bob_id" 2104 inject "$(hex "$alice_id")" 3 \
		    "$(numbered "${case%:*}")" 50
		TIMEFORMAT=%U
		used=$({ time bob sentinel-pull --get error \
		    >"$BATS_TEST_TMPDIR/out" 2>/dev/null || :; } 2>&1)
		[ "$(sort -u "$BATS_TEST_TMPDIR/out")" = "${case#*:}" ] ||
		    fail "$case: $(cat "$BATS_TEST_TMPDIR/out")"
		# 50 times what the greatest step costs, at 20 ms
		awk "BEGIN { exit !($used < $SLOWER) }" || fail "$case: $used s"
	done
	# what it has passed over for this is there still, and the session goes on
	honest
	lie "$bob_id" 2104 inject "$(hex "$alice_id")" 3 "$second" 1
	alice sentinel-send bob -m third >/dev/null
	run bob sentinel-pull --type message --get body
	assert_output 'third
second'
}

@test "what was answered once, again and again: no flood of answers" {
	evil_start
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	bob sentinel-keys fetch alice >/dev/null
	alice sentinel-keys request bob >/dev/null
	bob sentinel-pull >/dev/null
	bob sentinel-keys send alice >/dev/null
	lie "$bob_id" 2104 inject "$(hex "$alice_id")" 1 "$(tape 1 content)" 500
	run --separate-stderr bob sentinel-pull --answer=any
	assert_output ''
	[ "$(wc -l <"$TAPE")" = 2 ]
	honest
	alice sentinel-pull --type key_received >/dev/null
	alice sentinel-keys send bob >/dev/null
	lie "$alice_id" 2104 inject "$(hex "$bob_id")" 2 "$(tape 2 content)" 500
	run --separate-stderr alice sentinel-pull --answer=any
	assert_output ''
	[ "$(wc -l <"$TAPE")" = 3 ]
	# when all is done, too
	bob sentinel-pull >/dev/null
	run --separate-stderr bob sentinel-pull --answer=any
	assert_output ''
	[ "$(wc -l <"$TAPE")" = 3 ]
}

@test "100 000 messages: so much memory as for a few, -n, killed, resumed" {
	local pid

	relay_start --mailbox-messages 200000
	handshake
	seq 100000 | alice sentinel-send -l bob --get status --timeout 5m |
	    uniq -c | tr -s ' ' >"$BATS_TEST_TMPDIR/sent"
	[ "$(cat "$BATS_TEST_TMPDIR/sent")" = ' 100000 accepted' ]
	out=$BATS_TEST_TMPDIR/out
	measured bob "$out.all" "$SENTINEL_BIN/sentinel-pull" -n 5 --get body
	cmp "$out.all" <(seq 5)
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

@test "24 messages of 1 MiB: no more memory than for some" {
	relay_start
	handshake
	head -c 1048576 /dev/zero | tr '\0' '\1' >"$BATS_TEST_TMPDIR/text"
	for _ in {1..24}; do
		alice sentinel-send bob <"$BATS_TEST_TMPDIR/text" >/dev/null
	done
	used=$(measured bob "$BATS_TEST_TMPDIR/out" \
	    "$SENTINEL_BIN/sentinel-pull" --get size_bytes)
	[ "$(sort "$BATS_TEST_TMPDIR/out" | uniq -c | tr -s ' ')" = \
	    ' 24 1048576' ]
	[ "$used" -le $((32 * MIB * MEMORY)) ] || fail "$used KiB"
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

@test "shell code as text, as name and in a handler: nothing runs it" {
	pia() {
		"$TOOLS/pyclient.py" --state "$BATS_TEST_TMPDIR/pia.json" \
		    "$@" 3>&-
	}
	relay_start
	register bob
	mkdir "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here"
	pia_id=$(pia register "$SENTINEL_RELAY" \
	    '$(touch${IFS}pwn)`touch${IFS}pwn`' | jq -r .id)
	pia fetch bob >/dev/null
	pia request bob >/dev/null
	bob sentinel-pull -w 10 -n 1 --type key_request >/dev/null
	bob sentinel-keys fetch "$pia_id" >/dev/null
	bob sentinel-keys send "$pia_id" >/dev/null
	pia pull --wait 10 >/dev/null
	pia send-key bob >/dev/null
	bob sentinel-pull -w 10 -n 1 --type key_received >/dev/null
	bob sentinel-keys verify "$pia_id" \
	    "$(bob sentinel-keys fingerprint "$pia_id" --get safety_number)"
	say() {
		for text in '$(touch pwn)`touch pwn`%n%s' \
		    "'; touch pwn; "'"; touch pwn; | touch pwn' \
		    $'-o pwn\ntouch pwn\n'; do
			pia send bob <<<"$text" >/dev/null
		done
	}
	say
	# the quick start's, and the examples'
	bob sentinel-pull -- sh -c \
	    'printf "%s asks: " "$SENTINEL_FROM"; jq -r .body' >out
	[ "$(grep -c ' asks: ' out)" = 3 ]
	say
	bob sentinel-pull -- "$ROOT/examples/bot.sh"
	say
	start bob setsid "$ROOT/examples/log-collect.sh" log
	collected() {
		[ "$(cat log 2>/dev/null | wc -l)" = 3 ]
	}
	until_true collected
	kill -- "-${STARTED[-1]}"
	say
	bob sentinel-pull --get from.name,body --text >text
	[ "$(find "$BATS_TEST_TMPDIR" -name pwn)" = '' ]
	# and the name has not been taken for one
	[ "$(cut -f 1 text | sort -u)" = "$pia_id" ]
}
