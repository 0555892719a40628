#!/usr/bin/env bats
# Relays that are not the pinned one, ids that are not one's own, streams
# that are played again.

load helper
load tools

setup() {
	relay_start
}

@test "a wrong relay learns nothing: 42 bytes, no identity among them" {
	alice sentinel-register alice
	bob sentinel-register bob
	alice sentinel-keys fetch bob
	proxy_start --record "$BATS_TEST_TMPDIR/sent"
	wrong="sentinel://AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE@${PROXY_RELAY#*@}"
	for command in 'sentinel-register carol' 'sentinel-register alice' \
	    sentinel-clients 'sentinel-keys fetch bob' \
	    'sentinel-keys request bob' sentinel-pull; do
		: >"$BATS_TEST_TMPDIR/sent"
		case $command in
		*carol)	run --separate-stderr carol $command -r "$wrong" ;;
		*)	run --separate-stderr alice $command -r "$wrong" ;;
		esac
		assert_failure 11
		[ "$(jq -r .code <<<"$stderr")" = relay_untrusted ]
	done
	# the first one went to the relay; an address that contradicts the
	# pin is refused before a connection is made
	[ ! -s "$BATS_TEST_TMPDIR/sent" ]
	run --separate-stderr carol sentinel-register carol -r "$wrong"
	assert_failure 11
	sleep 0.2
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/sent")" = 42 ]
	proxy_stop
}

@test "a key exchanged behind the pin: 11 after message 2, nothing told" {
	alice sentinel-register alice
	relay_stop
	rm "$RELAY_KEY"
	relay_restart
	proxy_start --record "$BATS_TEST_TMPDIR/sent"
	before=$(sha256sum <"$BATS_TEST_TMPDIR/alice.key")
	run --separate-stderr alice sentinel-clients -r "${PROXY_RELAY#*@}"
	assert_failure 11
	sleep 0.2
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/sent")" = 42 ]
	[ "$(sha256sum <"$BATS_TEST_TMPDIR/alice.key")" = "$before" ]
	proxy_stop
}

@test "the id of another client in a header: refused for every code" {
	handshake
	alice sentinel-send bob -m hello
	id=$(bob sentinel-keys show --get id)
	"$TOOLS/rawclient.py" "$SENTINEL_RELAY" spoof "$id" \
	    >"$BATS_TEST_TMPDIR/answers"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/answers")" = 8 ]
	[ "$(jq -c '[.reply, .reason]' "$BATS_TEST_TMPDIR/answers" |
	    sort -u)" = '[9000,4]' ]
	relay_stop
	run relay_sql 'SELECT count(*) FROM messages'
	assert_output 1
	relay_restart
	run bob sentinel-pull --get body
	assert_output hello
}

@test "wrong sizes: typed refusals, the channel goes on where it may" {
	"$TOOLS/rawclient.py" "$SENTINEL_RELAY" sizes >"$BATS_TEST_TMPDIR/answers"
	run jq -r 'select(.reply != 9000) | "\(.request) \(.reply)"' \
	    "$BATS_TEST_TMPDIR/answers"
	assert_output 'still good 2101'
	run jq -r 'select(.request | tostring | startswith("announced")).reason' \
	    "$BATS_TEST_TMPDIR/answers"
	assert_output '9
9
9
9'
	run jq -r 'select(.request == "version 2").reason' \
	    "$BATS_TEST_TMPDIR/answers"
	assert_output 2
	relay_stop
	run relay_sql 'SELECT count(*) FROM messages'
	assert_output 0
}

@test "a replayed stream does nothing" {
	handshake
	proxy_start --record "$BATS_TEST_TMPDIR/sent"
	alice sentinel-send bob -m once -r "$PROXY_RELAY"
	proxy_stop
	port=${SENTINEL_RELAY##*:}
	for _ in 1 2 3; do
		timeout 10 socat -t 3 - "TCP:127.0.0.1:$port" \
		    <"$BATS_TEST_TMPDIR/sent" >"$BATS_TEST_TMPDIR/reply" || true
		# message 2 at most, and nothing after it
		[ "$(stat -c %s "$BATS_TEST_TMPDIR/reply")" -le 114 ]
	done
	relay_stop
	run relay_sql 'SELECT count(*) FROM messages'
	assert_output 1
}

@test "other protocols on the port: at most the clear refusal, then closed" {
	port=${SENTINEL_RELAY##*:}
	for greeting in 'GET / HTTP/1.1\r\n\r\n' 'SSH-2.0-x\r\n' \
	    '\026\003\001\002\000' 'SNTL\004\001\000\000' \
	    'SNTM' '\000\000\000\000\000\000\000\000'; do
		printf "$greeting" | timeout 10 socat -t 3 - \
		    "TCP:127.0.0.1:$port" >"$BATS_TEST_TMPDIR/reply" || true
		run od -An -tx1 "$BATS_TEST_TMPDIR/reply"
		assert_output ' 03 28 23 00 00 00 00'
	done
}
