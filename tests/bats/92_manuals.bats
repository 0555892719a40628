#!/usr/bin/env bats
# What stands in the man pages under EXAMPLES, typed as it stands there: each
# block of each page, and the last test counts them.

load helper
load tools

setup() {
	RAN=$BATS_FILE_TMPDIR/ran
	T=$BATS_TEST_TMPDIR/at
	mkdir -p "$T/bin" "$T/etc/sentinel" "$T/var/lib/sentinel" \
	    "$T/var/log" "$T/var/backups"
	chmod 700 "$T/var/lib/sentinel"
	cd "$T" || return
	stand_in ssh 'shift; exec "$@"'
	stand_in sleep 'echo "$1" >>slept'
	stand_in systemctl 'echo "$*" >>systemctl.log'
	PATH=$T/bin:$PATH
	export T
}

# the tests' own waiting is not stood in for
sleep() {
	command -p sleep "$@"
}

# stand_in COMMAND BODY: instead of what a test cannot wait for or reach
stand_in() {
	printf '#!/bin/sh\n%s\n' "$2" >"$T/bin/$1"
	chmod +x "$T/bin/$1"
}

# two people who know each other; the test is alice
talk() {
	relay_start
	handshake
	export SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/alice.key
}

# blocks PAGE: its examples, the text of each followed by a line of NUL
blocks() {
	awk '/^\.Sh/ { on = ($2 == "EXAMPLES") }
	    !on { next }
	    /^\.Bd -literal/ { inside = 1; next }
	    /^\.Ed/ { inside = 0; print "\001"; next }
	    inside { gsub(/\\e/, "\\"); print }' "$ROOT/man/$1"
}

# block PAGE N: print that one, below our own directory; it is counted
block() {
	echo "$1 $2" >>"$RAN"
	blocks "$1" | awk -v n="$2" '/\001/ { n--; next } n == 1' |
	    sed -e "s|/var/|$T/var/|g; s|/etc/|$T/etc/|g" \
	        -e 's|0\.0\.0\.0:9876|127.0.0.1:0|; s|\[::\]:9876|[::1]:0|' \
	        -e "s|-r 127.0.0.1 |-r $RELAY_LISTEN |"
}

# example PAGE N: what it does, as `run` tells it
example() {
	block "$1" "$2" >example.sh
	run --separate-stderr bash example.sh 3>&-
	echo "$stderr" >&2
}

@test "sentinel-clients(1)" {
	talk
	example sentinel-clients.1 1
	assert_success
	assert_line --partial $'\tbob'
	example sentinel-clients.1 2
	assert_success
	example sentinel-clients.1 3
	assert_success
	assert_output bob
	alice sentinel-keys verify bob \
	    "$(alice sentinel-keys fingerprint bob --get safety_number)"
	example sentinel-clients.1 3
	assert_output ''
}

@test "sentinel-json(5) and sentinel-keyfile(5)" {
	talk
	bob sentinel-send alice -m 'from Bob'
	example sentinel-json.5 1
	assert_success
	assert_output 'from Bob'
	cp "$SENTINEL_KEYFILE" alice.key
	example sentinel-keyfile.5 1
	assert_success
	assert_line --index 0 --regexp '^[0-9]+$'
	assert_line --index 1 --regexp '^[0-9]+$'
}

@test "sentinel-keys(1): a session in one command, and step by step" {
	relay_start
	register alice
	export bob number
	bob=$(as bob sentinel-register bob --get id)
	export SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/alice.key
	id=$(alice sentinel-keys show self --get id)

	example sentinel-keys.1 2
	assert_success
	(export SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/bob.key
	    example sentinel-keys.1 3
	    assert_success)
	example sentinel-keys.1 4
	assert_success
	bob sentinel-pull -w 10 -n 1 --type key_received
	example sentinel-keys.1 5
	assert_success
	assert_output --regexp '^[0-9]{5}'
	number=$(tr '\n' ' ' <<<"$output")
	[ "${number// /}" = \
	    "$(bob sentinel-keys fingerprint "$id" --get safety_number)" ]
	example sentinel-keys.1 6
	assert_success
	[ "$(alice sentinel-keys show bob --get verified)" = true ]

	register carol
	bob=$(carol sentinel-keys show self --get id)
	carol sentinel-keys connect -w 5m "$id" 3>&- &
	STARTED+=("$!")
	example sentinel-keys.1 1
	assert_success
	wait "$!"
}

