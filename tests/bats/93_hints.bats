#!/usr/bin/env bats
# The first hour: what goes wrong is one error with a hint, and what the hint
# says, typed as it stands, leads on.

load helper
load tools

setup() {
	cd "$BATS_TEST_TMPDIR"
	umask 077
	export SENTINEL_TIMEOUT=0.2
}

# stuck STATUS CODE PERSON COMMAND...: it fails so, and leaves in hinted what
# its hint ends with
stuck() {
	fault "$1" "$2" as "${@:3}"
	assert_equal "$(grep -c '"type":"error"' <<<"$stderr")" 1
	hinted=$(tail -n 1 <<<"$stderr" | jq -r .hint)
	hinted=$(sed -E 's/^.*: (sentinel-|chmod |cat |tar |--)/\1/' <<<"$hinted")
}

# typed PERSON [WORD VALUE]...: the hinted command, with what only the person
# knows in the place of a word, succeeds
typed() {
	local who=$1

	shift
	while [ $# -gt 0 ]; do
		hinted=${hinted//"$1"/"$2"}
		shift 2
	done
	# shellcheck disable=SC2154
	run --separate-stderr as "$who" bash -o pipefail -c "$hinted"
	[ "$status" = 0 ] || fail "$hinted: $stderr"
}

# go_on PERSON SESSION: one step further, by the hint about the session that
# is missing
go_on() {
	local peer=bob

	[ "$1" = alice ] || peer=alice
	stuck 21 no_session "$1" sentinel-send "$peer" -m hello
	typed "$1"
	assert_equal "$(as "$1" sentinel-clients --get session)" "$2"
}

# relay_hinted: as the hint says, in the directory with its store and key
relay_hinted() {
	: >ready
	bash -c "exec $hinted" >ready 2>>relay.log </dev/null 3>&- &
	RELAY_PID=$!
	until_true [ -s ready ]
	cat ready >>"$WITNESS_DIR/sentinel-relay.$RELAY_PID.1"
}

@test "relay not running: 10, and how to start it" {
	relay_start
	relay_stop
	stuck 10 relay_unreachable alice sentinel-register alice
	relay_hinted
	alice sentinel-register alice
	relay_stop
	stuck 10 relay_unreachable alice sentinel-clients
	relay_hinted
	alice sentinel-clients
}

@test "wrong address: 2 and 11, and the right one" {
	relay_start
	right=$SENTINEL_RELAY
	for wrong in http://x sentinel://abc@host sentinel://127.0.0.1:1; do
		SENTINEL_RELAY=$wrong stuck 2 usage alice sentinel-register alice
		typed alice FILE "$RELAY_KEY" HOST:PORT "$RELAY_LISTEN"
		assert_equal "$(field .address)" "$right"
	done
	SENTINEL_RELAY='' stuck 2 usage alice sentinel-register alice
	[[ $hinted == '--relay sentinel://KEY@HOST:PORT' ]]
	SENTINEL_RELAY=${right%@*}@x.invalid \
	    stuck 10 relay_unreachable alice sentinel-register alice
	[[ $hinted == '--relay sentinel://KEY@HOST:PORT' ]]
	# without its key
	SENTINEL_RELAY=$RELAY_LISTEN \
	    stuck 11 relay_untrusted alice sentinel-register alice
	hinted="sentinel-register alice $hinted"
	typed alice
	assert_equal "$(field .relay.address)" "$right"
}

@test "the relay has another key: 11, and how to take it" {
	relay_start
	alice sentinel-register alice
	old=$SENTINEL_RELAY
	rm "$RELAY_KEY"
	relay_restart
	SENTINEL_RELAY=$old stuck 11 relay_untrusted bob sentinel-register bob
	[ ! -e bob.key ]
	unset SENTINEL_RELAY
	stuck 11 relay_untrusted alice sentinel-clients
	typed alice
	alice sentinel-clients
	# what is set still tells of the old one
	SENTINEL_RELAY=$old stuck 11 relay_untrusted alice sentinel-clients
	typed alice
	stuck 11 relay_untrusted alice sentinel-clients
	typed alice
	alice sentinel-clients
}

@test "no key file, or one that others can read: 30, 37" {
	relay_start
	stuck 30 keyfile_missing alice sentinel-clients
	typed alice
	alice sentinel-clients
	chmod 644 alice.key
	stuck 37 keyfile_insecure alice sentinel-clients
	typed alice
	alice sentinel-clients
	relay_stop
	chmod 640 "$RELAY_KEY"
	stuck 37 keyfile_insecure alice sentinel-relay --key "$RELAY_KEY" \
	    --print-address
	typed alice
	sentinel-relay --key "$RELAY_KEY" --print-address
}

@test "unknown peer, no session: hints lead through the ten steps" {
	relay_start
	register alice bob
	stuck 20 unknown_peer alice sentinel-send nobody -m hello
	typed alice nobody bob
	alice sentinel-keys forget bob
	stuck 20 unknown_peer alice sentinel-keys fetch nobody
	typed alice
	assert_equal "$(field .name)" bob
	stuck 20 unknown_peer alice sentinel-send bob -m hello          # 3
	typed alice
	go_on alice request_sent                                        # 4
	go_on alice request_sent # there is no answer yet
	bob sentinel-pull                                               # 5
	stuck 20 unknown_peer bob sentinel-send alice -m hello          # 6
	typed bob
	go_on bob key_sent                                              # 7
	go_on bob key_sent # nor an end to it
	go_on alice key_received                                        # 8
	stuck 21 no_session alice sentinel-send bob -m hello
	typed alice                                                     # 9
	go_on bob established                                           # 10
	stuck 21 no_session bob sentinel-keys send alice
	typed bob TEXT hello
	stuck 23 peer_not_verified alice sentinel-send bob -m hello \
	    --require-verified
	typed alice
	stuck 23 peer_not_verified alice sentinel-keys verify bob "$(
	    printf '%060d' 1)"
	typed alice
	alice sentinel-keys verify bob "$(field .safety_number)"
	alice sentinel-send bob -m hello --require-verified
}

@test "a file exists, a name is taken: 36" {
	echo word >word
	relay_start
	register alice bob
	stuck 36 exists carol sentinel-register alice
	typed carol NAME carol
	stuck 36 exists alice sentinel-register dave
	typed alice
	[ -e .local/share/sentinel/dave.key ]
	alice sentinel-keys backup saved --new-passphrase-file word
	stuck 36 exists alice sentinel-keys backup saved \
	    --new-passphrase-file word
	hinted+=' --new-passphrase-file word'
	typed alice
	[ -s saved.new ]
	stuck 36 exists alice sentinel-keys restore saved \
	    --passphrase-file word
	hinted+=' --passphrase-file word'
	typed alice
	[ -s alice.key.new ]
}

@test "no regular file: 2, and the pipe for it" {
	relay_start
	handshake
	mkdir dir
	stuck 2 usage alice sentinel-sendfile bob dir
	typed alice PEER bob NAME dir.tar
	stuck 2 usage alice sentinel-sendfile bob /dev/null
	typed alice PEER bob NAME null
}

@test "bad command lines: 2, and the help" {
	for program in "$SENTINEL_BIN"/sentinel-*; do
		stuck 2 usage alice "${program##*/}" --nonsense
		hinted=${hinted#see }
		typed alice
		[[ $output == 'usage: '* ]]
	done
	for command in 'register x y' 'clients x' 'keys fetch' 'send' \
	    'sendfile' 'status x' 'keys alias x' 'pull --raw' \
	    'pull x' 'register --yes x' 'relay'; do
		# shellcheck disable=SC2086
		stuck 2 usage alice sentinel-$command
		hinted=${hinted#see }
		typed alice
		[[ $output == 'usage: '* ]]
	done
}

@test "a hint is about the key file that an option has named" {
	relay_start
	register bob
	sentinel-register -i eve eve
	for option in '-i eve' "-k $HOME/.local/share/sentinel/eve.key"; do
		# shellcheck disable=SC2086
		stuck 20 unknown_peer carol sentinel-send $option bob -m hello
		typed carol
		# shellcheck disable=SC2086
		sentinel-keys forget $option bob
	done
	stuck 30 keyfile_missing carol sentinel-clients -i frank
	typed carol
	[ -e .local/share/sentinel/frank.key ]
	[ ! -e carol.key ]
}
