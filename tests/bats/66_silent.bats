#!/usr/bin/env bats
# A relay that says nothing more: every command ends within its timeout and a
# second, and says so.  What a signal ends never succeeds.

load helper
load tools

setup() {
	relay_start
	handshake
	cd "$BATS_TEST_TMPDIR"
	echo x >x
}

COMMANDS='clients
register alice
keys fetch bob
keys request bob
keys send bob
keys rotate
send bob -m text
send bob
send -l bob
sendfile bob x
pull'

# one N COMMAND...: with a key file of its own; its status and how many ms
one() {
	local status=0 begin

	begin=$(date +%s%N)
	"$SENTINEL_BIN/sentinel-$2" "${@:3}" -k "a$1.key" -r "$PROXY_RELAY" \
	    --timeout 1 >"a$1.out" 2>"a$1.err" || status=$?
	echo "$status $((($(date +%s%N) - begin) / 1000000))" >"a$1.end"
}

# silence OFFSET: from this byte of the relay's on, to all of them at once
silence() {
	local n status ms command commands

	proxy_start "down:hush:$1"
	readarray -t commands <<<"$COMMANDS"
	for n in "${!commands[@]}"; do
		cp alice.key "a$n.key"
		echo line >"a$n.in"
		# shellcheck disable=SC2086
		one "$n" ${commands[n]} <"a$n.in" 3>&- &
		STARTED+=($!)
	done
	for n in "${!commands[@]}"; do
		wait "${STARTED[n + 1]}"
		read -r status ms <"a$n.end"
		[ "$status $(tail -n 1 "a$n.err" | jq -r .code)" = \
		    '10 relay_unreachable' ] || fail "${commands[n]}: $status"
		[ "$ms" -ge 900 ] && [ "$ms" -lt 3000 ] ||
		    fail "${commands[n]}: $ms ms"
	done
}

@test "a relay silent from the beginning: 10 in time, whatever the command" {
	silence 0
	silent bob sentinel-pull
}

@test "a relay silent once it knows who calls: the same" {
	silence 114
	# what may have arrived says that it may
	for n in 6 7; do
		[ "$(tail -n 1 "a$n.err" | jq .in_doubt)" = true ]
	done
	[ "$(jq .error.in_doubt a8.out)" = true ]
}

@test "nothing to do and a silent relay: 0 at once" {
	kill -STOP "$RELAY_PID"
	alice sentinel-send -l bob --timeout 60 </dev/null
	alice sentinel-send -b --timeout 60 </dev/null
	kill -CONT "$RELAY_PID"
}

# ended_by SIGNAL STATUS: of a send that waits for its relay
ended_by() {
	local status=0

	start alice env --default-signal="$1" "$SENTINEL_BIN/sentinel-send" \
	    bob -m "$1" -r "$PROXY_RELAY" >"$1.out"
	until [ -n "$(sqlite3 -readonly alice.key "SELECT n FROM outbox
	    WHERE content IS NOT NULL" 2>&1 | grep '^[0-9]*$')" ]; do
		sleep 0.05
	done
	kill "-$1" $!
	wait $! || status=$?
	[ "$status" = "$2" ]
	[ ! -s "$1.out" ]
	# what it left behind is old enough for the next to deliver
	sqlite3 alice.key 'UPDATE outbox SET at = at - 86400000'
	alice sentinel-pull
	[ "$(bob sentinel-pull --get body)" = "$1" ]
}

@test "SIGINT, SIGTERM, SIGHUP: never 0, and nothing is lost" {
	proxy_start down:hush:114
	ended_by INT 130
	ended_by TERM 143
	ended_by HUP 129
}

@test "SIGPIPE, ignored by who starts it or not: never 0" {
	mkfifo nobody
	(exec <nobody) &
	exec {END}>nobody
	wait $!
	for ignored in '' PIPE; do
		[ -z "$ignored" ] || trap '' PIPE
		status=0
		alice "$SENTINEL_BIN/sentinel-send" -l bob < <(seq 10) \
		    >&"$END" || status=$?
		[ "$status" = 141 ]
	done
}
