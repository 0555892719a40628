# shellcheck shell=bash
# What the bats files share: a relay of their own, people with key files, and
# the check that every record a test has seen fits its schema.  Run by make,
# which sets SENTINEL_BIN and SENTINEL_TOOLS; by hand, the release build.
#
# The commands on PATH are witnesses (tests/tools/witness.c): they run the real
# one and keep a copy of its records.  "$SENTINEL_BIN/sentinel-..." is the real
# one, for a test that must be alone with it.

bats_require_minimum_version 1.5.0
# as their load.bash does, which begins a process for each of their files
for library in "$BATS_LIB_PATH"/bats-{support,assert}/src/*.bash; do
	# shellcheck disable=SC1090
	source "$library"
done

ROOT=${BATS_TEST_DIRNAME%/tests/*}
: "${SENTINEL_BIN:=$ROOT/build/release/bin}"
: "${SENTINEL_TOOLS:=$ROOT/build/release/tools}"
WITNESS_DIR=$BATS_FILE_TMPDIR/records/${BATS_TEST_NUMBER:-0}
export ROOT SENTINEL_BIN SENTINEL_TOOLS WITNESS_DIR
mkdir -p "$WITNESS_DIR"

# bats notes before each command where that stands, which takes longer than
# most of them do; one that fails knows its place as well
if [ "${BATS_TRACE_LEVEL:-0}" = 0 ]; then
	bats_debug_trap() {
		trap - DEBUG
	}

	bats_error_trap() {
		bats_check_status_from_trap
		bats_capture_stack_trace
		# shellcheck disable=SC2034
		BATS_DEBUG_LAST_STACK_TRACE_IS_VALID=1
	}
fi

# a test has its own home and nobody's settings
export HOME=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}
unset SENTINEL_KEYFILE SENTINEL_IDENTITY SENTINEL_RELAY SENTINEL_TIMEOUT
unset SENTINEL_LOCK_TIMEOUT SENTINEL_PASSPHRASE_FILE XDG_DATA_HOME
unset CREDENTIALS_DIRECTORY NO_COLOR

if [ ! -d "$BATS_RUN_TMPDIR/bin" ]; then
	mkdir "$BATS_RUN_TMPDIR/bin"
	for command in "$SENTINEL_BIN"/sentinel-*; do
		ln -s "$SENTINEL_TOOLS/witness" \
		    "$BATS_RUN_TMPDIR/bin/${command##*/}"
	done
fi
PATH=$BATS_RUN_TMPDIR/bin:$PATH
STARTED=()
RELAY_PID=

# --- the relay ---------------------------------------------------------------

# relay_start [OPTION...]: on a free port of 127.0.0.1, with a store of its
# own.  Sets RELAY_PID, RELAY_STORE, RELAY_KEY, RELAY_LISTEN and exports
# SENTINEL_RELAY.
relay_start() {
	RELAY_OPTIONS=("$@")
	RELAY_STORE=$BATS_TEST_TMPDIR/relay.db
	RELAY_KEY=$BATS_TEST_TMPDIR/relay.secret
	relay_run 127.0.0.1:0
}

