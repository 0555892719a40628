#!/usr/bin/env bats
# From nothing to a conversation by README.md and the manuals alone: two users,
# a relay that is a service, and each line typed as it stands there.

load helper
load walk

@test "a newcomer's walk; the file is of 64 MiB" {
	walk --instead 'head -c 1G' 'head -c 64M'
}
