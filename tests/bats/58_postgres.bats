#!/usr/bin/env bats
# Relays on PostgreSQL, two on one database, and clusters that fail.
# tests/slow/58_postgres.bats goes on for longer.

load helper
load tools
load postgres

# cannot_load LIBRARY DETAIL: what is found under libpq's name will not do
cannot_load() {
	ln -sf "$1" "$BATS_TEST_TMPDIR/libpq.so.5"
	fault 34 io env LD_LIBRARY_PATH="$BATS_TEST_TMPDIR" \
	    "$SENTINEL_BIN/sentinel-relay" -l 127.0.0.1:0 --key key \
	    --store postgresql:host=127.0.0.1 --sandbox off
	run jq -r .message <<<"$stderr"
	assert_output --partial "$2"
}

@test "libpq is loaded by a store on PostgreSQL alone, and told when it will not do" {
	cd "$BATS_TEST_TMPDIR"
	run ldd "$SENTINEL_BIN/sentinel-relay"
	assert_output --partial libsqlite3
	refute_output --partial libpq
	cannot_load /dev/null 'libpq.so.5: file too short'
	cannot_load "$(ldd "$SENTINEL_BIN/sentinel-relay" |
	    awk '/libjansson/ { print $3 }')" 'libpq.so.5 has no PQ'
}

# Bounded for a machine with other things to do; the figure is told.
@test "two relays: what comes through one is had through the other, at once" {
	clusters fsync=off
	two_relays
	run "$TOOLS/pgwake.py" 20 "$(address x)" "$(address y)"
	assert_success
	echo "# $output" >&3
	[ "$(field '.median_ms < 100')" = true ]
	run cat "$BATS_TEST_TMPDIR/relay.log"
	refute_output --partial database_refused
	# and with no connection that listens, by the look every few seconds
	deafen 3>&- &
	STARTED+=($!)
	run "$TOOLS/pgwake.py" 1 "$(address x)" "$(address y)"
	assert_success
	echo "# $output" >&3
	[ "$(field '.max_ms < 15000')" = true ]
}

@test "a relay is killed under load: on with the other, nothing lost, no deadlock" {
	clusters
	two_relays
	load_start "$(address x y)" "$(address y x)"
	load_more 200
	kill_relay x
	load_more 200
	join x
	load_more 200
	kill_relay y
	load_more 200
	load_end
	nothing_lost
	exact a
	[ "$(ask a "SELECT deadlocks FROM pg_stat_database
	    WHERE datname = 'postgres'")" = 0 ]
}

