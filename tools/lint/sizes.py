"""Caps: 400 lines a file (600 a test), 70 a function."""

import re

from tree import CPP, code_only

FILE_CAP = 400
TEST_FILE_CAP = 600
FUNCTION_CAP = 70
ENDINGS = CPP + (".py", ".sh", ".js", ".ts", ".mjs", ".cmake")

CONTAINER = re.compile(r"\b(?:namespace|class|struct|union|enum)\b")
INITIALISERS = re.compile(r"\)[^()]*[^:]:(?!:)")
OPERATOR = re.compile(r"\boperator\s*[^\s\w(]+")


def without_groups(text, opening, closing):
    """`text` without what stands between balanced `opening` and `closing`."""
    depth, kept = 0, []
    for char in text:
        if char == opening:
            depth += 1
        if depth == 0:
            kept.append(char)
        if char == closing and depth:
            depth -= 1
    return "".join(kept)


def kind(head):
    """What a `{` after `head`, at namespace or class scope, begins."""
    plain = OPERATOR.sub("operator", head)
    while "template" in plain:
        before, after = plain.split("template", 1)
        depth, end = 0, 0
        for end, char in enumerate(after):
            depth += (char == "<") - (char == ">")
            if char == ">" and depth == 0:
                break
        plain = before + after[end + 1:]
    has_parameters = "(" in plain
    flat = without_groups(plain, "(", ")")
    if CONTAINER.search(flat) and not flat.rstrip().endswith(("const", "noexcept", "override")):
        if not has_parameters or re.search(r"\b(alignas|final)\b|:", flat):
            return "container"
    if "=" in flat:
        return "value"
    if has_parameters:
        last = head.rstrip()[-1:]
        if INITIALISERS.search(plain) and (last.isalnum() or last in "_>"):
            return "value"  # member_{…} in a constructor's list
        return "function"
    return "container" if 'extern ""' in head else "value"


def functions(text):
    """(first line, last line) of each function that is not inside another."""
    code = code_only(text)
    line, parens, head, head_line = 1, 0, "", None
    stack = []  # what each open brace began: container, value, function
    begins = 0
    for char in code:
        outermost = not any(entry != "container" for entry in stack)
        if char == "\n":
            line += 1
        if outermost and parens == 0 and char == "{":
            stack.append(kind(head))
            begins = head_line or line
            if stack[-1] == "container":
                head, head_line = "", None
            continue
        if char == "{":
            stack.append("value" if outermost or stack[-1] == "value" else "inner")
        elif char == "}" and stack:
            ended = stack.pop()
            if ended == "function":
                yield begins, line
            if ended in ("function", "container"):
                head, head_line = "", None
            elif ended == "value" and "value" not in stack:
                head += char
        elif outermost:
            parens += (char == "(") - (char == ")")
            if char == ";" and parens == 0:
                head, head_line = "", None
                continue
            head += char
            if head_line is None and not char.isspace():
                head_line = line


def check(tree):
    for path, text in tree.under([""], ENDINGS + ("dev",)):
        if path.endswith("dev") and path != "dev":
            continue
        lines = text.count("\n") + (not text.endswith("\n"))
        cap = TEST_FILE_CAP if path.startswith("tests/") else FILE_CAP
        if lines > cap:
            yield f"{path}:{cap + 1}: {lines} lines, the cap is {cap}"
    for path, text in tree.under([""], CPP):
        for first, last in functions(text):
            length = last - first + 1
            if length > FUNCTION_CAP:
                yield f"{path}:{first}: a function of {length} lines, the cap is {FUNCTION_CAP}"


def cases():
    """(what, files, part of the finding or None)"""
    body = "  call({.a = 1});\n" * 69
    most = "  call();\n" * 68
    yield "file", {"src/a/a.cpp": "\n" * 401}, "401 lines"
    yield "file at the cap", {"src/a/a.cpp": "\n" * 400}, None
    yield "test", {"tests/a.cpp": "\n" * 601}, "601 lines"
    yield "test at the cap", {"tests/a.cpp": "\n" * 600}, None
    yield "function", {"src/a.cpp": f"namespace a {{\nvoid f() {{\n{body}}}\n}}\n"}, "71 lines"
    yield "function at the cap", {"src/a.cpp": f"void f() {{\n{most}}}\n"}, None
    yield "method", {"src/a.h": f"class A {{\n  int f(int x = 1) const {{\n{body}  }}\n}};\n"}, "71"
    yield (
        "constructor",
        {"src/a.cpp": f"A::A(B b) : b_{{b}}, c_(b),\n d_{{}} {{\n{body}}}\n"},
        "72 lines",
    )
    yield "template", {"src/a.h": f"template <class T>\nstruct B<T> f() {{\n{body}}}\n"}, "72 lines"
    yield "operator", {"src/a.h": f"bool operator==(A a, B b) {{\n{body}}}\n"}, "71 lines"
    yield "test case", {"tests/a.cpp": f'TEST_CASE("a {{ b") {{\n{body}}}\n'}, "71 lines"
    yield "table", {"src/a.h": "constexpr A k[] = {\n" + "  {f(1)},\n" * 90 + "};\n"}, None
    yield "class", {"src/a.h": "class A : public B {\n" + "  void f();\n" * 90 + "};\n"}, None
    yield "comment", {"src/a.h": "/* void f() {\n" + "\n" * 90 + "} */\n"}, None
