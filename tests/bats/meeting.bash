# shellcheck shell=bash disable=SC2154
# Two people who ask each other for a session at the same time.

# The session that a message of the tape belongs to.
sid() {
	local content

	content=$(tape "$1" content)
	echo "${content:8:16}"
}

# The real commands, for there are some thousands of them.
quick() { # PERSON COMMAND...
	SENTINEL_KEYFILE=$BATS_TEST_TMPDIR/$1.key "$SENTINEL_BIN/$2" "${@:3}" \
	    3>&-
}

# One pull of somebody who has no new session yet, and what it asks for.
turn() { # PERSON PEER [PULL-OPTION...]
	[ "$(quick "$1" sentinel-keys show "$2" --get session)" != established ] ||
	    return 0
	quick "$1" sentinel-pull "${@:3}" >/dev/null
	case $(quick "$1" sentinel-keys show "$2" --get session) in
	request_received | key_received)
		quick "$1" sentinel-keys send "$2" >/dev/null
		;;
	esac
}

# together COMMAND -- COMMAND: at the same time; both must succeed
together() {
	local first=() pid

	while [ "$1" != -- ]; do
		first+=("$1")
		shift
	done
	"${first[@]}" &
	pid=$!
	"${@:2}"
	wait $pid
}

# Both have asked.  Two pulls each, in turns or at the same time; who has
# answered waits for the finish.
converge() { # A B HOW
	case $3 in
	turns)
		turn "$1" "$2"
		turn "$2" "$1"
		turn "$1" "$2"
		turn "$2" "$1"
		;;
	together)
		together turn "$1" "$2" -- turn "$2" "$1"
		together turn "$1" "$2" -w 10 --type key_received -- \
		    turn "$2" "$1" -w 10 --type key_received
		;;
	esac
}

# Both send in one and the same session, and read each other.
are_one() { # A B
	quick "$1" sentinel-send "$2" -m "to $2" >/dev/null
	quick "$2" sentinel-send "$1" -m "to $1" >/dev/null
	[ "$(sid -1)" = "$(tail -n 2 "$TAPE" | head -n 1 | cut -d ' ' -f 4 |
	    cut -c 9-24)" ]
	[ "$(quick "$2" sentinel-pull --get type,body)" = "message	to $2" ]
	[ "$(quick "$1" sentinel-pull --get type,body)" = "message	to $1" ]
	[ "$(quick "$1" sentinel-keys fingerprint "$2" --get safety_number)" = \
	    "$(quick "$2" sentinel-keys fingerprint "$1" --get safety_number)" ]
}

# simultaneous N HOW: both ask before either pulls, N times between new people
simultaneous() {
	local a b n

	for ((n = 0; n < $1; n++)); do
		a=a$n b=b$n
		for person in "$a" "$b"; do
			quick "$person" sentinel-register "$person" >/dev/null
		done
		quick $a sentinel-keys fetch $b >/dev/null
		quick $b sentinel-keys fetch $a >/dev/null
		together quick $a sentinel-keys request $b -- \
		    quick $b sentinel-keys request $a >/dev/null
		converge $a $b "$2"
		are_one $a $b
	done
}
