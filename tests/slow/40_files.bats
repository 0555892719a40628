#!/usr/bin/env bats
# Large files, and many kills (make check-slow).

load ../bats/helper
load ../bats/tools
load ../bats/files

setup() {
	relay_start
	handshake
	cd "$BATS_TEST_TMPDIR"
}

# kill_within MS PID: at a random time of these
kill_within() {
	sleep "0.$(printf %03d $((50 + RANDOM % $1)))"
	kill -KILL "$2" 2>/dev/null || :
	wait "$2" 2>/dev/null || :
}

@test "256 MiB, both sides killed twenty times each" {
	head -c 268435456 /dev/urandom >f
	for ((i = 0; i < 20; i++)); do
		"$SENTINEL_BIN/sentinel-sendfile" -k alice.key bob f \
		    --rate 32M >sent 3>&- &
		kill_within 900 $!
	done
	alice sentinel-sendfile bob f >sent
	[ "$(jq -r .resumed_bytes sent)" -gt 0 ]
	chunks=$(jq -r .chunks sent)
	for ((i = 0; i < 20; i++)); do
		"$SENTINEL_BIN/sentinel-pull" -k bob.key -o in >all 3>&- &
		kill_within 200 $!
		[ ! -e in/f ] || cmp f in/f
	done
	bob sentinel-pull -o in >all
	[ "$(ls -A in)" = f ]
	cmp f in/f
	relay_stop
	# at most a window of 64 chunks again for each kill
	ids=$(relay_sql 'SELECT max(nextMessage) FROM mailboxes')
	[ "$ids" -le $((chunks + 20 * 64 + 40)) ]
}

@test "the relay restarts five times: at most a twentieth more than the file" {
	proxy_start
	head -c 268435456 /dev/urandom >f
	through_restarts 2 16M
	until_true proxy_total 268435456 $((268435456 / 20 * 21))
}

@test "5 GiB to a sleeping recipient, no more memory than for a little" {
	truncate -s 5G f
	for i in 1 2 3 4; do
		head -c 1000000 /dev/urandom |
		    dd of=f bs=1M seek=$((i * 1200)) conv=notrunc status=none
	done
	"$SENTINEL_TOOLS/peak" "$SENTINEL_BIN/sentinel-sendfile" -k alice.key \
	    bob f >sent 2>used
	[ "$(tail -n 1 used)" -le 32768 ]
	"$SENTINEL_TOOLS/peak" "$SENTINEL_BIN/sentinel-pull" -k bob.key \
	    -o in >all 2>used
	[ "$(tail -n 1 used)" -le 32768 ]
	[ "$(awk '/^VmHWM/ { print $2 }' "/proc/$RELAY_PID/status")" -le 32768 ]
	cmp f in/f
}
