# shellcheck shell=bash
# Files on their way: the same tests for a moment (tests/bats) and for long
# (tests/slow).

# through_restarts SECONDS RATE: alice sends f to bob through the proxy, and the
# relay is killed five times meanwhile, each after so long
through_restarts() {
	local sender receiver _

	start alice sentinel-sendfile bob f --rate "$2" -r "$PROXY_RELAY"
	sender=$!
	start bob sentinel-pull -w 60 -n 1 --type file -o in -r "$PROXY_RELAY"
	receiver=$!
	for _ in 1 2 3 4 5; do
		sleep "$1"
		relay_kill
		relay_restart
	done
	wait $sender
	wait $receiver
	cmp f in/f
	no_parts
}

# no part is left
no_parts() {
	[ "$(find in -name '.*.part')" = '' ]
}
