#!/usr/bin/env bats
# tests/bats/53_relay_crash.bats with every moment.

load ../bats/helper
load ../bats/tools
load ../bats/follow
load ../bats/crash

@test "kill -9 under load, 40 times: what was acknowledged comes once" {
	ended_often KILL 40 1
}

@test "SIGTERM under load, 20 times: it ends with 0 and has all" {
	ended_often TERM 20 1
}
