// What --help says behind the options.
#pragma once

namespace leaselock::cli::help {

inline constexpr const char* all =
    R"(Durations: 500ms, 30s, 5m (or 5min), 2h, 1d, 1m30s; a plain number is seconds.

Exit status: 0 done; 1 nothing to release, or the doctor found a problem; 64 wrong usage; 69 the
backend cannot be reached or does not serve; 71 no process can be started, or the output not be
written; 75 somebody holds the lock; 79 the lock was lost; 126 the command cannot be run; 127
it is not found; 128+N, as shells show it, ended by signal N. `run` ends as its command does.

Examples:
  leaselock run -n nightly-report -- ./report.sh --all
  leaselock --url redis://db:6379 list 'import:*'
  leaselock run --help)";

inline constexpr const char* shared =
    R"(Also --url URL, --prefix PREFIX, --owner NAME, --config FILE: see leaselock --help.)";

inline constexpr const char* run =
    R"(COMMAND is the first word after KEY that is no option, and all words from there on are its own. A
KEY that begins with - has a -- before it: leaselock run -- -k COMMAND.
The command has LEASELOCK_KEY, LEASELOCK_TOKEN (for `leaselock release --token`) and
LEASELOCK_FENCE (a number that rises with each grant) in its environment.

Examples:
  leaselock run backup tar -cf /srv/backup.tar /srv/data
  leaselock run -n -E 0 --min-hold 1m nightly -- ./nightly.sh   # a job that one machine of many runs
  leaselock run -w 30s --ttl 10s deploy -- sh -c 'migrate && restart'
  leaselock run --metrics-file /var/lib/node_exporter/nightly.prom nightly -- ./nightly.sh)";

inline constexpr const char* hold =
    R"(Says "held", the key and its fencing token, with tabs between them, when it has the lock, and "lost"
with the same if the lock is lost; then it ends with 79. Standard input is not read. Where that is no
pipe, socket or terminal, the lock is held until a signal comes.

Example, a section of a bash script under a lock:
  coproc LOCK { exec leaselock hold stock; }
  lock=$LOCK_PID in=${LOCK[1]}
  read -r held <&"${LOCK[0]}" || { wait "$lock"; exit; }
  # ... the section ...
  exec {in}>&-
  wait "$lock" || exit)";

inline constexpr const char* status =
    R"(The exit status is 0 if the lock is free, and 75 if it is held.

Examples:
  leaselock status backup >/dev/null && echo free
  leaselock status --json backup | jq .held)";

inline constexpr const char* list = R"(Examples:
  leaselock list
  leaselock list 'import:*' | cut -f 1)";

inline constexpr const char* top =
    R"(Keys: q quit; s sort by the next column; r reverse; / filter by a part of the key or of the
owner, Enter to take it, Esc to drop it; space refresh now. Where input or output is no terminal, and
with --json, each refresh is printed after the last one, without end but for --count. What the store
does not know is what was seen from one refresh to the next: grants at least, and waits since then.

Examples:
  leaselock top
  leaselock top 'import:*' --interval 200ms
  leaselock top --json --count 60 >minute.json)";

inline constexpr const char* wait = R"(Examples:
  leaselock wait deploy && echo free
  leaselock wait -w 5m deploy || echo 'still held')";

inline constexpr const char* release = R"(Examples:
  leaselock release --force backup
  leaselock release --token "$token" backup   # not if somebody else has it by now)";

inline constexpr const char* bench =
    R"(Round trip: an inspect of a free lock. Cycle: acquire and release. Hand-off: from a release to the
next holder, which waits. All on a key of its own, by two managers of this process.

Examples:
  leaselock bench
  leaselock --url redis://db:6379 bench --time 5s --json)";

inline constexpr const char* init =
    R"(Without it the locks are those of one user. The members of the group may take and free locks in
DIRECTORY, by the URL that is printed; nobody else may. It is made with mode 2770.

Examples:
  leaselock init /var/lib/app/locks --group app
  LEASELOCK_URL=file:/var/lib/app/locks leaselock run backup -- ./backup.sh)";

inline constexpr const char* doctor = R"(Examples:
  leaselock doctor
  leaselock --url redis://db:6379 doctor --json)";

}  // namespace leaselock::cli::help
