# shellcheck shell=bash
# made by `make generated` from the option tables; do not edit

_sentinel_table() {
	case $1 in
	'sentinel-clients') echo ' --name=text --keyfile=files -k=files --identity=text -i=text --relay=text -r=text --timeout=text --lock-timeout=text --passphrase-file=files --passphrase-fd=text --get=text -g=text --text --color=auto|always|never --errors=json|text --quiet -q --verbose -v --help -h --version -V' ;;
	'sentinel-keys') echo ' --keyfile=files -k=files --identity=text -i=text --relay=text -r=text --timeout=text --lock-timeout=text --passphrase-file=files --passphrase-fd=text --get=text -g=text --text --color=auto|always|never --errors=json|text --quiet -q --verbose -v --help -h --version -V +fetch|request|send|connect|list|show|fingerprint|verify|trust|trust-relay|rotate|alias|forget|block|unblock|backup|restore|passphrase' ;;
	'sentinel-keys fetch') echo ' +peers...' ;;
	'sentinel-keys request') echo ' +peers' ;;
	'sentinel-keys send') echo ' +peers' ;;
	'sentinel-keys connect') echo ' --wait=text -w=text +peers...' ;;
	'sentinel-keys list') echo ' ' ;;
	'sentinel-keys show') echo ' +peers' ;;
	'sentinel-keys fingerprint') echo ' +peers' ;;
	'sentinel-keys verify') echo ' --unverify +peers +text' ;;
	'sentinel-keys trust') echo ' +peers +text' ;;
	'sentinel-keys trust-relay') echo ' +text' ;;
	'sentinel-keys rotate') echo ' --static' ;;
	'sentinel-keys alias') echo ' +peers +text' ;;
	'sentinel-keys forget') echo ' +peers' ;;
	'sentinel-keys block') echo ' +peers' ;;
	'sentinel-keys unblock') echo ' +peers' ;;
	'sentinel-keys backup') echo ' --new-passphrase-file=files +files' ;;
	'sentinel-keys restore') echo ' +files' ;;
	'sentinel-keys passphrase') echo ' --new-passphrase-file=files --remove' ;;
	'sentinel-pull') echo ' --wait=text -w=text --count=text -n=text --follow -F --exit-status -e --from=peers --type=message|file|key_request|key_received --reply-to=text --output-dir=dirs -o=dirs --max-file-size=text --raw --answer=none|verified|known|any --peek --max-tries=text --dead --forget --keyfile=files -k=files --identity=text -i=text --relay=text -r=text --timeout=text --lock-timeout=text --passphrase-file=files --passphrase-fd=text --get=text -g=text --text --color=auto|always|never --errors=json|text --quiet -q --verbose -v --help -h --version -V' ;;
	'sentinel-register') echo ' --tofu --invite-file=files --new-passphrase-file=files --ask-passphrase --unregister --yes --keyfile=files -k=files --identity=text -i=text --relay=text -r=text --timeout=text --lock-timeout=text --passphrase-file=files --passphrase-fd=text --get=text -g=text --text --color=auto|always|never --errors=json|text --quiet -q --verbose -v --help -h --version -V +text' ;;
	'sentinel-relay') echo ' --config=files -c=files --listen=text -l=text --store=text --key=files --registration=open|invite|closed --mailbox-messages=text --mailbox-size=text --mailbox-requests=text --message-ttl=text --file-quota=text --file-ttl=text --max-store=text --min-free=text --max-connections=text --max-client-connections=text --max-unbound=text --max-source-unbound=text --bind-timeout=text --idle-timeout=text --connection-life=text --max-frame=text --transfer-rate=text --transfer-grace=text --max-output=text --max-buffers=text --request-rate=text --byte-rate=text --directory-rate=text --rate-burst=text --registration-rate=text --registration-burst=text --handshake-rate=text --handshake-burst=text --metrics=text --metrics-remote --log-format=auto|text|json --log-level=error|warn|info|debug --log-ids=hashed|full --invite=text --invite-ttl=text --user=text --sandbox=on|off --landlock=text --check-sandbox --check-config --print-address --get=text -g=text --text --color=auto|always|never --errors=json|text --quiet -q --verbose -v --help -h --version -V +text +files' ;;
	'sentinel-send') echo ' --message=text -m=text --lines -l --null -0 --batch -b --chomp --reply-to=text -R=text --id=text --queue --content-type=text --require-verified --keyfile=files -k=files --identity=text -i=text --relay=text -r=text --timeout=text --lock-timeout=text --passphrase-file=files --passphrase-fd=text --get=text -g=text --text --color=auto|always|never --errors=json|text --quiet -q --verbose -v --help -h --version -V +peers...' ;;
	'sentinel-sendfile') echo ' --to=peers -t=peers --name=text -n=text --progress=auto|bar|json|never --rate=text --no-resume --require-verified --keyfile=files -k=files --identity=text -i=text --relay=text -r=text --timeout=text --lock-timeout=text --passphrase-file=files --passphrase-fd=text --get=text -g=text --text --color=auto|always|never --errors=json|text --quiet -q --verbose -v --help -h --version -V +peers +files...' ;;
	'sentinel-status') echo ' --check --keyfile=files -k=files --identity=text -i=text --relay=text -r=text --timeout=text --lock-timeout=text --passphrase-file=files --passphrase-fd=text --get=text -g=text --text --color=auto|always|never --errors=json|text --quiet -q --verbose -v --help -h --version -V' ;;
	esac
}

