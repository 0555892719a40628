#!/usr/bin/env bats
# sentinel-status: what the key file holds, without the relay.

load helper
load tools

setup() {
	relay_start
}

@test "a fresh identity: nothing but itself" {
	register alice
	relay_stop
	run alice sentinel-status
	assert_success
	[ "$(field '.identity | [.id, .name] | join(" ")')" = "$alice_id alice" ]
	[ "$(field .identity.public_key_base64)" = \
	    "$(alice sentinel-keys show --get public_key_base64)" ]
	[ "$(field .keyfile)" = "$BATS_TEST_TMPDIR/alice.key" ]
	[ "$(field .relay.address)" = "$SENTINEL_RELAY" ]
	[ "$(field '[.peers[], .sessions[], .dead_letters] | add')" = 0 ]
	[ "$(field '[.inbox, .outbox] | map(.oldest_at) | unique')" = '[
  null
]' ]
	[ "$(field '.last_contact | length')" = 24 ]
}

@test "each step shows in its count" {
	count() { # OWNER FIELD
		as "$1" sentinel-status --get "$2"
	}
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	[ "$(count alice peers.known,peers.verified,peers.blocked)" = '1	0	0' ]
	alice sentinel-keys request bob >/dev/null
	[ "$(count alice sessions.request_sent)" = 1 ]
	bob sentinel-keys connect alice >/dev/null
	[ "$(count bob sessions.key_sent)" = 1 ]
	[ "$(count bob inbox.new,inbox.shown)" = '1	0' ]
	alice sentinel-pull >/dev/null
	[ "$(count alice sessions.key_received,sessions.request_sent)" = '1	0' ]
	alice sentinel-keys send bob >/dev/null
	[ "$(count alice sessions.established,sessions.previous)" = '1	0' ]
	bob sentinel-pull --type key_received >/dev/null
	alice sentinel-keys request bob >/dev/null
	bob sentinel-pull >/dev/null
	[ "$(count bob sessions.request_received,sessions.established)" = '1	1' ]
	bob sentinel-keys send alice >/dev/null
	alice sentinel-keys connect bob >/dev/null
	alice sentinel-pull >/dev/null
	alice sentinel-keys send bob >/dev/null
	[ "$(count alice sessions.established,sessions.previous)" = '1	1' ]
	number=$(alice sentinel-keys fingerprint bob --get safety_number)
	alice sentinel-keys verify bob "$number" >/dev/null
	[ "$(count alice peers.verified)" = 1 ]
}

@test "what waits: printed half, in doubt, and since when" {
	handshake
	alice sentinel-send bob -m one >/dev/null
	alice sentinel-send bob -m two >/dev/null
	contact=$(bob sentinel-status --get last_contact)
	# stdout that takes nothing: the first is shown, perhaps
	run bash -c '"$SENTINEL_BIN/sentinel-pull" -k "$0" >/dev/full' \
	    "$BATS_TEST_TMPDIR/bob.key"
	assert_failure 34
	run bob sentinel-status
	[ "$(field '[.inbox.new, .inbox.shown] | join(" ")')" = '1 1' ]
	[ "$(field '.inbox.oldest_at | length')" = 24 ]
	[[ $(field .last_contact) > $contact ]]

	proxy_start down:cut:115
	fault 10 relay_unreachable alice sentinel-send bob -m three \
	    -r "$PROXY_RELAY" --timeout 2
	proxy_stop
	run alice sentinel-status
	[ "$(field '[.outbox.sealed, .outbox.in_doubt] | join(" ")')" = '0 1' ]
	[ "$(field '.outbox.oldest_at | length')" = 24 ]
	alice sentinel-send bob -m four >/dev/null
	run alice sentinel-status --get outbox.in_doubt,outbox.oldest_at
	assert_output '0	'
}

@test "it reads a key file that cannot be written" {
	handshake
	chmod 400 "$BATS_TEST_TMPDIR/alice.key"
	run alice sentinel-status --get sessions.established
	assert_output 1
	run alice sentinel-status --text
	assert_line --index 0 alice
	assert_line --regexp '^  last contact  just now$'
	assert_line '  peers         1 known, 0 verified, 0 blocked'
	assert_line '  sessions      1 established, 0 previous, 0 to be reset'
}

@test "whether secrets are kept off the disk" {
	local expected=false as_any=()

	# root has no limit, but as the privilege has gone
	[ "$(id -u)" != 0 ] ||
	    as_any=(setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock)
	# for a sanitizer whatever is locked is locked
	case $SENTINEL_BIN in */asan/* | */tsan/*) expected=true ;; esac
	register alice
	[ "$(alice sentinel-status --get memory_locked)" = true ]
	[ "$(alice "${as_any[@]}" prlimit --memlock=8388608:8388608 \
	    sentinel-status --get memory_locked)" = true ]
	[ "$(alice "${as_any[@]}" prlimit --memlock=0:0 \
	    sentinel-status --get memory_locked)" = "$expected" ]
}

# crash COMMAND...: it serves or waits, with no limit for a core file that it
# has not set itself, and gets a SIGSEGV; says how it ended
crash() {
	ASAN_OPTIONS=${ASAN_OPTIONS-}:handle_segv=0 /usr/bin/python3 - "$@" <<-'EOF'
	import os, re, resource, signal, subprocess, sys, time
	most = resource.getrlimit(resource.RLIMIT_CORE)[1]
	resource.setrlimit(resource.RLIMIT_CORE, (most, most))
	child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL,
	                         stderr=subprocess.DEVNULL)
	limit = re.compile("^Max core file size +0 +0 ", re.M)
	for _ in range(500):
	    if limit.search(open(f"/proc/{child.pid}/limits").read()):
	        break
	    time.sleep(0.02)
	else:
	    print("may leave a core file")
	os.kill(child.pid, signal.SIGSEGV)
	status = os.waitpid(child.pid, 0)[1]
	print(os.WTERMSIG(status), os.WCOREDUMP(status))
	EOF
}

@test "neither a command nor the relay leaves a core file" {
	register alice bob
	cd "$BATS_TEST_TMPDIR"
	run crash "$SENTINEL_BIN/sentinel-pull" -k alice.key -w 20
	assert_output '11 False'
	run crash "$SENTINEL_BIN/sentinel-relay" -l 127.0.0.1:0 \
	    --store sqlite:other.db --key other.secret --min-free 0
	assert_output '11 False'
	silent find . -name '*core*'
}

# there is no NAME of process PID to be opened, by the same user
closed() {
	! "${nobody[@]}" head -c 1 "/proc/$1/$2" >/dev/null 2>&1
}

@test "nobody else of the same user reads a command's memory" {
	local pid here=$BATS_TEST_TMPDIR/nobody nobody=(env)

	[ "$(id -u)" != 0 ] ||
	    nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	mkdir "$here"
	cp "$SENTINEL_BIN"/sentinel-{pull,register} "$here"
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR"
	chmod 777 "$here"
	"${nobody[@]}" "$here/sentinel-register" x -k "$here/k" >/dev/null
	"${nobody[@]}" "$here/sentinel-pull" -k "$here/k" -w 2m \
	    >/dev/null 3>&- &
	pid=$!
	STARTED+=("$pid")
	# another program of the same user may be read
	"${nobody[@]}" sleep 20 3>&- &
	STARTED+=($!)
	until_true "${nobody[@]}" head -c 1 "/proc/$!/environ" >/dev/null
	until_true grep -qx sentinel-pull "/proc/$pid/comm"
	until_true closed "$pid" environ
	closed "$pid" maps
}
