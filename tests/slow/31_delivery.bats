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
