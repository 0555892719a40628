#!/usr/bin/env bats
# What is left in the outbox goes out by the next command that reaches the
# relay, once, in order and without a false gap; and a batch that waits.

load helper
load tools

ID=0190a5c0-1111-7222-8333-444444444444

setup() {
	relay_start
}

# a relay that stands still does not see that the test is over
teardown() {
	kill -CONT "$RELAY_PID" 2>/dev/null || :
	settle
}

# outbox [NAME]: "QUEUED SEALED IN_DOUBT"
outbox() {
	as "${1:-alice}" sentinel-status |
	    jq -r '.outbox | "\(.queued) \(.sealed) \(.in_doubt)"'
}

# got NAME: what is printed there, "SEQ BODY" a line, and all of it messages
got() {
	as "$1" sentinel-pull >"$BATS_TEST_TMPDIR/got"
	jq -r 'if .type == "message" then "\(.seq) \(.body)" else .type end' \
	    "$BATS_TEST_TMPDIR/got"
}

# full NAME, roomy NAME: that mailbox takes nothing, or all again
full() {
	set_next "$1" 4294967295
}

roomy() {
	set_next "$1" 100000
}

set_next() {
	relay_stop
	relay_sql "UPDATE mailboxes SET nextMessage = $2,
	    (messages, messageBytes) = (SELECT count(*),
	    coalesce(sum(length(content)), 0) FROM messages
	    WHERE toClient = client) WHERE client =
	    (SELECT number FROM clients WHERE userName = '$1')"
	relay_restart
}

