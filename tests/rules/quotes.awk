# awk -f quotes.awk <page>...: after a line `<!-- from FILE -->` the next ``` block has to stand in FILE,
# line by line but for the white space around each. Prints each that does not.

function trimmed(text) {
    gsub(/^[ \t]+|[ \t]+$/, "", text)
    return text
}

# Whether the lines of `block` stand in the file one behind another.
function stands_in(file,    text, line) {
    text = "\n"
    while ((getline line < file) > 0) text = text trimmed(line) "\n"
    close(file)
    return index(text, block) > 0
}

/^```/ && inside {
    if (!stands_in(from)) print FILENAME ":" first ": does not stand so in " from
    inside = 0
    from = ""
    next
}
/^```/ && from != "" {
    inside = 1
    first = FNR + 1
    block = "\n"
    next
}
inside { block = block trimmed($0) "\n"; next }
/^<!-- from .* -->$/ { from = $3 }
