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
	run pgrep -f "$PG"
	assert_failure 1
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

# on_day N: the day so many from today
on_day() {
	echo "((now() AT TIME ZONE 'UTC')::date + $1)"
}

# What relays ask for each minute
DAYS="SELECT sentinel_days((extract(epoch FROM now()) * 1000)::bigint,
    (extract(epoch FROM now() - interval '7 days') * 1000)::bigint)"

# of_day N CONDITION: of the table of its pieces
of_day() {
	[ "$(ask a "SELECT count(*) FROM piece_days
	    WHERE day = $(on_day "$1") AND $2")" = 1 ]
}

# and perhaps dropped by then
is_settled() {
	! of_day -9 "settled < 'ffffffff-ffff-ffff-ffff-ffffffffffff'"
}

is_dropped() {
	! of_day -9 true
}

# rejoin NAME: it looks for what there is to be done, as each minute
rejoin() {
	kill_relay "$1"
	join "$1"
}

@test "days of pieces: relays make and drop their tables, and nobody waits for it" {
	local n asked=()

	clusters fsync=off
	two_relays
	of_day 3 'settled IS NULL'
	handshake
	head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/file"
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/file" >/dev/null
	run ask a 'SELECT DISTINCT tableoid::regclass FROM pieces'
	assert_output --regexp '^pieces_[0-9]{8}$'
	# many at once
	ask a "SELECT sentinel_day_end($(on_day 3)),
	    sentinel_day_drop($(on_day 3))" >/dev/null
	for n in 1 2 3 4 5 6; do
		ask a "$DAYS" >/dev/null 3>&- &
		asked+=($!)
	done
	for n in "${asked[@]}"; do
		wait "$n"
	done
	of_day 3 'settled IS NULL'
	# one that is overdue, while somebody reads all of them
	ask a "SELECT sentinel_day_begin($(on_day -9))" >/dev/null
	ask a 'UPDATE pieces SET day = day - 9,
	    stored_at = stored_at - 9 * 86400000::bigint'
	ask a 'BEGIN; SELECT count(*) FROM pieces; SELECT pg_sleep(600)' \
	    >/dev/null 2>&1 3>&- &
	STARTED+=($!)
	until_true reads_on
	timeout 10 "$CLUSTER" sql "$PG/a" "SET statement_timeout = '5s';
	    $DAYS" >/dev/null
	of_day -9 'settled IS NULL'
	alice sentinel-send bob -m meanwhile >/dev/null
	ask a "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	    WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()" >/dev/null
	rejoin x
	until_true of_day -9 'settled IS NOT NULL'
	run ask a 'SELECT count(*) FROM pieces'
	assert_output 0
	rejoin y
	until_true is_settled
	rejoin x
	until_true is_dropped
	exact a
	run ask a "SELECT to_regclass(sentinel_day_table($(on_day -9)))"
	assert_output ''
}

reads_on() {
	[ "$(ask a "SELECT count(*) FROM pg_stat_activity
	    WHERE query LIKE '%pg_sleep%' AND wait_event = 'PgSleep'")" = 1 ]
}
