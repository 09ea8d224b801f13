# Reads targets.txt and then the CSV of Google Benchmark; prints one line for each pair, and after
# them what else was counted. With -v plot=<file> it also draws how near each came to its limit. With
# -v cores=<where> limits for these hold, too.

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

function is_upper(kind) { return kind == "time" || kind == "most" }

# `value` is a ratio of times, or what was counted.
function verdict(what, other, value,    i, good) {
    for (i = 1; i <= targets; ++i) {
        if (what !~ pattern[i] || other != against[i]) continue
        if (on_cores[i] != "" && on_cores[i] != cores) continue
        if (measure[i] == "speed") value = 1 / value
        good = is_upper(measure[i]) ? value <= limit[i] : value >= limit[i]
        if (!good) missed = 1
        draw(what " against " other, value, measure[i], limit[i], good)
        return sprintf("%s (%s %s %s)", good ? "ok" : "missed", measure[i],
                       is_upper(measure[i]) ? "<=" : ">=", limit[i])
    }
    return "for information"
}

# One bar of the plot: the limit is a line at a third of the width.
function draw(label, value, kind, bound, good,    y, width, share) {
    share = is_upper(kind) ? value / bound : bound / value
    width = 200 * (share > 3 ? 3 : share)
    y = 30 + 16 * bars++
    svg = svg sprintf("<text x='330' y='%d' text-anchor='end'>%s</text>" \
                      "<rect x='340' y='%d' width='%d' height='11' fill='%s'/>" \
                      "<text x='950' y='%d'>%s %.3g (%s %s)</text>\n", y, label, y - 9, width,
                      good ? "#4a9" : "#d75", y, kind, value, is_upper(kind) ? "at most" : "at least", bound)
}

function write_plot(file,    height) {
    height = 40 + 16 * bars
    printf "<svg xmlns='http://www.w3.org/2000/svg' width='1160' height='%d' " \
           "font-family='sans-serif' font-size='11'>\n" \
           "<rect width='1160' height='%d' fill='white'/>\n" \
           "<text x='540' y='12' text-anchor='middle'>limit</text>\n%s" \
           "<path d='M540 16V%d' stroke='black'/>\n</svg>\n", height, height, svg, height - 10 >file
}

FNR == 1 { ++file }
file == 1 && !/^#/ && NF > 0 {
    pattern[++targets] = $1
    against[targets] = $2
    measure[targets] = $3
    limit[targets] = $4
    on_cores[targets] = $5
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
            counted[++figures] = sprintf("%-42s %-10s %-12s %14.5g  %s", what, who, title[i], column[i],
                                         who == "leaselock" ? verdict(what, title[i], column[i]) : "")
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
    if (figures > 0) printf "\n%-42s %-10s %-12s %14s  %s\n", "what", "who", "counted", "median", "verdict"
    fflush()
    for (i = 1; i <= figures; ++i) print counted[i] | "sort"
    close("sort")
    if (plot != "") write_plot(plot)
    if (failed != "") print "failed:" failed
    if (rows == 0) print "no pair was measured"
    exit missed || failed != "" || rows == 0
}
