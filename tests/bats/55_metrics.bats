#!/usr/bin/env bats
# What an administrator sees of a relay: the metrics, and where they are read.

load helper
load tools

metrics_start() {
	relay_start --metrics 127.0.0.1:0 "$@"
	METRICS=$(jq -r .metrics "$BATS_TEST_TMPDIR/relay.ready")
}

# metric NAME...: its value, a line each
metric() {
	"$TOOLS/metrics.py" "$METRICS" "$@"
}

# request TEXT: the first line of the answer to it
request() {
	local line

	exec 8<>"/dev/tcp/127.0.0.1/${METRICS##*:}"
	printf '%b' "$1" >&8
	IFS= read -r -t 20 line <&8
	exec 8>&-
	echo "${line%$'\r'}"
}

@test "what clients have seen is what the relay has counted, to the byte" {
	mkdir -m 700 "$BATS_TEST_TMPDIR/counted"
	"$TOOLS/counted.py" "$BATS_TEST_TMPDIR/counted"
}

@test "people who meet, write, send a file and are refused: all is counted" {
	metrics_start --mailbox-messages 6
	handshake
	alice sentinel-clients
	alice sentinel-send "$bob_id" -m one
	alice sentinel-send "$bob_id" -m two
	alice sentinel-send "$bob_id" -m three
	fault 13 relay_busy alice sentinel-send "$bob_id" -m four
	[ "$(bob sentinel-pull --get body | tr '\n' ' ')" = 'one two three ' ]
	head -c 600000 /dev/zero >"$BATS_TEST_TMPDIR/zeros"
	alice sentinel-sendfile "$bob_id" "$BATS_TEST_TMPDIR/zeros"
	mkdir "$BATS_TEST_TMPDIR/in"
	bob sentinel-pull -o "$BATS_TEST_TMPDIR/in"
	cmp "$BATS_TEST_TMPDIR/zeros" "$BATS_TEST_TMPDIR/in/zeros"
	bob sentinel-keys block "$alice_id"
	fault 12 relay_denied alice sentinel-send "$bob_id" -m five
	fault 36 exists carol sentinel-register alice
	alice sentinel-register --unregister --yes
	# how often a client pulls and acknowledges is its own affair
	run -0 metric
	assert_equal "$(grep -E '^requests_total' <<<"$output" |
	    grep -v -e 'request=pull' -e 'request=ack' -e ' 0$')" "\
requests_total{request=register,result=ok} 2
requests_total{request=register,result=name_taken} 1
requests_total{request=list,result=ok} 2
requests_total{request=public_key,result=ok} 2
requests_total{request=send,result=ok} 12
requests_total{request=send,result=denied} 1
requests_total{request=send,result=mailbox_full} 1
requests_total{request=unregister,result=ok} 1
requests_total{request=block,result=ok} 1"
	assert_equal "$(grep -E '^(limits|messages|clients|groups)' \
	    <<<"$output" | grep -v ' 0$')" "\
limits_reached_total{limit=mailbox_share} 1
clients 1
messages_stored_total{kind=message} 9
messages_stored_total{kind=piece} 3
messages_delivered_total{kind=message} 9
messages_delivered_total{kind=piece} 3
messages_deleted_total{kind=message} 9
messages_deleted_total{kind=piece} 3"
}

@test "the text is what Prometheus reads" {
	metrics_start
	register alice
	run -0 metric build_info requests_total clients
	assert_output $'1\n1\n1'
	if command -v promtool >/dev/null; then
		metric --text >"$BATS_TEST_TMPDIR/text"
		promtool check metrics <"$BATS_TEST_TMPDIR/text"
	fi
	# and the checker is one: a name that is not there
	run ! metric no_such_total
}

