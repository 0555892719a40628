#!/usr/bin/env bats
# The end of a drain that nobody shortens.

load ../bats/helper
load ../bats/tools
load ../bats/drain

@test "one who takes nothing does not keep a relay from ending" {
	relay_start
	glutton_start
	pid=$RELAY_PID
	RELAY_PID=
	kill "$pid"
	until_true stopping 1
	# nine seconds, and what a busy machine adds
	if lasts "$pid" 200; then
		kill -KILL "$pid"
		fail 'it goes on'
	fi
	wait "$pid"
}
