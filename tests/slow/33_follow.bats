#!/usr/bin/env bats
# tests/bats/33_follow.bats at full length.

load ../bats/helper
load ../bats/tools
load ../bats/follow

setup() {
	relay_start
	handshake
}

@test "the relay is killed every 10 seconds for 5 minutes, 50 messages a second" {
	followed_through 300 50 10
}

@test "strangers beyond the cap of one pull are met while nothing happens" {
	strangers 18
	follow --get from.id
	until_true has_printed 16
	# the relay holds a request open for a minute
	sleep 65
	until_true has_printed 18
	unfollow
}
