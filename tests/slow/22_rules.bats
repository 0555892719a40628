#!/usr/bin/env bats
# Handshakes of tests/bats/22_rules.bats in which both begin, many of them.

load ../bats/helper
load ../bats/tools
load ../bats/meeting

setup() {
	evil_start
}

@test "both begin at once, 100 times: one session after two pulls each" {
	simultaneous 100 turns
}

@test "both begin and go on at once, 100 times: one session after two pulls each" {
	simultaneous 100 together
}
