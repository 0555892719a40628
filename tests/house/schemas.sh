#!/bin/sh
# schemas.sh: each schema takes its own examples and refuses spoilt ones.
exec /usr/bin/python3 tests/tools/validate.py --self
