# awk -v out=<directory> -f readme_blocks.awk README.md: writes each ```cpp block as a file of its own
# and prints the names. A line `<!-- fragment -->` above a block: statements; they go into a function
# behind readme_prologue.hpp. `<!-- definitions -->`: they go behind the prologue as they are.

function finish_block(    file) {
    file = out "/readme_line_" first ".cpp"
    printf "" > file
    if (kind != "program") print "#include \"readme_prologue.hpp\"" > file
    printf "%s", includes > file
    if (kind == "fragment") print "static void fragment() {" > file
    print "#line " first " \"README.md\"" > file
    printf "%s", body > file
    if (kind == "fragment") print "}\nauto use_fragment = &fragment;" > file
    close(file)
    print file
}

/^```/ && inside {
    finish_block()
    inside = 0
    kind = ""
    next
}
/^```cpp[ \t]*$/ {
    inside = 1
    first = NR + 1
    includes = body = ""
    if (kind == "") kind = "program"
    next
}
inside && /^#include/ && kind != "program" { includes = includes $0 "\n"; $0 = "" }
inside { body = body $0 "\n"; next }
/^<!-- fragment -->/ { kind = "fragment"; next }
/^<!-- definitions -->/ { kind = "definitions"; next }
/[^ \t]/ { kind = "" }
