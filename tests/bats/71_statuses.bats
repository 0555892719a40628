#!/usr/bin/env bats
# Every exit status of sentinel(7), made to happen twice: with its JSON error,
# and in words on a terminal.

load helper
load tools

setup() {
	who=alice
	options=()
	cd "$BATS_TEST_TMPDIR"
	umask 077
	relay_start
}

# row STATUS CODE RETRYABLE: run what setup_CODE, called before each of the
# two, leaves in command (as who, on a terminal with options)
row() {
	"setup_$2"
	fault "$1" "$2" as "$who" "${command[@]}"
	last=$(tail -n 1 <<<"$stderr")
	assert_equal "$(jq .retryable <<<"$last")" "$3"
	tool=$(jq -r .tool <<<"$last")
	"setup_$2"
	run as "$who" terminal "${options[@]}" -- "${command[@]}"
	assert_failure "$1"
	if [ "$(jq -r .hint <<<"$last")" != null ]; then
		assert_line --index -1 --regexp '^hint: .+'
		unset 'lines[-1]'
	fi
	[[ ${lines[-1]} =~ ^$tool:\ .+\ \[$2\]$ ]] || fail "told: ${lines[-1]}"
	refute_output --partial '"type":"error"'
}

# spoilt N: alice has written two texts to bob, of which the last N are spoilt
spoilt() {
	[ -e bob.key ] || handshake
	alice sentinel-send bob -m one >/dev/null
	alice sentinel-send bob -m two >/dev/null
	relay_stop
	relay_sql "UPDATE messages SET content = randomblob(length(content))
	    WHERE ID IN (SELECT ID FROM messages ORDER BY ID DESC LIMIT $1)"
	relay_restart
	who=bob command=(sentinel-pull)
}

@test "ok: 0" {
	alice sentinel-register alice
	run --separate-stderr alice sentinel-clients
	assert_success
	assert_equal "$output$stderr" ''
	run alice terminal -- sentinel-clients
	assert_success
	assert_output ''
}

# starve COMMAND: once it has asked for its passphrase, 32 MiB more are too
# much for it; half of what a passphrase takes
starve() {
	local pid pages

	"$@" --passphrase-file fifo &
	pid=$!
	exec 6>fifo
	read -r pages _ <"/proc/$pid/statm"
	prlimit --pid "$pid" --as=$((pages * $(getconf PAGESIZE) + (32 << 20)))
	cat word >&6
	exec 6>&-
	wait "$pid"
}
export -f starve

setup_internal() {
	echo word >word
	[ -e fifo ] || mkfifo fifo
	[ -e alice.key ] ||
	    alice sentinel-register alice --new-passphrase-file word
	command=(bash -c 'starve "$SENTINEL_BIN/sentinel-keys" show')
}

@test "internal: 1, out of memory" {
	row 1 internal false
}

setup_usage() {
	command=(sentinel-send '')
}

@test "usage: 2" {
	row 2 usage false
}

setup_partial() {
	spoilt 1
}

@test "partial: 3, one of two does not decrypt" {
	row 3 partial false
}

setup_timeout() {
	alice sentinel-register alice
	command=(sentinel-pull --wait 0.1)
}

@test "timeout: 4" {
	row 4 timeout true
}

setup_relay_unreachable() {
	[ -e alice.key ] || alice sentinel-register alice
	[ -z "$RELAY_PID" ] || relay_stop
	command=(sentinel-clients --timeout 0.2)
}

@test "relay_unreachable: 10, nobody listens" {
	row 10 relay_unreachable true
}

setup_relay_untrusted() {
	command=(sentinel-register alice --relay
	    "sentinel://AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE@$RELAY_LISTEN")
}

@test "relay_untrusted: 11, another key than that of the address" {
	row 11 relay_untrusted false
}

setup_relay_denied() {
	RELAY_OPTIONS=(--registration closed)
	relay_restart
	command=(sentinel-register alice)
}

@test "relay_denied: 12, registration is closed" {
	row 12 relay_denied false
}

setup_relay_busy() {
	[ -e alice.key ] || handshake
	relay_stop
	relay_sql 'UPDATE mailboxes SET nextMessage = 4294967295'
	relay_restart
	command=(sentinel-send bob -m x)
}

@test "relay_busy: 13, the mailbox takes no more" {
	row 13 relay_busy true
}

setup_protocol() {
	register alice bob
	relay_stop
	relay_sql "UPDATE clients SET publicKey = randomblob(160)
	    WHERE userName = 'bob'"
	relay_restart
	command=(sentinel-keys fetch bob)
}

@test "protocol: 14, a bundle that does not hold" {
	row 14 protocol false
}

setup_unknown_peer() {
	register alice
	command=(sentinel-send nobody -m x)
}

@test "unknown_peer: 20" {
	row 20 unknown_peer false
}

setup_no_session() {
	register alice bob
	alice sentinel-keys fetch bob
	command=(sentinel-send bob -m x)
}

