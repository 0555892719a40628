#!/usr/bin/env bats
# The races of tests/bats/62_races.bats, at full length.

load ../bats/helper
load ../bats/tools

setup() {
	relay_start
	handshake
}

@test "a thousand races for the output directory" {
	run races 1000
	assert_success
	# both sides have won some
	[ "$(field .received)" -ge 1 ]
	[ "$(field .lost)" -ge 1 ]
	[ "$(field .swaps)" -ge 10000 ]
}
