"""``python -m verifier FILE [--key KEY]``: says whether a court file or a ledger export is genuine.

Exit 0: genuine. 1: not genuine; says which entry, and what differs. 2: not readable. Needs no network and no service.
"""

import argparse
import sys
from pathlib import Path

from verifier.checks import NotGenuine, NotReadable, Report, is_key, verify


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
        _say(f"NOT READABLE: {why}")
        return 2
    except NotGenuine as why:
        _say_key(report)
        for line in why.differences:
            _say(f"NOT GENUINE: {line}")
        return 1
    _say_key(report)
    for line in report.lines:
        _say(line)
    if told.key is None:
        _say("THE KEY WAS NOT COMPARED: anybody can sign a file with a key of their own; give the office's with --key")
    _say("GENUINE")
    return 0


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (OSError, ValueError) as why:
        raise NotReadable(f"{file}: {_because(why)}") from why


def _key(given: str | None) -> str | None:
    """Return the key that was given: itself, or what the file of that name holds, whatever editor wrote it.

    :raises NotReadable: it is neither a key nor a file of one; then nothing can be said of the signature.
    """
    if given is None or is_key(given.strip()):
        return None if given is None else given.strip()
    try:
        key = Path(given).read_bytes().decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        key = ""
    except (OSError, ValueError) as why:
        raise NotReadable(f"--key {given} is no key, and no file of one can be read there: {_because(why)}") from why
    if not is_key(key):
        raise NotReadable(f"the file {given} holds no key")
    return key


def _because(why: Exception) -> str:
    return (why.strerror if isinstance(why, OSError) else None) or "that is no name of a file"


def _say_key(report: Report) -> None:
    if report.fingerprint is not None:
        _say(f"signed by {report.signer}")
        _say(f"key fingerprint SHA256:{report.fingerprint}")


def _say(line: str) -> None:
    """Print one line, and let no file write others or move about on the screen of who reads what was found.

    Where nobody can read it the exit code still says it, and says nothing else.
    """
    if sys.stdout is None:
        return
    plain = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)
    encoding = sys.stdout.encoding or "ascii"
    try:
        print(plain.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError:
        sys.stdout = None  # else it is tried again at the end, with an exit code of its own


if __name__ == "__main__":
    sys.exit(main())
