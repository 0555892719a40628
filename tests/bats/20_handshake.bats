#!/usr/bin/env bats
# The ten steps, and what each leaves in the key files.

load helper
load tools

setup() {
	relay_start
}

session() { # OWNER PEER
	"$1" sentinel-keys show "$2" --get session
}

@test "the ten steps run as a script under dash and bash" {
	for shell in dash bash; do
		run --separate-stderr "$shell" "$ROOT/examples/ten-steps.sh" \
		    "$SENTINEL_RELAY"
		assert_success
		assert_line 'alice	hello, Bob'
		assert_line --index -1 --regexp '/in/report\.txt: OK$'
		relay_stop
		rm "$RELAY_STORE"
		relay_restart
	done
}

@test "each step leaves the state it should" {
	alice sentinel-register alice
	id=$(bob sentinel-register bob --get id)

	run alice sentinel-keys fetch bob
	[ "$(jq -r '.status + " " + .session' <<<"$output")" = 'pinned none' ]
	[ "$(jq -r .id <<<"$output")" = "$id" ]
	run alice sentinel-keys fetch bob --get status
	assert_output unchanged

	run alice sentinel-keys request bob
	[ "$(jq -r '.step + " " + .session' <<<"$output")" = \
	    'requested request_sent' ]
	[ "$(jq -c '.peer | [.name, .verified]' <<<"$output")" = '["bob",false]' ]
	[ "$(session alice bob)" = request_sent ]

	run bob sentinel-pull -w 5 -n 1
	[ "$(jq -c '[.type, .session, .authenticated]' <<<"$output")" = \
	    '["key_request","request_received",false]' ]
	[ "$(jq -c '.from | [.name, .known, .verified]' <<<"$output")" = \
	    '[null,false,false]' ]
	from=$(jq -r .from.id <<<"$output")

	run --separate-stderr bob sentinel-keys send "$from"
	assert_failure 20
	bob sentinel-keys fetch "$from"
	[ "$(session bob alice)" = request_received ]

	run bob sentinel-keys send alice
	[ "$(jq -r '.step + " " + .session' <<<"$output")" = 'key_sent key_sent' ]
	run --separate-stderr bob sentinel-send alice -m early
	assert_failure 21

	run alice sentinel-pull -w 5 -n 1
	[ "$(jq -r '.type + " " + .session + " " + .from.name' <<<"$output")" = \
	    'key_received key_received bob' ]
	run alice sentinel-keys request bob --get step
	assert_output key_received

	run alice sentinel-keys send bob
	[ "$(jq -r '.step + " " + .session' <<<"$output")" = \
	    'key_sent established' ]

	run bob sentinel-pull -w 5 -n 1
	[ "$(jq -r '.type + " " + .session' <<<"$output")" = \
	    'key_received established' ]
	[ "$(session bob alice)" = established ]
}

@test "a request from a peer that is pinned already is authenticated" {
	alice sentinel-register alice
	bob sentinel-register bob
	bob sentinel-keys fetch alice
	alice sentinel-keys fetch bob
	alice sentinel-keys request bob
	run bob sentinel-pull -w 5
	[ "$(jq -c '[.authenticated, .from.name]' <<<"$output")" = \
	    '[true,"alice"]' ]
	bob sentinel-keys send alice
}

@test "repeating a step sends the same bytes again" {
	alice sentinel-register alice
	bob sentinel-register bob
	alice sentinel-keys fetch bob
	alice sentinel-keys request bob
	alice sentinel-keys request bob
	relay_stop
	run relay_sql 'SELECT count(*), count(DISTINCT content) FROM messages'
	assert_output '2|1'
	relay_restart
	bob sentinel-pull >/dev/null
	bob sentinel-keys fetch alice
	bob sentinel-keys send alice
	bob sentinel-keys send alice
	relay_stop
	run relay_sql 'SELECT count(*), count(DISTINCT content) FROM messages'
	assert_output '2|1'
	relay_restart
	[ "$(alice sentinel-pull | wc -l)" = 1 ]
	alice sentinel-keys send bob
	alice sentinel-keys send bob
	[ "$(bob sentinel-pull | wc -l)" = 1 ]
	alice sentinel-send bob -m works
	run bob sentinel-pull --get body
	assert_output works
}

