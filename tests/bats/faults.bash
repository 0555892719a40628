# shellcheck shell=bash
# Power cuts, failed allocations, damaged files: the same tests with some of
# them (tests/bats) and with all (tests/slow).
# shellcheck disable=SC2034,SC2153,SC2154

export ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0

# a file system in memory, where there is one: a cut costs some files
setup() {
	MEMORY=$BATS_TEST_TMPDIR
	[ ! -w /dev/shm ] || MEMORY=$(mktemp -d "/dev/shm/sentinel.XXXXXX")
}

teardown() {
	[ "$MEMORY" = "$BATS_TEST_TMPDIR" ] || rm -rf "$MEMORY"
	settle
}

# power_cuts TOOL [OPTION...]: tests/tools/powerstore.py or powerkeys.py
power_cuts() {
	"$ROOT/tests/tools/$1.py" "${@:2}" "$MEMORY" 3>&- \
	    >"$BATS_TEST_TMPDIR/cuts" 2>"$BATS_TEST_TMPDIR/troubles" || {
		status=$?
		cat "$BATS_TEST_TMPDIR/cuts" "$BATS_TEST_TMPDIR/troubles"
		return $status
	}
	sed 's/^/# /' "$BATS_TEST_TMPDIR/cuts" >&3
}

# The control: where SQLite syncs less than it is told, the same tool loses.
power_lost() {
	run -1 power_cuts "$@" --synchronous NORMAL
	sed 's/^/# /' "$BATS_TEST_TMPDIR/cuts" >&3
	[ "$(jq .lost "$BATS_TEST_TMPDIR/cuts")" -gt 0 ]
}

# made_durably COMMAND...: each directory that it makes is synced into the one
# above, before anything else is made
made_durably() {
	local trace=$BATS_TEST_TMPDIR/trace

	# a leak checker cannot work under another tracer
	ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 strace -y -o "$trace" \
	    -e trace=mkdir,fsync "$SENTINEL_BIN/$1" "${@:2}" >/dev/null
	synced_names "$trace"
}

synced_names() {
	awk -F '[(<>",]' '
	/^mkdir/ && / = 0$/ { made++; above = $3; sub(/\/[^\/]*$/, "", above) }
	/^fsync/ && / = 0$/ && $3 == above { synced++; above = "" }
	END { exit !(made > 0 && made == synced) }
	' "$1" || fail "$(cat "$1")"
}

# --- no memory --------------------------------------------------------------
#
# With killed.bash; STEP is inject.py's, 1 for each time that memory is asked
# for.

# relay_starved [OPTION...]: tests/tools/starved.py
relay_starved() {
	"$ROOT/tests/tools/starved.py" "$@" "$MEMORY" 3>&- \
	    >"$BATS_TEST_TMPDIR/points"
	sed 's/^/# /' "$BATS_TEST_TMPDIR/points" >&3
}

# other people, and a relay that knows nobody
restart_people() {
	relay_stop
	rm -rf "$RELAY_STORE"* "$BATS_TEST_TMPDIR"/*.key* "$BATS_TEST_TMPDIR"/in
	relay_restart
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
	    "keys fetch $bob_id" 'keys list' 'keys show bob'
	    'keys fingerprint bob' "keys verify bob $number"
	    'keys alias bob robert' 'keys block bob' 'keys unblock bob'
	    'keys forget bob')
	for command in "${commands[@]}"; do
		export AGAIN="sentinel-$command"
		# shellcheck disable=SC2086
		at_each_call --memory "$step" 'restore alice bob' after_any \
		    $AGAIN -k "$BATS_TEST_TMPDIR/alice.key"
	done
}

before_sendfile() {
	restore alice bob
	rm -rf "$BATS_TEST_TMPDIR/in"
}

# one file at least, each whole, no part of one, and nothing waits
whole_files() {
	local file

	bob sentinel-pull -o "$BATS_TEST_TMPDIR/in" >/dev/null
	[ -z "$(at_relay)" ]
	[ -z "$(find "$BATS_TEST_TMPDIR/in" -name '.*' -type f)" ]
	cmp "$BATS_TEST_TMPDIR/data" "$BATS_TEST_TMPDIR/in/data"
	for file in "$BATS_TEST_TMPDIR"/in/*; do
		cmp "$BATS_TEST_TMPDIR/data" "$file"
	done
}

after_sendfile() {
	[ "$STATUS" = 0 ] || no_memory
	age alice
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/data" >/dev/null
	whole_files
}

# each_sendfile STEP: what breaks off is sent by the same command
each_sendfile() {
	POINT_FUNCTIONS=(before_sendfile whole_files after_sendfile)
	handshake
	head -c 600000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
	save alice bob
	at_each_call --memory "$1" before_sendfile after_sendfile \
	    sentinel-sendfile bob "$BATS_TEST_TMPDIR/data" \
	    -k "$BATS_TEST_TMPDIR/alice.key"
}

before_receive() {
	before_sendfile
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/data" >/dev/null
}

after_receive() {
	[ "$STATUS" = 0 ] || no_memory
	whole_files
	[ "$(echo "$BATS_TEST_TMPDIR"/in/*)" = "$BATS_TEST_TMPDIR/in/data" ]
}

# each_receive STEP: what breaks off is taken by the next pull, once
each_receive() {
	POINT_FUNCTIONS=(before_sendfile before_receive whole_files after_receive)
	handshake
	head -c 600000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
	save alice bob
	at_each_call --memory "$1" before_receive after_receive \
	    sentinel-pull -o "$BATS_TEST_TMPDIR/in" \
	    -k "$BATS_TEST_TMPDIR/bob.key"
}

# --- damaged files ----------------------------------------------------------

# damaged FLIPS: a key file, cut short or with a bit flipped (tests/tools/
# damage.py), and commands that read it, write to it and talk to the relay
damaged() {
	"$ROOT/tests/tools/damage.py" --flips "$1" \
	    "$BATS_TEST_TMPDIR/alice.key" '0,32:sentinel-status --check -k {}' \
	    '0,32:sentinel-keys list -k {}' \
	    '!0,12,14,20,21,22,32:sentinel-send bob -m text -k {}' \
	    3>&- >"$BATS_TEST_TMPDIR/damaged"
	sed 's/^/# /' "$BATS_TEST_TMPDIR/damaged" >&3
	jq -e '.["cut 32"] == 27 and .["bit 32"] > 0' \
	    "$BATS_TEST_TMPDIR/damaged" >/dev/null
}

# --- short reads and writes -------------------------------------------------

# short_programs N: from here on programs read and write so many bytes at most
# (tests/preload/short.c); the shell does not
short_programs() {
	local dir=$BATS_TEST_TMPDIR/short program

	mkdir "$dir"
	for program in "$SENTINEL_BIN"/sentinel-*; do
		cat >"$dir/${program##*/}" <<-EOF
		#!/bin/sh
		LD_PRELOAD=$SENTINEL_TOOLS/short.so TEST_SHORT=$1 exec $program "\$@"
		EOF
	done
	chmod +x "$dir"/*
	PATH=$dir:$PATH
	RELAY_PROGRAM=$dir/sentinel-relay
}
