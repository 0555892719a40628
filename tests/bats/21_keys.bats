#!/usr/bin/env bats
# Sessions by connect, and what becomes of keys: new own ones, new ones of
# others, other names, and none any more.

load helper
load tools

setup() {
	relay_start
}

session() { # OWNER PEER
	as "$1" sentinel-keys show "$2" --get session
}

# reads A B: A writes, B reads it
reads() {
	as "$1" sentinel-send "$2" -m "to $2" >/dev/null
	[ "$(as "$2" sentinel-pull --type message --get from.name,body)" = \
	    "$1	to $2" ]
}

both_ways() {
	reads alice bob
	reads bob alice
}

# await_lock FILE: until somebody holds it; asked of the kernel, since a lock
# taken only to see whether it can be had is in the way of others
await_lock() {
	for ((i = 0; i < 500; i++)); do
		[ ! -e "$1" ] || ! grep -q ":$(stat -c %i "$1") " /proc/locks ||
			return 0
		sleep 0.02
	done
	fail "nobody locks $1"
}

# The relay has nobody of that name any more, as after an unregistration.
vacate() {
	relay_stop
	relay_sql "UPDATE clients SET userName = NULL, publicKey = NULL,
	    issuedAt = 0 WHERE userName = '$1'"
	relay_restart
}

# rotate_unheard OWNER [--static]: the relay acts on it, the answer is lost
rotate_unheard() {
	proxy_start down:cut:115
	fault 10 relay_unreachable as "$1" sentinel-keys rotate "${@:2}" \
	    --timeout 2 -r "$PROXY_RELAY"
	proxy_stop
}

# --- connect -----------------------------------------------------------------

@test "connect, a command at a time: each does what it can" {
	register alice bob
	run alice sentinel-keys connect bob
	assert_success
	[ "$(field '"\(.step) \(.session) \(.peer.name)"')" = \
	    'requested request_sent bob' ]
	id=$(field .id)
	run bob sentinel-keys connect alice
	[ "$(field '"\(.step) \(.session) \(.id)"')" = "requested key_sent $id" ]
	# he looks before he asks: his answer, and no request of his own
	relay_stop
	run relay_sql 'SELECT type FROM messages'
	assert_output 2
	relay_restart
	run alice sentinel-keys connect bob
	[ "$(field '"\(.step) \(.session) \(.id)"')" = \
	    "established established $id" ]
	run bob sentinel-keys connect alice
	[ "$(field '"\(.step) \(.session)"')" = 'established established' ]
	both_ways
}

@test "connect where a session stands: told, and nothing is sent" {
	handshake
	relay_stop
	run alice sentinel-keys connect bob -w 5
	assert_success
	[ "$(field '"\(.step) \(.id)"')" = 'established null' ]
	relay_restart
}

