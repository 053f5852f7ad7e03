"""Runs clang-tidy over what changed, and remembers what it has seen clean.

Usage: tidy.py --build <dir with compile_commands.json> [--all]
What changed is what differs from the merge base with origin/main; on main itself, from the commit
before. A header is read through the .cpp of its name, or else through the first that includes it.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-19"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


def git(*arguments):
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def changed_files():
    """Paths that differ from the base, uncommitted and new ones too; None when there is no base."""
    head = git("rev-parse", "HEAD")
    base = git("merge-base", "HEAD", "origin/main")
    if base is None or base == head:
        base = git("rev-parse", "HEAD~1")
    if base is None:
        return None
    listed = (git("diff", "--name-only", base) or "").split("\n")
    listed += (git("ls-files", "--others", "--exclude-standard") or "").split("\n")
    return {path for path in listed if path}


def plain_commands(build):
    """compile_commands.json without what only g++ knows. Without its precompiled headers each file is
    also seen to include what it uses."""
    commands = json.loads((build / "compile_commands.json").read_text())
    kept = []
    for entry in commands:
        path = pathlib.Path(entry["file"])
        if not path.is_relative_to(ROOT) or path.is_relative_to(ROOT / "build"):
            continue
        entry["command"] = re.sub(
            r"-include \S+cmake_pch\.hxx|-Winvalid-pch|-fpch-preprocess|-f(no-fat-)?lto\S*|-Wno-\S+",
            "",
            entry["command"],
        )
        kept.append(entry)
    return kept


def readers(entries, changed):
    """The entries through which clang-tidy sees all of `changed`."""
    by_path = {str(pathlib.Path(entry["file"]).relative_to(ROOT)): entry for entry in entries}
    chosen = set()
    for path in sorted(changed):
        if path.endswith(".cpp"):
            chosen.add(path)
        elif path.endswith(".h"):
            twin = path[:-2] + ".cpp"
            line = f'#include "{path.split("/", 1)[1]}"'
            texts = ((other, (ROOT / other).read_text()) for other in sorted(by_path))
            direct = (other for other, text in texts if line in text)
            chosen.add(twin if twin in by_path else next(direct, twin))
    return [entry for path, entry in sorted(by_path.items()) if path in chosen]


def own_text(path, seen):
    """Adds to `seen` the file and all of ours that it includes, with their text."""
    if path in seen or not path.is_file():
        return
    text = path.read_text(encoding="utf-8")
    seen[path] = text
    for name in INCLUDE.findall(text):
        for base in (ROOT / "src", ROOT / "tests", ROOT, path.parent):
            if (base / name).is_file():
                own_text(base / name, seen)
                break


def key(entry, rules):
    seen = {}
    own_text(pathlib.Path(entry["file"]), seen)
    digest = hashlib.sha256((rules + entry["command"]).encode())
    for path in sorted(seen):
        digest.update(f"\0{path}\0{seen[path]}".encode())
    return digest.hexdigest()


def tidy(entry, folder):
    done = subprocess.run(
        [TIDY, "-p", str(folder), "--quiet", "--warnings-as-errors=*", entry["file"]],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    noise = re.compile(r"^\d+ warnings?( and \d+ errors?)? (generated|treated as errors)\.?$")
    said = [line for line in done.stderr.split("\n") if line and not noise.match(line)]
    return done.returncode, "\n".join([done.stdout.strip(), *said])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    folder = ROOT / "build" / "tidy"
    (folder / "clean").mkdir(parents=True, exist_ok=True)
    entries = plain_commands(args.build)
    (folder / "compile_commands.json").write_text(json.dumps(entries))

    changed = None if args.all else changed_files()
    if changed is not None:
        entries = readers(entries, changed)
    rules = "".join(path.read_text() for path in sorted([ROOT / ".clang-tidy", *ROOT.glob("*/.clang-tidy")]))
    waiting = [(entry, folder / "clean" / key(entry, rules)) for entry in entries]
    waiting = [(entry, stamp) for entry, stamp in waiting if not stamp.exists()]
    print(f"{len(entries)} files, {len(entries) - len(waiting)} of them seen clean before")

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [(entry, stamp, pool.submit(tidy, entry, folder)) for entry, stamp in waiting]
        for number, (entry, stamp, run) in enumerate(runs, 1):
            code, output = run.result()
            print(f"[{number}/{len(runs)}] {pathlib.Path(entry['file']).relative_to(ROOT)}")
            sys.stdout.flush()
            if code == 0:
                stamp.touch()
                continue
            failed += 1
            print(output)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
