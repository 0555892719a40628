#!/usr/bin/env bats
# Registration by invite, and the relay's configuration file.

load helper
load tools

# invite [OPTION...]: one, from the relay's key alone
invite() {
	sentinel-relay --key "$RELAY_KEY" --invite 1 --get invite "$@"
}

# refused COMMAND...: for want of a good invite
refused() {
	run --separate-stderr "$@"
	assert_failure 12
	[ "$(jq -r .code <<<"$stderr")" = relay_denied ]
	[[ $(jq -r .message <<<"$stderr") = *invite_invalid* ]]
	[[ $(jq -r .hint <<<"$stderr") = *--invite-file* ]]
}

@test "invites are records, each another, good for as long as was said" {
	relay_start
	# the relay runs: its store is not opened
	sentinel-relay --key "$RELAY_KEY" --invite 3 --invite-ttl 2h \
	    >"$BATS_TEST_TMPDIR/out"
	[ "$(jq -r .type "$BATS_TEST_TMPDIR/out" | sort -u)" = invite ]
	[ "$(jq -r .invite "$BATS_TEST_TMPDIR/out" | sort -u | wc -l)" = 3 ]
	left=$(jq -r .expires_at "$BATS_TEST_TMPDIR/out" | head -1 |
	    xargs -I{} date -d {} +%s)
	left=$((left - $(date +%s)))
	[ "$left" -gt 7000 ]
	[ "$left" -le 7200 ]
	for bad in --invite=0 --invite=10001 '--invite=1 --invite-ttl=inf' \
	    '--invite=1 --invite-ttl=0'; do
		# shellcheck disable=SC2086
		run sentinel-relay --key "$RELAY_KEY" $bad
		assert_failure 2
	done
}

@test "an invite is for one, once; who is registered needs none" {
	relay_start --registration invite
	refused alice sentinel-register alice
	invite >"$BATS_TEST_TMPDIR/invite"
	run alice sentinel-register --get status \
	    --invite-file "$BATS_TEST_TMPDIR/invite" alice
	assert_output registered
	# again, with it or without
	run alice sentinel-register --get status \
	    --invite-file "$BATS_TEST_TMPDIR/invite" alice
	assert_output already_registered
	run alice sentinel-register --get status alice
	assert_output already_registered
	alice sentinel-keys rotate --static
	refused bob sentinel-register \
	    --invite-file "$BATS_TEST_TMPDIR/invite" bob
	# from a pipe; and the key file of a refused attempt is used for it
	run bob sentinel-register --invite-file - --get status bob \
	    < <(invite)
	assert_output registered
	run bob sentinel-clients --get name
	assert_output alice
	# who has left is new
	bob sentinel-register --unregister --yes
	refused bob sentinel-register bob
}

@test "an attempt that fails does not use it up" {
	relay_start --registration invite
	alice sentinel-register --invite-file <(invite) alice
	invite >"$BATS_TEST_TMPDIR/invite"
	run bob sentinel-register --invite-file "$BATS_TEST_TMPDIR/invite" alice
	assert_failure 36
	bob sentinel-register --invite-file "$BATS_TEST_TMPDIR/invite" bob
}

@test "forged, old, of another relay, or none at all" {
	relay_start --registration invite
	good=$(invite)
	last=${good: -1}
	refused alice sentinel-register alice \
	    --invite-file <(printf %s "${good%?}$(tr AgQw gQwA <<<"$last")")
	refused alice sentinel-register alice --invite-file <(
	    sentinel-relay --key "$BATS_TEST_TMPDIR/other" --invite 1 \
		--get invite)
	invite --invite-ttl 0.01 >"$BATS_TEST_TMPDIR/invite"
	sleep 0.1
	refused alice sentinel-register alice \
	    --invite-file "$BATS_TEST_TMPDIR/invite"
	# what cannot be one is not shown to the relay
	for bad in '' short "${good}A" "$good $good"; do
		run alice sentinel-register alice \
		    --invite-file <(printf %s "$bad")
		assert_failure 2
	done
	run alice sentinel-register alice --invite-file /nowhere/x
	assert_failure 34
	run alice sentinel-register --unregister --yes --invite-file x
	assert_failure 2
	alice sentinel-register alice --invite-file <(printf '%s\r\n' "$good")
}

