#!/usr/bin/env bats
# The relay is attacked, and a good client does not notice.  In numbers that
# take a moment; those of a bad day are in tests/slow.

load helper
load siege

@test "connections that are begun and not gone on with" {
	relay_start --bind-timeout 1s
	siege $BUDGET rest:64:1
	siege $BUDGET truncated:1000 ".stuck == 0 and .cpu_ms <= 1000 * $SLOWER"
	siege $((16 * MIB)) empty:2000:700 '.held <= 256'
	siege $BUDGET empty_one_source:500:500 '.held <= 64'
	siege $BUDGET empty_again:300:1000 '.made > 300'
	siege_over
}

@test "a byte a second at every stage, 200 times" {
	relay_start
	siege $BUDGET rest:64:1
	siege $BUDGET slow:200:15000 ".ended == 200 and
	    .shake_first_ms >= 4900 and .shake_last_ms <= 5000 + 1000 * $SLOWER and
	    .frame_first_ms >= 9900 and .frame_last_ms <= 10000 + 2000 * $SLOWER"
	siege_over
}

@test "handshakes half open, nonsense, and from everywhere" {
	relay_start
	siege $BUDGET rest:64:1
	siege $BUDGET half_open:1000:$((10000 / SLOWER)) \
	    '.made > 1000 and .held <= 256'
	siege $BUDGET half_open_one_source:1000:$((10000 / SLOWER)) \
	    '.held <= 64'
	siege $BUDGET nonsense:10000
	siege $BUDGET sources:70000
	siege_over
	[ "$(wc -l <"$BATS_TEST_TMPDIR/relay.log")" -lt 100 ]
}

@test "100 connections, 64 descriptors" {
	RELAY_PROGRAM=$BATS_TEST_TMPDIR/few
	printf '#!/bin/sh\nexec prlimit --nofile=64 "%s" "$@"\n' \
	    "$SENTINEL_BIN/sentinel-relay" >"$RELAY_PROGRAM"
	chmod +x "$RELAY_PROGRAM"
	relay_start
	siege $BUDGET empty:100:1500 ".held < 64 and .cpu_ms <= 300 * $SLOWER"
	siege $BUDGET empty_again:100:1000
	siege_over
}

@test "sizes that are announced, answers that are not read" {
	relay_start --max-buffers 64M
	rss=$(resident)
	siege $BUDGET rest:64:1
	# but for what SQLite keeps of its pages
	until_true is_resident $((MEMORY * (rss + 4 * MIB)))
	siege $MIB sizes '.tried > 400 and .wrong == 0'
	# descriptors: those of before, and of the good client in the middle
	siege $((64 * MIB + 12 * MIB)) slow_readers:100:14000 \
	    '.fds_then <= .fds_before + 2'
	siege $BUDGET pipeline:100000:200 \
	    '.answered + .limited == 100000 and .answered >= 20000'
	siege $BUDGET never_ack:1000 \
	    '.answered + .limited == 1000 and .left == 1000'
	siege_over
}

@test "mailboxes are flooded, registrations too" {
	# each registration has a handshake of its own: not what is limited here
	relay_start --mailbox-messages 2000 \
	    --handshake-rate 100000 --handshake-burst 100000
	siege $BUDGET rest:64:1
	siege $BUDGET flood_one:1500 \
	    '.done == 1000 and .mailbox_full > 0 and .honest_refused == 0'
	siege $BUDGET flood_one_big:600 '.done == 608'
	siege $BUDGET key_requests:10000 \
	    '.done == 8 and .mailbox_full > 9000 and .honest_refused == 0'
	siege $BUDGET flood_many:1000 \
	    '.done == 2000 and .pulled == 2000 and .mailbox_full == 30000'
	siege $BUDGET register_one_source:10000 \
	    '.done >= 60 and .done <= 61 + .took_ms / 1000 and
	    .done + .rate_limited == 10000'
	siege_over
}

@test "100 000 clients are listed" {
	relay_start
	relay_stop
	directory 100000
	relay_restart
	siege $BUDGET rest:64:1
	siege $((4 * MIB)) list ".clients >= 100000 and .pages < 400 and
	    .walk_ms <= 2000 * $SLOWER"
	siege_over
}

@test "2000 sessions of all kinds, a fifth abusive" {
	relay_start
	siege $BUDGET rest:64:1
	siege $BUDGET soak:2000 \
	    ".rss_end_kib <= (.rss_tenth_kib + $((2 * MIB))) * $MEMORY"
	siege_over
}
