# shellcheck shell=bash disable=SC2016
# What must hold when a command is killed, or a call of it fails: the same
# tests with some points (tests/bats) and with all of them (tests/slow).
#
# A point begins with the same key files and empty mailboxes, and ends with
# empty mailboxes; the relay runs on.  Functions below that are called between
# points run in a shell of their own (tests/tools/inject.py).

PATH=$SENTINEL_BIN:$PATH
export BATS_TEST_TMPDIR

# at_each_call [OPTION...] BEFORE AFTER COMMAND...: with an empty DRAIN AFTER is
# asked each time
at_each_call() {
	export RELAY_STORE alice_id bob_id
	export -f as alice bob restore unlocked drain expect at_relay same_bytes finish got ended \
	    no_memory silent \
	    rows age "${POINT_FUNCTIONS[@]}"
	"$ROOT/tests/tools/inject.py" --drain "${DRAIN-drain}" "$@" 3>&- \
	    >"$BATS_TEST_TMPDIR/points"
	sed 's/^/# /' "$BATS_TEST_TMPDIR/points" >&3
}

# save NAME...: the key files all points begin with
save() {
	local name dir=$BATS_TEST_TMPDIR

	for name; do
		mkdir -p "$dir/saved.$name"
		cp -p "$dir/$name.key"{,-journal,.mark} "$dir/saved.$name"
	done
}

# restore NAME...: one program however many there are, for programs cost most of
# the time of a point
restore() {
	local name saved=()

	for name; do
		saved+=("$BATS_TEST_TMPDIR/saved.$name/"*)
	done
	cp -p "${saved[@]}" "$BATS_TEST_TMPDIR"
}

# unlocked NAME: the child of who was killed has the lock of a pull until it is
# another program
unlocked() {
	local lock=$BATS_TEST_TMPDIR/$1.key.pull

	[ ! -e "$lock" ] || flock -w 10 "$lock" true
}

# What a point has left at the relay goes, to those who are saved.
drain() {
	local saved

	for saved in "$BATS_TEST_TMPDIR"/saved.*; do
		unlocked "${saved##*.}"
		as "${saved##*.}" sentinel-pull -o "$BATS_TEST_TMPDIR/in" \
		    >/dev/null
	done
}

# "TYPE HEX" of all that waits at the running relay, which lends its store to
# nobody: of a copy.
at_relay() {
	local copy=$BATS_TEST_TMPDIR/copy

	[ -d "$copy" ] || mkdir "$copy"
	cp "$RELAY_STORE" "$RELAY_STORE-wal" "$copy"
	sqlite3 "$copy/${RELAY_STORE##*/}" \
	    'SELECT type, hex(content) FROM messages ORDER BY toClient, ID'
}

# All of the mailboxes that is of one handshake step, or under one message
# key, is the same bytes, and no nonce appears under two keys.
same_bytes() {
	at_relay | awk '
	$1 == 1 { step = "request" }
	$1 == 2 { step = substr($2, 1, 40) }	# with the id of the handshake
	$1 == 3 {
		step = substr($2, 1, 104)	# the header: session, dh, n
		nonce = substr($2, 105, 48)
		if (nonce in used && used[nonce] != step)
			exit bad = 1
		used[nonce] = step
	}
	step in sent && sent[step] != $2 { exit bad = 1 }
	{ sent[step] = $2 }
	END { exit bad || NR == 0 }'
}

# rows NAME SQL: from the key file of NAME
rows() {
	sqlite3 "$BATS_TEST_TMPDIR/$1.key" "$2"
}

# expect NAME TYPE: what a pull of NAME prints
expect() {
	[ "$(as "$1" sentinel-pull --get type)" = "$2" ]
}

# finish STEP: the ten steps from this one on, then a text
finish() {
	case $1 in
	5)	expect bob key_request ;&
	6)	bob sentinel-keys fetch "$alice_id" >/dev/null ;&
	7)	bob sentinel-keys send "$alice_id" >/dev/null ;&
	8)	expect alice key_received ;&
	9)	alice sentinel-keys send "$bob_id" >/dev/null ;&
	10)	expect bob key_received ;&
	*)	alice sentinel-send bob -m 'a text' >/dev/null
		expect bob message ;;
	esac
	silent at_relay
}

