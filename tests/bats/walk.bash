# shellcheck shell=bash
# A newcomer with README.md and the manuals, on a machine of his own.

load "$ROOT/tests/bats/documents"

# section PAGE NAME: what it shows of commands, without a prompt
section() {
	awk -v name="$2" '/^\.Sh/ { on = (substr($0, 5) == name) }
	    !on { next }
	    /^\.Bd -literal/ { inside = 1; next }
	    /^\.Ed/ { inside = 0 }
	    inside { gsub(/\\e/, "\\"); print }' "$ROOT/man/$1"
}

# typed FILE: root types that on the machine, after what was typed before
typed() {
	printf 'set -e\ncd %q\n' "$ROOT" >"$M/$1"
	cat >>"$M/$1"
	printf 'bash %q\n' "$M/$1" >>"$M/all"
}

# makes_backup: what the manual says that begins one, until it is done
makes_backup() {
	sed -n 's/^\.Ql \(systemctl kill .*\) \.$/\1/p' "$ROOT/man/sentinel-relay.8"
	cat <<-'END'
		cd /var/lib/sentinel-relay
		timeout 20 sh -c 'until [ -d relay.db.backup ]; do sleep 0.1; done'
	END
}

# knows_both: a third person sees who is registered
knows_both() {
	cat <<-'END'
		sentinel-relay --invite 1 --get invite \
		    --key /var/lib/sentinel-relay/relay.secret |
		    sentinel-register --invite-file - \
		        -r "$(cat /etc/sentinel-relay/address)" carol
		sentinel-clients --get name | sort | diff <(printf 'alice\nbob\n') -
	END
}

# several: what a machine of several relays is given; packages and services
# of others are stood in for
several() {
	cat <<-'END'
		EDITOR=true
		told=$(mktemp)
		apt-get() {
			mkdir -p /etc/patroni
			sed -i /^postgres:/d /etc/passwd
			echo postgres:x:0:0::/:/bin/sh >>/etc/passwd
		}
		systemctl() { echo "$*" >>"$told"; }
		sudo() { echo "$3" >>"$told"; }
	END
	# without the line of a configuration
	section sentinel-relay.8 'SEVERAL RELAYS' | sed 1,2d
	cat <<-'END'
		diff "$told" - <<-WANTED
			disable --now postgresql
			restart etcd
			enable --now patroni
			createuser
			createdb
		WANTED
		rm "$told"
		cmp share/patroni/etcd /etc/default/etcd
		cmp share/patroni/patroni.yml /etc/patroni/config.yml
		[ "$(stat -c %a /etc/patroni/config.yml)" = 600 ]
	END
}

# walk [--instead OLD NEW]: from what README says of the set-up to the end of
# sentinel-tour(7), and then what sentinel-relay(8) says to who has a service
walk() {
	M=$BATS_TEST_TMPDIR/m
	mkdir "$M"
	echo 'set -e' >"$M/all"
	readme Set-up sh 2 | typed install
	printf '%q ' "$ROOT/tests/tools/walk.py" "$@" \
	    "$ROOT/man/sentinel-tour.7" >>"$M/all"
	echo >>"$M/all"
	section sentinel-relay.8 SERVICE | typed service
	makes_backup | typed backup
	section sentinel-relay.8 'BACKUP AND RESTORE' | typed restore
	knows_both | typed known
	several | typed several
	MAKEFLAGS='' MAKELEVEL='' run "$ROOT/tests/tools/machine" "$M" \
	    bash "$M/all" 3>&-
	assert_success
}
