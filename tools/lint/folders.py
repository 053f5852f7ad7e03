"""The table of folders in docs/architecture.md names exactly the folders of src/ that there are."""

import re

PAGE = "docs/architecture.md"
NAMED = re.compile(r"`src/(\w+)/`")


def check(tree):
    if PAGE not in tree.files:
        yield f"{PAGE}:1: there is no such page"
        return
    there = {path.split("/")[1] for path in tree.files if re.match(r"src/[^/]+/", path)}
    named = {}
    for number, line in enumerate(tree.files[PAGE].split("\n"), 1):
        cells = line.split("|")
        if len(cells) > 2 and not cells[0].strip():
            for folder in NAMED.findall(cells[1]):
                named.setdefault(folder, number)
    for folder in sorted(there - named.keys()):
        yield f"{PAGE}:1: no row for `src/{folder}/`"
    for folder in sorted(named.keys() - there):
        yield f"{PAGE}:{named[folder]}: names `src/{folder}/`, which is not there"


def cases():
    """(what, files, part of the finding or None)"""
    table = "| folder | what |\n|---|---|\n| `src/a/` `src/b/` | x, see `src/c/` |\n"
    both = {"src/a/x.h": "", "src/b/y/x.h": "", "src/main.cpp": ""}
    yield "equal", {PAGE: table, **both}, None
    yield "one more", {PAGE: table, **both, "src/d/x.h": ""}, "no row for `src/d/`"
    yield "one gone", {PAGE: table, "src/a/x.h": ""}, "names `src/b/`"
    yield "no page", both, "no such page"
