#!/bin/sh
# Run a command from cron, and tell somebody when it fails:
#
#   30 3 * * *  cron-alert.sh ops /usr/local/bin/nightly-backup
#
# The alert has an id of its own.  When it is not certain that the relay has
# taken it, it is sent again under the same id, and arrives once all the same.
set -u
[ $# -ge 2 ] || { echo "usage: $0 PEER COMMAND [ARG]..." >&2; exit 2; }
peer=$1
shift

output=$("$@" 2>&1)
failed=$?
[ $failed != 0 ] || exit 0

id=$(cat /proc/sys/kernel/random/uuid)
text=$(printf '%s: %s ended with %s\n%s' "$(uname -n)" "$*" "$failed" \
    "$(printf %s "$output" | tail -n 20)")

tries=0
until sentinel-send "$peer" --id "$id" -m "$text" >/dev/null; do
	status=$?
	tries=$((tries + 1))
	case $status in
	10 | 13 | 31) ;;	# relay away, relay busy, key file busy: later
	*) exit $status ;;	# anything else does not get better by itself
	esac
	[ $tries -lt "${ALERT_TRIES:-60}" ] || exit $status
	sleep "${ALERT_PAUSE:-60}"
done
exit $failed
