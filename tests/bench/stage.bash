# shellcheck shell=sh
# What the shell benches have in common: a relay of their own in $T, people
# with key files there, and an end that leaves nothing behind.  Sourced.
PATH=$SENTINEL_BIN:$PATH
T=$(mktemp -d)
children=
finish() {
	for pid in $children; do
		kill "$pid" 2>/dev/null || :
	done
	rm -rf "$T"
}
trap finish EXIT
sentinel-relay -l 127.0.0.1:0 --store "sqlite:$T/relay.db" --key "$T/relay.key" \
    >"$T/ready" 2>"$T/log" &
relay=$!
children=$relay
until [ -s "$T/ready" ]; do
	kill -0 "$relay"
	sleep 0.05
done
SENTINEL_RELAY=$(jq -r .address "$T/ready")
export SENTINEL_RELAY

# as NAME COMMAND...
as() {
	SENTINEL_KEYFILE=$T/$1.key
	export SENTINEL_KEYFILE
	shift
	"$@"
}

# meet A B: both registered, and a session that stands on both sides
meet() {
	as "$1" sentinel-register "$1"
	as "$2" sentinel-register "$2"
	as "$1" sentinel-keys connect "$2"
	as "$2" sentinel-keys connect "$1"
	as "$1" sentinel-keys connect "$2"
	as "$2" sentinel-pull
} >/dev/null
