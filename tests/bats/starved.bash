# shellcheck shell=bash
# No memory, at each request for it in turn: of the relay, and of each command
# in each mode.  With killed.bash, whose functions take --memory, and
# faults.bash; STEP is inject.py's, 1 for each time that memory is asked for.
# shellcheck disable=SC2034,SC2153,SC2154

# relay_starved [OPTION...]: tests/tools/starved.py
relay_starved() {
	mkdir "$BATS_TEST_TMPDIR/machine"
	"$ROOT/tests/tools/starved.py" "$@" "$BATS_TEST_TMPDIR/machine" 3>&- \
	    >"$BATS_TEST_TMPDIR/points"
	sed 's/^/# /' "$BATS_TEST_TMPDIR/points" >&3
}

# other people, and a relay that knows nobody
restart_people() {
	relay_stop
	rm -rf "$RELAY_STORE"* "$BATS_TEST_TMPDIR"/{*.key*,saved.*,in}
	relay_restart
}

# met COMMAND...: others again, as far as it takes them
met() {
	restart_people
	"$@"
	save alice bob
}

# what is done can be told, and done again
after_any() {
	case $STATUS in
	0) ;;
	*)	no_memory ;;
	esac
	alice sentinel-status >/dev/null
	# shellcheck disable=SC2086
	alice $AGAIN >/dev/null || [ $? = 20 ]
}

# each_command STEP [COMMAND...]: those that do not talk to a peer, or these
each_command() {
	local step=$1 command number commands=("${@:2}")

	POINT_FUNCTIONS=(after_any)
	handshake
	number=$(alice sentinel-keys fingerprint bob --get safety_number)
	save alice bob
	[ $# -gt 1 ] || commands=('status' 'status --check' 'clients'
	    'clients --name bob' "keys fetch $bob_id" 'keys list --text'
	    'keys show' 'keys show bob --get name,id' 'keys fingerprint'
	    'keys fingerprint bob' "keys verify bob $number"
	    'keys verify --unverify bob' 'keys alias bob robert'
	    'keys block bob' 'keys unblock bob' 'keys forget bob')
	for command in "${commands[@]}"; do
		export AGAIN="sentinel-$command"
		# shellcheck disable=SC2086
		at_each_call --memory "$step" 'restore alice bob' after_any \
		    $AGAIN -k "$BATS_TEST_TMPDIR/alice.key"
	done
}

# trust: bob's name is somebody else's now
after_trust() {
	ended
	[ "$(alice sentinel-keys trust bob "$PRINT" --get id)" = "$NEW" ]
	[ "$(alice sentinel-keys show "$bob_id" --get id)" = "$bob_id" ]
	[ "$(alice sentinel-keys list | wc -l)" = 2 ]
}

each_trust() {
	POINT_FUNCTIONS=(after_trust)
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	relay_stop
	relay_sql "UPDATE clients SET userName = NULL, publicKey = NULL,
	    issuedAt = 0 WHERE userName = 'bob'"
	relay_restart
	NEW=$(as other sentinel-register bob --get id)
	PRINT=$(as other sentinel-keys fingerprint --get fingerprint)
	export NEW PRINT
	save alice
	at_each_call --memory "$1" 'restore alice' after_trust \
	    sentinel-keys trust bob "$PRINT" -k "$BATS_TEST_TMPDIR/alice.key"
}

after_trust_relay() {
	ended
	alice sentinel-keys trust-relay -- "$NEW" >/dev/null
	[ "$(alice sentinel-clients --get id)" = "$bob_id" ]
}

each_trust_relay() {
	local relay

	POINT_FUNCTIONS=(after_trust_relay)
	register alice bob
	relay_stop
	rm "$RELAY_KEY"
	relay_restart
	relay=$SENTINEL_RELAY
	NEW=$(cut -c 12-54 <<<"$SENTINEL_RELAY")
	export NEW
	unset SENTINEL_RELAY
	save alice
	at_each_call --memory "$1" 'restore alice' after_trust_relay \
	    sentinel-keys trust-relay -k "$BATS_TEST_TMPDIR/alice.key" -- "$NEW"
	export SENTINEL_RELAY=$relay
}

# one current pair, which the relay has, and the session goes on
after_rotate() {
	after_revival
	# shellcheck disable=SC2086
	alice sentinel-keys rotate $STATIC >/dev/null
	finish 11
}

