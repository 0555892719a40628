#!/usr/bin/env bats
# Several commands on one key file, when one of them stands still, dies, or
# waits for the network; and a key file that may not grow.

load helper
load tools

setup() {
	STOPPED=
	relay_start
	handshake
}

# what stands still does not see that the test is over
teardown() {
	kill -KILL "$STOPPED" 2>/dev/null || :
	kill -CONT "$RELAY_PID" 2>/dev/null || :
	settle
}

# stopped_at CALL N NAME COMMAND...: run it until it has stopped itself there;
# sets STOPPED, its process
stopped_at() {
	local inject=inject=$1:signal=STOP:when=$2
	local trace=$BATS_TEST_TMPDIR/stopped.trace

	rm -f "$trace"
	# the tracer is the child, a leak checker cannot work under it
	ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" start "$3" \
	    strace -D -qq -o "$trace" -e trace="$1" -e "$inject" \
	    "$SENTINEL_BIN/$4" "${@:5}" >"$BATS_TEST_TMPDIR/stopped.out"
	STOPPED=$!
	# that it stands still as such: the tracer stops it all the time
	until_true grep -qs 'stopped by SIGSTOP' "$trace"
}

# in_time COMMAND...: locked out, and told so before 5 seconds are over
in_time() {
	local begin=$SECONDS

	fault 31 locked "$@" --lock-timeout 0.3
	[ $((SECONDS - begin)) -lt 5 ]
}

@test "a holder that stands still: 31 in time; it goes on: so do others" {
	# in the middle of a commit: journal, directory, journal, key file
	stopped_at fdatasync 4 alice sentinel-send bob -m held
	in_time alice sentinel-keys show
	in_time alice sentinel-send bob -m other
	in_time alice sentinel-pull
	kill -CONT "$STOPPED"
	wait "$STOPPED"
	alice sentinel-send bob -m next --lock-timeout 0.3
	run bob sentinel-pull --get body
	assert_output 'held
next'
}

@test "a holder that is about to write lets others read" {
	stopped_at pwrite64 1 alice sentinel-send bob -m held
	run alice sentinel-keys show --lock-timeout 0 --get name
	assert_output alice
	in_time alice sentinel-send bob -m other
	seq 1000 >"$BATS_TEST_TMPDIR/lines"
	# a batch ends there, and those it has read are told
	in_time alice sentinel-send -l bob <"$BATS_TEST_TMPDIR/lines"
	[ "${#lines[@]}" = 64 ]
	[ "$(field .error.code | sort -u)" = locked ]
	kill -CONT "$STOPPED"
	wait "$STOPPED"
	run bob sentinel-pull --get body
	assert_output held
}

@test "a holder that is dead costs no wait" {
	for n in 1 3 4 5; do
		stopped_at fdatasync "$n" alice sentinel-send bob -m held
		kill -KILL "$STOPPED"
		wait "$STOPPED" || :
		run alice sentinel-keys show --lock-timeout 0 --get name
		assert_output alice
		alice sentinel-send bob -m "after $n" --lock-timeout 0
	done
	run bob sentinel-pull --get body
	assert_output 'after 1
after 3
after 4
after 5'
}

@test "a puller that stands still keeps other pullers out, and nobody else" {
	alice sentinel-send bob -m text
	stopped_at recvfrom 4 bob sentinel-pull
	fault 31 locked bob sentinel-pull
	bob sentinel-keys show --lock-timeout 0
	bob sentinel-send alice -m answer --lock-timeout 0
	kill -KILL "$STOPPED"
	wait "$STOPPED" || :
	run bob sentinel-pull --get body
	assert_output text
}

# what reads and what writes the key file, without waiting for anybody
use_keyfile() {
	number=$(alice sentinel-keys fingerprint bob --lock-timeout 0 \
	    --get safety_number)
	alice sentinel-keys show --lock-timeout 0
	alice sentinel-keys verify bob "$number" --lock-timeout 0
}

has_socket() {
	find "/proc/$1/fd" -lname 'socket:*' 2>/dev/null | grep -q .
}

@test "a relay that is silent blocks nobody else" {
	kill -STOP "$RELAY_PID"
	start alice "$SENTINEL_BIN/sentinel-send" bob -m patient \
	    >"$BATS_TEST_TMPDIR/out"
	until_true has_socket $!
	use_keyfile
	kill -0 $!
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	kill -CONT "$RELAY_PID"
	wait $!
	run bob sentinel-pull --get body
	assert_output patient
}

has_row() {
	[ -n "$(sqlite3 -readonly "$BATS_TEST_TMPDIR/alice.key" \
	    'SELECT n FROM outbox WHERE content IS NOT NULL' 2>/dev/null)" ]
}

