#!/usr/bin/env bats
# What connections may cost the relay: each limit, and who stands beside it.

load helper
load tools

OUT=$BATS_TEST_TMPDIR/out

traffic() {
	"$TOOLS/traffic.py" "$SENTINEL_RELAY" "$@" 3>&-
}

# traffic_start ARGUMENT...: in the background, until it has said something;
# traffic_end: let it end, and put what it says last into said
traffic_start() {
	mkfifo "$BATS_TEST_TMPDIR/go"
	traffic "$@" <"$BATS_TEST_TMPDIR/go" >"$OUT" &
	STARTED+=($!)
	exec 9>"$BATS_TEST_TMPDIR/go"
	until_true test -s "$OUT"
}

traffic_end() {
	exec 9>&-
	wait "${STARTED[-1]}"
	said=$(tail -n 1 "$OUT" | jq -c .)
}

# lines of the log about a limit
limits_logged() {
	jq -c "select(.event == \"limit_reached\" and .limit == \"$1\")" \
	    "$BATS_TEST_TMPDIR/relay.log"
}

# Whether alice's channels are as many as she may have.
crowded() {
	run alice "$SENTINEL_BIN/sentinel-clients" --timeout 0.5
	[ "$status" = 13 ]
}

@test "each limit has its bounds, and the option says so" {
	run --separate-stderr sentinel-relay --key x --max-unbound 3
	assert_failure 2
	[ "$(jq -r .message <<<"$stderr")" = \
	    '--max-unbound: not from 4 to 65536: 3' ]
	run --separate-stderr sentinel-relay --key x --idle-timeout inf
	assert_failure 2
	run --separate-stderr sentinel-relay --key x --max-frame 65535
	assert_failure 2
	run --separate-stderr sentinel-relay --key x --max-output 1M
	assert_failure 2
	[ ! -e x ]
}

@test "who keeps the relay waiting is let go, in order where there is one" {
	relay_start --bind-timeout 0.3 --idle-timeout 60s --transfer-grace 60s
	run traffic ends nothing nameless
	assert_success
	assert_output '{"nothing": "the stream was cut"}
{"nameless": "the stream was cut"}'
	relay_stop
	RELAY_OPTIONS=(--bind-timeout 60s --idle-timeout 0.4
	    --transfer-grace 60s)
	relay_run 127.0.0.1:0
	run traffic ends idle
	assert_output '{"idle": "the relay closes"}'
	relay_stop
	RELAY_OPTIONS=(--bind-timeout 60s --idle-timeout 60s
	    --transfer-grace 0.3 --transfer-rate 100K)
	relay_run 127.0.0.1:0
	run traffic ends half
	assert_output '{"half": "the stream was cut"}'
}

@test "a connection has an end, and a pull that follows does not mind it" {
	relay_start --connection-life 0.5 --bind-timeout 60s --idle-timeout 60s
	run traffic ends idle
	assert_output '{"idle": "the relay closes"}'
	register alice bob
	handshake alice bob
	start bob sentinel-pull -F --get body >"$OUT"
	for text in one two three; do
		sleep 0.6
		alice sentinel-send -m "$text" bob
	done
	until_true grep -qx three "$OUT"
	[ "$(tr '\n' ' ' <"$OUT")" = 'one two three ' ]
}

@test "one channel more than a client may have is told so" {
	relay_start --max-client-connections 3
	run traffic channels 4 mallory
	assert_success
	[ "$(sed 1,3d <<<"$output" | head -1 | jq -r '.reply, .reason' |
	    tr '\n' ' ')" = '9000 8 ' ]
	[ "$(head -3 <<<"$output" | jq -r .reply | sort -u)" = 2104 ]
	[ "$(tail -1 <<<"$output")" = '{"closed": true}' ]
	[ "$(limits_logged client_connections | wc -l)" = 1 ]
}

@test "a client with too many channels: what it sends waits for one" {
	relay_start --max-client-connections 1
	register alice bob
	handshake alice bob
	start alice "$SENTINEL_BIN/sentinel-pull" -F
	follower=$!
	until_true crowded
	run --separate-stderr alice sentinel-send --timeout 2 -m 'no' bob
	assert_failure 13
	[ "$(jq -r .code <<<"$stderr")" = relay_busy ]
	[ "$(jq -r .in_doubt <<<"$stderr")" = null ]
	start alice sh -c 'seq 5 | sentinel-send -l --get status bob' >"$OUT"
	sending=$!
	until_true crowded
	kill "$follower"
	wait "$sending"
	[ "$(sort "$OUT" | uniq -c | tr -s ' ')" = ' 5 accepted' ]
	run bob sentinel-pull --get body
	assert_output "$(seq 5)"
}

@test "requests at a rate: the others are put off, on any channel" {
	relay_start --request-rate 1 --rate-burst 20s
	register alice
	run traffic burst 200 1104 mallory
	assert_success
	served=$(head -1 <<<"$output" | jq '.reasons["0"]')
	# all of the burst, and what comes in the meantime
	[ "$served" -ge 18 ]
	[ "$served" -lt 100 ]
	[ "$(head -1 <<<"$output" | jq '.reasons["8"]')" = $((200 - served)) ]
	[ "$(head -1 <<<"$output" | jq '.retry_after > 0')" = true ]
	[ "$(tail -1 <<<"$output" | jq .reason)" = 8 ]
	run alice sentinel-clients --get name
	assert_output mallory
	[ "$(limits_logged rate | head -1 | jq -r .source)" = 127.0.0.1 ]
}