# each_rotate STEP [--static]: a point begins with what the one before has left
each_rotate() {
	local DRAIN=

	POINT_FUNCTIONS=(after_revival after_rotate)
	export STATIC=${2-}
	handshake
	# shellcheck disable=SC2086
	at_each_call --memory "$1" : after_rotate \
	    sentinel-keys rotate $STATIC -k "$BATS_TEST_TMPDIR/alice.key"
}

# what each of the two does in turn until there is a session
connect() {
	as "$1" sentinel-keys connect "$2" >/dev/null
}

before_connect() {
	restore alice bob
	[ "$TURN" -lt 2 ] || connect alice "$bob_id"
	[ "$TURN" -lt 3 ] || connect bob "$alice_id"
}

after_connect() {
	ended
	[ "$TURN" -gt 1 ] || connect alice "$bob_id"
	[ "$TURN" -gt 2 ] || connect bob "$alice_id"
	connect alice "$bob_id"
	connect bob "$alice_id"
	bob sentinel-pull >/dev/null
	finish 11
}

connect_once() { # STEP TURN WHO WHOM
	export TURN=$2
	at_each_call --memory "$1" before_connect after_connect \
	    sentinel-keys connect "$4" -k "$BATS_TEST_TMPDIR/$3.key"
}

each_connect() {
	POINT_FUNCTIONS=(connect before_connect after_connect)
	register alice bob
	save alice bob
	connect_once "$1" 1 alice "$bob_id"
	connect_once "$1" 2 bob "$alice_id"
	connect_once "$1" 3 alice "$bob_id"
}

secret() {
	(umask 077 && echo 'horse 1234' >"$1")
}

remove() {
	rm -f "$BACKUP"* "$BATS_TEST_TMPDIR"/again.key*
}

# whole, or not there
after_backup() {
	ended
	[ "$STATUS" = 1 ] || [ -e "$BACKUP" ]
	[ -e "$BACKUP" ] || alice sentinel-keys backup "$BACKUP" \
	    --new-passphrase-file "$SECRET" >/dev/null
	[ "$(echo "$BACKUP"*)" = "$BACKUP" ]
	[ "$(as again sentinel-keys restore "$BACKUP" \
	    --passphrase-file "$SECRET" --get id)" = "$alice_id" ]
}

each_backup() {
	POINT_FUNCTIONS=(remove after_backup)
	register alice bob
	secret "$SECRET"
	at_each_call --memory "$1" remove after_backup sentinel-keys backup \
	    "$BACKUP" --new-passphrase-file "$SECRET" \
	    -k "$BATS_TEST_TMPDIR/alice.key"
}

before_restore() {
	rm -f "$BATS_TEST_TMPDIR"/again.key*
}

after_restore() {
	ended
	[ "$STATUS" = 1 ] || [ -e "$BATS_TEST_TMPDIR/again.key" ]
	[ -e "$BATS_TEST_TMPDIR/again.key" ] ||
	    as again sentinel-keys restore "$BACKUP" \
	    --passphrase-file "$SECRET" >/dev/null
	[ "$(as again sentinel-keys list --passphrase-file "$SECRET" \
	    --get id)" = "$bob_id" ]
	[ "$(echo "$BATS_TEST_TMPDIR"/again.key*)" = \
	    "$BATS_TEST_TMPDIR/again.key" ]
}

each_restore() {
	POINT_FUNCTIONS=(before_restore after_restore)
	remove
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	secret "$SECRET"
	alice sentinel-keys backup "$BACKUP" --new-passphrase-file "$SECRET" \
	    >/dev/null
	at_each_call --memory "$1" before_restore after_restore \
	    sentinel-keys restore "$BACKUP" --passphrase-file "$SECRET" \
	    -k "$BATS_TEST_TMPDIR/again.key"
}

# opens FILE: it has the passphrase; one that is not there has none
opens() {
	alice sentinel-status --passphrase-file "$1" >/dev/null 2>&1
}

# that which was or that which is to be, and all else is there
after_passphrase() {
	local file=$TO

	ended
	if ! opens "$TO"; then
		[ "$STATUS" = 1 ]
		file=$FROM
	fi
	# shellcheck disable=SC2086
	alice sentinel-keys passphrase --passphrase-file "$file" $CHANGE \
	    >/dev/null
	[ "$(alice sentinel-keys list --passphrase-file "$TO" --get id)" = \
	    "$bob_id" ]
}

