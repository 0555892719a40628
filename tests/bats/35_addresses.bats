#!/usr/bin/env bats
# A relay with several addresses: one that is gone passes the turn to the next.
# Two forwarders before one relay stand for two relays on one store.

load helper
load tools
load follow

setup() {
	relay_start
	doors
	SENTINEL_RELAY=$BOTH
	handshake
	unset SENTINEL_RELAY
}

teardown() {
	kill -CONT "${DOOR_PID[@]}" 2>/dev/null || :
	settle
}

# door N: a forwarder; sets DOOR_PID[N] and DOOR[N], its HOST:PORT
door() {
	local log=$BATS_TEST_TMPDIR/door.$1

	: >"$log"
	"$TOOLS/proxy.py" "$RELAY_LISTEN" >"$log" 3>&- &
	DOOR_PID[$1]=$!
	STARTED+=($!)
	until_true test -s "$log"
	DOOR[$1]=127.0.0.1:$(head -n 1 "$log")
}

doors() {
	DOOR=() DOOR_PID=()
	door 1
	door 2
	KEY_AT=${SENTINEL_RELAY%@*}@
	BOTH=$KEY_AT${DOOR[1]},${DOOR[2]}
}

# shut N: as if its relay were killed
shut() {
	kill -KILL "${DOOR_PID[$1]}"
	wait "${DOOR_PID[$1]}" || :
}

# The address that answers first, as sentinel-status tells it
answering() {
	alice sentinel-status --check "$@" |
	    jq -r 'select(.name == "relay").detail'
}

@test "the key file remembers all addresses; the first that is there is used" {
	run alice sentinel-status --get relay.address
	assert_output "$BOTH"
	run answering
	assert_output "$KEY_AT${DOOR[1]}"
	shut 1
	run answering
	assert_output "$KEY_AT${DOOR[2]}"
	alice sentinel-send bob -m 'the second' >/dev/null
	run bob sentinel-pull --get body
	assert_output 'the second'
	shut 2
	fault 10 relay_unreachable alice sentinel-clients --timeout 0.5
}

@test "to register again changes the list, under the same key only" {
	shut 1
	run alice sentinel-register alice --relay "${DOOR[2]}" \
	    --get status,relay.address
	assert_output "already_registered	$KEY_AT${DOOR[2]}"
	run alice sentinel-status --get relay.address
	assert_output "$KEY_AT${DOOR[2]}"
	fault 11 relay_untrusted alice sentinel-register alice \
	    --relay "sentinel://$(printf 'A%.0s' $(seq 43))@$RELAY_LISTEN"
	# nor a list of which nobody answers
	fault 10 relay_unreachable alice sentinel-register alice \
	    --relay "$KEY_AT${DOOR[1]}" --timeout 0.3
	run alice sentinel-status --get relay.address
	assert_output "$KEY_AT${DOOR[2]}"
}

@test "an address that is silent costs two seconds, not --timeout" {
	local begin

	kill -STOP "${DOOR_PID[1]}"
	begin=${EPOCHREALTIME/.}
	alice sentinel-send bob -m late >/dev/null
	[ $((${EPOCHREALTIME/.} - begin)) -ge 2000000 ]
	[ $((${EPOCHREALTIME/.} - begin)) -lt 10000000 ]
	shut 1
	run bob sentinel-pull --get body
	assert_output late
}

@test "another key ends it: no further address is asked" {
	local wrong ready=$BATS_TEST_TMPDIR/stranger

	# one relay's key, at the address of another
	: >"$ready"
	"$SENTINEL_BIN/sentinel-relay" -l 127.0.0.1:0 --key "$ready.key" \
	    --store "sqlite:$ready.db" --min-free 0 >"$ready" \
	    2>/dev/null 3>&- &
	STARTED+=($!)
	until_true test -s "$ready"
	wrong=$(jq -r '.listen[0]' "$ready")
	fault 11 relay_untrusted alice sentinel-send bob -m secret \
	    --relay "$KEY_AT$wrong,${DOOR[2]}"
	alice sentinel-clients >/dev/null --relay "$KEY_AT${DOOR[2]},$wrong"
	until_true has_ended 2
	[ "$(wc -l <"$BATS_TEST_TMPDIR/door.2")" = 2 ] ||
	    fail 'the second address was asked'
}

# has_ended LINES: so many lines the second door has written
has_ended() {
	[ "$(wc -l <"$BATS_TEST_TMPDIR/door.2")" -ge "$1" ]
}

@test "a follower goes on with the next address" {
	follow --get body
	say one
	until_true has_printed 1
	shut 1
	say two
	until_true has_printed 2
	[ ! -s "$BATS_TEST_TMPDIR/warnings" ]
	unfollow
	run cat "$OUT"
	assert_output 'one
two'
}

@test "a pull that waits goes on with the next address" {
	start bob "$SENTINEL_BIN/sentinel-pull" -w 60 --get body >"$OUT"
	waiting=$!
	# it has come through the first, and is the last that will have
	until_true connected "$waiting"
	shut 1
	say through
	wait "$waiting"
	run cat "$OUT"
	assert_output through
}

# connected PID: it has a connection to the first door
connected() {
	local inode port

	printf -v port ':%04X' "${DOOR[1]#*:}"
	for inode in $(awk -v port="$port" '$4 == "01" && index($3, port) {
	    print $10 }' /proc/net/tcp); do
		! find "/proc/$1/fd" -lname "socket:\[$inode\]" 2>/dev/null |
		    grep -q . || return 0
	done
	return 1
}

@test "a file goes on through the next address" {
	head -c 8388608 /dev/urandom >"$BATS_TEST_TMPDIR/file"
	start alice "$SENTINEL_BIN/sentinel-sendfile" bob --rate 8M \
	    "$BATS_TEST_TMPDIR/file" >"$BATS_TEST_TMPDIR/sent"
	sending=$!
	until_true connected "$sending"
	shut 1
	wait "$sending"
	bob sentinel-pull -o "$BATS_TEST_TMPDIR/in" >/dev/null
	cmp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/in/file"
}

@test "a coprocess sends its next line through the next address" {
	local sending

	coproc alice "$SENTINEL_BIN/sentinel-send" --batch
	sending=$COPROC_PID # which is unset once it has ended
	echo '{"to":"bob","body":"one"}' >&"${COPROC[1]}"
	read -r -t 20 line <&"${COPROC[0]}"
	shut 1
	echo '{"to":"bob","body":"two"}' >&"${COPROC[1]}"
	read -r -t 20 line <&"${COPROC[0]}"
	[ "$(jq -r .status <<<"$line")" = accepted ]
	exec {COPROC[1]}>&-
	wait "$sending"
	run bob sentinel-pull --get body
	assert_output 'one
two'
}
