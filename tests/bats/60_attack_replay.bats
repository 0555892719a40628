#!/usr/bin/env bats
# Streams and messages that are played again, or that nobody asked for.

load helper
load tools

setup() {
	relay_start --metrics 127.0.0.1:0
}

# dump NAME [TABLE...]: what a key file says, but for when the relay was met
dump() {
	cp "$BATS_TEST_TMPDIR/$1.key" "$BATS_TEST_TMPDIR/copy"
	sqlite3 "$BATS_TEST_TMPDIR/copy" 'UPDATE self SET last_contact = 0' \
	    ".dump ${*:2}" | sha256sum
}

hex() {
	od -An -v -tx1 | tr -d ' \n'
}

# letter ID TYPE HEAD SIZE: the payload of a 1103, random but for the head,
# in hex
letter() {
	printf '%s%02x%02x%02x0000%s' "${1//-/}" "$2" $(($4 & 255)) \
	    $(($4 >> 8)) "$3"
	head -c $(($4 - ${#3} / 2)) /dev/urandom | hex
}

@test "the whole stream of a client, again: ends at message 3" {
	handshake
	proxy_start --record "$BATS_TEST_TMPDIR/sent"
	alice sentinel-send bob -m once -r "$PROXY_RELAY"
	size=$(proxy_passed 1)
	proxy_stop
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/sent")" = "${size% *}" ]
	refusals() {
		"$TOOLS/metrics.py" \
		    "$(jq -r .metrics "$BATS_TEST_TMPDIR/relay.ready")" \
		    'handshakes_total{result=failed}'
	}

	[ "$(refusals)" = 0 ]
	proxy_start "up:replay:$BATS_TEST_TMPDIR/sent"
	for i in 1 2 3; do
		timeout 10 socat -u "TCP:127.0.0.1:${PROXY_RELAY##*:}" - || true
		# message 2 at most
		[[ $(proxy_passed $i) =~ ^0\ (0|114)$ ]]
		[ "$(refusals)" = $i ]
	done
	relay_stop
	run relay_sql 'SELECT count(*) FROM messages'
	assert_output 1
}

@test "one stream of a client within another: ends at the first wrong record" {
	handshake
	proxy_start --record "$BATS_TEST_TMPDIR/sent"
	alice sentinel-send bob -m once -r "$PROXY_RELAY"
	proxy_passed 1
	proxy_stop
	# what followed the handshake, without the close
	tail -c +125 "$BATS_TEST_TMPDIR/sent" >"$BATS_TEST_TMPDIR/tail"
	proxy_start "up:splice:124:$BATS_TEST_TMPDIR/tail"
	fault 10 relay_unreachable alice sentinel-send bob -m twice \
	    -r "$PROXY_RELAY"
	proxy_stop
	relay_stop
	run relay_sql 'SELECT count(*) FROM messages'
	assert_output 1
}

@test "a key that nobody asked for changes nothing" {
	handshake
	"$TOOLS/rawclient.py" "$SENTINEL_RELAY" frame mallory 1101 >/dev/null
	bob sentinel-keys fetch mallory
	before=$(dump bob)
	# an (02) and a (03)
	run "$TOOLS/rawclient.py" "$SENTINEL_RELAY" frame mallory \
	    "1103:$(letter "$bob_id" 2 03020000 140)" \
	    "1103:$(letter "$bob_id" 2 03030000 108)"
	[ "$(field .reply | xargs)" = '2103 2103' ]
	run bob sentinel-pull
	assert_success
	assert_output ''
	[ "$(dump bob)" = "$before" ]
	relay_stop
	run relay_sql 'SELECT count(*) FROM messages'
	assert_output 0
}

@test "all types with all contents: only what belongs together is taken" {
	handshake
	tables='self own_keys peers shakes finished sessions skipped outbox'
	for known in false true; do
		before=$(dump bob $tables)
		"$TOOLS/rawclient.py" "$SENTINEL_RELAY" types "$bob_id" \
		    >"$BATS_TEST_TMPDIR/answers"
		run jq -sc 'map(select(.reply == 2103).request[0]) | unique' \
		    "$BATS_TEST_TMPDIR/answers"
		assert_output '[1,2,3,4]'
		run jq -sc 'map(select(.reply != 2103) | [.reply, .reason]) |
		    [length, unique]' "$BATS_TEST_TMPDIR/answers"
		assert_output '[1008,[[9000,1]]]'
		# each content once, under whatever type it did not belong to;
		# the request under its own
		run --separate-stderr bob sentinel-pull
		assert_failure 3
		[ "$(field '"\(.type) \(.error // .authenticated)"' | sort |
		    uniq -c | xargs)" = \
		    "1 key_request $known 4 undecryptable malformed" ]
		[ "$known" = true ] || [ "$(dump bob $tables)" = "$before" ]
		bob sentinel-keys fetch mallory
	done
	# the session that was there still is
	alice sentinel-send bob -m 'all is well'
	run bob sentinel-pull --get body
	assert_output 'all is well'
}