@test "a used invite is remembered through restarts and kill -9" {
	relay_start --registration invite
	invite >"$BATS_TEST_TMPDIR/invite"
	alice sentinel-register --invite-file "$BATS_TEST_TMPDIR/invite" alice
	relay_kill
	relay_run "$RELAY_LISTEN"
	refused bob sentinel-register \
	    --invite-file "$BATS_TEST_TMPDIR/invite" bob
	run alice sentinel-register --get status alice
	assert_output already_registered
}

@test "the answer is lost: the same registration goes through again" {
	relay_start --registration invite
	invite >"$BATS_TEST_TMPDIR/invite"
	proxy_start down:cut:115
	run alice sentinel-register -r "$PROXY_RELAY" --timeout 3 \
	    --invite-file "$BATS_TEST_TMPDIR/invite" alice
	assert_failure 10
	refused bob sentinel-register --invite-file "$BATS_TEST_TMPDIR/invite" \
	    bob
	run alice sentinel-register -r "$SENTINEL_RELAY" --get status \
	    --invite-file "$BATS_TEST_TMPDIR/invite" alice
	assert_output registered
}

@test "open to this machine alone, unless it is told so" {
	registration() {
		jq -r 'select(.event == "started").registration' \
		    "$BATS_TEST_TMPDIR/relay.log" | tail -1
	}

	relay_start
	[ "$(registration)" = open ]
	relay_stop
	relay_run 0.0.0.0:0
	[ "$(registration)" = invite ]
	relay_stop
	RELAY_OPTIONS=(--listen 0.0.0.0:0)
	relay_run 127.0.0.1:0
	[ "$(registration)" = invite ]
	relay_stop
	RELAY_OPTIONS=(--registration open)
	relay_run 0.0.0.0:0
	[ "$(registration)" = open ]
	relay_stop
	RELAY_OPTIONS=(--registration closed)
	relay_run 127.0.0.1:0
	[ "$(registration)" = closed ]
	run --separate-stderr alice sentinel-register --invite-file <(invite) \
	    alice
	assert_failure 12
	[[ $(jq -r .message <<<"$stderr") = *registration_closed* ]]
}

# --- the file of options -----------------------------------------------------

# conf LINE...: relay.conf
conf() {
	CONF=$BATS_TEST_TMPDIR/relay.conf
	printf '%s\n' "$@" >"$CONF"
}

@test "options from a file; the command line wins" {
	conf '# a relay' 'registration = invite' 'max-connections = 20' '' \
	    'log-level = warn' 'request-rate=50'
	relay_start -c "$BATS_TEST_TMPDIR/relay.conf" --max-connections 10 \
	    --log-level info
	run jq -r 'select(.event == "started") | .registration +
	    .connections_max' "$BATS_TEST_TMPDIR/relay.log"
	assert_output invite10
}

@test "a file with everything in it, looked at before it is used" {
	conf "store = sqlite:$BATS_TEST_TMPDIR/relay.db" \
	    "key = $BATS_TEST_TMPDIR/key" 'listen = 127.0.0.1:0' \
	    'listen = [::1]:0'
	run sentinel-relay --config "$CONF" --check-config
	assert_success
	[ "$(jq -r '.type + .name + .status' <<<"$output")" = checkconfigok ]
	[ "$(jq -r .detail <<<"$output")" = "$CONF" ]
	[ ! -e "$BATS_TEST_TMPDIR/key" ]
	[ ! -e "$BATS_TEST_TMPDIR/relay.db" ]
}

@test "a mistake in the file: its place, status 2, and nothing begun" {
	local -A cases=(
		['max-unboud = 4']=':2: no such option: max-unboud'
		['max-unbound 4']=':2: no "=" after an option: max-unbound 4'
		['max-unbound =']=':2: no value: max-unbound'
		['max-unbound = 1']=':2: --max-unbound: not from 4 to 65536: 1'
		['registration = all']=':2: --registration: not one of open|invite|closed: all'
		['print-address = yes']=':2: only on the command line: print-address'
		['config = x']=':2: only on the command line: config'
	)

	for line in "${!cases[@]}"; do
		conf '# below' "$line"
		run --separate-stderr sentinel-relay -c "$CONF" \
		    --key "$BATS_TEST_TMPDIR/key" --store sqlite:x
		assert_failure 2
		[ "$(jq -r .message <<<"$stderr")" = "$CONF${cases[$line]}" ]
		[ -z "$output" ]
		[ ! -e "$BATS_TEST_TMPDIR/key" ]
	done
	run --separate-stderr sentinel-relay -c /nowhere/x --key k
	assert_failure 34
	[ "$(jq -r .path <<<"$stderr")" = /nowhere/x ]
}
