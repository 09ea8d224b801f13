# awk -f layers.awk layers.txt <files, by their path from the root>: prints each include that a
# file's layer may not have.

function layer_of(path,    i) {
    for (i = 1; i <= lines; ++i)
        if (path ~ files[i]) return i
    return 0
}

FNR == 1 { ++input }
input == 1 {
    if ($0 !~ /^#/ && NF == 3) {
        name[++lines] = $1
        files[lines] = $2
        allowed[lines] = "," $3 ","
    }
    next
}
FNR == 1 {
    mine = layer_of(FILENAME)
    if (!mine) print FILENAME ":1: has no layer in tests/rules/layers.txt"
}
mine && /^[ \t]*#[ \t]*include[ \t]*(<leaselock\/|"|<redis_scripts)/ {
    target = $0
    sub(/^[^<"]*[<"]/, "", target)
    sub(/[>"].*$/, "", target)
    target = (target ~ /^leaselock\// ? "include/" : "src/") target
    theirs = layer_of(target)
    if (!theirs)
        print FILENAME ":" FNR ": includes " target ", which has no layer in tests/rules/layers.txt"
    else if (index(allowed[mine], "," name[theirs] ",") == 0)
        print FILENAME ":" FNR ": layer " name[mine] " includes " target " of layer " name[theirs]
}
