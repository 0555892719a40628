#!/usr/bin/env bats
# Texts, from one end to the other.

load helper
load tools

setup() {
	relay_start
	handshake
}

# what bob receives, byte for byte
received() {
	bob sentinel-pull --type message >"$BATS_TEST_TMPDIR/record"
	jq -j 'if .body_base64 then .body_base64 else .body | @base64 end' \
	    "$BATS_TEST_TMPDIR/record" | base64 -d
}

@test "a text goes there, and an answer comes back" {
	run alice sentinel-send bob -m 'hello, Bob'
	[ "$(jq -c '[.type, .status, .seq, .size_bytes]' <<<"$output")" = \
	    '["sent","accepted",0,10]' ]
	[ "$(jq -c '.to | [.name, .verified]' <<<"$output")" = '["bob",false]' ]
	id=$(jq -r .id <<<"$output")
	run bob sentinel-pull
	[ "$(jq -r '.type + " " + .id + " " + .body' <<<"$output")" = \
	    "message $id hello, Bob" ]
	[ "$(jq -c '.from | [.name, .known]' <<<"$output")" = '["alice",true]' ]
	[ "$(jq 'has("redelivered") or has("body_base64")' <<<"$output")" = false ]
	bob sentinel-send alice -m 'hello, Alice'
	run alice sentinel-pull --get from.name,body
	assert_output 'bob	hello, Alice'
	run alice sentinel-pull
	assert_output ''
}

@test "all 256 byte values come out exact" {
	python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))' \
	    >"$BATS_TEST_TMPDIR/in"
	alice sentinel-send bob <"$BATS_TEST_TMPDIR/in" >/dev/null
	received | cmp - "$BATS_TEST_TMPDIR/in"
	[ "$(jq '.body | length' "$BATS_TEST_TMPDIR/record")" = 256 ]
}

@test "an empty text" {
	run alice sentinel-send bob -m ''
	assert_success
	run bob sentinel-pull
	[ "$(jq -c '[.size_bytes, .body]' <<<"$output")" = '[0,""]' ]
	alice sentinel-send bob </dev/null >/dev/null
	run bob sentinel-pull --get size_bytes
	assert_output 0
}

@test "1 MiB of random bytes, and not one byte more" {
	head -c 1048576 /dev/urandom >"$BATS_TEST_TMPDIR/in"
	alice sentinel-send bob <"$BATS_TEST_TMPDIR/in" >/dev/null
	received | cmp - "$BATS_TEST_TMPDIR/in"
	echo >>"$BATS_TEST_TMPDIR/in"
	run --separate-stderr alice sentinel-send bob <"$BATS_TEST_TMPDIR/in"
	assert_failure 2
}

@test "10 000 lines of UTF-8 stay as they are" {
	python3 -c 'for i in range(10000): print(i, "Grüße, 世界 🌍 ‘x’")' \
	    >"$BATS_TEST_TMPDIR/in"
	alice sentinel-send bob <"$BATS_TEST_TMPDIR/in" >/dev/null
	received | cmp - "$BATS_TEST_TMPDIR/in"
	[ "$(jq 'has("body_base64")' "$BATS_TEST_TMPDIR/record")" = false ]
}

@test "control characters never leave raw" {
	printf 'a\033[2J\302\233b\177c\342\200\256d\000e' |
	    alice sentinel-send bob >/dev/null
	bob sentinel-pull >"$BATS_TEST_TMPDIR/out"
	assert_tame <"$BATS_TEST_TMPDIR/out"
	jq -j .body_base64 "$BATS_TEST_TMPDIR/out" | base64 -d |
	    cmp - <(printf 'a\033[2J\302\233b\177c\342\200\256d\000e')
}

@test "many texts arrive in order, numbered without a gap" {
	for i in $(seq 0 39); do
		alice sentinel-send bob -m "text $i" >/dev/null
	done
	bob sentinel-pull --get seq,body >"$BATS_TEST_TMPDIR/out"
	seq 0 39 | sed 's/.*/&\ttext &/' | cmp - "$BATS_TEST_TMPDIR/out"
}

@test "-n takes so many and leaves the rest" {
	for i in 1 2 3; do alice sentinel-send bob -m $i >/dev/null; done
	run bob sentinel-pull -n 1 --get body
	assert_output 1
	run bob sentinel-pull -n 1 --get body
	assert_output 2
	run bob sentinel-pull -n 5 --get body
	assert_output 3
	run --separate-stderr bob sentinel-pull -n 0
	assert_failure 2
}

@test "--type and --from choose what is printed, the rest waits" {
	register carol
	carol sentinel-keys fetch bob
	carol sentinel-keys request bob
	alice sentinel-send bob -m hi
	run bob sentinel-pull --from "$alice_id" --type key_request
	assert_output ''
	run bob sentinel-pull --type key_received
	assert_success
	assert_output ''
	run bob sentinel-pull --from "$carol_id" --get type
	assert_output key_request
	run bob sentinel-pull --from alice --get body
	assert_output hi
	run --separate-stderr bob sentinel-pull --from nobody
	assert_failure 20
	run --separate-stderr bob sentinel-pull --type letter
	assert_failure 2
}

@test "an empty wait: 4" {
	run --separate-stderr bob sentinel-pull -w 0.3
	assert_failure 4
	[ "$(jq -r '.code, .retryable' <<<"$stderr" | xargs)" = 'timeout true' ]
	assert_output ''
}

@test "a waiting pull wakes when something comes" {
	bob sentinel-pull -w 20 --get body >"$BATS_TEST_TMPDIR/out" &
	sleep 0.3
	alice sentinel-send bob -m now >/dev/null
	wait $!
	run cat "$BATS_TEST_TMPDIR/out"
	assert_output now
}

@test "what waits in the inbox needs no relay" {
	alice sentinel-send bob -m hi >/dev/null
	bob sentinel-pull --type key_request
	relay_stop
	run bob sentinel-pull -w 1 --get body
	assert_success
	assert_output hi
}

@test "two pulls at once: the second is told 31 at once" {
	bob sentinel-pull -w 5 >/dev/null 2>&1 &
	first=$!
	sleep 0.3
	run --separate-stderr bob sentinel-pull
	assert_failure 31
	[ "$(jq -r .code <<<"$stderr")" = locked ]
	kill $first
	wait $first || true
}

@test "a full disk behind stdout: 34, and the text is printed again" {
	alice sentinel-send bob -m precious >/dev/null
	run bash -c 'SENTINEL_KEYFILE=$0 "$SENTINEL_BIN/sentinel-pull" >/dev/full' \
	    "$BATS_TEST_TMPDIR/bob.key"
	assert_failure 34
	run bob sentinel-pull --get redelivered,body
	assert_output 'true	precious'
}

@test "--text escapes what would move the cursor" {
	printf 'x\033[2Jy' | alice sentinel-send bob >/dev/null
	run bob sentinel-pull --text
	assert_success
	assert_output --partial 'alice'
	assert_output --partial 'x\u001b[2Jy'
}

@test "no text at all: 2" {
	run --separate-stderr script -qec \
	    "SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/alice.key sentinel-send --errors=json bob" \
	    /dev/null </dev/null
	assert_failure 2
}
