# shellcheck shell=sh
# objects BUILD DIR...: the objects of all sources in these directories, one a
# line.  One that is missing is a failure, and so is finding none: a check that
# has looked at nothing proves nothing.
objects() {
	build=$1
	shift
	find "$@" -name '*.c' | sort | {
		status=1
		while read -r source; do
			object=$build/obj/${source%.c}.o
			[ -f "$object" ] || exit 1
			echo "$object"
			status=0
		done
		exit $status
	} || {
		echo "objects: build $* in $build first" >&2
		return 1
	}
}