# got NAME N ROWS: what a killed pull of NAME has printed, and what the next
# one prints, are N records, one printed twice says so, and the inbox has ROWS
got() {
	as "$1" sentinel-pull >"$BATS_TEST_TMPDIR/again"
	jq -es --slurpfile first "$OUT" --argjson n "$2" '
	    [$first[].id] as $ids |
	    ([.[].id] + $ids | unique | length) == $n and
	    all((.id as $id | $ids | index($id)) == null or .redelivered)' \
	    "$BATS_TEST_TMPDIR/again" >/dev/null
	[ "$(rows "$1" 'SELECT count(*), count(record) FROM inbox')" = "$3|0" ]
}

# How the command ended: killed, or a file failed, it said so, and nothing left
# any more but the record that closes the channel (19 bytes).  Nobody is told
# of a directory whose sync fails (SQLite), of a network that waits, or of a
# mark that cannot be written.  Or there was no memory.
no_memory() {
	[[ $POINT = memory* ]]
	[ "$(wc -l <"$ERR")" = 1 ]
	grep -Eq '"code":"internal","exit_code":1|: out of memory' "$ERR"
}

ended() {
	case $STATUS in
	1)	no_memory ;;
	0)	awk '/\.key/ && !/\.mark[>"]/ && /\(INJECTED\)$/ { exit 1 }' \
		    "$TRACE" ;;
	34)	[ "$(tail -n 1 "$ERR" | jq -r .code)" = io ]
		awk 'failed && /^sendto/ && !/ = 19$/ { exit 1 }
		    /\(INJECTED\)$/ { failed = 1 }' "$TRACE" ;;
	*)	[ "$STATUS" = -9 ] ;;
	esac
}

# --- registration --------------------------------------------------------------

before_register() {
	rm -f "$BATS_TEST_TMPDIR"/alice.key*
}

# one file, one name at the relay, nothing else
after_register() {
	ended
	[ "$(alice sentinel-register "user$RUN" --get name)" = "user$RUN" ]
	[ "$(alice sentinel-keys show --get name)" = "user$RUN" ]
	[ "$(bob sentinel-clients --name "user$RUN" --get id)" = \
	    "$(alice sentinel-keys show --get id)" ]
	[ "$(echo "$BATS_TEST_TMPDIR"/alice.key*)" = \
	    "$(echo "$BATS_TEST_TMPDIR"/alice.key{,-journal,.mark})" ]
}

each_register() {
	POINT_FUNCTIONS=(before_register after_register)
	register bob
	at_each_call "$@" before_register after_register \
	    sentinel-register "user{run}" -k "$BATS_TEST_TMPDIR/alice.key"
}

before_unregister() {
	alice sentinel-register alice >/dev/null
}

# unregistered or not, it can be told again, and come back
after_unregister() {
	ended
	[ "$(alice sentinel-register --unregister --yes --get status)" = \
	    unregistered ]
	silent bob sentinel-clients
	[ "$(alice sentinel-register alice --get id)" = "$alice_id" ]
}

each_unregister() {
	POINT_FUNCTIONS=(before_unregister after_unregister)
	register alice bob
	at_each_call "$@" before_unregister after_unregister \
	    sentinel-register --unregister --yes -k "$BATS_TEST_TMPDIR/alice.key"
}

# one current pair, which is the one that the relay has
after_revival() {
	ended
	alice sentinel-clients >/dev/null
	[ "$(rows alice 'SELECT state FROM own_keys WHERE state <> 3')" = 2 ]
	[ "$(alice sentinel-status --check |
	    jq -r 'select(.name == "registration").status')" = ok ]
}

