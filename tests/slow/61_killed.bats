#!/usr/bin/env bats
# What tests/bats/61_killed.bats does at some calls, at every system call that is
# to be told from the one before (tests/tools/inject.py).

load ../bats/helper
load ../bats/tools
load ../bats/killed

setup() {
	relay_start --registration-burst 100000
}

@test "kill -9 of register" {
	each_register
}

@test "kill -9 of register --unregister" {
	each_unregister
}

@test "kill -9 of the first command after a restore" {
	each_revival
}

@test "kill -9 of keys block" {
	each_block
}

@test "kill -9 of keys request" {
	each_request
}

@test "kill -9 of keys send, step 7" {
	each_answer
}

@test "kill -9 of keys send, step 9" {
	each_confirm
}

@test "kill -9 of pull, of a key request" {
	each_pull_request
}

@test "kill -9 of pull, of a key" {
	each_pull_key
}

@test "kill -9 of pull, with a handler" {
	each_pull_handled
}

@test "kill -9 of send, that makes the mark again" {
	each_unmarked
}

@test "kill -9 of sendfile" {
	each_sendfile --calls $FILES
}

@test "kill -9 of pull, of a file" {
	each_receive --calls $FILES
}
