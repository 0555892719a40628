#!/usr/bin/env bats
# A relay whose operator lies: about keys and names, about who wrote what to
# whom, about the order of things.  What it may do is keep quiet.

load helper
load tools

setup() {
	evil_start
}

FORGE=$ROOT/tests/tools/forge.py

# What is pinned under a name, and how far the session is.
pinned() { # OWNER PEER
	"$1" sentinel-keys show "$2" \
	    --get id,fingerprint,issued_at,verified,session
}

# A text each way, and nothing else waits: whatever was tried has changed
# nothing between the two.
still_talk() { # A B
	honest
	"$1" sentinel-send "$2" -m "to $2" >/dev/null
	run "$2" sentinel-pull --type message --get from.name,body
	assert_output "$1	to $2"
	"$2" sentinel-send "$1" -m "to $1" >/dev/null
	run "$1" sentinel-pull --type message --get from.name,body
	assert_output "$2	to $1"
}

# pull_bad PERSON STATUS ERROR...: what is printed is undecryptable, for these
# reasons, and from nobody's name it should not bear
pull_bad() {
	local person=$1 expected=$2

	shift 2
	run "$person" sentinel-pull --errors=text
	assert_equal "$status" "$expected"
	run jq -rR 'fromjson? | "\(.type) \(.error)"' <<<"$output"
	assert_output "$(printf 'undecryptable %s\n' "$@")"
}

# Somebody whose id comes after that one in lists, so that a lie about one page
# agrees with the next: sets mallory (an id) and seed, and registers them.
mallory_after() { # ID
	seed=$("$FORGE" after "$1")
	mallory=$("$FORGE" id "$seed")
	"$FORGE" register "$SENTINEL_RELAY" "$seed" mallory 0
}

nothing_comes() { # PERSON
	run --separate-stderr "$1" sentinel-pull
	assert_success
	assert_output ''
}

# --- keys -----------------------------------------------------------------------

@test "each of the 160 bytes of a bundle changed: refused, the pin stands" {
	handshake
	before=$(pinned alice bob)
	# newer ones, which would be taken if they were true
	bob sentinel-keys rotate >/dev/null
	for ((byte = 16; byte < 176; byte++)); do
		honest
		lie "$alice_id" 2102 flip "$byte"
		run --separate-stderr alice sentinel-keys fetch "$bob_id"
		# not as another one: bob has signed none of them
		[ "$status" = 14 ] || fail "byte $byte: $status"
	done
	[ "$(pinned alice bob)" = "$before" ]
	honest
	[ "$(alice sentinel-keys fetch "$bob_id" --get status)" = updated ]
	still_talk alice bob
}

@test "changed bundles at the first contact: refused, nothing is pinned" {
	register alice bob
	for ((byte = 0; byte < 431; byte += 5)); do
		honest
		lie "$alice_id" 2102 flip "$byte"
		run --separate-stderr alice sentinel-keys fetch "$bob_id"
		# what follows the name's end is zero, and must be
		assert_equal "$status" 14
	done
	run alice sentinel-keys list
	assert_output ''
	run --separate-stderr alice sentinel-keys request bob
	assert_failure 20
}

@test "100 other people's bundles under bob's id: refused, none is written to" {
	handshake
	register carol
	before=$(pinned alice bob)
	# signed by whose keys they are, as if these had that id
	"$FORGE" strangers 100 "$bob_id" >"$BATS_TEST_TMPDIR/strangers"
	while read -r stranger; do
		honest
		lie '*' 2102 set 16 "${stranger:32}"
		run --separate-stderr alice sentinel-keys fetch bob
		assert_failure 14
		[ "$(wc -l <"$TAPE")" = 3 ]
	done <"$BATS_TEST_TMPDIR/strangers"
	[ "$(pinned alice bob)" = "$before" ]
	# with the id, too: it is another one than was asked for
	honest
	lie '*' 2102 set 0 "$("$FORGE" strangers 1)"
	run --separate-stderr alice sentinel-keys fetch bob
	assert_failure 14
	run --separate-stderr carol sentinel-keys fetch "$bob_id"
	assert_failure 14
	still_talk alice bob
}

