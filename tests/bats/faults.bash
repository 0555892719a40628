# shellcheck shell=bash
# Power cuts and failed allocations: the same tests with some of them
# (tests/bats) and with all (tests/slow).

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
