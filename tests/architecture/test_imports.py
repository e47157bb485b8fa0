"""Who may know whom (.importlinter)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import PROJECT, copy_of_the_tree, put

LINT = (
    "import sys; from importlinter.cli import lint_imports;"
    " sys.exit(lint_imports(config_filename='.importlinter', no_cache=True))"
)


def verdicts(tree: Path) -> dict[str, bool]:
    """Return what import-linter says of each contract: True is kept."""
    done = subprocess.run(
        [sys.executable, "-c", LINT], cwd=tree, env={"PYTHONPATH": str(tree)}, capture_output=True, text=True
    )
    found = re.findall(r"^(.+?)\s(KEPT|BROKEN)\b", done.stdout.replace(" \n", " "), re.MULTILINE)
    assert found, done.stdout + done.stderr
    return {" ".join(name.split()): word == "KEPT" for name, word in found}


def test_every_contract_is_kept() -> None:
    broken = [name for name, kept in verdicts(PROJECT).items() if not kept]
    assert broken == []


ROOMS = "In each service: main, doors and hands, what they use, rules, events"
BREACHES = [
    ("Services meet on the bus", "services/visits/views/leases.py", "import services.referrals.events"),
    ("Services meet on the bus", "services/referrals/rules/lease.py", "from services.visits import rules"),
    (ROOMS, "services/visits/rules/lease.py", "import services.visits.views"),
    (ROOMS, "services/visits/events.py", "import services.visits.rules.lease"),
    (ROOMS, "services/notifications/views/tasks.py", "import services.notifications.publishing"),
    (ROOMS, "services/evaluations/api.py", "import services.evaluations.reactions"),
    (ROOMS, "services/evaluations/utils.py", ""),
    ("Shared knows no service", "shared/clock.py", "import services.visits.events"),
    ("Shared knows no service", "operate/demo.py", "import services.visits.events"),
    ("Shared knows no service", "services/visits/views/leases.py", "import operate.state"),
    ("The verifier imports nothing", "verifier/__init__.py", "import shared.sealed"),
    ("Nothing of ours imports the verifier", "operate/demo.py", "import verifier"),
    ("Contracts are words", "shared/contracts/visits.py", "import shared.decisions"),
    ("Only a main wires", "services/visits/views/leases.py", "import shared.service"),
    ("In the writer", "shared/writer/batch.py", "import shared.writer.look"),
    ("In the writer", "shared/writer/base.py", ""),
    ("No circles", "shared/sealed.py", "import shared.contracts.visits"),
    (
        "Only people judge",
        "services/evaluations/reactions.py",
        "import services.evaluations.rules.judgement.about_terminations",
    ),
    ("Only people judge", "services/evaluations/rules/lease_file.py", "import services.evaluations.rules.judgement"),
    ("begins with an underscore", "services/visits/rules/lease.py", "import shared._quietly"),
]


@pytest.mark.parametrize(("contract", "module", "breach"), BREACHES)
def test_a_breach_is_reported(contract: str, module: str, breach: str, tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    put(tree, "shared/_quietly.py", '"""Nobody may know."""')
    put(tree, module, breach)
    broken = [name for name, kept in verdicts(tree).items() if not kept]
    assert any(contract in name for name in broken), broken


def test_each_contract_was_seen_failing() -> None:
    names = verdicts(PROJECT)
    assert [name for name in names if not any(contract in name for contract, _, _ in BREACHES)] == []