@test "each name stands in the manual, and no other does" {
	metrics_start
	metric | sed -n 's/_bucket{.*//p; t; s/[{ ].*//p' |
	    sed 's/_\(sum\|count\)$//' | sort -u >"$BATS_TEST_TMPDIR/names"
	sed -n 's/^\.It Ic sentinel_relay_\([a-z_]*\).*/\1/p' \
	    "$ROOT/man/sentinel-relay.8" | sort -u >"$BATS_TEST_TMPDIR/told"
	[ -s "$BATS_TEST_TMPDIR/told" ]
	diff "$BATS_TEST_TMPDIR/names" "$BATS_TEST_TMPDIR/told"
	# so do the limits and the causes
	metric | sed -n 's/^[a-z_]*{\(limit\|cause\|kind\|part\)=\(.*\)} .*/\2/p' |
	    sort -u >"$BATS_TEST_TMPDIR/words"
	while read -r word; do
		grep -qE "^\.(It )?(Ic|Cm) $word\b" \
		    "$ROOT/man/sentinel-relay.8" || fail "not told: $word"
	done <"$BATS_TEST_TMPDIR/words"
}

@test "one GET of one path is answered, and nothing else" {
	metrics_start
	while IFS='|' read -r text answer; do
		assert_equal "$(request "$text")" "HTTP/1.1 $answer"
	done <<-'END'
		GET /metrics HTTP/1.0\r\n\r\n|200 OK
		GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n|200 OK
		GET / HTTP/1.1\r\n\r\n|404 Not Found
		GET /metrics?all HTTP/1.1\r\n\r\n|404 Not Found
		POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx|405 Method Not Allowed
		HEAD /metrics HTTP/1.1\r\n\r\n|405 Method Not Allowed
		GET /metrics HTTP/1.1\nHost: here\n\n|400 Bad Request
		GET /metrics HTTP/3\r\n|400 Bad Request
	END
	# a request without an end, as long as one may be
	assert_equal "$(request "GET /$(printf '%4091s' '' | tr ' ' a)")" \
	    'HTTP/1.1 400 Bad Request'
}

@test "four who say nothing make a scraper wait, and not for ever" {
	metrics_start
	register alice
	for fd in 4 5 6 7; do
		eval "exec $fd<>/dev/tcp/127.0.0.1/${METRICS##*:}"
	done
	begun=$SECONDS
	printf 'GET /met' >&4
	# those who talk to the relay do not wait
	[ "$(alice sentinel-clients | wc -l)" = 0 ]
	[ "$(request 'GET /metrics HTTP/1.0\r\n\r\n')" = 'HTTP/1.1 200 OK' ]
	[ $((SECONDS - begun)) -ge 4 ]
	[ $((SECONDS - begun)) -le 9 ]
	for fd in 4 5 6 7; do
		run read -r -t 10 -u "$fd"
		[ "$status" = 1 ] # the end, and not that none came in time
		eval "exec $fd>&-"
	done
}

@test "metrics are for this machine alone, unless it is told otherwise" {
	options=(-l 127.0.0.1:0 --store "sqlite:$BATS_TEST_TMPDIR/relay.db"
	    --key "$BATS_TEST_TMPDIR/relay.secret")
	for address in 0.0.0.0:0 '[::]:0'; do
		fault 2 usage sentinel-relay "${options[@]}" \
		    --metrics "$address"
		[[ $stderr == *"could be read by other machines"* ]]
	done
	fault 2 usage sentinel-relay "${options[@]}" --metrics 127.0.0.1
	relay_start
	assert_equal "$(jq -c .metrics "$BATS_TEST_TMPDIR/relay.ready")" null
	relay_stop
	relay_start --metrics 0.0.0.0:0 --metrics-remote
	METRICS=$(jq -r .metrics "$BATS_TEST_TMPDIR/relay.ready")
	METRICS=127.0.0.1:${METRICS##*:}
	assert_equal "$(metric clients)" 0
}

@test "the port is another's: the relay does not start" {
	metrics_start
	RELAY_STORE=$BATS_TEST_TMPDIR/other.db
	fault 34 io sentinel-relay -l 127.0.0.1:0 --metrics "$METRICS" \
	    --store "sqlite:$RELAY_STORE" --key "$BATS_TEST_TMPDIR/other"
}
