"""The offline verifier: what is genuine it calls genuine, and every single changed byte is found."""

import ast
import base64
import hashlib
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

import verifier
from services.evaluations.ledger import Head, exported, hash_of_details, hash_of_entry, origin
from shared.contracts.evaluations import MandateGivenV1
from shared.contracts.referrals import OcmwAnsweredV1, ReferralOfferedV1
from shared.contracts.visits import FindingDiscussedV1, FindingEstablishedV1
from tests.evaluations.a_ledger import LEASE, MONDAY, OFFICE, OTHER_LEASE, ALedger
from verifier import canonical
from verifier.__main__ import main
from verifier.checks import NotGenuine, NotReadable, Report, verify

DAY = MONDAY.date()


def made_ledger(*, simulated: bool = False) -> ALedger:
    ledger = ALedger(simulated=simulated)
    ledger.add(
        MandateGivenV1(
            mandate="m-1",
            person="rita",
            role="director",
            acts=("*",),
            from_=DAY,
            until=None,
            in_name_of=None,
            given_by=None,
        ),
        service="evaluations",
    )
    for lease in (LEASE, OTHER_LEASE, LEASE):
        ledger.add(
            FindingEstablishedV1(
                lease=lease,
                finding=f"f-{len(ledger.entries)}",
                item="VOC-01",
                checklist_version="CL-1",
                seen_on=DAY,
                source="visit",
                what_seen=ledger.seal("what_seen", "Schimmel achter de kast – 2 m² “zwart”."),
                place=ledger.seal("place", "slaapkamer/achter ~"),
                source_identity=ledger.seal("source_identity", "de buurvrouw", "G"),
            ),
            mandate="m-1",
        )
    ledger.add(ReferralOfferedV1(lease=LEASE, offered_on=DAY), service="referrals")
    ledger.add(
        OcmwAnsweredV1(lease=LEASE, consultation="o-1", answered_on=DAY, answer=ledger.seal("answer", "geen steun")),
        service="referrals",
    )
    return ledger


LEDGER = made_ledger()
COURT_FILE, EXPORT = LEDGER.court_file(), LEDGER.exported()
BESIDE_THE_MEMBERS = frozenset({"manifest", "checkpoint", "key", "office"})


def found(content: bytes, key: str | None = None) -> tuple[int, list[str], Report]:
    """Return what the command would answer: exit code, what it says, and the report."""
    report = Report()
    try:
        verify(content, key=key, report=report)
    except NotReadable as why:
        return 2, [str(why)], report
    except NotGenuine as why:
        return 1, why.differences, report
    return 0, report.lines, report


def signed_anew(content: bytes, change: Any) -> bytes:
    """Return the file with a change, its hashes and its signature made anew by somebody with another key."""
    file = json.loads(content)
    change(file)
    entries = file.get("entries") or file.get("items")
    at = MONDAY if not entries else _taken_in(file)
    members = {name: value for name, value in file.items() if name not in BESIDE_THE_MEMBERS}
    head = Head(entries[-1]["position"], bytes.fromhex(entries[-1]["hash"]), at)
    return exported(members, office=file["office"], head=head, key=Ed25519PrivateKey.from_private_bytes(bytes(32)))


def _taken_in(file: Any) -> Any:
    from datetime import datetime

    told = file.get("as_known_at") or file["items"][-1]["taken_in_at"]
    return datetime.fromisoformat(told)


def test_a_court_file_and_an_export_are_genuine() -> None:
    for content in (COURT_FILE, EXPORT, LEDGER.exported(3, 5), LEDGER.exported(len(LEDGER.entries) + 1)):
        code, said, report = found(content)
        assert code == 0, said
        assert report.signer == "huurspoor/kantoor-noord"
        assert report.fingerprint is not None
    assert "texts opened and found as they were sealed: 4" in found(COURT_FILE)[1]


