#!/usr/bin/env bats
# SIGUSR1: a copy of the store of a relay that serves.

load helper
load tools

logged() {
	jq -r "select(.event == \"$1\") | .message // .event" \
	    "$BATS_TEST_TMPDIR/relay.log"
}

@test "a backup under load has all that was acknowledged before it" {
	setpriv --pdeathsig KILL "$TOOLS/backupload.py" "$BATS_TEST_TMPDIR" \
	    3>&- >"$BATS_TEST_TMPDIR/load"
	sed "s/^/# /" "$BATS_TEST_TMPDIR/load" >&3
	jq -e '.meanwhile > 0' "$BATS_TEST_TMPDIR/load"
}

@test "one that cannot be taken is told of, and the relay serves on" {
	relay_start
	handshake
	kill -USR1 "$RELAY_PID"
	until_true grep -q backup_done "$BATS_TEST_TMPDIR/relay.log"
	[ "$(stat -c %a "$RELAY_STORE.backup")" = 700 ]
	[ "$(stat -c %a "$RELAY_STORE.backup/relay.db")" = 600 ]
	echo mine >"$RELAY_STORE.backup.new"
	kill -USR1 "$RELAY_PID"
	until_true grep -q backup_failed "$BATS_TEST_TMPDIR/relay.log"
	logged backup_failed | grep -F "$RELAY_STORE.backup.new"
	[ "$(cat "$RELAY_STORE.backup.new")" = mine ]
	[ -f "$RELAY_STORE.backup/relay.db" ]
	alice sentinel-send bob -m hello >/dev/null
	[ "$(bob sentinel-pull --get body)" = hello ]
	rm "$RELAY_STORE.backup.new"
	kill -USR1 "$RELAY_PID"
	until_true eval '[ "$(logged backup_done | wc -l)" = 2 ]'
}
