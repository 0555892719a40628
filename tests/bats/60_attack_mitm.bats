#!/usr/bin/env bats
# Somebody between client and relay: with a key of their own, or with the
# records of the two, lost, twice, in another order, damaged or cut.

load helper
load tools

setup() {
	relay_start
}

# every networked command of alice, one a line
commands() {
	cat <<-EOF
	sentinel-register alice
	sentinel-clients
	sentinel-keys fetch $bob_id
	sentinel-keys request bob
	sentinel-keys send bob
	sentinel-keys connect carol
	sentinel-keys block bob
	sentinel-keys rotate
	sentinel-send bob -m text
	sentinel-sendfile bob $ROOT/LICENSE
	sentinel-pull
	sentinel-register --unregister --yes
	EOF
}

# the relay's messages, which nobody must have acted on
assert_messages() {
	relay_stop
	run relay_sql 'SELECT count(*) FROM messages'
	assert_output "$1"
	relay_restart
}

# a session, and in $text one of several Noise records
long_text() {
	handshake
	text=$BATS_TEST_TMPDIR/text
	head -c 300000 /dev/zero | tr '\0' x >"$text"
}

@test "another key ends the Noise session: 11, and nothing of us is told" {
	handshake
	relay_stop
	mv "$RELAY_KEY" "$RELAY_KEY.true"
	relay_restart
	proxy_start
	before=$(sha256sum "$BATS_TEST_TMPDIR/alice.key")
	n=0
	while read -r command; do
		# preamble and message 1, no message 3
		fault 11 relay_untrusted alice $command -r "${PROXY_RELAY#*@}"
		n=$((n + 1))
		assert_equal "$(proxy_passed $n)" '42 114'
	done < <(commands)
	[ $n = 12 ]
	[ "$(sha256sum "$BATS_TEST_TMPDIR/alice.key")" = "$before" ]

	relay_stop
	mv "$RELAY_KEY.true" "$RELAY_KEY"
	relay_restart
	alice sentinel-send bob -m 'all is well'
	run bob sentinel-pull --get body
	assert_output 'all is well'
}

@test "without a key file: the key of the address, or none and no --tofu" {
	proxy_start
	wrong=sentinel://AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE
	fault 11 relay_untrusted alice sentinel-register alice \
	    -r "$wrong@${PROXY_RELAY#*@}"
	assert_equal "$(proxy_passed 1)" '42 114'
	fault 11 relay_untrusted alice sentinel-register alice \
	    -r "${PROXY_RELAY#*@}"
	assert_equal "$(proxy_passed 2)" '42 114'
	[ ! -e "$BATS_TEST_TMPDIR/alice.key" ]
}

@test "an address that contradicts the pin is not even tried" {
	register alice bob
	alice sentinel-keys fetch bob
	proxy_start
	wrong=sentinel://AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE
	while read -r command; do
		fault 11 relay_untrusted alice $command \
		    -r "$wrong@${PROXY_RELAY#*@}"
	done < <(commands | grep -v 'send bob')
	alice sentinel-clients -r "$PROXY_RELAY"
	# the first that it has seen
	run proxy_passed 1
	refute_output '42 114'
}

@test "the relay closes at the first wrong record, nothing has happened" {
	long_text
	printf %100s >"$BATS_TEST_TMPDIR/alien"
	for mode in drop-record:4 repeat-record:4 swap-records:4 flip:100000 \
	    "splice:100000:$BATS_TEST_TMPDIR/alien" cut:300000 reset:300000; do
		proxy_start "up:$mode"
		SECONDS=0
		fault 10 relay_unreachable alice sentinel-send bob \
		    -r "$PROXY_RELAY" --timeout 20 <"$text"
		# closed, not waited for
		[ $SECONDS -lt 10 ]
		proxy_stop
	done
	assert_messages 0
	alice sentinel-send bob -m 'all is well'
	run bob sentinel-pull --get seq,size_bytes
	assert_output '0	300000
1	11'
}

@test "records mangled among others: what stands before them counts, no more" {
	register bob
	"$TOOLS/rawclient.py" "$SENTINEL_RELAY" records "$bob_id" \
	    >"$BATS_TEST_TMPDIR/answers"
	run jq -r .request "$BATS_TEST_TMPDIR/answers"
	assert_output 'drop
repeat
swap
damage'
	relay_stop
	run relay_sql "SELECT count(*) FROM messages
	    WHERE content <> CAST('right' AS BLOB)"
	assert_output 0
}

@test "a pull mangled inside its list prints and acknowledges nothing" {
	long_text
	for _ in 1 2 3; do
		alice sentinel-send bob <"$text"
	done
	printf %100s >"$BATS_TEST_TMPDIR/alien"
	for mode in drop-record:7 repeat-record:7 swap-records:7 flip:400000 \
	    "splice:400000:$BATS_TEST_TMPDIR/alien" cut:115 cut:65700 \
	    cut:300500 cut:600000 cut:900000 reset:600000; do
		proxy_start "down:$mode"
		SECONDS=0
		fault 10 relay_unreachable bob sentinel-pull \
		    -r "$PROXY_RELAY" --timeout 20
		assert_output ''
		[ $SECONDS -lt 10 ]
		# hello, finish and the one request
		assert_equal "$(proxy_passed 1 | cut -d ' ' -f 1)" 182
		proxy_stop
	done
	assert_messages 3
	run bob sentinel-pull --get seq,size_bytes
	assert_output '0	300000
1	300000
2	300000'
	assert_messages 0
}

@test "cut before message 2 each time: 10 when the time is over" {
	handshake
	for mode in up:cut:0 up:cut:41 down:cut:0 down:cut:1 down:cut:113 \
	    down:reset:113; do
		proxy_start $mode
		for command in sentinel-clients 'sentinel-send bob -m text'; do
			SECONDS=0
			fault 10 relay_unreachable alice $command \
			    -r "$PROXY_RELAY" --timeout 0.3
			[ "$(jq 'has("in_doubt")' <<<"$stderr")" = false ]
			[ $SECONDS -lt 3 ]
		done
		# and it has not given up at once
		proxy_passed 4
		proxy_stop
	done
	run bob sentinel-pull
	assert_output ''
}

@test "cut before message 2 once: it calls again" {
	register alice bob
	for mode in up:cut:0 up:reset:41 down:cut:0 down:reset:113; do
		proxy_start --only 1 $mode
		run alice sentinel-clients --get name -r "$PROXY_RELAY"
		assert_success
		assert_output bob
		proxy_passed 2
		proxy_stop
	done
}