@test "sentinel-keys(1): new keys, a lost key file, a number on a terminal" {
	talk
	before=$(alice sentinel-keys show self --get public_key_base64)
	block sentinel-keys.1 7 >crontab
	read -r _ _ _ _ _ line <crontab
	run bash -c "$line"
	assert_success
	[ "$before" != "$(alice sentinel-keys show self --get public_key_base64)" ]

	bob sentinel-register --unregister --yes bob
	as other sentinel-register bob
	export fingerprint
	fingerprint=$(as other sentinel-keys fingerprint --get fingerprint)
	example sentinel-keys.1 8
	assert_success

	as other sentinel-keys connect alice ||
	    as other sentinel-keys connect \
	        "$(alice sentinel-keys show self --get id)"
	number=$(alice sentinel-keys fingerprint bob --get safety_number)
	block sentinel-keys.1 9 >example.sh
	run "$ROOT/tests/tools/terminal.py" --answer 'reads out' "$number"'\r' -- \
	    bash example.sh 3>&-
	assert_success
	[ "$(alice sentinel-keys show bob --get verified)" = true ]
}

@test "sentinel-keys(1): passphrase and backup" {
	talk
	(umask 077 && echo one >old && echo two >new)
	alice sentinel-keys passphrase --new-passphrase-file old
	example sentinel-keys.1 10
	assert_success
	export SENTINEL_PASSPHRASE_FILE=$T/new

	# on two machines: the second has the backup alone
	block sentinel-keys.1 11 >both.sh
	stand_in date 'echo 2026-11-25'
	sed '/^$/,$d' both.sh >example.sh
	typed 'assphrase' 'secret\r' 'again' 'secret\r'
	assert_success
	[ -s 2026-11-25.backup ]
	sed '1,/^$/d' both.sh >example.sh
	export SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/new.key
	printf secret >"$SENTINEL_PASSPHRASE_FILE"
	start bob sentinel-pull --answer=known -F
	run bash example.sh 3>&-
	assert_success
	[ "$(as new sentinel-keys show bob --get session)" = established ]
}

