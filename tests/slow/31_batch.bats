#!/usr/bin/env bats
# tests/bats/31_batch.bats and 64_locks.bats at full length.

load ../bats/helper
load ../bats/tools

setup() {
	relay_start
	handshake
}

@test "10 000 lines: a record each, in order, and so they arrive" {
	seq 10000 | jq -c '{to: "bob", body: "line \(.)", ref: .}' |
	    alice sentinel-send -b --get line,ref,seq,status \
	    >"$BATS_TEST_TMPDIR/out"
	seq 10000 | awk '{ print $1 "\t" $1 "\t" $1 - 1 "\taccepted" }' |
	    cmp - "$BATS_TEST_TMPDIR/out"
	bob sentinel-pull --get body | cmp - <(seq -f 'line %g' 10000)
}

@test "10 000 lines queued with the relay away, then delivered in order" {
	relay_stop
	seq 10000 | alice sentinel-send -l bob --queue --timeout 0.2 \
	    --get status | uniq -c | xargs >"$BATS_TEST_TMPDIR/out"
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = '10000 queued' ]
	relay_restart
	alice sentinel-pull
	bob sentinel-pull --get body | cmp - <(seq 10000)
}

@test "640 senders, 64 at once, beside readers: each message once" {
	seq 1280 | xargs -P 64 -I '{}' bash -c 'export SENTINEL_KEYFILE=$0
		case $(($1 % 4)) in
		0) sentinel-keys show ;;
		1) sentinel-keys list ;;
		*) sentinel-send bob -m "text $1" ;;
		esac' "$BATS_TEST_TMPDIR/alice.key" '{}'
	bob sentinel-pull >"$BATS_TEST_TMPDIR/got"
	[ "$(jq -r .type "$BATS_TEST_TMPDIR/got" | sort | uniq -c | xargs)" = \
	    '640 message' ]
	[ "$(jq -r .body "$BATS_TEST_TMPDIR/got" | sort -u | wc -l)" = 640 ]
}

@test "a batch while its relay is killed again and again: each line once" {
	mkfifo "$BATS_TEST_TMPDIR/in"
	start alice bash -c 'exec sentinel-send -l bob --timeout 5 <"$1/in" \
	    >"$1/out" 2>"$1/err"' - "$BATS_TEST_TMPDIR"
	writer=$!
	(for ((n = 0; n < 4000; n++)); do echo "$n"; [ $((n % 40)) != 0 ] || sleep 0.05
	done >"$BATS_TEST_TMPDIR/in") 3>&- &
	feeder=$!
	for ((k = 0; k < 8; k++)); do
		sleep 0.5
		relay_kill
		relay_restart
	done
	wait "$feeder"
	wait "$writer" || :
	alice sentinel-send bob -m last
	[ "$(jq -r .line "$BATS_TEST_TMPDIR/out")" = "$(seq 4000)" ]
	jq -r 'select(.status == "accepted" or .error.in_doubt) | .id' \
	    "$BATS_TEST_TMPDIR/out" | sort >"$BATS_TEST_TMPDIR/sure"
	bob sentinel-pull >"$BATS_TEST_TMPDIR/got"
	[ "$(jq -r .type "$BATS_TEST_TMPDIR/got" | sort -u)" = message ]
	jq -r 'select(.body != "last") | .id' "$BATS_TEST_TMPDIR/got" | sort |
	    cmp - "$BATS_TEST_TMPDIR/sure"
}
