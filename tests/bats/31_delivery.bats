#!/usr/bin/env bats
# What a pull prints is lost in no pipe, on no full disk, by no reader that dies.

load helper
load tools
load delivery

setup() {
	relay_start
	handshake
}

@test "| head -n 1 gives one after the other, and loses none" {
	say 40
	heads 40
	run pull
	assert_output ''
}

@test "a reader that goes away: 141, what it has not taken comes again" {
	say 70
	run bash -o pipefail -c '"$0" "$@" | head -n 1' \
	    "$SENTINEL_BIN/sentinel-pull" -k "$BATS_TEST_TMPDIR/bob.key"
	assert_failure 141
	[ "$(jq -r .body <<<"$output")" = 1 ]
	# the one that was written to nobody is in doubt, no other
	assert_equal "$(states)" '68|1|1|0'
	pull >"$BATS_TEST_TMPDIR/out"
	seq 2 70 | cmp - <(jq -r .body "$BATS_TEST_TMPDIR/out")
	[ "$(jq -r 'select(.redelivered) | .body' "$BATS_TEST_TMPDIR/out")" = 2 ]
}

@test "a reader that has taken half of a record has not taken it" {
	say 2
	pull | head -c 20 >/dev/null
	assert_equal "$(states)" '1|1|0|0'
	run pull --get redelivered,body
	assert_output 'true	1
	2'
}

@test "readers that are killed at random: all of it, in order" {
	say 1000
	killed_readers 8
	complete 1000
}

@test "a pull that is killed at random: all of it, in order" {
	say 1000
	killed_pulls 12
	complete 1000
}

@test "nobody reads, or the disk is full: not 0, and nothing is lost" {
	say 3
	run bash -c '"$0" "$@" | false; exit ${PIPESTATUS[0]}' \
	    "$SENTINEL_BIN/sentinel-pull" -k "$BATS_TEST_TMPDIR/bob.key"
	assert_failure 141
	assert_equal "$(states)" '2|1|0|0'
	run bash -c '"$0" "$@" >/dev/full' \
	    "$SENTINEL_BIN/sentinel-pull" -k "$BATS_TEST_TMPDIR/bob.key"
	assert_failure 34
	assert_equal "$(states)" '2|1|0|0'
	run bash -c '"$0" "$@" >&-' \
	    "$SENTINEL_BIN/sentinel-pull" -k "$BATS_TEST_TMPDIR/bob.key"
	assert_failure 34
	run pull --get body
	assert_output '1
2
3'
}

@test "a slow reader is waited for, record by record" {
	say 3
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	pull --get body >"$BATS_TEST_TMPDIR/pipe" &
	exec 4<"$BATS_TEST_TMPDIR/pipe"
	for n in 1 2 3; do
		# that record is there, and no further one
		for ((i = 0; i < 500; i++)); do
			held=$(/usr/bin/python3 -c 'import fcntl, array, termios
held = array.array("i", [0])
fcntl.ioctl(4, termios.FIONREAD, held)
print(held[0])')
			[ "$held" = 0 ] || break
			sleep 0.02
		done
		[ "$held" = 2 ]
		read -r text <&4
		[ "$text" = "$n" ]
	done
	exec 4<&-
	wait $!
	assert_equal "$(states)" '0|0|3|0'
}

# --- what is printed ------------------------------------------------------------

@test "-e: 4 when nothing was printed" {
	say 1
	run --separate-stderr bob sentinel-pull -e --type file
	assert_failure 4
	bob sentinel-pull -e
	fault 4 timeout bob sentinel-pull -e
	fault 4 timeout bob sentinel-pull -e --peek
	fault 4 timeout bob sentinel-pull -e --dead
}

@test "--peek shows what the inbox holds, changes nothing, never waits" {
	say 3
	run bob sentinel-pull --peek
	assert_output '' # it does not ask the relay
	bob sentinel-pull --type key_request
	b2sum "$BATS_TEST_TMPDIR"/bob.key* >"$BATS_TEST_TMPDIR/before"
	exec 4>"$BATS_TEST_TMPDIR/bob.key.pull"
	flock 4
	relay_stop
	run bob sentinel-pull --peek --get body
	assert_output '1
2
3'
	run bob sentinel-pull --peek -n 1 --from alice --raw
	assert_output 1
	run bob sentinel-pull --peek --type key_request
	assert_output ''
	fault 31 locked bob sentinel-pull
	exec 4>&-
	b2sum -c --quiet "$BATS_TEST_TMPDIR/before"
	relay_restart
	run bob sentinel-pull --get body
	assert_output '1
2
3'
}

@test "--raw gives the exact bytes of one message" {
	python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 64)' \
	    >"$BATS_TEST_TMPDIR/in"
	alice sentinel-send bob <"$BATS_TEST_TMPDIR/in" >/dev/null
	register carol
	carol sentinel-keys fetch bob
	carol sentinel-keys request bob
	alice sentinel-send bob -m next >/dev/null
	bob sentinel-pull -n 1 --raw >"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	# events are no messages, and wait
	run bob sentinel-pull -n 1 --raw
	assert_output next
	run bob sentinel-pull --get type
	assert_output key_request
}

