#!/usr/bin/env bats
# Our commands and a client made from the description of the protocol alone
# (tests/tools/pyclient.py) understand each other.

load helper
load tools

setup() {
	relay_start
}

# the independent client; its name is pia
pia() {
	"$TOOLS/pyclient.py" --state "$BATS_TEST_TMPDIR/pia.json" "$@" 3>&-
}

pia_register() {
	pia_id=$(pia register "$SENTINEL_RELAY" pia | jq -r .id)
}

# pulled: the records pia pulls, "TYPE DETAIL" each
pulled() {
	pia pull "$@" | jq -r '[.type, .session, .authenticated | values] |
	    join(" ")'
}

# pia_asks NAME: the ten steps, pia being the initiator
pia_asks() {
	pia list >/dev/null                                             # 2
	"$1" sentinel-clients >/dev/null
	pia fetch "$1" >/dev/null                                       # 3
	pia request "$1" >/dev/null                                     # 4
	[ "$("$1" sentinel-pull -w 10 -n 1 --type key_request \
	    --get from.id)" = "$pia_id" ]                               # 5
	"$1" sentinel-keys fetch "$pia_id" >/dev/null                   # 6
	"$1" sentinel-keys send "$pia_id" >/dev/null                    # 7
	[ "$(pulled --wait 10)" = 'key_received key_received' ]         # 8
	pia send-key "$1" >/dev/null                                    # 9
	[ "$("$1" sentinel-pull -w 10 -n 1 --type key_received \
	    --get session)" = established ]                             # 10
}

# pia_answers NAME: the ten steps, pia being the responder
pia_answers() {
	local id=${1}_id

	"$1" sentinel-clients >/dev/null                                # 2
	pia list >/dev/null
	"$1" sentinel-keys fetch "$pia_id" >/dev/null                   # 3
	"$1" sentinel-keys request "$pia_id" >/dev/null                 # 4
	[ "$(pulled --wait 10)" = 'key_request false' ]                 # 5
	pia fetch "${!id}" >/dev/null                                   # 6
	pia send-key "$1" >/dev/null                                    # 7
	"$1" sentinel-pull -w 10 -n 1 --type key_received >/dev/null    # 8
	"$1" sentinel-keys send "$pia_id" >/dev/null                    # 9
	[ "$(pulled --wait 10)" = 'key_received established' ]          # 10
}

# "SEQ BASE64" of each text that waits for pia, or for one of ours
pia_reads() {
	pia pull "$@" | jq -r '"\(.seq) \(.body_base64)"'
}

reads() {
	"$1" sentinel-pull --type message |
	    jq -r '"\(.seq) \(.body_base64 // (.body | @base64))"'
}

# text N: what the Nth message of a conversation says
text() {
	case $1 in
	2 | 5)	: ;;
	3 | 8)	python3 -c 'import os; os.write(1, bytes(range(256)))' ;;
	4 | 11)	python3 -c 'import os, random; random.seed('"$1"')
os.write(1, random.randbytes(300 << 10))' ;;
	*)	printf 'text %d, grüße, 世界' "$1" ;;
	esac
}

# converse NAME RUN...: 20 messages.  A run is so many of pia (p) or of ours
# (o), one character each, that are read together when it ends.
converse() {
	local who=$1 n=0 run said=$BATS_TEST_TMPDIR/said
	local heard=$BATS_TEST_TMPDIR/heard text=$BATS_TEST_TMPDIR/text
	local -A seq=([p]=0 [o]=0)

	shift
	for run; do
		: >"$said"
		for ((i = 0; i < ${#run}; i++)); do
			text $n >"$text"
			echo "${seq[${run:0:1}]} $(base64 -w 0 "$text")" >>"$said"
			case $run in
			p*)	pia send "$who" ;;
			o*)	"$who" sentinel-send pia ;;
			esac <"$text" >/dev/null
			n=$((n + 1)) seq[${run:0:1}]=$((seq[${run:0:1}] + 1))
		done
		case $run in
		p*)	reads "$who" ;;
		o*)	pia_reads ;;
		esac >"$heard"
		cmp "$said" "$heard"
	done
	[ $n = 20 ]
}

@test "the known answers, made again by other code" {
	run pia selftest
	assert_success
	run jq -r .passed <<<"$output"
	assert_output 'bundle
transport
kk
dr
safety
padme
text'
}

