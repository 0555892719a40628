# shellcheck shell=bash
# What tests/tools/cuts.py tells.

# turned N: as many bits were, and more than a few were noticed
# shellcheck disable=SC2154
turned() {
	run jq ".[\"status 10\"] + .[\"status 14\"] > $1 / 2 and
	    ([to_entries[] | select(.key | startswith(\"status\")) | .value] |
	    add) == $1" <<<"$output"
	assert_output true
}
