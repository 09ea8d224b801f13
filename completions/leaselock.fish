# fish completion for leaselock. Keys are not asked of the server: that could take long.

# Whether the command of `run` is being typed: it begins after the key, or after a --.
function __leaselock_in_command
    set -l words (commandline -opc)
    set -l seen 0 # of run and the key
    set -l takes 0
    for word in $words[2..]
        if test $takes = 1
            set takes 0
            continue
        end
        switch $word
            case --
                test $seen -ge 1; and return 0
            case --url --prefix --owner --config --ttl --wait -w --slots --min-hold --conflict-exit-code -E --grace --metrics-file
                set takes 1
            case '-*'
            case '*'
                test $seen = 0 -a $word != run; and return 1
                set seen (math $seen + 1)
        end
    end
    test $seen -ge 2
end

function __leaselock_in
    __fish_seen_subcommand_from $argv; and not __leaselock_in_command
end

complete -c leaselock -f
set -l none 'not __fish_seen_subcommand_from run hold status list top wait release doctor bench init'
complete -c leaselock -n $none -a run -d 'Run a command while a lock is held'
complete -c leaselock -n $none -a hold -d 'Hold a lock until standard input closes or a signal comes'
complete -c leaselock -n $none -a status -d 'Tell who holds a lock'
complete -c leaselock -n $none -a list -d 'Tell which locks are held'
complete -c leaselock -n $none -a top -d 'Watch which locks are held'
complete -c leaselock -n $none -a wait -d 'Wait until a lock is free'
complete -c leaselock -n $none -a release -d 'Free a lock that somebody holds'
complete -c leaselock -n $none -a doctor -d 'Look for what is wrong at the backend'
complete -c leaselock -n $none -a bench -d 'Measure how fast locks are at this backend'
complete -c leaselock -n $none -a init -d 'Make a directory in which users share locks'
complete -c leaselock -n $none -l version -d 'The version'

set -l ours 'not __leaselock_in_command'
complete -c leaselock -n $ours -l url -x -a 'redis:// rediss:// redis+unix:// redis+sentinel:// redis+cluster:// hazelcast:// hazelcasts:// file:/' -d 'Where the locks are'
complete -c leaselock -n $ours -l prefix -x -d 'Put before every key'
complete -c leaselock -n $ours -l owner -x -d 'Who we are, for those who look'
complete -c leaselock -n $ours -l config -r -F -d 'A TOML file with options'
complete -c leaselock -n $ours -s h -l help -d 'Help, with examples'

complete -c leaselock -n 'not __leaselock_in run; and not __leaselock_in_command' -l json -d 'JSON instead of a table'
complete -c leaselock -n '__leaselock_in top' -l interval -x -d 'From one refresh to the next'
complete -c leaselock -n '__leaselock_in top' -l count -x -d 'Refresh so many times'
complete -c leaselock -n '__leaselock_in bench' -l time -x -d 'How long to measure each'
complete -c leaselock -n '__leaselock_in run hold wait' -s w -l wait -x -d 'Wait at most so long'
complete -c leaselock -n '__leaselock_in run hold' -l ttl -x -d 'How long the lock outlives a holder that died'
complete -c leaselock -n '__leaselock_in run hold' -s n -l nonblock -d 'Do not wait'
complete -c leaselock -n '__leaselock_in run hold' -l shared -d 'A share, beside other readers'
complete -c leaselock -n '__leaselock_in run hold' -l slots -x -d 'One of so many slots'
complete -c leaselock -n '__leaselock_in run hold' -l min-hold -x -d 'Keep the lock at least so long'
complete -c leaselock -n '__leaselock_in run hold' -s E -l conflict-exit-code -x -d 'Exit status if the lock is held'
complete -c leaselock -n '__leaselock_in run' -l grace -x -d 'SIGTERM so long before SIGKILL'
complete -c leaselock -n '__leaselock_in run' -l foreground -d 'Leave the command in our process group'
complete -c leaselock -n '__leaselock_in init' -l group -x -a '(__fish_complete_groups)' -d 'Whose members share them'
complete -c leaselock -n '__leaselock_in init' -F
complete -c leaselock -n '__leaselock_in run hold' -s v -l verbose -d 'Say where the locks are and for whom it waits'
complete -c leaselock -n '__leaselock_in run hold' -l metrics-file -r -F -d 'Write metrics to this file at the end'
complete -c leaselock -n '__leaselock_in release' -l token -x -d 'Free it if this token holds it'
complete -c leaselock -n '__leaselock_in release' -l force -d 'Free it, whichever owner holds it'
complete -c leaselock -n __leaselock_in_command -F -a '(__fish_complete_command)'