@test "ids and fingerprints are the same, seen from either side" {
	own=$(pia register "$SENTINEL_RELAY" pia | jq -c '[.id, .fingerprint]')
	alice sentinel-register alice
	[ "$(alice sentinel-clients | jq -c '[.id, .name]')" = \
	    "$(jq -c '[.[0], "pia"]' <<<"$own")" ]
	[ "$(alice sentinel-keys fetch pia | jq -c '[.id, .fingerprint]')" = "$own" ]

	own=$(alice sentinel-keys show | jq -c '[.id, .fingerprint]')
	[ "$(pia list | jq -c '[.id, .name]')" = \
	    "$(jq -c '[.[0], "alice"]' <<<"$own")" ]
	[ "$(pia fetch alice | jq -c '[.id, .fingerprint]')" = "$own" ]
	[ "$(pia fetch "$(jq -r '.[0]' <<<"$own")" |
	    jq -c '[.id, .fingerprint]')" = "$own" ]
	run pia fetch nobody
	assert_failure 1
	assert_output unknown_peer
}

@test "safety numbers are the same, and are compared" {
	pia_register
	register alice
	pia fetch alice
	alice sentinel-keys fetch pia
	number=$(pia safety alice | jq -r .number)
	[ ${#number} = 60 ]
	[ "$number" = "$(alice sentinel-keys fingerprint pia \
	    --get safety_number)" ]
	alice sentinel-keys verify pia "$number"
	pia safety alice "$(alice sentinel-keys fingerprint pia \
	    --get safety_number)"
	run pia safety alice "$(tr 0-9 1-90 <<<"$number")"
	assert_failure 1
}

@test "it asks, ours answers; then twenty messages" {
	pia_register
	register bob
	pia_asks bob
	converse bob p oo p ooo p oo ppp o p o pppp
}

@test "ours asks, it answers; then twenty messages" {
	pia_register
	register alice
	pia_answers alice
	converse alice p o p oo pppp o p ooo pp o ppp
}

@test "ours asks and speaks first" {
	pia_register
	register alice
	pia_answers alice
	converse alice ooo p o p o p o pp oo ppppp oo
}

@test "repeated steps send the same again and do no harm" {
	pia_register
	register alice
	pia fetch alice
	pia request alice
	pia request alice
	alice sentinel-pull
	alice sentinel-keys fetch pia
	alice sentinel-keys send pia
	alice sentinel-keys send pia
	run pulled
	assert_output 'key_received key_received
key_received key_received'
	pia send-key alice
	pia send-key alice
	run alice sentinel-pull --get type,session
	assert_output 'key_received	established'
	pia send alice <<<works
	run alice sentinel-pull --get body
	assert_output works

	register bob
	bob sentinel-keys fetch pia
	bob sentinel-keys request pia
	bob sentinel-keys request pia
	pulled
	pia fetch bob
	pia send-key bob
	pia send-key bob
	[ "$(bob sentinel-pull | wc -l)" = 1 ]
	bob sentinel-keys send pia
	bob sentinel-keys send pia
	run pulled
	assert_output 'key_received established
dropped'
	bob sentinel-send pia -m works
	run pia_reads
	assert_output "0 $(printf works | base64)"
}

@test "both ask at once: the smaller id stays the initiator" {
	pia_register
	register alice
	pia fetch alice
	alice sentinel-keys fetch pia
	pia request alice
	alice sentinel-keys request pia
	if [[ $alice_id < $pia_id ]]; then
		silent alice sentinel-pull
		[ "$(pulled)" = 'key_request true' ]
		pia send-key alice
		[ "$(alice sentinel-pull --get type)" = key_received ]
		alice sentinel-keys send pia
		[ "$(pulled)" = 'key_received established' ]
	else
		[ "$(pulled)" = dropped ]
		[ "$(alice sentinel-pull --get type,authenticated)" = \
		    'key_request	true' ]
		alice sentinel-keys send pia
		[ "$(pulled)" = 'key_received key_received' ]
		pia send-key alice
		[ "$(alice sentinel-pull --get session)" = established ]
	fi
	converse alice ooo p o p o p o pp oo ppppp oo
}

@test "a new handshake from the other side; the old session still reads" {
	pia_register
	register alice
	pia_asks alice
	pia send alice <<<one
	alice sentinel-keys request pia
	alice sentinel-send pia -m two
	[ "$(pulled)" = 'key_request true
message' ]
	pia send-key alice
	pia send alice <<<three
	run alice sentinel-pull --get type,seq,body
	assert_output 'message	0	one\n
key_received		
message	1	three\n'
	alice sentinel-send pia -m four
	alice sentinel-keys send pia
	alice sentinel-send pia -m five
	pia send alice <<<six
	run pia_reads
	assert_output "1 $(printf four | base64)
null null
2 $(printf five | base64)"
	pia send alice <<<seven
	run alice sentinel-pull --get seq,body
	assert_output '2	six\n
3	seven\n'
}

@test "any order, over pulls and steps of the ratchet" {
	pia_register
	register alice
	pia_answers alice
	for i in 0 1 2 3 4; do alice sentinel-send pia -m "text $i"; done
	seqs() { pia_reads "$@" | cut -d ' ' -f 1 | xargs; }

	[ "$(seqs --order 3)" = 3 ]
	pia send alice <<<'a step'
	alice sentinel-pull
	for i in 5 6 7; do alice sentinel-send pia -m "text $i"; done
	# 0 1 2 4 5 6 7 are there
	[ "$(seqs --order 6)" = 7 ]
	pia send alice <<<'another step'
	alice sentinel-pull
	alice sentinel-send pia -m 'text 8'
	# 0 1 2 4 5 6 8
	[ "$(seqs --order 6,0,5,3)" = '8 0 6 4' ]
	[ "$(seqs)" = '1 2 5' ]
	silent seqs
	alice sentinel-send pia -m 'text 9'
	run pia_reads
	assert_output "9 $(printf 'text 9' | base64)"
}

@test "a gap and a repetition are told apart" {
	pia_register
	register alice
	pia_answers alice
	for i in 0 1 2; do alice sentinel-send pia -m "text $i"; done
	[ "$(pulled --order 1 --keep)" = 'message' ]
	[ "$(pulled)" = 'message
duplicate
message' ]
}

@test "ours, given another order, a loss, a copy, a damaged one" {
	pia_register
	register alice
	pia_asks alice
	for i in 0 1 2 3 4 5 6; do
		pia send --hold "$BATS_TEST_TMPDIR/$i" alice <<<"text $i"
	done
	give() { # N...: what alice makes of these, put into the mailbox
		for i; do pia deliver alice "$BATS_TEST_TMPDIR/$i"; done
		alice sentinel-pull |
		    jq -r '[.type, .seq, .error, (.missing // [] | .[])] |
			map(values) | join(" ")'
	}
	[ "$(give 3)" = 'message 3
gap 0 2' ]
	[ "$(give 0 0 3)" = 'message 0' ]
	head -c -1 "$BATS_TEST_TMPDIR/4" >"$BATS_TEST_TMPDIR/cut"
	tail -c 1 "$BATS_TEST_TMPDIR/4" | tr '\0-\377' '\1-\377\0' |
	    cat "$BATS_TEST_TMPDIR/cut" - >"$BATS_TEST_TMPDIR/bad"
	[ "$(give bad 4)" = 'undecryptable undecryptable
message 4' ]
	# 5 and 6 are still to come when the ratchet turns
	alice sentinel-send pia -m turn
	pia pull
	pia send alice --hold "$BATS_TEST_TMPDIR/7" <<<'text 7'
	pia send alice --hold "$BATS_TEST_TMPDIR/8" <<<'text 8'
	[ "$(give 8)" = 'message 8
gap 5 7' ]
	[ "$(give 6 2 7 1 5 7)" = 'message 6
message 2
message 7
message 1
message 5' ]
}

@test "answers and content types" {
	pia_register
	register bob
	pia_asks bob
	bob sentinel-send pia -m one
	id=$(pia pull | jq -r 'select(.in_reply_to == null and
	    .content_type == null).id')
	pia send bob --reply-to "$id" --content-type text/markdown <<<'*two*'
	run bob sentinel-pull --get in_reply_to,content_type,body
	assert_output "$id	text/markdown	*two*\n"
	pia send bob --content-type text/plain </dev/null
	run bob sentinel-pull --get in_reply_to,content_type,size_bytes
	assert_output '	text/plain	0'
}
