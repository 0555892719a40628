#!/usr/bin/env bats
# An older copy of a key file in its place: noticed before anything is sent, so
# that no message key serves twice, and healed by a new handshake.

load helper
load tools

setup() {
	evil_start
	cd "$BATS_TEST_TMPDIR"
}

session() { # OWNER PEER
	as "$1" sentinel-keys show "$2" --get session
}

says() { # A B TEXT
	as "$1" sentinel-send "$2" -m "$3" >/dev/null
}

hears() { # OWNER: the texts, on a line
	as "$1" sentinel-pull --type message --get body | xargs
}

# both write, both read, N times
talk() {
	local n

	for ((n = 0; n < $1; n++)); do
		says alice bob "a$n"
		says bob alice "b$n"
		[ "$(hears alice) $(hears bob)" = "b$n a$n" ]
	done
}

# alice asks, bob answers
reconnect() {
	alice sentinel-keys connect bob >/dev/null
	bob sentinel-pull --type key_request >/dev/null
	bob sentinel-keys send alice >/dev/null
	alice sentinel-keys connect bob >/dev/null
	bob sentinel-pull --type key_received >/dev/null
	[ "$(session alice bob)" = established ]
}

# of all that was ever sent, no two have a header (session, dh, n) in common,
# and no two a nonce
keys_served_once() {
	local all

	all=$(awk '$3 == 3 { n++; head[substr($4, 1, 104)]; nonce[substr($4, 105, 48)] }
	    END { print n, length(head), length(nonce) }' "$TAPE")
	[[ $all =~ ^([1-9][0-9]*)\ ([0-9]+)\ ([0-9]+)$ ]]
	[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
	[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[3]}" ]
}

# warned COMMAND...: it says that the file is older
warned() {
	run --separate-stderr "$@"
	[ "$(head -n 1 <<<"$stderr" | jq -r .type)" = warning ]
	[[ $stderr == *'older copy'* ]]
}

@test "a hundred messages back: told, nothing is sent, connect heals" {
	handshake
	talk 1
	cp -p alice.key copy
	talk 50
	cp -p copy alice.key
	sent=$(wc -l <"$TAPE")
	warned alice sentinel-send bob -m 'under an old key'
	assert_equal "$status" 21
	[ "$(wc -l <"$TAPE")" = "$sent" ]
	# once is enough
	run --separate-stderr alice sentinel-keys show bob --get session
	[ "$output $stderr" = 'reset_needed ' ]
	reconnect
	talk 2
	keys_served_once
}

@test "whatever command is the first one says so" {
	handshake
	cp -p alice.key copy
	talk 1
	for command in 'sentinel-keys list' sentinel-status sentinel-clients \
	    sentinel-pull 'sentinel-keys connect bob'; do
		cp -p copy alice.key
		warned alice $command
		assert_success
		# something that the copy does not know of
		for n in 1 2 3 4 5 6 7 8; do
			alice sentinel-keys alias bob "bob$n" >/dev/null
		done
	done
	cp -p copy alice.key
	run --separate-stderr alice sentinel-status -q
	[ "$stderr" = '' ]
}

@test "what waits at the relay is taken in, if the copy has the keys" {
	handshake
	talk 1
	cp -p alice.key copy
	for n in 1 2 3 4 5; do
		says alice bob "a$n"
	done
	for n in 1 2 3; do
		says bob alice "b$n"
	done
	cp -p copy alice.key
	[ "$(hears alice 2>/dev/null)" = 'b1 b2 b3' ]
	reconnect
	[ "$(hears bob)" = 'a1 a2 a3 a4 a5' ]
	talk 1
	keys_served_once
}

@test "what waits and cannot be read is told, each of them" {
	handshake
	talk 1
	cp -p alice.key copy
	talk 4
	for n in 1 2 3; do
		says bob alice "lost $n"
	done
	cp -p copy alice.key
	run --separate-stderr alice sentinel-pull
	assert_equal "$status" 24
	[ "$(field .type | sort | uniq -c | xargs)" = '3 undecryptable' ]
	reconnect
	talk 1
	keys_served_once
}

@test "a copy elsewhere, which nobody notices: three that fail, then the same" {
	handshake
	talk 1
	cp -p alice.key alicia.key
	talk 4
	for n in 1 2 3; do
		says bob alice "lost $n"
	done
	mv alicia.key alice.key
	rm alice.key.mark
	run --separate-stderr alice sentinel-pull
	assert_equal "$status" 24
	[ "$(session alice bob)" = reset_needed ]
	fault 21 no_session alice sentinel-send bob -m x
	reconnect
	talk 1
	keys_served_once
}

@test "after a rotation that the copy knows nothing of" {
	handshake
	cp -p alice.key copy
	talk 1
	alice sentinel-keys rotate --static >/dev/null
	cp -p copy alice.key
	# its keys are not those that the relay has; newer ones are welcome
	fault 12 relay_denied alice sentinel-pull
	alice sentinel-keys rotate >/dev/null
	reconnect
	talk 1
	keys_served_once
}

@test "a mark is a help and no more" {
	handshake
	cp -p alice.key copy
	talk 1
	[ "$(stat -c '%a %s' alice.key.mark)" = '600 24' ]
	for spoil in 'truncate -s 23' 'rm' 'chmod 0' 'truncate -s 0'; do
		$spoil alice.key.mark
		run --separate-stderr alice sentinel-status
		assert_success
		[ "$stderr" = '' ]
		says alice bob x
		rm -f alice.key.mark
		says alice bob y
		[ -s alice.key.mark ]
	done
	# nor does it write where somebody else wants it to
	: >elsewhere
	rm alice.key.mark
	ln -s elsewhere alice.key.mark
	says alice bob z
	[ ! -s elsewhere ]
	rm alice.key.mark
	says alice bob x
	# that of another file is none
	cp -p alice.key.mark carol.key.mark
	run --separate-stderr carol sentinel-register carol
	assert_success
	[ "$stderr" = '' ]
}

@test "a file that is only behind its own transactions is no copy" {
	handshake
	# a killed command leaves the mark where it was before
	cp -p alice.key.mark mark
	talk 1
	cp -p mark alice.key.mark
	run --separate-stderr alice sentinel-status
	[ "$stderr" = '' ]
	for n in 1 2 3 4 5 6 7 8; do
		start alice sentinel-send bob -m "$n"
	done
	for pid in "${STARTED[@]}"; do
		wait "$pid"
	done
	STARTED=()
	[ "$(session alice bob)" = established ]
	[ "$(hears bob | wc -w)" = 8 ]
}