@test "a name that leads to somebody else: 22 when it is pinned" {
	handshake
	mallory_after "$bob_id"
	before=$(pinned alice bob)
	lie '*' 2101 set 0 "$(hex "$mallory")"
	lie '*' 2102 set 0 "$("$FORGE" reply "$seed" bob 0)"
	run --separate-stderr alice sentinel-keys fetch bob
	assert_failure 22
	[ "$(pinned alice bob)" = "$before" ]
	run alice sentinel-keys list --get name
	assert_output bob
	still_talk alice bob
}

@test "a name that leads to somebody else, at the first contact: not verified" {
	register bob carol
	mallory_after "$bob_id"
	# an id whose bundle was signed for another name
	lie '*' 2101 set 0 "$(hex "$mallory")"
	run --separate-stderr carol sentinel-keys fetch bob
	assert_failure 14
	# one that was signed for this name, by whose key it is
	lie '*' 2102 set 0 "$("$FORGE" reply "$seed" bob 0)"
	run carol sentinel-keys fetch bob --get status,id,verified
	assert_output "pinned	$mallory	false"
	# what the true bob reads out is not the number with this one
	honest
	number=$(bob sentinel-keys fetch carol >/dev/null &&
	    bob sentinel-keys fingerprint carol --get safety_number)
	[ "$(carol sentinel-keys fingerprint bob --get safety_number)" != "$number" ]
	run --separate-stderr carol sentinel-keys verify bob "$number"
	assert_failure 23
	# an id leads where it should
	run carol sentinel-keys fetch "$bob_id" --get status,id
	assert_output "pinned	$bob_id"
}

@test "bundles with a bad signature, of low order, dated ahead: 14" {
	register alice
	mallory=$("$FORGE" id mallory)
	"$FORGE" register "$SENTINEL_RELAY" mallory mallory -60
	for oddity in signed-name signed-date signed-id low-static low-prekey; do
		honest
		lie '*' 2102 set 0 \
		    "$("$FORGE" reply mallory mallory -60 $oddity)"
		run --separate-stderr alice sentinel-keys fetch "$mallory"
		assert_failure 14
	done
	honest
	lie '*' 2102 set 0 "$("$FORGE" reply mallory mallory 90000)"
	run --separate-stderr alice sentinel-keys fetch "$mallory"
	assert_failure 14
	run alice sentinel-keys list
	assert_output ''
}

@test "an old bundle: 22, the newer one stays pinned" {
	register alice
	mallory=$("$FORGE" id mallory)
	"$FORGE" register "$SENTINEL_RELAY" mallory mallory -60
	alice sentinel-keys fetch "$mallory"
	old=$("$FORGE" reply mallory mallory -120)
	new=$("$FORGE" reply mallory mallory -30)
	lie '*' 2102 set 0 "$old"
	run --separate-stderr alice sentinel-keys fetch mallory
	assert_failure 22
	honest
	lie '*' 2102 set 0 "$new"
	run alice sentinel-keys fetch mallory --get status
	assert_output updated
	before=$(pinned alice mallory)
	honest
	run --separate-stderr alice sentinel-keys fetch mallory
	assert_failure 22
	[ "$(jq -r .code <<<"$stderr")" = peer_key_changed ]
	[ "$(pinned alice mallory)" = "$before" ]
	# of the same date, and not the same
	date=$(alice sentinel-keys show mallory --get issued_at)
	honest
	lie '*' 2102 set 0 "$("$FORGE" reply mallory mallory \
	    "@$(date -d "$date" +%s%3N)" other-prekey)"
	run --separate-stderr alice sentinel-keys fetch mallory
	assert_failure 22
	[ "$(pinned alice mallory)" = "$before" ]
}

# --- the directory --------------------------------------------------------------

@test "lists that are out of order, cut or of other names: 14" {
	register alice bob carol
	first=$(alice sentinel-clients --get id | head -n 1)
	lie '*' 2101 add 00
	run --separate-stderr alice sentinel-clients
	assert_failure 14
	honest
	# the same entry again on the next page
	lie '*' 2101 set 271 "$(hex "$first")"
	run --separate-stderr alice sentinel-clients
	assert_failure 14
	honest
	lie '*' 2101 set 16 7a
	run --separate-stderr alice sentinel-keys fetch bob
	assert_failure 14
	run --separate-stderr alice sentinel-clients --name bob
	assert_failure 14
}