def test_a_court_file_is_readable_and_tells_nothing_of_others() -> None:
    file = json.loads(COURT_FILE)
    assert "Schimmel achter de kast" in file["timeline"][0]["what"]["what_seen"]
    assert file["timeline"][0]["summary"] == "Vaststelling gedaan"
    assert OTHER_LEASE not in COURT_FILE.decode()
    hidden = [entry for entry in file["entries"] if "envelope" not in entry]
    assert [entry.keys() for entry in hidden] == [{"position", "details", "hash"}]
    assert file["timeline"][0]["what"]["source_identity"] == {"withheld": "G"}
    assert file["timeline"][-1]["what"]["answer"] == {"withheld": "B"}
    assert "geen steun" not in COURT_FILE.decode()
    assert "buurvrouw" not in COURT_FILE.decode()
    for part in file["parts"]:
        assert part["title"] != part["part"]


def test_the_same_ledger_gives_the_same_bytes() -> None:
    assert LEDGER.court_file() == COURT_FILE
    assert rfc8785.dumps(json.loads(COURT_FILE)) == COURT_FILE


def test_a_simulated_clock_is_said_in_large_letters() -> None:
    content = made_ledger(simulated=True).court_file()
    assert json.loads(content)["warning"].startswith("GESIMULEERDE KLOK")
    code, said, _ = found(content)
    assert code == 0
    assert any(line.startswith("SIMULATED CLOCK") for line in said)


