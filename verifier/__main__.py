"""``python -m verifier FILE [--key KEY]``: says whether a court file or a ledger export is genuine.

Exit 0: genuine. 1: not genuine; says which entry, and what differs. 2: not readable. Needs no network and no service.
"""

import argparse
import sys
from pathlib import Path

from verifier.checks import NotGenuine, NotReadable, Report, verify


def main(arguments: list[str] | None = None) -> int:
    """Verify a file, say what was found, and return the exit code."""
    asked = argparse.ArgumentParser(prog="verifier", description="Verifies a court file or a ledger export, offline.")
    asked.add_argument("file", type=Path, metavar="FILE")
    asked.add_argument(
        "--key",
        help="the key it must be signed with: its fingerprint, the key as a checkpoint writes it, or a file of that",
    )
    told = asked.parse_args(arguments)
    report = Report()
    try:
        verify(_content(told.file), key=_key(told.key), report=report)
    except NotReadable as why:
        print(f"NOT READABLE: {why}")
        return 2
    except NotGenuine as why:
        _print_key(report)
        for line in why.differences:
            print(f"NOT GENUINE: {line}")
        return 1
    _print_key(report)
    for line in report.lines:
        print(line)
    print("GENUINE")
    return 0


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as why:
        raise NotReadable(f"{file}: {why.strerror}") from why


def _key(given: str | None) -> str | None:
    if given is None:
        return None
    try:
        return Path(given).read_text(encoding="utf-8").strip() if Path(given).is_file() else given.strip()
    except (OSError, ValueError):
        return given.strip()


def _print_key(report: Report) -> None:
    if report.fingerprint is not None:
        print(f"signed by {report.signer}")
        print(f"key fingerprint SHA256:{report.fingerprint}")


if __name__ == "__main__":
    sys.exit(main())