# the first command of a restored key file
each_revival() {
	local dir=$BATS_TEST_TMPDIR

	POINT_FUNCTIONS=(after_revival)
	register alice bob
	echo 'horse 1234' >"$dir/secret"
	alice sentinel-keys backup "$dir/backup" \
	    --new-passphrase-file "$dir/secret" >/dev/null
	rm "$dir/alice.key"*
	alice sentinel-keys restore "$dir/backup" \
	    --passphrase-file "$dir/secret" >/dev/null
	alice sentinel-keys passphrase --remove \
	    --passphrase-file "$dir/secret" >/dev/null
	save alice
	at_each_call "$@" 'restore alice' after_revival \
	    sentinel-clients -k "$dir/alice.key"
}

before_block() {
	alice sentinel-keys unblock bob >/dev/null
}

# what bob sends to alice, by the relay
refused() {
	if bob sentinel-keys request alice >/dev/null 2>&1; then
		return 1
	fi
}

# a mark only where the relay refuses him; again, and it does
after_block() {
	ended
	[ "$(alice sentinel-keys show bob --get blocked)" = false ] || refused
	alice sentinel-keys block bob >/dev/null
	[ "$(alice sentinel-keys show bob --get blocked)" = true ]
	refused
}

each_block() {
	POINT_FUNCTIONS=(before_block refused after_block)
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	bob sentinel-keys fetch alice >/dev/null
	at_each_call "$@" before_block after_block \
	    sentinel-keys block bob -k "$BATS_TEST_TMPDIR/alice.key"
}

# --- the handshake ---------------------------------------------------------------

# handshake_until STEP: the ten steps up to and with this one
handshake_until() {
	register alice bob
	alice sentinel-keys fetch "$bob_id" >/dev/null
	[ "$1" -ge 4 ] || return 0
	alice sentinel-keys request "$bob_id" >/dev/null
	[ "$1" -ge 5 ] || return 0
	expect bob key_request
	bob sentinel-keys fetch "$alice_id" >/dev/null
	[ "$1" -ge 7 ] || return 0
	bob sentinel-keys send "$alice_id" >/dev/null
	expect alice key_received
}

# The command again, then look, then go on.
again_request() {
	ended
	alice sentinel-keys request "$bob_id" >/dev/null
	same_bytes
	finish 5
}

again_answer() {
	ended
	bob sentinel-keys send "$alice_id" >/dev/null
	same_bytes
	finish 8
}

again_confirm() {
	ended
	alice sentinel-keys send "$bob_id" >/dev/null
	same_bytes
	finish 10
}

each_request() {
	POINT_FUNCTIONS=(again_request)
	handshake_until 3
	save alice bob
	at_each_call "$@" 'restore alice bob' again_request \
	    sentinel-keys request "$bob_id" -k "$BATS_TEST_TMPDIR/alice.key"
}

each_answer() {
	POINT_FUNCTIONS=(again_answer)
	handshake_until 6
	save alice bob
	at_each_call "$@" 'restore alice bob' again_answer \
	    sentinel-keys send "$alice_id" -k "$BATS_TEST_TMPDIR/bob.key"
}

each_confirm() {
	POINT_FUNCTIONS=(again_confirm)
	handshake_until 8
	save alice bob
	at_each_call "$@" 'restore alice bob' again_confirm \
	    sentinel-keys send "$bob_id" -k "$BATS_TEST_TMPDIR/alice.key"
}

# --- pulling -----------------------------------------------------------------------

before_pull_request() {
	restore alice bob
	alice sentinel-keys request "$bob_id" >/dev/null
}

after_pull_request() {
	ended
	got bob 1 1
	finish 6
}

each_pull_request() {
	POINT_FUNCTIONS=(before_pull_request after_pull_request)
	handshake_until 3
	save alice bob
	at_each_call "$@" before_pull_request after_pull_request \
	    sentinel-pull -k "$BATS_TEST_TMPDIR/bob.key"
}

before_pull_key() {
	restore alice bob
	bob sentinel-keys send "$alice_id" >/dev/null
}

after_pull_key() {
	ended
	got alice 1 1
	finish 9
}

