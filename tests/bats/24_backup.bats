#!/usr/bin/env bats
# sentinel-keys backup and restore: an identity and its peers survive the key
# file, and nothing that could be used a second time does.

load helper
load tools

setup() {
	relay_start
	cd "$BATS_TEST_TMPDIR"
	umask 077
	printf 'horse 1234\n' >secret
	printf 'something else\n' >wrong
}

# save NAME: a backup of its key file
save() {
	as "$1" sentinel-keys backup "$1.backup" --new-passphrase-file secret
}

# lose NAME: its key file, with all that stands beside it
lose() {
	rm "$1.key"*
}

# bring_back NAME
bring_back() {
	as "$1" sentinel-keys restore "$1.backup" --passphrase-file secret
}

# recover NAME: lost, brought back, and without a passphrase, which costs time
recover() {
	lose "$1"
	bring_back "$1" >/dev/null
	as "$1" sentinel-keys passphrase --remove --passphrase-file secret \
	    >/dev/null
}

session() { # OWNER PEER
	as "$1" sentinel-keys show "$2" --get session
}

reads() { # A B: A writes, B reads it
	as "$1" sentinel-send "$2" -m "to $2" >/dev/null
	[ "$(as "$2" sentinel-pull --type message --get body)" = "to $2" ]
}

# alice asks, bob answers
reconnect() {
	alice sentinel-keys connect bob >/dev/null
	bob sentinel-pull --type key_request >/dev/null
	bob sentinel-keys send alice >/dev/null
	alice sentinel-keys connect bob >/dev/null
	bob sentinel-pull --type key_received >/dev/null
}

# --- writing -------------------------------------------------------------------

@test "a backup is a small private file, and the record says whose" {
	handshake
	relay_stop
	run save alice
	assert_success
	[ "$(field '"\(.type) \(.status) \(.id) \(.name) \(.peers)"')" = \
	    "backup saved $alice_id alice 1" ]
	[ "$(field .fingerprint)" = \
	    "$(alice sentinel-keys fingerprint --get fingerprint)" ]
	[ "$(field '"\(.path) \(.keyfile) \(.relay)"')" = \
	    "alice.backup $BATS_TEST_TMPDIR/alice.key $SENTINEL_RELAY" ]
	[ "$(stat -c %a alice.backup)" = 600 ]
	[ "$(stat -c %s alice.backup)" -lt 1024 ]
	# nothing in the clear that says whose it is
	run grep -c -a -e alice -e bob -e sentinel alice.backup
	assert_output 0
}

@test "what a backup is not written for" {
	register alice
	fault 33 passphrase alice sentinel-keys backup alice.backup
	fault 34 io alice sentinel-keys backup no/such.backup \
	    --new-passphrase-file secret
	fault 34 io full_disk
	: >empty
	fault 33 passphrase alice sentinel-keys backup alice.backup \
	    --new-passphrase-file empty
	[ ! -e alice.backup ]
	save alice >/dev/null
	sum=$(sha256sum alice.backup)
	fault 36 exists save alice
	[ "$(sha256sum alice.backup)" = "$sum" ]
	fault 36 exists alice sentinel-keys backup /dev/full \
	    --new-passphrase-file secret
}

@test "its passphrase is typed twice on a terminal" {
	register alice
	run alice terminal --answer 'New passphrase: ' 'horse 1234\r' \
	    --answer 'The same again: ' 'horse 1234\r' -- \
	    "$SENTINEL_BIN/sentinel-keys" backup alice.backup
	assert_success
	lose alice
	bring_back alice >/dev/null
}

# a backup that has no room; the error may be longer
full_disk() {
	alice bash -c 'prlimit --fsize=100 "$SENTINEL_BIN/sentinel-keys" \
	    backup alice.backup --new-passphrase-file secret 2>&1 | cat >&2
	    exit "${PIPESTATUS[0]}"'
}

# --- a second reader -----------------------------------------------------------

