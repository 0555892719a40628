#!/usr/bin/env bats
# What one mailbox, one sender and the whole store may take, and for how long.

load helper
load tools

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# refused TEXT COMMAND...: as busy, saying why and when to come again
refused() {
	local text=$1

	shift
	fault 13 relay_busy "$@"
	last=$(tail -n 1 <<<"$stderr")
	assert_equal "$(jq -r '"\(.retryable) \(.retry_after_seconds)"' \
	    <<<"$last")" 'true 1'
	[[ $(jq -r .message <<<"$last") = *"$text"* ]] || fail "$last"
}

# letters NAME N TYPE: N messages of it to bob, and how they are answered
letters() {
	local frame i list=()

	frame=1103:$(hex "$bob_id")$(printf '%02x' "$3")0300000078$(printf %04x 1)
	for ((i = 0; i < $2; i++)); do
		list+=("$frame")
	done
	"$TOOLS/rawclient.py" "$SENTINEL_RELAY" frame "$1" "${list[@]}"
}

@test "messages of a mailbox: half are one sender's, and there is room again" {
	relay_start --mailbox-messages 6
	handshake
	handshake carol bob
	for n in 1 2 3; do
		alice sentinel-send bob -m "alice $n" >/dev/null
	done
	refused 'mailbox is full' alice sentinel-send bob -m 'alice 4' --timeout 1
	carol sentinel-send bob -m 'carol 1' >/dev/null
	relay_restart
	refused 'mailbox is full' alice sentinel-send bob -m 'alice 4' --timeout 1
	carol sentinel-send bob -m 'carol 2' >/dev/null
	carol sentinel-send bob -m 'carol 3' >/dev/null
	refused 'mailbox is full' carol sentinel-send bob -m 'carol 4' --timeout 1
	# other mailboxes are not concerned, and nothing is lost
	bob sentinel-send alice -m 'not full' >/dev/null
	bob sentinel-pull --get body | sort >got
	printf '%s\n' 'alice '{1..3} 'carol '{1..3} | cmp - got
	alice sentinel-send bob -m 'alice 4' >/dev/null
	run bob sentinel-pull --get body
	assert_output 'alice 4'
	relay_stop
	assert_equal "$(relay_sql 'SELECT count(*), (SELECT count(*) FROM shares)
	    FROM messages')" '1|0'
}

@test "bytes of a mailbox" {
	relay_start --mailbox-size 100K
	handshake
	head -c 40000 /dev/zero | tr '\0' x >text
	alice sentinel-send bob <text >/dev/null
	refused 'mailbox is full' alice sentinel-send bob --timeout 1 <text
	bob sentinel-pull --get body | tr -d '\n' | cmp - text
	alice sentinel-send bob <text >/dev/null
}

@test "requests that wait: eight of a pair, or as many as were told" {
	relay_start
	register bob
	letters mallory 10 1 >answers
	assert_equal "$(grep -c '"reply": 2103' answers)" 8
	assert_equal "$(grep -c '"reason": 7' answers)" 2
	letters mallory 1 3 | grep -q '"reply": 2103'
	letters malice 1 1 | grep -q '"reply": 2103'
	relay_stop
	RELAY_OPTIONS=(--mailbox-requests 9)
	relay_run "$RELAY_LISTEN"
	letters mallory 2 1 >answers
	assert_equal "$(grep -c '"reply": 2103' answers)" 1
	# what the proper client says of it
	relay_stop
	RELAY_OPTIONS=(--mailbox-requests 0)
	relay_run "$RELAY_LISTEN"
	register alice
	alice sentinel-keys fetch "$bob_id" >/dev/null
	refused 'mailbox is full' alice sentinel-keys request "$bob_id" \
	    --timeout 1
}

