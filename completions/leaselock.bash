# bash completion for leaselock. Keys are not asked of the server: that could take long.
_leaselock() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= key= i
    local commands='run hold status list top wait release doctor bench init'
    local shared='--url --prefix --owner --config --json --help -h'
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; ++i)); do
        case ${COMP_WORDS[i]} in
            --)
                [[ $command == run ]] || continue
                [[ -n $key || ${COMP_WORDS[i + 1]} != -?* ]] || { key=1 && ((++i)); continue; }
                _leaselock_command "$((i + 1))"
                return ;;
            --url | --prefix | --owner | --config | --ttl | --wait | -w | --slots | --min-hold | --conflict-exit-code | -E | --grace | --metrics-file | --token | --interval | --count | --time | --group) ((++i)) ;;
            -*) ;;
            *)
                if [[ -z $command ]]; then
                    command=${COMP_WORDS[i]}
                elif [[ -z $key ]]; then
                    key=1
                elif [[ $command == run ]]; then
                    _leaselock_command "$i"
                    return
                fi ;;
        esac
    done
    case $previous in
        --config | --metrics-file) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
        --group) mapfile -t COMPREPLY < <(compgen -g -- "$word") && return ;;
        --url) mapfile -t COMPREPLY < <(compgen -W 'redis:// rediss:// redis+unix:// redis+sentinel:// redis+cluster:// hazelcast:// hazelcasts:// file:/' -- "$word") && return ;;
        --prefix | --owner | --ttl | --wait | -w | --slots | --min-hold | --conflict-exit-code | -E | --grace | --token | --interval | --count | --time) return ;;
    esac
    local words
    case $command in
        '') words="$commands $shared --version" ;;
        run) words="${shared/--json /} --ttl --wait -w --nonblock -n --shared --slots --min-hold --conflict-exit-code -E --grace --foreground --verbose -v --metrics-file --" ;;
        hold) words="$shared --ttl --wait -w --nonblock -n --shared --slots --min-hold --conflict-exit-code -E --verbose -v --metrics-file" ;;
        wait) words="$shared --wait -w" ;;
        release) words="$shared --token --force" ;;
        top) words="$shared --interval --count" ;;
        bench) words="$shared --time" ;;
        init) words="$shared --group" ;;
        *) words="$shared" ;;
    esac
    if [[ $command == run && -n $key && $word != -* ]]; then
        _leaselock_command "$COMP_CWORD"
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    fi
}

# The command of `run` is completed as if it stood alone, where bash-completion is there.
_leaselock_command() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
    fi
}

complete -F _leaselock leaselock
