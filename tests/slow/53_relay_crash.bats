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

@test "kill -9 at every call of a send, an acknowledgement, a start" {
	at_each_call --request "$REQUESTS,start"
}

@test "kill -9 at the calls of a send that works off the log" {
	at_each_call --request checkpoint --calls "$WRITING,pwrite64/20"
}

@test "every call on a file or a socket fails" {
	at_each_call --error EIO,ENOSPC --request "$REQUESTS,start" \
	    --calls "$WRITING,$READING"
	at_each_call --error EIO,ENOSPC --request checkpoint \
	    --calls "$WRITING,pwrite64/20,pread64/20"
}

@test "64 descriptors, 100 connect: as before within a second" {
	runs_short descriptors 1
}

@test "hardly a descriptor left, 100 connect: as before within a second" {
	runs_short taken 1
}

@test "a full disk: as before within a second" {
	runs_short disk 1
}
