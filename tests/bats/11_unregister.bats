#!/usr/bin/env bats
# sentinel-register --unregister: the relay forgets, the key file does not.

load helper
load tools

setup() {
	relay_start
}

leave() { # OWNER ARGUMENT...
	as "$1" sentinel-register --unregister "${@:2}"
}

@test "unregistered: name and mailbox are gone from the relay" {
	handshake
	bob sentinel-send alice -m 'never read' >/dev/null
	run leave alice --yes
	assert_success
	[ "$(field '"\(.type) \(.status) \(.id) \(.name)"')" = \
	    "registration unregistered $alice_id alice" ]
	[ "$(field '[.public_key_base64, .issued_at] | unique | tojson')" = '[null]' ]
	[ "$(bob sentinel-clients)" = '' ]
	fault 20 unknown_peer bob sentinel-keys fetch alice
	fault 20 unknown_peer bob sentinel-send alice -m x
	relay_stop
	[ "$(relay_sql 'SELECT count(*) FROM messages')" = 0 ]
}

@test "what the key file keeps, and what asks for the relay" {
	handshake
	leave alice --yes >/dev/null
	relay_stop
	[ "$(alice sentinel-keys show --get id,name)" = "$alice_id	alice" ]
	[ "$(alice sentinel-keys list --get name,session)" = 'bob	established' ]
	# denied at once, without a relay
	for command in sentinel-pull sentinel-clients 'sentinel-send bob -m x' \
	    'sentinel-keys rotate' 'sentinel-keys block bob'; do
		fault 12 relay_denied alice $command
		[[ $stderr == *'sentinel-register alice'* ]]
	done
}

@test "registered again, with its peers and sessions" {
	handshake
	old=$(alice sentinel-keys show --get public_key_base64)
	leave alice --yes >/dev/null
	run alice sentinel-register alice
	assert_success
	[ "$(field '"\(.status) \(.id)"')" = "registered $alice_id" ]
	[ "$(field .public_key_base64)" != "$old" ]
	alice sentinel-send bob -m again >/dev/null
	[ "$(bob sentinel-pull --type message --get from.name,body)" = \
	    'alice	again' ]
	bob sentinel-keys fetch alice >/dev/null
	bob sentinel-send alice -m 'and back' >/dev/null
	[ "$(alice sentinel-pull --type message --get body)" = 'and back' ]
	alice sentinel-keys rotate >/dev/null
}

@test "registered again by six commands at once: one new pair of keys" {
	local pid

	register alice
	leave alice --yes >/dev/null
	for n in 1 2 3 4 5 6; do
		start alice sentinel-register alice
	done
	for pid in "${STARTED[@]}"; do
		wait "$pid"
	done
	STARTED=()
	run sqlite3 "$BATS_TEST_TMPDIR/alice.key" \
	    'SELECT state FROM own_keys ORDER BY n'
	assert_output '3
2'
	alice sentinel-pull
}

@test "registered again under another name" {
	handshake
	leave alice --yes alice >/dev/null
	[ "$(alice sentinel-register alicia --get status,name)" = \
	    'registered	alicia' ]
	[ "$(bob sentinel-clients --get id,name)" = "$alice_id	alicia" ]
	carol sentinel-register alice >/dev/null
}

@test "whom it had blocked is blocked again" {
	handshake
	alice sentinel-keys block bob >/dev/null
	leave alice --yes >/dev/null
	alice sentinel-register alice >/dev/null
	fault 12 relay_denied bob sentinel-send alice -m x
}

@test "twice is as good as once, also without the relay" {
	register alice
	leave alice --yes >/dev/null
	relay_stop
	[ "$(leave alice --yes --get status)" = unregistered ]
}

@test "a relay that has forgotten it is content" {
	register alice
	relay_stop
	rm -r "$RELAY_STORE"*
	relay_restart
	[ "$(leave alice --yes --get status)" = unregistered ]
	fault 12 relay_denied alice sentinel-pull
}

@test "the relay is away: still registered" {
	register alice
	relay_stop
	fault 10 relay_unreachable leave alice --yes --timeout 0.2
	relay_restart
	alice sentinel-pull
}

@test "the answer is lost: the same again ends it" {
	register alice
	proxy_start down:cut:115
	fault 10 relay_unreachable leave alice --yes --timeout 2 -r "$PROXY_RELAY"
	proxy_stop
	[ "$(leave alice --yes --get status)" = unregistered ]
	carol sentinel-register alice >/dev/null
}

@test "a registration under way is completed, then undone" {
	proxy_start down:cut:115
	fault 10 relay_unreachable alice sentinel-register alice --timeout 2 \
	    -r "$PROXY_RELAY"
	proxy_stop
	leave alice --yes >/dev/null
	fault 12 relay_denied alice sentinel-pull
	carol sentinel-register alice >/dev/null
}

@test "not without a yes" {
	register alice
	fault 2 usage leave alice
	run terminal --answer 'Unregister?' 'n\n' -- \
	    "$SENTINEL_BIN/sentinel-register" --unregister \
	    -k "$BATS_TEST_TMPDIR/alice.key"
	assert_equal "$status" 2
	alice sentinel-pull
	run terminal --answer 'Unregister?' 'y\n' -- \
	    "$SENTINEL_BIN/sentinel-register" --unregister \
	    -k "$BATS_TEST_TMPDIR/alice.key"
	assert_success
	fault 12 relay_denied alice sentinel-pull
}

@test "what does not go together" {
	register alice
	fault 36 exists leave alice --yes bob
	fault 2 usage leave alice --yes --tofu
	fault 2 usage leave alice --yes --ask-passphrase
	fault 2 usage alice sentinel-register --yes alice
	fault 2 usage alice sentinel-register
	fault 30 keyfile_missing leave carol --yes
	alice sentinel-pull
}
