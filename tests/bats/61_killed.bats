#!/usr/bin/env bats
# Killed at its system calls, a command leaves a key file that opens and is
# completed by repeating it.  Sends and pulls are, at every call that is to be
# told from the one before; tests/slow/61_killed.bats does it with the others.

load helper
load tools
load killed

# what changes files or crosses the network, and a share of what repeats
CALLS=mkdir,write,fsync,renameat2,linkat,fdatasync,ftruncate,sendto,recvfrom
CALLS=$CALLS,pwrite64/6,fcntl/18
FEW=write,ftruncate,sendto,recvfrom,fdatasync/2,pwrite64/8,fcntl/27

setup() {
	relay_start --registration-burst 100000
}

@test "kill -9 of register" {
	each_register --calls $CALLS
}

@test "kill -9 of register --unregister" {
	each_unregister --calls sendto,recvfrom,fdatasync/2,pwrite64/8
}

@test "kill -9 of the first command after a restore" {
	each_revival --calls sendto,recvfrom,fdatasync/2,pwrite64/8
}

@test "kill -9 of keys block" {
	each_block --calls sendto,recvfrom,fdatasync,pwrite64/8
}

@test "kill -9 of keys request" {
	each_request --calls $CALLS
}

@test "kill -9 of keys send, step 7" {
	each_answer --calls $FEW
}

@test "kill -9 of keys send, step 9" {
	each_confirm --calls $CALLS
}

@test "kill -9 of pull, of a key request" {
	each_pull_request --calls $FEW
}

@test "kill -9 of pull, of a key" {
	each_pull_key --calls $FEW
}

@test "kill -9 of pull, of messages" {
	each_pull_messages
}

@test "kill -9 of pull, with a handler" {
	each_pull_handled --calls fdatasync/3,ftruncate/2,memfd_create,clone,wait4
}

@test "kill -9 of send" {
	each_send
}

@test "kill -9 of a batch" {
	each_batch
}

@test "kill -9 of sendfile" {
	each_sendfile --calls sendto/5,fdatasync/20,write
}

@test "kill -9 of pull, of a file" {
	each_receive --calls fsync,renameat2,fdatasync/20,write
}

@test "a key file where the file system has no files without a name" {
	# a leak checker cannot work under another tracer
	export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
	strace -o "$BATS_TEST_TMPDIR/trace" -e trace=openat \
	    sentinel-register bob -k "$BATS_TEST_TMPDIR/bob.key"
	n=$(grep -n O_TMPFILE "$BATS_TEST_TMPDIR/trace" | cut -d : -f 1)
	strace -o "$BATS_TEST_TMPDIR/trace" -e trace=openat \
	    -e inject=openat:error=EOPNOTSUPP:when="$n" \
	    sentinel-register alice -k "$BATS_TEST_TMPDIR/alice.key"
	grep -q 'O_TMPFILE.*(INJECTED)$' "$BATS_TEST_TMPDIR/trace"
	[ "$(alice sentinel-keys show --get name)" = alice ]
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/alice.key")" = 600 ]
	[ "$(echo "$BATS_TEST_TMPDIR"/alice.key*)" = \
	    "$(echo "$BATS_TEST_TMPDIR"/alice.key{,-journal,.mark})" ]
}
