# shellcheck shell=bash disable=SC2034
# Relays on clusters of PostgreSQL that a test has to itself, and their end:
# the same tests for a moment (tests/bats) and for long (tests/slow).

CLUSTER=$ROOT/tests/tools/pgcluster
PG=

# clusters: sets PG, where they are; $PG/a is a fresh one
clusters() {
	PG=$("$CLUSTER" new)
	"$CLUSTER" init "$PG/a" "$@"
}

# replicas NAME...: synchronous standbys of $PG/a, of which any one is enough
replicas() {
	local name

	for name; do
		"$CLUSTER" standby "$PG/$name" "$PG/a" 3>&-
	done
	ask a "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ($(IFS=,
	    echo "$*"))'"
	ask a 'SELECT pg_reload_conf()' >/dev/null
	until_true all_attached $#
}

all_attached() { # N
	[ "$(ask a "SELECT count(*) FROM pg_stat_replication
	    WHERE state = 'streaming' AND sync_state = 'quorum'")" = "$1" ]
}

# ask NAME STATEMENT: of a cluster
ask() {
	"$CLUSTER" sql "$PG/$1" "$2"
}

# cluster VERB NAME
cluster() {
	"$CLUSTER" "$1" "$PG/$2" 3>&-
}

teardown() {
	local bad=0

	settle || bad=1
	[ -z "$PG" ] || "$CLUSTER" remove "$PG" || bad=1
	return $bad
}