# The names of the peers in the key file that the line speaks of; a key file
# that is closed by a passphrase tells none.
_sentinel_peers() {
	local -a which=()
	local n word
	for ((n = 1; n < COMP_CWORD; n++)); do
		word=${COMP_WORDS[n]}
		case $word in
		-k | --keyfile | -i | --identity)
			[[ ${COMP_WORDS[n + 1]} != = ]] || ((n++))
			which+=("$word" "$(_sentinel_plain "${COMP_WORDS[n + 1]}")")
			((n++))
			;;
		esac
	done
	sentinel-keys list "${which[@]}" --get name,alias \
	    </dev/null 2>/dev/null | tr '\t' '\n'
}

# a word of the line as the command would get it: ~, \ and quotes, no more
_sentinel_plain() {
	printf '%s\n' "$1" |
	    sed -e "s:^~/:$HOME/:" -e 's/\\\(.\)/\1/g' -e "s/[\"']//g"
}

# KIND: the candidates, a line each
_sentinel_candidates() {
	case $1 in
	peers) _sentinel_peers ;;
	files) compgen -f -- "$cur" ;;
	dirs) compgen -d -- "$cur" ;;
	commands) compgen -c -- "$cur" ;;
	*'|'*) printf '%s\n' "${1//|/$'\n'}" ;;
	esac
}

# KIND: fill COMPREPLY; a name is quoted for the shell
_sentinel_reply() {
	local word
	[[ $1 != files && $1 != dirs ]] || compopt -o filenames 2>/dev/null
	while IFS= read -r word; do
		[[ $word && $word == "$cur"* ]] || continue
		[[ $1 != peers ]] || word=$(printf %q "$word")
		COMPREPLY+=("$word")
	done < <(_sentinel_candidates "$1")
}

# OPTION: the kind of its value; fails for a flag and for no option
_sentinel_value() {
	local row
	for row in $table; do
		[[ $row == "$1="* ]] || continue
		echo "${row#*=}"
		return
	done
	return 1
}

# N: the kind of the operand that follows N others
_sentinel_operand() {
	local row n=0 kind=
	for row in $table; do
		[[ $row == +* ]] || continue
		kind=${row#+}
		((n++ < $1)) || break
	done
	((n > $1)) || [[ $kind == *... ]] || return
	echo "${kind%...}"
}

_sentinel() {
	local program=${COMP_WORDS[0]##*/} cur=${COMP_WORDS[COMP_CWORD]}
	local table kind n word before='' seen=0 ended=
	table=$(_sentinel_table "$program")
	COMPREPLY=()
	for ((n = 1; n < COMP_CWORD; n++)); do
		word=${COMP_WORDS[n]}
		if [[ $ended ]]; then
			((seen++))
		elif [[ $word == = ]]; then
			continue
		elif [[ $before ]]; then
			before=
		elif [[ $word == -- ]]; then
			ended=1
		elif [[ $word == -* ]]; then
			_sentinel_value "$word" >/dev/null && before=$word
		elif [[ $table == *" +"*"|"* && $seen == 0 ]]; then
			table=${table% +*}$(_sentinel_table "$program $word")
		else
			((seen++))
		fi
	done
	[[ $cur != = ]] || cur=
	if [[ $before ]]; then
		kind=$(_sentinel_value "$before")
	elif [[ ! $ended && $cur == -* ]]; then
		kind=$(_sentinel_long)
	else
		kind=$(_sentinel_operand "$seen")
	fi
	_sentinel_reply "$kind"
}

# the long options of the table, as a kind
_sentinel_long() {
	local row all='|'
	for row in $table; do
		[[ $row != --* ]] || all+="${row%%=*}|"
	done
	echo "$all"
}

complete -F _sentinel sentinel-clients sentinel-keys sentinel-pull sentinel-register sentinel-relay sentinel-send sentinel-sendfile sentinel-status
