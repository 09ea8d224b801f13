"""The API reference: a page for each public header, made of what Doxygen reads there. pages() gives them as Markdown.
`api.py` itself prints each public name that says nothing about itself, and fails if there is one."""
import glob
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
OUT = os.path.join(ROOT, "build", "docs", "doxygen")
SETTINGS = f"""
INPUT = include/leaselock
RECURSIVE = YES
FILE_PATTERNS = *.hpp
EXCLUDE_PATTERNS = */detail/*
EXCLUDE_SYMBOLS = *detail*
FILTER_PATTERNS = *.hpp="{sys.executable} {HERE}/doxygen_filter.py"
STRIP_FROM_PATH = include
OUTPUT_DIRECTORY = {OUT}
GENERATE_HTML = NO
GENERATE_LATEX = NO
GENERATE_XML = YES
XML_PROGRAMLISTING = NO
EXTRACT_ALL = YES
HIDE_FRIEND_COMPOUNDS = YES
AUTOLINK_SUPPORT = NO
MACRO_EXPANSION = YES
EXPAND_ONLY_PREDEF = YES
PREDEFINED = LEASELOCK_EXPORT= LEASELOCK_CAPABILITY(x)= LEASELOCK_ACQUIRE(...)= LEASELOCK_TRY_ACQUIRE(...)= \
    LEASELOCK_ACQUIRE_SHARED(...)= LEASELOCK_TRY_ACQUIRE_SHARED(...)= LEASELOCK_RELEASE(...)= \
    LEASELOCK_RELEASE_SHARED(...)= LEASELOCK_NO_ANALYSIS= LEASELOCK_SCOPED_CAPABILITY= LEASELOCK_ASIO_NAMES=asio_names LEASELOCK_REFUSED(x)=refused
QUIET = YES
WARNINGS = NO
"""
# What is told by its name alone.
OBVIOUS = re.compile(r"^(operator.*|~.*|begin|end|swap|value_type|iterator)$")


def run_doxygen():
    os.makedirs(OUT, exist_ok=True)
    subprocess.run(["doxygen", "-"], input=SETTINGS, text=True, cwd=ROOT, check=True)


def inline(node):
    """What stands in a paragraph, as Markdown."""
    parts = [node.text or ""]
    for child in node:
        body = inline(child)
        if child.tag == "sp":
            body = " "
        elif child.tag == "computeroutput":
            body = f"`{body}`"
        elif child.tag in ("bold", "emphasis"):
            body = f"*{body}*"
        elif child.tag == "linebreak":
            body = "\n"
        elif child.tag in ("programlisting", "verbatim", "preformatted", "itemizedlist", "orderedlist"):
            body = "\n\n" + block(child) + "\n\n"
        parts += [body, child.tail or ""]
    return "".join(parts)


def block(node):
    if node.tag == "programlisting":
        return "```cpp\n" + "\n".join(inline(line) for line in node.iter("codeline")) + "\n```"
    if node.tag in ("verbatim", "preformatted"):
        return "```cpp\n" + "".join(node.itertext()).strip("\n") + "\n```"
    if node.tag in ("itemizedlist", "orderedlist"):
        return "\n".join("- " + " ".join(description(item).split()) for item in node.findall("listitem"))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(?m)^ (?=\S)| +$", "", inline(node))).strip()


def escaped(text):
    """Names with underscores and templates are no markup; code is left as it is."""
    parts = re.split(r"(```.*?```|`[^`]*`)", text, flags=re.S)
    return "".join(p if n % 2 else re.sub(r"([<*_\[\]{])", r"\\\1", p) for n, p in enumerate(parts))


def description(node):
    found = []
    for tag in ("briefdescription", "detaileddescription"):
        found += [block(child) for child in (node.find(tag) or [])]
    if node.tag == "listitem":
        found = [block(child) for child in node]
    return "\n\n".join(text for text in found if text)


def words(node, tag):
    found = node.find(tag)
    return " ".join("".join(found.itertext()).split()) if found is not None else ""


def signature(member):
    kind, name = member.get("kind"), words(member, "name")
    if kind == "define":
        parameters = [words(p, "defname") for p in member.findall("param")]
        return f"{name}({', '.join(parameters)})" if parameters else name
    if kind == "enum":
        values = "".join(f"\n    {words(v, 'name')}{' ' + words(v, 'initializer') if v.find('initializer') is not None else ''},"
                         for v in member.findall("enumvalue"))
        return f"enum {'class ' if member.get('strong') == 'yes' else ''}{name} {{{values}\n}};"
    template = member.find("templateparamlist")
    head = ""
    if template is not None:
        head = "template <" + ", ".join(" ".join(filter(None, (words(p, "type"), words(p, "declname")))) for p in template) + ">\n"
    if kind == "typedef":
        return f"{head}using {name} = {words(member, 'type')};"
    kept = words(member, "type")
    if member.get("explicit") == "yes":
        kept = f"explicit {kept}"
    if member.get("static") == "yes" and not kept.startswith("static"):
        kept = f"static {kept}"
    value = f" {words(member, 'initializer')}" if kind == "variable" and member.find("initializer") is not None else ""
    return f"{head}{kept} {name}{words(member, 'argsstring')}{value};".strip()


