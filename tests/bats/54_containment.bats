#!/usr/bin/env bats
# What a relay can still do once it serves, and what it cannot: somebody who
# has taken it over gets no further.

load helper

# a leak checker, where there is one, is a tracer of its own
export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0

ALL="bpf,code,connect,exec,fork,io_uring,ioctl,keyctl,list_outside,listen"
ALL="$ALL,ptrace,read_outside,signal,userfaultfd,write_inside,write_outside"

# contained [OPTION...]: a relay whose sandbox is on
contained() {
	relay_start --sandbox on "$@"
}

# attempt [OPTION...]: --check-sandbox
attempt() {
	run --separate-stderr sentinel-relay --check-sandbox \
	    --store "sqlite:$BATS_TEST_TMPDIR/db" \
	    --key "$BATS_TEST_TMPDIR/secret" "$@"
}

# names JQ: of the attempts that it is true of
names() {
	jq -r "select($1) | .name" <<<"$output" | sort | paste -sd ,
}

# status NAME: a line of /proc/PID/status
status() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$RELAY_PID/status"
}

# level JQ: of the ready line
level() {
	jq -r ".sandbox.$1" "$BATS_TEST_TMPDIR/relay.ready"
}

@test "what the sandbox must refuse is refused" {
	attempt --sandbox on
	assert_success
	assert_equal "$(names '.status == "ok"')" "$ALL"
	assert_equal "$(names '.detail == "worked"')" write_inside
}

@test "the same attempts work without it, so that they can tell" {
	local found

	attempt --sandbox off
	assert_failure 1
	found=$(names '.status == "fail"')
	for name in code connect exec fork ioctl listen list_outside \
	    read_outside signal write_outside; do
		[[ ,$found, == *,$name,* ]] || fail "$name is refused anyway"
	done
	[ ! -e /dev/shm/sandbox.check ]
}

@test "without Landlock files are all that can be had" {
	attempt --sandbox on --landlock 0
	assert_failure 1
	assert_equal "$(names '.status == "fail"')" \
	    list_outside,read_outside,write_outside
}

@test "a relay that serves has no privilege, no core file, one filter" {
	contained
	handshake
	[ "$(status NoNewPrivs)" = 1 ]
	[ "$(status Seccomp)" = 2 ]
	for set in CapInh CapPrm CapEff CapAmb; do
		[ "$(status $set)" = 0000000000000000 ] || fail "$set"
	done
	grep -Eq '^Max core file size +0 +0 ' "/proc/$RELAY_PID/limits"
	[ "$(level seccomp)" = true ]
}

@test "each version of Landlock, and none: it serves and tells which" {
	local most version expected

	contained
	most=$(level landlock)
	relay_stop
	for version in 0 1 2 4; do
		contained --landlock "$version"
		expected=$((version < most ? version : most))
		[ "$(level landlock)" = "$expected" ]
		[ "$(jq -r 'select(.event == "started") |
		    "\(.landlock) \(.seccomp)"' "$BATS_TEST_TMPDIR/relay.log" |
		    tail -n 1)" = "$expected on" ]
		as "v$version" sentinel-register "v$version" >/dev/null
		relay_stop
	done
	relay_start --sandbox off
	[ "$(level landlock) $(level seccomp)" = "0 false" ]
	# what Landlock and seccomp bring along stands by itself
	[ "$(status NoNewPrivs) $(status Seccomp)" = "1 0" ]
}

@test "--user: root becomes it for good; nobody else becomes anybody" {
	local home=$BATS_TEST_TMPDIR/home id file

	mkdir "$home"
	if [ "$(id -u)" != 0 ]; then
		fault 2 usage sentinel-relay --user nobody \
		    --listen 127.0.0.1:0 --store "sqlite:$home/db" \
		    --key "$home/secret"
		return
	fi
	# the way there, for somebody else
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/test \
	    "$BATS_TEST_TMPDIR"
	chown nobody "$home"
	# root with more groups than it may keep
	RELAY_PROGRAM=$BATS_TEST_TMPDIR/grouped
	printf '#!/bin/sh\nexec setpriv --groups 0,1,2 "%s" "$@"\n' \
	    "$SENTINEL_BIN/sentinel-relay" >"$RELAY_PROGRAM"
	chmod +x "$RELAY_PROGRAM"
	RELAY_OPTIONS=(--sandbox on --user nobody)
	RELAY_STORE=$home/db RELAY_KEY=$home/secret
	relay_run 127.0.0.1:0
	handshake
	id=$(id -u nobody)
	[ "$(status Uid)" = "$id	$id	$id	$id" ]
	id=$(id -g nobody)
	[ "$(status Gid)" = "$id	$id	$id	$id" ]
	[[ $(status Groups) != *[0-9]* ]]
	# its memory is not for others of that user
	[ "$(stat -c %U "/proc/$RELAY_PID/environ")" = root ]
	[ "$(status CapPrm)" = 0000000000000000 ]
	head -c 300000 /dev/zero >"$BATS_TEST_TMPDIR/zeros"
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/zeros" >/dev/null
	for file in "$home"/* "$home"/db.files/*; do
		[ "$(stat -c %U "$file")" = nobody ] || fail "$file"
	done
	# it opens what it has made, and stands in for nobody it is not
	relay_restart
	bob sentinel-pull >/dev/null
	fault 2 usage sentinel-relay --user nobody-there \
	    --listen 127.0.0.1:0 --store "sqlite:$home/db" --key "$home/secret"
}
