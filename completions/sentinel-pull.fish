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

complete -c sentinel-pull -f
complete -c sentinel-pull -s w -l wait -x -d 'wait for the first that matches'
complete -c sentinel-pull -s n -l count -x -d 'print at most N'
complete -c sentinel-pull -s F -l follow -d 'go on until killed, whatever the relay does'
complete -c sentinel-pull -s e -l exit-status -d '4 when nothing was printed'
complete -c sentinel-pull -l from -x -a '(__sentinel_peers)' -d 'print only what PEER sent'
complete -c sentinel-pull -l type -x -a 'message file key_request key_received' -d 'print only these'
complete -c sentinel-pull -l reply-to -x -d 'print only answers to ID'
complete -c sentinel-pull -s o -l output-dir -x -a '(__fish_complete_directories)' -d 'take files into DIR'
complete -c sentinel-pull -l max-file-size -x -d 'refuse larger files'
complete -c sentinel-pull -l raw -d 'the bytes of a message alone'
complete -c sentinel-pull -l answer -x -a 'none verified known any' -d 'answer key requests of these'
complete -c sentinel-pull -l peek -d 'print what the inbox holds, change nothing'
complete -c sentinel-pull -l max-tries -x -d 'of COMMAND, then a dead letter'
complete -c sentinel-pull -l dead -d 'print dead letters'
complete -c sentinel-pull -l forget -d 'drop the dead letters ID...'
complete -c sentinel-pull -s k -l keyfile -r -F -d 'key file to use'
complete -c sentinel-pull -s i -l identity -x -d 'key file NAME.key of the directory'
complete -c sentinel-pull -s r -l relay -x -d 'sentinel://KEY@HOST:PORT'
complete -c sentinel-pull -l timeout -x -d 'of a network operation (30s)'
complete -c sentinel-pull -l lock-timeout -x -d 'wait for the key file (10s)'
complete -c sentinel-pull -l passphrase-file -r -F -d 'the key file\'s passphrase'
complete -c sentinel-pull -l passphrase-fd -x -d 'the same, from a descriptor'
complete -c sentinel-pull -s g -l get -x -d 'print only these fields, as a.b'
complete -c sentinel-pull -l text -d 'print for people, not JSON'
complete -c sentinel-pull -l color -x -a 'auto always never' -d 'color of JSON'
complete -c sentinel-pull -l errors -x -a 'json text' -d 'form of errors on stderr'
complete -c sentinel-pull -s q -l quiet -d 'no warnings'
complete -c sentinel-pull -s v -l verbose -d 'say how it ended and how long it took'
complete -c sentinel-pull -s h -l help -d 'print this and end'
complete -c sentinel-pull -s V -l version -d 'print the version and end'