def tidy(code):
    """Doxygen puts spaces where nobody writes them."""
    code = re.sub(r"<  *| +(?=>(?!=))", lambda m: m[0].strip(), code)
    return re.sub(r" +([&*]+) *(?=\w|$|[,)])", r"\1 ", re.sub(r"(?<=\w)  +", " ", code)).replace(" ,", ",").replace(" )", ")")


def line_of(node):
    return int(node.find("location").get("line"))


def groups(members, source):
    """[(members, text)]: members that share a comment, since nothing is between them, are one group."""
    found, before = [], 0
    for member in sorted(members, key=line_of):
        text, line = description(member), line_of(member)
        touches = all(source[n].strip() for n in range(before, line - 1))
        if found and not text and touches and found[-1][0][0].get("kind") == member.get("kind"):
            found[-1][0].append(member)
        else:
            found.append(([member], text))
        before = max(line, int(member.find("location").get("bodyend") or 0))
    return found


def values_of(enum):
    rows = [(words(v, "name"), " ".join(description(v).split())) for v in enum.findall("enumvalue")]
    if not any(text for _, text in rows):
        return ""
    return "\n\n" + "\n".join(f"- `{name}`: {escaped(text)}" for name, text in rows)


def members_as_text(members, source, level, where, told, silent):
    """What a function does is told beside it; what a field is may be told of its class, or of the header."""
    parts = []
    for group, text in groups(members, source):
        names = list(dict.fromkeys(words(m, "name") for m in group))
        signatures = "\n".join(tidy(signature(m)) for m in group)
        values = "".join(values_of(m) for m in group if m.get("kind") == "enum")
        calls = group[0].get("kind") in ("function", "define") and not all(OBVIOUS.match(n) or n == where.split("::")[-1] for n in names)
        if not text and not values and (calls or not told):
            silent.append(f"{where}: {', '.join(names)}")
        title = ", ".join(f"`{name}`" for name in names)
        parts.append(f"{'#' * level} {title}\n\n```cpp\n{signatures}\n```\n\n{escaped(text)}{values}".strip())
    return parts


def is_refused(member):
    """No program can call it."""
    return words(member, "argsstring").endswith("=delete") or words(member, "type").split()[:1] == ["refused"]


def public(node):
    return [m for m in node.iter("memberdef") if m.get("prot") in (None, "public") and m.get("kind") != "friend"
            and "detail" not in words(m, "name") and not words(m, "name").startswith(("LEASELOCK_DETAIL", "@"))
            and not is_refused(m)]


def class_as_text(compound, source, header_tells, silent):
    name = words(compound, "compoundname").replace("leaselock::", "", 1).replace("asio_names::", "")
    kind, text = compound.get("kind"), description(compound)
    told = bool(text or header_tells)
    if not told:
        silent.append(f"{kind} {name}")
    parts = [f"## {kind} `{name}`", escaped(text)]
    return parts + members_as_text(public(compound), source, 3, name, told, silent)


def page(compound, silent):
    header = compound.find("location").get("file").removeprefix("include/")
    with open(os.path.join(ROOT, "include", header), encoding="utf-8") as file:
        source = file.read().split("\n")
    parts = [f"# {os.path.basename(header)}", f"```cpp\n#include <{header}>\n```", escaped(description(compound))]
    about = description(compound)
    parts += members_as_text(public(compound), source, 2, header, bool(about), silent)
    inner = [ET.parse(os.path.join(OUT, "xml", c.get("refid") + ".xml")).getroot()[0] for c in compound.findall("innerclass")
             if c.get("prot") == "public" and "detail" not in c.text]
    for each in sorted(inner, key=line_of):
        parts += class_as_text(each, source, about, silent)
    return header, "\n\n".join(part for part in parts if part) + "\n"


def read(silent):
    run_doxygen()
    found = {}
    for path in sorted(glob.glob(os.path.join(OUT, "xml", "*_8hpp.xml"))):
        compound = ET.parse(path).getroot()[0]
        if "/detail/" not in compound.find("location").get("file"):
            header, text = page(compound, silent)
            found[header] = (text, " ".join(description(compound).split("\n\n")[0].split()))
    return found


def pages():
    headers = read([])
    made = {header.removeprefix("leaselock/").replace("/", "_").removesuffix(".hpp") + ".md": text
            for header, (text, _) in headers.items()}
    rows = "\n".join(f"| [{header}]({header.removeprefix('leaselock/').replace('/', '_').removesuffix('.hpp')}.md) | {escaped(about)} |"
                     for header, (_, about) in headers.items())
    made["index.md"] = ("# API reference\n\nEach public header, as it says itself what it promises. `#include <leaselock/leaselock.hpp>` "
                        f"brings those that most programs need.\n\n| header | what it is |\n|---|---|\n{rows}\n")
    return made


if __name__ == "__main__":
    quiet = []
    read(quiet)
    print("\n".join(quiet))
    sys.exit(bool(quiet))
