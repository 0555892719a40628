#!/usr/bin/env bats
# Sizes, counts and numbers of every kind, at the edges where arithmetic goes
# wrong (tests/tools/edges.py): what a relay and what the commands take, and
# what they refuse.  `make VARIANT=asan check-bats T=60_attack_overflow` is the
# same with every access watched.

load helper
load tools

@test "each integer of a request at its edges: taken or refused, and why" {
	relay_start
	rss=$(awk '/^VmPeak/ { print $2 }' "/proc/$RELAY_PID/status")
	run "$TOOLS/edges.py" requests "$SENTINEL_RELAY"
	assert_success
	assert_output "$(cat <<-'EOF'
	message 1 length: closed 0 1 31 33 32768 65534 65535; taken 32
	message 3 length: closed 0 1 79 81 32768 65534 65535; taken 80
	record length: closed 0 1 16; taken 17 18 32768 65534 65535
	record kind: closed 2 3 254 255; taken 0 1
	version: refused(2) 0 1 2 4 254 255; taken 3
	code: refused(2) 0 1 1099 1108 2101 32768 9000 65535
	payload size: refused(1) 0 1 32768 65536 1114088 1114089; refused(9) 1114090 2147483647 2147483648 2147483649 4294967294 4294967295
	1100 issued_at, a day ahead: refused(14) +1; taken -1
	1100 issued_at: refused(14) 9223372036854775807 9223372036854775808 18446744073709551615; taken 1 2147483648 4294967296
	1100 invite_len: refused(1) 55 254 255; taken 0 1 53 54
	1101 limit: taken 0 1 255 256 257 32768 65534 65535
	1101 name_len: refused(1) 255; taken 0 1 253 254
	1101 name_len, of 7 bytes: refused(1) 0 1 6 8 254 255; taken 7
	1103 type: refused(1) 0 5 254 255; taken 1 3 4
	1103 content size, of 40: refused(1) 0 1 39 41 32768 65536 2147483647 2147483648 2147483649 4294967294 4294967295; taken 40
	1103 content, whole: refused(1) 0; taken 1 32768 65536
	1104 after: taken 0 1 32768 59999 60000 60001 65536 1114111 1114112 1114113 2147483647 2147483648 2147483649 4294967294 4294967295
	1104 max_bytes: taken 0 1 32768 59999 60000 60001 65536 1114111 1114112 1114113 2147483647 2147483648 2147483649 4294967294 4294967295
	1104 wait_ms: taken 0 1 32768 59999 60000 60001 65536 1114111 1114112 1114113 2147483647 2147483648 2147483649 4294967294 4294967295
	1104 flags: refused(1) 2 3 254 255; taken 0 1
	1104 reserved: refused(1) 1 254 255; taken 0
	1105 ranges: refused(1) 1025; taken 0 1 1023 1024
	1105 first, last 2^31: refused(1) 2147483649 4294967294 4294967295; taken 0 1 32768 65536 2147483647 2147483648
	1105 last, first 2^31: refused(1) 0 1 32768 65536 2147483647; taken 2147483648 2147483649 4294967294 4294967295
	1107 operations: refused(1) 257; taken 0 1 255 256
	1107 op: refused(1) 2 3 254 255; taken 0 1
	EOF
	)"
	# nothing was taken for a size that was only announced
	case $SENTINEL_BIN in */release/*)
		[ $(($(awk '/^VmPeak/ { print $2 }' \
		    "/proc/$RELAY_PID/status") - rss)) -lt 8192 ]
	esac
	alice sentinel-register alice
}

@test "each integer of a reply at its edges: the exit status of the command" {
	run --separate-stderr "$TOOLS/edges.py" replies "$SENTINEL_BIN" \
	    "$SENTINEL_TOOLS/peak" "$BATS_TEST_TMPDIR/alice.key"
	assert_success
	assert_equal "$stderr" ''
	peak=$(tail -n 1 <<<"$output")
	assert_equal "$(sed '$d' <<<"$output")" "$(cat <<-'EOF'
	message 2 length: 0 112; 14 0 1 111 113 32768 65534 65535
	message 2 version: 0 3; 14 0 1 2 4 32768 65536 2147483647 2147483648 2147483649 4294967294 4294967295
	message 2 max_frame: 0 65536 65537 1114111 1114112 1114113 2147483647 2147483648 2147483649 4294967294 4294967295; 14 0 1 32768 65535
	message 2 relay_time: 0 0 4294967296 9223372036854775808 18446744073709551615
	record length: 10 0 16 17 65535
	record length, true: 0 17 65535
	reply version: 0 3; 14 0 1 2 4 254 255
	reply code: 0 2101; 14 0 1 2100 2102 8999 9000 9001 32768 65534 65535
	reply size: 0 0; 10 32768 65536 1114104 1114105; 14 1 1114106 2147483647 2147483648 2147483649 4294967294 4294967295
	9000 length: 12 6 7 205 206 207 254 255; 14 0 1 5
	9000 reason: 12 3 4 13; 14 0 1 2 15 32768 65534 65535; 36 14
	9000 retry_after_ms: 12 0 1 32768 65536 2147483647 2147483648 2147483649 4294967294 4294967295
	2101 length, entries of 271: 0 0 271; 14 1 270 272
	2102 length, 439: 0 439; 14 0 1 438 440 65536
	2103 length: 0 20; 14 0 1 19 21 65536
	2104 content size, of 40: 14 0 1 39 41 32768 65536 2147483647 2147483648 2147483649 4294967294 4294967295; 24 40
	2104 number: 14 0; 24 1 32768 65536 2147483647 2147483648 2147483649 4294967294 4294967295
	2104 type: 14 0 5 254 255; 24 1 3 4
	2104 content of type 1 1: 0 92; 24 91 93 32768 65534 65535
	2104 content of type 2 2: 0 140; 24 139 141 32768 65534 65535
	2104 content of type 2 3: 0 108; 24 107 109 32768 65534 65535
	2104 content of type 3 16: 24 51 52 53 347 348 349 32768 65534 65535
	2105 length: 24 0 1 3 4 5 65536
	2105 deleted: 24 0 1 32768 65536 2147483647 2147483648 2147483649 4294967294 4294967295
	EOF
	)"
	# nor here
	case $SENTINEL_BIN in */release/*)
		[ "$peak" -lt 16384 ]
	esac
}
