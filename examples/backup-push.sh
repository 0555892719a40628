#!/bin/sh
# Push a directory to another machine as one encrypted stream, without a copy
# of it on the way:
#
#   backup-push.sh push vault /etc             here, every night
#   backup-push.sh take web1 /srv/backups      there
#
# A stream cannot go on where it was cut: push again, and what had arrived of
# the broken one is thrown away.
set -eu
usage="usage: $0 push PEER DIR | take PEER DIR"

push() {
	name=$(basename "$2")-$(date -u +%Y%m%dT%H%M%SZ).tar.gz
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	mkfifo "$work/stream"
	sentinel-sendfile "$1" - -n "$name" --get name,size_bytes,blake2b \
	    <"$work/stream" &
	sender=$!
	# held open until tar has said how it went: half an archive must not
	# end like a whole one
	exec 3>"$work/stream"
	tar -cz -C "$2" . >&3 || {
		kill "$sender"
		wait "$sender" || :
		exit 1
	}
	exec 3>&-
	wait "$sender"
}

take() {
	sentinel-pull --from "$1" --type file -o "$2" |
	    jq -r 'select(.type == "file") | "\(.blake2b)  \(.path)"' |
	while read -r digest path; do
		echo "$digest  $path" | b2sum -c
		tar -tzf "$path" >/dev/null
	done
}

case ${1-}:$# in
push:3)	push "$2" "$3" ;;
take:3)	take "$2" "$3" ;;
*)	echo "$usage" >&2; exit 2 ;;
esac
