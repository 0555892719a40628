#!/usr/bin/env bats
# G2: the commands and the relay under memcheck: no error, and nothing that is
# lost at the end.  The relay's sandbox is off, for valgrind makes calls of its
# own.

load ../bats/helper
load ../bats/tools

setup() {
	local real=$SENTINEL_BIN command

	export SENTINEL_BIN=$BATS_TEST_TMPDIR/bin REPORTS=$BATS_TEST_TMPDIR/vg
	mkdir "$SENTINEL_BIN" "$REPORTS"
	for command in "$real"/sentinel-*; do
		cat >"$SENTINEL_BIN/${command##*/}" <<-END
			#!/bin/sh
			exec valgrind -q --error-exitcode=99 --leak-check=full \
			    --errors-for-leak-kinds=definite \
			    --log-file="$REPORTS/${command##*/}.%p" \
			    "$command" "\$@"
		END
		chmod +x "$SENTINEL_BIN/${command##*/}"
	done
	cd "$BATS_TEST_TMPDIR" || return
	umask 077
	relay_start --sandbox off --bind-timeout 60s
}

# nothing_found N: valgrind has watched so many processes, or more, and found
# nothing in any; that it does not know openat2(2) stands in lines of --
nothing_found() {
	local reports=("$REPORTS"/*)

	[ "${#reports[@]}" -ge "$1" ]
	run grep -h '^==' "${reports[@]}"
	refute_output
}

@test "G2 the ten steps, one command each: no error, no leak" {
	"$ROOT/examples/ten-steps.sh" "$SENTINEL_RELAY" >out 3>&-
	grep -q '/in/report.txt: OK$' out
	relay_stop
	nothing_found 19
}

@test "G2 keys that are exchanged by pulls, text, file, restart" {
	handshake
	alice sentinel-send bob -m 'a text' >/dev/null
	[ "$(bob sentinel-pull -w 20 -n 1 --type message --get body)" = 'a text' ]
	head -c 300000 /dev/urandom >file
	alice sentinel-sendfile bob file >/dev/null
	bob sentinel-pull -w 20 -n 1 --type file -o in >/dev/null
	cmp file in/file
	relay_restart
	bob sentinel-status --check >/dev/null
	fault 20 unknown_peer alice sentinel-send nobody -m x
	relay_stop
	nothing_found 14
}

@test "G2 a passphrase, a batch, a backup and what it brings back" {
	local batch='{"to":"bob","body":"one"}
		{"to":"nobody","body":"two"}
		{"to":"bob"'

	printf 'horse 1234\n' >secret
	printf 'something else\n' >wrong
	handshake
	alice sentinel-send --batch <<<"$batch" >/dev/null 2>&1 || [ $? = 3 ]
	bob sentinel-pull -- cat >/dev/null
	alice sentinel-keys backup kept --new-passphrase-file secret >/dev/null
	rm "$BATS_TEST_TMPDIR"/alice.key*
	alice sentinel-keys restore kept --passphrase-file secret >/dev/null
	fault 33 passphrase alice sentinel-keys list --passphrase-file wrong
	alice sentinel-keys list --passphrase-file secret >/dev/null
	relay_stop
	nothing_found 14
}
