#!/usr/bin/env python3
"""Runs the probes on servers and shows where their answers differ.

    probe.py --url amqp://127.0.0.1:5672                          differences from the observations kept in the repository
    probe.py --url amqp://127.0.0.1:5672 --url amqp://127.0.0.1:5673   differences between two servers
    probe.py --url amqp://127.0.0.1:5673 --record FILE            keep what a server does

Definitions (users, policies) must be imported first: `--management http://guest:guest@HOST:PORT` does it on a RabbitMQ.
"""

import argparse
import base64
import fnmatch
import json
import re
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from probes import PROBES
from runner import Run

HERE = Path(__file__).parent
EXPECTED, DELIBERATE, DEFINITIONS = HERE / "expected_4.0.5.json", HERE / "deliberate.json", HERE / "definitions.json"


def observe(url, probe):
    try:
        return Run(url, probe).execute()
    except Exception as error:  # noqa: BLE001: one probe's trouble must not hide the others' results
        return [f"PROBE FAILED {type(error).__name__}: {error}"]


def run_all(url, probes, jobs):
    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip((probe.id for probe in probes), pool.map(lambda probe: observe(url, probe), probes)))


def authorized(management, method, path, document=None):
    """A request to the management API of a RabbitMQ, whose URL holds the user and the password."""
    parts = urlsplit(management)
    data = json.dumps(document).encode() if isinstance(document, dict) else document
    request = urllib.request.Request(f"http://{parts.hostname}:{parts.port}{path}", data, {"content-type": "application/json"}, method=method)
    token = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    request.add_header("authorization", f"Basic {token}")
    return request


def import_by_management(management, definitions=DEFINITIONS):
    urllib.request.urlopen(authorized(management, "POST", "/api/definitions", definitions.read_bytes()), timeout=30).read()


def expected(deliberate=True):
    """What RabbitMQ 4.0.5 does, with our documented differences in its place."""
    lines = json.loads(EXPECTED.read_text())
    for probe_id, difference in json.loads(DELIBERATE.read_text()).items() if deliberate else ():
        lines[probe_id] = difference["lines"]
    return lines


def agree(wanted, got):
    """Whether observations match. A wanted line that begins with `~` is a pattern (only in deliberate differences)."""
    return len(wanted) == len(got) and all(
        re.fullmatch(line[1:], other) if line.startswith("~") else line == other for line, other in zip(wanted, got))


def difference(wanted, got):
    return [f"      {mark} {line}" for mark, lines, others in (("-", wanted, got), ("+", got, wanted)) for line in lines if line not in others] or \
        [f"      - {wanted}", f"      + {got}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", action="append", required=True)
    parser.add_argument("--only", default="*", help="glob of probe ids")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--management", help="import the definitions there first")
    parser.add_argument("--show", action="store_true", help="print every observation")
    options = parser.parse_args()
    if options.management:
        import_by_management(options.management)
    probes = [probe for probe in PROBES if fnmatch.fnmatch(probe.id, options.only)]
    results = [run_all(url, probes, options.jobs) for url in options.url]
    if options.show:
        for probe in probes:
            print(probe.id, *(f"\n    {line}" for line in results[0][probe.id]))
    if options.record:
        options.record.write_text(json.dumps(results[0], indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        print(f"{len(results[0])} observations written to {options.record}")
        return 0
    wanted = expected() if len(results) == 1 else results[0]
    differing = [probe for probe in probes if not agree(wanted.get(probe.id, []), results[-1][probe.id])]
    for probe in differing:
        print(f"{probe.id}  [{probe.row}]", *difference(wanted.get(probe.id, []), results[-1][probe.id]), sep="\n")
    print(f"{len(probes) - len(differing)} of {len(probes)} probes agree")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
