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

complete -c sentinel-clients -f
complete -c sentinel-clients -l name -x -d 'only the client of that name'
complete -c sentinel-clients -s k -l keyfile -r -F -d 'key file to use'
complete -c sentinel-clients -s i -l identity -x -d 'key file NAME.key of the directory'
complete -c sentinel-clients -s r -l relay -x -d 'sentinel://KEY@HOST:PORT'
complete -c sentinel-clients -l timeout -x -d 'of a network operation (30s)'
complete -c sentinel-clients -l lock-timeout -x -d 'wait for the key file (10s)'
complete -c sentinel-clients -l passphrase-file -r -F -d 'the key file\'s passphrase'
complete -c sentinel-clients -l passphrase-fd -x -d 'the same, from a descriptor'
complete -c sentinel-clients -s g -l get -x -d 'print only these fields, as a.b'
complete -c sentinel-clients -l text -d 'print for people, not JSON'
complete -c sentinel-clients -l color -x -a 'auto always never' -d 'color of JSON'
complete -c sentinel-clients -l errors -x -a 'json text' -d 'form of errors on stderr'
complete -c sentinel-clients -s q -l quiet -d 'no warnings'
complete -c sentinel-clients -s v -l verbose -d 'say how it ended and how long it took'
complete -c sentinel-clients -s h -l help -d 'print this and end'
complete -c sentinel-clients -s V -l version -d 'print the version and end'
