"""What MkDocs is given beside docs/: README.md as the first page, the API pages of api.py, and a page for each file of
the repository that some page links to. Links are the same in the repository and on the site."""
import os
import re
import sys

from mkdocs.structure.files import File, Files

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)
import api  # noqa: E402  (it lies beside this file)

LINK = re.compile(r"\]\(([^)\s]+)\)|(src|href)=\"([^\"]+)\"")
CODE = re.compile(r"(?<!`)`[^`\n]*`")
LANGUAGES = {".cpp": "cpp", ".hpp": "cpp", ".py": "python", ".lua": "lua", ".cmake": "cmake", ".txt": "text",
             ".json": "json", ".service": "ini", ".timer": "ini"}
# Pages whose place on the site is not the one in the repository.
PLACES = {"README.md": "index.md", "docs/index.md": "index.md", "src/README.md": "internals/index.md",
          "docs/internals": "internals/index.md"}


def place(path):
    """Where on the site a file of the repository is."""
    if path in PLACES:
        return PLACES[path]
    if path.startswith("docs/"):
        return path[len("docs/"):]
    if os.path.isdir(os.path.join(ROOT, path)):
        return f"repo/{path}/index.md"
    return f"repo/{path[:-3] if path.endswith('.md') else path}.md"


def text_of(path):
    """A file of the repository, or a folder of it, as Markdown with links of the repository."""
    full = os.path.join(ROOT, path)
    if os.path.isdir(full):
        rows = (f"- [{name}]({name})" for name in sorted(os.listdir(full)) if not name.startswith("."))
        return f"# {path}\n\n" + "\n".join(rows) + "\n"
    with open(full, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".md"):
        return text
    language = LANGUAGES.get(os.path.splitext(path)[1], "text")
    return f"---\nsearch:\n  exclude: true\n---\n# {os.path.basename(path)}\n\n`{path}`\n\n~~~~{language}\n{text}~~~~\n"


def for_site(text, path, found):
    """The text with links of the site; what they lead to is put into found."""
    base = os.path.dirname(path) if not os.path.isdir(os.path.join(ROOT, path)) else path

    def link(match):
        whole = match[1] or match[3]
        file, _, anchor = whole.partition("#")
        if not file or re.match(r"[a-z]+:", whole):
            return match[0]
        target = os.path.normpath(os.path.join(base, file))
        found.append(target)
        new = os.path.relpath(place(target), os.path.dirname(place(path))) + (f"#{anchor}" if anchor else "")
        return f"]({new})" if match[1] else f'{match[2]}="{new}"'

    # In the code of a table GitHub wants a bar as \|, and MkDocs shows the backslash.
    def prose(part):
        return LINK.sub(link, CODE.sub(lambda code: code[0].replace("\\|", "|"), part))

    blocks = re.split(r"(?ms)(^```.*?^```$|^~~~~.*?^~~~~$)", text)
    return "".join(part if number % 2 else prose(part) for number, part in enumerate(blocks))


def on_config(config):
    """The menu has the API pages, as the headers are."""
    config.extra["api"] = {f"api/{name}": text for name, text in api.pages().items()}
    headers = [{text[2:].split("\n")[0]: name} for name, text in config.extra["api"].items() if name != "api/index.md"]
    config.nav = [{"API": ["api/index.md", *headers]} if entry == "API" else entry for entry in config.nav]


def on_files(files, config):
    pages = {}
    todo = ["README.md", "src/README.md"] + [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    while todo:
        path = todo.pop(0)
        if place(path) in pages or os.path.splitext(path)[1] == ".svg":
            continue
        pages[place(path)] = for_site(text_of(path), path, todo)
    pages.update(config.extra["api"])
    kept = [file for file in files if not file.is_documentation_page()]
    made = [File.generated(config, name, content=text) for name, text in sorted(pages.items())]
    made += [File.generated(config, name, abs_src_path=os.path.join(HERE, name)) for name in ("extra.css", "iframe-worker.js")]
    return Files(kept + made)
