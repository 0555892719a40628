#!/usr/bin/env bats
# The relay is killed, its disk is full or fails: what it has acknowledged is
# kept and what it cannot keep it does not acknowledge.
# tests/slow/53_relay_crash.bats takes every moment.

load helper
load tools
load follow
load crash

# Where a sanitizer and other tests share two cores the first answer may take
# this long; tests/slow holds it to one second.
ANSWERS=20

@test "kill -9 under load, 10 times: what was acknowledged comes once" {
	ended_often KILL 10 $ANSWERS
}

@test "SIGTERM under load: it ends with 0 and has all that it acknowledged" {
	ended_often TERM 3 $ANSWERS
}
