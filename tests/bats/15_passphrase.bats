#!/usr/bin/env bats
# The passphrase of the key file, and what else a command asks its user.

load helper
load tools

setup() {
	relay_start
	KEY=$BATS_TEST_TMPDIR/alice.key
	LOG=$BATS_TEST_TMPDIR/terminal.log
	cd "$BATS_TEST_TMPDIR"
	umask 077
	printf 'staple 4711\n' >old
	printf 'battery 0815\n' >new
	printf 'something else\n' >wrong
}

# locked NAME: a key file under the passphrase in old
locked() {
	as "$1" sentinel-register "$1" --new-passphrase-file old >/dev/null
}

# a command that needs the key file and nothing else
show() {
	alice sentinel-keys show --get name "$@"
}

# opens FILE: it is the passphrase
opens() {
	run --separate-stderr show --passphrase-file "$1"
	assert_success
	assert_output alice
}

# --- setting it ----------------------------------------------------------------

@test "set with register: every command needs it from then on" {
	locked alice
	opens old
	for command in 'sentinel-register alice' sentinel-clients \
	    'sentinel-keys list' 'sentinel-send bob -m x' sentinel-pull; do
		fault 33 passphrase alice $command
		SENTINEL_PASSPHRASE_FILE=old run --separate-stderr \
		    alice $command --errors json
		[ "$status" != 33 ]
	done
}

@test "set, change and remove it later" {
	alice sentinel-register alice >/dev/null
	show
	run alice sentinel-keys passphrase --new-passphrase-file old
	assert_success
	assert_equal "$(field .type)" identity
	fault 33 passphrase show
	opens old
	run alice sentinel-keys passphrase --passphrase-file old \
	    --new-passphrase-file new --get name
	assert_output alice
	fault 33 passphrase show --passphrase-file old
	opens new
	fault 33 passphrase alice sentinel-keys passphrase --remove \
	    --passphrase-file old
	alice sentinel-keys passphrase --remove --passphrase-file new
	run --separate-stderr show
	assert_output alice
	alice sentinel-keys passphrase --remove
	run --separate-stderr show
	assert_output alice
	# what is not needed is not read
	opens /nonexistent
}

@test "a key file that is there keeps its passphrase when registered again" {
	locked alice
	run --separate-stderr alice sentinel-register alice --get status \
	    --passphrase-file old --new-passphrase-file new
	assert_success
	assert_output already_registered
	assert_equal "$(jq -r .type <<<"$stderr")" warning
	# and nobody is asked for another
	run --separate-stderr alice sentinel-register alice --get status \
	    --passphrase-file old --ask-passphrase
	assert_success
	opens old
}

@test "a name that is taken leaves a key file under its passphrase" {
	bob sentinel-register alice
	fault 36 exists alice sentinel-register alice --new-passphrase-file old
	fault 33 passphrase alice sentinel-register alice2
	run alice sentinel-register alice2 --passphrase-file old --get status
	assert_output registered
}

@test "options that contradict each other, and new ones not to be had" {
	fault 2 usage alice sentinel-register alice --ask-passphrase \
	    --new-passphrase-file old
	fault 33 passphrase alice sentinel-register alice --ask-passphrase
	fault 34 io alice sentinel-register alice --new-passphrase-file none
	: >empty
	fault 33 passphrase alice sentinel-register alice \
	    --new-passphrase-file empty
	[ ! -e "$KEY" ]
	locked alice
	fault 2 usage alice sentinel-keys passphrase --remove \
	    --new-passphrase-file new
	export SENTINEL_PASSPHRASE_FILE=old
	fault 33 passphrase alice sentinel-keys passphrase
	fault 33 passphrase alice sentinel-keys passphrase \
	    --new-passphrase-file empty
	opens old
}

# --- a wrong one -----------------------------------------------------------------

