#!/bin/sh
# Read every sensor of this machine and send what it says, all over one
# connection; from cron, or from a loop on a small board:
#
#   sensor-fleet.sh station
#   sensor-fleet.sh station /sys/class/thermal
#
# Each reading is a message of its own.  Its "ref" comes back in its record,
# so a sensor whose reading was not taken can be named.
set -u
[ $# = 1 ] || [ $# = 2 ] || { echo "usage: $0 PEER [DIR]" >&2; exit 2; }

for file in "${2:-/sys/class/thermal}"/*/temp; do
	sensor=$(basename "$(dirname "$file")")
	value=$(cat "$file") || continue
	jq -cn --arg to "$1" --arg ref "$sensor" --arg value "$value" \
	    '{$to, $ref, body: ({sensor: $ref, $value} | tojson)}'
done | sentinel-send --batch --queue |
    jq -r '"\(.ref): \(.status)\(if .error then ", " + .error.message else "" end)"'