@pytest.mark.parametrize("content", [COURT_FILE, EXPORT], ids=["court file", "export"])
@settings(max_examples=300, deadline=None)
@for_all(data=st.data())
def test_every_changed_byte_is_found(content: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
    assert found(content[:at] + bytes([byte]) + content[at + 1 :])[0] in (1, 2)


@pytest.mark.parametrize("content", [COURT_FILE, EXPORT], ids=["court file", "export"])
def test_every_missing_or_added_byte_is_found(content: bytes) -> None:
    places = random.Random(1).sample(range(len(content)), 60)
    for at in places:
        assert found(content[:at] + content[at + 1 :])[0] in (1, 2)
        for added in (b" ", b"0", b"\n", content[at : at + 1]):
            changed = content[:at] + added + content[at:]
            assert changed == content or found(changed)[0] in (1, 2)
    assert found(content + b"\n")[0] in (1, 2)
    assert found(content[: len(content) // 2])[0] == 2


def changed(content: bytes, *, entry: int, member: str, to: Any) -> bytes:
    file = json.loads(content)
    whole = next(one for one in file.get("entries") or file["items"] if one["position"] == entry)
    whole[member] = to(whole[member]) if callable(to) else to
    return rfc8785.dumps(file)


def other_envelope(encoded: str) -> str:
    return base64.b64encode(base64.b64decode(encoded).replace(b'"actor":"fatma"', b'"actor":"karel"')).decode()


@pytest.mark.parametrize("content", [COURT_FILE, EXPORT], ids=["court file", "export"])
@pytest.mark.parametrize(
    ("member", "to"),
    [
        ("envelope", other_envelope),
        ("event", "event-9"),
        ("type", "FindingDiscussed"),
        ("service", "referrals"),
        ("service_position", 9),
        ("epoch", 2),
        ("taken_in_at", "2026-03-02T09:00:00.000000Z"),
        ("hash", "0" * 64),
    ],
)
def test_the_entry_that_was_changed_is_named(content: bytes, member: str, to: Any) -> None:
    code, said, _ = found(changed(content, entry=2, member=member, to=to))
    assert code == 1
    assert said[0].startswith("entry 2"), said
    assert not any(line.startswith(("entry 4", "entry 5")) for line in said), said


def test_a_changed_text_is_named_with_its_place() -> None:
    file = json.loads(COURT_FILE)
    file["timeline"][0]["what"]["what_seen"] = "Alles in orde."
    code, said, _ = found(rfc8785.dumps(file))
    assert code == 1
    assert said[0] == (
        "entry 2 (FindingEstablished of visits): what is shown at /data/what_seen is not what the envelope holds"
    )


@pytest.mark.parametrize("member", ["standing", "parts", "strands", "versions", "as_known_at"])
def test_every_member_lies_under_a_signed_hash(member: str) -> None:
    file = json.loads(COURT_FILE)
    file[member] = "2026-03-02T09:00:00.000000Z"
    assert f"the member {member} differs from its hash in the manifest" in found(rfc8785.dumps(file))[1]
    del file[member]
    assert found(rfc8785.dumps(file))[0] == 1


def test_a_member_beside_the_signed_ones_is_found() -> None:
    file = json.loads(COURT_FILE)
    file["note"] = "Niets aan de hand."
    assert found(rfc8785.dumps(file))[1] == ["the member note is under no signed hash"]


def lie(file: Any) -> None:
    file["timeline"][0]["what"]["what_seen"] = "Alles in orde."


def drop_a_line(file: Any) -> None:
    del file["timeline"][0]


def tell_of_another_day(file: Any) -> None:
    file["timeline"][0]["occurred_on"] = "2025-01-01"


def hide_the_clock(file: Any) -> None:
    file["clock"], file["warning"] = "simulated", "…"


def take_an_entry_out(file: Any) -> None:
    del file["entries"][2]


def give_another_key(file: Any) -> None:
    keys = file["entries"][1]["text_keys"]
    keys["/data/what_seen"] = keys["/data/place"]


@pytest.mark.parametrize(
    "change", [lie, drop_a_line, tell_of_another_day, hide_the_clock, take_an_entry_out, give_another_key]
)
def test_a_lie_that_was_signed_anew_is_found_where_the_file_contradicts_itself(change: Any) -> None:
    assert found(signed_anew(COURT_FILE, change))[0] == 1


def tell_twice(file: Any) -> None:
    lie = json.loads(json.dumps(file["timeline"][0]))
    lie["what"]["what_seen"] = "Alles in orde."
    file["timeline"].insert(0, lie)


def tell_in_another_order(file: Any) -> None:
    file["timeline"].reverse()


def leave_the_count_out(file: Any) -> None:
    del file["standing"]


def say_it_was_known_earlier(file: Any) -> None:
    file["as_known_at"] = "2026-03-02T09:02:00.000000Z"


def say_it_was_known_later(file: Any) -> None:
    file["as_known_at"] = "2026-03-12T09:00:00.000000Z"


def call_it_late(file: Any) -> None:
    file["timeline"][0]["arrived_late"] = True


def leave_open_whether_it_was_late(file: Any) -> None:
    del file["timeline"][0]["arrived_late"]


def name_no_clock(file: Any) -> None:
    file["clock"] = "none"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (call_it_late, "entry 2 (FindingEstablished of visits): the timeline shows another arrived_late"),
        (
            leave_open_whether_it_was_late,
            "entry 2 (FindingEstablished of visits): the timeline shows another arrived_late",
        ),
        (name_no_clock, "the file does not say truly on which clock it was made"),
        (tell_twice, "the timeline tells of entry 2 twice"),
        (tell_in_another_order, "the timeline tells of entry 2 after one that it stands in front of"),
        (leave_the_count_out, "the file has no standing"),
        (say_it_was_known_earlier, "entry 4 (FindingEstablished of visits) was taken in at another time than the head"),
        (say_it_was_known_later, "entry 6 (OcmwAnswered of referrals) was taken in at another time than the head"),
    ],
)
def test_who_signs_a_file_cannot_let_it_say_more_or_less_than_its_entries(change: Any, named: str) -> None:
    code, said, _ = found(signed_anew(COURT_FILE, change))
    assert code == 1
    assert any(line.startswith(named) for line in said), said


def hidden(file: Any, position: int) -> None:
    """Show an entry as one about somebody else is shown: the chain still holds."""
    entries = file.get("entries") or file["items"]
    shown = next(entry for entry in entries if entry["position"] == position)
    details = {
        "envelope_sha256": hashlib.sha256(base64.b64decode(shown["envelope"])).hexdigest(),
        **{name: shown[name] for name in ("epoch", "event", "service", "service_position", "taken_in_at", "type")},
    }
    digest = hashlib.sha256(rfc8785.dumps(details)).hexdigest()
    entries[entries.index(shown)] = {"position": position, "details": digest, "hash": shown["hash"]}
    if "timeline" in file:
        file["timeline"] = [line for line in file["timeline"] if line["position"] != position]


def test_an_export_shows_all_of_its_entries() -> None:
    code, said, _ = found(signed_anew(EXPORT, lambda file: hidden(file, 4)))
    assert (code, said) == (1, ["entry 4 is not shown, and an export shows all of its entries"])


def test_a_chain_in_which_time_runs_back_is_found() -> None:
    ledger = made_ledger()
    later = [
        replace(entry, taken_in_at=entry.taken_in_at + timedelta(hours=entry.position == 3)) for entry in ledger.entries
    ]
    previous, chained = origin(OFFICE), []
    for entry in later:
        details = hash_of_details(
            **{name: getattr(entry, name) for name in ("event", "type", "service", "epoch", "service_position")},
            taken_in_at=entry.taken_in_at,
            envelope=entry.envelope,
        )
        previous = hash_of_entry(position=entry.position, details=details, previous=previous)
        chained.append(replace(entry, details_hash=details, hash=previous))
    ledger.entries = chained
    code, said, _ = found(ledger.exported())
    assert code == 1
    assert said[0] == (
        "entry 4 (FindingEstablished of visits) says it was taken in before one that stands in front of it"
    )


def of_one_finding() -> bytes:
    """Return the file of a lease of which three things were told about one finding, and one about another lease's."""
    ledger = made_ledger()
    for lease, stream in (
        (LEASE, "finding/f-1"),
        (OTHER_LEASE, "finding/f-2"),
        (LEASE, "finding/f-1"),
        (LEASE, "finding/f-1"),
    ):
        fact = FindingDiscussedV1(lease=lease, finding=stream[8:], discussed_with=("renter",), discussed_on=DAY)
        ledger.add(fact, stream=stream)
    return ledger.court_file()


def test_what_was_left_out_before_something_of_the_same_thing_is_said() -> None:
    content = of_one_finding()
    assert not any(line.startswith("LEFT OUT") for line in found(content)[1])
    for position in (7, 9):
        code, said, _ = found(signed_anew(content, lambda file, position=position: hidden(file, position)))
        assert code == 0
        left_out = [line for line in said if line.startswith("LEFT OUT")]
        next_one = {7: 9, 9: 10}[position]
        assert left_out == [
            f"LEFT OUT: WHAT WAS TOLD OF finding/f-1 BEFORE entry {next_one} (FindingDiscussed of visits)"
        ]


def test_an_export_of_a_stretch_says_nothing_of_what_stands_in_front_of_it() -> None:
    ledger = made_ledger()
    for _ in range(2):
        fact = FindingDiscussedV1(lease=LEASE, finding="f-1", discussed_with=("renter",), discussed_on=DAY)
        ledger.add(fact, stream="finding/f-1")
    assert not any(line.startswith("LEFT OUT") for line in found(ledger.exported(8))[1])


def test_what_arrived_late_is_called_so() -> None:
    ledger = made_ledger()
    fact = FindingDiscussedV1(lease=LEASE, finding="f-1", discussed_with=("renter",), discussed_on=DAY)
    for minutes in (60, 61):
        ledger.add(fact, arrives_after=timedelta(minutes=minutes))
    content = ledger.court_file()
    assert [line["arrived_late"] for line in json.loads(content)["timeline"]][-2:] == [False, True]
    assert found(content)[0] == 0

    def hide_it(file: Any) -> None:
        file["timeline"][-1]["arrived_late"] = False

    assert found(signed_anew(content, hide_it))[0] == 1


def test_a_key_that_is_known_must_be_the_one_that_signed() -> None:
    forged = signed_anew(COURT_FILE, lambda file: file.update(standing={"lease": LEASE, "count": 3}))
    assert found(forged)[0] == 0, "without a key only the file itself can be judged"
    file, report = json.loads(COURT_FILE), found(COURT_FILE)[2]
    encoded = file["key"].split("+", 2)[2]
    assert report.fingerprint is not None
    known = [
        report.fingerprint,
        f"SHA256:{report.fingerprint.upper()}",
        file["key"],
        encoded,
    ]
    for key in known:
        assert found(COURT_FILE, key)[0] == 0
        assert found(forged, key)[0] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"[]",
        b"{}",
        b'{"format":"huurspoor ledger 2"}',
        b'{"a":1,"a":1}',
        b'{"a":1.5}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b"9" * 5000,
        b'{"a":' * 100_000,
        *(b'{"a":' * deep + b"1" + b"}" * deep for deep in (101, 500, 700, 950)),
        b'{"format":"huurspoor ledger 1","items":' + b"[" * 600 + b"]" * 600 + b"}",
        b'{"a":"\\ud800"}',
    ],
)
def test_what_is_no_such_file_is_not_readable(content: bytes) -> None:
    assert found(content)[0] == 2