@test "another program reads it, and finds these things alone" {
	handshake
	register carol
	alice sentinel-keys fetch carol >/dev/null
	alice sentinel-keys verify bob \
	    "$(alice sentinel-keys fingerprint bob --get safety_number)" >/dev/null
	alice sentinel-keys alias carol caroline >/dev/null
	alice sentinel-keys block carol >/dev/null
	reads alice bob
	reads bob alice
	save alice >/dev/null
	run "$TOOLS/backup.py" read alice.backup secret
	assert_success
	[ "$(field '"\(.id) \(.name) \(.relay)"')" = \
	    "$alice_id alice $SENTINEL_RELAY" ]
	[ "$(field '.peers[] | [.name, .alias, .verified, .blocked, .session,
	    .next_seq, .expect_seq] | map(tostring) | join(",")')" = \
	    'bob,,true,false,true,1,1
carol,caroline,false,true,false,0,0' ]
	[ "$(field .issued_at)" -gt 1700000000000 ]
}

@test "another program writes it: 260 peers, told to the relay in two parts" {
	"$TOOLS/backup.py" make nora.backup secret "$SENTINEL_RELAY" nora 260
	run bring_back nora
	assert_success
	[ "$(field '"\(.status) \(.name) \(.peers)"')" = 'restored nora 260' ]
	as nora sentinel-keys passphrase --remove --passphrase-file secret \
	    >/dev/null
	[ "$(as nora sentinel-keys list --get session,blocked | sort -u)" = \
	    'reset_needed	true' ]
	as nora sentinel-clients
	relay_stop
	[ "$(relay_sql 'SELECT count(*) FROM blocks')" = 260 ]
}

# --- restoring -----------------------------------------------------------------

@test "a restored key file knows who it is, and its peers, without the relay" {
	handshake
	register carol
	alice sentinel-keys fetch carol >/dev/null
	alice sentinel-keys verify bob \
	    "$(alice sentinel-keys fingerprint bob --get safety_number)" >/dev/null
	alice sentinel-keys alias carol caroline >/dev/null
	alice sentinel-keys block carol >/dev/null
	before=$(alice sentinel-keys list --get \
	    id,name,alias,fingerprint,issued_at,verified,blocked,first_seen)
	save alice >/dev/null
	lose alice
	relay_stop
	run bring_back alice
	assert_success
	[ "$(field '"\(.status) \(.id) \(.name) \(.relay)"')" = \
	    "restored $alice_id alice $SENTINEL_RELAY" ]
	[ "$(stat -c %a alice.key)" = 600 ]
	fault 33 passphrase alice sentinel-keys list
	alice sentinel-keys passphrase --remove --passphrase-file secret \
	    >/dev/null
	[ "$(alice sentinel-keys list --get \
	    id,name,alias,fingerprint,issued_at,verified,blocked,first_seen)" = \
	    "$before" ]
	[ "$(session alice bob)" = reset_needed ]
	[ "$(session alice carol)" = none ]
	[ "$(alice sentinel-status --get relay.address)" = "$SENTINEL_RELAY" ]
}

@test "restored: the next command registers new keys, then both ways" {
	handshake
	reads alice bob
	old=$(alice sentinel-keys show --get issued_at)
	save alice >/dev/null
	# more than the backup knows of
	reads bob alice
	alice sentinel-keys rotate --static >/dev/null
	newer=$(alice sentinel-keys show --get issued_at)
	reads alice bob
	cp alice.key before.key
	recover alice
	fault 21 no_session alice sentinel-send bob -m early
	run alice sentinel-keys show --get issued_at
	[[ $output > $newer && $newer > $old ]]
	reconnect
	[ "$(session alice bob)" = established ]
	reads alice bob
	reads bob alice
	# the key file it comes from has no place at the relay any more
	fault 12 relay_denied as before sentinel-pull
}

@test "restored twice, on a relay that has the first one's keys" {
	handshake
	save alice >/dev/null
	recover alice
	reconnect
	recover alice
	reconnect
	reads alice bob
	reads bob alice
}

@test "what waits under the lost session is told, and the next one heals" {
	handshake
	save alice >/dev/null
	recover alice
	bob sentinel-send alice -m 'nobody can read this' >/dev/null
	run --separate-stderr alice sentinel-pull
	[ "$status" = 24 ]
	[ "$(field '"\(.type) \(.from.name)"')" = 'undecryptable bob' ]
	reconnect
	reads bob alice
}

@test "bob asks a restored alice" {
	handshake
	save alice >/dev/null
	recover alice
	alice sentinel-pull
	bob sentinel-keys fetch alice >/dev/null
	bob sentinel-keys request alice >/dev/null
	alice sentinel-keys connect bob >/dev/null
	bob sentinel-pull --type key_received >/dev/null
	bob sentinel-keys send alice >/dev/null
	alice sentinel-pull --type key_received >/dev/null
	reads alice bob
	reads bob alice
}

