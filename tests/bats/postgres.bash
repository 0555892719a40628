# shellcheck shell=bash disable=SC2034
# Relays on clusters of PostgreSQL that a test has to itself, and their end:
# the same tests for a moment (tests/bats) and for long (tests/slow).

CLUSTER=$ROOT/tests/tools/pgcluster
PG=
HOSTS=(a) # the clusters that relays are told of

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

# alone NAME: it waits for no standby
alone() {
	ask "$1" 'ALTER SYSTEM RESET synchronous_standby_names'
	ask "$1" 'SELECT pg_reload_conf()' >/dev/null
}

# cut_off NAME: all who are connected to it, once
cut_off() {
	ask "$1" "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	    WHERE backend_type = 'client backend'
	    AND pid <> pg_backend_pid()" >/dev/null
}

# deafen: nobody listens for long
deafen() {
	while sleep 0.05; do
		ask a "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		    WHERE query ILIKE 'LISTEN%'" >/dev/null
	done
}

# waits_for_standby: a commit does
waits_for_standby() {
	[ "$(ask a "SELECT count(*) FROM pg_stat_activity
	    WHERE wait_event = 'SyncRep'")" -gt 0 ]
}

# ask NAME STATEMENT: of a cluster
ask() {
	"$CLUSTER" sql "$PG/$1" "$2"
}

# cluster VERB NAME
cluster() {
	"$CLUSTER" "$1" "$PG/$2" 3>&-
}

# --- relays ------------------------------------------------------------------

declare -gA RELAY_AT RELAY_RUNS

# join NAME [OPTION...]: a relay on the clusters in the order of $HOSTS, with
# the key of all; it is sentinel://KEY@${RELAY_AT[NAME]}
join() {
	local name=$1 ready=$BATS_TEST_TMPDIR/relay.$1

	: >"$ready"
	"$SENTINEL_BIN/sentinel-relay" -l "${RELAY_AT[$name]-127.0.0.1:0}" \
	    --key "$RELAY_KEY" --store "postgresql:$(conninfo)" "${@:2}" \
	    >"$ready" 2>>"$BATS_TEST_TMPDIR/relay.log" </dev/null 3>&- &
	RELAY_RUNS[$name]=$!
	STARTED+=($!)
	until_true has_begun "$ready" $!
	[ -s "$ready" ] || fail "no relay: $(cat "$BATS_TEST_TMPDIR/relay.log")"
	RELAY_AT[$name]=$(jq -r '.listen[0]' "$ready")
	KEY_AT=$(jq -r .address "$ready")
	KEY_AT=${KEY_AT%@*}@
}

has_begun() { # READY PID
	[ -s "$1" ] || ! kill -0 "$2" 2>/dev/null
}

# Of all clusters that there are, by their names
conninfo() {
	local list

	list=$(printf '%s,' "${HOSTS[@]/#/$PG/}")
	echo "host=${list%,} user=sentinel dbname=postgres"
}

# address NAME...: of these relays, in that order
address() {
	local name list=

	for name; do
		list=$list,${RELAY_AT[$name]}
	done
	echo "$KEY_AT${list#,}"
}

# kill_relay NAME: as a power cut does
kill_relay() {
	kill -KILL "${RELAY_RUNS[$1]}"
	wait "${RELAY_RUNS[$1]}" || :
}

# two_relays [OPTION...]: x and y, which clients are told of
two_relays() {
	RELAY_KEY=$BATS_TEST_TMPDIR/relay.secret
	join x "$@"
	join y "$@"
	SENTINEL_RELAY=$(address x y)
	export SENTINEL_RELAY
}

# --- a load (tests/tools/pgload.py) ------------------------------------------

# load ADDRESS...
load_start() {
	coproc LOADING { exec "$ROOT/tests/tools/pgload.py" "$@" 3>&-; }
	LOAD_PID=$LOADING_PID
	STARTED+=("$LOAD_PID")
	exec {LOAD_IN}>&"${LOADING[1]}" {LOAD_OUT}<&"${LOADING[0]}"
	load_says
}

load_says() {
	read -r -t 90 LOADED <&"$LOAD_OUT" || fail 'the load has ended'
}

# load_more N: so many more are acknowledged
load_more() {
	echo "more $1" >&"$LOAD_IN"
	load_says
}

# load_end: LOADED is the verdict
load_end() {
	echo end >&"$LOAD_IN"
	load_says
	echo "# $LOADED" >&3
}

# verdict FIELD: of that
verdict() {
	jq ".$1" <<<"$LOADED"
}

# nothing_lost: all that was acknowledged has come, under ids without a gap
nothing_lost() {
	[ "$(verdict missing)" = 0 ]
	[ "$(verdict changed)" = 0 ]
	[ "$(verdict gaps)" = 0 ]
}

# exact: counters are what there is
exact() { # CLUSTER
	[ "$(ask "$1" "SELECT count(*) FROM clients AS c WHERE
	    (texts, text_bytes) <> (SELECT count(*),
		coalesce(sum(octet_length(content)), 0) FROM messages
		WHERE to_client = c.id) OR
	    (pieces, piece_bytes) <> (SELECT count(*),
		coalesce(sum(octet_length(content)), 0) FROM pieces
		WHERE to_client = c.id)")" = 0 ]
}

teardown() {
	local bad=0

	settle || bad=1
	[ -z "$PG" ] || "$CLUSTER" remove "$PG" || bad=1
	return $bad
}
