#!/usr/bin/env bats
# The protocol itself: other versions of it, things out of their order,
# messages that say what the channel they came by denies, requests for a key
# that no honest client makes.

load helper
load tools

setup() {
	relay_start --bind-timeout 60s
}

# how the relay answers these bytes, as printf has them, in hex; it has to
# close by itself, with all its patience left
said() {
	{ printf "$1" | timeout 5 socat -t 20 STDIO,ignoreeof \
	    "TCP:127.0.0.1:${SENTINEL_RELAY##*:}" || echo open; } | od -An -v -tx1 | tr -d ' \n'
}

@test "no other version, pattern or flag: refused at the first byte that differs" {
	preamble=('S' 'N' 'T' 'L' '\003' '\001' '\000' '\000')
	for at in 0 1 2 3 4 5 6 7; do
		for byte in '\002' '\004' '\377'; do
			start=$(printf %s "${preamble[@]:0:at}")
			[ "$(said "$start$byte")" = 03282300000000 ] ||
			    fail "byte $at: $byte"
		done
	done
	alice sentinel-register alice
}

@test "whoever else answers on the relay's port: 14, and no second try" {
	run "$TOOLS/edges.py" strangers "$SENTINEL_BIN" "$SENTINEL_TOOLS/peak" \
	    "$BATS_TEST_TMPDIR/alice.key"
	assert_success
	assert_output 'the refusal: 14, 1 call
version 2: 14, 1 call
HTTP: 14, 1 call
SSH: 14, 1 call
zeros: 14, 1 call'
}

@test "out of order, under another id, over another's channel: refused" {
	register bob
	run "$TOOLS/steps.py" order "$SENTINEL_RELAY" "$bob_id"
	assert_success
	assert_output "1101 before 1100: refused(3), then closed
1102 before 1100: refused(3), then closed
1103 before 1100: refused(3), then closed
1104 before 1100: refused(3), then closed
1105 before 1100: refused(3), then closed
1106 before 1100: refused(3), then closed
1107 before 1100: refused(3), then closed
1100 of more than 1024 bytes: refused(9)
1100 under another id: refused(4)
message 3 with another's id, 1104: refused(3)
message 3 with another's id, 1100: refused(4)
1100 over the channel of another static: refused(4)
1100: taken, then 1101 on the same channel: closed
1103 after the close: closed
1103 with a close in it: closed"
	relay_stop
	run relay_sql 'SELECT count(*) FROM messages'
	assert_output 0
}

@test "requests for a key that are dated, marked or bound otherwise: no answer" {
	register bob
	"$TOOLS/steps.py" requests "$SENTINEL_RELAY" "$bob_id" \
	    >"$BATS_TEST_TMPDIR/sent"
	run bob sentinel-pull --get type,authenticated
	[ "$(sort -u <<<"$output")" = 'key_request	false' ]
	while read -r id what; do
		bob sentinel-keys fetch "$id" >/dev/null
		run bob "$SENTINEL_BIN/sentinel-keys" send "$id"
		echo "$what: $status"
	done <"$BATS_TEST_TMPDIR/sent" >"$BATS_TEST_TMPDIR/answered"
	run cat "$BATS_TEST_TMPDIR/answered"
	assert_output 'honest: 0
23 hours ahead: 0
25 hours ahead: 21
dated 2^64 - 1: 21
a flag: 21
the last flag: 21
a reserved byte: 21
another bundle of ours: 21
a bundle that was never theirs: 21
made for somebody else: 21'
}