# The primary that was replaced comes back as if nothing had been.
@test "the primary is killed under load, its standby promoted, and it comes back: nothing lost" {
	clusters
	replicas b
	HOSTS=(a b)
	two_relays
	load_start "$(address x y)" "$(address y x)"
	load_more 200
	cluster kill a
	cluster promote b
	alone b
	load_more 200
	cluster start a
	alone a
	before=$(ask a 'SELECT sum(last_id) FROM clients')
	# the relays have to look for the primary again, and a is the first
	cut_off b
	load_more 200
	load_end
	nothing_lost
	exact b
	# what a gave out last, b has not given out again
	[ "$(ask b 'SELECT count(*) FROM clients
	    WHERE last_id > 1048576')" = 4 ]
	[ "$(ask a 'SELECT sum(last_id) FROM clients')" = "$before" ]
	grep -q timeline "$BATS_TEST_TMPDIR/relay.log"
}

# All that it knows of b stands in a file by then.
@test "a relay that starts again refuses the primary that was replaced" {
	clusters fsync=off
	replicas b
	HOSTS=(a b)
	RELAY_KEY=$BATS_TEST_TMPDIR/relay.secret
	join x
	grep -q ':00000001$' "$RELAY_KEY.timeline"
	cluster kill a
	cluster promote b
	until_true grep -q ':00000002$' "$RELAY_KEY.timeline"
	kill_relay x
	cluster start a
	fault 34 io timeout 30 sentinel-relay -l 127.0.0.1:0 --key "$RELAY_KEY" \
	    --store "postgresql:host=$PG/a user=sentinel dbname=postgres"
	[[ $stderr == *"timeline 1, older than 2 of $RELAY_KEY.timeline"* ]]
	# nor does it take it when it is the first of two
	join x
	# what it asked a with may be a moment longer on its way out
	until_true relays_on a = 0
	relays_on b -gt 0
}

# relays_on CLUSTER OPERATOR NUMBER
relays_on() {
	test "$(ask "$1" "SELECT count(*) FROM pg_stat_activity
	    WHERE application_name = 'sentinel-relay'")" "$2" "$3"
}

@test "what timeline was seen is on the disk before the relay is ready, or it is not" {
	local trace=$BATS_TEST_TMPDIR/trace command

	clusters fsync=off
	RELAY_KEY=$BATS_TEST_TMPDIR/relay.secret
	command=("$SENTINEL_BIN/sentinel-relay" -l 127.0.0.1:0 --sandbox off
	    --key "$RELAY_KEY" --store "postgresql:$(conninfo)")
	# a leak checker cannot work under another tracer
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
	fault 34 io timeout 30 strace -f -qq -o "$trace" -e trace=rename \
	    -e inject=rename:error=ENOSPC "${command[@]}"
	[[ $stderr == *"$RELAY_KEY.timeline: No space left"* ]]
	[ "$(cd "$BATS_TEST_TMPDIR" && echo relay.secret*)" = relay.secret ]
	start_traced "$trace" "${command[@]}"
	run awk -F '[(<>"]' '/^fsync/ { print "fsync" } /^rename/ { print "rename" }
	    /^write\(1/ { print "ready" }' "$trace"
	assert_output $'fsync\nrename\nfsync\nready'
	echo nothing >"$RELAY_KEY.timeline"
	fault 32 keyfile_corrupt timeout 30 "${command[@]}"
	[[ $stderr == *"$RELAY_KEY.timeline"* ]]
}

# start_traced TRACE COMMAND...: it is ready and ends
start_traced() {
	local pid

	strace -D -y -qq -o "$1" -e trace=fsync,rename,write -e signal=none \
	    "${@:2}" >"$BATS_TEST_TMPDIR/ready" 2>/dev/null </dev/null 3>&- &
	pid=$!
	STARTED+=("$pid")
	until_true test -s "$BATS_TEST_TMPDIR/ready"
	kill "$pid"
	wait "$pid"
}

@test "no standby: nothing is acknowledged, not by a wait that is cancelled; it heals" {
	clusters fsync=off
	replicas b
	two_relays
	handshake
	alice sentinel-send bob -m before >/dev/null
	cluster freeze b
	start alice "$SENTINEL_BIN/sentinel-send" bob -m cancelled --timeout 4 \
	    --errors=json >"$BATS_TEST_TMPDIR/sent" 2>"$BATS_TEST_TMPDIR/why"
	sending=$!
	until_true waits_for_standby
	ask a "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
	    WHERE wait_event = 'SyncRep'" >/dev/null
	status=0
	wait $sending || status=$?
	[ "$status" = 10 ] || [ "$status" = 13 ]
	[ ! -s "$BATS_TEST_TMPDIR/sent" ]
	cluster kill b
	run --separate-stderr alice sentinel-send bob -m alone --timeout 8
	[ "$status" = 10 ] || [ "$status" = 13 ]
	cluster start b
	until_true all_attached 1
	until_true alice sentinel-send bob -m after \
	    --id 0190a5c0-1111-7222-8333-444444444444
	# what was in doubt may have come, and in any case once
	bob sentinel-pull --get body >"$BATS_TEST_TMPDIR/out"
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/out")" = before ]
	grep -qx after "$BATS_TEST_TMPDIR/out"
	sort "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/sorted"
	silent uniq -d "$BATS_TEST_TMPDIR/sorted"
	run bob sentinel-pull
	assert_output ''
}

# What each SQLSTATE means, and where it may be cut, stands in the tool.
@test "whatever a server says, or is cut off in: nothing acknowledged that is not there" {
	clusters fsync=off
	run "$TOOLS/pgfaults.py" "$PG/a" states warnings \
	    uncommitted cuts bytewise pulls neighbours opposite_orders too_many \
	    fenced
	assert_success
	echo "# $output" >&3
	[ "$(field '.faults >= 50')" = true ]
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0
	run "$TOOLS/pgfaults.py" --names "$PG/a" slow_names
	assert_success
	echo "# $output" >&3
}

# partitioned: each table of $PG/a becomes one of four partitions by the hash of
# the client it is about
partitioned() {
	local table key i statements=

	for table in clients:id messages:to_client blocks:client \
	    shares:to_client; do
		key=${table#*:} table=${table%:*}
		statements+="ALTER TABLE $table RENAME TO former_$table;
		    CREATE TABLE $table (LIKE former_$table INCLUDING DEFAULTS)
			PARTITION BY HASH ($key);"
		for i in 0 1 2 3; do
			statements+="CREATE TABLE ${table}_p$i PARTITION OF
			    $table FOR VALUES WITH (MODULUS 4, REMAINDER $i);"
		done
	done
	ask a "$statements
	    ALTER TABLE clients ADD PRIMARY KEY (id);
	    ALTER TABLE messages ADD PRIMARY KEY (to_client, id);
	    ALTER TABLE blocks ADD PRIMARY KEY (client, blocked);
	    ALTER TABLE shares ADD PRIMARY KEY (to_client, kind, from_client);
	    CREATE INDEX ON clients (user_name COLLATE \"C\")"
}

@test "every statement touches one partition of a copy by the hash of clients" {
	clusters fsync=off session_preload_libraries=auto_explain \
	    logging_collector=on \
	    log_destination=jsonlog log_directory=plans auto_explain.log_min_duration=0 \
	    auto_explain.log_analyze=on auto_explain.log_timing=off \
	    auto_explain.log_nested_statements=on auto_explain.log_format=json \
	    enable_seqscan=off enable_hashjoin=off enable_mergejoin=off
	RELAY_KEY=$BATS_TEST_TMPDIR/relay.secret
	join x
	kill "${RELAY_RUNS[x]}"
	wait "${RELAY_RUNS[x]}"
	partitioned
	"$CLUSTER" stop "$PG/a"
	rm -r "$PG"/a/data/plans
	"$CLUSTER" start "$PG/a" 3>&-
	join x
	SENTINEL_RELAY=$(address x)
	export SENTINEL_RELAY
	handshake
	register carol
	alice sentinel-send bob -m text >/dev/null
	head -c 600000 /dev/urandom >"$BATS_TEST_TMPDIR/file"
	alice sentinel-sendfile bob "$BATS_TEST_TMPDIR/file" >/dev/null
	bob sentinel-pull -o "$BATS_TEST_TMPDIR/in" >/dev/null
	bob sentinel-keys block alice >/dev/null
	fault 12 relay_denied alice sentinel-send bob -m blocked
	bob sentinel-keys unblock alice >/dev/null
	carol sentinel-register --unregister --yes carol >/dev/null
	run "$TOOLS/pgplans.py" "$PG"/a/data/plans/*.json
	assert_success
	echo "# $(field 'del(.wide)')" >&3
	# each is planned once a connection
	[ "$(field .custom)" = 0 ]
	# a name is looked for everywhere, and lists are of all: they are seen
	[ "$(field '.wide | length')" -ge 2 ]
	run jq -r '.wide[] | select(test("user_name (=|>)|FROM clients WHERE id >|count\\(user_name\\)") | not)' \
	    <<<"$output"
	assert_output ''
}
