#!/usr/bin/env bats
# The relay is killed, its disk is full or fails: what it has acknowledged is
# kept and what it cannot keep it does not acknowledge.
# tests/slow/53_relay_crash.bats takes every moment.

load helper
load tools
load follow
load crash

# the first answer may take so many seconds, with a sanitizer more
SLACK=1
[[ $SENTINEL_BIN == */release*/bin ]] || SLACK=20

@test "kill -9 under load, 10 times: what was acknowledged comes once" {
	ended_often KILL 10 $SLACK
}

@test "SIGTERM under load: it ends with 0 and has all that it acknowledged" {
	ended_often TERM 3 $SLACK
}

@test "kill -9 at the calls of a send and an acknowledgement" {
	at_each_call --request "$REQUESTS"
}

@test "kill -9 of a start that works off the log" {
	at_each_call --request start --calls "$WRITING"
}

@test "a sync, a write or a read fails: not acknowledged, not synced again" {
	at_each_call --error EIO --request "$REQUESTS" \
	    --calls fdatasync,fsync,pwrite64/3,pread64
	at_each_call --error EIO --request start --calls fdatasync,pwrite64/8
}

@test "no space for a write: busy, and served on" {
	at_each_call --error ENOSPC --request "$REQUESTS,start" \
	    --calls pwrite64/3,openat
}

@test "64 descriptors, 100 connect: no spinning, and who is there is served" {
	runs_short descriptors $SLACK
}

@test "hardly a descriptor left, 100 connect: the same" {
	runs_short taken $SLACK
}

@test "a full disk: busy, nothing false, and on without a restart" {
	runs_short disk $SLACK
}

@test "others are kept from the database, and it from theirs" {
	relay_start
	handshake
	run sqlite3 "$RELAY_STORE" 'BEGIN EXCLUSIVE'
	assert_failure
	assert_output --partial 'database is locked'
	alice sentinel-send bob -m text >/dev/null
	relay_stop
	# theirs, until the end of its input
	mkfifo "$BATS_TEST_TMPDIR/statements"
	sqlite3 "$RELAY_STORE" <"$BATS_TEST_TMPDIR/statements" \
	    >"$BATS_TEST_TMPDIR/locked" 3>&- &
	STARTED+=($!)
	exec 4>"$BATS_TEST_TMPDIR/statements"
	echo 'BEGIN EXCLUSIVE; SELECT 1;' >&4
	until_true grep -q 1 "$BATS_TEST_TMPDIR/locked"
	fault 31 locked timeout 5 "$SENTINEL_BIN/sentinel-relay" \
	    -l 127.0.0.1:0 --store "sqlite:$RELAY_STORE" --key "$RELAY_KEY" \
	    --errors=json
	exec 4>&-
	wait "${STARTED[-1]}"
	relay_restart
	run bob sentinel-pull --get body
	assert_output text
}

@test "the store is nobody else's, whatever the umask" {
	local kept nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)

	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR"
	umask 000
	relay_start
	handshake
	head -c 300000 /dev/zero >"$BATS_TEST_TMPDIR/file"
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/file"
	mapfile -t kept < <(find "$RELAY_STORE"* "$RELAY_KEY" -type f)
	# the database, its log, a segment of files, the relay's key
	[ ${#kept[@]} -ge 4 ]
	[ "$(stat -c %a "${kept[@]}" | sort -u)" = 600 ]
	[ "$(stat -c %a "$RELAY_STORE.files")" = 700 ]
	[ "$(id -u)" = 0 ] || return 0
	"${nobody[@]}" cat "$BATS_TEST_TMPDIR/file" >/dev/null
	for file in "${kept[@]}"; do
		run "${nobody[@]}" cat "$file"
		assert_failure
		assert_output --partial 'Permission denied'
	done
}
