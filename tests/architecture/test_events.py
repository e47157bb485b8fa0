"""Every event is evolved, and published or deliberately not; no two things have one name."""

import ast
import importlib
import re
import subprocess
import sys
import typing
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from shared.codec import events_of, stored_name, told_by
from shared.decisions import AnyStream, Stream
from tests.architecture import PROJECT, SERVICES, copy_of_the_tree, parsed, put, rule_modules
from tests.contracts import contracts, own_events, service


def catch_alls(tree: Path) -> list[str]:
    """Return every ``match`` over events in which mypy could miss a hole.

    It ends in ``assert_never``, or hands the rest to a function of the module whose signature says what the rest is.
    """
    modules = rule_modules(tree)
    modules += [found for one in SERVICES for found in parsed(tree / "services" / one, "publishing*.py")]
    found = []
    for file, module in modules:
        for function in ast.walk(module):
            if isinstance(function, ast.FunctionDef) and function.name.startswith(("evolve", "published", "_of_")):
                for node in ast.walk(function):
                    if isinstance(node, ast.Match) and _is_over_events(node) and not _ends_in_the_rest(node):
                        found.append(f"{file.relative_to(tree)}:{node.lineno}")
    return found


def _is_over_events(node: ast.Match) -> bool:
    subject = node.subject
    return isinstance(subject, ast.Name | ast.Attribute) and "event" in ast.unparse(subject)


def _ends_in_the_rest(node: ast.Match) -> bool:
    *cases, last = node.cases
    if any(_catches_all(case) for case in cases) or not _catches_all(last):
        return False
    called = [call for call in ast.walk(last) if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)]
    subject = ast.unparse(node.subject)
    return any(
        re.match("assert_never$|_", ast.unparse(call.func)) and subject in map(ast.unparse, call.args)
        for call in called
    )


def _catches_all(case: ast.match_case) -> bool:
    return isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.guard is None


def test_mypy_sees_the_rest_of_every_match_over_events() -> None:
    assert catch_alls(PROJECT) == []


@pytest.mark.parametrize(
    "hole",
    ["case _:\n            return state", "case str():\n            return state"],
    ids=["catch-all", "open end"],
)
def test_a_match_that_could_miss_an_event_is_reported(hole: str, tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    match = f"def evolve_moon(state: int, event: object) -> int:\n    match event:\n        {hole}\n    return state"
    put(tree, "services/visits/rules/moon.py", match)
    assert len(catch_alls(tree)) == 1


def extended(events: Path) -> int:
    """Add an event to each union of events of a service; return how many."""
    source = events.read_text(encoding="utf-8")
    lines = source.splitlines()
    added, classes = 0, []
    for node in reversed(ast.parse(source).body):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.BinOp):
            continue
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id.endswith("Event") and target.id != "Event":
            added += 1
            name = f"Unheard{target.id}"
            classes.append(f"class {name}:\n    ...\n")
            whole = f"{target.id} = {ast.unparse(node.value)} | {name}"
            lines[node.lineno - 1 : node.end_lineno] = [f"\n\nclass {name}:\n    ...\n\n\n{whole}"]
    events.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return added


@pytest.mark.parametrize("name", SERVICES)
def test_mypy_reports_an_event_that_is_not_evolved_or_not_published(name: str, tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    added = extended(tree / "services" / name / "events.py")
    assert added
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "-p", f"services.{name}.rules", "-m", f"services.{name}.publishing"],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "MYPY_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    errors = re.findall(r"^(services/\S+?:\d+): error: .*incompatible type", done.stdout, re.MULTILINE)
    assert len({place for place in errors if "/rules/" in place}) >= added, done.stdout
    assert any("publishing" in place for place in errors), done.stdout


# Names


def names_taken_twice(streams: Iterable[AnyStream]) -> list[str]:
    """Return the names that two events of a service have: the stored name of an event is its class name."""
    distinct = {event for stream in streams for event in events_of(stream)}
    return [name for name, times in Counter(stored_name(event) for event in distinct).items() if times > 1]


@pytest.mark.parametrize("name", SERVICES)
def test_no_two_events_of_a_service_have_one_name(name: str) -> None:
    assert names_taken_twice(service(name).streams) == []


def test_one_name_for_two_events_is_reported() -> None:
    two = [type("ToolLent", (), {"__module__": f"services.shop{n}.events"}) for n in (1, 2)]
    streams = [Stream[Any, Any](f"tool-{one.__module__}", None, lambda state, _event: state, one) for one in two]
    assert names_taken_twice(streams) == ["ToolLent"]


def test_no_two_services_publish_one_name() -> None:
    """But for the refused attempt, which each service that decides about a lease says of itself (domain 0.3)."""
    published = Counter(name for one in SERVICES for name in contracts(one))
    assert [name for name, times in published.items() if times > 1 and not name.startswith("AttemptRefused.")] == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_contract_is_published_by_its_service(name: str) -> None:
    source = "\n".join(
        file.read_text(encoding="utf-8") for file in (PROJECT / "services" / name).glob("publishing*.py")
    )
    module = importlib.import_module(f"shared.contracts.{name}")
    unsaid = [one.__name__ for one in typing.get_args(module.Contract) if not re.search(rf"\b{one.__name__}\b", source)]
    assert unsaid == []


@pytest.mark.parametrize("name", SERVICES)
def test_what_evaluations_may_not_hear_of_referrals_it_does_not_take_in(name: str) -> None:
    from shared.bus import PARTS

    heard = {one.__name__ for one in service(name).reactions.heard if told_by(one) == "referrals"}
    may_hear = PARTS.get((name, "referrals"))
    if may_hear is not None:
        assert heard <= {f"{event}V1" for event in may_hear}


DECISIONS = re.compile(r"Decided|Upheld|Annulled|^GroundsConfirmed$|^NoticeWithdrawn$|^TerminationNotPursued$")


def test_decisions_have_the_names_by_which_they_are_known() -> None:
    """I-01 looks for them by name: they exist, and a test of evaluations shows that SYS takes none."""
    assert len([name for name in own_events("evaluations") if DECISIONS.search(name)]) >= 6
