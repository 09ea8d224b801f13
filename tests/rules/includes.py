"""includes.py ROOT: each public header includes itself what it uses, as include-what-you-use sees it.

What that would take out is left alone: it does not see what concepts and templates use. So is what a
name of the standard library brings in any case, and who asks for asio or GoogleTest.
"""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

root = Path(sys.argv[1])
include = root / "include"
headers = sorted(path for path in include.rglob("*.hpp")
                 if path.name != "leaselock.hpp" and "asio" not in path.name
                 and path.name != "prometheus.hpp" and "testing" not in path.parts)
# Where libstdc++ defines it, and where the standard says it is.
public = {"bits/chrono.h": "chrono", "bits/utility.h": "utility", "ext/alloc_traits.h": "memory"}
# Of what is used with these, nothing is written.
implied = {"compare", "ratio", "initializer_list"}
implied_names = {"char_traits", "add_const<>::type", "allocator_traits<>::value_type",
                 "reverse_iterator", "operator==", "remove_reference<>::type"}


def missing(header):
    run = subprocess.run(["iwyu", "-std=c++20", f"-I{include}", "-x", "c++", "-w", header],
                         capture_output=True, text=True, check=False)
    if "The full include-list" not in run.stderr and "has correct #includes" not in run.stderr:
        return [f"{header}: iwyu has failed:\n{run.stderr}"]
    text = header.read_text(encoding="utf-8")
    found = []
    added = re.search(r"should add these lines:\n(.*?)\n\n", run.stderr, re.DOTALL)
    for line in added[1].splitlines() if added else []:
        line = re.match(r'#include ["<]([^">]+)[">] +// for (.*)', line)
        if not line:
            continue  # a declaration would do
        name = public.get(line[1], line[1])
        uses = set(line[2].split(", ")) - implied_names
        if name not in implied and uses and f"#include <{name}>" not in text:
            found.append(f"{header.relative_to(root)}: #include <{name}>, for {', '.join(sorted(uses))}")
    return found


with ThreadPoolExecutor(2) as pool:
    faults = [fault for found in pool.map(missing, headers) for fault in found]
print("\n".join(faults) if faults else f"{len(headers)} headers include what they use")
sys.exit(1 if faults else 0)
