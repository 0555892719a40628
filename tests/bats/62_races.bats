#!/usr/bin/env bats
# Somebody exchanges the output directory, the partial file and the final name
# while a pull runs: nothing outside, nothing overwritten.

load helper
load tools

setup() {
	relay_start
	handshake
}

@test "a hundred races for the output directory, a thousand exchanges" {
	run races 100
	assert_success
	# both sides have won some
	[ "$(field .received)" -ge 1 ]
	[ "$(field .lost)" -ge 1 ]
	[ "$(field .swaps)" -ge 1000 ]
}
