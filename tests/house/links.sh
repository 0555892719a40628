#!/bin/sh
# links.sh BUILD: the relay holds no code that could open a message or a key
# file, and no command holds the relay's.
set -eu
bad=0

# holds_none BINARY PREFIX...
holds_none() {
	bin=$1
	shift
	for prefix; do
		found=$(nm -g --defined-only "$bin" |
		    awk -v p="$prefix" 'index($3, p) == 1 { print $3; exit }')
		[ -z "$found" ] || { echo "links: $bin holds $found"; bad=1; }
	done
}

for bin in "$1"/bin/*; do
	case $bin in
	*/sentinel-relay)
		holds_none "$bin" ratchet_ shake_ filebox_ keyfile_ session_ peers_
		;;
	*)
		holds_none "$bin" loop_ store_ serve_ relay_
		;;
	esac
done
exit $bad
