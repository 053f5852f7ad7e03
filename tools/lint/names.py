"""Words that say nothing, notes to oneself, and what every header and file has."""

import re

from tree import CPP, code_only

BANNED = {"utils", "util", "helpers", "helper", "common", "manager", "managers"}
STANDARD = {"common_type", "common_type_t", "common_reference", "common_reference_t"}
NOTES = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "NO" + "LINT\\w*")) + r")\b")
CODE = CPP + (".py", ".sh", ".js", ".ts", ".mjs", ".cmake", ".sql", ".yaml", ".yml", ".html", ".css")

IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
CPP_NAME = re.compile(r"[a-z0-9_]+\.(?:h|cpp)$")


def words(name):
    return {word.lower() for word in WORD.findall(name)}


def check(tree):
    for path in tree.files:
        name = path.rsplit("/", 1)[-1]
        folders = [part for part in path.split("/")[:-1] if not part.startswith(".")]
        for part in folders + [name.split(".")[0]]:
            banned = words(part) & BANNED
            if banned and part != "node_modules":
                yield f"{path}:1: '{banned.pop()}' in a name of file or folder says nothing"
        if path.endswith(CPP) and not CPP_NAME.match(name):
            yield f"{path}:1: C++ files are named in snake_case"
    for path, text in tree.under([""], CPP):
        for number, line in enumerate(code_only(text).split("\n"), 1):
            for name in set(IDENTIFIER.findall(line)) - STANDARD:
                if words(name) & BANNED:
                    yield f"{path}:{number}: '{name}' names nothing: say what it does"
        if path.endswith(".h") and "#pragma once" not in text.split("\n"):
            yield f"{path}:1: no #pragma once"
    for path, text in tree.under([""], CODE):
        for number, line in enumerate(text.split("\n"), 1):
            note = NOTES.search(line)
            if note:
                yield f"{path}:{number}: {note.group(0)} does not land: do it, or write an issue"


def cases():
    """(what, files, part of the finding or None)"""
    once = "#pragma once\n"
    yield "fine", {"src/a/b.h": once + "struct Common_ness;\nstd::common_type_t<A> managed;\n"}, (
        "'Common_ness'"
    )
    yield "standard's own", {"src/a/b.h": once + "std::common_type_t<A> managed;\n"}, None
    yield "file", {"src/a/string_utils.cpp": ""}, "'utils'"
    yield "folder", {"src/common/a.cpp": ""}, "'common'"
    yield "type", {"src/a/b.cpp": "class ConnectionManager;\n"}, "'ConnectionManager'"
    yield "function", {"src/a/b.cpp": "void parse_helper();\n"}, "'parse_helper'"
    yield "told of", {"src/a/b.cpp": '// no utils\nauto a = "common";\n'}, None
    yield "case", {"src/a/Session.cpp": ""}, "snake_case"
    yield "pragma", {"src/a/b.h": "int a;\n"}, "no #pragma once"
    yield "note", {"src/a/b.cpp": "// TO" + "DO: later\n"}, "does not land"
    yield "note in a script", {"tools/a.sh": "# FIX" + "ME\n"}, "does not land"
    yield "silenced lint", {"src/a/b.cpp": "f();  // NO" + "LINTNEXTLINE\n"}, "does not land"
