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
