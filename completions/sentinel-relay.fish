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

complete -c sentinel-relay -s c -l config -r -F -d 'options, each a line: name = value'
complete -c sentinel-relay -s l -l listen -x -d 'where to listen, again for more (127.0.0.1:9876)'
complete -c sentinel-relay -l store -x -d 'database, made when missing; or postgresql:CONNINFO'
complete -c sentinel-relay -l key -r -F -d 'secret key, made when missing'
complete -c sentinel-relay -l registration -x -a 'open invite closed' -d 'who may register (invite; open on loopback)'
complete -c sentinel-relay -l mailbox-messages -x -d 'messages in one mailbox (100000)'
complete -c sentinel-relay -l mailbox-size -x -d 'bytes of them (256M)'
complete -c sentinel-relay -l mailbox-requests -x -d 'of these, key requests of one client (8)'
complete -c sentinel-relay -l message-ttl -x -d 'how long messages are kept (30d)'
complete -c sentinel-relay -l file-quota -x -d 'pieces of files in one mailbox (64G)'
complete -c sentinel-relay -l file-ttl -x -d 'how long they are kept (7d)'
complete -c sentinel-relay -l max-store -x -d 'all of the store (no bound)'
complete -c sentinel-relay -l min-free -x -d 'of the disk, left to others (5)'
complete -c sentinel-relay -l max-connections -x -d 'connections in all (16384)'
complete -c sentinel-relay -l max-client-connections -x -d 'of one client (128)'
complete -c sentinel-relay -l max-unbound -x -d 'not bound to a client (256)'
complete -c sentinel-relay -l max-source-unbound -x -d 'of these, from one address (64)'
complete -c sentinel-relay -l bind-timeout -x -d 'to say and prove who it is (5s)'
complete -c sentinel-relay -l idle-timeout -x -d 'without a request (60s)'
complete -c sentinel-relay -l connection-life -x -d 'of any connection (24h)'
complete -c sentinel-relay -l max-frame -x -d 'a request, header included (1088K)'
complete -c sentinel-relay -l transfer-rate -x -d 'a second, the slowest there may be (16K)'
complete -c sentinel-relay -l transfer-grace -x -d 'before that counts (10s)'
complete -c sentinel-relay -l max-output -x -d 'answers waiting for one connection (2M)'
complete -c sentinel-relay -l max-buffers -x -d 'memory of all connections (256M)'
complete -c sentinel-relay -l request-rate -x -d 'requests a second of a client (5000)'
complete -c sentinel-relay -l byte-rate -x -d 'a second, both ways, of a client (512M)'
complete -c sentinel-relay -l directory-rate -x -d 'lists and registrations a second of a client (100)'
complete -c sentinel-relay -l rate-burst -x -d 'of these rates at once (4s)'
complete -c sentinel-relay -l registration-rate -x -d 'a second from an address (1)'
complete -c sentinel-relay -l registration-burst -x -d 'at once from an address (60)'
complete -c sentinel-relay -l handshake-rate -x -d 'handshakes a second from an address (500)'
complete -c sentinel-relay -l handshake-burst -x -d 'at once from an address (2000)'
complete -c sentinel-relay -l metrics -x -d 'where to answer GET /metrics'
complete -c sentinel-relay -l metrics-remote -d 'other machines may read them, too'
complete -c sentinel-relay -l log-format -x -a 'auto text json' -d 'form of the log (auto)'
complete -c sentinel-relay -l log-level -x -a 'error warn info debug' -d 'how much is logged (info)'
complete -c sentinel-relay -l log-ids -x -a 'hashed full' -d 'how clients are named in it (hashed)'
complete -c sentinel-relay -l invite -x -d 'print so many invites and end'
complete -c sentinel-relay -l invite-ttl -x -d 'how long they are good for (7d)'
complete -c sentinel-relay -l user -x -d 'whom to become, when root'
complete -c sentinel-relay -l sandbox -x -a 'on off' -d 'only what serving needs (on)'
complete -c sentinel-relay -l landlock -x -d 'its version, at most (6; 0: without)'
complete -c sentinel-relay -l check-sandbox -d 'try what it must refuse and end'
complete -c sentinel-relay -l check-config -d 'look at all options and end'
complete -c sentinel-relay -l print-address -d 'print the relay\'s address and end'
complete -c sentinel-relay -s g -l get -x -d 'print only these fields, as a.b'
complete -c sentinel-relay -l text -d 'print for people, not JSON'
complete -c sentinel-relay -l color -x -a 'auto always never' -d 'color of JSON'
complete -c sentinel-relay -l errors -x -a 'json text' -d 'form of errors on stderr'
complete -c sentinel-relay -s q -l quiet -d 'no warnings'
complete -c sentinel-relay -s v -l verbose -d 'say how it ended and how long it took'
complete -c sentinel-relay -s h -l help -d 'print this and end'
complete -c sentinel-relay -s V -l version -d 'print the version and end'
