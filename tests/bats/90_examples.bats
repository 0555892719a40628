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
	export SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/alice.key
	for shell in dash bash; do
		run timeout 20 "$shell" "$ROOT/examples/backup-push.sh" \
		    push bob "$BATS_TEST_TMPDIR/nowhere"
		assert_failure 1
		assert_clean
	done
	run bob sentinel-pull --type file -o "$BATS_TEST_TMPDIR/in"
	assert_output ''
}

@test "cron-alert: a job that works is nobody's business" {
	run example alice cron-alert bob true
	assert_success
	run bob sentinel-pull
	assert_output ''
}

@test "cron-alert: a failure is told once the relay is back, and once" {
	export ALERT_PAUSE=0.1 SENTINEL_TIMEOUT=1
	for shell in dash bash; do
		relay_stop
		example alice cron-alert bob sh -c 'echo no space; exit 3' \
		    2>"$BATS_TEST_TMPDIR/$shell.err" 3>&- &
		alert=$!
		for ((n = 0; n < 500; n++)); do
			[ ! -s "$BATS_TEST_TMPDIR/$shell.err" ] || break
			sleep 0.02
		done
		grep -q relay_unreachable "$BATS_TEST_TMPDIR/$shell.err"
		relay_run "$RELAY_LISTEN"
		status=0
		wait "$alert" || status=$?
		[ "$status" = 3 ]
		run bob sentinel-pull --get from.name,body
		assert_output --regexp \
		    $'^alice\t.*: sh -c echo no space; exit 3 ended with 3\\\\nno space$'
	done
}

@test "cron-alert: an answer that was lost does not make two of it" {
	export ALERT_PAUSE=0.1
	# the relay takes it, and its answer never arrives
	proxy_start --only 1 down:cut:115
	SENTINEL_RELAY=$PROXY_RELAY run --separate-stderr \
	    example alice cron-alert bob false
	assert_failure 1
	[ "$(head -n 1 <<<"$stderr" | jq .in_doubt)" = true ]
	run bob sentinel-pull --type message --get body
	assert_output --partial 'false ended with 1'
	[ "$(grep -c 'ended with' <<<"$output")" = 1 ]
}

@test "cron-alert: what does not get better ends it" {
	run example alice cron-alert nobody false
	assert_failure 20
	ALERT_TRIES=2 ALERT_PAUSE=0.1 SENTINEL_TIMEOUT=1 SENTINEL_RELAY=${SENTINEL_RELAY%@*}@127.0.0.1:1 \
	    run example alice cron-alert bob false
	assert_failure 10
}

@test "log-ship: lines go as they are written, over a rotation" {
	log=$BATS_TEST_TMPDIR/app.log
	echo old >"$log"
	SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/alice.key \
	    setsid dash "$ROOT/examples/log-ship.sh" bob "$log" 3>&- &
	group=$!
	# when the first comes through, it is being followed
	for ((n = 0; n < 100; n++)); do
		echo hello >>"$log"
		first=$(bob sentinel-pull -w 0.2 -n 1 --type message --get body) && break
	done
	[ "$first" = hello ]
	echo one >>"$log"
	mv "$log" "$log.1"
	echo two >"$log"
	: >"$BATS_TEST_TMPDIR/got"
	for ((n = 0; n < 100; n++)); do
		bob sentinel-pull -w 0.5 --type message --get body \
		    >>"$BATS_TEST_TMPDIR/got" || :
		! grep -q two "$BATS_TEST_TMPDIR/got" || break
	done
	kill -- "-$group"
	wait "$group" || :
	[ "$(grep -vx hello "$BATS_TEST_TMPDIR/got")" = $'one\ntwo' ]
}

@test "sensor-fleet: every reading is a message, and one bad one is named" {
	for sensor in attic cellar; do
		mkdir -p "$BATS_TEST_TMPDIR/sensors/$sensor"
		echo "2${#sensor}" >"$BATS_TEST_TMPDIR/sensors/$sensor/temp"
	done
	mkdir -p "$BATS_TEST_TMPDIR/sensors/garden/temp"
	for shell in dash bash; do
		run --separate-stderr example alice sensor-fleet bob \
		    "$BATS_TEST_TMPDIR/sensors"
		assert_success
		assert_output $'attic: accepted\ncellar: accepted'
		[[ $stderr == *garden* ]]
		run bob sentinel-pull --get body
		assert_line --index 0 '{"sensor":"attic","value":"25"}'
		assert_line --index 1 '{"sensor":"cellar","value":"26"}'
	done
	run example alice sensor-fleet nobody "$BATS_TEST_TMPDIR/sensors"
	assert_output --partial 'cellar: failed, no peer "nobody"'
}
