# shellcheck shell=bash
# What a pull prints, and who reads it: the same tests for a moment
# (tests/bats) and for long (tests/slow).

# say N: alice sends the texts 1 to N
say() {
	local n

	for n in $(seq "$1"); do
		as alice "$SENTINEL_BIN/sentinel-send" bob -m "$n"
	done >/dev/null
}

# pull OPTION...: of bob, by the command itself
pull() {
	as bob "$SENTINEL_BIN/sentinel-pull" "$@"
}

# states: how many rows of bob's inbox are new, shown, done, dead
states() {
	sqlite3 "$BATS_TEST_TMPDIR/bob.key" "SELECT count(*) FILTER
	    (WHERE state = 1), count(*) FILTER (WHERE state = 2),
	    count(*) FILTER (WHERE state = 3), count(*) FILTER
	    (WHERE state = 4) FROM inbox WHERE kind = 1"
}

# heads N: so many pulls into head have the texts 1 to N
heads() {
	local n

	for n in $(seq "$1"); do
		pull --type message --get body | head -n 1
	done | cmp - <(seq "$1")
}

# killed_readers N: what a reader has moved from the pipe into its file when it
# is killed it has taken, for it holds nothing itself
killed_readers() {
	local reader n

	mkfifo "$BATS_TEST_TMPDIR/pipe"
	for n in $(seq "$1"); do
		/usr/bin/python3 -c 'import os, time
while os.splice(0, 1, 65536): time.sleep(0.004)' <"$BATS_TEST_TMPDIR/pipe" \
		    >"$BATS_TEST_TMPDIR/read.$n" &
		reader=$!
		pull >"$BATS_TEST_TMPDIR/pipe" &
		sleep "0.$((RANDOM % 20 + 10))"
		kill -KILL $reader 2>/dev/null || :
		wait $! $reader || :
	done
	pull >"$BATS_TEST_TMPDIR/read.$(($1 + 1))"
}

killed_pulls() { # N
	local n

	for n in $(seq "$1"); do
		# itself, not a shell that waits for it
		as bob exec "$SENTINEL_BIN/sentinel-pull" \
		    >"$BATS_TEST_TMPDIR/read.$n" &
		sleep "0.0$((RANDOM % 60 + 10))"
		kill -KILL $! 2>/dev/null || :
		wait $! || :
	done
	pull >"$BATS_TEST_TMPDIR/read.$(($1 + 1))"
}

# complete N: all of them were read, in order, and what was read twice says so;
# of a killed process the last line may be half a record
complete() {
	local n=1

	while [ -e "$BATS_TEST_TMPDIR/read.$n" ]; do
		grep '}$' "$BATS_TEST_TMPDIR/read.$n" || :
		n=$((n + 1))
	done >"$BATS_TEST_TMPDIR/all"
	jq -r .body "$BATS_TEST_TMPDIR/all" | awk '!seen[$0]++' |
	    cmp - <(seq "$1")
	jq -es 'group_by(.id) | all(.[1:] | all(.redelivered))' \
	    "$BATS_TEST_TMPDIR/all"
}
