#!/usr/bin/env bats
# sentinel-pull --answer: who is answered, and who is not.

load helper
load tools

setup() {
	relay_start
	register alice bob
	alice sentinel-keys fetch "$bob_id" >/dev/null
	alice sentinel-keys request "$bob_id" >/dev/null
}

# answers MODE [SESSION]: bob pulls so, and his session with alice is then SESSION
answers() {
	bob sentinel-pull --answer="$1" --type message
	[ "$(bob sentinel-clients --name alice --get session)" = "$2" ]
}

verify() { # A B
	as "$1" sentinel-keys verify "$2" "$(as "$1" sentinel-keys \
	    fingerprint "$2" --get safety_number)" >/dev/null
}

@test "a stranger is answered by any alone" {
	bob sentinel-pull --type message
	answers none request_received
	answers verified request_received
	answers known request_received
	silent bob sentinel-keys list
	answers any key_sent
	[ "$(bob sentinel-keys list --get name,verified)" = 'alice	false' ]
	run bob sentinel-pull --get type,session,from.known
	assert_output 'key_request	key_sent	true'
}

@test "a peer that is known is answered by known, not by verified" {
	bob sentinel-keys fetch alice >/dev/null
	answers verified request_received
	answers known key_sent
}

@test "a peer that is verified is answered by verified" {
	bob sentinel-keys fetch alice >/dev/null
	verify bob alice
	answers none request_received
	answers verified key_sent
}

@test "an answer is finished, as the mode lets it" {
	bob sentinel-pull --answer=any
	run alice sentinel-pull --answer=verified --get session
	assert_output key_received
	[ "$(alice sentinel-clients --name bob --get session)" = key_received ]
	alice sentinel-pull --answer=known
	[ "$(alice sentinel-clients --name bob --get session)" = established ]
	run bob sentinel-pull --get session
	assert_output established
	alice sentinel-send bob -m hello
	run bob sentinel-pull --get body
	assert_output hello
}

@test "two followers that answer: a whole handshake by one request" {
	start alice "$SENTINEL_BIN/sentinel-pull" -F --answer=known \
	    >"$BATS_TEST_TMPDIR/alice.out"
	start bob "$SENTINEL_BIN/sentinel-pull" -F --answer=any \
	    >"$BATS_TEST_TMPDIR/bob.out"
	until_true grep -q established "$BATS_TEST_TMPDIR/bob.out"
	bob sentinel-send alice -m hello
	until_true grep -q hello "$BATS_TEST_TMPDIR/alice.out"
}

@test "an answer that the relay never had is said once it is back" {
	# hello, finish, pull, acknowledge and fetch get through; the answer not
	proxy_start --only 1 up:cut:350
	start bob "$SENTINEL_BIN/sentinel-pull" -F --answer=any \
	    --relay "$PROXY_RELAY" >"$BATS_TEST_TMPDIR/out" 2>&1
	alice sentinel-pull -w 10 --answer=known
	[ "$(alice sentinel-clients --name bob --get session)" = established ]
}

@test "one who has gone from the relay holds nobody up" {
	handshake carol dave
	carol sentinel-keys fetch bob >/dev/null
	carol sentinel-keys request bob >/dev/null
	bob sentinel-pull --type message
	relay_stop
	relay_sql "DELETE FROM clients WHERE userName = 'alice'"
	relay_restart
	bob sentinel-pull --answer=any
	[ "$(bob sentinel-clients --name carol --get session)" = key_sent ]
	[ "$(bob sentinel-keys list --get name)" = carol ]
}

@test "sessions that are of no more use heal by themselves" {
	bob sentinel-pull --answer=any >/dev/null
	alice sentinel-pull --answer=known >/dev/null
	bob sentinel-pull >/dev/null
	cp "$BATS_TEST_TMPDIR/bob.key" "$BATS_TEST_TMPDIR/old.key"
	bob sentinel-send alice -m one >/dev/null
	alice sentinel-pull >/dev/null
	alice sentinel-send bob -m two >/dev/null
	bob sentinel-pull >/dev/null
	bob sentinel-send alice -m three >/dev/null
	alice sentinel-pull >/dev/null
	# a copy of the key file is behind: it cannot read any more
	cp "$BATS_TEST_TMPDIR/old.key" "$BATS_TEST_TMPDIR/bob.key"
	for n in 1 2 3; do alice sentinel-send bob -m lost >/dev/null; done
	run --separate-stderr bob sentinel-pull --get error
	assert_output 'undecryptable
undecryptable
undecryptable'
	[ "$(bob sentinel-clients --name alice --get session)" = reset_needed ]
	fault 21 no_session bob sentinel-send alice -m no
	# asked for once, not with each pull
	bob sentinel-pull --answer=none
	[ "$(waiting)" = 0 ]
	bob sentinel-pull --answer=verified
	[ "$(waiting)" = 0 ]
	bob sentinel-pull --answer=known
	bob sentinel-pull --answer=known
	[ "$(waiting)" = 1 ]
	alice sentinel-pull --answer=known >/dev/null
	bob sentinel-pull --answer=known >/dev/null
	alice sentinel-pull >/dev/null
	bob sentinel-send alice -m healed
	run alice sentinel-pull --type message --get body
	assert_output healed
	alice sentinel-send bob -m 'so it is'
	run bob sentinel-pull --type message --get body
	assert_output 'so it is'
}

# how many messages of types 1 and 2 wait at the relay
waiting() {
	local copy=$BATS_TEST_TMPDIR/copy

	mkdir -p "$copy"
	cp "$RELAY_STORE" "$RELAY_STORE-wal" "$copy"
	sqlite3 "$copy/${RELAY_STORE##*/}" \
	    'SELECT count(*) FROM messages WHERE type < 3'
}
