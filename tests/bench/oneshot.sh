#!/bin/sh
# One sentinel-send from start to end, beside a bare process that commits to
# the key file twice.  Run by make bench, which sets SENTINEL_BIN and
# SENTINEL_TOOLS.
set -eu
rounds=${1:-200}
# shellcheck source=tests/bench/stage.bash
. "$(dirname "$0")/stage.bash"
meet a b
cp "$T/a.key" "$T/c.key"
as a "$SENTINEL_TOOLS/oneshot" "$T/c.key" "$rounds" sentinel-send -m 'a message' b
