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

@test "kill -9 at the calls of a send and an acknowledgement" {
	at_each_call --request "$REQUESTS"
}

@test "kill -9 of a start that works off the log" {
	at_each_call --request start --calls "$WRITING"
}

@test "a sync, a write or a read fails: never acknowledged, never synced again" {
	at_each_call --error EIO --request "$REQUESTS" \
	    --calls fdatasync,fsync,pwrite64/3,pread64
	at_each_call --error EIO --request start --calls fdatasync,pwrite64/8
}

@test "no space for a write: busy, and served on" {
	at_each_call --error ENOSPC --request "$REQUESTS" --calls pwrite64/3,openat
}
