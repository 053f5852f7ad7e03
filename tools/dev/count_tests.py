"""Prints `N passed, N failed`, the last line of ./dev test, from what the test programs printed.

Usage: count_tests.py (--ctest <Testing/Temporary> | --log <file>) [--more-failed N]
The exit code is 1 when anything failed or nothing ran.
"""

import argparse
import pathlib
import re
import sys

SUMMARY = re.compile(r"\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed")
PROGRAM = re.compile(r"^\d+/\d+ Testing: (\S+)$", re.MULTILINE)


def count(text):
    """Passed and failed cases of all summaries in `text`."""
    found = [(int(passed), int(failed)) for passed, failed in SUMMARY.findall(text)]
    return sum(passed for passed, _ in found), sum(failed for _, failed in found)


def count_ctest(folder):
    """Like count(); a failed program that names no failed case (it crashed, hung) counts as one."""
    log = folder / "LastTest.log"
    parts = PROGRAM.split(log.read_text(errors="replace") if log.exists() else "")
    failures = folder / "LastTestsFailed.log"
    broken = failures.read_text().splitlines() if failures.exists() else []
    broken = {line.split(":", 1)[1] for line in broken if ":" in line}
    passed = failed = 0
    for program, output in zip(parts[1::2], parts[2::2]):
        here_passed, here_failed = count(output)
        if program in broken and here_failed == 0:
            print(f"{program} ended without naming a failed test")
            here_failed = 1
        passed += here_passed
        failed += here_failed
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ctest", type=pathlib.Path)
    parser.add_argument("--log", type=pathlib.Path)
    parser.add_argument("--more-failed", type=int, default=0)
    args = parser.parse_args()
    if args.ctest:
        passed, failed = count_ctest(args.ctest)
    else:
        passed, failed = count(args.log.read_text(errors="replace"))
    failed += args.more_failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
