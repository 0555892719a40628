#!/usr/bin/env bats
# The examples of the receiving side do what they say, and the unit file runs.

load helper
load tools

setup() {
	relay_start
	handshake
}

# example SHELL NAME ARGUMENT...: bob runs it, in a session of its own, for
# ending it means all of its processes
example() {
	start bob setsid "$1" "$ROOT/examples/$2" "${@:3}"
	GROUP=$!
}

end_example() {
	kill -- "-$GROUP"
	wait "$GROUP" || :
}

@test "bot: those who are verified have an answer, and nobody else" {
	bot() {
		start bob "$SENTINEL_BIN/sentinel-pull" -F --type message -- \
		    "$ROOT/examples/bot.sh"
	}
	handshake carol bob
	bob sentinel-keys verify alice "$(bob sentinel-keys fingerprint alice \
	    --get safety_number)"
	bot
	for text in nonsense ping 'ping; id' date; do
		alice sentinel-send bob -m "$text"
	done
	carol sentinel-send bob -m ping
	carol sentinel-send bob -m ping
	until_true alice sentinel-pull --type key_request # takes in, prints none
	until_true has alice 2
	run alice sentinel-pull --get from.name,body
	assert_line -n 0 'bob	pong'
	assert_line -n 1 --regexp '^bob	20[0-9-]+T[0-9:]+Z$'
	[ "${#lines[@]}" = 2 ]
	# the bot is through with carol's by then
	alice sentinel-send bob -m ping
	alice sentinel-pull -w 10 --get body
	run carol sentinel-pull --get type
	assert_output ''
	run bob sentinel-pull --dead
	assert_output ''
}

@test "ask: the answer to the question, whatever else comes" {
	bob sentinel-keys verify alice "$(bob sentinel-keys fingerprint alice \
	    --get safety_number)"
	start bob "$SENTINEL_BIN/sentinel-pull" -F --type message -- \
	    "$ROOT/examples/bot.sh"
	alice sentinel-send bob -m date
	for shell in dash bash; do
		bob sentinel-send alice -m 'something else'
		run alice "$shell" "$ROOT/examples/ask.sh" bob ping
		assert_success
		assert_output pong
	done
	until_true has alice 3
	run alice sentinel-pull --get body
	assert_line -n 0 --regexp '^(20.*Z|something else)$'
	[ "${#lines[@]}" = 3 ]
}

# has NAME N: so many wait in the inbox
has() {
	as "$1" sentinel-pull --type key_request
	[ "$(as "$1" sentinel-pull --peek --get type | wc -l)" -ge "$2" ]
}

@test "log-collect: a line each, and nobody forges another's" {
	handshake carol bob
	for shell in dash bash; do
		log=$BATS_TEST_TMPDIR/$shell.log
		example "$shell" log-collect.sh "$log"
		alice sentinel-send bob -m 'disk full'
		printf 'a\nb\tc\033[2Jd\302\233e' | carol sentinel-send bob
		printf '\377' | carol sentinel-send bob
		until_true has_lines "$log" 3
		until_true is_through
		end_example
		run cut -f 2- "$log"
		assert_output 'alice	disk full
carol	a?b?c?[2Jd?e
carol	�'
		run cut -f 1 "$log"
		assert_line -n 0 --regexp '^20[0-9-]+T[0-9:.]+Z$'
	done
	run bob sentinel-pull
	assert_output ''
}

# what is printed is also done
is_through() {
	! bob sentinel-pull --peek -e 2>/dev/null
}

has_lines() {
	[ "$(wc -l <"$1")" -ge "$2" ]
}

@test "the unit file: its command works, and its statuses are those for good" {
	unit=$ROOT/share/systemd/user/sentinel-follow.service
	mkdir -p "$HOME/.config/sentinel"
	printf '#!/bin/sh\njq -r .body >>"$HOME/out"\n' \
	    >"$HOME/.config/sentinel/handler"
	chmod +x "$HOME/.config/sentinel/handler"
	read -ra command < <(sed -n "s|%h|$HOME|; s/^ExecStart=//p" "$unit")
	start bob "${command[@]}"
	alice sentinel-send bob -m 'to the handler'
	until_true test -s "$HOME/out"
	[ "$(cat "$HOME/out")" = 'to the handler' ]
	# each is in the table of statuses, as one that no retry mends
	for status in $(sed -n 's/^RestartPreventExitStatus=//p' "$unit"); do
		grep -Eq "^	X\(ERR_.*, +$status, false," "$ROOT/lib/base/err.h"
	done
}