@test "a wrong passphrase fails with the same words, whatever it is" {
	locked alice
	before=$(sha256sum <"$KEY")
	printf 'staple 4711' | head -c 10 >prefix
	printf 'staple 4711\0' >nul
	printf 'Staple 4711' >upper
	printf ' staple 4711' >space
	printf 'staple 4711 ' >behind
	printf 'staple  4711' >twice
	printf 'staple 4711\n\n' >newline
	head -c 4096 /dev/zero >zeros
	for file in wrong new prefix nul newline zeros upper space behind \
	    twice; do
		fault 33 passphrase show --passphrase-file $file
		jq -r .message <<<"$stderr"
	done >messages
	assert_equal "$(sort -u messages)" "$KEY: not the passphrase"
	# what can be none is not tried, and told as what it is
	: >empty
	head -c 4097 /dev/zero >longer
	head -c 1048576 /dev/zero >long
	fault 33 passphrase show --passphrase-file empty
	assert_equal "$(jq -r .message <<<"$stderr")" \
	    "$KEY: the passphrase is empty"
	for file in longer long; do
		fault 33 passphrase show --passphrase-file $file
		assert_equal "$(jq -r .message <<<"$stderr")" \
		    "$KEY: the passphrase has more than 4096 bytes"
	done
	assert_equal "$(sha256sum <"$KEY")" "$before"
}

# --- where it comes from ----------------------------------------------------------

@test "descriptor before option before variable before credential" {
	locked alice
	mkdir credentials
	cp old credentials/sentinel-passphrase
	export CREDENTIALS_DIRECTORY=$PWD/credentials
	run --separate-stderr show
	assert_output alice
	SENTINEL_PASSPHRASE_FILE=wrong fault 33 passphrase show
	SENTINEL_PASSPHRASE_FILE=none fault 34 io show
	cp wrong credentials/sentinel-passphrase
	fault 33 passphrase show
	export SENTINEL_PASSPHRASE_FILE=old
	run --separate-stderr show
	assert_output alice
	fault 33 passphrase show --passphrase-file wrong
	SENTINEL_PASSPHRASE_FILE=wrong opens old
	fault 33 passphrase show --passphrase-file old --passphrase-fd 5 5<wrong
	run --separate-stderr show --passphrase-file wrong \
	    --passphrase-fd 5 5<old
	assert_output alice
	# an empty variable says nothing
	SENTINEL_PASSPHRASE_FILE= CREDENTIALS_DIRECTORY= \
	    fault 33 passphrase show
}

@test "a pipe, a process substitution and standard input give it" {
	locked alice
	mkfifo fifo
	cat old >fifo &
	opens fifo
	opens <(cat old)
	run --separate-stderr show --passphrase-fd 0 <old
	assert_output alice
	run --separate-stderr show --passphrase-fd 7 7< <(
		printf 'staple'; sleep 0.2; printf ' 4711\n'
	)
	assert_output alice
	fault 2 usage show --passphrase-fd 9
	fault 2 usage show --passphrase-fd nine
	fault 34 io show --passphrase-file .
}

@test "a passphrase file that others may read gives a warning" {
	locked alice
	chmod 644 old
	run --separate-stderr show --passphrase-file old
	assert_success
	assert_equal "$(jq -r .type <<<"$stderr")" warning
	run --separate-stderr show --passphrase-file old -q
	assert_equal "$stderr" ''
}

# --- on a terminal -----------------------------------------------------------------

# prompts: what the terminal was doing when something was asked, and at the end
prompts() {
	jq -r '[.prompt // empty, .echo, .status // empty] | join(" ")' "$LOG"
}

@test "it is asked for on a terminal, unseen" {
	locked alice
	run alice terminal --log "$LOG" --answer 'Passphrase: ' \
	    'staple 4711\r' sentinel-keys show --get name
	assert_success
	assert_output $'Passphrase: \nalice'
	assert_equal "$(prompts)" $'Passphrase:  false\ntrue 0'
	# standard output may go elsewhere
	run alice terminal --stdout out --answer 'Passphrase: ' \
	    'staple 4711\r' sentinel-keys show --get name
	assert_output 'Passphrase: '
	assert_equal "$(cat out)" alice
}

