#!/usr/bin/env bats
# No memory, as in tests/bats/80_faults.bats, at many more places.

load ../bats/helper
load ../bats/tools
load ../bats/killed
load ../bats/faults
load ../bats/starved

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
	relay_start --registration-burst 100000
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

@test "E9: no memory for pull, in each of its modes" {
	relay_start
	each_pull_messages --memory 23
	met handshake
	each_pull_mode 199 -F -n 2
	each_pull_mode 211 -w 5 -n 2
	each_pull_raw 137
	each_peek 67
	met handshake
	each_dead 97
	restart_people
	each_pull_request --memory 137
	restart_people
	each_pull_key --memory 139
	met handshake_until 3
	each_answering 197
}

@test "E9: no memory for pull, with a handler" {
	relay_start
	each_pull_handled --memory 181
}

@test "E9: no memory for batches, many recipients, and what waits" {
	relay_start
	each_batch --memory 131
	met handshake
	each_json 83
	each_delivery 127
	met handshake_until 3
	each_queue 89
	met handshake
	register carol
	handshake alice carol
	save alice bob carol
	each_several 101
}

@test "E9: no memory for a file, sent or received" {
	relay_start
	each_sendfile --memory 23
	each_stdin 127
	each_offer 199
	restart_people
	each_receive --memory 23
}

@test "E9: no memory for trust and rotate" {
	relay_start
	each_trust 43
	restart_people
	each_trust_relay 23
	restart_people
	each_rotate 89
	restart_people
	each_rotate 89 --static
}

@test "E9: no memory for connect" {
	relay_start
	each_connect 191
}

@test "E9: no memory for backup, restore and a passphrase" {
	relay_start
	each_backup 307
	restart_people
	each_restore 701
	restart_people
	each_passphrase 401
}

@test "E9: no memory for unregister, block, and the first command after a restore" {
	relay_start --registration-burst 100000
	each_unregister --memory 41
	restart_people
	each_block --memory 61
	restart_people
	each_revival --memory 97
}

@test "E9: no memory for register, with an invite" {
	relay_start --registration=invite --registration-burst 100000
	each_invited 97
}
