#!/usr/bin/env bats
# sentinel-status --check: each question has something that it finds wrong.

load helper
load tools

ALL='keyfile integrity passphrase disk pins sessions keys outbox dead_letters
inbox relay clock registration'

setup() {
	relay_start
	cd "$BATS_TEST_TMPDIR"
	umask 077
	printf 'staple 4711\n' >secret
}

check() { # OWNER ARGUMENT...
	as "$1" sentinel-status --check "${@:2}"
}

# the answer to one question, of the last check
answer() { # NAME
	jq -r --arg n "$1" 'select(.name == $n) | .status' <<<"$output"
}

# warns NAME OWNER: about this, with a hint; that is no failure
warns() {
	run --separate-stderr check "${@:2}"
	assert_success
	[ "$(answer "$1")" = warn ]
	[ "$(jq -r --arg n "$1" 'select(.name == $n) | .hint' <<<"$output")" \
	    != null ]
}

# fails STATUS CODE NAME OWNER ARGUMENT...: of this, before all others
fails() {
	fault "$1" "$2" check "${@:4}"
	[ "$(jq -r 'select(.status == "fail") | .name' <<<"$output" |
	    head -n 1)" = "$3" ]
}

sql() { # STATEMENT: on the key file of alice
	sqlite3 alice.key "$1"
}

@test "nothing is wrong" {
	handshake
	alice sentinel-keys passphrase --new-passphrase-file secret >/dev/null
	export SENTINEL_PASSPHRASE_FILE=secret
	alice sentinel-keys verify bob \
	    "$(alice sentinel-keys fingerprint bob --get safety_number)" >/dev/null
	run --separate-stderr check alice
	assert_success
	[ "$(field .name | xargs)" = "$(xargs <<<"$ALL")" ]
	[ "$(field '[.status, .hint] | tojson' | sort -u)" = '["ok",null]' ]
	[ "$stderr" = '' ]
	[[ $(check alice --text | tail -n 1) == 'ok '*registration*'as alice' ]]
	# and it has changed nothing
	sum=$(sha256sum alice.key)
	check alice >/dev/null
	[ "$(sha256sum alice.key)" = "$sum" ]
}

@test "keyfile: what keeps it from being opened, and nothing else is asked" {
	fails 30 keyfile_missing keyfile alice
	register alice
	chmod 640 alice.key
	fails 37 keyfile_insecure keyfile alice
	[ "$(field .name)" = keyfile ]
	[[ $(field .hint) == 'chmod 600'* ]]
	chmod 600 alice.key
	ln alice.key second
	fails 37 keyfile_insecure keyfile alice
	rm second
	alice sentinel-keys passphrase --new-passphrase-file secret >/dev/null
	fails 33 passphrase keyfile alice
	echo wrong >wrong
	fails 33 passphrase keyfile alice --passphrase-file wrong
	truncate -s 5000 alice.key
	fails 32 keyfile_corrupt keyfile alice
}

@test "integrity: a value that was changed, a page that makes no sense" {
	handshake
	bob sentinel-send alice -m text >/dev/null
	alice sentinel-pull --type key_request
	cp -p alice.key whole
	sql 'UPDATE inbox SET record = zeroblob(100) WHERE record IS NOT NULL'
	fails 32 keyfile_corrupt integrity alice
	cp whole alice.key
	check alice >/dev/null
	# so many free pages there are not
	printf '\007' | dd of=alice.key bs=1 seek=39 conv=notrunc status=none
	fails 32 keyfile_corrupt integrity alice
	# the others are asked all the same
	[ "$(field .name | wc -l)" = 13 ]
}

