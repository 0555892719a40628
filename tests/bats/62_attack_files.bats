#!/usr/bin/env bats
# Peers and relays that send files as no honest client would: never a file
# that is not whole, nothing outside the directory, nothing replaced, one
# record that says why.

load helper
load tools

# pia is an independent client (tests/tools/pyclient.py) that has shaken hands
# with bob, and goes wrong from then on (tests/tools/filesender.py)
pia() {
	"$TOOLS/pyclient.py" --state "$BATS_TEST_TMPDIR/pia.json" "$@" 3>&-
}

evil() {
	"$TOOLS/filesender.py" --state "$BATS_TEST_TMPDIR/pia.json" bob "$@" 3>&-
}

setup() {
	relay_start
	register bob
	pia_id=$(pia register "$SENTINEL_RELAY" pia | jq -r .id)
	pia fetch bob >/dev/null
	pia request bob >/dev/null
	bob sentinel-pull -w 10 -n 1 --type key_request >/dev/null
	bob sentinel-keys fetch "$pia_id" >/dev/null
	bob sentinel-keys send "$pia_id" >/dev/null
	pia pull --wait 10 >/dev/null
	pia send-key bob >/dev/null
	bob sentinel-pull -w 10 -n 1 --type key_received >/dev/null
	IN=$BATS_TEST_TMPDIR/in
	ALL=$BATS_TEST_TMPDIR/all
}

# all the records there are to pull, the status ignored
take() {
	bob sentinel-pull -o "$IN" "$@" >"$ALL" 2>/dev/null || :
}

# what the records say, one a line
said() {
	jq -r '[.type, .name, .error | values] | join(" ")' "$ALL" | sort
}

