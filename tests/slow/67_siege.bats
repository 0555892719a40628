#!/usr/bin/env bats
# tests/bats/67_siege.bats in the numbers of a bad day.

load ../bats/helper
load ../bats/siege

@test "a byte a second at every stage, 200 times" {
	relay_start --max-unbound 512
	siege $BUDGET rest
	for stage in preamble message_1 message_3 stranger; do
		siege $BUDGET slow_$stage:200 '.ended == 200 and
		    .shake_first_ms >= 4900 and .shake_last_ms <= 6000'
	done
	for stage in header payload refused; do
		siege $BUDGET slow_$stage:200 '.ended == 200 and
		    .frame_first_ms >= 9900 and .frame_last_ms <= 12000'
	done
	siege_over
}

@test "2000 connections and not a word" {
	relay_start
	siege $BUDGET rest
	siege $((16 * MIB)) empty:2000:6000 '.held <= 256'
	siege $BUDGET empty_one_source:2000:6000 '.held <= 64'
	siege $BUDGET empty_again:300:10000
	siege $BUDGET empty_again:2000:10000
	siege_over
}

@test "100 slow readers of 10 MB, and 700" {
	relay_start
	siege $BUDGET rest
	# descriptors: those of before, and of the good client in the middle
	siege $((256 * MIB)) slow_readers:100:14000 \
	    '.fds_then <= .fds_before + 2'
	siege $((256 * MIB + 24 * MIB)) slow_readers:700:14000 \
	    '.fds_then <= .fds_before + 2'
	siege_over
}

@test "a mailbox is flooded, by one and by 1000" {
	relay_start
	siege $BUDGET rest
	siege $BUDGET flood_one:110000 '.done > 20000 and .honest_refused == 0'
	siege $BUDGET flood_one_big:4800 '.done * 60000 <= 134217728 and
	    .mailbox_full > 0 and .honest_refused == 0'
	siege $BUDGET key_requests:10000 '.done == 8 and .honest_refused == 0'
	siege $BUDGET flood_many:1000 '.done * 10000 <= 268435456 and
	    .mailbox_full > 0 and .pulled == .done'
	siege_over
}

@test "10 000 registrations from one address, 1000 from as many" {
	# each by a handshake of its own: these are not what is limited here
	relay_start --handshake-rate 100000 --handshake-burst 100000
	siege $BUDGET rest
	siege $BUDGET register_one_source:10000 \
	    '.done <= 61 + .took_ms / 1000 and .done + .rate_limited == 10000'
	siege $BUDGET register:1000 '.done == 1000'
	siege_over
}

@test "100 000 sessions of all kinds, a fifth abusive" {
	relay_start
	siege $BUDGET rest
	siege $BUDGET soak:100000 \
	    ".rss_end_kib <= (.rss_tenth_kib + $((2 * MIB))) * $MEMORY"
	siege_over
}
