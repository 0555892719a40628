# shellcheck shell=bash
# A relay that is told to end while somebody does not take what he asked for.

# It has more for one client than the system keeps, and nothing in its log.
glutton_start() {
	RELAY_OPTIONS+=(--metrics 127.0.0.1:0 --transfer-grace 60)
	relay_restart
	mkfifo "$BATS_TEST_TMPDIR/go"
	"$TOOLS/rawclient.py" "$SENTINEL_RELAY" unread 30 \
	    <"$BATS_TEST_TMPDIR/go" >/dev/null 3>&- &
	STARTED+=($!)
	# it goes when we do
	exec 9>"$BATS_TEST_TMPDIR/go"
	until_true owes "$(jq -r .metrics "$BATS_TEST_TMPDIR/relay.ready")"
	: >"$BATS_TEST_TMPDIR/relay.log"
}

buffered() {
	"$TOOLS/metrics.py" "$1" buffers_bytes | grep -o '[0-9]*$'
}

# owes ADDR: more than a MiB, as its metrics there say, and the system takes
# none of it any more
owes() {
	local bytes

	bytes=$(buffered "$1")
	[ "$bytes" -gt 1048576 ] && sleep 0.3 &&
	    [ "$(buffered "$1")" = "$bytes" ]
}

# stopping N: it was told to, N times
stopping() {
	[ "$(grep -c '"event":"stopping"' "$BATS_TEST_TMPDIR/relay.log")" = "$1" ]
}

# lasts PID N: whether it is still there after N tenths of a second
lasts() {
	local end=$((${EPOCHREALTIME/[.,]/} + $2 * 100000))

	while ((${EPOCHREALTIME/[.,]/} < end)); do
		case $(cut -d ' ' -f 3 "/proc/$1/stat" 2>/dev/null) in
		Z|'') return 1 ;;
		esac
		sleep 0.02
	done
}