change_passphrase() { # STEP FROM TO OPTION...
	export FROM=$2 TO=$3 CHANGE="${*:4}"
	save alice
	at_each_call --memory "$1" 'restore alice' after_passphrase \
	    sentinel-keys passphrase --passphrase-file "$2" "${@:4}" \
	    -k "$BATS_TEST_TMPDIR/alice.key"
}

# it is set, changed and removed
each_passphrase() {
	local none=$BATS_TEST_TMPDIR/none a=$SECRET b=$SECRET.2

	POINT_FUNCTIONS=(opens after_passphrase)
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	secret "$a"
	secret "$b"
	echo 'and more' >>"$b"
	change_passphrase "$1" "$none" "$a" --new-passphrase-file "$a"
	change_passphrase "$1" "$a" "$b" --new-passphrase-file "$b"
	change_passphrase "$1" "$b" "$none" --remove
}

# what the relay has noted as used was for this one
before_invited() {
	rm -f "$BATS_TEST_TMPDIR"/alice.key*
	sentinel-relay --key "$RELAY_KEY" --invite 1 --get invite \
	    >"$BATS_TEST_TMPDIR/invite"
}

after_invited() {
	ended
	[ "$(alice sentinel-register "user$RUN" --get name \
	    --invite-file "$BATS_TEST_TMPDIR/invite")" = "user$RUN" ]
	alice sentinel-clients >/dev/null
}

each_invited() {
	POINT_FUNCTIONS=(before_invited after_invited)
	export RELAY_KEY
	at_each_call --memory "$1" before_invited after_invited \
	    sentinel-register "user{run}" -k "$BATS_TEST_TMPDIR/alice.key" \
	    --invite-file "$BATS_TEST_TMPDIR/invite"
}

# --- no memory: the modes of pull -------------------------------------------

# each_pull_mode STEP OPTION...: of two messages
each_pull_mode() {
	POINT_FUNCTIONS=(before_pull_messages after_pull_messages)
	at_each_call --memory "$1" before_pull_messages after_pull_messages \
	    sentinel-pull "${@:2}" -k "$BATS_TEST_TMPDIR/bob.key"
}

# what was printed, and what the next pull prints
after_pull_raw() {
	local first

	ended
	first=$(cat "$OUT")
	[ "$first" = one ] || [ "$STATUS-$first" = 1- ]
	[ "$({ echo "$first"; bob sentinel-pull --get body; } | sort -u |
	    xargs)" = 'one two' ]
	finish 11
}

each_pull_raw() {
	POINT_FUNCTIONS=(before_pull_messages after_pull_raw)
	at_each_call --memory "$1" before_pull_messages after_pull_raw \
	    sentinel-pull --raw -n 1 -k "$BATS_TEST_TMPDIR/bob.key"
}

after_peek() {
	ended
	[ "$(bob sentinel-pull --get body | xargs)" = 'one two' ]
}

# two messages wait in the inbox
each_peek() {
	POINT_FUNCTIONS=(after_peek)
	before_pull_messages
	bob sentinel-pull --type file
	save bob
	at_each_call --memory "$1" 'restore bob' after_peek \
	    sentinel-pull --peek -k "$BATS_TEST_TMPDIR/bob.key"
}

after_dead() {
	ended
	# shellcheck disable=SC2086
	bob $AGAIN >/dev/null
	[ "$(bob sentinel-pull --dead --get body | xargs)" = "$LEFT" ]
}

# two dead letters are listed, or one of them is dropped
each_dead() {
	local command

	POINT_FUNCTIONS=(after_dead)
	before_pull_messages
	bob sentinel-pull -- sh -c 'exit 100' || [ $? = 3 ]
	save bob
	export AGAIN='sentinel-pull --dead' LEFT='one two'
	# shellcheck disable=SC2086
	at_each_call --memory "$1" 'restore bob' after_dead \
	    $AGAIN -k "$BATS_TEST_TMPDIR/bob.key"
	AGAIN+=" --forget $(bob sentinel-pull --dead -n 1 --get id)" LEFT=two
	# shellcheck disable=SC2086
	at_each_call --memory "$1" 'restore bob' after_dead \
	    $AGAIN -k "$BATS_TEST_TMPDIR/bob.key"
}

after_answering() {
	ended
	bob sentinel-pull --answer=any >/dev/null
	same_bytes
	finish 8
}