@test "two commands on a restored key file at once" {
	register alice
	save alice >/dev/null
	recover alice
	for i in 1 2 3 4; do
		start alice sentinel-clients
	done
	for pid in "${STARTED[@]}"; do
		wait "$pid"
	done
	STARTED=()
	run rows_own
	assert_output '2'
}

# states of the own keys: one current pair
rows_own() {
	sqlite3 alice.key 'SELECT state FROM own_keys'
}

@test "a clock that is wrong when it is restored, and right afterwards" {
	handshake
	save alice >/dev/null
	TEST_CLOCK_SHIFT=-864000 LD_PRELOAD=$SENTINEL_TOOLS/shift.so \
	    ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 \
	    recover alice
	TEST_CLOCK_SHIFT=-864000 LD_PRELOAD=$SENTINEL_TOOLS/shift.so \
	    ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 \
	    fault 14 protocol alice sentinel-clients
	alice sentinel-clients >/dev/null
}

@test "of an identity that the relay does not have: nothing registers it" {
	register alice
	alice sentinel-register --unregister --yes >/dev/null
	save alice >/dev/null
	recover alice
	fault 12 relay_denied alice sentinel-clients
	[ "$(alice sentinel-register alice --get id)" = "$alice_id" ]
}

@test "a restored identity can be unregistered" {
	register alice
	save alice >/dev/null
	recover alice
	alice sentinel-register --unregister --yes >/dev/null
	carol sentinel-register alice >/dev/null
}

# --- what is refused -------------------------------------------------------------

# refused STATUS CODE FILE [PASSFILE]: and nothing is left behind
refused() {
	fault "$1" "$2" as nobody sentinel-keys restore "$3" \
	    --passphrase-file "${4-secret}"
	[ "$(tail -n 1 <<<"$stderr" | jq -r .path)" = "$3" ]
	[ ! -e nobody.key ]
}

@test "never over a key file, whatever the backup is" {
	register alice
	save alice >/dev/null
	sum=$(sha256sum alice.key)
	# nobody is asked for a passphrase
	fault 36 exists alice sentinel-keys restore alice.backup
	fault 36 exists alice sentinel-keys restore /nonexistent
	ln -s nowhere nobody.key
	fault 36 exists as nobody sentinel-keys restore alice.backup
	[ "$(sha256sum alice.key)" = "$sum" ]
}

@test "wrong passphrase, none, and what is no backup" {
	register alice
	save alice >/dev/null
	refused 33 passphrase alice.backup wrong
	fault 33 passphrase as nobody sentinel-keys restore alice.backup
	refused 34 io nonexistent
	refused 34 io /
	refused 32 keyfile_corrupt alice.key
	refused 32 keyfile_corrupt /dev/null
	refused 32 keyfile_corrupt /dev/zero
}

@test "cut short, or longer: refused" {
	register alice
	save alice >/dev/null
	"$TOOLS/backup.py" cheap alice.backup secret cheap
	size=$(stat -c %s cheap)
	for ((n = 0; n < size; n += 41)); do
		head -c "$n" cheap >part
		refused 32 keyfile_corrupt part
	done
	(cat cheap; echo) >part
	refused 32 keyfile_corrupt part
}

@test "a flipped bit anywhere: refused" {
	register alice
	save alice >/dev/null
	"$TOOLS/backup.py" cheap alice.backup secret cheap
	"$TOOLS/backup.py" flips cheap flipped 11
	for part in flipped/*; do
		run --separate-stderr as nobody sentinel-keys restore "$part" \
		    --passphrase-file secret
		[ "$status" = 32 ] || [ "$status" = 33 ]
		[ ! -e nobody.key ]
	done
	[ "$(find flipped -type f | wc -l)" -gt 20 ]
}

@test "costs beyond the limits are refused before any memory is taken" {
	register alice
	save alice >/dev/null
	for cost in '1 65536' '17 65536' '3 32767' '3 2097153' \
	    '3 4294967295' '4294967295 65536' '0 0'; do
		"$TOOLS/backup.py" ask alice.backup part $cost
		fault 32 keyfile_corrupt as nobody sentinel-keys restore part
	done
}
