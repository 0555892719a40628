#!/usr/bin/env bats
# What is built of the same sources is the same.

load ../bats/helper

@test "built in two places: the same, byte for byte" {
	local tree

	case $SENTINEL_BIN in */release/*) ;; *) return ;; esac
	for tree in one two/and-further-down; do
		mkdir -p "$BATS_TEST_TMPDIR/$tree"
		cp -R "$ROOT"/{Makefile,cmd,lib,server,scripts} \
		    "$BATS_TEST_TMPDIR/$tree"
		make -s -C "$BATS_TEST_TMPDIR/$tree" BUILD=build all \
		    MAKEFLAGS= 3>&-
	done
	for program in "$SENTINEL_BIN"/*; do
		cmp "$BATS_TEST_TMPDIR"/{one,two/and-further-down}/build/release/bin/"${program##*/}"
	done
}

@test "built without libpq: all but the store on PostgreSQL, which says so" {
	local out=$BATS_TEST_TMPDIR/without relay

	make -s -C "$ROOT" BUILD="$out" VARIANT=debug PQ= WERROR=1 all \
	    MAKEFLAGS= 3>&-
	relay=$out/debug/bin/sentinel-relay
	run grep -c libpq.so "$relay"
	assert_output 0
	fault 2 usage timeout 30 "$relay" -l 127.0.0.1:0 --key "$BATS_TEST_TMPDIR/key" \
	    --store 'postgresql:host=/nowhere'
	[ "$(jq -c 'select(.type == "error") | .message' <<<"$stderr")" = \
	    '"this sentinel-relay was built without PostgreSQL"' ]
	RELAY_PROGRAM=$relay
	relay_start --sandbox off
	register alice
}