@test "names that no relay of ours would take are never printed as names" {
	register alice bob
	for name in 1b5d303b780700 2e2e2f78 7f00 61200062; do
		honest
		lie '*' 2101 set 16 "$name"
		run --separate-stderr alice sentinel-clients
		if [ "$status" = 0 ]; then
			[ "$(field .id)" = "$bob_id" ]
			[ "$(field .name)" = "$bob_id" ] ||
			    [ "$(field .name)" = null ]
		else
			assert_failure 14
		fi
		assert_tame <<<"$output$stderr"
	done
}

@test "other answers than were asked for: 14, and nothing counts as done" {
	lie '*' 2100 flip 0
	run --separate-stderr alice sentinel-register alice
	assert_failure 14
	honest
	run alice sentinel-register alice --get status
	assert_success
	register bob
	alice sentinel-keys fetch bob
	lie '*' 2103 flip 0
	run --separate-stderr alice sentinel-keys request bob
	assert_failure 14
	honest
	alice sentinel-keys request bob
	[ "$(tape 1 content)" = "$(tape 2 content)" ]
}

# --- who wrote what to whom ------------------------------------------------------

@test "another sender: not shown as from anybody, the session goes on" {
	handshake
	handshake carol bob
	alice sentinel-send bob -m secret
	lie "$bob_id" 2104 from 3 "$(hex "$carol_id")"
	lie "$bob_id" 2104 from 4 "$(hex "$carol_id")"
	lie "$bob_id" 2104 from 5 "$(hex "$carol_id")"
	lie "$bob_id" 2104 from 6 "$(hex "$carol_id")"
	pull_bad bob 24 no_session
	run bob sentinel-pull --type message
	refute_output --partial secret
	still_talk alice bob
	still_talk carol bob
}

@test "another recipient: carol reads nothing, and alice not her own" {
	handshake
	handshake alice carol
	alice sentinel-send bob -m secret
	sent=$(tape -1 content)
	lie "$carol_id" 2104 inject "$(hex "$alice_id")" 3 "$sent" 1
	pull_bad carol 24 no_session
	honest
	# back to where it came from
	lie "$alice_id" 2104 inject "$(hex "$bob_id")" 3 "$sent" 1
	pull_bad alice 24 undecryptable
	honest
	lie "$alice_id" 2104 inject "$(hex "$alice_id")" 3 "$sent" 1
	nothing_comes alice
	honest
	bob sentinel-pull >/dev/null
	still_talk alice bob
	still_talk alice carol
}

@test "the handshake's messages played back to their senders: no effect" {
	handshake
	before=$(pinned alice bob; pinned bob alice)
	for n in 1 2 3; do
		for person in alice bob; do
			id=${person}_id
			other=bob_id
			[ $person = alice ] || other=alice_id
			honest
			lie "${!id}" 2104 inject "$(hex "${!other}")" \
			    "$(tape $n type)" "$(tape $n content)" 1
			run --separate-stderr $person sentinel-pull
			refute_output --partial key_re
			assert_success
		done
	done
	[ "$(pinned alice bob; pinned bob alice)" = "$before" ]
	still_talk alice bob
}

@test "every type a message is not: undecryptable, or a page that is none" {
	handshake
	before=$(pinned bob alice)
	alice sentinel-send bob -m secret
	bob sentinel-pull >/dev/null
	for n in 1 2 3 4; do
		for type in 1 2 3 5 0 255; do
			[ $type != "$(tape $n type)" ] || continue
			honest
			lie "$bob_id" 2104 inject "$(hex "$alice_id")" $type \
			    "$(tape $n content)" 1
			run --separate-stderr bob sentinel-pull
			case $type in
			[123])	[[ $status = 0 || $status = 24 ]] ;;
			*)	[ "$status" = 14 ] ;;
			esac || fail "$n as $type: $status"
			refute_output --regexp \
			    '"type":"(message|key_request|key_received)"'
		done
	done
	[ "$(pinned bob alice)" = "$before" ]
	still_talk alice bob
}

