#!/bin/sh
# Ask a question, and print the answer to it and to nothing else:
#
#   ask.sh bob ping
#
# Ends with 4 when none came within a minute.  Whatever else comes meanwhile
# waits in the inbox.  The other end: bot.sh, which names what it answers.
set -eu
[ $# = 2 ] || { echo "usage: $0 PEER QUESTION" >&2; exit 2; }

id=$(sentinel-send "$1" -m "$2" --get id)
sentinel-pull -w 60 -n 1 --from "$1" --reply-to "$id" --raw
