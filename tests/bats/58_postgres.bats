#!/usr/bin/env bats
# Relays on PostgreSQL; first, what the tests have for it.

load helper
load postgres

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
