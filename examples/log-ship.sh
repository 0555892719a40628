#!/bin/sh
# Ship a log as it is written, a line a message, over one connection:
#
#   log-ship.sh logs /var/log/nginx/error.log
#
# What is in the file already stays there; a log that is rotated is followed.
# A line that cannot go out now waits in the key file (--queue) and leaves with
# the next one.  The other end: sentinel-pull --type message --get from.name,body
set -u
[ $# = 2 ] || { echo "usage: $0 PEER FILE" >&2; exit 2; }

# only what went wrong is of interest here
tail -n 0 -F "$2" | sentinel-send "$1" --lines --queue |
    jq -r --unbuffered 'select(.status == "failed") | .error.message' >&2
