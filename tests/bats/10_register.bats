#!/usr/bin/env bats
# Registering, and the directory: steps 1 and 2.

load helper
load tools

setup() {
	relay_start
}

@test "register makes a private key file and says who one is" {
	run --separate-stderr alice sentinel-register alice
	assert_success
	[ "$(jq -r '.type + " " + .status + " " + .name' <<<"$output")" = \
	    "registration registered alice" ]
	[ "$(jq -r .relay.trust <<<"$output")" = pinned ]
	[ "$(jq -r .relay.address <<<"$output")" = "$SENTINEL_RELAY" ]
	[ "$(jq -r .keyfile <<<"$output")" = "$BATS_TEST_TMPDIR/alice.key" ]
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/alice.key")" = 600 ]
	[ -z "$stderr" ]
}

@test "the fingerprint is the SHA-256 of the identity key" {
	alice sentinel-register alice >"$BATS_TEST_TMPDIR/out"
	expected=$(jq -r .public_key_base64 "$BATS_TEST_TMPDIR/out" |
	    base64 -d | head -c 32 | sha256sum | cut -d' ' -f1)
	[ "$(jq -r .fingerprint "$BATS_TEST_TMPDIR/out")" = "$expected" ]
}

@test "missing directories above the key file are made, private" {
	unset SENTINEL_KEYFILE
	XDG_DATA_HOME=$BATS_TEST_TMPDIR/data run sentinel-register -i work alice
	assert_success
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/data/sentinel")" = 700 ]
	[ -f "$BATS_TEST_TMPDIR/data/sentinel/work.key" ]
}

@test "registering again binds and says so" {
	id=$(alice sentinel-register alice --get id)
	run alice sentinel-register alice --get status,id
	assert_success
	assert_output "already_registered	$id"
}

@test "a relay that has lost its store learns the identity again" {
	id=$(alice sentinel-register alice --get id)
	relay_stop
	rm -rf "$RELAY_STORE"*
	relay_restart
	run alice sentinel-register alice --get status,id
	assert_success
	assert_output "already_registered	$id"
	run bob sentinel-register bob
	assert_success
	[ "$(bob sentinel-clients --get id)" = "$id" ]
}

@test "a taken name is refused with 36 and can be chosen anew" {
	alice sentinel-register alice
	run --separate-stderr bob sentinel-register alice
	assert_failure 36
	[ "$(jq -r .code <<<"$stderr")" = exists ]
	run bob sentinel-register bob --get name
	assert_output bob
}

@test "64 registrations of one name at once: one wins" {
	pids=()
	for i in $(seq 64); do
		SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/$i.key \
		    sentinel-register same >"$BATS_TEST_TMPDIR/$i.out" \
		    2>"$BATS_TEST_TMPDIR/$i.err" &
		pids+=($!)
	done
	wait "${pids[@]}" || true
	[ "$(cat "$BATS_TEST_TMPDIR"/*.out | grep -c '"status":"registered"')" = 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR"/*.err | grep -c '"code":"exists"')" = 63 ]
}

@test "a key file keeps the name it has: 36" {
	alice sentinel-register alice
	run --separate-stderr alice sentinel-register other
	assert_failure 36
	[ "$(jq -r .exit_code <<<"$stderr")" = 36 ]
}

@test "names that cannot be: 2" {
	for name in '' -- self all null .x -x 'a b' $'a\nb' "$(printf 'é')" \
	    0b2e3c94-1f7a-8c11-95c7-0df0ab0ae712 "$(printf 'a%.0s' {1..255})"; do
		run --separate-stderr alice sentinel-register -- "$name"
		assert_failure 2
		[ "$(jq -r .code <<<"$stderr")" = usage ]
		[ ! -e "$BATS_TEST_TMPDIR/alice.key" ]
	done
}

@test "a relay that is away: 10, and nothing is left behind" {
	relay_stop
	run --separate-stderr alice sentinel-register alice --timeout 0.5
	assert_failure 10
	[ "$(jq -r .code <<<"$stderr")" = relay_unreachable ]
	[ "$(jq -r .retryable <<<"$stderr")" = true ]
	[ ! -e "$BATS_TEST_TMPDIR/alice.key" ]
}

@test "a wrong relay key: 11, and nothing is left behind" {
	wrong="sentinel://AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE@${SENTINEL_RELAY#*@}"
	run --separate-stderr alice sentinel-register alice --relay "$wrong"
	assert_failure 11
	key=${SENTINEL_RELAY#sentinel://}
	[ "$(jq -r .code <<<"$stderr")" = relay_untrusted ]
	jq -r .message <<<"$stderr" | grep -qF -- "${key%@*}"
	[ ! -e "$BATS_TEST_TMPDIR/alice.key" ]
}

@test "an address without a key needs --tofu" {
	bare=${SENTINEL_RELAY#*@}
	run --separate-stderr alice sentinel-register alice --relay "$bare"
	assert_failure 11
	[ ! -e "$BATS_TEST_TMPDIR/alice.key" ]
	run --separate-stderr alice sentinel-register alice --relay "$bare" \
	    --tofu --get relay.trust,relay.address
	assert_success
	assert_output "first_use	$SENTINEL_RELAY"
	[ "$(jq -r .type <<<"$stderr")" = warning ]
	run --separate-stderr alice sentinel-register alice --tofu -q \
	    --get relay.trust
	assert_output pinned
	[ -z "$stderr" ]
	# the key is pinned now, and a later address needs none
	run alice sentinel-clients --relay "$bare"
	assert_success
}

@test "a relay with another key than the pinned one: 11 for every command" {
	alice sentinel-register alice
	bob sentinel-register bob
	before=$(sha256sum <"$BATS_TEST_TMPDIR/alice.key")
	relay_stop
	rm "$RELAY_KEY"
	relay_restart
	for command in 'sentinel-register alice' sentinel-clients \
	    'sentinel-keys fetch bob' sentinel-pull; do
		unset SENTINEL_RELAY
		run --separate-stderr alice $command
		assert_failure 11
	done
	[ "$(sha256sum <"$BATS_TEST_TMPDIR/alice.key")" = "$before" ]
}

@test "no relay given: 2; a bad address: 2" {
	unset SENTINEL_RELAY
	run --separate-stderr alice sentinel-register alice
	assert_failure 2
	run --separate-stderr alice sentinel-register alice -r sentinel://h:1
	assert_failure 2
}

@test "clients lists the others and leaves oneself out" {
	alice sentinel-register alice
	run alice sentinel-clients
	assert_success
	assert_output ''
	id=$(bob sentinel-register bob --get id)
	carol sentinel-register carol
	run alice sentinel-clients --name bob
	[ "$(jq -r '.id + " " + .name + " " + .session' <<<"$output")" = \
	    "$id bob none" ]
	[ "$(jq -c '[.known, .verified]' <<<"$output")" = '[false,false]' ]
	[ "$(alice sentinel-clients | wc -l)" = 2 ]
	run alice sentinel-clients --name nobody
	assert_success
	assert_output ''
}

@test "600 clients come over several pages, each once" {
	alice sentinel-register alice
	relay_stop
	relay_sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1
	    FROM n WHERE i < 600) INSERT INTO clients (ID, userName, publicKey,
	    issuedAt, lastSeen) SELECT randomblob(16), 'user' || i,
	    zeroblob(160), 1, 1 FROM n"
	relay_restart
	alice sentinel-clients --get id >"$BATS_TEST_TMPDIR/ids"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/ids")" = 600 ]
	[ "$(sort -u "$BATS_TEST_TMPDIR/ids" | wc -l)" = 600 ]
}
