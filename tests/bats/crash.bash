# shellcheck shell=bash disable=SC2034
# A relay that dies at the worst moment: the same tests with some moments
# (tests/bats) and with all of them (tests/slow).

REQUESTS=send,send-many,send-piece,acknowledge,acknowledge-piece,acknowledge-all

# what writes, and so can fail
WRITING=pwrite64,fdatasync,fsync,openat,ftruncate,fallocate,unlinkat
WRITING=$WRITING,sync_file_range,write
READING=pread64,read,recvfrom,sendto,getdents64,newfstatat,fcntl,lseek,close

# ended_often HOW ROUNDS SECONDS: while eight send, four pull, and alice writes
# to bob, who follows; so long it may take to the first answer
ended_often() {
	relay_start
	handshake
	relay_stop
	follow
	say_many $(($2 / 2 + 1)) 20 &
	SENDER=$!
	STARTED+=("$SENDER")
	"$TOOLS/crashload.py" --end "$1" --rounds "$2" --answers "$3" \
	    --listen "$RELAY_LISTEN" "$BATS_TEST_TMPDIR" \
	    >"$BATS_TEST_TMPDIR/load" 3>&-
	sed "s/^/# /" "$BATS_TEST_TMPDIR/load" >&3
	relay_restart
	followed_all
}

# at_each_call [OPTION...]: tests/tools/crashpoints.py
at_each_call() {
	"$TOOLS/crashpoints.py" "$@" 3>&- >"$BATS_TEST_TMPDIR/points"
	sed "s/^/# /" "$BATS_TEST_TMPDIR/points" >&3
}

# runs_short OF SECONDS: tests/tools/shortage.py, with a file system of its own;
# so long it may take until all is as before
runs_short() {
	local as_root=()

	[ "$(id -u)" = 0 ] || as_root=(--map-root-user)
	unshare --mount "${as_root[@]}" "$TOOLS/shortage.py" --within "$2" "$1" \
	    "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/short" 3>&-
	sed 's/^/# /' "$BATS_TEST_TMPDIR/short" >&3
}