@test "a wrong one, none and end of file on the terminal: 33" {
	locked alice
	for keys in 'wrong\r' '\r' '\x04'; do
		run alice terminal --answer 'Passphrase: ' "$keys" \
		    sentinel-keys show --get name
		assert_failure 33
		assert_output --regexp '^Passphrase: 
sentinel-keys: .* \[passphrase\]$'
	done
}

@test "without a terminal on both stdin and stderr nobody is asked" {
	locked alice
	run alice terminal --stdin /dev/null sentinel-keys show
	assert_failure 33
	refute_output --partial 'Passphrase:'
	run alice terminal --stderr err sentinel-keys show
	assert_failure 33
	assert_output ''
	assert_equal "$(jq -r .code err)" passphrase
	jq -r .hint err | grep -q -- --passphrase-file
}

@test "a new one is typed twice, and must be the same" {
	run alice terminal --log "$LOG" --answer 'New passphrase: ' 'one\r' \
	    --answer 'The same again: ' 'two\r' \
	    sentinel-register --ask-passphrase alice
	assert_failure 33
	[ ! -e "$KEY" ]
	assert_equal "$(prompts | grep -c false)" 2
	run alice terminal --answer 'New passphrase: ' 'staple 4711\r' \
	    --answer 'The same again: ' 'staple 4711\r' \
	    sentinel-register --ask-passphrase alice
	assert_success
	opens old
	run alice terminal --answer 'Passphrase: ' 'staple 4711\r' \
	    --answer 'New passphrase: ' 'battery 0815\r' \
	    --answer 'The same again: ' 'battery 0815\r' \
	    sentinel-keys passphrase --get name
	assert_success
	opens new
	run alice terminal --answer 'Passphrase: ' 'battery 0815\r' \
	    --answer 'New passphrase: ' '\r' sentinel-keys passphrase
	assert_failure 33
	opens new
}

@test "signals leave the terminal as it was and end the command as usual" {
	locked alice
	for signal in INT:130 TERM:143 HUP:129 QUIT:131; do
		rm -f "$LOG"
		# shellcheck disable=SC2016
		run alice terminal --log "$LOG" --run 'Passphrase: ' \
		    'kill -'${signal%:*}' "$PID"' \
		    "$SENTINEL_BIN/sentinel-keys" show
		assert_failure "${signal#*:}"
		assert_equal "$(prompts | tail -n 1)" "true ${signal#*:}"
	done
	# from the keyboard, with something typed already
	rm "$LOG"
	run alice terminal --log "$LOG" --answer 'Passphrase: ' 'staple\x03' \
	    "$SENTINEL_BIN/sentinel-keys" show
	assert_failure 130
	assert_equal "$(prompts | tail -n 1)" 'true 130'
	refute_output --partial staple
}

@test "stopped and continued it asks again" {
	locked alice
	run alice terminal --log "$LOG" --answer 'Passphrase: ' 'stap\x1a' \
	    --answer 'Passphrase: ' 'staple 4711\r' \
	    "$SENTINEL_BIN/sentinel-keys" show --get name
	assert_success
	assert_output $'Passphrase: \nPassphrase: \nalice'
	assert_equal "$(jq -c 'select(.stopped)' "$LOG")" \
	    '{"stopped":20,"echo":true}'
}

@test "started in the background it waits, and finds the mode of its turn" {
	locked alice
	# shellcheck disable=SC2016
	run alice terminal --log "$LOG" --answer 'Passphrase: ' \
	    'staple 4711\r' dash -mc '
	    stty -echo
	    "$SENTINEL_BIN/sentinel-keys" show --get name &
	    until grep -q "^State:.T" /proc/$!/status; do sleep 0.02; done
	    stty echo
	    fg >/dev/null'
	assert_success
	assert_equal "${lines[-1]}" alice
	assert_equal "$(prompts)" $'Passphrase:  false\ntrue 0'
}

# --- trust on first use ----------------------------------------------------------

