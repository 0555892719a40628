#!/usr/bin/env bats
# sentinel-pull --follow: what comes is printed, whatever the relay does.

load helper
load tools
load follow

setup() {
	relay_start
	handshake
}

@test "what comes is printed as it comes; a signal ends it: 143, 130" {
	say before
	follow --get body
	until_true has_printed 1
	say after
	until_true has_printed 2
	unfollow
	assert_equal "$FOLLOWED" 143
	say meanwhile
	follow --get body
	until_true has_printed 3
	# the shell lets what it starts in the background ignore SIGINT
	unfollow HUP
	assert_equal "$FOLLOWED" 129
	run cat "$OUT"
	assert_output 'before
after
meanwhile'
	[ ! -s "$BATS_TEST_TMPDIR/warnings" ]
}

@test "-n ends it, once so many have come" {
	say one
	follow -n 2 --get body
	until_true has_printed 1
	say two
	say three
	wait "$FOLLOWER"
	run cat "$OUT"
	assert_output 'one
two'
	run bob sentinel-pull --get body
	assert_output three
}

@test "another that fetches is told 31 at once; who looks or sends is not" {
	follow --type file
	say one
	until_true bob sentinel-pull --peek -e
	fault 31 locked bob sentinel-pull -F
	fault 31 locked bob sentinel-pull
	fault 31 locked bob sentinel-pull -w 5
	bob sentinel-send alice -m answer --lock-timeout 0
	run bob sentinel-pull --peek --get body
	assert_output one
	unfollow
}

# the message is on its way out
was_shown() {
	[ "$(bob sentinel-pull --peek --get redelivered)" = true ]
}

@test "a signal ends it while nobody reads" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	exec 4<>"$BATS_TEST_TMPDIR/pipe"
	OUT=$BATS_TEST_TMPDIR/pipe
	head -c 100000 /dev/zero | alice sentinel-send bob >/dev/null
	follow
	until_true was_shown
	unfollow
	assert_equal "$FOLLOWED" 143
	exec 4<&-
	run bob sentinel-pull --get redelivered,size_bytes
	assert_output 'true	100000'
}

@test "a relay that comes back goes on, one that stays away is told of once" {
	follow --timeout 3 --get body
	say one
	until_true has_printed 1
	relay_restart
	say two
	until_true has_printed 2
	relay_kill
	relay_restart
	say three
	until_true has_printed 3
	[ ! -s "$BATS_TEST_TMPDIR/warnings" ]
	relay_kill
	until_true test -s "$BATS_TEST_TMPDIR/warnings"
	sleep 1
	relay_restart
	say four
	until_true has_printed 4
	[ "$(jq -r .type "$BATS_TEST_TMPDIR/warnings")" = warning ]
	relay_kill
	unfollow
	run cat "$OUT"
	assert_output 'one
two
three
four'
}

@test "a relay that breaks each channel is not asked in a loop" {
	proxy_start up:cut:150
	follow --relay "$PROXY_RELAY"
	until_true test -s "$BATS_TEST_TMPDIR/warnings"
	sleep 1
	unfollow
	# pauses of 0.1, 0.2, 0.4 s and so on, at least half of each
	[ "$(wc -l <"$PROXY_LOG")" -lt 12 ]
}

@test "it waits for a relay that is not there yet" {
	relay_stop
	follow --timeout 0.2 --get body
	until_true test -s "$BATS_TEST_TMPDIR/warnings"
	relay_restart
	say one
	until_true has_printed 1
	unfollow
}

@test "what no patience can mend ends it" {
	key=$(printf 'A%.0s' $(seq 43))
	fault 11 relay_untrusted bob sentinel-pull -F \
	    --relay "sentinel://$key@$RELAY_LISTEN"
	say one
	run bash -c '"$0" "$@" >/dev/full' "$SENTINEL_BIN/sentinel-pull" -F \
	    -k "$BATS_TEST_TMPDIR/bob.key"
	assert_failure 34
	run bash -c '"$0" "$@" | false; exit ${PIPESTATUS[0]}' \
	    "$SENTINEL_BIN/sentinel-pull" -F -k "$BATS_TEST_TMPDIR/bob.key"
	assert_failure 141
	run bob sentinel-pull --get body
	assert_output one
}

@test "an acknowledgement that is cut off: nothing twice, nothing left behind" {
	say one
	# hello, finish and pull get through, and not what follows
	proxy_start --only 1 up:cut:190
	follow --relay "$PROXY_RELAY" --get body
	until_true has_printed 1
	say two
	until_true has_printed 2
	unfollow
	relay_stop
	[ "$(relay_sql 'SELECT count(*) FROM messages')" = 0 ]
	run cat "$OUT"
	assert_output 'one
two'
}

@test "strangers beyond the cap of one pull are met when it begins anew" {
	strangers 18
	follow --get from.id
	until_true has_printed 16
	say one
	until_true has_printed 17
	relay_restart
	until_true has_printed 19
	[ "$(sort -u "$OUT" | wc -l)" = 19 ]
	unfollow
}

@test "files come, too" {
	head -c 600000 /dev/urandom >"$BATS_TEST_TMPDIR/file"
	follow -o "$BATS_TEST_TMPDIR/in" --get type
	say one
	until_true has_printed 1
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/file" >/dev/null
	until_true has_printed 2
	say two
	until_true has_printed 3
	relay_kill
	relay_restart
	alice sentinel-sendfile bob -n again "$BATS_TEST_TMPDIR/file" >/dev/null
	until_true has_printed 4
	unfollow
	[ "$(xargs <"$OUT")" = 'message file message file' ]
	cmp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/in/again"
}

@test "the relay is killed every 10 seconds for a minute, 50 messages a second" {
	followed_through 60 50 10
}
