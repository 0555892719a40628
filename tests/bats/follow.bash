# shellcheck shell=bash disable=SC2119,SC2120
# A follower and what it prints: the same tests for a moment (tests/bats) and
# for long (tests/slow).

OUT=$BATS_TEST_TMPDIR/followed

# follow [OPTION...]: bob follows, into $OUT; sets FOLLOWER
follow() {
	start bob "$SENTINEL_BIN/sentinel-pull" -F "$@" >>"$OUT" \
	    2>>"$BATS_TEST_TMPDIR/warnings"
	FOLLOWER=$!
}

# unfollow [SIGNAL]: end it; it must be gone within a second
unfollow() {
	local begin=${EPOCHREALTIME/.}

	kill "-${1-TERM}" "$FOLLOWER"
	FOLLOWED=0
	wait "$FOLLOWER" || FOLLOWED=$?
	[ $((${EPOCHREALTIME/.} - begin)) -lt 1000000 ]
}

say() {
	alice sentinel-send bob -m "$1" >/dev/null
}

# has_printed N: so many records by now, and none is in doubt: a signal between
# the two would have the last one printed again
has_printed() {
	[ "$(wc -l <"$OUT")" -ge "$1" ] &&
	    [ "$(sqlite3 -readonly "$BATS_TEST_TMPDIR/bob.key" \
		'SELECT count(*) FROM inbox WHERE state = 2' 2>/dev/null)" = 0 ]
}

# strangers N: so many whom bob does not know ask him for a key
strangers() {
	local n

	for n in $(seq "$1"); do
		register "p$n"
		as "p$n" sentinel-keys fetch bob
		as "p$n" sentinel-keys request bob
	done >/dev/null
}

# --- a relay that is killed again and again ------------------------------------

# Alice sends the texts 1, 2 and so on, at most so many a second; how many, into
# $BATS_TEST_TMPDIR/said.  What the relay has surely not had is sent again, what
# is in doubt is delivered by the next command.
say_many() { # SECONDS A_SECOND
	local n=1 begin=${EPOCHREALTIME/.} early

	while [ $((${EPOCHREALTIME/.} - begin)) -lt $(($1 * 1000000)) ]; do
		if as alice "$SENTINEL_BIN/sentinel-send" bob -m "$n" \
		    --errors=json >/dev/null 2>"$BATS_TEST_TMPDIR/send.err" ||
		    [ "$(jq .in_doubt "$BATS_TEST_TMPDIR/send.err")" = true ]
		then
			n=$((n + 1))
		fi
		early=$((begin + n * (1000000 / $2) - ${EPOCHREALTIME/.}))
		[ "$early" -le 0 ] ||
		    sleep "$((early / 1000000)).$(printf %06d $((early % 1000000)))"
	done
	echo $((n - 1)) >"$BATS_TEST_TMPDIR/said"
	# nothing may be left in doubt, the last one sent once however often it is tried
	until_true as alice "$SENTINEL_BIN/sentinel-send" bob -m last \
	    --id 0190a5c0-1111-7222-8333-444444444444
}

# kill_often SECONDS: as long as process $SENDER is there; how long after each
# restart the follower had the next message, in ms, into $BATS_TEST_TMPDIR/gaps
kill_often() {
	local up

	: >"$BATS_TEST_TMPDIR/ups"
	while kill -0 "$SENDER" 2>/dev/null; do
		sleep "$1"
		relay_kill
		relay_restart
		up=${EPOCHREALTIME/.}
		echo $((up / 1000)) >>"$BATS_TEST_TMPDIR/ups"
	done
}

# The median of that, which needs the times at which messages were taken in.
reconnected() {
	jq -r '.received_at | sub("\\.(?<ms>...)Z"; "Z \(.ms)") | split(" ") |
	    (.[0] | fromdate) * 1000 + (.[1] | tonumber)' "$OUT" |
	    sort -n - <(sed 's/$/ up/' "$BATS_TEST_TMPDIR/ups") | awk '
		$2 == "up" { up = $1; next }
		up { print $1 - up; up = 0 }' | sort -n |
	    awk '{ ms[NR] = $1 }
		END { print "reconnected " NR " times, after " \
		    ms[int((NR + 1) / 2)] " ms in the median" }'
}

# followed_through SECONDS A_SECOND KILLED_EVERY: nothing lost, nothing twice
followed_through() {
	local said

	follow
	say_many "$1" "$2" &
	SENDER=$!
	STARTED+=("$SENDER")
	kill_often "$3"
	wait "$SENDER"
	said=$(cat "$BATS_TEST_TMPDIR/said")
	until_true has_printed $((said + 1))
	unfollow
	assert_equal "$FOLLOWED" 143
	{ seq "$said"; echo last; } | cmp - <(jq -r .body "$OUT")
	reconnected >&3
	run bob sentinel-pull
	assert_output ''
	relay_stop
	[ "$(relay_sql 'SELECT count(*) FROM messages')" = 0 ]
}