relay_run() {
	local ready=$BATS_TEST_TMPDIR/relay.ready line=

	: >"$ready"
	"${RELAY_PROGRAM:-$SENTINEL_BIN/sentinel-relay}" --listen "$1" \
	    --store "sqlite:$RELAY_STORE" --key "$RELAY_KEY" --min-free 0 \
	    "${RELAY_OPTIONS[@]}" >"$ready" 2>>"$BATS_TEST_TMPDIR/relay.log" \
	    </dev/null 3>&- &
	RELAY_PID=$!
	for ((i = 0; i < 500; i++)); do
		if read -r line <"$ready"; then break; fi
		kill -0 "$RELAY_PID" 2>/dev/null || break
		sleep 0.02
	done
	[ -n "$line" ] || fail "no relay: $(cat "$BATS_TEST_TMPDIR/relay.log")"
	echo "$line" >>"$WITNESS_DIR/sentinel-relay.$RELAY_PID.1"
	[[ $line =~ \"listen\":\[\"([^\"]*)\" ]]
	RELAY_LISTEN=${BASH_REMATCH[1]}
	[[ $line =~ \"address\":\"([^\"]*)\" ]]
	export SENTINEL_RELAY=${BASH_REMATCH[1]}
}

# End it the way an administrator does; it must end well.
relay_stop() {
	local pid=$RELAY_PID status=0

	RELAY_PID=
	kill "$pid"
	wait "$pid" || status=$?
	[ "$status" = 0 ] || fail "the relay ended with $status:
$(cat "$BATS_TEST_TMPDIR/relay.log")"
}

# End it the way a power cut does.
relay_kill() {
	local pid=$RELAY_PID

	RELAY_PID=
	kill -KILL "$pid"
	wait "$pid" || :
}

# The same port, store and options again.
relay_restart() {
	[ -z "$RELAY_PID" ] || relay_stop
	relay_run "$RELAY_LISTEN"
}

# wait_for_exit PID: at most 10 seconds
wait_for_exit() {
	for ((i = 0; i < 500; i++)); do
		case $(cut -d ' ' -f 3 "/proc/$1/stat" 2>/dev/null) in
		Z|'') return 0 ;;
		esac
		sleep 0.02
	done
	fail "process $1 is still there"
}

# until_true COMMAND...: at most 20 seconds
until_true() {
	for ((i = 0; i < 1000; i++)); do
		if "$@"; then return; fi
		sleep 0.02
	done
	fail "never: $*"
}

# --- people ------------------------------------------------------------------

# as NAME COMMAND...: run it with the key file of NAME
as() {
	local name=$1

	shift
	SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/$name.key "$@" 3>&-
}

alice() {
	as alice "$@"
}

bob() {
	as bob "$@"
}

carol() {
	as carol "$@"
}

# start NAME COMMAND...: the same in the background; $! is the command, and
# what is still there at the end of the test is ended.
start() {
	SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/$1.key "${@:2}" 3>&- &
	STARTED+=($!)
}

# register NAME...: at the relay; sets NAME_id
register() {
	local name

	for name; do
		printf -v "${name}_id" %s \
		    "$(as "$name" sentinel-register "$name" --get id)"
	done
}

# handshake [A B]: a session, by default between alice and bob, in as few
# commands as can be: tests/bats/20_handshake.bats has the ten steps, with
# witnesses.  Sets A_id and B_id.
handshake() {
	local PATH=${PATH/"$BATS_RUN_TMPDIR/bin"/"$SENTINEL_BIN"}
	local a=${1:-alice} b=${2:-bob} b_id

	register "$a" "$b"
	b_id=${b}_id
	as "$a" sentinel-keys connect "${!b_id}" >/dev/null
	as "$b" sentinel-pull --answer=any >/dev/null
	as "$a" sentinel-pull --answer=any >/dev/null
	[ "$(as "$b" sentinel-pull --type key_received \
	    --get session)" = established ]
}

# --- what tests assert ---------------------------------------------------------

# fault STATUS CODE COMMAND...: it fails so, with the error record to match; jq
# would take longer to begin than the command did to fail
fault() {
	local expected=$1 code=$2 record
	local error='^\{"v":1,"type":"error","tool":"[^"]*","code":"([^"]*)","exit_code":([0-9]*),'

	shift 2
	run --separate-stderr "$@"
	assert_equal "$status" "$expected"
	# shellcheck disable=SC2154
	record=${stderr##*$'\n'}
	[[ $record =~ $error ]] || fail "no error record: $stderr"
	# of one that had no witness as well, the schema sees the rest
	echo "$record" >>"$WITNESS_DIR/fault"
	assert_equal "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}" "$code $expected"
}

# silent COMMAND...: it ends well, and prints nothing
silent() {
	local printed

	printed=$("$@")
	[ -z "$printed" ]
}

# field JQ: of the record or records in $output
field() {
	# shellcheck disable=SC2154
	jq -r "$1" <<<"$output"
}

# fails when a byte on stdin could drive a terminal
assert_tame() {
	/usr/bin/python3 -c '
import re, sys
found = re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f"
                  "\u2028-\u202e\u2066-\u2069]",
                  sys.stdin.buffer.read().decode())
sys.exit(f"a raw U+{ord(found[0]):04X}" if found else 0)'
}

# --- the end of a test -----------------------------------------------------------

# check_records [DIR...]: every record that was written fits its schema, and so
# does every line of the relay's log; what a sanitizer has to say does not.
check_records() {
	local found=() dir file

	for dir in "${@:-$WITNESS_DIR}"; do
		for file in "$dir"/*; do
			[ ! -s "$file" ] || found+=("$file")
		done
	done
	[ ${#found[@]} = 0 ] ||
	    /usr/bin/python3 "$ROOT/tests/tools/validate.py" "${found[@]}"
}

# Ends what this test has started, and nothing else.
settle() {
	local pid bad=0 log=$BATS_TEST_TMPDIR/relay.log

	for pid in "${STARTED[@]}"; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	[ -z "$RELAY_PID" ] || relay_stop || bad=1
	[ ! -s "$log" ] || cp "$log" "$WITNESS_DIR"
	return $bad
}

teardown() {
	settle
}

# the records of all tests, for a validator takes longer to start than most
# tests: a directory is called by the number of its test
teardown_file() {
	check_records "$BATS_FILE_TMPDIR"/records/*
}