@test "a list is waited for, within --timeout" {
	relay_start --directory-rate 1 --rate-burst 1s
	register alice bob
	for _ in 1 2; do
		run alice sentinel-clients --get name
		assert_output bob
	done
	relay_stop
	# an answer that has to be made up for much longer
	RELAY_OPTIONS=(--byte-rate 10 --rate-burst 1s)
	relay_run 127.0.0.1:0
	run --separate-stderr alice sentinel-clients -r "$SENTINEL_RELAY" \
	    --timeout 5
	assert_failure 13
	[ "$(jq -r .code <<<"$stderr")" = relay_busy ]
	[ "$(jq '.retry_after_seconds > 5' <<<"$stderr")" = true ]
}

@test "more texts than the rate: all come, in their order" {
	relay_start --request-rate 50 --rate-burst 1s
	register alice bob
	handshake alice bob
	seq 150 | alice sentinel-send --lines --get status bob >"$OUT"
	[ "$(sort "$OUT" | uniq -c | tr -s ' ')" = ' 150 accepted' ]
	run bob sentinel-pull --get body
	assert_output "$(seq 150)"
	[ "$(limits_logged rate | wc -l)" -ge 1 ]
}

@test "registrations of an address: so many at once, the next wait" {
	relay_start --registration-burst 3
	run traffic names 20
	assert_success
	taken=$(jq '.reasons["0"]' <<<"$output")
	[ "$taken" -ge 3 ]
	[ "$taken" -lt 20 ]
	[ "$(jq '.reasons["8"]' <<<"$output")" = $((20 - taken)) ]
	alice sentinel-register alice
	[ "$(limits_logged registrations | head -1 | jq -r .source)" = \
	    127.0.0.1 ]
}

@test "handshakes of an address: one too many is hung up on, and waits" {
	relay_start --handshake-rate 1 --handshake-burst 4
	register alice
	# more in a second than one by one, however slow they are
	for n in {1..10}; do
		start alice sentinel-clients --timeout 20
	done
	wait "${STARTED[@]}"
	[ -n "$(limits_logged handshakes)" ]
	[ "$(limits_logged handshakes | head -1 | jq -r .source)" = 127.0.0.1 ]
}

@test "silent connections: few of an address, and a good client beside" {
	relay_start --max-source-unbound 8 --max-unbound 32
	traffic_start silent 100 127.0.0.1 127.0.0.2
	alice sentinel-register alice
	alice sentinel-clients
	traffic_end
	# alice has come from the first, too
	[ "$(jq '.["127.0.0.2"]' <<<"$said")" = 8 ]
	[ "$(jq '.["127.0.0.1"] | . > 4 and . <= 8' <<<"$said")" = true ]
	# a line a second, with what there was
	lines=$(limits_logged source_unbound | wc -l)
	[ "$lines" -ge 1 ]
	[ "$lines" -lt 20 ]
}

@test "silent connections of many addresses: no more than there may be" {
	relay_start --max-unbound 32 --bind-timeout 60s
	traffic_start silent 4 127.0.0.{1..40}
	# who comes behind them has its turn when all of them had theirs
	alice sentinel-register alice
	traffic_end
	[ "$(jq '[.[]] | add' <<<"$said")" -le 32 ]
	[ "$(limits_logged unbound | wc -l)" -ge 1 ]
}

@test "connections in all are as many as there are descriptors for" {
	relay_start --max-connections 10
	traffic_start hold 10 mallory
	[ "$(limits_logged connections | wc -l)" = 1 ]
	traffic_end
	[ "$said" = '{"held":10}' ]
	alice sentinel-register alice
	relay_stop
	ulimit -n 64
	relay_run 127.0.0.1:0
	[ "$(jq -r 'select(.event == "started").connections_max' \
	    "$BATS_TEST_TMPDIR/relay.log" | tr '\n' ' ')" = '10 10 ' ]
	relay_stop
	RELAY_OPTIONS=()
	relay_run 127.0.0.1:0
	[ "$(jq -r 'select(.event == "started").connections_max' \
	    "$BATS_TEST_TMPDIR/relay.log" | tail -1)" = 28 ]
}

relay_rss() {
	awk '/^VmRSS/ { print $2 }' "/proc/$RELAY_PID/status"
}

@test "memory for requests has an end; who needs little of it goes on" {
	local limit=24000

	# a sanitizer keeps what was given back: not much of it
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=4
	case $SENTINEL_BIN in */tsan/*) limit=192000 ;; esac
	relay_start --max-buffers 4M --transfer-grace 3s
	register alice bob
	handshake alice bob
	before=$(relay_rss)
	traffic_start hoard 40 1000000
	alice sentinel-send -m 'beside it' bob
	run bob sentinel-pull --get body
	assert_output 'beside it'
	[ $(($(relay_rss) - before)) -lt "$limit" ]
	[ "$(limits_logged buffers | wc -l)" -ge 1 ]
	# in the end they have to give it back
	traffic_end
	[ "$said" = '{"end":"the stream was cut"}' ]
	head -c 900000 /dev/zero | tr '\0' x | alice sentinel-send bob
	[ "$(bob sentinel-pull --get size_bytes)" = 900000 ]
}
