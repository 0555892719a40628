#!/usr/bin/env bats
# The Debian packages: built twice, looked at by lintian, and installed in a
# Debian that has nothing else.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

# build DIR: the packages of what was committed when this began
build() {
	mkdir -p "${1%/*}"
	(cd "$ROOT" && scripts/deb "$1" "$COMMIT") >"$1.log" 2>&1 3>&- ||
	    fail "$(tail -n 50 "$1.log")"
}

setup_file() {
	COMMIT=$(git -C "$ROOT" rev-parse HEAD)
	export COMMIT DEBS=$BATS_FILE_TMPDIR/debs
	build "$DEBS"
}

@test "lintian has nothing to say" {
	run lintian --allow-root --fail-on error,warning "$DEBS"/*.changes
	assert_success
	refute_output --regexp '^[EW]:'
}

@test "H9: the same again, in another place, to the byte" {
	build "$BATS_TEST_TMPDIR/a/longer/way/to/debs"
	for deb in "$DEBS"/*.deb; do
		cmp "$deb" "$BATS_TEST_TMPDIR/a/longer/way/to/debs/${deb##*/}"
	done
}

# a Debian with what the packages depend on; from where this one comes from
bare_debian() {
	local mirror wanted

	mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' \
	    'Created-By: Packages' | sed -n 's/ bookworm$//p' | head -n 1)
	wanted=$(for deb in "$DEBS"/sentinelchat*_amd64.deb; do
		dpkg-deb -f "$deb" Depends
	done | tr ',' '\n' | sed 's/^ *//; s/[ |(].*//' |
	    grep -v '^sentinelchat' | sed 's/^systemd$/systemd-standalone-sysusers/' |
	    sort -u | paste -sd ,)
	debootstrap --variant=minbase --include="$wanted,jq" bookworm "$1" \
	    "$mirror" >"$1.log" 2>&1 3>&- || fail "$(tail -n 30 "$1.log")"
}

@test "installed where nothing else is, they serve and talk" {
	local at=$BATS_TEST_TMPDIR/debian

	bare_debian "$at"
	cp "$DEBS"/*.deb "$at/root"
	rm "$at"/root/*dbgsym*
	run chroot "$at" sh -c 'dpkg -i /root/*.deb' 3>&-
	assert_success
	run chroot "$at" getent passwd sentinel-relay
	assert_success
	[ -f "$at/etc/sentinel-relay/relay.conf" ]

	cat >"$at/root/smoke" <<-'EOT'
		set -e
		cd /root
		sentinel-relay -c /etc/sentinel-relay/relay.conf -l 127.0.0.1:0 \
		    --registration open --store sqlite:db --key key >ready &
		until [ -s ready ]; do sleep 0.1; done
		export SENTINEL_RELAY=$(jq -r .address ready)
		sentinel-register -k a alice
		sentinel-register -k b bob
		sentinel-pull -k b --answer=any -F &
		sentinel-keys -k a fetch bob
		sentinel-keys -k a connect -w 20s bob
		sentinel-send -k a bob -m hello
		kill $!
		wait $! || :
		kill "$(jq -r .pid ready)"
		wait
	EOT
	run --separate-stderr chroot "$at" sh /root/smoke 3>&-
	assert_success
	assert_output --partial '"status":"accepted"'

	run chroot "$at" sh -c 'dpkg -P sentinelchat sentinelchat-relay' 3>&-
	assert_success
	run find "$at/usr" "$at/lib" "$at/etc" -name '*sentinel*' -not -name '*.list'
	assert_output ''
}
