#!/bin/sh
# A file of 1 GiB (or $1 MiB) sent and pulled over loopback, three times, in
# turns with scp of the same file.  Beside the best of each: what hashing,
# sealing and the channel's records cost together on one core.  Then what one
# sentinel-send of others takes, at rest and during a transfer, and what two
# commits of a key file take at these times, which is up to the disk; what was
# pulled meanwhile, a few GiB, is removed at the end.  Two JSON lines: MiB/s,
# the most memory in KiB, milliseconds.  Run by make bench, which sets
# SENTINEL_BIN, SENTINEL_TOOLS and SENTINEL_BENCH.
set -eu
mib=${1:-1024}
rounds=3
PATH=$PATH:/usr/sbin
for tool in scp sshd; do
	command -v "$tool" >/dev/null || {
		echo "files: no $tool: run scripts/deps bench" >&2
		exit 1
	}
done
# shellcheck source=tests/bench/stage.bash
. "$(dirname "$0")/stage.bash"
meet a b
meet c d

# an ssh server of our own, for scp
for name in host user; do
	ssh-keygen -q -t ed25519 -N '' -f "$T/$name"
done
port=$(python3 -c 'import socket as s; f = s.socket(); f.bind(("127.0.0.1", 0)); print(f.getsockname()[1])')
cat >"$T/sshd_config" <<-EOF
	ListenAddress 127.0.0.1:$port
	HostKey $T/host
	AuthorizedKeysFile $T/user.pub
	StrictModes no
	UsePAM no
	PidFile none
	Subsystem sftp internal-sftp
EOF
mkdir -p /run/sshd
"$(command -v sshd)" -D -f "$T/sshd_config" 2>>"$T/log" &
sshd=$!
children="$children $sshd"
printf '[127.0.0.1]:%s %s\n' "$port" "$(cat "$T/host.pub")" >"$T/known"
copy() {
	scp -q -P "$port" -i "$T/user" -o "UserKnownHostsFile=$T/known" \
	    "$T/f" "127.0.0.1:$T/copy"
}
until copy_probe=$(ssh-keyscan -p "$port" 127.0.0.1 2>/dev/null) && [ "$copy_probe" ]; do
	kill -0 "$sshd"
	sleep 0.05
done

# best NAME COMMAND...: its MiB/s in $NAME when they are more than before; what
# the one before has left to be written is not its to wait for
best() {
	name=$1
	shift
	sync
	begun=$(date +%s%N)
	"$@" >"$T/out" 2>"$T/used"
	rate=$((mib * 1000000000 / ($(date +%s%N) - begun)))
	eval "[ \$$name -ge $rate ] || $name=$rate"
}
peak() {
	tail -n 1 "$T/used"
}
peak="$SENTINEL_TOOLS/peak"
cost() {
	jq -r "select(.bench == \"$1\").mib_per_s" "$T/costs"
}

head -c "${mib}M" /dev/urandom >"$T/f"
"$SENTINEL_BENCH/bench_crypto" >"$T/costs"
scp=0 send=0 pull=0
for _ in $(seq "$rounds"); do
	best scp copy
	best send as a "$peak" "$SENTINEL_BIN/sentinel-sendfile" b "$T/f"
	send_peak=$(peak)
	best pull as b "$peak" "$SENTINEL_BIN/sentinel-pull" -o "$T/in"
	pull_peak=$(peak)
	cmp "$T/f" "$T/in/f"
	rm -r "$T/in"
done
relay_peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$relay/status")
jq -cn --argjson mib "$mib" --argjson scp "$scp" --argjson send "$send" \
    --argjson pull "$pull" --argjson hash "$(cost chunk_hash)" \
    --argjson seal "$(cost chunk_seal)" --argjson open "$(cost chunk_open)" \
    --argjson out "$(cost record_seal)" --argjson in "$(cost record_open)" \
    --argjson sp "$send_peak" --argjson pp "$pull_peak" --argjson rp "$relay_peak" '
    def two: . * 100 | round / 100;
    (1 / (1 / $hash + 1 / $seal + 1 / $out)) as $sending |
    (1 / (1 / $hash + 1 / $open + 1 / $in)) as $receiving |
    {bench: "files", mib: $mib, scp_mib_s: $scp,
     send_mib_s: $send, send_by_scp: ($send / $scp | two),
     send_bound_mib_s: ($sending | round), send_by_bound: ($send / $sending | two),
     pull_mib_s: $pull, pull_by_scp: ($pull / $scp | two),
     pull_bound_mib_s: ($receiving | round), pull_by_bound: ($pull / $receiving | two),
     send_peak_kib: $sp, pull_peak_kib: $pp, relay_peak_kib: $rp}'

# chat SERIES: 1200 messages of c to d, one command each
chat() {
	cp "$T/d.key" "$T/floor.key"
	as c "$SENTINEL_TOOLS/oneshot" "$T/floor.key" 1200 \
	    sentinel-send -m 'a message' d >"$T/$1"
}
# until $T/stop; to remove a file of 1 GiB stops a disk, too, and is not ours to
# answer for
transfers() {
	until [ -e "$T/stop" ]; do
		as a sentinel-sendfile b "$T/f"
		as b sentinel-pull -o "$(mktemp -d "$T/in.XXXX")"
	done >/dev/null 2>>"$T/log"
}
chat quiet
transfers &
transferring=$!
children="$children $transferring"
sleep 1
chat loaded
touch "$T/stop"
wait "$transferring"
jq -cs 'def by(q): . / q * 100 | round / 100;
    .[0] as $quiet | .[1] | .two_commits_p99_ms as $beside |
    {bench: "chat_beside_files", quiet_median_ms: $quiet.median_ms,
     quiet_p99_ms: $quiet.p99_ms, median_ms, p99_ms,
     p99_by_quiet: (.p99_ms | by($quiet.p99_ms)),
     two_commits_p99_by_quiet: (.two_commits_p99_ms | by($quiet.two_commits_p99_ms)),
     quiet_by_two_commits: ($quiet.p99_ms | by($quiet.two_commits_p99_ms)),
     by_two_commits: (.p99_ms | by($beside))}' \
    "$T/quiet" "$T/loaded"
