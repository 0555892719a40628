#!/usr/bin/env bats
# What bash, zsh and fish complete on a terminal, from where `make install`
# puts it for them.

load helper

setup_file() {
	export STAGE=$BATS_FILE_TMPDIR/stage
	MAKEFLAGS='' make -s -C "$ROOT" "DESTDIR=$STAGE" PREFIX=/usr \
	    "BUILD=${SENTINEL_BIN%/*/bin}" \
	    "VARIANT=$(basename "${SENTINEL_BIN%/bin}")" install 3>&-
	cat >"$BATS_FILE_TMPDIR/bashrc" <<-EOT
		PS1='ready> '
		BASH_COMPLETION_USER_DIR=$STAGE/usr/share/bash-completion
		. /usr/share/bash-completion/bash_completion
	EOT
	cat >"$BATS_FILE_TMPDIR/.zshrc" <<-EOT
		PS1='ready> '
		fpath=($STAGE/usr/share/zsh/site-functions \$fpath)
		autoload -U compinit
		compinit -u -d $BATS_FILE_TMPDIR/zcompdump
	EOT
	cat >"$BATS_FILE_TMPDIR/config.fish" <<-EOT
		set fish_complete_path $STAGE/usr/share/fish/vendor_completions.d
		function fish_prompt
		    printf 'ready> '
		end
	EOT
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir incoming
	touch report.txt
}

# on SHELL: a shell of that kind that reads our files alone
on() {
	case $1 in
	bash) set -- bash --noprofile --rcfile "$BATS_FILE_TMPDIR/bashrc" -i ;;
	zsh) set -- env ZDOTDIR="$BATS_FILE_TMPDIR" zsh -d -i ;;
	fish) set -- fish -N -i -C "source $BATS_FILE_TMPDIR/config.fish" ;;
	esac
	"$ROOT/tests/tools/terminal.py" "${steps[@]}" -- "$@" 3>&-
}

# completes LINE TEXT...: the tab key after LINE shows each TEXT, in each shell
completes() {
	local shell line=$1 text

	shift
	for shell in bash zsh fish; do
		local steps=(--timeout 15 --answer 'ready> ' "$line"'\t\t')
		for text; do
			steps+=(--run "$text" true)
		done
		# shellcheck disable=SC2016
		steps+=(--run '' 'kill -9 "$PID"')
		run on "$shell"
		[ "$status" = 137 ] || fail "$shell, $line: no $*: $output"
	done
}

@test "options, long and of a subcommand" {
	completes 'sentinel-send --req' require-verified
	completes 'sentinel-keys verify --unv' unverify
	completes 'sentinel-keys list --lock-t' lock-timeout
	completes 'sentinel-relay --check-s' check-sandbox
}

@test "subcommands, and the words an option takes" {
	completes 'sentinel-keys finger' fingerprint
	completes 'sentinel-clients --color ne' never
	completes 'sentinel-clients --color=ne' never
	completes 'sentinel-pull --type key_rec' received
}

@test "files and directories" {
	completes 'sentinel-keys --keyfile rep' report.txt
	completes 'sentinel-pull -o inc' incoming
	completes 'sentinel-sendfile bob rep' report.txt
}

@test "peers of the key file that the line names, and their aliases" {
	relay_start
	register alice bob
	alice sentinel-keys fetch bob >/dev/null
	alice sentinel-keys alias bob robert >/dev/null
	completes 'sentinel-send -k alice.key bo' bob
	completes 'sentinel-keys --keyfile alice.key verify bo' bob
	completes 'sentinel-pull --keyfile=alice.key --from bo' bob
	completes 'sentinel-sendfile -k alice.key rob' robert
}
