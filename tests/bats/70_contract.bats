#!/usr/bin/env bats
# What all commands have in common: help, options, errors, exit statuses.

load helper
load tools

commands='sentinel-register sentinel-clients sentinel-keys sentinel-send
    sentinel-pull sentinel-status sentinel-relay'

# fails unless stderr ends with an error record of that code and status
assert_error() { # CODE
	last=$(tail -n 1 <<<"$stderr")
	[ "$(jq -r '.type + " " + .code' <<<"$last")" = "error $1" ]
	[ "$(jq -r .exit_code <<<"$last")" = "$status" ]
	[ -n "$(jq -r .message <<<"$last")" ]
}

@test "--help and --version go to stdout with status 0" {
	for c in $commands; do
		run --separate-stderr $c --help
		assert_success
		assert_line --index 0 --partial "usage: $c"
		[ -z "$stderr" ]
		run --separate-stderr $c --version
		assert_success
		assert_output --regexp "^$c [0-9]+\.[0-9]+\.[0-9]+$"
	done
	run sentinel-keys verify --help
	assert_success
	assert_output --partial -- --unverify
}

@test "unknown, abbreviated and malformed options: 2" {
	for c in $commands; do
		for option in --nope -Z --hel --help=x; do
			run --separate-stderr $c $option
			assert_failure 2
			assert_error usage
			assert_output ''
		done
	done
	for option in --timeout=x --timeout= --lock-timeout=-1 --color=red \
	    --errors=xml --get= --get=a,,b; do
		run --separate-stderr sentinel-clients $option
		assert_failure 2
	done
}

@test "operands: too few, too many, empty ones: 2" {
	run --separate-stderr sentinel-register
	assert_failure 2
	assert_error usage
	run --separate-stderr sentinel-register a b
	assert_failure 2
	run --separate-stderr sentinel-clients a
	assert_failure 2
	run --separate-stderr sentinel-send ''
	assert_failure 2
	run --separate-stderr sentinel-keys
	assert_failure 2
	run --separate-stderr sentinel-keys juggle
	assert_failure 2
	run --separate-stderr sentinel-keys fetch
	assert_failure 2
}

@test "options and operands come in any order, also for POSIXLY_CORRECT" {
	relay_start
	export POSIXLY_CORRECT=1
	alice sentinel-register alice --get name
	run alice sentinel-keys show self --get name
	assert_output alice
	run alice sentinel-keys --get name show
	assert_output alice
	run alice sentinel-keys show -gname -- self
	assert_output alice
}

@test "environment gives way to options; bad values are named" {
	SENTINEL_TIMEOUT=soon run --separate-stderr sentinel-clients
	assert_failure 2
	jq -r .message <<<"$stderr" | grep -q SENTINEL_TIMEOUT
	relay_start
	SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/one.key sentinel-register one \
	    -k "$BATS_TEST_TMPDIR/two.key"
	[ -f "$BATS_TEST_TMPDIR/two.key" ]
	[ ! -f "$BATS_TEST_TMPDIR/one.key" ]
}

@test "no key file: 30 for every command that needs one" {
	for c in sentinel-clients 'sentinel-keys list' 'sentinel-keys fetch x' \
	    'sentinel-send x -m y' sentinel-pull sentinel-status \
	    'sentinel-keys connect x' 'sentinel-keys rotate' \
	    'sentinel-keys trust-relay x' 'sentinel-keys forget x'; do
		run --separate-stderr $c -k "$BATS_TEST_TMPDIR/none.key"
		assert_failure 30
		assert_error keyfile_missing
		jq -r .hint <<<"$stderr" | grep -q sentinel-register
	done
}

@test "a garbage key file: 32, and it stays as it is" {
	for size in 0 1 100 4096 100000; do
		head -c $size /dev/urandom >"$BATS_TEST_TMPDIR/bad.key"
		chmod 600 "$BATS_TEST_TMPDIR/bad.key"
		before=$(sha256sum <"$BATS_TEST_TMPDIR/bad.key")
		for c in 'sentinel-keys list' sentinel-pull sentinel-status \
		    'sentinel-register x'; do
			run --separate-stderr $c -k "$BATS_TEST_TMPDIR/bad.key"
			assert_failure 32
			assert_error keyfile_corrupt
		done
		[ "$(sha256sum <"$BATS_TEST_TMPDIR/bad.key")" = "$before" ]
	done
}

@test "a key file others may read, or that is not ours alone: 37" {
	relay_start
	alice sentinel-register alice
	key=$BATS_TEST_TMPDIR/alice.key
	for mode in 640 604 660 666 611; do
		chmod $mode "$key"
		run --separate-stderr alice sentinel-keys list
		assert_failure 37
		assert_error keyfile_insecure
	done
	chmod 600 "$key"
	ln "$key" "$BATS_TEST_TMPDIR/second.key"
	run --separate-stderr alice sentinel-keys list
	assert_failure 37
	rm "$BATS_TEST_TMPDIR/second.key"
	ln -s "$key" "$BATS_TEST_TMPDIR/link.key"
	run --separate-stderr sentinel-keys list -k "$BATS_TEST_TMPDIR/link.key"
	assert_failure 37
	mkfifo "$BATS_TEST_TMPDIR/fifo.key"
	run --separate-stderr timeout 5 sentinel-keys list \
	    -k "$BATS_TEST_TMPDIR/fifo.key"
	assert_failure 37
	run alice sentinel-keys list
	assert_success
}

