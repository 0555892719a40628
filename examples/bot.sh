#!/bin/sh
# A bot: is run for each message, and answers those whom its owner has verified.
#
#   sentinel-pull -F --type message -- ./bot.sh
#
# The message is on standard input, as a record; SENTINEL_... say who has sent
# it.  Where it fails it is run again: an answer may go out twice, but is never
# forgotten.
set -eu
[ -n "${SENTINEL_FROM_ID-}" ] ||
	{ echo "usage: $0, run by sentinel-pull -F -- $0" >&2; exit 2; }
[ "$SENTINEL_VERIFIED" = true ] || exit 0

case $(jq -r .body) in
	ping) answer=pong ;;
	date) answer=$(date -u +%FT%TZ) ;;
	load) answer=$(cut -d ' ' -f 1-3 /proc/loadavg) ;;
	*) exit 0 ;; # two bots must not talk for ever
esac
sentinel-send "$SENTINEL_FROM_ID" -R "$SENTINEL_ID" -m "$answer" >/dev/null
