#!/usr/bin/env bats
# SIGHUP: the configuration is read again by a relay that serves.

load helper

setup() {
	# not in the directory of the store
	CONF=$BATS_FILE_TMPDIR/$BATS_TEST_NUMBER/relay.conf
	mkdir "${CONF%/*}"
	LOADS=0
}

# configure LINE...: the file, as an editor leaves it: another one
configure() {
	printf '%s\n' "$@" >"$CONF.new"
	mv "$CONF.new" "$CONF"
}

# logged JQ: what it has said of the events that this is true of
logged() {
	jq -r "select($1)" "$BATS_TEST_TMPDIR/relay.log"
}

loaded() {
	[ "$(logged '.event | startswith("reload")' | jq -s length)" = $LOADS ]
}

# reload LINE...: with these; waits until it has looked at them
reload() {
	configure "$@"
	LOADS=$((LOADS + 1))
	kill -HUP "$RELAY_PID"
	until_true loaded
}

last() {
	logged '.event | startswith("reload")' | jq -sr '.[-1].event'
}

# full: bob's mailbox takes no more
full() {
	fault 13 relay_busy alice sentinel-send bob -m "too many"
}

# followers: the ports of those whose connection stays
followers() {
	awk -v "port=$(printf ':%04X$' "${RELAY_LISTEN##*:}")" \
	    '$2 ~ port && $4 == "01" { print $3 }' /proc/net/tcp
}

one_follows() {
	[ "$(followers | wc -l)" = 1 ]
}

@test "a limit takes effect, and no connection is dropped" {
	local follower

	configure "mailbox-messages = 1"
	relay_start --config "$CONF"
	handshake
	handshake alice carol
	start carol "$SENTINEL_BIN/sentinel-pull" -F --type message \
	    --get body >"$BATS_TEST_TMPDIR/carol.out"
	until_true one_follows
	follower=$(followers)
	alice sentinel-send bob -m one >/dev/null
	full
	reload "mailbox-messages = 9"
	[ "$(last)" = reloaded ]
	alice sentinel-send bob -m two >/dev/null
	alice sentinel-send carol -m "still there" >/dev/null
	until_true grep -q "still there" "$BATS_TEST_TMPDIR/carol.out"
	followers | grep -qx "$follower"
	reload "mailbox-messages = 1"
	full
	# without the line it is what it is without a file
	reload "# nothing"
	alice sentinel-send bob -m three >/dev/null
}

@test "registration and the log are as the file says" {
	configure "registration = closed"
	relay_start --config "$CONF"
	fault 12 relay_denied alice sentinel-register alice
	reload "registration = open" "log-level = debug"
	alice sentinel-register alice >/dev/null
	[ -n "$(logged '.level == "debug"')" ]
	reload "registration = closed"
	fault 12 relay_denied bob sentinel-register bob
	LOADS=$((LOADS - 1))
	reload "registration = closed" "log-level = warn"
	relay_stop
	silent logged '.event == "stopped"'
}

@test "a rate takes effect on those who are known" {
	configure "# nothing"
	relay_start --config "$CONF"
	handshake
	alice sentinel-send bob -m one >/dev/null
	alice sentinel-send bob -m two >/dev/null
	# what one request costs is some minutes
	reload "byte-rate = 1" "rate-burst = 1s"
	[ "$(last)" = reloaded ]
	alice sentinel-send bob -m three >/dev/null || :
	fault 13 relay_busy alice sentinel-send bob -m four
}

@test "a bad file is refused by line, and the limits stay" {
	local bad

	configure "mailbox-messages = 1"
	relay_start --config "$CONF"
	handshake
	alice sentinel-send bob -m one >/dev/null
	for bad in "mailbox-messages = many" "mailbox-message = 5" \
	    "request-rate = 0" "mailbox-messages"; do
		reload "mailbox-size = 1M" "$bad"
		[ "$(last)" = reload_refused ]
		logged .message | jq -r .message | tail -n 1 | grep -F "$CONF:2: "
		full
	done
	LOADS=$((LOADS + 1))
	rm "$CONF"
	kill -HUP "$RELAY_PID"
	until_true loaded
	[ "$(last)" = reload_refused ]
	full
	reload "mailbox-messages = 9"
	alice sentinel-send bob -m two >/dev/null
}

@test "the command line wins, and what cannot change is said" {
	configure "mailbox-messages = 5"
	relay_start --config "$CONF" --mailbox-messages 1
	handshake
	alice sentinel-send bob -m one >/dev/null
	reload "mailbox-messages = 7"
	[ "$(last)" = reloaded ]
	full
	silent logged '.event == "needs_restart"'
	reload "user = somebody" "landlock = 1" "store = sqlite:other" \
	    "max-connections = 900000"
	# the store was given on the command line
	[ "$(logged '.event == "needs_restart"' | jq -r .option |
	    paste -sd ' ')" = "user landlock max-connections" ]
}
