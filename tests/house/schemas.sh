#!/bin/sh
# schemas.sh: each schema takes its own examples and refuses spoilt ones, and
# some source writes each of its fields.  The other way round, a record with a
# field that is in no schema fails the bats test that saw it (validate.py).
set -eu
bad=0
[ ! -f tests/tools/validate.py ] ||
    /usr/bin/python3 tests/tools/validate.py --self || bad=1
for field in $(jq -r '.. | objects | .properties // empty | keys[]' \
    share/schema/v1/*.json | sort -u); do
	grep -qE "\"$field\\\\?\"" lib/*/*.c server/*.c cmd/*.c || {
		echo "schemas: nobody writes $field"
		bad=1
	}
done
exit $bad