@test "a key file locked by another process: 31 within --lock-timeout" {
	relay_start
	alice sentinel-register alice
	sqlite3 "$BATS_TEST_TMPDIR/alice.key" \
	    'BEGIN EXCLUSIVE;' '.shell touch '"$BATS_TEST_TMPDIR/held"'; sleep 3' &
	holder=$!
	until [ -e "$BATS_TEST_TMPDIR/held" ]; do sleep 0.05; done
	run --separate-stderr alice sentinel-keys list --lock-timeout 0.3
	assert_failure 31
	assert_error locked
	wait $holder
	run alice sentinel-keys list
	assert_success
}

@test "-v says how it ended, and -q leaves warnings out" {
	relay_start
	run --separate-stderr carol sentinel-register carol --tofu -q \
	    -r "${SENTINEL_RELAY#*@}"
	assert_success
	[ -z "$stderr" ]
	run --separate-stderr carol sentinel-keys list -v
	assert_success
	jq -r .message <<<"$stderr" | grep -qE '^ok after [0-9]+ ms$'
	[ "$(jq -r .type <<<"$stderr")" = note ]
}

@test "errors are JSON, or text with a hint where asked for" {
	run --separate-stderr sentinel-clients --errors=text \
	    -k "$BATS_TEST_TMPDIR/none.key"
	assert_failure 30
	[[ ${stderr_lines[0]} == 'sentinel-clients: '*'[keyfile_missing]' ]]
	[[ ${stderr_lines[1]} == 'hint: '* ]]
}

@test "--get: one field raw, several as TSV, missing ones empty" {
	relay_start
	alice sentinel-register alice
	run alice sentinel-keys show --get name
	assert_output alice
	run alice sentinel-keys show --get type,nothing,name
	assert_output 'identity		alice'
	run alice sentinel-register alice --get relay
	[ "$(jq -r .trust <<<"$output")" = pinned ]
	run alice sentinel-keys show --get v
	assert_output 1
}

@test "on a terminal records are indented and coloured, unless told not to" {
	relay_start
	alice sentinel-register alice
	show="sentinel-keys show -k $BATS_TEST_TMPDIR/alice.key"
	TERM=xterm run script -qec "$show" /dev/null
	assert_output --partial $'\033['
	assert_output --partial $'\n  '
	NO_COLOR=1 TERM=xterm run script -qec "$show" /dev/null
	refute_output --partial $'\033['
	TERM=dumb run script -qec "$show" /dev/null
	refute_output --partial $'\033['
	jq -e .name <<<"$output"
}

@test "stdout closed or full: 34" {
	relay_start
	alice sentinel-register alice
	run --separate-stderr bash -c '"$SENTINEL_BIN/sentinel-keys" show -k "$0" >/dev/full' \
	    "$BATS_TEST_TMPDIR/alice.key"
	assert_failure 34
	assert_error io
}

@test "closed standard descriptors do no harm" {
	relay_start
	run bash -c '"$SENTINEL_BIN/sentinel-register" alice -k "$0" <&- >&- 2>&-' \
	    "$BATS_TEST_TMPDIR/alice.key"
	run alice sentinel-keys show --get name
	assert_output alice
}

@test "no home, no directory to be in, any umask: private, or told" {
	relay_start
	for mask in 000 777; do
		home=$BATS_TEST_TMPDIR/home-$mask
		mkdir "$home"
		(
			umask $mask
			HOME=$home exec "$SENTINEL_BIN/sentinel-register" \
			    "u$mask" >/dev/null 3>&-
		)
		key=$home/.local/share/sentinel/default.key
		[ "$(stat -c %a "$key" "${key%/*}" | xargs)" = '600 700' ]
	done
	fault 2 usage env -u HOME "$SENTINEL_BIN/sentinel-keys" show
	fault 2 usage env HOME=relative "$SENTINEL_BIN/sentinel-keys" show
	mkdir "$BATS_TEST_TMPDIR/gone"
	cd "$BATS_TEST_TMPDIR/gone"
	rmdir ../gone
	fault 34 io "$SENTINEL_BIN/sentinel-register" nobody -k nobody.key
	run env HOME="$home" TMPDIR=/nonexistent \
	    "$SENTINEL_BIN/sentinel-clients" --get name
	assert_success
	assert_output u000
}

@test "records are the same in every locale, zone and with any IFS" {
	relay_start
	handshake
	printf 'I\303\257i \330\247 1.5 \342\200\256x' |
	    alice sentinel-send bob >/dev/null
	bob sentinel-pull --type key_request
	for how in LC_ALL=C LC_ALL=tr_TR.UTF-8 LANG=ar_EG.UTF-8 \
	    LC_NUMERIC=de_DE.UTF-8 TZ=Pacific/Chatham TZ=:/nonexistent \
	    IFS=0123 POSIXLY_CORRECT=1; do
		for command in 'pull --peek' 'keys show bob' 'clients' \
		    'keys fingerprint bob' 'status'; do
			# shellcheck disable=SC2086
			bob env "$how" "$SENTINEL_BIN"/sentinel-$command
		done | jq -c 'del(.last_contact)' | sha256sum
	done >"$BATS_TEST_TMPDIR/sums"
	[ "$(sort -u "$BATS_TEST_TMPDIR/sums" | wc -l)" = 1 ]
}
