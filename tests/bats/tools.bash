# shellcheck shell=bash disable=SC2034
# Drivers for what stands between a client and its relay.

TOOLS=$ROOT/tests/tools
RELAY_KEY=$BATS_TEST_TMPDIR/relay.secret
PROXY_PID=

# proxy_start [OPTION...]: in front of the running relay (tests/tools/proxy.py).
# Sets PROXY_RELAY, the relay's address with the proxy's port.
proxy_start() {
	local port=$BATS_TEST_TMPDIR/proxy.port

	: >"$port"
	"$TOOLS/proxy.py" "$@" "$RELAY_LISTEN" >"$port" 3>&- &
	PROXY_PID=$!
	STARTED+=("$PROXY_PID")
	for ((i = 0; i < 500; i++)); do
		[ -s "$port" ] && break
		sleep 0.02
	done
	PROXY_RELAY="${SENTINEL_RELAY%@*}@127.0.0.1:$(cat "$port")"
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
