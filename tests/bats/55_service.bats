#!/usr/bin/env bats
# The relay as a service: what is installed, and how it gets on with the one
# who starts it.

load helper
load tools

SYSTEM=$ROOT/share/systemd/system

@test "the unit leaves an exposure of 1.5 at most" {
	run systemd-analyze security --offline=yes --threshold=15 \
	    "$SYSTEM/sentinel-relay.service"
	assert_success
	assert_output --partial "Overall exposure level"
}

@test "units and user are well formed" {
	local unit

	mkdir "$BATS_TEST_TMPDIR/units"
	for unit in sentinel-relay.service sentinel-relay.socket; do
		sed "s|=sentinel-relay |=$SENTINEL_BIN/&|; s|/=|/|" \
		    "$SYSTEM/$unit" >"$BATS_TEST_TMPDIR/units/$unit"
	done
	run systemd-analyze verify --man=no "$BATS_TEST_TMPDIR/units"/*
	assert_success
	assert_output ""
	run systemd-sysusers --dry-run "$ROOT/share/sysusers.d/sentinel-relay.conf"
	assert_success
	refute_output --partial "ignoring"
}

@test "make install places all of it, make uninstall takes all of it away" {
	local root=$BATS_TEST_TMPDIR/root
	local make=(make -s -C "$ROOT" "DESTDIR=$root" PREFIX=/usr
	    "BUILD=${SENTINEL_BIN%/*/bin}"
	    "VARIANT=$(basename "${SENTINEL_BIN%/bin}")")

	MAKEFLAGS='' "${make[@]}" install 3>&-
	for file in lib/systemd/system/sentinel-relay.service \
	    lib/systemd/system/sentinel-relay.socket \
	    lib/systemd/user/sentinel-follow.service \
	    lib/sysusers.d/sentinel-relay.conf share/sentinel/relay.conf \
	    share/man/man8/sentinel-relay.8 bin/sentinel-relay; do
		[ -f "$root/usr/$file" ] || fail "no $file"
	done
	run --separate-stderr sentinel-relay --check-config \
	    --config "$root/usr/share/sentinel/relay.conf" \
	    --store sqlite:db --key secret
	assert_success
	MAKEFLAGS='' "${make[@]}" uninstall 3>&-
	silent find "$root" -type f
}

@test "a Debian package has each file that is installed" {
	local root=$BATS_TEST_TMPDIR/root pattern
	local make=(make -s -C "$ROOT" "DESTDIR=$root"
	    "BUILD=${SENTINEL_BIN%/*/bin}"
	    "VARIANT=$(basename "${SENTINEL_BIN%/bin}")")

	mapfile -t dirs < <(sed -n '/^DIRS/,/[^\\]$/p' "$ROOT/debian/rules" |
	    grep -o '[A-Z]\+=[^ ]*')
	MAKEFLAGS='' "${make[@]}" "${dirs[@]}" install 3>&-
	cd "$root" || return
	find . -type f -printf '%P\n' | sort >../all
	while read -r pattern _; do
		compgen -G "$pattern" >../found || fail "nothing is $pattern"
		xargs -I {} find {} -type f <../found
	done < <(cat "$ROOT"/debian/*.install) | sort >../packed
	diff ../all ../packed
}

@test "what the configuration that is installed comments out is the default" {
	local conf=$BATS_TEST_TMPDIR/all.conf name value

	sed 's/^#\([a-z-]* = \)/\1/' "$ROOT/share/relay.conf" >"$conf"
	run --separate-stderr sentinel-relay --check-config --config "$conf" \
	    --store sqlite:db --key secret
	assert_success
	# of a bound that there is not, an example
	sed -n '/max-store/d; s/^#\([a-z-]* = \)/\1/p' "$ROOT/share/relay.conf" \
	    >"$conf"
	while IFS=' =' read -r name value; do
		sentinel-relay --dump-options | jq -e --arg name "$name" \
		    --arg value "($value)" '.options[] |
		    select(.name == $name) | .help | endswith($value)' ||
		    fail "$name is not $value"
	done <"$conf"
}

@test "every binary is hardened" {
	local binaries=("$SENTINEL_BIN"/sentinel-*)

	# a variant has its own flags
	case $SENTINEL_BIN in */release/*) ;; *) return ;; esac
	# a file without a function to protect, or without such a call, has none
	run hardening-check --nocfprotection --quiet "${binaries[@]}"
	assert_success
	refute_output --partial no
}

# managed [OPTION...]: as relay_start, by tests/tools/manager.py; what it is
# told stands in the file that is $TOLD
managed() {
	TOLD=$BATS_TEST_TMPDIR/told
	RELAY_OPTIONS=()
	RELAY_STORE=$BATS_TEST_TMPDIR/relay.db
	RELAY_KEY=$BATS_TEST_TMPDIR/relay.secret
	: >"$BATS_TEST_TMPDIR/relay.ready"
	"$TOOLS/manager.py" "$@" "$BATS_TEST_TMPDIR" \
	    "$SENTINEL_BIN/sentinel-relay" --store "sqlite:$RELAY_STORE" \
	    --key "$RELAY_KEY" --min-free 0 \
	    >"$BATS_TEST_TMPDIR/relay.ready" \
	    2>>"$BATS_TEST_TMPDIR/relay.log" </dev/null 3>&- &
	RELAY_PID=$!
	until_true grep -qs READY=1 "$TOLD"
	SENTINEL_RELAY=$(jq -r .address "$BATS_TEST_TMPDIR/relay.ready")
	export SENTINEL_RELAY
}

@test "sockets that are handed over are listened on, and it tells how it goes" {
	managed --sockets 2
	[ "$(jq '.listen | length' "$BATS_TEST_TMPDIR/relay.ready")" = 2 ]
	for address in $(jq -r '.listen[]' "$BATS_TEST_TMPDIR/relay.ready"); do
		SENTINEL_RELAY=${SENTINEL_RELAY%@*}@$address \
		    as "n${address##*:}" sentinel-register \
		    "n${address##*:}" >/dev/null
	done
	relay_stop
	[ "$(grep -c . "$TOLD")" = 6 ]
	[ "$(grep -A 1 READY=1 "$TOLD")" = "READY=1
STATUS=Takes connections" ]
	[ "$(sed -n 4p "$TOLD")" = STOPPING=1 ]
}

@test "a manager without a file is told as well, from inside the sandbox" {
	managed --sockets 1 --abstract
	kill -HUP "$RELAY_PID"
	until_true grep -q "STATUS=there is no --config" "$TOLD"
	relay_stop
	[ "$(sed '/MONOTONIC/d; /STATUS/d; /---/d' "$TOLD" | paste -sd ' ')" = \
	    "READY=1 RELOADING=1 READY=1 STOPPING=1" ]
	grep -A 1 RELOADING=1 "$TOLD" | grep -Eq '^MONOTONIC_USEC=[1-9][0-9]*$'
}