@test "--queue, the relay away: queued, then delivered in order" {
	handshake
	relay_stop
	for ((n = 0; n < 3; n++)); do
		run alice sentinel-send --queue bob -m "text $n" --timeout 0.2
		assert_success
		[ "$(field '.status + " " + (.seq | tostring)')" = 'queued null' ]
	done
	fault 10 relay_unreachable alice sentinel-send bob -m lost --timeout 0.2
	[ "$(outbox)" = '3 0 0' ]
	# what waits is encrypted in the key file
	refute grep -qa 'text 0' "$BATS_TEST_TMPDIR/alice.key"
	relay_restart
	alice sentinel-send bob -m next
	[ "$(outbox)" = '0 0 0' ]
	[ "$(got bob)" = '0 text 0
1 text 1
2 text 2
3 next' ]
}

@test "--queue: a pull delivers, too, and so does a file that is sent" {
	handshake
	relay_stop
	alice sentinel-send --queue bob -m one --timeout 0.2 --id "$ID"
	relay_restart
	alice sentinel-pull
	[ "$(got bob)" = '0 one' ]
	[ "$(jq -r .id "$BATS_TEST_TMPDIR/got")" = "$ID" ]
	relay_stop
	alice sentinel-send --queue bob -m two --timeout 0.2
	relay_restart
	echo x >"$BATS_TEST_TMPDIR/x"
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/x"
	[ "$(got bob | head -n 1)" = '1 two' ]
}

@test "--queue: an id that waits is a duplicate" {
	handshake
	relay_stop
	for expected in queued duplicate; do
		run alice sentinel-send --queue bob -m x --id "$ID" --timeout 0.2
		[ "$(field .status)" = $expected ]
	done
	relay_restart
	run alice sentinel-send --queue bob -m x --id "$ID"
	[ "$(field .status)" = duplicate ]
	[ "$(got bob)" = '0 x' ]
}

@test "--queue without a session: a request goes out, the text follows" {
	register alice bob
	alice sentinel-keys fetch bob
	fault 21 no_session alice sentinel-send bob -m now
	for n in 0 1; do
		run alice sentinel-send --queue bob -m "text $n"
		assert_success
		[ "$(field .status)" = queued ]
	done
	[ "$(bob sentinel-pull --get type)" = key_request ]
	bob sentinel-keys fetch alice
	bob sentinel-keys send alice
	[ "$(outbox)" = '2 0 0' ]
	# it receives the key, and the next one takes it from there
	[ "$(alice sentinel-pull --get type)" = key_received ]
	alice sentinel-pull
	[ "$(outbox)" = '0 0 0' ]
	[ "$(got bob)" = 'key_received
0 text 0
1 text 1' ]
}

@test "--queue answers a peer who has asked already" {
	register alice bob
	bob sentinel-keys fetch alice
	bob sentinel-keys request alice
	alice sentinel-pull
	alice sentinel-keys fetch bob
	run alice sentinel-send --queue bob -m hello
	[ "$(field .status)" = queued ]
	[ "$(bob sentinel-pull --get type)" = key_received ]
	bob sentinel-keys send alice
	alice sentinel-pull
	run alice sentinel-send --queue bob -m again
	[ "$(field .status)" = accepted ]
	[ "$(got bob)" = '0 hello
1 again' ]
}

@test "the request of a queue, lost with the relay away, goes out later" {
	register alice bob
	alice sentinel-keys fetch bob
	relay_stop
	alice sentinel-send --queue bob -m hello --timeout 0.2
	relay_restart
	silent bob sentinel-pull
	alice sentinel-pull
	[ "$(bob sentinel-pull --get type)" = key_request ]
	# once, however often
	alice sentinel-pull
	alice sentinel-pull
	silent bob sentinel-pull
}

@test "while another command delivers, what is queued stays in order" {
	handshake
	relay_stop
	alice sentinel-send --queue bob -m one --timeout 0.2
	relay_restart
	for ((n = 2; n <= 3; n++)); do
		run flock "$BATS_TEST_TMPDIR/alice.key.flush" sentinel-send \
		    -k "$BATS_TEST_TMPDIR/alice.key" --queue bob -m "$n"
		[ "$(field .status)" = queued ]
	done
	# without --queue nobody waits for anybody
	flock "$BATS_TEST_TMPDIR/alice.key.flush" sentinel-send \
	    -k "$BATS_TEST_TMPDIR/alice.key" bob -m now
	[ "$(got bob)" = '0 now' ]
	alice sentinel-pull
	[ "$(got bob)" = '1 one
2 2
3 3' ]
}

@test "--queue does not hide what is wrong otherwise" {
	handshake
	fault 20 unknown_peer alice sentinel-send --queue nobody -m x
	fault 23 peer_not_verified alice sentinel-send --queue bob -m x \
	    --require-verified
	relay_stop
	rm "$RELAY_KEY"
	relay_restart
	fault 11 relay_untrusted alice sentinel-send --queue bob -m x
	[ "$(outbox)" = '0 0 0' ]
}

@test "refused messages leave no gap, whatever became of them" {
	handshake
	alice sentinel-send bob -m zero
	full bob
	fault 13 relay_busy alice sentinel-send bob -m refused --id "$ID"
	fault 13 relay_busy alice sentinel-send bob -m refused --queue
	fault 13 relay_busy alice sentinel-send -l bob < <(printf 'a\nb\n')
	# only the first was made: the others would have gone the same way
	[ "$(outbox)" = '0 0 0' ]
	[ "$(got bob)" = '0 zero' ]
	roomy bob
	# the id of what was refused is as good as new
	run alice sentinel-send bob -m next --id "$ID"
	[ "$(field '.status + " " + (.seq | tostring)')" = 'accepted 2' ]
	[ "$(got bob)" = '2 next' ]
	alice sentinel-send bob -m last
	[ "$(got bob)" = "$(($(field .seq) + 1)) last" ]
}

@test "a batch into a mailbox that is full: no gap either" {
	handshake
	full bob
	run --separate-stderr alice sentinel-send -l bob < <(seq 100)
	assert_failure 13
	[ "$(field .status | sort -u)" = failed ]
	roomy bob
	alice sentinel-send -l bob < <(seq 100)
	[ "$(got bob | cut -d ' ' -f 2)" = "$(seq 100)" ]
}

@test "what one mailbox has no room for does not stop the others" {
	register carol
	handshake
	alice sentinel-keys fetch carol
	alice sentinel-keys connect carol
	carol sentinel-keys connect "$alice_id"
	alice sentinel-keys connect carol
	carol sentinel-pull
	relay_stop
	run alice sentinel-send --queue --timeout 0.2 -b <<-EOF
	{"to":["bob","carol"],"body":"one"}
	{"to":["bob","carol"],"body":"two"}
	EOF
	assert_success
	relay_restart
	full bob
	alice sentinel-pull
	[ "$(got carol)" = '0 one
1 two' ]
	[ "$(outbox)" = '0 0 2' ]
	roomy bob
	alice sentinel-pull
	[ "$(got bob)" = '0 one
1 two' ]
}

# coprocess COMMAND...: with SEND and ANSWER for its ends
coprocess() {
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	start alice bash -c 'exec "${@:2}" <"$1/in" >"$1/out"' - \
	    "$BATS_TEST_TMPDIR" "$@"
	WRITER=$!
	exec {SEND}>"$BATS_TEST_TMPDIR/in" {ANSWER}<"$BATS_TEST_TMPDIR/out"
}

# The end of its input; the relay, which was started later, has that too.
hang_up() {
	exec {SEND}>&-
	relay_stop
	wait "$WRITER" || return
	relay_restart
}

# say BODY: a line, and the status in its record, which comes at once
say() {
	local record

	echo "{\"to\":\"bob\",\"body\":\"$1\"}" >&"$SEND"
	read -r -t 20 -u "$ANSWER" record
	jq -r '.status + " " + (.error.code // "")' <<<"$record"
}

@test "a coprocess is answered line by line; a relay that closed: again" {
	handshake
	coprocess "$SENTINEL_BIN/sentinel-send" -b
	[ "$(say one)" = 'accepted ' ]
	# half a line is no line
	printf '{"to":"bob",' >&"$SEND"
	[ "$(alice sentinel-send bob -m two --get status)" = accepted ]
	printf '"body":"three"}\n' >&"$SEND"
	read -r -t 20 -u "$ANSWER" record
	[ "$(jq -r .status <<<"$record")" = accepted ]
	relay_restart
	[ "$(say four)" = 'accepted ' ]
	relay_kill
	relay_restart
	[ "$(say five)" = 'accepted ' ]
	hang_up
	[ "$(got bob | cut -d ' ' -f 2 | xargs)" = 'one two three four five' ]
}

@test "a coprocess outlives a relay that is away" {
	handshake
	coprocess "$SENTINEL_BIN/sentinel-send" -b --timeout 0.5
	[ "$(say one)" = 'accepted ' ]
	relay_stop
	[ "$(say lost)" = 'failed relay_unreachable' ]
	[ "$(say lost)" = 'failed relay_unreachable' ]
	relay_restart
	until [ "$(say two)" = 'accepted ' ]; do sleep 0.1; done
	status=0
	hang_up || status=$?
	[ "$status" = 3 ]
	relay_restart
	[ "$(got bob)" = '0 one
1 two' ]
}

@test "what is sealed is its sender's until twice the timeout has passed" {
	handshake
	coprocess "$SENTINEL_BIN/sentinel-send" -b
	[ "$(say one)" = 'accepted ' ]
	kill -STOP "$RELAY_PID"
	echo '{"to":"bob","body":"two"}' >&"$SEND"
	until_true eval '[ "$(outbox)" = "0 1 0" ]'
	kill -KILL "$WRITER"
	kill -CONT "$RELAY_PID"
	later 36
	alice sentinel-pull --timeout 20
	[ "$(outbox)" = '0 1 0' ]
	later 41
	alice sentinel-pull --timeout 20
	[ "$(outbox)" = '0 0 0' ]
	[ "$(got bob)" = '0 one
1 two' ]
}

@test "while the relay is away a batch of any length fails in one timeout" {
	handshake
	relay_stop
	begin=$SECONDS
	run --separate-stderr alice sentinel-send -l bob --timeout 1 < <(seq 1000)
	assert_failure 10
	[ $((SECONDS - begin)) -le 4 ]
	[ "${#lines[@]}" = 1000 ]
	[ "$(field .error.code | sort -u)" = relay_unreachable ]
	run alice sentinel-send -l bob --queue --timeout 0.2 < <(seq 1000)
	assert_success
	relay_restart
	alice sentinel-pull
	[ "$(got bob | cut -d ' ' -f 2)" = "$(seq 1000)" ]
}
