# shellcheck shell=bash disable=SC2034
# Drivers for what stands between a client and its relay.

TOOLS=$ROOT/tests/tools
RELAY_KEY=$BATS_TEST_TMPDIR/relay.secret
PROXY_PID=

# proxy_start [OPTION...] [WAY:MODE...]: in front of the running relay
# (tests/tools/proxy.py).  Sets PROXY_RELAY, the relay's address with the
# proxy's port.
proxy_start() {
	PROXY_LOG=$BATS_TEST_TMPDIR/proxy.log
	: >"$PROXY_LOG"
	"$TOOLS/proxy.py" "$RELAY_LISTEN" "$@" >"$PROXY_LOG" 3>&- &
	PROXY_PID=$!
	STARTED+=("$PROXY_PID")
	proxy_says 1
	PROXY_RELAY="${SENTINEL_RELAY%@*}@127.0.0.1:$(cat "$PROXY_LOG")"
}

# proxy_says N: wait until it has said so many lines
proxy_says() {
	for ((i = 0; i < 500; i++)); do
		[ "$(wc -l <"$PROXY_LOG")" -lt "$1" ] || return 0
		sleep 0.02
	done
	fail 'the proxy is silent'
}

# proxy_passed N: the Nth connection that has ended, "UP DOWN" in bytes
proxy_passed() {
	proxy_says $(($1 + 1))
	sed -n "$(($1 + 1))p" "$PROXY_LOG"
}

# proxy_total LEAST MOST: the connections that have ended, more than five, have
# passed so many bytes together, each way
proxy_total() {
	awk -v least="$1" -v most="$2" '
	NR > 1 { up += $1; down += $2 }
	END { exit !(NR > 6 && up >= least && up <= most && down >= least &&
	    down <= most) }' "$PROXY_LOG"
}

proxy_stop() {
	kill "$PROXY_PID"
	wait "$PROXY_PID" 2>/dev/null || :
}

# The relay ended by itself, or was killed by somebody else.
relay_gone() {
	wait "$RELAY_PID" 2>/dev/null || :
	RELAY_PID=
}

# relay_sql STATEMENT: on the store of a stopped relay
relay_sql() {
	sqlite3 "$RELAY_STORE" "$1"
}

# terminal [OPTION...] -- COMMAND...: on a terminal (tests/tools/terminal.py)
terminal() {
	"$TOOLS/terminal.py" "$@" 3>&-
}

# later SECONDS: what runs from here on has a clock that is ahead
later() {
	export TEST_CLOCK_SHIFT=$1
	export LD_PRELOAD=$SENTINEL_TOOLS/shift.so
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0
	relay_restart
}

# --- a relay that lies (tests/tools/evilrelay.c) ------------------------------

TAPE=$BATS_TEST_TMPDIR/tape
LIES=$BATS_TEST_TMPDIR/lies

evil_start() {
	RELAY_PROGRAM=$SENTINEL_TOOLS/evilrelay
	export EVIL_TAPE=$TAPE EVIL_LIES=$LIES
	: >"$TAPE"
	: >"$LIES"
	relay_start "$@"
}

# lie WHO CODE VERB ARGUMENT...: one more; WHO is a UUID or *
lie() {
	echo "$(hex "$1") ${*:2}" >>"$LIES"
}

honest() {
	: >"$LIES"
}

hex() { # UUID
	echo "${1//-/}"
}

# number_for PERSON: what the relay will number the next message to a client
number_for() {
	echo $(($(cut -d ' ' -f 2 "$TAPE" | grep -c "$(hex "$1")") + 1))
}

# tape N [FIELD]: the N-th message that was sent (-1: the last), or one of its
# fields: from, to, type, content
tape() {
	local fields=(from to type content) line i

	line=$(if [ "$1" = -1 ]; then tail -n 1 "$TAPE"; else sed -n "$1p" "$TAPE"; fi)
	[ -n "${2-}" ] || { echo "$line"; return; }
	for i in 0 1 2 3; do
		[ "${fields[i]}" != "$2" ] || cut -d ' ' -f $((i + 1)) <<<"$line"
	done
}

# --- races for the output directory (tests/tools/races.py) --------------------

# races N: as many pulls of bob's, of a file of alice's each
races() {
	local top=$BATS_TEST_TMPDIR/race

	mkdir "$top"
	"$TOOLS/races.py" "$1" "$top" \
	    "$SENTINEL_BIN/sentinel-sendfile" -k "$BATS_TEST_TMPDIR/alice.key" \
	    bob -- "$SENTINEL_BIN/sentinel-pull" \
	    -k "$BATS_TEST_TMPDIR/bob.key" -o "$top/in" 3>&-
}