each_pull_key() {
	POINT_FUNCTIONS=(before_pull_key after_pull_key)
	handshake_until 6
	save alice bob
	at_each_call "$@" before_pull_key after_pull_key \
	    sentinel-pull -k "$BATS_TEST_TMPDIR/alice.key"
}

before_pull_messages() {
	restore alice bob
	alice sentinel-send bob -m one >/dev/null
	alice sentinel-send bob -m two >/dev/null
}

after_pull_messages() {
	ended
	got bob 2 4
	finish 11
}

each_pull_messages() {
	POINT_FUNCTIONS=(before_pull_messages after_pull_messages)
	handshake_until 8
	alice sentinel-keys send "$bob_id" >/dev/null
	expect bob key_received
	save alice bob
	at_each_call "$@" before_pull_messages after_pull_messages \
	    sentinel-pull -k "$BATS_TEST_TMPDIR/bob.key"
}

before_pull_handled() {
	before_pull_messages
	rm -f "$HANDLED"
}

# each record was handed over, the first before the second was
after_pull_handled() {
	ended
	unlocked bob
	as bob sentinel-pull -- sh -c 'cat >>"$HANDLED"'
	[ "$(jq -r .body "$HANDLED" | awk '!seen[$0]++' | xargs)" = 'one two' ]
	[ "$(rows bob 'SELECT count(*), count(record) FROM inbox')" = '4|0' ]
	finish 11
}

each_pull_handled() {
	export HANDLED=$BATS_TEST_TMPDIR/handled
	POINT_FUNCTIONS=(before_pull_messages before_pull_handled
	    after_pull_handled)
	handshake_until 8
	alice sentinel-keys send "$bob_id" >/dev/null
	expect bob key_received
	save alice bob
	at_each_call "$@" before_pull_handled after_pull_handled \
	    sentinel-pull -k "$BATS_TEST_TMPDIR/bob.key" -- \
	    sh -c 'cat >>"$HANDLED"'
}

# --- sending -------------------------------------------------------------------------

# age NAME: what NAME has left behind is old enough for others to deliver it
age() {
	rows "$1" 'UPDATE outbox SET at = at - 86400000'
}

# what is committed goes out, by this command or the next; what may go out
# later is said to be in doubt
after_send() {
	local left open

	ended
	IFS='|' read -r left open < <(rows alice \
	    'SELECT count(*), count(content) FROM outbox')
	case $STATUS-$left-$open in
	0-1-0 | -9-*) ;;
	34-0-0)	[ "$(tail -n 1 "$ERR" | jq .in_doubt)" = null ] ;;
	34-1-1)	[ "$(tail -n 1 "$ERR" | jq .in_doubt)" = true ] ;;
	34-1-0 | 1-1-0) ;; # accepted, but not noted or not printed
	1-0-0)	awk '/in_doubt/ { exit 1 }' "$ERR" ;;
	1-1-1)	grep -q '"in_doubt":true\|: out of memory' "$ERR" ;;
	*)	false ;;
	esac
	age alice
	alice sentinel-send bob -m next >/dev/null
	same_bytes
	[ "$(bob sentinel-pull --get body | xargs)" = \
	    "$([ "$left" = 0 ] || echo 'killed ')next" ]
	silent at_relay
}

each_send() {
	POINT_FUNCTIONS=(after_send)
	handshake
	save alice bob
	at_each_call "$@" 'restore alice bob' after_send \
	    sentinel-send bob -m killed -k "$BATS_TEST_TMPDIR/alice.key"
}

before_unmarked() {
	restore alice bob
	rm "$BATS_TEST_TMPDIR/alice.key.mark"
}

# each_unmarked: the same where the mark of the key file has to be made again
each_unmarked() {
	POINT_FUNCTIONS=(before_unmarked after_send)
	handshake
	save alice bob
	at_each_call "$@" before_unmarked after_send \
	    sentinel-send bob -m killed -k "$BATS_TEST_TMPDIR/alice.key"
}

