#!/usr/bin/env bats
# The relay's side of files: how much it keeps, for how long, and where.

load helper
load tools

setup() {
	cd "$BATS_TEST_TMPDIR"
}

pieces() {
	find "$RELAY_STORE.files" -type f | wc -l
}

@test "a full mailbox: 13 in time, and the same command goes on when there is room" {
	relay_start --file-quota 1M
	handshake
	head -c 3000000 /dev/urandom >f
	fault 13 relay_busy alice sentinel-sendfile bob f --timeout 1
	[ "$(pieces)" = 1 ]
	# texts are not in the way
	alice sentinel-send bob -m text
	start alice sentinel-sendfile bob f --timeout 20
	sender=$!
	bob sentinel-pull -w 20 -n 1 --type file -o in >got
	wait $sender
	[ "$(jq -r '"\(.blake2b)  \(.path)"' got | b2sum -c --quiet)" = '' ]
	cmp f in/f
	bob sentinel-pull -o in >/dev/null
	[ "$(pieces)" = 0 ]
}

@test "pieces that nobody fetches go when their time is over, texts stay" {
	relay_start --file-ttl 1h
	handshake
	head -c 1000000 /dev/urandom >f
	alice sentinel-sendfile bob f
	alice sentinel-send bob -m text
	later 3000
	[ "$(pieces)" = 1 ]
	later 4000
	for ((i = 0; i < 500; i++)); do
		[ "$(pieces)" != 0 ] || break
		sleep 0.02
	done
	[ "$(pieces)" = 0 ]
	run bob sentinel-pull --type message --get body
	assert_output text
}

@test "killed in the middle: what no message names is gone after the start" {
	relay_start
	handshake
	head -c 20000000 /dev/urandom >f
	start alice sentinel-sendfile bob f --rate 20M
	sender=$!
	for ((i = 0; i < 500; i++)); do
		[ "$(pieces)" = 0 ] || break
		sleep 0.02
	done
	relay_kill
	: >"$RELAY_STORE.files/00000000000000000099"
	relay_restart
	[ ! -e "$RELAY_STORE.files/00000000000000000099" ]
	wait $sender
	bob sentinel-pull -o in >/dev/null
	cmp f in/f
	[ "$(pieces)" = 0 ]
}
