#!/usr/bin/env bats
# Files, from one end to the other, through kills and restarts.

load helper
load tools
load files

setup() {
	relay_start
	handshake
	cd "$BATS_TEST_TMPDIR"
	mkdir box
}

# random BYTES FILE
random() {
	head -c "$1" /dev/urandom >"$2"
}

# take [OPTION...]: all that waits for bob into in/, the records into all
take() {
	bob sentinel-pull -o in "$@" >all
}

# every file that a record of all tells of is what it says
check_sums() {
	jq -r 'select(.type == "file") | "\(.blake2b)  \(.path)"' all |
	    b2sum -c --quiet
}

# So many MiB of pieces are at the relay.
holds() {
	[ "$(du -sk "$RELAY_STORE.files" | cut -f 1)" -ge $(($1 * 1024)) ]
}

# kill_soon MS PID: once it has run for so long, if it still does
kill_soon() {
	sleep "0.$(printf %03d "$((10#$1))")"
	kill -KILL "$2" 2>/dev/null || :
	wait "$2" 2>/dev/null || :
}

@test "files of 0, 1, a chunk less one, a chunk, a chunk and one bytes" {
	for n in 0 1 262143 262144 262145 700000; do
		random $n box/f$n
	done
	run alice sentinel-sendfile bob box/*
	assert_success
	[ "$(field '"\(.blake2b)  \(.path)"' | b2sum -c --quiet)" = '' ]
	[ "$(field '[.name, .size_bytes, .chunks, .resumed_bytes] | join(" ")')" = \
	    "f0 0 1 0
f1 1 1 0
f262143 262143 1 0
f262144 262144 1 0
f262145 262145 2 0
f700000 700000 3 0" ]
	ids=$(field .id | sort)
	take
	check_sums
	no_parts
	[ "$(jq -r .id all | sort)" = "$ids" ]
	[ "$(jq -r .name all | xargs)" = \
	    'f0 f1 f262143 f262144 f262145 f700000' ]
	diff -r box in
	[ "$(stat -c %a in in/f1 | xargs)" = '700 600' ]
	run bob sentinel-pull -o in
	assert_output ''
}

@test "64 MiB, and no more than 32 MiB of memory on either side" {
	local limit=32768

	# a sanitizer keeps what was given back: not much of it
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=4
	case $SENTINEL_BIN in */tsan/*) limit=262144 ;; esac
	random 67108864 big
	peak() {
		"$SENTINEL_TOOLS/peak" "$@" 3>&-
	}
	for who in alice bob; do printf -v $who %s "$PWD/$who.key"; done
	peak "$SENTINEL_BIN/sentinel-sendfile" -k "$alice" bob big >sent 2>used
	[ "$(tail -n 1 used)" -le "$limit" ]
	peak "$SENTINEL_BIN/sentinel-pull" -k "$bob" -o in >all 2>used
	[ "$(tail -n 1 used)" -le "$limit" ]
	check_sums
	cmp big in/big
}

@test "a stream of unknown length, without a temporary file" {
	mkdir box/dir
	random 3000000 box/dir/a
	echo b >box/dir/b
	tar c box | TMPDIR=/nonexistent alice sentinel-sendfile bob - -n dir.tar >sent
	[ "$(jq -r '[.path, .name] | join(" ")' sent)" = '- dir.tar' ]
	: | alice sentinel-sendfile bob - -n empty >/dev/null
	random 262144 chunk
	alice sentinel-sendfile bob - -n chunk <chunk >/dev/null
	take
	check_sums
	[ "$(jq -r .blake2b sent)" = \
	    "$(jq -r 'select(.name == "dir.tar") | .blake2b' all)" ]
	mkdir out
	tar xf in/dir.tar -C out
	diff -r box out/box
	cmp chunk in/chunk
	[ ! -s in/empty ]
	fault 2 usage alice sentinel-sendfile bob - <chunk
	fault 2 usage alice sentinel-sendfile bob - - -n x <chunk
	# no input is not an empty one
	for c in 'sendfile bob - -n x' 'send bob'; do
		fault 34 io timeout 10 bash -c \
		    "exec '$SENTINEL_BIN'/sentinel-$c -k alice.key <&-"
	done
}

@test "several recipients at once, and one who is not there" {
	handshake alice carol
	random 600000 f
	run alice sentinel-sendfile bob -t carol f
	assert_success
	[ "$(field .to.name | xargs)" = 'bob carol' ]
	take
	cmp f in/f
	carol sentinel-pull -o in-carol >/dev/null
	cmp f in-carol/f
	# they share no key: each has its own
	run --separate-stderr alice sentinel-sendfile bob -t nobody f
	assert_failure 3
	[ "$(field '[.status, .to.name, .error.code | values] | join(" ")')" = \
	    'accepted bob
failed nobody unknown_peer' ]
	run --separate-stderr alice sentinel-sendfile bob missing f
	assert_failure 3
	[ "$(field '[.status, .path, .error.code | values] | join(" ")')" = \
	    'failed missing io
accepted f' ]
	fault 20 unknown_peer alice sentinel-sendfile nobody f
	fault 23 peer_not_verified alice sentinel-sendfile --require-verified bob f
	register dave
	alice sentinel-keys fetch dave >/dev/null
	fault 21 no_session alice sentinel-sendfile dave f
}

@test "what is no regular file is refused, not waited for" {
	mkfifo fifo
	fault 2 usage timeout 10 "$SENTINEL_BIN/sentinel-sendfile" -k alice.key bob fifo
	fault 2 usage alice sentinel-sendfile bob box
	fault 2 usage alice sentinel-sendfile bob /dev/zero
	fault 34 io alice sentinel-sendfile bob missing
	fault 2 usage alice sentinel-sendfile bob box -n ''
	fault 2 usage alice sentinel-sendfile bob fifo box -n x
	run alice sentinel-sendfile bob
	assert_failure 2
	run bob sentinel-pull
	assert_output ''
}

@test "a file that changes while it is sent is no file" {
	random 4000000 f
	start alice sentinel-sendfile bob f --rate 2M
	pid=$!
	until_true holds 1
	echo more >>f
	status=0
	wait $pid || status=$?
	[ $status = 34 ]
	take
	[ ! -s all ]
	[ "$(ls in)" = '' ]
	alice sentinel-sendfile bob f >sent
	[ "$(jq .resumed_bytes sent)" = 0 ]
	take
	cmp f in/f
}

@test "without -o it is offered, and texts flow on" {
	random 3000000 f
	alice sentinel-sendfile bob f >/dev/null
	alice sentinel-send bob -m hi >/dev/null
	run bob sentinel-pull --type message --get body
	assert_output hi
	run bob sentinel-pull --type file
	[ "$(field '[.type, .name, .size_bytes] | join(" ")')" = \
	    'file_offer f 3000000' ]
	run bob sentinel-pull
	assert_output ''
	alice sentinel-sendfile bob - -n g <f >/dev/null
	bob sentinel-pull --type message
	# without -o, but the offer of g was not printed, and need not be any more
	run bob sentinel-pull --type file -o in
	[ "$(field '[.type, .name] | join(" ")')" = 'file f
file g' ]
	cmp f in/f
	cmp f in/g
}

@test "waiting: for a file that has still to come whole" {
	start bob sentinel-pull -w 20 -n 1 --type file -o in --get path
	pid=$!
	random 3000000 f
	alice sentinel-sendfile bob f --rate 8M >/dev/null
	wait $pid
	cmp f in/f
	fault 4 timeout bob sentinel-pull -w 0.2 -o in
	# texts as well, while chunks are looked for
	start bob sentinel-pull -w 20 -n 1 -o in --get body
	pid=$!
	alice sentinel-send bob -m hi >/dev/null
	wait $pid
}

@test "two files in turn from two senders" {
	handshake carol bob
	random 3000000 a
	random 3000000 b
	start alice sentinel-sendfile bob a --rate 16M
	one=$!
	start carol sentinel-sendfile bob b --rate 16M
	two=$!
	wait $one $two
	take
	check_sums
	cmp a in/a
	cmp b in/b
}

@test "names: -n, what exists stays" {
	echo one >f
	alice sentinel-sendfile bob f -n ../../x.tar.gz >/dev/null
	alice sentinel-sendfile bob f -n x.tar.gz >/dev/null
	mkdir in
	echo mine >in/x.tar.gz
	take
	[ "$(jq -r '[.name, .path] | join(" ")' all)" = \
	    "x.tar-1.gz $PWD/in/x.tar-1.gz
x.tar-2.gz $PWD/in/x.tar-2.gz" ]
	[ "$(cat in/x.tar.gz)" = mine ]
}

@test "--max-file-size refuses, of a known size and of a stream" {
	random 1000000 f
	alice sentinel-sendfile bob f >/dev/null
	alice sentinel-sendfile bob - -n s <f >/dev/null
	echo small >g
	alice sentinel-sendfile bob g >/dev/null
	take --max-file-size 512K
	[ "$(jq -r '[.type, .name, .error | values] | join(" ")' all)" = \
	    'file g
file_offer f too_large
file_offer s too_large' ] || [ "$(jq -r '[.type, .name, .error | values] | join(" ")' all | sort)" = \
	    'file g
file_offer f too_large
file_offer s too_large' ]
	no_parts
	# their chunks are gone
	run bob sentinel-pull -o in
	assert_output ''
	relay_stop
	[ "$(relay_sql 'SELECT count(*) FROM messages')" = 0 ]
}

@test "a stream past --max-file-size is refused while it still comes" {
	mkfifo endless
	exec 9<>endless
	start alice sh -c 'exec sentinel-sendfile bob - -n endless <endless' \
	    >/dev/null 9>&-
	head -c 2000000 /dev/zero >&9
	run bob sentinel-pull -o in --max-file-size 512K -w 10 -n 1 \
	    --get name,error
	assert_output 'endless	too_large'
	no_parts
	exec 9>&-
}

@test "another directory: nothing is lost, and it is said" {
	random 40000000 f
	alice sentinel-sendfile bob f >/dev/null
	# a witness may be gone before its command is
	"$SENTINEL_BIN/sentinel-pull" -k bob.key -o in >/dev/null 3>&- &
	pid=$!
	for ((i = 0; i < 500; i++)); do
		ls in/.*.part >/dev/null 2>&1 && break
		sleep 0.01
	done
	kill_soon 150 $pid
	if [ ! -e in/f ]; then
		run --separate-stderr bob sentinel-pull -o other
		assert_success
		[ "$output" = '' ] || cmp f other/f
	fi
	bob sentinel-pull -o in >all
	[ -e other/f ] || cmp f in/f
}

@test "the sender killed: the same command goes on" {
	# more than is there at the last kill
	random 100663296 f
	kills=0
	for least in 24 44 64; do
		"$SENTINEL_BIN/sentinel-sendfile" -k alice.key bob f \
		    --rate 20M >sent 3>&- &
		until_true holds $least
		kill_soon 0 $!
		kills=$((kills + 1))
	done
	[ ! -s sent ]
	alice sentinel-sendfile bob f >sent
	[ "$(jq -r .resumed_bytes sent)" -ge 16777216 ]
	chunks=$(jq -r .chunks sent)
	take
	check_sums
	no_parts
	cmp f in/f
	[ "$(wc -l <all)" = 1 ]
	# a window again for each kill, at most: message ids count them
	relay_stop
	ids=$(relay_sql "SELECT max(nextMessage) FROM mailboxes")
	[ "$ids" -le $((chunks + kills * 64 + 20)) ]
	[ "$(sqlite3 alice.key 'SELECT count(*) FROM files')" = 0 ]
}

# resumed FILE [OPTION...]: how much of it need not be sent again
resumed() {
	alice sentinel-sendfile bob "$@" --get resumed_bytes
}

@test "the relay gone for good: noted, and gone on with if all is the same" {
	# less than a window, so that only the failure notes how far it is
	random 12000000 f
	start alice sentinel-sendfile bob f --rate 6M --timeout 0.5 \
	    --progress=json >sent 2>told
	pid=$!
	for ((n = 0; n < 500; n++)); do
		[ ! -s told ] || break
		sleep 0.02
	done
	relay_kill
	status=0
	wait $pid || status=$?
	[ $status = 10 ]
	[ ! -s sent ]
	relay_restart
	mtime=$(stat -c %y f)
	[ "$(resumed f --no-resume)" = 0 ]
	[ "$(resumed f -n other)" = 0 ]
	mv f g
	[ "$(resumed g)" = 0 ]
	[ "$(resumed g -n f)" = 0 ]
	mv g f
	touch f
	[ "$(resumed f)" = 0 ]
	touch -d "$mtime" f
	resumed=$(resumed f)
	[ "$resumed" -ge 1048576 ]
	[ "$resumed" -lt 12000000 ]
	[ "$(resumed f)" = 0 ]
	take
	check_sums
	[ "$(wc -l <all)" = 7 ]
	cmp f in/f
	no_parts
}

@test "forget: what has come of the peer's files is gone, another's is not" {
	handshake carol bob
	random 3000000 f
	# the window of each is noted, its END is still to come
	for who in alice carol; do
		start $who sentinel-sendfile bob f --rate 1M >/dev/null
	done
	for ((n = 0; n < 500; n++)); do
		bob sentinel-pull -o in >all
		[ "$(find in -name '.*.part' | wc -l)" -lt 2 ] || break
	done
	[ "$(ls -A in | wc -l)" = 2 ]
	bob sentinel-keys forget alice >/dev/null
	[ "$(ls -A in | wc -l)" = 1 ]
	wait "${STARTED[@]}"
	# the END is a stranger's
	bob sentinel-pull -o in --type file >all || [ $? = 3 ]
	[ "$(jq -r .from.name all)" = carol ]
	[ "$(ls -A in)" = f ]
	cmp f in/f
}

@test "the receiver killed: no name before it is whole, and all of it" {
	random 50331648 f
	alice sentinel-sendfile bob f >/dev/null
	: >all
	for ms in 030 080 130 180 230 280; do
		"$SENTINEL_BIN/sentinel-pull" -k bob.key -o in >>all 3>&- &
		kill_soon $ms $!
		[ ! -e in/f ] || [ "$(stat -c %s in/f)" = 50331648 ]
	done
	bob sentinel-pull -o in >>all
	jq -r 'select(.type == "file") | "\(.blake2b)  \(.path)"' all |
	    sort -u | b2sum -c --quiet
	cmp f in/f
	no_parts
	[ "$(ls -A in)" = f ]
}

# begun MS COMMAND...: killed after so long, if it has not ended
begun() {
	local ms=$1

	shift
	"$@" 3>&- &
	kill_soon "$ms" $!
}

@test "fifty files of 8 MiB, sender and receiver killed at random: all whole" {
	for n in {1..50}; do
		random 8388608 f
		begun $((RANDOM % 100)) \
		    "$SENTINEL_BIN/sentinel-sendfile" -k alice.key bob f >sent
		# it may have ended with a word
		[ -s sent ] || alice sentinel-sendfile bob f >sent
		begun $((RANDOM % 100)) \
		    "$SENTINEL_BIN/sentinel-pull" -k bob.key -o in >all
		[ ! -e in/f ] || cmp f in/f
		bob sentinel-pull -o in >>all
		check_sums
		cmp f in/f
		[ "$(ls -A in)" = f ]
		[ "$(jq -r .type all | sort -u)" = file ]
		rm in/f
	done
}

@test "the relay restarts, both sides go on by themselves" {
	proxy_start
	random 67108864 f
	through_restarts 0.3 24M
	most=$((67108864 / 20 * 21))
	# where the relay is slower than that, a window of 32 chunks again for each
	[[ $SENTINEL_BIN == */release*/bin ]] ||
	    most=$((67108864 + 5 * 33 * 262144))
	until_true proxy_total 67108864 $most
}

