#!/usr/bin/env bats
# The key file is on the disk before bytes leave; when the disk fails, they
# do not.

load helper
load tools
load killed

setup() {
	relay_start
}

# whole: the lines of strace -f, without numbers of threads, each call in one
whole() {
	awk '{ thread = $1; sub(/^[0-9]+ +/, "") }
	/ <unfinished \.\.\.>$/ {
		sub(/ <unfinished \.\.\.>$/, "")
		begun[thread] = $0
		next
	}
	sub(/^<\.\.\. [a-z0-9_]+ resumed> ?/, "") { $0 = begun[thread] $0 }
	{ print }'
}

# traced NAME COMMAND...: what happens to files and the network, in order, one
# word each: commit (the file was written, and its journal is empty, durably
# so), undo (it was not), send:SIZE, get, print.  early:SIZE is a send while a
# file waits for its fdatasync.
traced() {
	local trace=$BATS_TEST_TMPDIR/trace

	# a leak checker cannot work under another tracer
	ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" as "$1" strace -f -y \
	    -o "$trace.raw" "${@:2}" >/dev/null
	whole <"$trace.raw" >"$trace"
	awk -F '[(<>]' '
	{ result = $0; sub(/.* = /, "", result) }
	/^(pwrite64|ftruncate)\(/ && $3 !~ /\.mark$/ { dirty[$3] = 1 }
	/^pwrite64\(/ { written[$3 "-journal"] = 1 }
	/^ftruncate\(/ { emptied = $3 }
	/^(fsync|fdatasync)\(/ && result == 0 {
		delete dirty[$3]
		if (emptied == $3)
			print ($3 in written ? "commit" : "undo")
		if (emptied == $3)
			delete written[$3]
		emptied = ""
	}
	/^sendto\(/ {
		early = 0
		for (file in dirty)
			early = 1
		print (early ? "early:" : "send:") result
	}
	/^recvfrom\(/ && result > 0 { print "get" }
	/^write\(1</ { print "print" }
	' "$trace" | uniq | xargs
}

# the hello and the end of the transport's handshake; its closing record
HELLO='send:42 get send:82'
CLOSE='send:19'
ONE_STEP="^$HELLO commit send:[0-9]+ get (commit )?print $CLOSE\$"

@test "keys request, keys send, send: commit, then send" {
	handshake_until 3
	run traced alice sentinel-keys request "$bob_id"
	assert_output --regexp "$ONE_STEP"
	expect bob key_request
	bob sentinel-keys fetch "$alice_id"
	run traced bob sentinel-keys send "$alice_id"
	assert_output --regexp "$ONE_STEP"
	expect alice key_received
	run traced alice sentinel-keys send "$bob_id"
	assert_output --regexp "$ONE_STEP"
	expect bob key_received
	run traced alice sentinel-send bob -m text
	assert_output --regexp "$ONE_STEP"
}

@test "pull: commit, acknowledge; commit, print, commit" {
	handshake
	alice sentinel-send bob -m text
	run traced bob sentinel-pull
	# asks, has a page, commits it, acknowledges; and asks again
	assert_output --regexp "$HELLO send:58 get commit send:50 get"
	assert_output --regexp "commit print commit send:58 get $CLOSE\$"
}

@test "pull -o: the name of a part is on the disk before what is in it" {
	handshake
	head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/f"
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/f" >/dev/null
	traced bob sentinel-pull -o "$BATS_TEST_TMPDIR/in"
	run awk -F '[<>]' '
	/^openat2\(.*\.part/ && /O_CREAT/ { print "make" }
	/^fsync\(.*\/in>/ { print "names" }
	/^fdatasync\(.*\.part>/ { print "bytes" }
	/^renameat2\(/ { print "rename" }
	/^sendto\(/ { print "send" }
	' "$BATS_TEST_TMPDIR/trace"
	assert_output --regexp \
	    $'make\nnames\n(send\n)?bytes\n(.*\n)?rename\nnames\n'
}

# a disk that is full, or fails: 34, and nothing half done
# (tests/slow/62_commit_first.bats fails it at every call)
DISK='--error ENOSPC --calls pwrite64/9,write,fdatasync/2,fsync,ftruncate'
FULL='--error ENOSPC --calls pwrite64,write,fdatasync,fsync,ftruncate'

@test "the disk fails under register" {
	each_register $DISK
}

@test "the disk fails under keys request" {
	each_request $DISK
}

@test "the disk fails under keys send" {
	each_confirm $DISK
}

@test "the disk fails under pull" {
	each_pull_messages $FULL
}

@test "the disk fails under send" {
	each_send --error EIO --calls fdatasync
}

@test "the disk is full under send" {
	each_send $FULL
}

@test "the disk fails under a batch" {
	each_batch --error EIO --calls fdatasync,write/2
}

@test "socket calls of send are interrupted" {
	each_send --error EINTR --calls sendto,recvfrom
}

@test "socket calls of pull have to wait" {
	each_pull_messages --error EAGAIN --calls sendto,recvfrom
}
