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

complete -c sentinel-status -f
complete -c sentinel-status -l check -d 'look for what is wrong, here and at the relay'
complete -c sentinel-status -s k -l keyfile -r -F -d 'key file to use'
complete -c sentinel-status -s i -l identity -x -d 'key file NAME.key of the directory'
complete -c sentinel-status -s r -l relay -x -d 'sentinel://KEY@HOST:PORT'
complete -c sentinel-status -l timeout -x -d 'of a network operation (30s)'
complete -c sentinel-status -l lock-timeout -x -d 'wait for the key file (10s)'
complete -c sentinel-status -l passphrase-file -r -F -d 'the key file\'s passphrase'
complete -c sentinel-status -l passphrase-fd -x -d 'the same, from a descriptor'
complete -c sentinel-status -s g -l get -x -d 'print only these fields, as a.b'
complete -c sentinel-status -l text -d 'print for people, not JSON'
complete -c sentinel-status -l color -x -a 'auto always never' -d 'color of JSON'
complete -c sentinel-status -l errors -x -a 'json text' -d 'form of errors on stderr'
complete -c sentinel-status -s q -l quiet -d 'no warnings'
complete -c sentinel-status -s v -l verbose -d 'say how it ended and how long it took'
complete -c sentinel-status -s h -l help -d 'print this and end'
complete -c sentinel-status -s V -l version -d 'print the version and end'
