"""What may stand in no file of the project: hosts of packages, places on somebody's machine, words that mislead."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import PROJECT

# Not of the project: what is made when it runs.
MADE = re.compile(
    r"^(\.git|\.huurspoor.*|\.venv|out|__pycache__|\.[a-z_]+_cache|\.hypothesis|\.schemathesis|dist|build)$"
)


def whole(*words: str) -> list[str]:
    """Return words that are written with a mark inside: this file is one of those that are looked at."""
    return [word.replace("~", "") for word in words]


HOSTS = whole(
    *("py~pi.org", "python~hosted.org", "anaconda~.org", "npm~js.org", "crates~.io", "proxy.golang~.org"),
    *("deb.debian~.org", "ghcr~.io", "quay~.io", "registry.hub.docker~.com", "docker~.io/"),
)
PLACES = whole("/ro~ot/", "/ho~me/", "/wo~rk/", "/Us~ers/", "/tm~p/venv", "C:~\\Users")
WORDS = whole("ten~ants?", "sco~res?", "risk~[ -]?class(es)?", "appeals? ~upheld")
UNFINISHED = whole("TO~DO", "FIX~ME", "XX~X", "Not~ImplementedError")
NAMELESS = {"utils", "util", "helpers", "helper", "common", "core", "misc", "manager", "base"}


def files(tree: Path) -> Iterator[Path]:
    """Yield the files of the project, not what is made when it runs."""
    for folder, folders, names in os.walk(tree):
        folders[:] = sorted(name for name in folders if not MADE.match(name))
        yield from (
            Path(folder) / name
            for name in sorted(names)
            if not (MADE.match(name) or name.endswith((".pyc", ".ttf", ".otf", ".woff2")))  # .git may be a file
        )


def texts(tree: Path) -> Iterator[tuple[Path, str]]:
    """Yield each text of the project; pictures and fonts are none."""
    for file in files(tree):
        try:
            yield file.relative_to(tree), file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def lines_with(tree: Path, patterns: list[str], *, flags: int = 0, of: str = "") -> list[str]:
    """Return where one of the patterns stands, in files whose name ends in ``of``."""
    looked_for = re.compile("|".join(f"(?:{pattern})" for pattern in patterns), flags)
    return [
        f"{file}:{number}"
        for file, text in texts(tree)
        if str(file).endswith(of)
        for number, line in enumerate(text.splitlines(), start=1)
        if looked_for.search(line)
    ]


def hosts(tree: Path) -> list[str]:
    """Return where a host of packages is named."""
    return lines_with(tree, [re.escape(host) for host in HOSTS], flags=re.IGNORECASE)


def places(tree: Path) -> list[str]:
    """Return where a place on somebody's machine is named."""
    return lines_with(tree, [rf"(?<![\w.*]){re.escape(place)}" for place in PLACES])


def misleading(tree: Path) -> list[str]:
    """Return where a word stands that must not be used (domain: words)."""
    return lines_with(tree, [rf"(?<![a-z]){word}(?![a-z])" for word in WORDS], flags=re.IGNORECASE)


def unfinished(tree: Path) -> list[str]:
    """Return where something was left for later."""
    return lines_with(tree, [rf"\b{word}\b" for word in UNFINISHED], of=".py")


def nameless(tree: Path) -> list[str]:
    """Return the modules that have no name of their own yet."""
    return [str(file.relative_to(tree)) for file in files(tree) if file.suffix == ".py" and file.stem in NAMELESS]


def test_no_file_names_a_host_of_packages() -> None:
    assert hosts(PROJECT) == []


def test_no_file_names_a_place_on_a_machine() -> None:
    assert places(PROJECT) == []


def test_no_word_misleads() -> None:
    assert misleading(PROJECT) == []


def test_nothing_was_left_for_later() -> None:
    assert unfinished(PROJECT) == []


def test_every_module_has_a_name() -> None:
    assert nameless(PROJECT) == []


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("--index-url https://py~pi.org/simple", hosts),
        ("COPY --from=ghcr~.io/x", hosts),
        ("PROJECT = '/ro~ot/huurspoor'", places),
        ("cd /wo~rk/main", places),
        ("the ten~ant's file", misleading),
        ("RISK~CLASS = 3", misleading),
        ("their sco~re", misleading),
        ("# TO~DO: later", unfinished),
        ("raise Not~ImplementedError", unfinished),
    ],
)
def test_a_line_that_may_not_be_there_is_reported(line: str, reported: object, tmp_path: Path) -> None:
    (tmp_path / "moon.py").write_text(whole(line)[0] + "\n")
    assert callable(reported)
    assert reported(tmp_path) == ["moon.py:1"]


@pytest.mark.parametrize(
    "line", ["maintenance", "an underscore", "scorer", "docker-compose.yml", "/healthz", "a lieutenant"]
)
def test_other_lines_are_not(line: str, tmp_path: Path) -> None:
    (tmp_path / "moon.py").write_text(line + "\n")
    assert (hosts(tmp_path), places(tmp_path), misleading(tmp_path), unfinished(tmp_path)) == ([], [], [], [])


def test_a_module_without_a_name_is_reported(tmp_path: Path) -> None:
    (tmp_path / "utils.py").touch()
    assert nameless(tmp_path) == ["utils.py"]


def unnamed_packages(tree: Path) -> list[str]:
    """Return the packages of the lock that the page on third parties does not name."""
    page = (tree / "THIRD_PARTY.md").read_text(encoding="utf-8")
    locked = re.findall(r"^([a-z0-9-]+)==", (tree / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    return [name for name in locked if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", page)]


def test_every_package_is_named_with_its_licence() -> None:
    assert unnamed_packages(PROJECT) == []


def test_a_package_without_a_name_is_reported(tmp_path: Path) -> None:
    (tmp_path / "THIRD_PARTY.md").write_text("| moonlight | MIT |\n")
    (tmp_path / "requirements.txt").write_text("moon==1.0 \\\n    --hash=sha256:0\nmoonlight==2.0\n")
    assert unnamed_packages(tmp_path) == ["moon"]
