#!/usr/bin/env bats
# tests/bats/60_attack_cuts.bats at full length.

load ../bats/helper
load ../bats/tools
load ../bats/cuts

@test "each command's stream cut at every byte, in each direction" {
	run "$TOOLS/cuts.py" cuts
	assert_success
}

@test "1000 bits of the session turned" {
	run "$TOOLS/cuts.py" flips --count 1000
	assert_success
	turned 1000
}

@test "a batch, at each byte of its stream" {
	run "$TOOLS/cuts.py" batches
	assert_success
}