@test "chunks in no order, twice, before the manifest: the file" {
	evil honest reversed early_chunks mixed >"$BATS_TEST_TMPDIR/sent"
	take
	# one box of mixed was put under the id of the other file
	[ "$(said)" = "file a.bin
file b.bin
file early_chunks.bin
file honest.bin
file reversed.bin
undecryptable undecryptable" ]
	jq -r 'select(.type == "file") | "\(.blake2b)  \(.path)"' "$ALL" |
	    b2sum -c --quiet
	[ "$(jq -r .blake2b "$BATS_TEST_TMPDIR/sent" | sort)" = \
	    "$(jq -r '.blake2b | values' "$ALL" | sort)" ]
	[ "$(ls -A "$IN" | wc -l)" = 5 ]
	take
	[ "$(said)" = '' ]
}

@test "what the sender does wrong ends the file, and is told once" {
	for scenario in bad_digest:damaged swapped:damaged \
	    other_size:malformed other_count:malformed never_final:malformed \
	    final_early:malformed short_chunk:malformed long_chunk:malformed \
	    past_end:malformed far_index:malformed \
	    unknown_two_finals:malformed unknown_not_padded:malformed; do
		evil "${scenario%:*}" >/dev/null
		take
		[ "$(said)" = \
		    "file_offer ${scenario%:*}.bin ${scenario#*:}" ] ||
		    fail "$scenario: $(cat "$ALL")"
		[ "$(ls -A "$IN")" = '' ] || fail "$scenario: $(ls -A "$IN")"
		take
		[ "$(said)" = '' ]
	done
}

@test "what lacks something never gets its name" {
	evil no_end truncated no_manifest >/dev/null
	take
	[ "$(said)" = '' ]
	[ "$(ls "$IN")" = '' ]
	# one that came without a chunk has nothing to keep
	[ "$(ls -A "$IN" | wc -l)" = 6 ]
	# nothing for 30 days
	sqlite3 "$BATS_TEST_TMPDIR/bob.key" \
	    'UPDATE files SET at = at - 31 * 86400000 WHERE direction = 2'
	take
	[ "$(said)" = "file_offer no_end.bin expired
$(printf 'file_offer truncated-%d.bin expired\n' {0..5})" ]
	[ "$(ls -A "$IN")" = '' ]
}

@test "forged boxes change nothing, and are told once" {
	evil forged garbage >/dev/null
	take
	[ "$(said)" = "file forged.bin
undecryptable malformed
undecryptable undecryptable" ]
	jq -r 'select(.type == "file") | "\(.blake2b)  \(.path)"' "$ALL" |
	    b2sum -c --quiet
}

@test "a size that is a lie costs nothing" {
	evil huge >/dev/null
	run --separate-stderr bob sentinel-pull -o "$IN"
	assert_failure 34
	assert_output ''
	[ "$(ls -A "$IN")" = '' ]
	# it stays at the relay, and is in nobody's way
	pia send bob <<<hello >/dev/null
	evil honest >/dev/null
	take
	[ "$(jq -r .type "$ALL" | sort | xargs)" = 'file message' ]
	bob sentinel-pull -o "$IN" --max-file-size 1T >"$ALL"
	[ "$(said)" = 'file_offer huge.bin too_large' ]
	bob sentinel-pull -o "$IN" >"$ALL"
	[ "$(said)" = '' ]
}

@test "manifests that are malformed are told, and no more" {
	evil malformed >/dev/null
	run --separate-stderr bob sentinel-pull -o "$IN"
	assert_failure 24
	[ "$(field .error | sort | uniq -c | xargs)" = '8 malformed' ]
	[ "$(ls -A "$IN")" = '' ]
}

@test "more than 60 hostile names: one directory, no control character" {
	mkdir "$BATS_TEST_TMPDIR/box"
	cd "$BATS_TEST_TMPDIR/box"
	touch ../stamp
	evil names >"$BATS_TEST_TMPDIR/sent"
	n=$(wc -l <"$BATS_TEST_TMPDIR/sent")
	[ "$n" -ge 60 ]
	# as offers, whose names the schema checks as well
	bob sentinel-pull >"$ALL"
	[ "$(jq -r .type "$ALL" | sort | uniq -c | xargs)" = "$n file_offer" ]
	assert_tame <"$ALL"
	bob sentinel-pull -o in >"$ALL"
	[ "$(jq -r .type "$ALL" | sort | uniq -c | xargs)" = "$n file" ]
	[ "$(ls -A)" = in ]
	[ "$(find in -type f -perm 0600 | tr -dc '\n' | wc -l)" = "$n" ]
	[ "$(find in ! -type f | wc -l)" = 1 ]
	/usr/bin/python3 - <<-'EOF'
		import os, unicodedata
		for name in os.listdir(b"in"):
		    text = name.decode()
		    assert not text.startswith((".", "-")), name
		    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")
		                   for c in text), name
	EOF
	assert_tame <"$ALL"
	# nowhere else, either
	[ "$(find "$BATS_TEST_TMPDIR" -newer ../stamp -name 'x' -o \
	    -name authorized_keys -o -name pwn | grep -v /box/in/ || :)" = '' ]
}

@test "nothing is replaced or followed, whatever waits under the name" {
	mkdir -p "$IN/honest-1.bin"
	echo old >"$BATS_TEST_TMPDIR/outside"
	ln -s ../outside "$IN/honest.bin"
	mkfifo "$IN/honest-2.bin"
	ln -s /nonexistent "$IN/honest-3.bin"
	echo mine >"$IN/honest-4.bin"
	chmod 0400 "$IN/honest-4.bin"
	evil honest >/dev/null
	take
	[ "$(jq -r .path "$ALL")" = "$IN/honest-5.bin" ]
	jq -r '"\(.blake2b)  \(.path)"' "$ALL" | b2sum -c --quiet
	[ "$(cat "$BATS_TEST_TMPDIR/outside") $(cat "$IN/honest-4.bin")" = \
	    'old mine' ]
	[ ! -e /nonexistent ]
	[ -p "$IN/honest-2.bin" ]
}

@test "a partial file that was exchanged is neither followed nor waited for" {
	local outside=$BATS_TEST_TMPDIR/outside part from to pid

	for make in true "ln -sf $outside" "ln -f $outside" mkfifo mkdir; do
		echo old >"$outside"
		coproc { evil paused; }
		from=${COPROC[0]} to=${COPROC[1]} pid=$COPROC_PID
		read -r -t 30 -u "$from"
		take
		part=$(echo "$IN"/.sentinel-*.part)
		[ -f "$part" ]
		[ "$make" = true ] || rm "$part"
		$make "$part"
		# the rest of it comes
		echo >&"$to"
		wait "$pid"
		timeout 10 "$SENTINEL_BIN/sentinel-pull" \
		    -k "$BATS_TEST_TMPDIR/bob.key" -o "$IN" >"$ALL" || :
		# a directory is in its way, once
		bob sentinel-pull -o "$IN" >>"$ALL"
		[ "$(cat "$outside")" = old ]
		[ "$make" != true ] || [ "$(said)" = 'file paused.bin' ]
		[ "$make" = true ] ||
		    [ "$(said)" = 'file_offer paused.bin part_lost' ]
		rm -r "$IN"
	done
}