@test "--raw on a terminal moves no cursor" {
	printf 'x\033[2Jy\302\233z' | alice sentinel-send bob >/dev/null
	terminal -- "$SENTINEL_BIN/sentinel-pull" -n 1 --raw \
	    -k "$BATS_TEST_TMPDIR/bob.key" >"$BATS_TEST_TMPDIR/out"
	refute grep -qaP '\x1b|\xc2\x9b' "$BATS_TEST_TMPDIR/out"
	grep -qF 'x\u001b[2Jy\u009bz' "$BATS_TEST_TMPDIR/out"
}

# hostile N: the N-th text that nobody should send, random ones in the end
hostile() {
	/usr/bin/python3 - "$1" <<-'EOF'
	import random, sys
	texts = [b"\33]52;c;cm0gLXJmIH4=\7", b"\x9b2J\xc2\x9b2J", b"\0", b"a\0b\0",
	    "\u202egpj.exe\u2066\u200f".encode(), b"\xed\xa0\x80\xc0\xaf\xf5",
	    b'"}\n{"v":1,"type":"message"}\n', "\u2028\u2029\ufeff\x7f".encode(),
	    b"\\u0000\\", b"\xf0\x9f\x98", b"\r\x1b[1A\x1b[2K", b"$(touch pwn)"]
	n = int(sys.argv[1]) - 1
	random.seed(n)
	sys.stdout.buffer.write(texts[n] if n < len(texts) else
	    random.randbytes(random.randrange(300)))
	EOF
}

@test "whatever is sent, records are one line of sound JSON" {
	for n in $(seq 16); do
		hostile "$n" | alice sentinel-send bob >/dev/null
	done
	bob sentinel-pull --type key_request
	bob sentinel-pull --peek >"$BATS_TEST_TMPDIR/out"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" = 16 ]
	bob sentinel-pull -- sh -c 'cat >>"$HOME/handled"; exit 100' || :
	[ "$(wc -l <"$HOME/handled")" = 16 ]
	cmp "$BATS_TEST_TMPDIR/out" "$HOME/handled"
	bob sentinel-pull --dead | cmp - "$BATS_TEST_TMPDIR/out"
	assert_tame <"$BATS_TEST_TMPDIR/out"
	for n in $(seq 16); do
		sed -n "${n}p" "$BATS_TEST_TMPDIR/out" |
		    jq -j '.body_base64 // (.body | @base64)' | base64 -d |
		    cmp - <(hostile "$n")
	done
	[ ! -e pwn ]
}

@test "10 000 texts of random bytes: records are sound JSON, each text exact" {
	/usr/bin/python3 - >"$BATS_TEST_TMPDIR/texts" <<-'END'
	import base64, random
	random.seed(9)
	for _ in range(10000):
	    text = random.randbytes(random.randrange(60))
	    print(base64.b64encode(text).decode())
	END
	sed 's/.*/{"to":"bob","body_base64":"&"}/' "$BATS_TEST_TMPDIR/texts" |
	    alice sentinel-send -b >"$BATS_TEST_TMPDIR/sent"
	pull >"$BATS_TEST_TMPDIR/out"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" = 10000 ]
	jq -e . "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/read"
	iconv -f UTF-8 -t UTF-8 "$BATS_TEST_TMPDIR/out" >/dev/null
	jq -r '.body_base64 // (.body | @base64)' "$BATS_TEST_TMPDIR/out" |
	    cmp - "$BATS_TEST_TMPDIR/texts"
}

@test "--reply-to finds the answers to one message" {
	pia() {
		"$TOOLS/pyclient.py" --state "$BATS_TEST_TMPDIR/pia.json" "$@" \
		    3>&-
	}
	pia_id=$(pia register "$SENTINEL_RELAY" pia | jq -r .id)
	pia fetch bob
	pia request bob
	bob sentinel-pull --answer=any
	pia pull
	pia send-key bob
	bob sentinel-pull --type key_received
	id=$(bob sentinel-send pia -m 'how much?' --get id)
	printf no | pia send bob
	printf 42 | pia send bob --reply-to "$id"
	printf none | pia send bob --reply-to "$pia_id"
	printf 43 | pia send bob --reply-to "$id"
	say 1
	run bob sentinel-pull -n 1 --reply-to "$id" --get body,in_reply_to
	assert_output "42	$id"
	run bob sentinel-pull -n 1 --reply-to "$id" -- \
	    sh -c 'echo "$SENTINEL_REPLY_TO"'
	assert_output "$id"
	fault 4 timeout bob sentinel-pull -w 0.1 --reply-to "$id"
	run bob sentinel-pull --get body
	assert_output 'no
none
1'
}

@test "options that make no sense together: 2" {
	for options in '--raw' '--raw -n 2' '--raw -n 1 --get body' \
	    '--raw -n 1 --type file' '-F -w 1' '--peek -F' '--dead -w 1' \
	    '--peek -- true' '--dead -- true' '--peek --dead' '--forget' \
	    '--dead --forget' '--max-tries 0 -- true' '--reply-to x' \
	    '--answer some' '-- /no/such/program' '-- no-such-program' \
	    "-- $BATS_TEST_TMPDIR" '--dead --forget x'; do
		# shellcheck disable=SC2086
		fault 2 usage bob sentinel-pull $options
	done
}
