# awk -v type=LockOptions -f fields.awk <header>: prints the names of the struct's data members. Each
# stands on a line that ends with a semicolon and has no parameter list.
$0 ~ "^struct " type "( |$)" { inside = 1; next }
inside && /^};/ { inside = 0 }
inside {
    sub(/\/\/.*/, "")
    if ($0 !~ /;[ \t]*$/ || $0 ~ /^[ \t]*(static|using|friend|enum) /) next
    sub(/[ \t]*(=.*|\{.*\})?;[ \t]*$/, "")
    sub(/[ \t]*[={].*$/, "")
    if ($0 ~ /\)[ \t]*(const|noexcept)?[ \t]*$/) next
    sub(/^.*[ \t*&>]/, "")
    if ($0 ~ /^[a-z][a-z0-9_]*$/) print
}
