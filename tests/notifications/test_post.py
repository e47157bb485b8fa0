"""Registered letters in batches: printed once, and what the carrier tells of each is recorded row by row."""

import csv
import hashlib
import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest

from services.notifications.post import literal, rows_in
from services.notifications.rules.communication import COMMUNICATION, Communication
from services.notifications.rules.post import PostBatch, make_batch
from services.notifications.rules.refusals import CarrierFileUnreadable
from shared.contracts.visits import ReportFixedV1, VisitRecordedV1
from shared.refusals import Unknown, WrongState
from tests.notifications.conftest import Notifications
from tests.notifications.examples import AN, BERT, FATMA, KAREL, LEASE, TOM, VISIT, reason, recorded, sent
from tests.notifications.letters import APPROVED, DECIDED, drafted
from tests.specification import state_of


async def a_batch(notifications: Notifications, *, married: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let a registered letter have been sent, and be put into a batch."""
    letter = await sent(notifications, married=married)
    answer = await notifications.act("/post-batches", {}, **TOM)
    assert recorded(answer) == ["PostBatchMade"]
    return letter, answer.json()


def file_of(batch: dict[str, Any], **told: str) -> str:
    """Return the carrier's file, with a row for each addressee."""
    references = {item["addressee"]: item["reference"] for item in batch["items"]}
    rows = [f"{references.get(who, who)};{row}" for who, row in told.items()]
    return "\r\n".join(["reference;outcome;on;tracking;signed_by", *rows, ""])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_batch_has_one_envelope_for_each_addressee(notifications: Notifications) -> None:
    letter, batch = await a_batch(notifications)
    assert [item["addressee"] for item in batch["items"]] == [AN, BERT]
    path = f"/post-batches/{batch['id']}.zip"
    printed = await notifications.read(path, **TOM)
    assert printed.status_code == 200, printed.text
    with zipfile.ZipFile(io.BytesIO(printed.content)) as packed:
        rows = list(csv.DictReader(io.StringIO(packed.read("manifest.csv").decode(), newline="")))
        assert [row["name"] for row in rows] == ["An Peeters", "Bert Wouters"]
        assert [(row["line_1"], row["line_2"]) for row in rows] == [("Vaartstraat 12", "2000 Antwerpen")] * 2
        for row, to in zip(rows, letter["addressees"], strict=True):
            assert hashlib.sha256(packed.read(row["file"])).hexdigest() == row["sha256"] == to["document"]
            own = await notifications.read(f"/communications/{letter['id']}.pdf?addressee={to['id']}", **TOM)
            assert own.content == packed.read(row["file"]), "each envelope holds its addressee's own letter"
        assert len({row["sha256"] for row in rows} | {letter["document"]}) == 3
        assert "L-05" not in packed.read("manifest.csv").decode()
    assert (await notifications.read(path, **TOM)).content == printed.content
    assert (await notifications.read(path, **FATMA)).status_code == 403
    assert reason(await notifications.act("/post-batches", {}, **TOM)) == (409, "wrong-state")  # nothing waits


@pytest.mark.asyncio(loop_scope="module")
async def test_who_may_not_read_a_letter_does_not_print_it(notifications: Notifications) -> None:
    letter = await sent(notifications)
    today = notifications.today
    report = ReportFixedV1(
        lease=LEASE,
        visit=VISIT,
        visit_on=today,
        fixed_on=today,
        late=False,
        findings=(),
        goes_well=await notifications.seal("goes_well", "De huur is altijd op tijd.", LEASE, "B"),
    )
    visited = VisitRecordedV1(
        lease=LEASE, visit=VISIT, visit_on=today, purpose="individual", present=("renter",), interpreter="none"
    )
    await notifications.told(visited, report)
    told = await notifications.letter(LEASE, kind="L-03")
    path = f"/communications/{told['id']}"
    assert recorded(await notifications.act(f"{path}/approve", **KAREL))[0] == "CommunicationApproved"
    registered = {"on": today.isoformat(), "method": "registered_paper"}
    assert recorded(await notifications.act(f"{path}/send", registered, **KAREL)) == ["CommunicationSent"]
    assert (await notifications.read(f"{path}.pdf", **TOM)).status_code == 403

    of_tom, of_karel = [(await notifications.act("/post-batches", {}, **who)).json() for who in (TOM, KAREL)]
    assert [item["communication"] for item in of_tom["items"]] == [letter["id"]]
    assert [item["communication"] for item in of_karel["items"]] == [told["id"]]
    assert (await notifications.read(f"/post-batches/{of_tom['id']}.zip", **TOM)).status_code == 200
    printed = f"/post-batches/{of_karel['id']}.zip"
    assert reason(await notifications.read(printed, **TOM)) == (403, "not-permitted")
    assert (await notifications.read(printed, **KAREL)).status_code == 200


@pytest.mark.asyncio(loop_scope="module")
async def test_the_carriers_file_is_taken_in_once_and_row_by_row(notifications: Notifications) -> None:
    letter, batch = await a_batch(notifications)
    arrived = (notifications.today + timedelta(days=2)).isoformat()
    notifications.set_day(notifications.today + timedelta(days=3))
    file = file_of(
        batch, **{BERT: f"not_collected;{arrived};;", AN: f"delivered;{arrived};RR1BE;addressee", "X-1": ";;;"}
    )
    path = f"/post-batches/{batch['id']}/take-file"
    answer = await notifications.act(path, {"file": file}, **TOM)
    assert recorded(answer) == ["CarrierFileTaken", "CommunicationDelivered", "CommunicationNotCollected", "TaskOpened"]
    (taken,) = answer.json()["files"]
    assert taken["rejected"] == [{"reference": "X-1", "code": "UNKNOWN"}]
    assert await notifications.to_do(lease=LEASE) == ["letter_not_delivered"]
    states = {one["id"]: one["state"] for one in (await notifications.letter(LEASE, kind="L-05"))["addressees"]}
    assert states == {AN: "delivered", BERT: "not_collected"}
    assert recorded(await notifications.act(path, {"file": file}, **TOM)) == []
    assert (await notifications.act(path, {"file": file}, **KAREL)).status_code == 403
    assert letter["communicated_on"] is None


@pytest.mark.asyncio(loop_scope="module")
async def test_a_later_file_with_a_receipt_leaves_the_task_about_another_open(notifications: Notifications) -> None:
    _, batch = await a_batch(notifications)
    day, path = notifications.today.isoformat(), f"/post-batches/{batch['id']}/take-file"
    missed = await notifications.act(path, {"file": file_of(batch, **{BERT: f"not_collected;{day};;"})}, **TOM)
    assert recorded(missed) == ["CarrierFileTaken", "CommunicationNotCollected", "TaskOpened"]
    received = file_of(batch, **{AN: f"delivered;{day};RR1BE;addressee"})
    assert recorded(await notifications.act(path, {"file": received}, **TOM)) == [
        "CarrierFileTaken",
        "CommunicationDelivered",
    ]
    assert await notifications.to_do(lease=LEASE) == ["letter_not_delivered"]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_letter_is_communicated_when_the_file_shows_that_all_have_it(notifications: Notifications) -> None:
    _, batch = await a_batch(notifications)
    day = notifications.today.isoformat()
    file = file_of(batch, **{AN: f"delivered;{day};RR1BE;addressee", BERT: f"refused;{day};;"})
    answer = await notifications.act(f"/post-batches/{batch['id']}/take-file", {"file": file}, **TOM)
    assert recorded(answer) == ["CarrierFileTaken", "CommunicationDelivered", "CommunicationRefused", "LetterReached"]
    assert answer.json()["state"] == "answered"
    assert (await notifications.letter(LEASE, kind="L-05"))["communicated_on"] == day


@pytest.mark.asyncio(loop_scope="module")
async def test_a_row_that_cannot_be_is_named_and_keeps_no_other_back(notifications: Notifications) -> None:
    _, batch = await a_batch(notifications)
    day, tomorrow = notifications.today, notifications.today + timedelta(days=1)
    file = file_of(batch, **{AN: f"delivered;{day};RR1BE;de buur", BERT: f"delivered;{tomorrow};RR2BE;addressee"})
    path = f"/post-batches/{batch['id']}/take-file"
    answer = await notifications.act(path, {"file": file}, **TOM)
    assert recorded(answer) == ["CarrierFileTaken"]
    codes = {one["code"] for one in answer.json()["files"][0]["rejected"]}
    assert codes == {"NO_PROOF", "MALFORMED"}
    assert reason(await notifications.act(path, {"file": "naam;dag\r\n"}, **TOM)) == (409, "carrier-file-unreadable")


def test_a_file_without_its_columns_is_not_read() -> None:
    with pytest.raises(CarrierFileUnreadable):
        rows_in("reference;outcome\r\nA-0001;delivered\r\n")


def test_a_file_may_have_commas_blanks_and_a_mark_before_it() -> None:
    (row,) = rows_in("﻿reference,outcome,on\r\n A-0001 ,returned,2026-03-02\r\n")
    assert (row.reference, row.outcome, str(row.on)) == ("A-0001", "returned", "2026-03-02")
    (row,) = rows_in("reference,outcome,on\nA-0001,lost,02/03/2026\n")
    assert (row.outcome, row.on) == (None, None)


def test_a_name_is_no_formula() -> None:
    assert literal("=1+1") == "'=1+1"
    assert literal("An Peeters") == "An Peeters"


def test_only_letters_that_can_go_registered_are_put_together() -> None:
    def made(letter: Communication) -> list[Any]:
        return list(make_batch(PostBatch(), id="b" * 36, communications=("c-1",), on=DECIDED, letter_0=letter))

    approved = state_of(COMMUNICATION, drafted(), APPROVED)
    assert [item.reference for item in made(approved)[0].items] == ["BBBBBBBB-0001"]
    with pytest.raises(Unknown):
        made(Communication())
    with pytest.raises(WrongState):
        made(state_of(COMMUNICATION, drafted()))
