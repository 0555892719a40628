#!/usr/bin/env bats
# More than one message a command: several peers, lines, batches; ids that
# count once.

load helper
load tools

ID=0190a5c0-1111-7222-8333-444444444444

setup() {
	relay_start
	handshake
}

# brief: of the records in $output, what scripts look at
brief() {
	jq -r '[.status, .line, .to.name, .ref, .error.code] | map(. // "-") |
	    join(" ")' <<<"$output"
}

# got NAME: the bodies that NAME receives, a line each
got() {
	as "$1" sentinel-pull --type message | jq -r .body
}

@test "several peers: a record each, and each gets it" {
	register carol
	carol sentinel-keys fetch bob alice
	handshake_with carol
	run alice sentinel-send bob carol "$bob_id" -m hello
	assert_success
	run brief
	assert_output 'accepted - bob - -
accepted - carol - -
accepted - bob - -'
	[ "$(got bob)" = $'hello\nhello' ]
	[ "$(got carol)" = hello ]
}

@test "what of the key file cannot be read ends all, before any has gone" {
	register carol
	alice sentinel-keys fetch carol
	sqlite3 "$BATS_TEST_TMPDIR/alice.key" "UPDATE peers SET
	    pin = zeroblob(length(pin)) WHERE id = x'${carol_id//-/}'"
	run --separate-stderr alice sentinel-send bob "$carol_id" bob -m hello
	assert_failure 32
	[ "$(field '"\(.status) \(.error.code)"' | sort -u)" = \
	    'failed keyfile_corrupt' ]
	[ "$(got bob)" = '' ]
	alice sentinel-send bob -m again
	[ "$(got bob)" = again ]
}

# handshake_with NAME: alice is registered already
handshake_with() {
	as alice sentinel-keys fetch "$1"
	as alice sentinel-keys request "$1"
	as "$1" sentinel-pull
	as "$1" sentinel-keys fetch alice
	as "$1" sentinel-keys send alice
	as alice sentinel-pull
	as alice sentinel-keys send "$1"
	as "$1" sentinel-pull
}

@test "of several peers one fails alone: 3; all: the last one's status" {
	run --separate-stderr alice sentinel-send nobody bob -m hello
	assert_failure 3
	[ "$(jq -r '.code, .message' <<<"$stderr" | xargs)" = \
	    'partial 1 of 2 failed' ]
	run brief
	assert_output 'failed - nobody - unknown_peer
accepted - bob - -'
	[ "$(got bob)" = hello ]
	fault 20 unknown_peer alice sentinel-send nobody nemo -m hello
	run brief
	assert_output 'failed - nobody - unknown_peer
failed - nemo - unknown_peer'
	# one message to one peer that fails is told on stderr alone
	fault 20 unknown_peer alice sentinel-send nobody -m hello
	assert_output ''
}

