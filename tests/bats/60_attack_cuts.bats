#!/usr/bin/env bats
# Somebody on the way ends streams, turns bits, mangles connections
# (tests/tools/cuts.py; tests/slow/60_attack_cuts.bats has every byte).

load helper
load tools
load cuts

@test "a command cut at every byte, in each direction: whole or not at all" {
	run "$TOOLS/cuts.py" cuts --step alone
	assert_success
	# up to message 2 it calls again, from then on it is 10
	run jq '.["status 0"] > 170 and .["status 10"] > 160' <<<"$output"
	assert_output true
}

@test "every command cut here and there, and the session goes on" {
	run "$TOOLS/cuts.py" cuts --stride 97
	assert_success
}

@test "bits turned here and there: 10 or 14, and the session goes on" {
	run "$TOOLS/cuts.py" flips --count 60
	assert_success
	turned 60
}

@test "the answer to a send cut at every byte: in doubt, delivered once" {
	run "$TOOLS/cuts.py" doubt --count 230
	assert_success
	assert_output '{"cuts": 230, "in_doubt": 230, "once": 230, "others": 115}'
}

@test "a batch cut, or left alone by a silent or dead relay: each comes once" {
	run "$TOOLS/cuts.py" batches --stride 131
	assert_success
	run jq -c keys <<<"$output"
	assert_output '["status 0","status 10","status 3"]'
}

@test "the ten steps in each mode: right to the end, or failed closed" {
	run "$TOOLS/cuts.py" modes
	assert_success
	modes=$output
	run jq -r 'to_entries[] | "\(.key) \(.value[0])"' <<<"$modes"
	assert_output 'both:bytewise 0
both:delay:2 0
up:drop 10
down:drop 10
up:cut:150 10
down:cut:130 10
up:reset:150 10
down:reset:130 10
up:flip:150 10
down:flip:130 10
up:splice:124 10
down:splice:114 10
up:replay 10
down:replay 14
up:drop-record:3 10
down:drop-record:2 10
up:repeat-record:3 10
down:repeat-record:2 10
up:swap-records:3 10
down:swap-records:2 10'
	# one byte at a time it takes no ten seconds
	[ "$(jq '.["both:bytewise"][1] < 10' <<<"$modes")" = true ]
}
