#!/usr/bin/env bats
# What was used and erased is not in the key file any more, nor beside it, not
# even for somebody who has its data key.

load helper
load tools

setup() {
	relay_start
	register alice
}

secrecy() {
	run "$TOOLS/secrecy.py" "$SENTINEL_BIN" "$BATS_TEST_TMPDIR/alice.key" \
	    "$SENTINEL_RELAY" pia "$@"
	assert_success
}

@test "200 messages each way, ours having asked" {
	secrecy answers 200
	[ "$(field .messages)" = 400 ]
	[ "$(field '.retired > 1000 and .publics > 40 and .former > 400')" = true ]
}

@test "25 messages each way, ours having answered" {
	secrecy asks 25
	[ "$(field .messages)" = 50 ]
}