@test "yes on a terminal trusts a relay that nobody has vouched for" {
	key=${SENTINEL_RELAY#sentinel://}
	SENTINEL_RELAY=${SENTINEL_RELAY#*@} run alice terminal \
	    --stdout out --answer 'Trust this relay? [y/N] ' 'y\r' \
	    sentinel-register alice
	assert_success
	assert_output --partial "${key%@*}"
	refute_output --partial warning
	assert_equal "$(jq -r '.relay | .trust + " " + .address' out)" \
	    "first_use $SENTINEL_RELAY"
	# it is pinned now
	SENTINEL_RELAY=${SENTINEL_RELAY#*@} run alice terminal \
	    sentinel-register alice --get relay.trust
	assert_output pinned
}

@test "anything else does not, and leaves nothing behind: 11" {
	export SENTINEL_RELAY=${SENTINEL_RELAY#*@}
	for keys in 'n\r' '\r' 'Y\r' 'yess\r' 'yes please\r' '\x04'; do
		run alice terminal --answer 'Trust this relay? [y/N] ' \
		    "$keys" sentinel-register alice
		assert_failure 11
		assert_output --partial '[relay_untrusted]'
		[ ! -e "$KEY" ]
	done
	run alice terminal --answer 'Trust this relay? [y/N] ' 'yes\r' \
	    sentinel-register alice
	assert_success
}

@test "the relay is not kept waiting for the answer" {
	local bare=${SENTINEL_RELAY#*@}

	# it comes back under the same key while the user thinks
	# shellcheck disable=SC2016
	SENTINEL_RELAY=$bare run alice terminal \
	    --run 'Trust this relay? [y/N] ' 'kill '"$RELAY_PID" \
	    --answer '' 'y\r' sentinel-register alice --timeout 0.5
	assert_failure 10
	relay_gone
	relay_restart
	# another one under another key is not the one the user trusts
	before=$RELAY_PID
	mkdir other
	SENTINEL_RELAY=$bare run alice terminal \
	    --run 'Trust this relay? [y/N] ' '
	    kill '"$before"'; while kill -0 '"$before"'; do sleep 0.05; done
	    "$SENTINEL_BIN/sentinel-relay" -l "'"$RELAY_LISTEN"'" --key other/key \
	        --store sqlite:other/db >other/ready 2>other/log & echo $! >other/pid
	    until [ -s other/ready ]; do sleep 0.05; done' \
	    --answer '' 'y\r' sentinel-register alice
	kill "$(cat other/pid)"
	relay_gone
	assert_failure 11
	[ ! -e "$KEY" ]
}

@test "without a terminal the key is in the hint: 11" {
	key=${SENTINEL_RELAY#sentinel://}
	export SENTINEL_RELAY=${SENTINEL_RELAY#*@}
	fault 11 relay_untrusted alice sentinel-register alice
	jq -r .hint <<<"$stderr" | grep -qF -- "sentinel://${key%@*}@"
	run alice terminal --stdin /dev/null sentinel-register alice
	assert_failure 11
	refute_output --partial 'Trust this relay?'
	[ ! -e "$KEY" ]
}

# --- verify ----------------------------------------------------------------------

@test "verify asks for the number on a terminal" {
	register alice bob
	alice sentinel-keys fetch "$bob_id"
	number=$(alice sentinel-keys fingerprint bob --get safety_number)
	groups=$(fold -w 5 <<<"$number" | paste -sd ' ')
	run alice terminal --answer 'The number that bob reads out: ' \
	    "$groups\\r" sentinel-keys verify bob --get status,verified
	assert_success
	assert_line --partial "    ${groups:0:23}"
	assert_line 'verified	true'
	alice sentinel-keys verify --unverify bob
	run alice terminal --answer 'reads out: ' "${number/[0-8]/9}\\r" \
	    sentinel-keys verify bob
	assert_failure 23
	for keys in '123\r' '\r' '\x04'; do
		run alice terminal --answer 'reads out: ' "$keys" \
		    sentinel-keys verify bob
		assert_failure 2
	done
	fault 2 usage alice sentinel-keys verify bob
	fault 2 usage alice sentinel-keys verify --unverify bob "$number"
	assert_equal "$(alice sentinel-keys show bob --get verified)" false
}

# --- what it protects ------------------------------------------------------------

# what alice's key file must not show, in hex: keys, names, address, a text
hidden() {
	local pk key=${SENTINEL_RELAY#sentinel://}

	for pk in "$(alice sentinel-keys show --get public_key_base64)" \
	    "$(alice sentinel-keys show barbarossa --get public_key_base64)" \
	    "$(tr '_-' '/+' <<<"${key%@*}=")"; do
		base64 -d <<<"$pk" | head -c 32 | xxd -p -c 32
	done
	for text in 'plain text' 127.0.0.1 "${RELAY_LISTEN##*:}" sentinel: \
	    alice barbarossa; do
		printf %s "$text" | xxd -p
	done
}

# conceals FILE: nothing that stands in hidden is in the key file
conceals() {
	[ "$(wc -l <hidden)" -ge 9 ]
	cat "$1" "$1"-journal | xxd -p | tr -d '\n' >all
	while read -r hex; do
		[ ${#hex} -ge 10 ]
		! grep -qi -- "$hex" all || fail "$1 shows $hex"
	done <hidden
}

@test "handshake, messages and sends at once with a passphrase on both sides" {
	export SENTINEL_PASSPHRASE_FILE=old
	locked alice
	locked barbarossa
	handshake alice barbarossa
	pids=()
	for i in 1 2 3 4; do
		start alice sentinel-send barbarossa -m "plain text $i"
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	run as barbarossa sentinel-pull --get body
	assert_success
	assert_equal "$(sort <<<"$output")" "$(printf 'plain text %d\n' 1 2 3 4)"
	as barbarossa sentinel-send alice -m 'plain text'
	# it stays in the inbox
	alice sentinel-pull --type key_request
	hidden >hidden
	conceals "$KEY"
	run alice sentinel-pull --get body
	assert_output 'plain text'
}

@test "set late, it hides what the key file showed before, and all of it" {
	handshake alice barbarossa
	alice sentinel-send barbarossa -m 'first plain text'
	as barbarossa sentinel-send alice -m 'second plain text'
	alice sentinel-pull --type key_request
	hidden >hidden
	sqlite3 "$KEY" 'SELECT hex(dek_box) FROM self' >>hidden
	run conceals "$KEY"
	assert_failure
	alice sentinel-keys passphrase --new-passphrase-file old
	conceals "$KEY"
	run alice sentinel-pull --passphrase-file old --get body
	assert_output 'second plain text'
}

@test "the passphrase is in no argument, environment, log or note" {
	locked alice
	# both kinds of source, while the command runs
	start alice "$SENTINEL_BIN/sentinel-pull" -v -w 30 \
	    --passphrase-file old >out 2>err
	one=$!
	mkfifo fifo
	start alice "$SENTINEL_BIN/sentinel-keys" show -v \
	    --passphrase-fd 5 >>out 2>>err 5<>fifo
	two=$!
	until [ -e "$KEY.pull" ]; do sleep 0.05; done
	printf 'staple ' >fifo
	for pid in $one $two; do
		until grep -q passphrase "/proc/$pid/cmdline"; do
			sleep 0.02
		done
		cat "/proc/$pid/cmdline" >>seen
		# which root alone may read
		[ "$(id -u)" != 0 ] || cat "/proc/$pid/environ" >>seen
	done
	[ "$(tr '\0' '\n' <seen | grep -c -- --passphrase)" = 2 ]
	kill $two
	wait $two || true
	run --separate-stderr show -v --passphrase-file old
	assert_success
	printf '%s\n' "$stderr" >>err
	fault 33 passphrase show -v --passphrase-file wrong
	printf '%s\n' "$stderr" >>err
	kill $one
	wait $one || true
	[ -s err ]
	refute grep -aE 'staple|something else' seen err out \
	    "$BATS_TEST_TMPDIR/relay.log" "$RELAY_STORE"*
}