# swap TABLE COLUMN: in the first two rows that have something there
swap() {
	local two

	mapfile -t two < <(sql "SELECT hex($2) FROM $1 WHERE $2 IS NOT NULL
	    LIMIT 2")
	[ "${two[0]}" != "${two[1]}" ]
	sql "UPDATE $1 SET $2 = CASE hex($2) WHEN '${two[0]}'
	    THEN x'${two[1]}' ELSE x'${two[0]}' END
	    WHERE hex($2) IN ('${two[0]}', '${two[1]}')"
}

blob() { # UUID
	echo "x'$(hex "$1")'"
}

@test "integrity: with a passphrase, nothing of one place serves in another" {
	local place tag

	handshake
	handshake alice carol
	alice sentinel-keys rotate >/dev/null
	for peer in bob carol; do
		"$peer" sentinel-send alice -m text >/dev/null
	done
	alice sentinel-pull --type key_request
	alice sentinel-keys passphrase --new-passphrase-file secret >/dev/null
	export SENTINEL_PASSPHRASE_FILE=secret
	cp -p alice.key whole
	for place in 'peers pin' 'sessions state' 'own_keys prekey_sk' \
	    'inbox record'; do
		cp whole alice.key
		swap $place
		fault 32 keyfile_corrupt check alice
	done
	cp whole alice.key
	sql 'UPDATE own_keys SET static_sk = prekey_sk, prekey_sk = static_sk'
	fault 32 keyfile_corrupt check alice
	# nor does a command use it, or a name lead to somebody else
	cp whole alice.key
	swap sessions state
	fault 32 keyfile_corrupt alice sentinel-send bob -m x
	cp whole alice.key
	tag=$(sql "SELECT hex(name_tag) FROM peers WHERE id = $(blob "$bob_id")")
	sql "UPDATE peers SET name_tag = NULL WHERE id = $(blob "$bob_id");
	    UPDATE peers SET name_tag = x'$tag' WHERE id = $(blob "$carol_id")"
	fault 32 keyfile_corrupt alice sentinel-send bob -m x
	cp whole alice.key
	alice sentinel-send bob -m x
}

@test "passphrase: there is none" {
	register alice
	warns passphrase alice
}

@test "disk: little room, no room" {
	register alice
	export LD_PRELOAD=$SENTINEL_TOOLS/disk.so
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0
	export TEST_DISK_ROOM=67108864
	run --separate-stderr check alice
	[ "$(answer disk)" = ok ]
	export TEST_DISK_ROOM=67108863
	warns disk alice
	TEST_DISK_ROOM=4194303
	fails 34 io disk alice
}

@test "pins: a peer that nobody has verified" {
	register alice bob
	check alice >/dev/null
	alice sentinel-keys fetch bob >/dev/null
	warns pins alice
}

@test "sessions: one that has to be made anew" {
	handshake
	cp -p alice.key copy
	alice sentinel-send bob -m x >/dev/null
	run --separate-stderr check alice
	[ "$(answer sessions)" = ok ]
	cp copy alice.key
	run --separate-stderr check alice
	[ "$(answer sessions)" = warn ]
}

@test "keys: a month old" {
	register alice
	later $((30 * 86400 - 600))
	run --separate-stderr check alice
	[ "$(answer keys)" = ok ]
	later $((30 * 86400 + 1))
	warns keys alice
	alice sentinel-keys rotate >/dev/null
	run --separate-stderr check alice
	[ "$(answer keys)" = ok ]
}

@test "outbox: in doubt, or left by somebody who has died" {
	handshake
	proxy_start down:cut:115
	fault 10 relay_unreachable alice sentinel-send bob -m x \
	    -r "$PROXY_RELAY" --timeout 2
	proxy_stop
	warns outbox alice
	sql 'UPDATE outbox SET state = 1'
	run --separate-stderr check alice
	[ "$(answer outbox)" = ok ]
	sql 'UPDATE outbox SET at = at - 660000'
	warns outbox alice
}

@test "dead_letters, inbox: given up, waiting for long, too many" {
	handshake
	bob sentinel-send alice -m text >/dev/null
	alice sentinel-pull --type key_request
	run --separate-stderr check alice
	[ "$(answer inbox) $(answer dead_letters)" = 'ok ok' ]
	sql 'UPDATE inbox SET at = at - 8 * 86400000 WHERE record IS NOT NULL'
	warns inbox alice
	sql 'UPDATE inbox SET state = 4 WHERE record IS NOT NULL'
	warns dead_letters alice
	[ "$(answer inbox)" = ok ]
}

@test "inbox: a thousand and one" {
	handshake
	bob sentinel-send alice -m text >/dev/null
	alice sentinel-pull --type key_request
	# copies do not open where they stand: integrity fails, inbox is asked
	sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
	    WHERE i < 1000) INSERT INTO inbox (peer, kind, message_id, seq, state,
	    tries, next_try, at, record) SELECT randomblob(16), 1,
	    randomblob(16), i, 1, 0, 0, at, record FROM inbox, n WHERE record IS NOT NULL"
	run --separate-stderr check alice
	[ "$(answer inbox)" = warn ]
	sql 'DELETE FROM inbox WHERE seq = 1000'
	run --separate-stderr check alice
	[ "$(answer inbox)" = ok ]
}

@test "relay: away, or somebody else's" {
	register alice
	relay_stop
	fails 10 relay_unreachable relay alice --timeout 0.2
	[ "$(field .name | tail -n 1)" = relay ]
	mv "$RELAY_KEY" key
	relay_restart
	unset SENTINEL_RELAY
	fails 11 relay_untrusted relay alice
	[[ $(jq -r 'select(.name == "relay").hint' <<<"$output") == \
	    *trust-relay* ]]
}

@test "clock: some minutes off, a day off" {
	register alice
	export LD_PRELOAD=$SENTINEL_TOOLS/shift.so
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0
	for shift in 120 -120; do
		TEST_CLOCK_SHIFT=$shift warns clock alice
	done
	TEST_CLOCK_SHIFT=$((2 * 86400)) fails 14 protocol clock alice
	TEST_CLOCK_SHIFT=$((-2 * 86400)) fails 14 protocol clock alice
}

@test "registration: none, forgotten by the relay, or with another prekey" {
	register alice bob
	cp -p alice.key alicia.key
	as alicia sentinel-keys rotate >/dev/null
	warns registration alice
	alice sentinel-keys rotate >/dev/null
	run --separate-stderr check alice
	[ "$(answer registration)" = ok ]
	relay_stop
	relay_sql "UPDATE clients SET userName = NULL, publicKey = NULL
	    WHERE userName = 'alice'"
	relay_restart
	fails 12 relay_denied registration alice
	alice sentinel-register alice >/dev/null
	check alice >/dev/null
	alice sentinel-register --unregister --yes >/dev/null
	fails 12 relay_denied registration alice
	[[ $(jq -r 'select(.name == "registration").hint' <<<"$output") == \
	    'sentinel-register alice' ]]
}

@test "two failures: the status is the first one's" {
	handshake
	bob sentinel-send alice -m text >/dev/null
	alice sentinel-pull --type key_request
	sql 'UPDATE inbox SET record = zeroblob(100) WHERE record IS NOT NULL'
	relay_stop
	fails 32 keyfile_corrupt integrity alice --timeout 0.2
	[ "$(field 'select(.status == "fail").name' | xargs)" = \
	    'integrity relay' ]
}

@test "a reader that is gone ends it" {
	register alice
	fault 34 io bash -c '"$SENTINEL_BIN/sentinel-status" --check \
	    -k alice.key >/dev/full'
}
