#!/usr/bin/env bats
# --get, --text and --color with every command: what scripts cut out of
# records, and what people see of them.

load helper
load tools

export LC_ALL=C.UTF-8 TZ=UTC

# what a stranger may write; ends without a newline
NASTY=$'a\tb\\c"d\e[2J\a\r\x7f\u009b\u202e\u2028\u65e5\u00fc\nz'

setup() {
	relay_start
}

# same_as_jq COMMAND...: each scalar of its records, by itself and all in a
# row, is what jq makes of the record
same_as_jq() {
	local json path paths

	json=$("$@")
	paths=$(jq -r 'paths(. == null or scalars) | map(tostring) |
	    join(".")' <<<"$json" | sort -u)
	[ "$(wc -l <<<"$paths")" -ge 4 ]
	for path in $paths; do
		diff <("$@" --get "$path") <(jq -r --arg path "$path" '
		    def at: reduce ($path / ".")[] as $key (.;
			if type == "array" then .[$key | tonumber]
			else .[$key] end);
		    at | if . == null then "" else . end' <<<"$json")
	done
	diff <("$@" --get "$(paste -sd , <<<"$paths"),none") \
	    <(jq -r --arg paths "$paths" '
	    def at($path): reduce ($path / ".")[] as $key (.;
		if type == "array" then .[$key | tonumber]
		else .[$key] end);
	    [at(($paths / "\n")[]), null] | @tsv' <<<"$json")
}

@test "--get is what jq makes of the same record, for every command" {
	handshake
	alice sentinel-keys alias bob robert >/dev/null
	for command in 'sentinel-register alice' sentinel-clients \
	    'sentinel-keys list' 'sentinel-keys show' \
	    'sentinel-keys show bob' 'sentinel-keys fingerprint bob' \
	    sentinel-status; do
		# shellcheck disable=SC2086
		same_as_jq alice $command
	done
	run alice sentinel-keys fetch bob --get status,name,alias
	assert_output 'unchanged	bob	robert'
	run alice sentinel-send bob -m x --get status,to.name,to.alias,size_bytes
	assert_output 'accepted	bob	robert	1'
	echo 12345 >"$BATS_TEST_TMPDIR/a file"
	run alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/a file" \
	    --get name,size_bytes,to.name
	assert_output 'a file	6	bob'
	run bob sentinel-pull --get type,from.name,body,name,nothing
	assert_line --index 0 'message	alice	x		'
	assert_line --index 1 'file_offer	alice		a file	'
}

@test "--get of a body is its bytes, in a row as @tsv has them" {
	handshake
	for text in "$NASTY" '' $'\n\n' '\t' 'null' $'\u00e4\xff' '"'; do
		# two of them: JSON, then fields
		for way in body body,size_bytes; do
			printf %s "$text" | alice sentinel-send bob >/dev/null
			printf %s "$text" | alice sentinel-send bob >/dev/null
			bob sentinel-pull -n 1 >"$BATS_TEST_TMPDIR/json"
			bob sentinel-pull -n 1 --get $way >"$BATS_TEST_TMPDIR/get"
			case $way in
			body) jq -r .body ;;
			*) jq -r '[.body, .size_bytes] | @tsv' ;;
			esac <"$BATS_TEST_TMPDIR/json" | cmp - "$BATS_TEST_TMPDIR/get"
		done
	done
	printf %s "$NASTY" | alice sentinel-send bob >/dev/null
	printf '%s\n' "$NASTY" | cmp - <(bob sentinel-pull --get body)
}

@test "items of an array have numbers" {
	run --separate-stderr "$SENTINEL_BIN/sentinel-relay" --print-address \
	    --key "$RELAY_KEY" --get address,listen.0 --listen 127.0.0.1:7
	assert_success
	assert_output --regexp '^sentinel://[A-Za-z0-9_-]{43}@127\.0\.0\.1:7	$'
	ready=$BATS_TEST_TMPDIR/second.ready
	"$SENTINEL_BIN/sentinel-relay" --listen 127.0.0.1:0 --get listen.0,pid \
	    --store "sqlite:$BATS_TEST_TMPDIR/second.db" \
	    --key "$BATS_TEST_TMPDIR/second.key" >"$ready" 2>/dev/null 3>&- &
	STARTED+=($!)
	for ((n = 0; n < 500; n++)); do
		[ ! -s "$ready" ] || break
		sleep 0.02
	done
	[[ $(cat "$ready") =~ ^127\.0\.0\.1:[0-9]+$'\t'$!$ ]]
}

@test "--text with every command" {
	run alice sentinel-register alice --text
	assert_line --index 0 'alice: registered'
	assert_line "  key file     $BATS_TEST_TMPDIR/alice.key"
	assert_line "  relay        $SENTINEL_RELAY"
	assert_line '  trusted      pinned'
	handshake
	run alice sentinel-clients --text
	assert_output "bob               established                 $bob_id"
	number=$(alice sentinel-keys fingerprint bob --get safety_number)
	run alice sentinel-keys verify bob "$number" --text
	assert_line --regexp "^bob               verified    established       verified           $bob_id  met just now$"
	run alice sentinel-keys list --text
	assert_output --regexp "^bob               listed      established       verified           $bob_id  met just now$"
	run alice sentinel-keys show --text
	assert_line --index 0 alice
	assert_line '  keys signed  just now'
	run alice sentinel-keys fingerprint bob --text
	assert_line --index 0 "own fingerprint  $(alice sentinel-keys fingerprint --get fingerprint)"
	assert_line --index 1 'safety number with bob'
	[ "$(tr -d ' ' <<<"${lines[2]}")" = "$number" ]
	# and it is what verify takes
	bob sentinel-keys verify alice "${lines[2]}" >/dev/null
	run alice sentinel-keys request bob --text
	assert_output 'bob ✓ requested, session established'
	run alice sentinel-send bob -m hello --text
	assert_output --regexp '^bob               accepted   [0-9a-f-]{36}  5 B$'
	run bob sentinel-pull --text
	assert_line --index 0 --regexp \
	    '^[0-9]{2}:[0-9]{2} alice asks for a key: request received, authenticated$'
	assert_line --index 1 --regexp '^[0-9]{2}:[0-9]{2} alice ✓ hello$'
	head -c 3000 /dev/zero >"$BATS_TEST_TMPDIR/zeros"
	run alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/zeros" --text
	assert_output 'bob               accepted   2.9 KiB     zeros'
	run bob sentinel-pull --text
	assert_output --regexp '^[0-9:]{5} alice ✓ offers a file: zeros \(2.9 KiB\)$'
	run alice sentinel-status --text
	assert_line '  peers         1 known, 1 verified, 0 blocked'
	run "$SENTINEL_BIN/sentinel-relay" --print-address --text \
	    --key "$RELAY_KEY" --listen 127.0.0.1:7
	assert_output --regexp '^sentinel://[^@]{43}@127\.0\.0\.1:7$'
}

@test "columns stay in place, whatever stands in them" {
	handshake
	register "$(printf 'n%.0s' {1..30})"
	run --separate-stderr alice sentinel-sendfile --text -t 日本 -t $'e\u0301' -t $'a\eb' -t bob nobody \
	    "$BATS_TEST_DIRNAME/helper.bash"
	assert_failure 3
	assert_line '日本              failed                 helper.bash: no peer "日本" in the key file'
	assert_line $'e\u0301                 failed                 helper.bash: no peer "e\u0301" in the key file'
	assert_line 'a\u001bb          failed                 helper.bash: no peer "a\u001bb" in the key file'
	run alice sentinel-clients --text
	assert_line --regexp '^n{30}  none +[0-9a-f-]{36}$'
	[ "$(awk '{ print index($0, $NF) }' <<<"$output" | sort -u)" = 47 ]
}

@test "nothing in a message reaches a terminal raw" {
	handshake
	key="-k $BATS_TEST_TMPDIR/bob.key"
	export NO_COLOR=1 TERM=xterm
	for form in '' --text '--get body' '--get from.name,body' \
	    '--text --get body'; do
		printf %s "$NASTY" | alice sentinel-send bob >/dev/null
		# shellcheck disable=SC2086
		terminal -- sentinel-pull $key $form >"$BATS_TEST_TMPDIR/shown"
		# the first tab is the one between two fields
		sed 's/\t/ /' "$BATS_TEST_TMPDIR/shown" | assert_tame
		grep -q 'd\\u001b\[2J' "$BATS_TEST_TMPDIR/shown"
	done
	# nor a pipe, with --text
	printf %s "$NASTY" | alice sentinel-send bob >/dev/null
	run bob sentinel-pull --text
	assert_tame <<<"$output"
	[ "${#lines[@]}" = 1 ]
	# nor the error line
	run alice sentinel-send "$NASTY" -m x --errors=text
	assert_tame <<<"$output"
}

@test "text is ASCII where the locale is not UTF-8" {
	handshake
	for locale in C POSIX de_DE.ISO-8859-1; do
		alice sentinel-send bob -m 'grüße ✓ 日' >/dev/null
		LC_ALL=$locale run bob sentinel-pull --text
		assert_output --regexp ' alice \? gr\\u00fc\\u00dfe \\u2713 \\u65e5$'
	done
	# records are the same in every locale
	alice sentinel-send bob -m 'grüße' >/dev/null
	LC_ALL=C run bob sentinel-pull --get body
	assert_output grüße
}

@test "an old time comes with its date, in the zone of the reader" {
	handshake
	alice sentinel-send bob -m early >/dev/null
	day=$(date +%F)
	later $((3 * 24 * 3600))
	run alice sentinel-status --text
	assert_line --regexp "  last contact  3 days ago \($day [0-9]{2}:[0-9]{2}\)$"
	run bob sentinel-pull --text
	assert_output --regexp "^$day [0-9]{2}:[0-9]{2} alice \? early$"
}

@test "JSON is coloured where asked for, --get and --text never" {
	handshake
	for command in 'sentinel-register alice' sentinel-clients \
	    'sentinel-keys list' sentinel-status 'sentinel-send bob -m x'; do
		# shellcheck disable=SC2086
		run alice $command --color=always
		assert_output --partial $'\e[1;34m"type"\e[0m'
		for form in --text '--get type'; do
			# shellcheck disable=SC2086
			run alice $command --color=always $form
			assert_success
			refute_output --partial $'\e'
		done
	done
	rm "$WITNESS_DIR"/*
	show="sentinel-keys show -k $BATS_TEST_TMPDIR/alice.key"
	# shellcheck disable=SC2086
	TERM=xterm run terminal -- $show
	assert_output --partial $'\e'
	for setting in NO_COLOR=1 TERM=dumb TERM=; do
		# shellcheck disable=SC2086
		run env TERM=xterm $setting "$TOOLS/terminal.py" -- $show 3>&-
		refute_output --partial $'\e'
		# shellcheck disable=SC2086
		run env TERM=xterm $setting "$TOOLS/terminal.py" -- $show --color=always 3>&-
		assert_output --partial $'\e'
	done
	# shellcheck disable=SC2086
	TERM=xterm run terminal -- $show --color=never
	refute_output --partial $'\e'
}