@pytest.mark.parametrize(
    "written", [lambda file: json.dumps(file, indent=1), lambda file: json.dumps(file, sort_keys=False)]
)
def test_another_way_to_write_the_same_is_refused(written: Any) -> None:
    code, said, _ = found(written(json.loads(COURT_FILE)).encode())
    assert code == 1
    assert "not its own RFC 8785 form" in said[-1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@for_all(JSON)
def test_the_canonical_form_is_that_of_an_independent_library(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        return
    assert canonical.write(value) == expected
    assert canonical.read(expected) == value


def test_the_verifier_imports_nothing_of_ours() -> None:
    allowed = {"verifier", "cryptography", *sys.stdlib_module_names}
    for module in Path(verifier.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert {name.split(".")[0] for name in names} <= allowed, module.name


def test_the_command_says_what_it_found_and_ends_accordingly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dossier.json"
    file.write_bytes(COURT_FILE)
    assert main([str(file)]) == 0
    said = capsys.readouterr().out
    assert "key fingerprint SHA256:" in said
    assert said.endswith("GENUINE\n")
    file.write_bytes(changed(COURT_FILE, entry=2, member="envelope", to=other_envelope))
    assert main([str(file)]) == 1
    assert "NOT GENUINE: entry 2 (FindingEstablished of visits)" in capsys.readouterr().out
    file.write_bytes(b"?")
    assert main([str(file)]) == 2
    assert main([str(tmp_path / "nothing")]) == 2
    file.write_bytes(COURT_FILE)
    key = tmp_path / "key"
    key.write_text(json.loads(COURT_FILE)["key"] + "\n")
    assert main([str(file), "--key", str(key)]) == 0
    assert main([str(file), "--key", "0" * 64]) == 1


def test_who_gives_no_key_is_told_that_anybody_can_sign_such_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dossier.json"
    file.write_bytes(COURT_FILE)
    assert main([str(file)]) == 0
    assert "THE KEY WAS NOT COMPARED" in capsys.readouterr().out
    assert main([str(file), "--key", json.loads(COURT_FILE)["key"]]) == 0
    assert "NOT COMPARED" not in capsys.readouterr().out


def test_the_command_runs_on_its_own(tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_bytes(EXPORT)
    ran = ran_alone(file)
    assert (ran.returncode, ran.stderr) == (0, "")


def ran_alone(file: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "verifier", str(file)],
        cwd=Path(verifier.__file__).parents[1],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("to", [">&-", ">/dev/full", "| true"], ids=["closed", "full", "read by nobody"])
def test_what_was_found_is_the_exit_code_also_where_it_cannot_be_said(to: str, tmp_path: Path) -> None:
    file = tmp_path / "dossier.json"
    for content, code in ((COURT_FILE, 0), (changed(COURT_FILE, entry=2, member="envelope", to=other_envelope), 1)):
        file.write_bytes(content)
        line = f'set -o pipefail; "$0" -P -m verifier "$1" {to}'
        ran = subprocess.run(
            ["bash", "-c", line, sys.executable, str(file)],
            env={**os.environ, "PYTHONPATH": str(Path(verifier.__file__).parents[1])},
            capture_output=True,
            text=True,
        )
        assert (ran.returncode, ran.stderr) == (code, "")


WIPES_THE_SCREEN = "x\n\x1b[2J\x1b[HGENUINE\n\x1b[8m"


@pytest.mark.parametrize("member", [WIPES_THE_SCREEN, "\u202eENIUNEG", "\u2028GENUINE", "ok\rGENUINE"])
def test_no_file_writes_lines_of_its_own(member: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dossier.json"
    file.write_bytes(rfc8785.dumps({**json.loads(COURT_FILE), member: 1}))
    assert main([str(file)]) == 1
    lines = capsys.readouterr().out.split("\n")
    assert [line for line in lines[2:] if line] == [
        f"NOT GENUINE: the member {member.encode('unicode_escape').decode()} is under no signed hash"
    ]
    assert all(line.isprintable() for line in lines)


def test_an_office_of_several_lines_is_said_in_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "export.json"
    members = {name: value for name, value in json.loads(EXPORT).items() if name not in BESIDE_THE_MEMBERS}
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    file.write_bytes(exported(members, office="x\nGENUINE\n", head=LEDGER.head, key=key))
    assert main([str(file)]) == 1
    assert "GENUINE" not in capsys.readouterr().out.splitlines()


def test_what_a_terminal_cannot_show_is_said_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "dossier.json"
    file.write_bytes(rfc8785.dumps({**json.loads(COURT_FILE), "“vaststelling”": 1}))
    ran = ran_alone(file, PYTHONIOENCODING="ascii")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert r"the member \u201cvaststelling\u201d is under no signed hash" in ran.stdout


@pytest.mark.parametrize("written", ["utf-8", "utf-8-sig"])
def test_the_key_is_taken_from_a_file_whatever_editor_wrote_it(written: str, tmp_path: Path) -> None:
    file, key = tmp_path / "dossier.json", tmp_path / "key.txt"
    file.write_bytes(COURT_FILE)
    key.write_bytes((json.loads(COURT_FILE)["key"] + "\r\n").encode(written))
    assert main([str(file), "--key", str(key)]) == 0


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfeS\0", b"signed by huurspoor/kantoor-noord"])
def test_what_is_no_key_says_nothing_about_the_file(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, key = tmp_path / "dossier.json", tmp_path / "key.txt"
    file.write_bytes(COURT_FILE)
    if content is not None:
        key.write_bytes(content)
    assert main([str(file), "--key", str(key)]) == 2
    said = capsys.readouterr().out
    assert said.startswith("NOT READABLE: ") and "NOT GENUINE" not in said


@pytest.mark.parametrize("given", ["", ".", "nobodys-key", "0" * 63, "x\0y"])
def test_a_mistyped_key_is_no_other_key(given: str, tmp_path: Path) -> None:
    file = tmp_path / "dossier.json"
    file.write_bytes(COURT_FILE)
    assert main([str(file), "--key", given]) == 2


def test_a_discussion_without_words_is_shown_as_it_is() -> None:
    ledger = made_ledger()
    ledger.add(FindingDiscussedV1(lease=LEASE, finding="f-1", discussed_with=("renter",), discussed_on=DAY))
    assert found(ledger.court_file())[0] == 0
