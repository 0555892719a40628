#!/usr/bin/env bats
# As tests/bats/58_postgres.bats, for longer; and that what is lost is seen.

load ../bats/helper
load ../bats/tools
load ../bats/follow
load ../bats/postgres

@test "clusters of a test: killed, promoted, frozen, and nothing left" {
	local processes

	clusters fsync=off
	replicas b c
	ask a 'CREATE TABLE t (n int); INSERT INTO t VALUES (1)'
	# c does not hear of the second, which b is enough for
	cluster freeze c
	ask a 'INSERT INTO t VALUES (2)'
	cluster kill a
	cluster promote b
	run ask b 'SELECT count(*) FROM t'
	assert_output 2
	cluster freeze b
	cluster thaw b
	# what the kernel holds for it goes with its process
	cluster kill c
	cluster start c
	cluster promote c
	run ask c 'SELECT count(*) FROM t'
	assert_output 1
	cluster start a
	run ask a "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
	assert_output 00000001
	run ask b "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
	assert_output 00000002
	processes=$(cat "$PG"/*/data/postmaster.pid | grep -cx '[0-9]*')
	[ "$processes" -ge 3 ]
	"$CLUSTER" remove "$PG"
	[ ! -e "$PG" ]
	[ -z "$(pgrep -f "$PG")" ]
	PG=
}

@test "relays are killed under load, ten times: nothing lost" {
	local n

	clusters
	two_relays
	load_start "$(address x y)" "$(address y x)"
	for n in 1 2 3 4 5; do
		load_more 1000
		kill_relay x
		load_more 300
		join x
		load_more 1000
		kill_relay y
		load_more 300
		join y
	done
	load_end
	nothing_lost
	exact a
	[ "$(ask a "SELECT deadlocks FROM pg_stat_database
	    WHERE datname = 'postgres'")" = 0 ]
}

@test "one standby frozen, the primary killed, the other promoted: nothing lost" {
	clusters
	replicas b c
	HOSTS=(a b c)
	two_relays
	load_start "$(address x y)" "$(address y x)"
	load_more 1000
	cluster freeze c
	load_more 1000
	cluster kill a
	cluster promote b
	alone b
	load_more 1000
	load_end
	nothing_lost
	exact b
	cluster thaw c
}

# That what is lost would be seen: c has not heard of what b is enough for.
@test "the wrong standby promoted: the checker reports what is lost" {
	clusters
	replicas b c
	HOSTS=(a c)
	two_relays
	load_start "$(address x y)" "$(address y x)"
	load_more 50
	cluster freeze c
	load_more 200
	cluster kill a
	cluster kill c
	cluster start c
	cluster promote c
	alone c
	load_more 50
	load_end
	[ "$(verdict missing)" -gt 0 ]
	cluster kill b
}

@test "printed once, whatever is killed: relay, then primary" {
	clusters fsync=off
	replicas b
	HOSTS=(a b)
	two_relays
	handshake
	follow
	say_many 20 20 &
	SENDER=$!
	STARTED+=("$SENDER")
	until_true has_printed 20
	kill_relay x
	until_true has_printed 40
	join x
	cluster kill a
	cluster promote b
	alone b
	followed_all
}

@test "connections that are cut at each byte: it heals" {
	clusters fsync=off
	run "$TOOLS/pgfaults.py" "$PG/a" every_cut \
	    every_new_cut new_cuts conflicts
	assert_success
	echo "# $output" >&3
	[ "$(field '.faults >= 450')" = true ]
}

@test "no answer in time, or no server: another connection, then refused" {
	clusters fsync=off
	run "$TOOLS/pgfaults.py" "$PG/a" stalls away
	assert_success
	echo "# $output" >&3
	[ "$(field '.stalled_ms < 8000')" = true ]
}

@test "more than may wait for the database is refused, and the rest is done" {
	clusters fsync=off
	run "$TOOLS/pgfaults.py" "$PG/a" crowded
	assert_success
	echo "# $output" >&3
}

@test "what another relay told nobody of is found by a look" {
	clusters fsync=off
	run "$TOOLS/pgfaults.py" "$PG/a" polled
	assert_success
	echo "# $output" >&3
	[ "$(field '.found_ms < 10000')" = true ]
}
