#!/usr/bin/env bats
# tests/bats/31_delivery.bats at full length.

load ../bats/helper
load ../bats/tools
load ../bats/delivery

setup() {
	relay_start
	handshake
	say 1000
}

@test "| head -n 1, a hundred times, with 1000 waiting" {
	heads 100
	run pull --get body
	assert_output "$(seq 101 1000)"
}

@test "readers that are killed at random, with 1000 waiting" {
	killed_readers 60
	complete 1000
}

@test "a pull that is killed at random, with 1000 waiting" {
	killed_pulls 100
	complete 1000
}

@test "10 000 texts of random bytes: records are sound JSON, each text exact" {
	pull >/dev/null
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
