#!/bin/sh
# Deliver what a build has made, and prove that it has arrived whole:
#
#   ci-artifact.sh send release dist/*.tar.gz     on the build machine
#   ci-artifact.sh receive builder incoming       where it is released
#
# The build machine's own digests travel in a message after the files, so once
# that is there they are, too.  They are checked against it, and against what
# the channel has counted.  Nobody but PEER is listened to.
set -eu
usage="usage: $0 send PEER FILE... | receive PEER DIR"

send() {
	peer=$1
	shift
	sentinel-sendfile "$peer" "$@" >/dev/null
	for file; do
		(cd "$(dirname "$file")" && b2sum -l 256 "$(basename "$file")")
	done | sentinel-send "$peer" --get to.name,size_bytes
}

receive() {
	digests=$(sentinel-pull -w 60 -n 1 --from "$1" --type message -o "$2" \
	    --get body)
	sentinel-pull --from "$1" --type file -o "$2" |
	    jq -r '"\(.blake2b)  \(.path)"' | b2sum -c
	cd "$2"
	echo "$digests" | b2sum -c
}

case ${1-}:$# in
send:[3-9] | send:??*)	shift; send "$@" ;;
receive:3)		shift; receive "$@" ;;
*)			echo "$usage" >&2; exit 2 ;;
esac