@test "a handshake whose messages bear other types, then the true ones" {
	register alice bob
	alice sentinel-keys fetch bob
	bob sentinel-keys fetch alice
	alice sentinel-keys request bob
	lie "$bob_id" 2104 type 1 2
	run --separate-stderr bob sentinel-pull
	refute_output --partial key_
	honest
	alice sentinel-keys request bob
	bob sentinel-pull >/dev/null
	bob sentinel-keys send alice
	lie "$alice_id" 2104 type 1 3
	run --separate-stderr alice sentinel-pull
	refute_output --partial key_
	honest
	bob sentinel-keys send alice
	[ "$(alice sentinel-pull --get type)" = key_received ]
	alice sentinel-keys send bob
	lie "$bob_id" 2104 type 3 1
	run --separate-stderr bob sentinel-pull
	refute_output --partial key_
	honest
	alice sentinel-keys send bob
	[ "$(bob sentinel-pull --get session)" = established ]
	still_talk alice bob
}

@test "a handshake led astray: carol's id on each of its messages" {
	register alice bob carol
	for a in alice bob carol; do
		for b in alice bob carol; do
			[ $a = $b ] || $a sentinel-keys fetch $b >/dev/null
		done
	done
	alice sentinel-keys request bob
	lie "$bob_id" 2104 from 1 "$(hex "$carol_id")"
	run --separate-stderr bob sentinel-pull
	refute_output --partial key_request
	[ "$(bob sentinel-keys show carol --get session)" = none ]
	honest
	alice sentinel-keys request bob
	bob sentinel-pull >/dev/null
	bob sentinel-keys send alice
	# the answer, as if carol had been asked; and as if she had answered
	lie "$alice_id" 2104 from 1 "$(hex "$carol_id")"
	run --separate-stderr alice sentinel-pull
	refute_output --partial key_received
	honest
	bob sentinel-keys send alice
	[ "$(alice sentinel-pull --get from.name)" = bob ]
	alice sentinel-keys send bob
	lie "$bob_id" 2104 from 3 "$(hex "$carol_id")"
	run --separate-stderr bob sentinel-pull
	refute_output --partial key_received
	honest
	alice sentinel-keys send bob
	[ "$(bob sentinel-pull --get from.name,session)" = 'alice	established' ]
	still_talk alice bob
}

# --- again, not at all, in another order ------------------------------------------

