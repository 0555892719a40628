#!/usr/bin/env bats
# sentinel-keys block and unblock: what the relay refuses, and the mark that
# says so.

load helper
load tools

setup() {
	relay_start
}

is_blocked() { # OWNER PEER
	as "$1" sentinel-keys show "$2" --get blocked
}

sends() {
	bob sentinel-send alice -m "$1" >/dev/null
}

@test "a blocked sender is refused, an unblocked one is not" {
	handshake
	sends before
	run alice sentinel-keys block bob
	assert_success
	[ "$(field '"\(.type) \(.status) \(.id) \(.blocked)"')" = \
	    "peer blocked $bob_id true" ]
	fault 12 relay_denied sends refused
	fault 12 relay_denied bob sentinel-keys request alice
	# what was there before comes; he can be written to
	[ "$(alice sentinel-pull --type message --get body)" = before ]
	alice sentinel-send bob -m 'not a word' >/dev/null
	[ "$(alice sentinel-keys list --get name,blocked)" = 'bob	true' ]
	[[ $(alice sentinel-keys list --text) == \
	    'bob '*' listed '*' established '*' blocked '* ]]
	[ "$(alice sentinel-status --get peers.blocked)" = 1 ]

	run alice sentinel-keys unblock bob
	[ "$(field '"\(.status) \(.blocked)"')" = 'unblocked false' ]
	sends after
	[ "$(alice sentinel-pull --type message --get body)" = after ]
	[ "$(is_blocked alice bob)" = false ]
}

@test "one peer is blocked, and no other" {
	register alice bob carol
	alice sentinel-keys fetch bob carol >/dev/null
	bob sentinel-keys fetch alice >/dev/null
	carol sentinel-keys fetch alice >/dev/null
	alice sentinel-keys block bob >/dev/null
	carol sentinel-keys request alice >/dev/null
	fault 12 relay_denied bob sentinel-keys request alice
	[ "$(is_blocked alice carol)" = false ]
}

@test "twice is as good as once" {
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	bob sentinel-keys fetch alice >/dev/null
	[ "$(alice sentinel-keys unblock bob --get status)" = unblocked ]
	alice sentinel-keys block bob >/dev/null
	[ "$(alice sentinel-keys block bob --get status)" = blocked ]
	alice sentinel-keys unblock bob >/dev/null
	alice sentinel-keys unblock bob >/dev/null
	bob sentinel-keys request alice >/dev/null
}

@test "who is not in the key file cannot be blocked" {
	register alice bob
	fault 20 unknown_peer alice sentinel-keys block bob
	fault 20 unknown_peer alice sentinel-keys unblock "$bob_id"
	fault 2 usage alice sentinel-keys block
}

@test "the relay is away: nothing changes" {
	register alice bob carol
	alice sentinel-keys fetch bob carol >/dev/null
	alice sentinel-keys block carol >/dev/null
	relay_stop
	fault 10 relay_unreachable alice sentinel-keys block bob --timeout 0.2
	fault 10 relay_unreachable alice sentinel-keys unblock carol \
	    --timeout 0.2
	[ "$(alice sentinel-keys list --get name,blocked)" = 'bob	false
carol	true' ]
}

@test "the answer is lost: no mark without the relay's word" {
	register alice bob carol
	alice sentinel-keys fetch bob carol >/dev/null
	bob sentinel-keys fetch alice >/dev/null
	carol sentinel-keys fetch alice >/dev/null
	alice sentinel-keys block carol >/dev/null
	proxy_start down:cut:115
	for command in 'block bob' 'unblock carol'; do
		fault 10 relay_unreachable alice sentinel-keys $command \
		    --timeout 2 -r "$PROXY_RELAY"
	done
	proxy_stop
	[ "$(alice sentinel-keys list --get name,blocked)" = 'bob	false
carol	false' ]
	alice sentinel-keys block bob >/dev/null
	alice sentinel-keys unblock carol >/dev/null
	fault 12 relay_denied bob sentinel-keys request alice
	carol sentinel-keys request alice >/dev/null
}

@test "a relay that has lost its store is told again" {
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	alice sentinel-keys block bob >/dev/null
	relay_stop
	rm -r "$RELAY_STORE"*
	relay_restart
	register alice bob
	bob sentinel-keys fetch alice >/dev/null
	[ "$(is_blocked alice bob)" = true ]
	fault 12 relay_denied bob sentinel-keys request alice
}
