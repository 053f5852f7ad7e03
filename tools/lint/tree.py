"""The files that lint looks at, as a value, so that a test can hand it files that do not exist."""

import pathlib
import re
import subprocess


class Tree:
    """Paths relative to the root, with '/', and their text."""

    def __init__(self, files):
        self.files = dict(sorted(files.items()))

    @staticmethod
    def paths_on_disk(root):
        """What git knows or would add; without git, everything outside build folders."""
        command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"]
        try:
            listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
            paths = [path for path in listed.split("\0") if path]
        except (OSError, subprocess.CalledProcessError):
            skip = {".git", "build", "node_modules", "data"}
            paths = [
                str(path.relative_to(root))
                for path in root.rglob("*")
                if not skip.intersection(path.relative_to(root).parts)
            ]
        return sorted({path for path in paths if (root / path).is_file()})

    @staticmethod
    def from_disk(root):
        root = pathlib.Path(root)
        files = {}
        for path in Tree.paths_on_disk(root):
            try:
                files[path] = (root / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # pictures, corpora of the fuzzer
        return Tree(files)

    def under(self, folders, endings):
        """(path, text) of files below `folders` ('' is all) that end so."""
        for path, text in self.files.items():
            if path.endswith(tuple(endings)) and path.startswith(tuple(folders)):
                yield path, text


CPP = (".h", ".cpp")

_TOKENS = re.compile(
    r"""(?P<raw>R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)")"""
    r"""|(?P<comment>//[^\n]*|/\*.*?\*/)"""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*")"""
    r"""|(?P<char>(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+')""",
    re.DOTALL,
)


def code_only(text):
    """C++ without comments, literals and directives; the line numbers stay."""

    def blank(match):
        kept = '""' if match.group("raw") or match.group("string") else ""
        return kept + "\n" * match.group(0).count("\n")

    text = _TOKENS.sub(blank, text)
    return re.sub(
        r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
        lambda match: "\n" * match.group(0).count("\n"),
        text,
        flags=re.MULTILINE,
    )
