"""Runs the checks of this folder over the tree. Only Python's own library is needed.

Usage: run.py [--self-test | --list <ending>…]
Without arguments: prints each finding as path:line: what, and exits with 1 when there was one.
--self-test   each check must find the faults planted in its cases() and nothing in the others.
--list        prints the files with these endings, and checks nothing.
"""

import pathlib
import sys

import floors
import folders
import names
import sizes
from tree import Tree

CHECKS = (floors, sizes, names, folders)
ROOT = pathlib.Path(__file__).resolve().parents[2]


def self_test():
    wrong = count = 0
    for module in CHECKS:
        for what, files, expected in module.cases():
            count += 1
            found = list(module.check(Tree(files)))
            right = any(expected in line for line in found) if expected else not found
            if not right:
                wrong += 1
                print(f"{module.__name__}, '{what}': expected {expected}, found {found}")
    print(f"self-test of the lint: {count - wrong} of {count} cases as expected")
    return 1 if wrong else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if arguments[:1] == ["--list"]:
        endings = tuple(arguments[1:])
        for path in Tree.paths_on_disk(ROOT):
            if path.endswith(endings):
                print(path)
        return 0
    tree = Tree.from_disk(ROOT)
    found = [line for module in CHECKS for line in module.check(tree)]
    for line in found:
        print(line)
    print(f"{len(found)} findings in {len(tree.files)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
