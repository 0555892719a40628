# made by `make generated` from the option tables; do not edit

# The names of the peers in the key file that the line speaks of; a key file
# that is closed by a passphrase tells none.
function __sentinel_peers
    set -l line (commandline -opc)
    set -l which
    for n in (seq 2 (count $line))
        switch $line[$n]
            case -k --keyfile -i --identity
                set which $line[$n] $line[(math $n + 1)]
            case '--keyfile=*' '--identity=*'
                set which $line[$n]
        end
    end
    sentinel-keys list $which --get name,alias </dev/null 2>/dev/null | string split -n \t
end

complete -c sentinel-keys -a 'fetch request send connect list show fingerprint verify trust trust-relay rotate alias forget block unblock backup restore passphrase' -n 'not __fish_seen_subcommand_from fetch request send connect list show fingerprint verify trust trust-relay rotate alias forget block unblock backup restore passphrase'
complete -c sentinel-keys -s k -l keyfile -r -F -d 'key file to use'
complete -c sentinel-keys -s i -l identity -x -d 'key file NAME.key of the directory'
complete -c sentinel-keys -s r -l relay -x -d 'sentinel://KEY@HOST:PORT'
complete -c sentinel-keys -l timeout -x -d 'of a network operation (30s)'
complete -c sentinel-keys -l lock-timeout -x -d 'wait for the key file (10s)'
complete -c sentinel-keys -l passphrase-file -r -F -d 'the key file\'s passphrase'
complete -c sentinel-keys -l passphrase-fd -x -d 'the same, from a descriptor'
complete -c sentinel-keys -s g -l get -x -d 'print only these fields, as a.b'
complete -c sentinel-keys -l text -d 'print for people, not JSON'
complete -c sentinel-keys -l color -x -a 'auto always never' -d 'color of JSON'
complete -c sentinel-keys -l errors -x -a 'json text' -d 'form of errors on stderr'
complete -c sentinel-keys -s q -l quiet -d 'no warnings'
complete -c sentinel-keys -s v -l verbose -d 'say how it ended and how long it took'
complete -c sentinel-keys -s h -l help -d 'print this and end'
complete -c sentinel-keys -s V -l version -d 'print the version and end'
complete -c sentinel-keys -n '__fish_seen_subcommand_from fetch' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from request' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from send' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from connect' -s w -l wait -x -d 'wait until the sessions stand'
complete -c sentinel-keys -n '__fish_seen_subcommand_from connect' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from show' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from fingerprint' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from verify' -l unverify -d 'take the mark away'
complete -c sentinel-keys -n '__fish_seen_subcommand_from verify' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from trust' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from rotate' -l static -d 'make a new static key, too'
complete -c sentinel-keys -n '__fish_seen_subcommand_from alias' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from forget' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from block' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from unblock' -a '(__sentinel_peers)'
complete -c sentinel-keys -n '__fish_seen_subcommand_from backup' -l new-passphrase-file -r -F -d 'that of the backup'
complete -c sentinel-keys -n '__fish_seen_subcommand_from passphrase' -l new-passphrase-file -r -F -d 'the one to set'
complete -c sentinel-keys -n '__fish_seen_subcommand_from passphrase' -l remove -d 'go on without one'
