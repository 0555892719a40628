#!/usr/bin/env bats
# What fails beneath: the power, the memory, the disk, the bytes of the key
# file.  tests/slow/80_faults.bats and 80_starved.bats take many more of each.
#
# Of the same rows stand elsewhere: E1, E2, C17, C18, F15 in 53_relay_crash, E4,
# E5 in 61_killed, F8 in 62_commit_first, B6 in 65_outbox.

load helper
load tools
load killed
load faults
load starved

@test "P1: power cuts of a relay's store: nothing acknowledged is lost" {
	power_cuts powerstore --cuts 40
}

@test "P1: control: SQLite with synchronous=NORMAL loses what is acknowledged" {
	power_lost powerstore --cuts 20
}

@test "E8: power cuts of two key files: nothing told is lost, no key used twice" {
	power_cuts powerkeys --cuts 40
}

@test "E8: control: SQLite with synchronous=NORMAL loses what was told" {
	power_lost powerkeys --cuts 60
}

@test "P1: a directory that is made lasts, and so what is put there" {
	relay_start
	made_durably sentinel-register alice -k "$BATS_TEST_TMPDIR/a/b/alice.key"
	made_durably sentinel-pull -k "$BATS_TEST_TMPDIR/a/b/alice.key" \
	    -o "$BATS_TEST_TMPDIR/in/here"
	relay_stop
	rm -r "$RELAY_STORE"*
	RELAY_PROGRAM=$BATS_TEST_TMPDIR/traced
	cat >"$RELAY_PROGRAM" <<-EOF
	#!/bin/sh
	ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 exec strace -D -y \
	    -o "$BATS_TEST_TMPDIR/trace" -e trace=mkdir,fsync \
	    "$SENTINEL_BIN/sentinel-relay" "\$@"
	EOF
	chmod +x "$RELAY_PROGRAM"
	relay_start
	relay_stop
	until_true grep -q exited "$BATS_TEST_TMPDIR/trace"
	synced_names "$BATS_TEST_TMPDIR/trace"
}

@test "E9: no memory for a request: the relay refuses it, and lives" {
	relay_starved --step 3 --starts 211 --last 64
}

@test "E9: no memory for a command: it says so, and nothing is half done" {
	relay_start
	each_command 997
}

@test "E9: no memory for register, send, pull: nothing is lost or repeated" {
	relay_start
	each_register --memory 997
	restart_people
	each_send --memory 499
	restart_people
	each_pull_messages --memory 997
}

@test "E9: no memory for a batch, and what waits" {
	relay_start
	each_batch --memory 997
	each_json 1499
	each_delivery 997
}

@test "E9: no memory for connect, trust and rotate" {
	relay_start
	each_connect 1499
	restart_people
	each_trust 997
	restart_people
	each_rotate 997
}

@test "E9: no memory for a file, sent or received" {
	relay_start
	each_sendfile --memory 997
	restart_people
	each_receive --memory 997
}

@test "F5: a key file cut short or with a flipped bit: 32 or 0, and no change" {
	relay_start
	handshake
	damaged 300
}

@test "E12: reads and writes are short and interrupted: nobody notices" {
	short_programs 300
	relay_start
	handshake
	head -c 200000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
	text=$(head -c 3000 /dev/urandom | base64 -w 0)
	alice sentinel-send bob -m "$text" >/dev/null
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/data" >/dev/null
	run bob sentinel-pull -o "$BATS_TEST_TMPDIR/in" --get type,body
	assert_output "$(printf 'message\t%s\nfile\t' "$text")"
	cmp "$BATS_TEST_TMPDIR/data" "$BATS_TEST_TMPDIR/in/data"
}
