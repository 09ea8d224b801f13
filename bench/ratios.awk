# Reads targets.txt and then the CSV of Google Benchmark; prints one line for each pair, and behind
# them what else was counted.

function trim(name) { gsub(/"/, "", name); return name }

# "redis/pair/leaselock/real_time/threads:16" is what "redis/pair/threads:16", done by "leaselock".
function split_name(name,    parts, n, i, at) {
    n = split(name, parts, "/")
    for (at = n; at > 1; --at)
        if (parts[at] !~ /:/ && parts[at] !~ /^(real|process|manual)_time$/) break
    who = parts[at]
    what = parts[1]
    for (i = 2; i <= n; ++i)
        if (i != at && parts[i] !~ /^((real|process|manual)_time|iterations:[0-9]+)$/)
            what = what "/" parts[i]
}

function verdict(what, baseline, ratio,    i, good) {
    for (i = 1; i <= targets; ++i) {
        if (what !~ pattern[i] || baseline != against[i]) continue
        good = measure[i] == "time" ? ratio <= limit[i] : 1 / ratio >= limit[i]
        if (!good) missed = 1
        return sprintf("%s (%s %s %s)", good ? "ok" : "missed", measure[i],
                       measure[i] == "time" ? "<=" : ">=", limit[i])
    }
    return "for information"
}

FNR == 1 { ++file }
file == 1 && !/^#/ && NF > 0 {
    pattern[++targets] = $1
    against[targets] = $2
    measure[targets] = $3
    limit[targets] = $4
}
file == 2 && /^name,/ {
    counters = split($0, title, ",")
    for (i in title) title[i] = trim(title[i])
}
file == 2 && /_median"?,/ {
    split($0, column, ",")
    name = trim(column[1])
    sub(/_median$/, "", name)
    split_name(name)
    factor = column[5] == "s" ? 1e9 : column[5] == "ms" ? 1e6 : column[5] == "us" ? 1e3 : 1
    time[what, who] = column[3] * factor
    for (i = 11; i <= counters; ++i)
        if (column[i] > 0)
            counted[++figures] = sprintf("%-42s %-10s %-12s %14.5g", what, who, title[i], column[i])
    if (who == "leaselock") whats[++count] = what
    else baselines[what] = baselines[what] " " who
}
file == 2 && /,true,/ { failed = failed "\n" $0 }

END {
    printf "%-42s %-10s %12s %12s %6s %6s  %s\n", "what", "against", "leaselock ns", "baseline ns",
           "time", "speed", "verdict"
    fflush()
    for (i = 1; i <= count; ++i) {
        what = whats[i]
        n = split(baselines[what], names, " ")
        for (j = 1; j <= n; ++j) {
            ours = time[what, "leaselock"]
            ratio = ours / time[what, names[j]]
            printf "%-42s %-10s %12.1f %12.1f %6.2f %6.2f  %s\n", what, names[j], ours,
                   time[what, names[j]], ratio, 1 / ratio, verdict(what, names[j], ratio) | "sort"
            ++rows
        }
    }
    close("sort")
    if (figures > 0) printf "\n%-42s %-10s %-12s %14s\n", "what", "who", "counted", "median"
    fflush()
    for (i = 1; i <= figures; ++i) print counted[i] | "sort"
    close("sort")
    if (failed != "") print "failed:" failed
    if (rows == 0) print "no pair was measured"
    exit missed || failed != "" || rows == 0
}