@test "-l: a message a line, the last one with or without its newline" {
	run alice sentinel-send -l bob < <(printf 'one\n\ntwo\r\n three')
	assert_success
	[ "$(brief)" = 'accepted 1 bob - -
accepted 2 bob - -
accepted 3 bob - -
accepted 4 bob - -' ]
	run bob sentinel-pull
	[ "$(jq -c .body <<<"$output" | xargs -d '\n')" = \
	    '"one" "" "two\r" " three"' ]
	run alice sentinel-send -l bob </dev/null
	assert_success
	assert_output ''
}

@test "-0: a message up to each NUL; --chomp leaves a newline out" {
	run alice sentinel-send -0 bob < <(printf 'a\nb\n\0c\n\n\0d')
	assert_success
	run alice sentinel-send -0 --chomp bob < <(printf 'a\nb\n\0c\n\n\0d\0')
	assert_success
	run bob sentinel-pull
	[ "$(jq -c .body <<<"$output" | xargs -d '\n')" = \
	    '"a\nb\n" "c\n\n" "d" "a\nb" "c\n" "d"' ]
	echo hello | alice sentinel-send --chomp bob
	echo hello | alice sentinel-send bob
	alice sentinel-send --chomp bob -m $'\n'
	run bob sentinel-pull
	[ "$(jq -c .body <<<"$output" | xargs -d '\n')" = '"hello" "hello\n" ""' ]
}

@test "-b: who, what, an id of one's own, a reference" {
	run alice sentinel-send -b <<-EOF
	{"to":"bob","body":"grüß\tdich","ref":"a b"}
	{"to":["$bob_id","bob"],"body_base64":"AP8=","ref":9007199254740991}
	{"body":"","to":"bob","id":"$ID","in_reply_to":"$bob_id","ref":0}
	EOF
	assert_success
	[ "$(brief)" = 'accepted 1 bob a b -
accepted 2 bob 9007199254740991 -
accepted 2 bob 9007199254740991 -
accepted 3 bob 0 -' ]
	[ "$(tail -n 1 <<<"$output" | jq -r .id)" = "$ID" ]
	run bob sentinel-pull
	[ "$(jq -c '[.body_base64 // .body, .in_reply_to]' <<<"$output")" = \
	    "[\"grüß\\tdich\",null]
[\"AP8=\",null]
[\"AP8=\",null]
[\"\",\"$bob_id\"]" ]
	[ "$(jq -r .id <<<"$output" | tail -n 1)" = "$ID" ]
}

@test "a line to more peers than go at once" {
	jq -nc '{to: [range(150) | "bob"], body: "x", ref: 1},
	    {to: ["bob", "bob"], body: "y", ref: 2}' >"$BATS_TEST_TMPDIR/in"
	alice sentinel-send -b --get line,ref,status,seq \
	    <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out"
	for ((n = 0; n < 152; n++)); do
		printf "%d\t%d\taccepted\t%d\n" $((1 + n / 150)) $((1 + n / 150)) $n
	done | cmp - "$BATS_TEST_TMPDIR/out"
	[ "$(got bob | xargs)" = "$(yes x | head -n 150 | xargs) y y" ]
}

@test "2000 lines: a record each, in order, and so they arrive" {
	seq 2000 | alice sentinel-send -l bob --get line,seq \
	    >"$BATS_TEST_TMPDIR/out"
	seq 2000 | awk '{ print $1 "\t" $1 - 1 }' | cmp - "$BATS_TEST_TMPDIR/out"
	bob sentinel-pull --get body | cmp - <(seq 2000)
}

@test "-R and --content-type arrive" {
	alice sentinel-send bob -m hi -R "$ID" --content-type 'text/markdown; x'
	run bob sentinel-pull --get in_reply_to,content_type,body
	assert_output "$ID	text/markdown; x	hi"
	printf 'a\nb\n' | alice sentinel-send bob -l -R "$ID" --content-type t
	run bob sentinel-pull --get in_reply_to,content_type,body
	assert_output "$ID	t	a
$ID	t	b"
}

@test "--id: the same again is a duplicate, and nothing goes out twice" {
	run alice sentinel-send bob -m once --id "${ID^^}"
	[ "$(field '.status + " " + .id')" = "accepted $ID" ]
	sent=$(field '[.seq, .sent_at]')
	run alice sentinel-send bob -m twice --id "$ID"
	assert_success
	[ "$(field .status)" = duplicate ]
	[ "$(field '[.seq, .sent_at]')" = "$sent" ]
	# that is known without the relay, and in a batch
	relay_stop
	run alice sentinel-send bob -m thrice --id "$ID"
	[ "$(field .status)" = duplicate ]
	relay_restart
	run alice sentinel-send -b <<-EOF
	{"to":"bob","body":"x","id":"$ID"}
	{"to":"bob","body":"y","id":"${ID/4444/5555}"}
	{"to":"bob","body":"z","id":"${ID/4444/5555}"}
	EOF
	[ "$(field .status | xargs)" = 'duplicate accepted duplicate' ]
	[ "$(got bob)" = $'once\ny' ]
	# to each peer its own
	fault 21 no_session bob sentinel-send "$(bob_knows carol)" -m x --id "$ID"
}

# bob_knows NAME: a new client that bob has fetched
bob_knows() {
	register "$1" >/dev/null
	bob sentinel-keys fetch "$1" >/dev/null
	echo "$1"
}

@test "a relay that is another one ends a batch: 11" {
	seq 200 >"$BATS_TEST_TMPDIR/in"
	relay_stop
	rm "$RELAY_KEY"
	relay_restart
	fault 11 relay_untrusted alice sentinel-send -l bob <"$BATS_TEST_TMPDIR/in"
	[ "${#lines[@]}" = 64 ]
	[ "$(field .error.code | sort -u)" = relay_untrusted ]
}

@test "--require-verified: 23 until the number was compared" {
	fault 23 peer_not_verified alice sentinel-send bob -m x --require-verified
	number=$(alice sentinel-keys fingerprint bob --get safety_number)
	alice sentinel-keys verify bob "$number"
	alice sentinel-send bob -m x --require-verified
	[ "$(got bob)" = x ]
}

@test "options that do not go together, or make no sense: 2" {
	for options in '-l -m x bob' '-l -0 bob' '-b -l' '-b bob' \
	    "-b --id $ID" "-l --id $ID bob" "-b -R $ID" '-l' '-m x' \
	    '-m x --id 7 bob' '-m x -R 7 bob' '-m x --content-type= bob' \
	    '-m x --content-type=é bob'; do
		fault 2 usage alice sentinel-send $options </dev/null
		assert_output ''
	done
	[ "$(got bob)" = '' ]
}

@test "a line that makes no sense fails alone, whatever it is" {
	python3 - >"$BATS_TEST_TMPDIR/in" <<-'EOF'
	import sys
	good = b'{"to":"bob","body":"%d"}'
	bad = [
	    b"", b"x", b"null", b"[]", b'"to"', b"{}", b'{"to":"bob"}',
	    b'{"body":"x"}', b'{"to":"bob","body":"x"} {}',
	    b'{"to":"bob","body":"x","body":"y"}',
	    b'{"to":"bob","to":"alice","body":"x"}',
	    b'{"to":"bob","body":"x","body_base64":"eA=="}',
	    b'{"to":[],"body":"x"}', b'{"to":"","body":"x"}',
	    b'{"to":["bob",""],"body":"x"}', b'{"to":["bob",7],"body":"x"}',
	    b'{"to":{"bob":1},"body":"x"}', b'{"to":"bob","body":7}',
	    b'{"to":"bob","body":null}', b'{"to":"bob","body":"a\\u0000b"}',
	    b'{"to":"bob","body":"\\ud800"}', b'{"to":"bob","body":"\xff"}',
	    b'{"to":"bob","body":"a\0b"}', b'{"to":"bob","body":"a\x01b"}',
	    b'{"to":"bob","body_base64":"eA="}',
	    b'{"to":"bob","body_base64":"eB=="}',
	    b'{"to":"bob","body_base64":"e A=="}',
	    '{"to":"bob","body_base64":"éA=="}'.encode(),
	    b'{"to":"bob","body":"x","id":"7"}',
	    b'{"to":"bob","body":"x","id":7}',
	    b'{"to":"bob","body":"x","in_reply_to":"bob"}',
	    b'{"to":"bob","body":"x","ref":1e999}',
	    b'{"to":"bob","body":"x","ref":1.5}',
	    b'{"to":"bob","body":"x","ref":-1}',
	    b'{"to":"bob","body":"x","ref":9223372036854775808}',
	    b'{"to":"bob","body":"x","ref":9007199254740992}',
	    b'{"to":"bob","body":"x","ref":[1]}',
	    b'{"to":"bob","body":"x","ref":"' + b"r" * 1025 + b'"}',
	    b'{"to":"bob","body":"x","from":"eve"}',
	    b'\xef\xbb\xbf{"to":"bob","body":"x"}',
	    b'{"to":"bob","body":"x","ref":' + b"[" * 4000 + b"]" * 4000 + b"}",
	    b'{"to":"bob","body":"' + b"x" * 1048577 + b'"}',
	]
	for n, line in enumerate(bad):
	    sys.stdout.buffer.write(good % n + b"\n" + line + b"\n")
	EOF
	run --separate-stderr alice sentinel-send -b <"$BATS_TEST_TMPDIR/in"
	assert_failure 3
	n=$(($(wc -l <"$BATS_TEST_TMPDIR/in") / 2))
	[ "$n" = 42 ]
	jq -es --argjson n "$n" '[range(2 * $n) | . + 1] == [.[].line] and
	    all(.[]; (.status == "accepted") == (.line % 2 == 1)) and
	    all(.[] | select(.line % 2 == 0);
	        .status == "failed" and .error.code == "usage")' <<<"$output"
	# no word of theirs is repeated
	refute_output --partial eve
	[ "$(got bob)" = "$(seq 0 $((n - 1)))" ]
	# nothing but such: 2
	fault 2 usage alice sentinel-send -b <<<'{"to":'
}

@test "bounded memory and time whatever standard input holds" {
	local in=$BATS_TEST_TMPDIR/in limit=65536 seconds=1

	case $SENTINEL_BIN in
	*/asan/* | */tsan/*) limit=500000 seconds=12 ;;
	esac
	for make in "b'x' * 100000000" "b'[' * 6000000" \
	    "b'{\"to\":[' + b'\"a\",' * 1500000 + b'\"\"]}'" \
	    "b'{\"ref\":[' + b'{},' * 1500000 + b'0]}'" \
	    "(b'[' + b'{},' * 9000 + b'0]\n') * 200" \
	    "b'\n' * 3000"; do
		python3 -c "import sys; sys.stdout.buffer.write($make)" >"$in"
		run --separate-stderr as alice prlimit --cpu=$seconds \
		    "$SENTINEL_TOOLS/peak" "$SENTINEL_BIN/sentinel-send" -b <"$in"
		assert_failure 2
		[ "$(tail -n 1 <<<"$stderr")" -lt "$limit" ] ||
		    fail "$make: $(tail -n 1 <<<"$stderr") KiB"
	done
}

@test "the longest texts, escaped to six times their length" {
	python3 -c 'print("{\"to\":\"bob\",\"body\":\"%s\"}" % ("\\u0001" * 1048576))' \
	    >"$BATS_TEST_TMPDIR/in"
	run alice sentinel-send -b <"$BATS_TEST_TMPDIR/in"
	assert_success
	[ "$(field .size_bytes)" = 1048576 ]
	run bob sentinel-pull --get size_bytes
	assert_output 1048576
}
