#!/usr/bin/env bats
# tests/bats/93_walk.bats with the file that the manual has, of 1 GiB.

load ../bats/helper
load ../bats/walk

@test "a newcomer's walk" {
	walk
}
