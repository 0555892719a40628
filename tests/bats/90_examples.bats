#!/usr/bin/env bats
# The scripts in examples/ do what they say, under dash and bash.

load helper
load tools

setup() {
	relay_start
	handshake
	TMPDIR=$BATS_TEST_TMPDIR
	export TMPDIR
}

# example PERSON SCRIPT ARGUMENT...: by $shell, with the key file of PERSON
example() {
	as "$1" "${shell:-dash}" "$ROOT/examples/$2.sh" "${@:3}"
}

# nothing but what the test itself has made is left of a script
assert_clean() {
	run find "$TMPDIR" -name 'tmp.*'
	assert_output ''
}

@test "each tells its usage and ends with 2" {
	for script in "$ROOT"/examples/*.sh; do
		[ "${script##*/}" != ten-steps.sh ] || continue
		run dash "$script"
		assert_failure 2
		assert_output --partial "usage: $script"
	done
}

@test "ci-artifact: delivered with digests that hold" {
	for shell in dash bash; do
		dist=$BATS_TEST_TMPDIR/$shell
		mkdir "$dist"
		head -c 300000 /dev/urandom >"$dist/one.tar"
		echo two >"$dist/two words"
		run example alice ci-artifact send bob "$dist"/*
		assert_success
		assert_output --regexp $'^bob\t[0-9]+$'
		run example bob ci-artifact receive alice "$dist.in"
		assert_success
		assert_line "$dist.in/one.tar: OK"
		assert_line 'two words: OK'
		cmp "$dist/one.tar" "$dist.in/one.tar"
	done
}

@test "ci-artifact: a file that is not what was built is told" {
	echo built >"$BATS_TEST_TMPDIR/result"
	example alice ci-artifact send bob "$BATS_TEST_TMPDIR/result"
	mkdir "$BATS_TEST_TMPDIR/in"
	echo planted >"$BATS_TEST_TMPDIR/in/result"
	run example bob ci-artifact receive alice "$BATS_TEST_TMPDIR/in"
	assert_failure
	assert_line 'result: FAILED'
}

@test "backup-push: a directory goes as a stream and can be unpacked" {
	mkdir -p "$BATS_TEST_TMPDIR/etc/deep"
	head -c 2000000 /dev/urandom >"$BATS_TEST_TMPDIR/etc/deep/noise"
	for shell in dash bash; do
		run example alice backup-push push bob "$BATS_TEST_TMPDIR/etc"
		assert_success
		assert_output --regexp $'^etc-[0-9T]+Z\\.tar\\.gz\t[0-9]+\t[0-9a-f]{64}$'
		run example bob backup-push take alice "$BATS_TEST_TMPDIR/$shell"
		assert_success
		assert_output --regexp "/$shell/etc-.*: OK$"
		mkdir "$BATS_TEST_TMPDIR/$shell.out"
		tar -xzf "$BATS_TEST_TMPDIR/$shell"/etc-* -C "$BATS_TEST_TMPDIR/$shell.out"
		diff -r "$BATS_TEST_TMPDIR/etc" "$BATS_TEST_TMPDIR/$shell.out"
		assert_clean
	done
}

@test "backup-push: what tar could not read is not sent as if it were whole" {
	run example alice backup-push push bob "$BATS_TEST_TMPDIR/nowhere"
	assert_failure
	assert_clean
	run bob sentinel-pull --type file -o "$BATS_TEST_TMPDIR/in"
	assert_output ''
}