each_answering() {
	POINT_FUNCTIONS=(before_pull_request after_answering)
	at_each_call --memory "$1" before_pull_request after_answering \
	    sentinel-pull --answer=any -k "$BATS_TEST_TMPDIR/bob.key"
}

after_offer() {
	ended
	bob sentinel-pull -o "$BATS_TEST_TMPDIR/in" >/dev/null
	whole f
	finish 11
}

# a file is announced, and waits at the relay
each_offer() {
	POINT_FUNCTIONS=(before_sendfile before_receive whole after_offer)
	head -c 60000 /dev/urandom >"$BATS_TEST_TMPDIR/f"
	at_each_call --memory "$1" before_receive after_offer \
	    sentinel-pull -k "$BATS_TEST_TMPDIR/bob.key"
}

# --- no memory: the modes of send and sendfile ------------------------------

# as a batch of lines; but a line alone may fail, and says why
after_json() {
	local n

	if [ "$STATUS" != 3 ]; then
		after_batch
		return
	fi
	n=$(jq -r 'select(.error.code == "internal").line' "$OUT")
	[ "$(rows alice 'SELECT count(*) FROM outbox')" = 3 ]
	alice sentinel-send bob -m next >/dev/null
	[ "$(bob sentinel-pull --get body | xargs)" = \
	    "$(seq 4 | grep -vx "$n" | xargs) next" ]
}

each_json() {
	POINT_FUNCTIONS=(after_batch after_json)
	seq 4 | sed 's/.*/{"to":"bob","body":"&"}/' >"$BATS_TEST_TMPDIR/lines"
	at_each_call --stdin "$BATS_TEST_TMPDIR/lines" --memory "$1" \
	    'restore alice bob' after_json \
	    sentinel-send -b -k "$BATS_TEST_TMPDIR/alice.key"
}

after_queue() {
	ended
	[ "$STATUS" = 1 ] || [ "$(rows alice 'SELECT id FROM outbox')" ]
	# shellcheck disable=SC2086
	alice sentinel-send $QUEUED >/dev/null
	[ "$(rows alice 'SELECT count(*), count(content) FROM outbox')" = '1|1' ]
}

# no session as yet
each_queue() {
	POINT_FUNCTIONS=(after_queue)
	export QUEUED="bob --queue -m text --id $alice_id"
	# shellcheck disable=SC2086
	at_each_call --memory "$1" 'restore alice' after_queue \
	    sentinel-send $QUEUED -k "$BATS_TEST_TMPDIR/alice.key"
}

after_delivery() {
	ended
	alice sentinel-pull
	[ "$(bob sentinel-pull --get body)" = queued ]
	finish 11
}

# what was queued is delivered by the next command
each_delivery() {
	POINT_FUNCTIONS=(after_delivery)
	relay_stop
	alice sentinel-send bob --queue -m queued --timeout 0.1 >/dev/null
	relay_restart
	save alice bob
	at_each_call --memory "$1" 'restore alice bob' after_delivery \
	    sentinel-pull -k "$BATS_TEST_TMPDIR/alice.key"
}

# each of both has it once, or only the next one
after_several() {
	local name

	ended
	age alice
	alice sentinel-send bob carol -m next >/dev/null
	for name in bob carol; do
		case $(as $name sentinel-pull --get body | xargs) in
		'killed next') ;;
		next) [ "$STATUS" = 1 ] ;;
		*) false ;;
		esac
	done
	silent at_relay
}

each_several() {
	POINT_FUNCTIONS=(after_several)
	at_each_call --memory "$1" 'restore alice bob carol' after_several \
	    sentinel-send bob carol -m killed -k "$BATS_TEST_TMPDIR/alice.key"
}

# whole, or without its name, and then it is
after_stdin() {
	local file

	ended
	age alice
	alice sentinel-sendfile -n f bob - <"$BATS_TEST_TMPDIR/f" >/dev/null
	bob sentinel-pull -o "$BATS_TEST_TMPDIR/in" >/dev/null
	for file in "$BATS_TEST_TMPDIR"/in/{f,*}; do
		cmp "$BATS_TEST_TMPDIR/f" "$file"
	done
	finish 11
}

each_stdin() {
	POINT_FUNCTIONS=(before_sendfile after_stdin)
	at_each_call --stdin "$BATS_TEST_TMPDIR/f" --memory "$1" \
	    before_sendfile after_stdin sentinel-sendfile -n f bob - \
	    -k "$BATS_TEST_TMPDIR/alice.key"
}