@test "no_session: 21" {
	row 21 no_session false
}

setup_peer_key_changed() {
	register alice bob
	[ -e pinned ] || alice sentinel-keys fetch bob >pinned
	relay_stop
	relay_sql "DELETE FROM clients WHERE userName = 'bob'"
	rm bob.key*
	relay_restart
	register bob
	command=(sentinel-keys fetch bob)
}

@test "peer_key_changed: 22, another identity under the name" {
	row 22 peer_key_changed false
}

setup_peer_not_verified() {
	register alice bob
	alice sentinel-keys fetch bob
	command=(sentinel-keys verify bob "$(printf '1%.0s' {1..60})")
}

@test "peer_not_verified: 23, another number" {
	row 23 peer_not_verified false
}

setup_undecryptable() {
	spoilt 2
}

@test "undecryptable: 24, none decrypts" {
	row 24 undecryptable false
}

setup_keyfile_missing() {
	command=(sentinel-pull)
}

@test "keyfile_missing: 30" {
	row 30 keyfile_missing false
}

setup_locked() {
	[ ! -e alice.key ] || return 0
	register alice
	start alice sentinel-pull --wait 30
	until [ -e alice.key.pull ] &&
	    grep -q ":$(stat -c %i alice.key.pull) " /proc/locks; do
		sleep 0.02
	done
	command=(sentinel-pull)
}

@test "locked: 31, another one fetches" {
	row 31 locked true
}

setup_keyfile_corrupt() {
	head -c 8192 /dev/urandom >alice.key
	command=(sentinel-keys list)
}

@test "keyfile_corrupt: 32" {
	row 32 keyfile_corrupt false
}

setup_passphrase() {
	echo word >word
	echo other >other
	[ -e alice.key ] ||
	    alice sentinel-register alice --new-passphrase-file word
	command=(sentinel-keys list --passphrase-file other)
}

@test "passphrase: 33" {
	row 33 passphrase false
}

setup_io() {
	register alice
	command=(bash -c 'exec "$SENTINEL_BIN/sentinel-keys" show >/dev/full')
}

@test "io: 34, no space for the output" {
	row 34 io false
}

setup_exists() {
	register bob
	command=(sentinel-register bob)
}

@test "exists: 36, the name is taken" {
	row 36 exists false
}

setup_keyfile_insecure() {
	register alice
	chmod 640 alice.key
	command=(sentinel-keys list)
	# what was made open may be closed again
	register() { :; }
}

@test "keyfile_insecure: 37" {
	row 37 keyfile_insecure false
}

# --- signals ---------------------------------------------------------------------

# ends SIGNAL STATUS [OPTION...]: a command that waits, with nothing said
ends() {
	rm -f alice.key.pull
	run alice terminal "${@:3}" --run '' "
	    until [ -e alice.key.pull ]; do sleep 0.02; done
	    kill -$1 \$PID" "$SENTINEL_BIN/sentinel-pull" --wait 30
	assert_failure "$2"
	assert_output ''
}

@test "interrupted and terminated: 130, 143" {
	alice sentinel-register alice
	ends INT 130
	ends TERM 143
	: >out >err
	ends INT 130 --stdin /dev/null --stdout out --stderr err
	ends TERM 143 --stdin /dev/null --stdout out --stderr err
	assert_equal "$(cat out err)" ''
}

@test "nobody reads the output: 141" {
	alice sentinel-register alice
	mkfifo pipe
	exec 5<>pipe 6>pipe 5<&-
	run --separate-stderr alice bash -c \
	    'exec "$SENTINEL_BIN/sentinel-keys" show >&6'
	assert_failure 141
	assert_equal "$stderr" ''
	run alice terminal bash -c \
	    'exec "$SENTINEL_BIN/sentinel-keys" show >&6'
	assert_failure 141
	assert_output ''
	exec 6>&-
}

# --- none is forgotten -----------------------------------------------------------

@test "this file, the manual and the code have the same table" {
	{
		echo '0 ok false'
		sed -n 's/^	row \([0-9]* [a-z_]* [a-z]*\)$/\1/p' \
		    "$BATS_TEST_FILENAME"
	} | sort -n >here
	sed -n 's/^\.It \([0-9]*\) Ta \([a-z_]*\) Ta \([+\\]\).*/\1 \2 \3/p' \
	    "$ROOT/man/sentinel.7" | sed 's/+$/true/; s/\\$/false/' >manual
	diff here manual
	{
		echo '0 ok false'
		# shellcheck disable=SC2016
		sed -nE 's/^	X\(ERR_[A-Z_]+, *-[0-9]+, "([a-z_]+)", *([0-9]+), (true|false), .*/\2 \1 \3/p' \
		    "$ROOT/lib/base/err.h"
	} | sort -nu >code
	diff here code
	[ "$(wc -l <here)" -ge 22 ]
}
