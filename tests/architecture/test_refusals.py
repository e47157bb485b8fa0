"""Every reason to say no is provoked by a test and worded in every language; every example says what comes of it."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.decisions import Refusal
from tests.architecture import PROJECT, SERVICES, copy_of_the_tree, parsed, put

LANGUAGES = ("nl", "en")
# Words of both languages in which a reason is raised otherwise than by a rule: at the door, see tests/shared.
AT_THE_DOOR = {"NotYetKnown", "OccurredInFuture"}


def kebab(name: str) -> str:
    """Return the reason that a class name stands for; as ``shared.decisions.Refusal`` does."""
    named: type[Refusal] = type(name, (Refusal,), {})
    return named.reason()


def refusals(tree: Path) -> dict[str, set[str]]:
    """Return the names of the refusals that are defined, each with the services that give it (of shared: all)."""
    found: dict[str, set[str]] = {}
    known = {"Refusal", "NoAuthority"}
    places = [("shared", parsed(tree / "shared")), *((one, parsed(tree / "services" / one)) for one in SERVICES)]
    for place, modules in places:
        for _, module in modules:
            for node in ast.walk(module):
                if not isinstance(node, ast.ClassDef) or not any(_name(base) in known for base in node.bases):
                    continue
                if node.name != "NoAuthority":
                    found.setdefault(node.name, set()).update(SERVICES if place == "shared" else {place})
                    known.add(node.name)
    return found


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def provoked(tree: Path) -> set[str]:
    """Return the names of the refusals that some test waits for."""
    found = set()
    for _, module in parsed(tree / "tests"):
        for node in ast.walk(module):
            if (
                isinstance(node, ast.Call)
                and node.args
                and _name(node.func) in ("then_refused", "raises", "isinstance")
            ):
                named = node.args[1] if _name(node.func) == "isinstance" else node.args[0]
                found |= {_name(one) for one in ast.walk(named) if isinstance(one, ast.Name | ast.Attribute)}
            elif isinstance(node, ast.Call) and _name(node.func) == "parametrize":
                found |= {_name(one) for one in ast.walk(node) if isinstance(one, ast.Name)}
    return found


def worded(tree: Path, service: str, language: str) -> set[str]:
    """Return the reasons that have a sentence in a language, in a service or in all of them."""
    sentences: set[str] = set()
    for folder in (tree / "shared", tree / "services" / service):
        file = folder / "wording" / f"{language}.toml"
        sentences |= tomllib.loads(file.read_text(encoding="utf-8")).get("refusals", {}).keys()
    return sentences


def never_provoked(tree: Path) -> list[str]:
    """Return the refusals that no test waits for."""
    return sorted(refusals(tree).keys() - provoked(tree) - AT_THE_DOOR)


def never_worded(tree: Path) -> list[str]:
    """Return the refusals without a sentence, with the service and the language."""
    return sorted(
        f"{name} in {service}/{language}"
        for name, services in refusals(tree).items()
        for service in services
        for language in LANGUAGES
        if kebab(name) not in worded(tree, service, language)
    )


def never_named(tree: Path) -> list[str]:
    """Return the codes that rules name inside a refusal without a sentence for them."""
    found = []
    for service in SERVICES:
        codes = {
            str(node.args[0].value)
            for _, module in parsed(tree / "services" / service / "rules")
            for node in ast.walk(module)
            if isinstance(node, ast.Call) and _name(node.func) == "Named" and node.args
            if isinstance(node.args[0], ast.Constant)
        }
        for language in LANGUAGES:
            file = tree / "services" / service / "wording" / f"{language}.toml"
            wording = tomllib.loads(file.read_text(encoding="utf-8"))
            said = {name.upper().replace("-", "_") for part in ("named", "refusals") for name in wording.get(part, {})}
            found += [
                f"{code} in {service}/{language}"
                for code in sorted(codes)
                if code.upper().replace("-", "_") not in said
            ]
    return found


def sentences_without_a_twin(tree: Path) -> list[str]:
    """Return what one language says and the other does not."""
    found = []
    for folder in (tree / "shared", *(tree / "services" / service for service in SERVICES)):
        said = {}
        for language in LANGUAGES:
            wording = tomllib.loads((folder / "wording" / f"{language}.toml").read_text(encoding="utf-8"))
            said[language] = {f"{part}.{name}" for part, names in wording.items() for name in names}
        found += [f"{folder.name}: {name}" for name in sorted(said["nl"] ^ said["en"])]
    return found


def whens_without_then(tree: Path) -> Iterator[str]:
    """Yield where a test does something and does not say what comes of it."""
    for file, module in parsed(tree / "tests"):
        for function in ast.walk(module):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for statement in ast.walk(function):
                if isinstance(statement, ast.Expr) and _takes_a_decision(statement.value):
                    if not _chain(statement.value)[0].startswith("then"):
                        yield f"{file.relative_to(tree)}:{statement.lineno}"
                elif isinstance(statement, ast.Assign) and _chain(statement.value)[:1] == ["when"]:
                    names = {_name(target) for target in statement.targets}
                    if not any(_says_what_comes(node, names) for node in ast.walk(function)):
                        yield f"{file.relative_to(tree)}:{statement.lineno}"


def _chain(node: ast.expr) -> list[str]:
    """Return the methods called in a row, the last first: of ``given(x).when(y).then(z)`` then, when, given."""
    names = []
    while isinstance(node, ast.Call):
        names.append(_name(node.func))
        node = node.func.value if isinstance(node.func, ast.Attribute) else ast.Constant(None)
    return names


def _takes_a_decision(node: ast.expr) -> bool:
    return "when" in _chain(node)


def _says_what_comes(node: ast.AST, names: set[str]) -> bool:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id in names and node.attr.startswith(("then", "events", "refusal"))
    return False


def test_every_refusal_is_provoked() -> None:
    assert never_provoked(PROJECT) == []


def test_every_refusal_is_worded_in_both_languages() -> None:
    assert never_worded(PROJECT) == []


def test_every_code_inside_a_refusal_is_worded() -> None:
    assert never_named(PROJECT) == []


def test_both_languages_say_the_same_things() -> None:
    assert sentences_without_a_twin(PROJECT) == []


def test_every_example_says_what_comes_of_it() -> None:
    assert list(whens_without_then(PROJECT)) == []


# That these can fail:

NEW = "from shared.decisions import Refusal\n\n\nclass MoonTooFull(Refusal):\n    ..."


def test_a_refusal_that_nobody_provoked_or_worded_is_reported(tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    before = never_worded(tree)
    put(tree, "services/visits/rules/moon.py", NEW)
    assert "MoonTooFull" in never_provoked(tree)
    assert set(never_worded(tree)) - set(before) == {"MoonTooFull in visits/en", "MoonTooFull in visits/nl"}


def test_a_code_without_a_sentence_is_reported(tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    put(tree, "services/visits/rules/moon.py", "from shared.decisions import Named\n\nPHASE = Named('WANING')")
    assert {"WANING in visits/nl", "WANING in visits/en"} <= set(never_named(tree))


def test_a_sentence_in_one_language_only_is_reported(tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    put(tree, "services/referrals/wording/nl.toml", '[moon]\nfull = "Volle maan."')
    assert "referrals: moon.full" in sentences_without_a_twin(tree)


@pytest.mark.parametrize(
    ("example", "reported"),
    [
        ("given(TOOL).when(lend)", True),
        ("lent = given(TOOL).when(lend)", True),
        ("given(TOOL).when(lend).then()", False),
        ("lent = given(TOOL).when(lend)\n    lent.then_nothing_happens()", False),
    ],
)
def test_a_when_without_a_then_is_reported(example: str, reported: bool, tmp_path: Path) -> None:
    put(tmp_path, "tests/test_moon.py", f"def test_it() -> None:\n    {example}")
    assert bool(list(whens_without_then(tmp_path))) is reported
