#!/bin/sh
# links.sh BUILD: the relay holds no code that could open a message or a key
# file, and no command holds the relay's.
set -eu
bad=0

# modules DIRECTORY...: how the symbols begin that stand there
modules() {
	find "$@" -name '*.c' | sed 's|.*/||; s|\.c$|_|'
}

# holds_none BINARY DIRECTORY...
holds_none() {
	bin=$1
	shift
	nm -g --defined-only "$bin" | awk -v bin="$bin" -v modules="$(modules "$@")" '
	BEGIN { n = split(modules, prefix) }
	$3 == "main" { seen = 1 }
	{
		for (i = 1; i <= n; i++)
			if (index($3, prefix[i]) == 1) {
				print "links: " bin " holds " $3
				exit bad = 1
			}
	}
	END {
		if (!bad && !seen)
			print "links: no symbols in " bin
		exit bad || !seen
	}' || bad=1
}

for bin in "$1"/bin/*; do
	case $bin in
	*/sentinel-relay) holds_none "$bin" lib/e2e lib/state lib/client ;;
	*) holds_none "$bin" server ;;
	esac
done
exit $bad
