"""Rules know the field and nothing else: a list of what they may import, for one of what not misses the next one."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.architecture import PROJECT, SERVICES, copy_of_the_tree, parsed, put, rule_modules

STANDARD = {
    *("bisect", "calendar", "collections", "dataclasses", "datetime", "enum", "functools", "itertools", "math"),
    *("operator", "re", "statistics", "string", "types", "typing", "unicodedata"),
}
OURS = {
    "shared.authority",  # mandates, as every service judges by them
    "shared.contracts",
    "shared.decisions",
    "shared.holds",  # what forbids erasing, as every service judges it
    "shared.refusals",
    "shared.sealed",
    "shared.shares",  # of which groups figures are shown, as every service counts them
    "shared.working_days",
}
# What the standard modules above offer and a rule may not use: the time of the machine.
CLOCKS = {"now", "utcnow", "today", "fromtimestamp", "utcfromtimestamp"}
BUILD = """
import grimp, json
graph = grimp.build_graph("services", "shared", include_external_packages=True, cache_dir=None)
known = graph.find_modules_directly_imported_by
print(json.dumps([[module, sorted(known(module)), graph.is_module_squashed(module)] for module in graph.modules]))
"""
BUILT_IN = {"open", "print", "input", "eval", "exec", "compile", "__import__", "hash", "id"}


def impurities(tree: Path) -> list[str]:
    """Return what the rules and events of all services, and the words they share, import beyond the list."""
    graph = _graph(tree)
    found = []
    for module in sorted(graph.modules):
        allowed = _allowed(module)
        if allowed is None or graph.is_module_squashed(module):
            continue
        for known in sorted(graph.find_modules_directly_imported_by(module)):
            if not any(known == one or known.startswith(one + ".") for one in allowed):
                found.append(f"{module} imports {known}")
    return found


def _allowed(module: str) -> set[str] | None:
    parts = module.split(".")
    if parts[0] == "services" and len(parts) > 2 and parts[2] in ("rules", "events"):
        own = ".".join(parts[:2])
        return {*STANDARD, *OURS, f"{own}.events", *([f"{own}.rules"] if parts[2] == "rules" else [])}
    if module == "shared.contracts" or module.startswith("shared.contracts."):
        words = {"dataclasses", "datetime", "typing", "types", "shared.contracts", "shared.sealed"}
        # One of its public names is a keyword of Python, which a dataclass cannot have.
        return words | {"msgspec"} if module == "shared.contracts.platform" else words
    if module in (
        "shared.decisions",
        "shared.refusals",
        "shared.sealed",
        "shared.authority",
        "shared.holds",
        "shared.shares",
        "shared.working_days",
    ):
        return STANDARD | OURS
    return None


def _graph(tree: Path) -> grimp.ImportGraph:
    """Build the graph of a tree in a process of its own: the packages there have the names of ours."""
    if tree == PROJECT:
        return grimp.build_graph("services", "shared", include_external_packages=True, cache_dir=None)
    done = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=tree, env={"PYTHONPATH": str(tree)}, capture_output=True, check=True
    )
    graph = grimp.ImportGraph()
    known = json.loads(done.stdout)
    for module, _, squashed in known:
        graph.add_module(module, is_squashed=squashed)
    for module, imported, _ in known:
        for one in imported:
            graph.add_import(importer=module, imported=one)
    return graph


def unclean_calls(tree: Path) -> Iterator[str]:
    """Yield where rules ask the clock, or look at the world through a built-in."""
    modules = rule_modules(tree)
    modules += [found for service in SERVICES for found in parsed(tree / "services" / service, "events.py")]
    for file, module in modules:
        for node in ast.walk(module):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            if isinstance(called, ast.Attribute) and called.attr in CLOCKS:
                yield f"{file.relative_to(tree)}:{node.lineno} asks the time"
            elif isinstance(called, ast.Name) and called.id in BUILT_IN:
                yield f"{file.relative_to(tree)}:{node.lineno} calls {called.id}"


def test_rules_import_only_what_is_pure() -> None:
    assert impurities(PROJECT) == []


def test_rules_neither_ask_the_clock_nor_look_at_the_world() -> None:
    assert list(unclean_calls(PROJECT)) == []


@pytest.mark.parametrize(
    ("module", "breach", "reported"),
    [
        ("services/visits/rules/visit.py", "import random", "services.visits.rules.visit imports random"),
        ("services/referrals/rules/referral.py", "import asyncpg", "services.referrals.rules.referral imports asyncpg"),
        ("services/visits/rules/visit.py", "import shared.clock", "services.visits.rules.visit imports shared.clock"),
        ("services/visits/events.py", "import uuid", "services.visits.events imports uuid"),
        ("shared/contracts/visits.py", "import msgspec", "shared.contracts.visits imports msgspec"),
        ("shared/decisions.py", "import time", "shared.decisions imports time"),
    ],
)
def test_an_impure_import_is_reported(module: str, breach: str, reported: str, tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    put(tree, module, breach)
    assert impurities(tree) == [reported]


@pytest.mark.parametrize("breach", ["date.today()", "datetime.now()", "open('x')", "print(1)"])
def test_a_rule_that_asks_the_clock_or_the_world_is_reported(breach: str, tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    put(tree, "services/visits/rules/visit.py", f"SOMETHING = {breach}")
    assert len(list(unclean_calls(tree))) == 1


@pytest.mark.parametrize("asked", ["date.today()", "datetime.now()", "datetime.utcnow()"])
def test_ruff_reports_who_asks_the_clock_anywhere(asked: str, tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    put(tree, "services/visits/rules/late.py", f"from datetime import date, datetime\n\nNOW = {asked}\n")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "TID251", "services/visits/rules/late.py"],
        cwd=tree,
        capture_output=True,
        text=True,
    )
    assert re.search(r"TID251.*is banned", done.stdout), done.stdout + done.stderr


# Decisions that people alone may take ask for a Person, which only the HTTP door makes (domain 13, I-01).


def decisions_of_people(tree: Path, service: str) -> set[str]:
    """Return the names of the rules of a service that ask for a person."""
    named = set()
    for _, module in parsed(tree / "services" / service / "rules"):
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                asked = [*node.args.args, *node.args.kwonlyargs]
                if any(_is_person(one.annotation) for one in asked):
                    named.add(node.name)
    return named


def _is_person(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "Person"


def decisions_taken_by_nobody(tree: Path) -> list[str]:
    """Return where a reaction or a day's work names a decision that people alone may take, or makes a person."""
    found = []
    for service in SERVICES:
        reserved = decisions_of_people(tree, service) | {"Person"}
        for room in ("reactions.py", "days.py"):
            for file, module in parsed(tree / "services" / service, room):
                names = {
                    alias.name for node in ast.walk(module) if isinstance(node, ast.ImportFrom) for alias in node.names
                }
                names |= {node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)}
                found += [f"{file.relative_to(tree)} names {name}" for name in sorted(names & reserved)]
    return found


def test_no_reaction_and_no_day_takes_a_decision_of_people() -> None:
    assert decisions_taken_by_nobody(PROJECT) == []


def test_decisions_of_people_are_found_at_all() -> None:
    assert {"decide_termination", "withdraw_notice", "confirm_grounds"} <= decisions_of_people(PROJECT, "evaluations")


@pytest.mark.parametrize("room", ["reactions.py", "days.py"])
def test_a_reaction_that_decides_for_people_is_reported(room: str, tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    put(
        tree,
        f"services/evaluations/{room}",
        "from services.evaluations.rules.termination import decide_termination",
    )
    assert decisions_taken_by_nobody(tree) == [f"services/evaluations/{room} names decide_termination"]
