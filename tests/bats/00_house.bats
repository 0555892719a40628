#!/usr/bin/env bats
# What the other tests lean on: that a failure of any kind is counted, and that
# no record escapes.

load helper

setup() {
	cd "$ROOT"
	export SENTINEL_BIN=$BATS_TEST_TMPDIR/bin
	mkdir "$SENTINEL_BIN"
}

# command BODY: what stands for sentinel-send in this test
command_is() {
	printf '#!/bin/bash\n%s\n' "$1" >"$SENTINEL_BIN/sentinel-send"
	chmod +x "$SENTINEL_BIN/sentinel-send"
}

tap() {
	scripts/tap "$BATS_TEST_TMPDIR/x.tap" "$@"
}

@test "tally counts what passed, failed, was skipped and never ran" {
	printf '1..5\nok 1 a\nnot ok 2 b\nok 3 # skip c\nok 4 d\n' >"$HOME/tap"
	run scripts/tally "$HOME/tap"
	assert_failure
	assert_output '2 passed, 2 failed, 1 skipped'
	printf '1..1\nok 1 a\n' >"$HOME/good"
	run scripts/tally "$HOME/good" "$HOME/missing"
	assert_failure
	assert_output '1 passed, 1 failed'
	: >"$HOME/empty"
	run scripts/tally "$HOME/empty"
	assert_failure
	run scripts/tally "$HOME/good"
	assert_success
	assert_output '1 passed, 0 failed'
}

@test "a test program that dies, hangs or ends badly has failed" {
	run tap sh -c 'echo 1..1; echo ok 1 a; kill -9 $$'
	assert_failure
	run tap sh -c 'echo 1..2; echo ok 1 a'
	assert_failure
	run tap -1 false
	assert_failure
	TEST_LIMIT=0.2 run tap -1 sleep 5
	assert_failure
	run tap -1 true
	assert_success
}

@test "a record that fits no schema fails the file whose test saw it" {
	local dir=$BATS_TEST_TMPDIR/tests

	mkdir -p "$dir/bats"
	ln -s "$ROOT/tests/tools" "$dir"
	printf '%s\n' "load $ROOT/tests/bats/helper" '@test x {' \
	    'echo [] >"$WITNESS_DIR/x"' '}' >"$dir/bats/x.bats"
	run bats --formatter tap "$dir/bats/x.bats"
	assert_failure
	assert_output --partial 'not ok'
	assert_output --partial 'records/1/x:1: no object'
}

@test "a record that fits no schema is told" {
	command_is 'echo "{\"v\":1,\"type\":\"nonsense\"}"'
	sentinel-send
	run check_records
	assert_failure
	assert_output --partial nonsense
	rm "$WITNESS_DIR"/*
	command_is 'echo "{\"v\":1,\"type\":\"address\",\"address\":\"sentinel://$(
	    printf "%043d" 0)@a:1\",\"more\":1}"'
	sentinel-send
	run check_records
	assert_failure
	assert_output --partial more
	rm "$WITNESS_DIR"/*
	command_is 'echo "oops" >&2'
	sentinel-send
	run check_records
	assert_failure
	rm "$WITNESS_DIR"/*
}

@test "what is no record is not held against a schema" {
	command_is 'echo "just text"'
	for option in --get=x -gx -hq --text --raw --version; do
		run sentinel-send $option
		assert_output 'just text'
	done
	run check_records
	assert_success
}

@test "a witness ends as its command does" {
	command_is 'exit 42'
	run sentinel-send
	assert_failure 42
	command_is 'kill -ABRT $$'
	run sentinel-send
	assert_failure 134
	command_is 'echo $$ >"$HOME/pid"; exec sleep 10'
	start alice sentinel-send
	until [ -s "$HOME/pid" ]; do sleep 0.02; done
	kill -TERM $!
	wait $! || status=$?
	assert_equal "$status" 143
	run kill -0 "$(cat "$HOME/pid")"
	assert_failure
}

@test "a witness passes on what goes in and out, and a broken pipe" {
	command_is 'cat; exit 3'
	head -c 300000 /dev/urandom >"$HOME/in"
	sentinel-send --raw <"$HOME/in" >"$HOME/out" || [ $? = 3 ]
	cmp "$HOME/in" "$HOME/out"
	sentinel-send --raw <"$HOME/in" | cat >"$HOME/out"
	cmp "$HOME/in" "$HOME/out"
	command_is 'while echo x; do sleep 0.02; done'
	status=$(set +e; sentinel-send --raw | head -n 1 >&2; echo "${PIPESTATUS[0]}")
	assert_equal "$status" 141
}