# typed [TEXT KEYS]...: the example on a terminal, which is answered so
typed() {
	local answers=()

	while [ $# -gt 0 ]; do
		answers+=(--answer "$1" "$2")
		shift 2
	done
	run "$ROOT/tests/tools/terminal.py" "${answers[@]}" -- \
	    bash example.sh 3>&-
}

@test "sentinel-pull(1)" {
	talk
	bob sentinel-send alice -m one
	example sentinel-pull.1 1
	assert_success
	assert_output $'bob\tone'
	bob sentinel-send alice -m two
	example sentinel-pull.1 2
	assert_success
	assert_output 'Bob says: two'
	echo three >three
	bob sentinel-sendfile alice three
	example sentinel-pull.1 3
	assert_success
	assert_output --partial 'in/three: OK'
	example sentinel-pull.1 7
	assert_success
	assert_output ''
	register carol
	carol sentinel-keys fetch "$alice_id"
	carol sentinel-keys request "$alice_id"
	example sentinel-pull.1 7
	assert_success
	assert_output "$carol_id"
	printf 'a\377b' | bob sentinel-send alice
	example sentinel-pull.1 8
	assert_success
	cmp message <(printf 'a\377b')
}

# ends PID: the command that the shell PID runs, or has become
ends() {
	pkill -P "$1" sentinel-pull || kill "$1"
	wait "$1" || :
}

@test "sentinel-pull(1): what goes on until it is ended" {
	talk
	block sentinel-pull.1 4 >example.sh
	start alice bash example.sh
	bob sentinel-send alice -m 'to the log'
	until_true grep -qx 'to the log' log
	# or it may come to the next one, again
	until_true eval '[ "$(alice sentinel-status --get inbox.shown)" = 0 ]'
	ends "$!"

	printf '#!/bin/sh\njq -r .body >>heard; [ $(wc -l <heard) = 2 ]\n' >bot.sh
	chmod +x bot.sh
	block sentinel-pull.1 5 >example.sh
	start alice bash example.sh
	bob sentinel-send alice -m again
	printf 'again\nagain\n' >expected
	until_true cmp -s heard expected
	ends "$!"
}

@test "sentinel-pull(1): dead letters" {
	talk
	bob sentinel-send alice -m poison
	alice sentinel-pull --max-tries 1 -- false || :
	[ "$(alice sentinel-status --get dead_letters)" = 1 ]
	example sentinel-pull.1 6
	assert_success
	assert_line --index 0 --partial poison
	[ "$(alice sentinel-status --get dead_letters)" = 0 ]
}

# another relay, which knows nobody
fresh() {
	[ -z "$RELAY_PID" ] || relay_stop
	rm -rf "$BATS_TEST_TMPDIR"/relay.* "$T"/*.key
	relay_start "$@"
	export SENTINEL_KEYFILE=$T/alice.key ADDRESS=$SENTINEL_RELAY
}

@test "sentinel-register(1)" {
	fresh
	example sentinel-register.1 1
	assert_success
	unset SENTINEL_KEYFILE
	example sentinel-register.1 3
	assert_success
	[ "$(sentinel-keys -i work show self --get name)" = alice.work ]

	fresh
	unset SENTINEL_RELAY
	example sentinel-register.1 4
	assert_success

	fresh --registration invite
	cp "$RELAY_KEY" "$T/var/lib/sentinel/key"
	example sentinel-register.1 2
	assert_success

	fresh
	example sentinel-register.1 5
	assert_success
	export SENTINEL_PASSPHRASE_FILE=~/.sentinel-passphrase
	example sentinel-register.1 6
	assert_success
	[ "$(sentinel-keys show self --get name)" = alicia ]
}

# serves COMMAND...: it says that it is ready, and ends well when it is told to
serves() {
	"$@" >ready 2>log 3>&- &
	STARTED+=("$!")
	until_true grep -q '"ready"' ready
	kill "$(tail -n 1 ready | jq -r .pid)"
	wait "$!"
}

@test "sentinel-relay(8) and sentinel-relay.conf(5)" {
	# shellcheck disable=SC2016
	stand_in sentinel-relay 'exec "$SENTINEL_BIN/sentinel-relay" "$@" -l 127.0.0.1:0'
	block sentinel-relay.8 1 >example.sh
	serves bash example.sh
	rm bin/sentinel-relay
	block sentinel-relay.8 2 >example.sh
	serves bash example.sh
	example sentinel-relay.8 6
	assert_success
	assert_output --regexp '^sentinel://.*@192\.0\.2\.1:9876$'
	block sentinel-relay.conf.5 1 >etc/sentinel/relay.conf
	block sentinel-relay.8 5 >example.sh
	serves bash example.sh
	mkdir etc/sentinel-relay
	cp etc/sentinel/relay.conf etc/sentinel-relay
	example sentinel-relay.conf.5 2
	assert_success
	[ "$(cat systemctl.log)" = 'reload sentinel-relay' ]

	rm ready
	block sentinel-relay.8 7 >example.sh
	# shellcheck disable=SC2016
	echo 'kill $!; wait $!; echo "$SENTINEL_RELAY"' >>example.sh
	run --separate-stderr bash example.sh 3>&-
	assert_success
	assert_output --regexp '^sentinel://.*@127\.0\.0\.1:[0-9]+$'
}

@test "sentinel-relay(8): an invite" {
	fresh --registration invite
	cp "$RELAY_KEY" "$T/var/lib/sentinel/key"
	example sentinel-relay.8 3
	assert_success
	echo "$output" >invite.txt
	example sentinel-relay.8 4
	assert_success
}

@test "sentinel-send(1)" {
	talk
	example sentinel-send.1 1
	assert_success
	example sentinel-send.1 2
	assert_success
	example sentinel-send.1 3
	assert_success
	[ ! -e slept ]
	[ "$(bob sentinel-pull | grep -c '"message"')" = 4 ]
	register logs
	start logs sentinel-pull --answer=any -F
	alice sentinel-keys connect -w 1m "$logs_id"
	echo '{"owner": "bob", "sensor": "7"}' >readings
	echo started >var/log/app.log
	# shellcheck disable=SC2016
	stand_in tail 'cat "$2"'
	example sentinel-send.1 5
	assert_success
	assert_output ''
	[ "$(bob sentinel-pull --get body | jq -r .sensor)" = 7 ]

	relay_stop
	export SENTINEL_TIMEOUT=0.2
	example sentinel-send.1 4
	assert_success
	[ "$(field .status)" = queued ]
	example sentinel-send.1 3
	[ "$(cat slept)" = "$(printf '600\n%.0s' 1 2 3 4 5 6)" ]
}

@test "sentinel-sendfile(1)" {
	talk
	mkdir dir
	echo a | tee report.pdf photo.jpg dir/one >var/backups/all.tar
	example sentinel-sendfile.1 1
	assert_success
	[ "$(field .name | sort)" = $'dir.tar\nphoto.jpg\nreport.pdf' ]
	alice sentinel-keys alias bob backup
	example sentinel-sendfile.1 2
	assert_success
	[ "$(field .name)" = all.tar ]
	example sentinel-sendfile.1 3
	assert_success
	bob sentinel-pull --type file -o in | jq -r '"\(.blake2b)  \(.path)"' |
	    b2sum -c
}

@test "sentinel-status(1)" {
	talk
	example sentinel-status.1 1
	assert_failure 1
	bob sentinel-send alice -m unread
	alice sentinel-pull --type file
	example sentinel-status.1 1
	assert_success
	assert_output --partial unread
	example sentinel-status.1 2
	assert_success
	assert_output ''
	example sentinel-status.1 3
	assert_success
	refute_output --partial fail
}

@test "sentinel(7)" {
	relay_start
	block sentinel.7 1 >example.sh
	block sentinel.7 2 >>example.sh
	run bash example.sh "$SENTINEL_RELAY" 3>&-
	assert_success
	assert_output --partial $'alice\thello, Bob'
}

@test "each example of each page was run" {
	for page in "$ROOT"/man/*.[1578]; do
		page=${page##*/}
		for n in $(seq "$(blocks "$page" | grep -c $'\001')"); do
			echo "$page $n"
		done
	done | sort >"$T/all"
	sort -u "$RAN" | diff "$T/all" -
}