@test "safety numbers agree; verify takes the right one only" {
	handshake
	a=$(alice sentinel-keys fingerprint bob --get safety_number)
	b=$(bob sentinel-keys fingerprint alice --get safety_number)
	[ "$a" = "$b" ]
	[ ${#a} = 60 ]
	run --separate-stderr alice sentinel-keys verify bob \
	    "$(tr 0-9 1-90 <<<"$a")"
	assert_failure 23
	[ "$(jq -r .code <<<"$stderr")" = peer_not_verified ]
	run alice sentinel-keys verify bob "${a:0:30} ${a:30}" --get status,verified
	assert_output 'verified	true'
	run alice sentinel-keys verify --unverify bob --get status,verified
	assert_output 'unverified	false'
	run --separate-stderr alice sentinel-keys verify bob 12345
	assert_failure 2
}

@test "who is not known: 20; what cannot be answered: 21" {
	alice sentinel-register alice
	bob sentinel-register bob
	for verb in request send show fingerprint; do
		run --separate-stderr alice sentinel-keys $verb bob
		assert_failure 20
		[ "$(jq -r '.code + " " + .peer' <<<"$stderr")" = \
		    'unknown_peer bob' ]
	done
	run --separate-stderr alice sentinel-send bob -m x
	assert_failure 20
	run --separate-stderr alice sentinel-keys fetch nobody
	assert_failure 20
	run --separate-stderr alice sentinel-keys fetch \
	    e623e221-6e88-8c11-95c7-0df0ab0ae712
	assert_failure 20
	alice sentinel-keys fetch bob
	run --separate-stderr alice sentinel-keys send bob
	assert_failure 21
	[ "$(jq -r .code <<<"$stderr")" = no_session ]
	run --separate-stderr alice sentinel-send bob -m x
	assert_failure 21
}

@test "oneself: fetch is refused, show and fingerprint tell" {
	id=$(alice sentinel-register alice --get id)
	run --separate-stderr alice sentinel-keys fetch alice
	assert_failure 20
	run --separate-stderr alice sentinel-keys fetch "$id"
	assert_failure 2
	run alice sentinel-keys show --get type,id,name
	assert_output "identity	$id	alice"
	run alice sentinel-keys show self --get id
	assert_output "$id"
	run alice sentinel-keys fingerprint
	[ "$(jq -r .id <<<"$output")" = "$id" ]
}

@test "list names every pinned peer" {
	alice sentinel-register alice
	bob sentinel-register bob
	carol sentinel-register carol
	run alice sentinel-keys list
	assert_output ''
	alice sentinel-keys fetch carol bob
	run alice sentinel-keys list --get name
	assert_output 'bob
carol'
}

@test "a new handshake beside a live session; the old one still decrypts" {
	handshake
	alice sentinel-send bob -m one
	bob sentinel-keys request alice
	alice sentinel-pull --type key_request >/dev/null
	alice sentinel-send bob -m two
	alice sentinel-keys send bob
	bob sentinel-pull --type key_received >/dev/null
	bob sentinel-keys send alice
	bob sentinel-send alice -m three
	alice sentinel-send bob -m four
	run alice sentinel-pull --type message --get body
	assert_output three
	alice sentinel-send bob -m five
	run bob sentinel-pull --type message --get seq,body
	assert_output '0	one
1	two
2	four
3	five'
}

@test "the stopped relay's database holds no plaintext and no secret key" {
	local kept

	handshake
	alice sentinel-send bob -m one
	bob sentinel-pull --get body
	bob sentinel-send alice -m two
	alice sentinel-pull --get body
	alice sentinel-send bob -m 'a text that must not be found'
	yes 'a line that must not be found' | head -c 300000 \
	    >"$BATS_TEST_TMPDIR/file that must not be found"
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/file that must not be found"
	relay_stop
	run relay_sql 'SELECT count(*) FROM messages'
	assert_output 5
	mapfile -t kept < <(find "$RELAY_STORE"* -type f)
	[ "$(cat "${kept[@]}" | wc -c)" -gt 300000 ]
	refute grep -a 'must not be found' "${kept[@]}"
	# the public key is there; of the two private keys and a signing key of
	# each, and the four keys of a session, none
	for person in alice bob; do
		run "$TOOLS/spilled.py" "$BATS_TEST_TMPDIR/$person.key" \
		    "${kept[@]}"
		assert_output '{"secrets": 7, "found": [], "public": true}'
	done
}
