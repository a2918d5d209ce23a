"""Prints what Autobahn's suite found, a line for each section, and fails when a case failed.

usage: autobahn_verdict.py INDEX_JSON SUITE_LOG    (exit 0: nothing failed, 1: something did, 2: no verdict)

A case passes when the answer is accepted and the connection was closed as the RFC wants it: a wrong close code
or an unclean close fails it too. Stricter than the suite: where the client broke the protocol, it must be told a
close code (the suite is content with none). Runs on the suite's Python 2.7 and on Python 3.
"""
from __future__ import print_function

import collections
import json
import os
import re
import sys

SECTIONS = collections.OrderedDict([
    (1, "framing"), (2, "pings and pongs"), (3, "reserved bits"), (4, "opcodes"), (5, "fragmentation"),
    (6, "UTF-8"), (7, "closing"), (9, "limits and speed"), (10, "auto-fragmentation"),
])
PASSED, NON_STRICT, INFORMATIONAL, FAILED = KINDS = ("passed", "non-strict", "informational", "failed")
KIND_OF_ANSWER = {"OK": PASSED, "NON-STRICT": NON_STRICT, "INFORMATIONAL": INFORMATIONAL}
ACCEPTED_CLOSES = ("OK", "INFORMATIONAL")
NO_CODE = "NO CODE"
NORMAL = 1000


def main(index_path, log_path):
    with open(index_path) as index:
        agents = json.load(index)
    if len(agents) != 1:
        return no_verdict("the report holds %d servers instead of one" % len(agents))
    (cases,) = agents.values()
    wanted = cases_announced(log_path)
    if len(cases) != wanted:
        return no_verdict("the suite announced %s cases and reported %d" % (wanted, len(cases)))
    for case in cases.values():
        if lacks_code(case, os.path.dirname(index_path)):
            case["behaviorClose"] = NO_CODE
    missing = set(SECTIONS) - set(map(section, cases))
    if missing:
        return no_verdict("no case of section %s ran" % ", ".join(map(str, sorted(missing))))

    by_kind = dict((kind, sorted((c for c in cases if kind_of(cases[c]) == kind), key=numbers)) for kind in KINDS)
    print_table(by_kind)
    for kind in (NON_STRICT, INFORMATIONAL):
        if by_kind[kind]:
            print("%s: %s" % (kind, " ".join(by_kind[kind])))
    for case in by_kind[FAILED]:
        print("FAILED %s: answer %s, close %s (close code received: %s)" % (
            case, cases[case]["behavior"], cases[case]["behaviorClose"], cases[case]["remoteCloseCode"]))
    return 1 if by_kind[FAILED] else 0


def lacks_code(case, report_directory):
    """Whether only an error's close code was right, and none came."""
    with open(os.path.join(report_directory, case["reportfile"])) as details:
        right_codes = json.load(details)["expectedClose"].get("closeCode", [])
    return case["remoteCloseCode"] is None and right_codes and NORMAL not in right_codes


def kind_of(case):
    if case["behaviorClose"] not in ACCEPTED_CLOSES:
        return FAILED
    return KIND_OF_ANSWER.get(case["behavior"], FAILED)


def print_table(by_kind):
    row = "%-22s %8s %12s %15s %8s"
    print(row % (("section",) + KINDS))
    for number, name in SECTIONS.items():
        counts = tuple(sum(section(c) == number for c in by_kind[kind]) for kind in KINDS)
        print(row % (("%2d %s" % (number, name),) + counts))
    print(row % (("   all",) + tuple(len(by_kind[kind]) for kind in KINDS)))


def cases_announced(log_path):
    """How many cases the suite said it would run; None where it said nothing."""
    with open(log_path) as log:
        said = re.search(r"will run (\d+) test cases", log.read())
    return int(said.group(1)) if said else None


def section(case):
    return numbers(case)[0]


def numbers(case):
    return tuple(int(part) for part in case.split("."))


def no_verdict(why):
    print("No verdict: %s." % why, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