# The same of a batch of four: it is told of all or none of them, in one
# commit; those that its records say have gone, or may have, come, once.
after_batch() {
	local left sure

	case $STATUS in
	0 | 1 | -9) ended ;;
	34)	[ "$(tail -n 1 "$ERR" | jq -r .code)" = io ] ;;
	*)	false ;;
	esac
	left=$(rows alice 'SELECT count(*) FROM outbox')
	[ "$left" = 0 ] || [ "$left" = 4 ]
	sure=$(jq -s 'if map(.line) == [range(1; length + 1)] then
	    map(select(.status == "accepted" or .error.in_doubt)) | length
	    else error("the lines") end' "$OUT")
	[ "$sure" -le "$left" ]
	age alice
	alice sentinel-send bob -m next >/dev/null
	same_bytes
	[ "$(bob sentinel-pull --get type,body | xargs)" = \
	    "$([ "$left" = 0 ] || printf 'message %s ' 1 2 3 4)message next" ]
	silent at_relay
}

each_batch() {
	POINT_FUNCTIONS=(after_batch)
	handshake
	save alice bob
	seq 4 >"$BATS_TEST_TMPDIR/lines"
	at_each_call --stdin "$BATS_TEST_TMPDIR/lines" "$@" \
	    'restore alice bob' after_batch \
	    sentinel-send -l bob -k "$BATS_TEST_TMPDIR/alice.key"
}

# --- files ---------------------------------------------------------------------------

# whole FILE...: what is in in/, and nothing else, and each of it is f
whole() {
	local name

	[ "$(find "$BATS_TEST_TMPDIR/in" -mindepth 1 -printf '%f\n' | sort |
	    xargs)" = "$*" ]
	for name; do
		cmp "$BATS_TEST_TMPDIR/f" "$BATS_TEST_TMPDIR/in/$name"
	done
}

before_sendfile() {
	restore alice bob
	rm -rf "$BATS_TEST_TMPDIR/in"
}

# the same command goes on, unless the first had no more to do than to end
after_sendfile() {
	local names=(f)

	ended
	if [ -s "$OUT" ] && [ "$(rows alice 'SELECT count(*) FROM files')" = 0 ]
	then
		names=(f f-1)
	fi
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/f" >/dev/null
	[ "$(rows alice 'SELECT count(*) FROM files')" = 0 ]
	bob sentinel-pull -o "$BATS_TEST_TMPDIR/in" >/dev/null
	whole "${names[@]}"
	finish 11
}

each_sendfile() {
	POINT_FUNCTIONS=(before_sendfile whole after_sendfile)
	handshake
	head -c 600000 /dev/urandom >"$BATS_TEST_TMPDIR/f"
	save alice bob
	at_each_call "$@" before_sendfile after_sendfile \
	    sentinel-sendfile bob "$BATS_TEST_TMPDIR/f" \
	    -k "$BATS_TEST_TMPDIR/alice.key"
}

before_receive() {
	before_sendfile
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/f" >/dev/null
}

# no name before it is whole; told at least once, as one file
after_receive() {
	local again=$BATS_TEST_TMPDIR/again

	ended
	[ ! -e "$BATS_TEST_TMPDIR/in/f" ] || whole f
	bob sentinel-pull -o "$BATS_TEST_TMPDIR/in" >"$again"
	cat "$OUT" "$again" | jq -es --arg path "$BATS_TEST_TMPDIR/in/f" '
	    all(.type == "file" and .path == $path) and
	    (map(.id) | unique | length) == 1' >/dev/null
	whole f
	[ "$(rows bob 'SELECT count(*), min(stage) FROM files')" = '1|4' ]
	finish 11
}

each_receive() {
	POINT_FUNCTIONS=(before_sendfile before_receive whole after_receive)
	handshake
	head -c 600000 /dev/urandom >"$BATS_TEST_TMPDIR/f"
	save alice bob
	at_each_call "$@" before_receive after_receive \
	    sentinel-pull -o "$BATS_TEST_TMPDIR/in" \
	    -k "$BATS_TEST_TMPDIR/bob.key"
}
