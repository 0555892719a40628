# shellcheck shell=bash disable=SC2034
# Attacks with a good client beside (tests/siege), and what must hold of each.

# A sanitizer makes everything slower, and keeps memory that was given back:
# there all bounds are as many times wider.
SLOWER=1 MEMORY=1
if [[ $SENTINEL_BIN != */release*/bin ]]; then
	SLOWER=5 MEMORY=8
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=4
fi
export SIEGE_MEMORY_FACTOR=$MEMORY

MIB=1024 # KiB
BUDGET=$((8 * MIB))

# siege BUDGET ATTACK[:N[:MS]] [JQ]: the memory that it may cost, in KiB, and
# what else must hold of its line, which is kept in $SIEGE_LINES
siege() {
	local line

	line=$("$SENTINEL_TOOLS/siege" "$SENTINEL_RELAY" "$RELAY_PID" "$2" 3>&-)
	echo "$line" >>"${SIEGE_LINES:-$BATS_TEST_TMPDIR/siege.jsonl}"
	jq -e --argjson budget "$(($1 * MEMORY))" --argjson slower "$SLOWER" "
	    .good_ok * 100 >= .good_n * 99 and .p99_ms <= 1000 * \$slower and
	    .fds_after <= .fds_before and
	    .rss_after_kib <= .rss_level_kib and
	    .rss_peak_kib <= .rss_before_kib * ${MEMORY} + \$budget and
	    (${3:-true})" <<<"$line" >/dev/null || fail "$line"
}

# What the relay has of the memory, in KiB; and whether it is no more than that.
resident() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$RELAY_PID/status"
}

is_resident() {
	[ "$(resident)" -le "$1" ]
}

# The relay ends well, which a sanitizer takes as the moment to tell of leaks,
# and its database and its log are as they should be.
siege_over() {
	relay_stop
	[ "$(sqlite3 "$RELAY_STORE" 'PRAGMA integrity_check')" = ok ]
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/relay.log")" -lt 1048576 ]
}

# directory N: so many clients more, in the store of a stopped relay
directory() {
	sqlite3 "$RELAY_STORE" "
	    WITH RECURSIVE n(i) AS
		(SELECT 1000000 UNION ALL SELECT i + 1 FROM n LIMIT $1)
	    INSERT INTO clients SELECT i, randomblob(16), 'client-' || i,
		randomblob(160), 1, 1 FROM n"
}

# measured PERSON FILE COMMAND...: what it prints goes to the file, and the
# most memory that it has taken is told, in KiB
measured() {
	local person=$1 out=$2

	shift 2
	as "$person" "$SENTINEL_TOOLS/peak" "$@" >"$out" 2>"$out.used" ||
	    fail "$(cat "$out.used")"
	tail -n 1 "$out.used"
}
