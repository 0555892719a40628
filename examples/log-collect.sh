#!/bin/sh
# Collect what many machines log, a line a message, in one file:
#
#   log-collect.sh fleet.log
#
# Each line has when it was sent, by whom, and the text, a tab between them.
# Control characters in a text become question marks, so that nobody can forge
# the line of another.  The other end: sentinel-send, or log-ship.sh.
set -u
[ $# = 1 ] || { echo "usage: $0 FILE" >&2; exit 2; }

sentinel-pull -F --type message | jq --unbuffered -r '
	def safe: explode | map(if . < 32 or (. > 126 and . < 160)
	    then 63 else . end) | implode;
	"\(.sent_at)\t\(.from.name)\t\(.body | safe)"' >>"$1"
