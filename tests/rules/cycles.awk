# awk -f cycles.awk <files, by their path from the root>: prints each include that is part of a cycle,
# and the way back. What includes each other are units: a header with the source that implements it, so
# that no header hides a cycle by naming a class that its source looks into. That source has the
# header's name, or begins with it and an underscore, and lies in the header's folder; that of a public
# header may lie in any folder of src/.

function stem(path) { sub(/\.[a-z]+$/, "", path); return path }

function unit_of(path,    unit, name) {
    unit = stem(path)
    if (path !~ /\.cpp$/ || (unit in header)) return unit
    name = unit
    sub(/.*\//, "", name)
    if (name in public) return public[name]
    while (sub(/_[^_\/]*$/, "", unit)) if (unit in header) return unit
    return stem(path)
}

# The units from `from` to `to`, by includes; empty if there is no way.
function way(from, to, seen,    i, all, list, rest) {
    if (from == to) return to
    seen[from] = 1
    all = split(uses[from], list, " ")
    for (i = 1; i <= all; ++i) {
        if (list[i] in seen) continue
        rest = way(list[i], to, seen)
        if (rest != "") return from " -> " rest
    }
    return ""
}

BEGIN {
    for (i = 1; i < ARGC; ++i) {
        if (ARGV[i] !~ /\.hpp$/) continue
        name = unit = stem(ARGV[i])
        header[unit] = 1
        sub(/.*\//, "", name)
        if (unit ~ /^include\//) public[name] = unit
    }
}
FNR == 1 { mine = unit_of(FILENAME) }
/^[ \t]*#[ \t]*include[ \t]*(<leaselock\/|")/ {
    target = $0
    sub(/^[^<"]*[<"]/, "", target)
    sub(/[>"].*$/, "", target)
    target = (target ~ /^leaselock\// ? "include/" : "src/") target
    theirs = unit_of(target)
    if (theirs == mine) next
    uses[mine] = uses[mine] " " theirs
    at[++includes] = FILENAME ":" FNR
    from[includes] = mine
    to[includes] = theirs
}
END {
    for (i = 1; i <= includes; ++i) {
        split("", seen)
        back = way(to[i], from[i], seen)
        if (back != "") print at[i] ": a cycle of includes: " from[i] " -> " back
    }
}
