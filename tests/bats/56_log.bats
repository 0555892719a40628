#!/usr/bin/env bats
# The relay's log: what stands in it, and how little.

load helper
load tools

# told JQ: the lines of the log for which it is true
told() {
	jq -c "select($1)" "$BATS_TEST_TMPDIR/relay.log"
}

# So many connections that say nonsense.
nonsense() {
	local n

	for ((n = 0; n < $1; n++)); do
		exec 8<>"/dev/tcp/127.0.0.1/${RELAY_LISTEN##*:}"
		printf nonsense >&8
		cat <&8 >/dev/null
		exec 8>&-
	done
}

@test "a whole conversation leaves no text, key, name or id in the log" {
	relay_start --log-level debug
	handshake
	alice sentinel-send "$bob_id" -m 'a secret text'
	bob sentinel-pull >/dev/null
	nonsense 2
	key=$(alice sentinel-keys show --get public_key_base64)
	RELAY_OPTIONS+=(--request-rate 1 --rate-burst 1s)
	relay_restart
	hurry
	[ -n "$(told '.event == "connection_ended"')" ]
	for word in "$alice_id" "$bob_id" "${alice_id:0:8}" "${bob_id:0:8}" \
	    alice bob secret "$key" "$(cut -d : -f 2 "$RELAY_KEY")"; do
		run ! grep -qiF -- "$word" "$BATS_TEST_TMPDIR/relay.log"
	done
}

@test "a client has one name in the log, and another after a restart" {
	relay_start --request-rate 1 --rate-burst 1s
	register alice
	hurry
	first=$(named)
	[[ $first =~ ^[0-9a-f]{16}$ ]]
	start_over
	[[ $(named) =~ ^[0-9a-f]{16}$ ]]
	[ "$(named)" != "$first" ]
	RELAY_OPTIONS+=(--log-ids full)
	start_over
	assert_equal "$(named)" "$alice_id"
}

# until somebody is told to wait
hurry() {
	until_true refused
}

refused() {
	alice sentinel-clients >/dev/null || :
	[ -n "$(told '.limit == "rate"')" ]
}

# with an empty log
start_over() {
	relay_stop
	: >"$BATS_TEST_TMPDIR/relay.log"
	relay_run "$RELAY_LISTEN"
	hurry
}

named() {
	told '.limit == "rate"' | jq -r .client | sort -u
}

@test "one source has a line a second, however much it does" {
	relay_start --log-level debug
	begun=$SECONDS
	nonsense 150
	run -0 told '.event == "connection_ended"'
	assert [ "${#lines[@]}" -ge 1 ]
	assert [ "${#lines[@]}" -le $((SECONDS - begun + 2)) ]
}
