#!/usr/bin/env bats
# tests/bats/80_faults.bats with many more of each; memory: 80_starved.bats.

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

@test "F5: a key file with one of 2000 bits flipped: 32 or 0, and no change" {
	relay_start
	handshake
	damaged 2000
}
