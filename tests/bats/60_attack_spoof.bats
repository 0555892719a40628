#!/usr/bin/env bats
# Ids and names that are not one's own, sizes that are none, other protocols.

load helper
load tools

setup() {
	relay_start --metrics 127.0.0.1:0
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
	[ "$("$TOOLS/metrics.py" \
	    "$(jq -r .metrics "$BATS_TEST_TMPDIR/relay.ready")" |
	    grep -c '^requests_total{.*result=denied} 1$')" = 8 ]
	relay_stop
	run relay_sql 'SELECT count(*) FROM messages'
	assert_output 1
	relay_restart
	run bob sentinel-pull --get body
	assert_output hello
}

@test "the name or the id of somebody else is not to be had" {
	register alice
	"$TOOLS/rawclient.py" "$SENTINEL_RELAY" usurp "$alice_id" \
	    >"$BATS_TEST_TMPDIR/answers"
	run jq -r '"\(.request) \(.reply) \(.reason)"' "$BATS_TEST_TMPDIR/answers"
	assert_output 'name 9000 5
id 9000 4
bundle 9000 4
bundle, bound 9000 4'
	run bob sentinel-register bob
	assert_success
	run bob sentinel-keys fetch alice --get id
	assert_output "$alice_id"
	[ "$(bob sentinel-clients --name alice | wc -l)" = 1 ]
	run alice sentinel-clients --get name
	assert_line bob
}

@test "frames of one's own making: each has its answer" {
	"$TOOLS/rawclient.py" "$SENTINEL_RELAY" frame zoe 1101 1104:00 \
	    1102:00000000000000000000000000000000 1104 7:0102 \
	    1103:00:2000000 >"$BATS_TEST_TMPDIR/answers"
	run jq -c '[.request, .reply, .reason]' "$BATS_TEST_TMPDIR/answers"
	assert_output '["1101",2101,null]
["1104:00",9000,1]
["1102:00000000000000000000000000000000",9000,6]
["1104",2104,null]
["7:0102",9000,2]
["1103:00:2000000",9000,9]'
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

@test "other protocols on the port: at most the clear refusal, then closed" {
	port=${SENTINEL_RELAY##*:}
	for greeting in 'GET / HTTP/1.1\r\n\r\n' 'SSH-2.0-x\r\n' \
	    '\026\003\001\002\000' 'SNTL\004\001\000\000' \
	    'SNTM' '\000\000\000\000\000\000\000\000'; do
		printf "$greeting" | timeout 5 socat -t 20 STDIO,ignoreeof \
		    "TCP:127.0.0.1:$port" >"$BATS_TEST_TMPDIR/reply"
		run od -An -tx1 "$BATS_TEST_TMPDIR/reply"
		assert_output ' 03 28 23 00 00 00 00'
	done
}
