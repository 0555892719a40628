#!/usr/bin/env bats
# The disk, or the network, fails at every call of a command.

load ../bats/helper
load ../bats/tools
load ../bats/killed

DISK='--error ENOSPC,EIO --calls pwrite64,write,fdatasync,fsync,ftruncate'
WAIT='--error EINTR,EAGAIN --calls sendto,recvfrom'

setup() {
	relay_start
}

@test "the disk fails under register" {
	each_register $DISK
}

@test "the disk fails under keys request" {
	each_request $DISK
}

@test "the disk fails under keys send, step 7" {
	each_answer $DISK
}

@test "the disk fails under keys send, step 9" {
	each_confirm $DISK
}

@test "the disk fails under pull, of a key request" {
	each_pull_request $DISK
}

@test "the disk fails under pull, of a key" {
	each_pull_key $DISK
}

@test "the disk fails under pull, of messages" {
	each_pull_messages $DISK
}

@test "the disk fails under send" {
	each_send $DISK
}

@test "the disk fails under a batch" {
	each_batch $DISK
}

@test "socket calls of keys request fail for now" {
	each_request $WAIT
}

@test "socket calls of send fail for now" {
	each_send $WAIT
}

@test "socket calls of pull fail for now" {
	each_pull_messages $WAIT
}