@test "an answer that takes long blocks nobody else" {
	strace -qq -o /dev/null -e trace=fdatasync \
	    -e inject=fdatasync:delay_enter=3s:when=1 -p "$RELAY_PID" \
	    2>"$BATS_TEST_TMPDIR/tracer" &
	tracer=$!
	until_true grep -q '^TracerPid:.[1-9]' "/proc/$RELAY_PID/status"
	start alice "$SENTINEL_BIN/sentinel-send" bob -m patient \
	    >"$BATS_TEST_TMPDIR/out"
	until_true has_row
	use_keyfile
	kill -0 $!
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	wait $!
	kill "$tracer"
	wait "$tracer" || :
	run bob sentinel-pull --get body
	assert_output patient
}

@test "a key file that may not grow: 34, nothing sent, nothing lost" {
	alice sentinel-send bob -m before
	size=$(($(stat -c %s "$BATS_TEST_TMPDIR/alice.key") / 1024))
	for limit in 1 4 8 16; do
		fault 34 io bash -c 'ulimit -f "$0" && exec "$@"' "$limit" \
		    "$SENTINEL_BIN/sentinel-send" bob -m lost \
		    -k "$BATS_TEST_TMPDIR/alice.key"
		fault 34 io bash -c 'ulimit -f "$0" && exec "$@"' "$limit" \
		    "$SENTINEL_BIN/sentinel-pull" \
		    -k "$BATS_TEST_TMPDIR/bob.key"
	done
	[ "$size" -gt 16 ]
	alice sentinel-send bob -m after
	run bob sentinel-pull --get body
	assert_output 'before
after'
}

# all_of N COMMAND...: so many at once, {} is which; all of them succeed
all_of() {
	# a sanitizer makes everything slower, whatever is waited for too
	case $SENTINEL_BIN in
	*/asan/* | */tsan/*) export SENTINEL_LOCK_TIMEOUT=60 ;;
	esac
	seq "$1" | xargs -P "$1" -I '{}' "${@:2}"
}

@test "64 senders at once: all succeed, each message arrives once" {
	all_of 64 env SENTINEL_KEYFILE="$BATS_TEST_TMPDIR/alice.key" \
	    sentinel-send bob -m 'text {}'
	bob sentinel-pull >"$BATS_TEST_TMPDIR/got"
	[ "$(jq -r .type "$BATS_TEST_TMPDIR/got" | sort | uniq -c | xargs)" = \
	    '64 message' ]
	[ "$(jq -r .body "$BATS_TEST_TMPDIR/got" | sort -V)" = \
	    "$(seq -f 'text %g' 64)" ]
	[ "$(jq .seq "$BATS_TEST_TMPDIR/got" | sort -n)" = "$(seq 0 63)" ]
}

# pulls one after the other, which others may not disturb
pull_often() {
	local n

	for ((n = 0; n < 8; n++)); do
		alice sentinel-pull --get body || return
	done >"$BATS_TEST_TMPDIR/pulled"
}

@test "32 senders beside 32 that read: all succeed" {
	bob sentinel-send alice -m 'for alice' >/dev/null
	pull_often &
	STARTED+=($!)
	all_of 64 bash -c 'export SENTINEL_KEYFILE=$0
		case $(($1 % 4)) in
		0) sentinel-keys show ;;
		1) sentinel-keys list ;;
		*) sentinel-send bob -m "text $1" ;;
		esac' "$BATS_TEST_TMPDIR/alice.key" '{}'
	bob sentinel-pull >"$BATS_TEST_TMPDIR/got"
	[ "$(jq -r .body "$BATS_TEST_TMPDIR/got" | sort -u | wc -l)" = 32 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/got")" = 32 ]
}

@test "batches at once: a message for each line, whoever sent it" {
	all_of 8 bash -c 'seq -f "$1 %g" 50 |
	    SENTINEL_KEYFILE=$0 sentinel-send -l bob' \
	    "$BATS_TEST_TMPDIR/alice.key" '{}'
	bob sentinel-pull --get body >"$BATS_TEST_TMPDIR/got"
	[ "$(sort -u "$BATS_TEST_TMPDIR/got" | wc -l)" = 400 ]
	for ((n = 1; n <= 8; n++)); do
		[ "$(grep "^$n " "$BATS_TEST_TMPDIR/got")" = \
		    "$(seq -f "$n %g" 50)" ]
	done
}

@test "a key file that may only be read: 34, before the network" {
	local as_user=()

	if [ "$(id -u)" = 0 ]; then
		as_user=(setpriv --bounding-set -all --inh-caps -all)
	fi
	proxy_start
	chmod 400 "$BATS_TEST_TMPDIR/alice.key"
	alice "${as_user[@]}" sentinel-keys show
	for command in 'send bob -m lost' 'send -l bob' 'pull' \
	    'sendfile bob /etc/passwd' 'keys request bob' 'keys send bob'; do
		# shellcheck disable=SC2086
		fault 34 io alice "${as_user[@]}" sentinel-$command \
		    -r "$PROXY_RELAY" <<<line
	done
	chmod 600 "$BATS_TEST_TMPDIR/alice.key"
	alice sentinel-send bob -m after -r "$PROXY_RELAY"
	# its connection is the first, and the only one
	proxy_says 2
	[ "$(wc -l <"$PROXY_LOG")" = 2 ]
	run bob sentinel-pull --get body
	assert_output after
}
