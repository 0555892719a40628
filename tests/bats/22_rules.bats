#!/usr/bin/env bats
# The handshake when its messages are lost, doubled, late or played again, and
# when both sides begin at once: protocol, End-to-end handshake, rules 1 to 12.

load helper
load tools
load meeting

setup() {
	evil_start
}

MONTHS=$((90 * 24 * 3600))

session() { # OWNER PEER
	"$1" sentinel-keys show "$2" --get session
}

# acquainted A B: registered, and each has the other's bundle
acquainted() {
	register "$@"
	as "$1" sentinel-keys fetch "$2" >/dev/null
	as "$2" sentinel-keys fetch "$1" >/dev/null
}

# What comes to a person but texts, as "type session".
comes() {
	"$1" sentinel-pull --get type,session | tr '\t' ' '
}

says() { # FROM TO TEXT
	"$1" sentinel-send "$2" -m "$3" >/dev/null
}

hears() { # PERSON TEXT...
	local person=$1

	shift
	run "$person" sentinel-pull --type message --get body
	assert_success
	assert_output "$(printf '%s\n' "$@")"
}

# One text each way, in one session and the same.
talk() {
	says alice bob "to bob"
	says bob alice "to alice"
	[ "$(sid -1)" = "$(tail -n 2 "$TAPE" | head -n 1 | cut -d ' ' -f 4 |
	    cut -c 9-24)" ]
	hears bob "to bob"
	hears alice "to alice"
}

# --- one message, one mishap --------------------------------------------------
#
# alice asks (step 4), bob answers (7), alice finishes (9).  A step is sent by
# one command and taken in by a pull of the other side.

step_4() { alice sentinel-keys request bob >/dev/null; }
step_7() { bob sentinel-keys send alice >/dev/null; }
step_9() { alice sentinel-keys send bob >/dev/null; }

declare -gA TO=([4]=bob [7]=alice [9]=bob)
declare -gA FROM=([4]=alice [7]=bob [9]=alice)
declare -gA RECORD=(
	[4]='key_request request_received'
	[7]='key_received key_received'
	[9]='key_received established'
)

# whole STEP: send it, and see it come
whole() {
	"step_$1"
	run comes "${TO[$1]}"
	assert_output "${RECORD[$1]}"
}

id_of() { # PERSON
	local name=${1}_id

	echo "${!name}"
}

# Never seen by the one it is for; the same command again cures it.
lost() {
	local to=${TO[$1]} number

	number=$(number_for "$(id_of "$to")")
	"step_$1"
	lie "$(id_of "$to")" 2104 withhold "$number"
	run comes "$to"
	assert_output ''
	[ "$2" = first ] || still_old
	"step_$1"
	[ "$(tape -1 content)" = "$(tape "$sent" content)" ]
	run comes "$to"
	assert_output "${RECORD[$1]}"
}

# Twice in a page, and once more in the next pull: told once.
doubled() {
	local to=${TO[$1]}

	"step_$1"
	lie "$(id_of "$to")" 2104 inject "$(hex "$(id_of "${FROM[$1]}")")" \
	    "$(tape -1 type)" "$(tape -1 content)" 1
	run comes "$to"
	assert_output "${RECORD[$1]}"
	run comes "$to"
	assert_output ''
	honest
}

# It comes after what was sent next: the same step again, and for the last one
# a text of the new session, which waits for it.
delayed() {
	local to=${TO[$1]} number

	number=$(number_for "$(id_of "$to")")
	"step_$1"
	lie "$(id_of "$to")" 2104 withhold "$number"
	if [ "$1" = 9 ]; then
		says alice bob early
		run comes bob
		assert_output ''
		honest
		run bob sentinel-pull --get type,session,body
		assert_output 'key_received	established	
message		early'
		return
	fi
	"step_$1"
	run comes "$to"
	assert_output "${RECORD[$1]}"
	honest
	run comes "$to"
	assert_output ''
}

# In order for now; again when a week has gone.
replayed() {
	whole "$1"
}

# The session of before still carries texts both ways.
still_old() {
	local now

	says bob alice "old to alice"
	now=$(sid -1)
	[ "$now" = "$old" ]
	run alice sentinel-pull --type message --get body
	assert_output "old to alice"
}

# mishap STEP WHAT STAGE
mishap() {
	local step sent

	for step in 4 7 9; do
		sent=$(($(wc -l <"$TAPE") + 1))
		if [ "$step" = "$1" ]; then
			"$2" "$step" "$3"
		else
			whole "$step"
		fi
		[ "$3" = first ] || [ "$step" = 9 ] || still_old
		[ "$step" != "$1" ] || played=$sent
	done
	honest
	[ "$(session alice bob) $(session bob alice)" = 'established established' ]
	talk
	[ "$2" = replayed ] || return 0
	later "$MONTHS"
	lie "$(id_of "${TO[$1]}")" 2104 inject \
	    "$(hex "$(id_of "${FROM[$1]}")")" "$(tape "$played" type)" \
	    "$(tape "$played" content)" 2
	run comes "${TO[$1]}"
	assert_output ''
	honest
	[ "$(session alice bob) $(session bob alice)" = 'established established' ]
	talk
}

# Each of the three messages in turn, between people who have just met, or who
# have a session already.
mishaps() { # WHAT STAGE
	local step

	for step in 4 7 9; do
		[ "$step" = 4 ] || anew
		acquainted alice bob
		old=
		if [ "$2" = beside ]; then
			whole 4
			whole 7
			whole 9
			talk
			old=$(sid -1)
		fi
		mishap "$step" "$1" "$2"
	done
}

# Another relay, other people, the time of now.
anew() {
	unset TEST_CLOCK_SHIFT LD_PRELOAD
	relay_stop
	rm -rf "$RELAY_STORE"* "$BATS_TEST_TMPDIR"/*.key*
	evil_start
}

@test "lost, at first: repeating the command cures it" {
	mishaps lost first
}

@test "lost, beside a session: that one goes on until the new one is proven" {
	mishaps lost beside
}

@test "doubled, at first: told once" {
	mishaps doubled first
}

@test "doubled, beside a session: told once" {
	mishaps doubled beside
}

@test "late, at first: what overtook it counts, or waits for it" {
	mishaps delayed first
}

@test "late, beside a session" {
	mishaps delayed beside
}

@test "played again months later, after the first session: no effect" {
	mishaps replayed first
}

@test "played again months later, after a second session: no effect" {
	mishaps replayed beside
}

# --- both at once -------------------------------------------------------------

@test "both begin at once: one session after two pulls each" {
	simultaneous 8 turns
}

@test "both begin and go on at once: one session after two pulls each" {
	simultaneous 8 together
}

@test "both begin anew at once beside a session: it lasts until the new one" {
	handshake
	for n in 1 2 3 4 5; do
		before=$(alice sentinel-send bob -m x >/dev/null; sid -1)
		together quick alice sentinel-keys request bob -- \
		    quick bob sentinel-keys request alice >/dev/null
		bob sentinel-send alice -m y >/dev/null
		[ "$(sid -1)" = "$before" ]
		for person in alice bob alice bob alice bob; do
			"$person" sentinel-pull >/dev/null
			"$person" sentinel-keys send \
			    "$([ "$person" = alice ] && echo bob || echo alice)" \
			    >/dev/null 2>&1 || [ $? = 21 ]
		done
		are_one alice bob
		[ "$(sid -1)" != "$before" ]
	done
}