@test "messages go when their time is over, pieces of files stay" {
	relay_start --message-ttl 1h --file-ttl 30d
	handshake
	head -c 1000000 /dev/urandom >f
	alice sentinel-sendfile bob f >/dev/null
	alice sentinel-send bob -m old >/dev/null
	later 3000
	alice sentinel-send bob -m new >/dev/null
	later 4000
	relay_stop
	assert_equal "$(relay_sql 'SELECT group_concat(type) FROM (SELECT DISTINCT
	    type FROM messages ORDER BY type)')" 3,4
	assert_equal "$(relay_sql 'SELECT count(*) FROM messages
	    WHERE type = 3')" 1
	relay_run "$RELAY_LISTEN"
	run bob sentinel-pull --type message --get body
	assert_output new
}

@test "a sweep of 100 000 rows makes nobody wait" {
	relay_start
	handshake
	register carol
	relay_stop
	relay_sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
	    WHERE i < 100000) INSERT INTO messages SELECT c.number, i, a.number, 3,
	    0, randomblob(200) FROM n, clients AS c, clients AS a
	    WHERE c.userName = 'carol' AND a.userName = 'alice';
	    UPDATE mailboxes SET nextMessage = 100001, messages = 100000,
	    messageBytes = 20000000 WHERE client =
	    (SELECT number FROM clients WHERE userName = 'carol')"
	relay_run "$RELAY_LISTEN"
	for n in 1 2 3 4 5; do
		alice sentinel-send bob -m "text $n" --timeout 5 >/dev/null
		bob sentinel-pull --timeout 5 --get body >>got
	done
	printf 'text %d\n' 1 2 3 4 5 | cmp - got
	until_true swept
}

# The relay sweeps on where it was when it starts again.
swept() {
	relay_stop
	[ "$(relay_sql 'SELECT sum(messages), sum(messageBytes), (SELECT count(*)
	    FROM messages) + (SELECT count(*) FROM shares) FROM mailboxes')" \
	    != '0|0|0' ] || return 0
	relay_run "$RELAY_LISTEN"
	sleep 0.5
	return 1
}

@test "a store that is full: refused as busy, but for what makes room" {
	relay_start --max-store 4M
	handshake
	head -c 200000 /dev/urandom | base64 -w 0 >text
	# there is more room once the log is emptied, and then no more
	for ((n = misses = 0; misses < 3 && n < 50;)); do
		if alice sentinel-send bob --timeout 1 <text >/dev/null 2>err; then
			n=$((n + 1)) misses=0
		else
			grep -q relay_busy err
			misses=$((misses + 1))
		fi
	done
	[ "$n" -gt 4 ]
	[ "$n" -lt 20 ]
	refused busy carol sentinel-register carol --timeout 0.1
	refused busy bob sentinel-keys block alice --timeout 0.1
	head -c 1000 text >short
	refused busy alice sentinel-sendfile bob short --timeout 0.1
	# what is kept can be had, and then there is room
	bob sentinel-pull --get body >got
	[ "$(sort -u got)" = "$(<text)" ]
	until_true alice sentinel-send bob -m again --timeout 5
	carol sentinel-register carol >/dev/null
	run bob sentinel-pull --get body
	assert_output again
	grep -q '"event":"store_full"' relay.log
	grep -q '"event":"store_has_room"' relay.log
	relay_stop
	[ "$(cat "$RELAY_STORE"* "$RELAY_STORE.files"/* 2>/dev/null |
	    wc -c)" -le 4194304 ]
}

@test "a disk that is to be left to others" {
	relay_start --min-free 100
	refused busy alice sentinel-register alice --timeout 0.1
	relay_stop
	RELAY_OPTIONS=()
	relay_run "$RELAY_LISTEN"
	handshake
	alice sentinel-send bob -m kept >/dev/null
	relay_stop
	RELAY_OPTIONS=(--min-free 100)
	relay_run "$RELAY_LISTEN"
	refused busy alice sentinel-send bob -m refused --timeout 0.1
	run bob sentinel-pull --get body
	assert_output kept
	alice sentinel-register --unregister --yes >/dev/null
	relay_stop
	assert_equal "$(relay_sql 'SELECT count(*) FROM messages')" 0
	run "$SENTINEL_BIN/sentinel-relay" --store sqlite:x --key y \
	    --min-free 101
	assert_failure 2
}
