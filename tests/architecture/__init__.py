"""Fitness functions (style 12). Each shows on a copy of the tree with one breach that it can fail."""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SERVICES = ("visits", "evaluations", "referrals", "notifications")
CODE = ("services", "shared", "operate", "verifier")


def copy_of_the_tree(to: Path) -> Path:
    """Copy what the fitness functions look at, so that a breach can be put into it."""
    for folder in (*CODE, "tests"):
        shutil.copytree(PROJECT / folder, to / folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for file in (".importlinter", "pyproject.toml"):
        shutil.copy(PROJECT / file, to / file)
    return to


def put(tree: Path, module: str, lines: str) -> None:
    """Append lines to a module of a copied tree; a module that is not there is made."""
    file = tree / module
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text() if file.exists() else ""
    file.write_text(f"{before}\n{lines}\n")


def parsed(folder: Path, pattern: str = "**/*.py") -> Iterator[tuple[Path, ast.Module]]:
    """Parse the modules of a folder, in the order of their names."""
    for file in sorted(folder.glob(pattern)):
        if "__pycache__" not in file.parts:
            yield file, ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def rule_modules(tree: Path = PROJECT) -> list[tuple[Path, ast.Module]]:
    """Parse all rules of all services."""
    return [found for service in SERVICES for found in parsed(tree / "services" / service / "rules")]