# in_cpu_ms MS COMMAND...: it takes so much of the processor at most
in_cpu_ms() {
	local TIMEFORMAT='%3U %3S' user system

	read -r user system < <({ time "${@:2}" >"$BATS_TEST_TMPDIR/out" \
	    2>"$BATS_TEST_TMPDIR/err"; } 2>&1)
	[ $((10#${user/./} + 10#${system/./})) -le "$1" ] ||
	    fail "$* took $user and $system"
}

@test "a message again, 1, 10 and 1000 times, also after a restart: shown once" {
	local most=1000

	# a sanitizer makes everything slower
	[[ $SENTINEL_BIN = */release*/bin ]] || most=3000
	handshake
	alice sentinel-send bob -m once
	sent=$(tape -1 content)
	for times in 1 10 1000; do
		honest
		lie "$bob_id" 2104 inject "$(hex "$alice_id")" 3 "$sent" $times
		run --separate-stderr bob sentinel-pull
		assert_success
		[ "$times" = 1 ] || assert_output ''
		[ "$times" != 1 ] || [ "$(field .body)" = once ]
	done
	in_cpu_ms "$most" bob sentinel-pull
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	relay_restart
	run --separate-stderr bob sentinel-pull
	assert_success
	assert_output ''
	still_talk alice bob
}

@test "what is sent again after a lost answer is the same, byte for byte" {
	handshake
	lie '*' 2103 flip 0
	fault 14 protocol alice sentinel-send bob -m once
	honest
	alice sentinel-send bob -m twice >/dev/null
	[ "$(wc -l <"$TAPE")" = 6 ]
	[ "$(tape 4)" = "$(tape 5)" ]
	[ "$(tape 4 content)" != "$(tape 6 content)" ]
	run bob sentinel-pull --type message --get body
	assert_output 'once
twice'
}

@test "an old request again: no session gives way to it" {
	handshake
	request=$(tape 1 content)
	before=$(pinned bob alice)
	lie "$bob_id" 2104 inject "$(hex "$alice_id")" 1 "$request" 3
	nothing_comes bob
	run --separate-stderr bob sentinel-keys send alice
	[ "$(pinned bob alice)" = "$before" ]
	still_talk alice bob
	# beside a newer handshake that has begun
	alice sentinel-keys request bob
	lie "$bob_id" 2104 inject "$(hex "$alice_id")" 1 "$request" 3
	run --separate-stderr bob sentinel-pull --get type
	assert_output key_request
	honest
	bob sentinel-keys send alice
	alice sentinel-pull >/dev/null
	alice sentinel-keys send bob
	bob sentinel-pull >/dev/null
	still_talk alice bob
}

@test "one of a hundred withheld: 99 come, the gap is told, the late one comes" {
	handshake
	for ((n = 0; n < 100; n++)); do
		alice sentinel-send bob -m "text $n" >/dev/null
	done
	withheld=$(tape 54 content)
	lie "$bob_id" 2104 withhold 53
	run bob sentinel-pull
	assert_success
	[ "$(jq -c 'select(.type == "gap") | [.from.name, .missing]' \
	    <<<"$output")" = '["alice",[50,50]]' ]
	[ "$(jq -r 'select(.type == "message").body' <<<"$output")" = \
	    "$(seq -f 'text %g' 0 99 | grep -vx 'text 50')" ]
	honest
	lie "$bob_id" 2104 inject "$(hex "$alice_id")" 3 "$withheld" 2
	run bob sentinel-pull --get body
	assert_output 'text 50'
	still_talk alice bob
}

@test "a page out of order: 14, and nothing of it is acknowledged" {
	handshake
	for n in 1 2 3; do
		alice sentinel-send bob -m "text $n" >/dev/null
	done
	lie "$bob_id" 2104 number 4 9
	run --separate-stderr bob sentinel-pull
	assert_failure 14
	assert_output ''
	honest
	lie "$bob_id" 2104 number 4 3
	run --separate-stderr bob sentinel-pull
	assert_failure 14
	assert_output ''
	honest
	run bob sentinel-pull --get body
	assert_output 'text 1
text 2
text 3'
}

@test "contents in another order are read, each once, with its number" {
	handshake
	for n in 1 2 3; do
		alice sentinel-send bob -m "text $n" >/dev/null
	done
	lie "$bob_id" 2104 content 3 "$(tape 6 content)"
	lie "$bob_id" 2104 content 5 "$(tape 4 content)"
	run bob sentinel-pull --get type,seq,body
	assert_output 'message	2	text 3
message	1	text 2
message	0	text 1'
	still_talk alice bob
}

# bent HEX AT: one bit of the digit there turned; or a byte less, or more
bent() {
	case $2 in
	less)	echo "${1::-2}" ;;
	more)	echo "${1}00" ;;
	*)	printf '%s%x%s\n' "${1:0:$2}" $((0x${1:$2:1} ^ 1)) "${1:$2+1}" ;;
	esac
}

@test "bytes of a content changed: undecryptable, the next one comes" {
	# number, the other number, key, session, magic, nonce, ciphertext, tag
	local places=(96:undecryptable 102:too_far 88:undecryptable
	    24:undecryptable 87:undecryptable 8:no_session 23:no_session
	    0:malformed 7:malformed 104:undecryptable 151:undecryptable
	    152:undecryptable 400:undecryptable 663:undecryptable
	    664:undecryptable 695:undecryptable less:undecryptable
	    more:undecryptable)
	local at n=0 whole=()

	handshake
	for at in "${places[@]}"; do
		printf '%s\n' "$at" next
	done | alice sentinel-send --lines bob >/dev/null
	# every second one
	for at in "${places[@]}"; do
		whole+=("$(tape $((4 + 2 * n)) content)")
		lie "$bob_id" 2104 content $((3 + 2 * n)) \
		    "$(bent "${whole[n]}" "${at%:*}")"
		((++n))
	done
	run --separate-stderr bob sentinel-pull
	assert_failure 3
	assert_equal "$(field 'select(.type != "gap") | .error // .body')" "$(for at in "${places[@]}"; do
		printf '%s\n' "${at#*:}" next
	done)"
	# nothing was lost by it
	honest
	for content in "${whole[@]}"; do
		lie "$bob_id" 2104 inject "$(hex "$alice_id")" 3 "$content" 1
	done
	run bob sentinel-pull --get body
	assert_output "$(printf '%s\n' "${places[@]}")"
	still_talk alice bob
}