@test "connect from both sides at once: one session" {
	register alice bob
	start alice sentinel-keys connect bob -w 20 >"$BATS_TEST_TMPDIR/a"
	a=$!
	start bob sentinel-keys connect alice -w 20 >"$BATS_TEST_TMPDIR/b"
	b=$!
	wait $a
	wait $b
	[ "$(jq -r .step "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b")" = \
	    'established
established' ]
	[ "$(jq -r .id "$BATS_TEST_TMPDIR/a")" = "$(jq -r .id "$BATS_TEST_TMPDIR/b")" ]
	both_ways
	both_ways
}

@test "connect to several: started together, waited for together" {
	register alice bob carol
	start alice sentinel-keys connect bob carol -w 20 \
	    >"$BATS_TEST_TMPDIR/a"
	a=$!
	bob sentinel-keys connect alice -w 20 >/dev/null
	carol sentinel-keys connect alice -w 20 >/dev/null
	wait $a
	[ "$(jq -r '"\(.peer.name) \(.step)"' "$BATS_TEST_TMPDIR/a")" = \
	    'bob established
carol established' ]
	reads bob alice
	reads carol alice
}

@test "connect in vain: 4 with records, 3 where some came through" {
	register alice bob carol
	run --separate-stderr alice sentinel-keys connect bob -w 0.3
	assert_failure 4
	[ "$(field .step)" = requested ]
	[ "$(jq -r .code <<<"$stderr")" = timeout ]
	bob sentinel-keys connect alice >/dev/null
	run --separate-stderr alice sentinel-keys connect bob carol -w 1
	assert_failure 3
	[ "$(field '"\(.peer.name) \(.step)"')" = 'bob established
carol requested' ]
	fault 20 unknown_peer alice sentinel-keys connect bob nobody
	assert_output ''
}

@test "connect answers nobody else, and leaves messages in the inbox" {
	register alice bob carol
	handshake alice carol
	carol sentinel-send alice -m later >/dev/null
	bob sentinel-keys fetch alice >/dev/null
	bob sentinel-keys request alice >/dev/null
	run alice sentinel-keys connect carol -w 5
	assert_success
	run --separate-stderr alice sentinel-keys connect dave
	assert_failure 20
	register dave
	run --separate-stderr alice sentinel-keys connect dave -w 0.3
	assert_failure 4
	[ "$(field .type)" = key_exchange ]
	run bob sentinel-pull
	assert_output ''
	[ "$(session bob alice)" = request_sent ]
	run alice sentinel-pull --get type,from.id
	assert_line "message	$carol_id"
	assert_line "key_request	$bob_id"
}

@test "connect while another command pulls: through the key file" {
	register alice bob
	start alice sentinel-pull -w 30 --type message >"$BATS_TEST_TMPDIR/got"
	puller=$!
	await_lock "$BATS_TEST_TMPDIR/alice.key.pull"
	start alice sentinel-keys connect bob -w 20 >"$BATS_TEST_TMPDIR/a"
	a=$!
	bob sentinel-keys connect alice -w 20 >/dev/null
	wait $a
	[ "$(jq -r .step "$BATS_TEST_TMPDIR/a")" = established ]
	bob sentinel-send alice -m 'to the puller' >/dev/null
	wait $puller
	[ "$(jq -r .body "$BATS_TEST_TMPDIR/got")" = 'to the puller' ]
}

@test "connect takes over when the other puller ends" {
	register alice bob
	: >"$BATS_TEST_TMPDIR/alice.key.pull"
	chmod 600 "$BATS_TEST_TMPDIR/alice.key.pull"
	flock "$BATS_TEST_TMPDIR/alice.key.pull" \
	    sh -c "until [ -e '$BATS_TEST_TMPDIR/enough' ]; do sleep 0.05; done" &
	holder=$!
	STARTED+=("$holder")
	await_lock "$BATS_TEST_TMPDIR/alice.key.pull"
	run --separate-stderr alice sentinel-keys connect bob -w 0.3
	assert_failure 4
	start alice sentinel-keys connect bob -w 20 >"$BATS_TEST_TMPDIR/a"
	a=$!
	start bob sentinel-keys connect alice -w 20 >/dev/null
	b=$!
	: >"$BATS_TEST_TMPDIR/enough"
	wait $holder
	wait $a
	wait $b
	[ "$(jq -r .step "$BATS_TEST_TMPDIR/a")" = established ]
}

@test "connect answers where the peer asked anew beside a live session" {
	handshake
	bob sentinel-keys request alice >/dev/null
	alice sentinel-pull >/dev/null
	[ "$(session alice bob)" = request_received ]
	run alice sentinel-keys connect bob
	[ "$(field .step)" = established ]
	run bob sentinel-keys connect alice -w 5
	[ "$(field .step)" = established ]
	run bob sentinel-pull --get type,session
	assert_output 'key_received	key_received'
	both_ways
}

# --- rotate ------------------------------------------------------------------

@test "rotate: a new prekey; sessions and peers go on" {
	handshake
	old=$(alice sentinel-keys show)
	run alice sentinel-keys rotate
	assert_success
	[ "$(field '"\(.type) \(.id)"')" = "identity $alice_id" ]
	[ "$(jq -n --argjson a "$old" --argjson b "$output" \
	    '$b.issued_at > $a.issued_at')" = true ]
	# identity 32, static 32, prekey 32, signature 64
	part() { # JSON FROM LENGTH
		jq -r .public_key_base64 <<<"$1" | base64 -d |
		    tail -c +"$2" | head -c "$3" | base64 -w 0
	}
	[ "$(part "$old" 1 64)" = "$(part "$output" 1 64)" ]
	[ "$(part "$old" 65 32)" != "$(part "$output" 65 32)" ]
	new=$output
	run alice sentinel-keys rotate --static
	[ "$(part "$new" 1 32)" = "$(part "$output" 1 32)" ]
	[ "$(part "$new" 33 32)" != "$(part "$output" 33 32)" ]
	[ "$(part "$new" 65 32)" != "$(part "$output" 65 32)" ]
	both_ways
	run bob sentinel-keys fetch alice --get status
	assert_output updated
	[ "$(bob sentinel-keys show alice --get public_key_base64)" = \
	    "$(alice sentinel-keys show --get public_key_base64)" ]
	both_ways
}

@test "rotate with its answer lost: the next command completes it" {
	handshake
	for how in '' --static; do
		before=$(bob sentinel-keys show alice --get issued_at)
		# shellcheck disable=SC2086
		rotate_unheard alice $how
		[ "$(alice sentinel-keys show --get issued_at)" = "$before" ]
		run bob sentinel-keys fetch alice --get status,issued_at
		[[ $output == updated* ]]
		alice sentinel-clients >/dev/null
		[ "$(alice sentinel-keys show --get issued_at)" = \
		    "${output#*	}" ]
		both_ways
	done
}

@test "rotate with its answer lost, again: the same keys, not newer ones" {
	register alice bob
	for how in '' --static; do
		# shellcheck disable=SC2086
		rotate_unheard alice $how
		run bob sentinel-keys fetch alice --get public_key_base64
		# shellcheck disable=SC2086
		[ "$(alice sentinel-keys rotate $how \
		    --get public_key_base64)" = "$output" ]
		run bob sentinel-keys fetch alice --get status
		assert_output unchanged
	done
	# a prekey is not what --static asks for
	rotate_unheard alice
	bob sentinel-keys fetch alice >/dev/null
	alice sentinel-keys rotate --static >/dev/null
	run bob sentinel-keys fetch alice --get status
	assert_output updated
	# while a static serves for both
	rotate_unheard alice --static
	bob sentinel-keys fetch alice >/dev/null
	alice sentinel-keys rotate >/dev/null
	run bob sentinel-keys fetch alice --get status
	assert_output unchanged
	alice sentinel-keys connect bob >/dev/null
	bob sentinel-keys connect alice >/dev/null
	alice sentinel-keys connect bob --get step
}

@test "registration and pull after a lost rotation" {
	handshake
	bob sentinel-send alice -m waiting >/dev/null
	rotate_unheard alice --static
	run alice sentinel-register alice --get status
	assert_output already_registered
	rotate_unheard alice --static
	run alice sentinel-pull --get body
	assert_output waiting
	run sqlite3 "$BATS_TEST_TMPDIR/alice.key" \
	    'SELECT state, count(*) FROM own_keys GROUP BY state'
	assert_output '2|1
3|2'
}

@test "rotate without the relay leaves nothing behind" {
	register alice
	before=$(alice sentinel-keys show --get public_key_base64)
	relay_stop
	fault 10 relay_unreachable alice sentinel-keys rotate --timeout 0.3
	run sqlite3 "$BATS_TEST_TMPDIR/alice.key" 'SELECT count(*) FROM own_keys'
	assert_output 1
	relay_restart
	[ "$(alice sentinel-keys show --get public_key_base64)" = "$before" ]
	fault 30 keyfile_missing carol sentinel-keys rotate
}

@test "rotate: a relay that holds a newer bundle refuses it, and it is dropped" {
	register alice bob
	cp "$BATS_TEST_TMPDIR/alice.key" "$BATS_TEST_TMPDIR/old.key"
	alice sentinel-keys rotate >/dev/null
	as old sentinel-keys rotate >/dev/null
	# the first one is older at the relay now; a date it knows is not newer
	bob sentinel-keys fetch alice >/dev/null
	sqlite3 "$BATS_TEST_TMPDIR/old.key" \
	    'UPDATE own_keys SET state = 1, issued_at = 1000, expires_at = 0
	    WHERE state = 3'
	run as old sentinel-clients --get name
	assert_output bob
	run sqlite3 "$BATS_TEST_TMPDIR/old.key" \
	    'SELECT state, count(*) FROM own_keys GROUP BY state'
	assert_output '2|1
3|1'
}

@test "a handshake in each stage goes on across a rotation of either side" {
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	bob sentinel-keys fetch alice >/dev/null
	for who in alice bob; do
		for how in '' --static; do
			for stage in 4 5 7 8 9; do
				[ $stage != 4 ] || rotates $who $how
				alice sentinel-keys request bob >/dev/null
				[ $stage != 5 ] || rotates $who $how
				bob sentinel-pull >/dev/null
				[ $stage != 7 ] || rotates $who $how
				bob sentinel-keys send alice >/dev/null
				[ $stage != 8 ] || rotates $who $how
				alice sentinel-pull >/dev/null
				[ $stage != 9 ] || rotates $who $how
				case $who$how$stage in
				alice--static[78])
					# what she asked with is gone; she has
					# asked anew
					fault 21 no_session \
					    alice sentinel-keys send bob
					bob sentinel-pull >/dev/null
					bob sentinel-keys send alice >/dev/null
					alice sentinel-pull >/dev/null ;;
				esac
				alice sentinel-keys send bob >/dev/null
				[ "$(bob sentinel-pull --type key_received \
				    --get session)" = established ]
				reads alice bob
			done
		done
	done
}

rotates() { # WHO [--static]
	as "$1" sentinel-keys rotate "${@:2}" >/dev/null
}

@test "rotate --static makes unanswered requests anew" {
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	old=$(alice sentinel-keys request bob --get id)
	alice sentinel-keys rotate >/dev/null
	[ "$(alice sentinel-keys request bob --get id)" = "$old" ]
	alice sentinel-keys rotate --static >/dev/null
	new=$(alice sentinel-keys request bob --get id)
	[ "$new" != "$old" ]
	# bob, who has only ever seen the new bundle, can answer
	bob sentinel-pull >/dev/null
	bob sentinel-keys fetch alice >/dev/null
	[ "$(bob sentinel-keys send alice --get id)" = "$new" ]
	alice sentinel-pull >/dev/null
	alice sentinel-keys send bob >/dev/null
	bob sentinel-pull >/dev/null
	both_ways
}

@test "a command that completes a lost rotate --static asks anew, and goes on" {
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	bob sentinel-keys fetch alice >/dev/null
	alice sentinel-keys request bob >/dev/null
	rotate_unheard alice --static
	run alice sentinel-clients --get name
	assert_success
	assert_output bob
	run bob sentinel-pull --get type,session
	assert_output 'key_request	request_received'
	bob sentinel-keys send alice >/dev/null
	alice sentinel-pull >/dev/null
	alice sentinel-keys send bob >/dev/null
	bob sentinel-pull >/dev/null
	both_ways
}

@test "both ask, both rotate in between: no deadlock" {
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	bob sentinel-keys fetch alice >/dev/null
	alice sentinel-keys request bob >/dev/null
	bob sentinel-keys request alice >/dev/null
	alice sentinel-keys rotate --static >/dev/null
	bob sentinel-keys rotate --static >/dev/null
	start alice sentinel-keys connect bob -w 20 >/dev/null
	a=$!
	bob sentinel-keys connect alice -w 20 >/dev/null
	wait $a
	both_ways
}

# --- trust -------------------------------------------------------------------

@test "a name with a new identity: 22 tells which, trust takes that one" {
	handshake
	bob sentinel-send alice -m 'under way' >/dev/null
	number=$(alice sentinel-keys fingerprint bob --get safety_number)
	alice sentinel-keys verify bob "$number" >/dev/null
	alice sentinel-keys alias bob robert >/dev/null
	vacate bob
	new=$(as bob2 sentinel-register bob --get id)
	print=$(as bob2 sentinel-keys fingerprint --get fingerprint)

	fault 22 peer_key_changed alice sentinel-keys fetch bob
	[[ $(jq -r .message <<<"$stderr") == *"$print"* ]]
	[[ $(jq -r .hint <<<"$stderr") == *"sentinel-keys trust bob $print" ]]
	before=$(alice sentinel-keys list)
	fault 2 usage alice sentinel-keys trust bob "${print}0"
	fault 22 peer_key_changed alice sentinel-keys trust bob \
	    "$(tr 0-9a-f 1-9a-f0 <<<"$print")"
	[[ $(jq -r .message <<<"$stderr") == *"$print"* ]]
	fault 20 unknown_peer alice sentinel-keys trust nobody "$print"
	[ "$(alice sentinel-keys list)" = "$before" ]

	run alice sentinel-keys trust bob "${print^^}"
	assert_success
	[ "$(field '[.status, .id, .name, .alias, .verified, .session] | join(" ")')" = \
	    "trusted $new bob robert false none" ]
	run alice sentinel-keys show "$bob_id"
	[ "$(field '[.name, .relay_name, .verified, .session, .alias] | join(" ")')" = \
	    "$bob_id bob false none " ]
	# the old one is heard, and written to no more
	run alice sentinel-pull --get from.id,body
	assert_output "$bob_id	under way"
	fault 21 no_session alice sentinel-send "$bob_id" -m x
	fault 21 no_session alice sentinel-send bob -m x
	run alice sentinel-keys trust bob "$print" --get status,id
	assert_output "trusted	$new"
	alice sentinel-keys connect bob >/dev/null
	as bob2 sentinel-keys connect alice >/dev/null
	run alice sentinel-keys connect robert --get step
	assert_output established
	alice sentinel-send bob -m 'to the new one' >/dev/null
	run as bob2 sentinel-pull --type message --get body
	assert_output 'to the new one'
}

@test "trust where the new identity was fetched by its id before" {
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	vacate bob
	new=$(as bob2 sentinel-register bob --get id)
	run alice sentinel-keys fetch "$new"
	[ "$(field '.name + " " + .relay_name')" = "$new bob" ]
	run alice sentinel-keys trust bob \
	    "$(as bob2 sentinel-keys fingerprint --get fingerprint)"
	[ "$(field '.name + " " + .id')" = "bob $new" ]
	# and a rollback is no new identity
	run alice sentinel-keys list --get id,name
	assert_line "$new	bob"
	assert_line "$bob_id	$bob_id"
}

# --- the relay's key ---------------------------------------------------------

@test "another key of the relay: 11 for every command, until it is trusted" {
	handshake
	bob sentinel-send alice -m kept >/dev/null
	old=${SENTINEL_RELAY#sentinel://}
	old=${old%@*}
	relay_stop
	rm "$RELAY_KEY"
	relay_restart
	new=${SENTINEL_RELAY#sentinel://}
	new=${new%@*}
	for where in "$SENTINEL_RELAY" "${SENTINEL_RELAY#*@}" ''; do
		for command in 'register alice' clients 'keys fetch bob' \
		    'keys request bob' 'keys send bob' 'keys rotate' \
		    'keys rotate --static' 'send bob -m x' pull \
		    "keys trust bob $(printf %064d 0)" \
		    "keys connect carol" 'keys block bob' \
		    "sendfile bob $ROOT/LICENSE" \
		    'register --unregister --yes'; do
			# shellcheck disable=SC2086
			SENTINEL_RELAY=$where fault 11 relay_untrusted \
			    alice sentinel-$command
			[[ $(jq -r .message <<<"$stderr") == *"$new"* ]]
			[[ $(jq -r .hint <<<"$stderr") == \
			    *"sentinel-keys trust-relay "*"$new" ]]
		done
	done
	unset SENTINEL_RELAY
	fault 2 usage alice sentinel-keys trust-relay -- "${new}x"
	run alice sentinel-keys trust-relay -- "$new"
	assert_success
	[ "$(field '"\(.type) \(.status) \(.address)"')" = \
	    "relay trusted sentinel://$new@$RELAY_LISTEN" ]
	run alice sentinel-pull --get body
	assert_output kept
	# the old one is another key now
	fault 11 relay_untrusted alice sentinel-clients \
	    -r "sentinel://$old@$RELAY_LISTEN"
}

# --- names -------------------------------------------------------------------

@test "alias: a second name, by its rules" {
	handshake
	register carol
	alice sentinel-keys fetch carol >/dev/null
	run alice sentinel-keys alias bob robert
	[ "$(field '[.status, .name, .alias] | join(" ")')" = \
	    'aliased bob robert' ]
	alice sentinel-send robert -m hello >/dev/null
	run bob sentinel-pull --type message --get body
	assert_output hello
	for name in self all null 'a b' -- '' "$bob_id" .x; do
		run --separate-stderr alice sentinel-keys alias -- bob "$name"
		assert_failure 2
	done
	fault 36 exists alice sentinel-keys alias carol robert
	fault 36 exists alice sentinel-keys alias carol bob
	fault 20 unknown_peer alice sentinel-keys alias nobody x
	run alice sentinel-keys alias "$bob_id" rob --get alias
	assert_output rob
	fault 20 unknown_peer alice sentinel-keys show robert
	run alice sentinel-keys alias rob bob --get status,alias
	assert_output 'aliased	'
	run alice sentinel-keys alias carol rob --get alias
	assert_output rob
}

@test "alias names a peer whose own name belongs to somebody else" {
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	vacate bob
	new=$(as bob2 sentinel-register bob --get id)
	alice sentinel-keys fetch "$new" >/dev/null
	run alice sentinel-keys alias "$new" bobby --get name,relay_name
	assert_output 'bobby	bob'
}

# --- forget ------------------------------------------------------------------

@test "forget: nothing of the peer is left, and it may begin again" {
	handshake
	bob sentinel-send alice -m 'never read' >/dev/null
	alice sentinel-send bob -m 'sent before' >/dev/null
	alice sentinel-pull --type key_request >/dev/null
	alice sentinel-keys request bob >/dev/null
	run alice sentinel-keys forget bob
	[ "$(field '[.type, .status, .id, .session] | join(" ")')" = \
	    "peer forgotten $bob_id none" ]
	raw=$(tr -d - <<<"$bob_id")
	refute grep -qi "$raw" <(od -An -v -tx1 "$BATS_TEST_TMPDIR/alice.key" |
	    tr -d ' \n')
	run alice sentinel-pull
	assert_output ''
	fault 20 unknown_peer alice sentinel-send bob -m x
	fault 20 unknown_peer alice sentinel-keys forget bob

	# what comes under the former session is a stranger's
	bob sentinel-send alice -m 'to a stranger' >/dev/null
	run --separate-stderr alice sentinel-pull
	assert_failure 24
	[ "$(field '[.type, .error, (.from.known | tostring)] | join(" ")')" = \
	    'undecryptable no_session false' ]
	run bob sentinel-pull --type message --get body
	assert_output 'sent before'
	bob sentinel-keys request alice >/dev/null
	run alice sentinel-pull --get type,authenticated
	assert_output 'key_request	false'
	alice sentinel-keys connect bob >/dev/null
	bob sentinel-pull --type key_received >/dev/null
	bob sentinel-keys send alice >/dev/null
	run alice sentinel-keys connect bob -w 5 --get step
	assert_output established
	both_ways
}
