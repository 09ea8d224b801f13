# awk -v out=<directory> -f readme_blocks.awk <page>...: writes the ```cpp blocks of pages as sources and prints their
# names. A line `<!-- fragment -->` above a block: statements; they become a function. `<!-- definitions -->`: they
# get a namespace of their own. Those of a page are one source, after readme_prologue.hpp and their includes; any
# other block is a whole program, and a source of its own. Prints `blocks <n>` at the end.

function source_name(page) {
    gsub(/[^A-Za-z0-9]/, "_", page)
    return out "/" page
}

function finish_page(    file) {
    if (blocks != "") {
        file = source_name(page) ".cpp"
        printf "#include \"readme_prologue.hpp\"\n%s%s", includes, blocks > file
        close(file)
        print file
    }
    includes = blocks = ""
}

function finish_block(    line, file) {
    line = "#line " first " \"" page "\"\n"
    ++number
    if (kind == "fragment") blocks = blocks "static void fragment_" first "() {\n" line body "}\nauto use_" first " = &fragment_" first ";\n"
    if (kind == "definitions") blocks = blocks "namespace block_" first " {\n" line body "}\n"
    if (kind != "program") return
    file = source_name(page) "_" first ".cpp"
    printf "%s%s", line, body > file
    close(file)
    print file
}

FNR == 1 {
    finish_page()
    page = FILENAME
    sub(/^\.\//, "", page)
    inside = 0
    kind = ""
}
/^ *```/ && inside {
    finish_block()
    inside = 0
    kind = ""
    next
}
/^```cpp[ \t]*$/ {
    inside = 1
    first = FNR + 1
    body = ""
    if (kind == "") kind = "program"
    next
}
inside && /^#include/ && kind != "program" { includes = includes $0 "\n"; $0 = "" }
inside { body = body $0 "\n"; next }
/^<!-- fragment -->/ { kind = "fragment"; next }
/^<!-- definitions -->/ { kind = "definitions"; next }
/[^ \t]/ { kind = "" }
END {
    finish_page()
    print "blocks " number + 0
}