@test "a crash between the name and the word: told, not received again" {
	random 300000 f
	alice sentinel-sendfile bob f >/dev/null
	# stop at the first fsync after the rename
	strace -f -qq -e trace=renameat2 -e inject=renameat2:signal=KILL \
	    -o /dev/null "$SENTINEL_BIN/sentinel-pull" -k bob.key -o in \
	    >all 3>&- || :
	[ ! -s all ]
	take
	[ "$(jq -r '[.type, .name] | join(" ")' all)" = 'file f' ]
	check_sums
	[ "$(ls -A in)" = f ]
	run bob sentinel-pull -o in
	assert_output ''
}

@test "how far it is: lines of JSON, a bar on a terminal, or nothing" {
	random 12000000 f
	alice sentinel-sendfile bob f --rate 8M --progress=json >sent 2>told
	[ "$(jq -r .type told | sort -u)" = progress ]
	cp told "$WITNESS_DIR/progress"
	[ "$(jq -s 'map(.done_bytes) | . == sort and length >= 1' told)" = true ]
	[ "$(jq -s 'all(.total_bytes == 12000000)' told)" = true ]
	alice sentinel-sendfile bob f >sent 2>told
	[ ! -s told ]
	"$SENTINEL_BIN/sentinel-sendfile" -k alice.key bob f --rate 12M \
	    --progress=bar >sent 2>told
	grep -q 'f  .*MiB of 11.4 MiB  .*MiB/s  0:0. left' told
	[ "$(tail -c 4 told | od -An -tx1 | xargs)" = '0d 1b 5b 4b' ]
	name=$(printf 'ü%.0s' {1..100})
	LC_ALL=C script -qec "$SENTINEL_BIN/sentinel-sendfile -k alice.key bob f \
	    --rate 12M -n $name" /dev/null >told </dev/null
	# a name that is too wide gives way, and is wide as what is shown of it
	tr '\r' '\n' <told | grep 'MiB/s' >bars
	grep -Eq '^(\\u00fc)+  ' bars
	[ "$(sed 's/\x1b\[K//' bars | LC_ALL=C wc -L)" -lt 80 ]
}

