#!/bin/sh
# mutants.sh: what tests/mutants takes away is there, exactly once, and so is
# the test that must fail.
exec tests/mutants/run --check
