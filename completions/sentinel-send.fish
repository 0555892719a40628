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

complete -c sentinel-send -f
complete -c sentinel-send -s m -l message -x -d 'the text, instead of standard input'
complete -c sentinel-send -s l -l lines -d 'a message a line'
complete -c sentinel-send -s 0 -l null -d 'a message up to each NUL'
complete -c sentinel-send -s b -l batch -d 'an object in JSON a line says what and to whom'
complete -c sentinel-send -l chomp -d 'leave out a newline at the end of a text'
complete -c sentinel-send -s R -l reply-to -x -d 'answers the message with that id'
complete -c sentinel-send -l id -x -d 'the message\'s id: it is sent once'
complete -c sentinel-send -l queue -d 'keep it when it cannot go out now'
complete -c sentinel-send -l content-type -x -d 'what kind of text it is'
complete -c sentinel-send -l require-verified -d 'only to peers that are verified'
complete -c sentinel-send -s k -l keyfile -r -F -d 'key file to use'
complete -c sentinel-send -s i -l identity -x -d 'key file NAME.key of the directory'
complete -c sentinel-send -s r -l relay -x -d 'sentinel://KEY@HOST:PORT'
complete -c sentinel-send -l timeout -x -d 'of a network operation (30s)'
complete -c sentinel-send -l lock-timeout -x -d 'wait for the key file (10s)'
complete -c sentinel-send -l passphrase-file -r -F -d 'the key file\'s passphrase'
complete -c sentinel-send -l passphrase-fd -x -d 'the same, from a descriptor'
complete -c sentinel-send -s g -l get -x -d 'print only these fields, as a.b'
complete -c sentinel-send -l text -d 'print for people, not JSON'
complete -c sentinel-send -l color -x -a 'auto always never' -d 'color of JSON'
complete -c sentinel-send -l errors -x -a 'json text' -d 'form of errors on stderr'
complete -c sentinel-send -s q -l quiet -d 'no warnings'
complete -c sentinel-send -s v -l verbose -d 'say how it ended and how long it took'
complete -c sentinel-send -s h -l help -d 'print this and end'
complete -c sentinel-send -s V -l version -d 'print the version and end'
complete -c sentinel-send -a '(__sentinel_peers)'
