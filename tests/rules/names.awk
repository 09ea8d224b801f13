# tests/rules/names.awk <file of C++ or Lua>...: reports each name of code that calls a queue entry a place, or a poll
# a look. Texts in quotes and comments may have the words; so may the name of a test, which is a sentence.

function is_old(name,   words) {
    gsub(/in_place|look(ed|ing)?_(at|for|up)/, "", name)
    if (name ~ /(^|_)(places?|looks?|looked|looking)(_|$)/) return 1
    words = gsub(/[A-Z]/, "&", name)  # PlaceQueue has two. A sentence has more than three
    return words > 0 && words <= 3 && name ~ /(^|[a-z0-9])(Places?|Looks?)([A-Z]|$)/
}

FNR == 1 {
    comment = FILENAME ~ /\.lua$/ ? "--.*" : "//.*"
    in_raw_text = 0
}
{
    line = $0
    if (in_raw_text) {
        if (!sub(/^.*\)"/, "", line)) next
        in_raw_text = 0
    }
    gsub(/R"\([^"]*\)"/, "", line)
    if (sub(/R"\(.*/, "", line)) in_raw_text = 1
    gsub(/\\./, "", line)
    gsub(/"[^"]*"/, "", line)
    sub(comment, "", line)
    while (match(line, /[A-Za-z_][A-Za-z_0-9]*/)) {
        name = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        if (is_old(name)) print FILENAME ":" FNR ": say (queue) entry or poll, or what else it is: " name
    }
}
