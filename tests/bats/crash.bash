# shellcheck shell=bash
# A relay that dies at the worst moment: the same tests with some moments
# (tests/bats) and with all of them (tests/slow).

# ended_often HOW ROUNDS SECONDS: while eight send, four pull, and alice writes
# to bob, who follows; so long it may take to the first answer
ended_often() {
	local n=$((10 * $2))

	relay_start
	handshake
	relay_stop
	follow
	say_many "$n" 20 &
	SENDER=$!
	STARTED+=("$SENDER")
	"$TOOLS/crashload.py" --end "$1" --rounds "$2" --answers "$3" \
	    --listen "$RELAY_LISTEN" "$BATS_TEST_TMPDIR" \
	    >"$BATS_TEST_TMPDIR/load" 3>&-
	cat "$BATS_TEST_TMPDIR/load" >&3
	relay_restart
	followed_all "$n"
}

# at_each_call [OPTION...]: tests/tools/crashpoints.py, in memory, for nothing
# here need survive the machine
at_each_call() {
	local dir

	dir=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm ||
	    echo "$BATS_TEST_TMPDIR")")
	SCRATCH+=("$dir")
	"$TOOLS/crashpoints.py" "$@" "$dir" 3>&- >&3
}
