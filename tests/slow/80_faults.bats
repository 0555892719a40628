#!/usr/bin/env bats
# tests/bats/80_faults.bats with many more of each.

load ../bats/helper
load ../bats/tools
load ../bats/killed
load ../bats/faults

@test "P1: 500 power cuts of a relay's store: nothing acknowledged is lost" {
	power_cuts powerstore --cuts 500
}

@test "P1: power cuts while the log is worked off" {
	power_cuts powerstore --cuts 100 --large 40 --seed 2
}

@test "P1: control: SQLite with synchronous=NORMAL loses what is acknowledged" {
	power_lost powerstore --cuts 100
}

@test "E8: 500 power cuts of two key files: nothing told is lost" {
	power_cuts powerkeys --cuts 500
}

@test "E8: control: SQLite with synchronous=NORMAL loses what was told" {
	power_lost powerkeys --cuts 100
}

@test "E9: no memory at each place of each request: the relay lives" {
	relay_starved --step 1 --starts 1
}

@test "E9: no memory at each place of clients, and of status --check" {
	relay_start
	each_command 1 clients 'status --check'
}

@test "E9: no memory at many places of a command" {
	relay_start
	each_command 5
}

@test "E9: no memory for register" {
	relay_start
	each_register --memory 23
}

@test "E9: no memory for a handshake" {
	relay_start
	each_request --memory 23
	restart_people
	each_answer --memory 23
	restart_people
	each_confirm --memory 23
}

@test "E9: no memory for send" {
	relay_start
	each_send --memory 13
}

@test "E9: no memory for pull" {
	relay_start
	each_pull_messages --memory 23
}

@test "E9: no memory for a file, sent or received" {
	relay_start
	each_sendfile 23
	restart_people
	each_receive 23
}

@test "F5: a key file with one of 2000 bits flipped: 32 or 0, and no change" {
	relay_start
	handshake
	damaged 2000
}
