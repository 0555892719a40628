# shellcheck shell=bash
# Power cuts, damaged files, short reads: the same tests with some of them
# (tests/bats) and with all (tests/slow).  With killed.bash.
# shellcheck disable=SC2034,SC2153,SC2154

export ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0

setup() {
	export BACKUP=$BATS_TEST_TMPDIR/backup SECRET=$BATS_TEST_TMPDIR/secret
}

# power_cuts TOOL [OPTION...]: tests/tools/powerstore.py or powerkeys.py
power_cuts() {
	mkdir "$BATS_TEST_TMPDIR/machine"
	"$ROOT/tests/tools/$1.py" "${@:2}" "$BATS_TEST_TMPDIR/machine" 3>&- \
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
