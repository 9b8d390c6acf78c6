#!/usr/bin/env python3
"""Counts what meson's testlog.json files hold: tests/summary.py LOG...

Each TAP line is one test ("ok", "not ok", "# SKIP"); a program that is not TAP is one test; a program that crashed, ran too long or ended early counts as
one failure more, unless a "not ok" line has said so already. Names what failed and why each skipped test was skipped. The last line printed is
"N passed, N failed, N skipped"; with --counts it is the three numbers alone, for scripts. Exit status 1 when something failed or nothing ran.
"""
import json
import re
import sys

TAP = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*)$")
SKIP = re.compile(r"#\s*skip\w*\s*(.*)$", re.IGNORECASE)
TODO = re.compile(r"#\s*todo\b", re.IGNORECASE)


def count_tap(stdout):
    """(names passed, names failed, [(name, reason) skipped]) of one TAP stream."""
    passed, failed, skipped = [], [], []
    for line in stdout.splitlines():
        match = TAP.match(line)
        if not match:
            continue
        name = match.group(2)
        skip = SKIP.search(name)
        plain = name.split("#")[0].strip()
        if skip:
            skipped.append((plain, skip.group(1).strip() or "no reason given"))
        elif match.group(1) and not TODO.search(name):
            failed.append(plain)
        else:
            passed.append(plain)
    return passed, failed, skipped


def count_program(test):
    """The same for one program of the log, whatever its protocol."""
    stdout = test.get("stdout") or ""
    result = test["result"]
    name = test["name"]
    passed, failed, skipped = count_tap(stdout)
    if re.search(r"^1\.\.0\b", stdout, re.MULTILINE) and not (passed or failed or skipped):
        return [], [], [(name, "the whole program")]
    if not (passed or failed or skipped):
        if result == "SKIP":
            return [], [], [(name, "the whole program")]
        return ([name], [], []) if result in ("OK", "EXPECTEDFAIL") else ([], [f"{name}: {result.lower()}"], [])
    if result not in ("OK", "SKIP", "EXPECTEDFAIL") and not failed:
        failed.append(f"{name}: {result.lower()}, exit status {test.get('returncode')}")
    return passed, failed, skipped


def main(arguments):
    only_counts = "--counts" in arguments
    passed = failed = skipped = 0
    for path in (a for a in arguments if a != "--counts"):
        try:
            lines = open(path, encoding="utf-8", errors="replace").read().splitlines()
        except OSError as error:
            print(f"  FAILED   {error}", file=sys.stderr)
            failed += 1
            continue
        for line in filter(str.strip, lines):
            test = json.loads(line)
            ok, bad, skip = count_program(test)
            passed, failed, skipped = passed + len(ok), failed + len(bad), skipped + len(skip)
            if not only_counts:
                program = test["name"]
                for name in bad:
                    print(f"  FAILED   {program}: {name}")
                for name, reason in skip:
                    print(f"  skipped  {program}: {name} ({reason})")
    print(f"{passed} {failed} {skipped}" if only_counts else f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