# nicer NICE N: that and N, where it can be
nicer() {
	echo $(($1 + $2 < 19 ? $1 + $2 : 19))
}

# is_scheduled PID NICE POLICY: as in proc(5)
is_scheduled() {
	[ "$(sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 17,39)" = "$2 $3" ]
}

@test "who moves files lets others go first, who runs a command for them does not" {
	local other=(chrt --other 0) normal=0 batch=3 idle=5 base
	local send=$SENTINEL_BIN/sentinel-sendfile pull=$SENTINEL_BIN/sentinel-pull

	base=$(nice)
	random 1000000 f
	start alice "${other[@]}" "$send" bob f --rate 500K
	until_true is_scheduled $! "$(nicer "$base" 6)" "$batch"
	wait $!
	start alice "${other[@]}" nice -n 15 "$send" bob f --rate 500K
	until_true is_scheduled $! "$(nicer "$base" 21)" "$batch"
	wait $!
	start alice chrt --idle 0 "$send" bob f --rate 500K
	until_true is_scheduled $! "$base" "$idle"
	wait $!
	take
	start bob "${other[@]}" "$pull" -o in --wait 20s
	until_true is_scheduled $! "$(nicer "$base" 10)" "$batch"
	alice sentinel-send bob -m 'a text' >sent
	wait $!
	alice sentinel-send bob -m 'a text' >sent
	alice sentinel-send bob -m 'a text' >sent
	bob sentinel-pull -o in --count 1 -- sh -c 'nice >said'
	[ "$(cat said)" = "$base" ]
	start bob "${other[@]}" "$pull" -o in --follow >all
	until_true [ -s all ]
	is_scheduled $! "$base" "$normal"
}

@test "--rate is kept" {
	random 2000000 f
	before=$(date +%s%N)
	alice sentinel-sendfile bob f --rate 2M >/dev/null
	ms=$((($(date +%s%N) - before) / 1000000))
	[ $ms -ge 900 ]
	[ $ms -le 5000 ]
	fault 2 usage alice sentinel-sendfile bob f --rate fast
}
