"""The cases of domain 14.1 that concern letters, messages and tasks, by number, behind the doors.

Those that a rule alone decides stand beside their rule: EC-02, 03, 04, 23 in test_communication, EC-22 in
test_lease_file, EC-10, 15, 24, 32, 34, 35 in test_following.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from shared.contracts.evaluations import (
    EvaluationAnnulledV1,
    EvaluationContestedV1,
    MandateGivenV1,
)
from shared.contracts.referrals import OcmwConsultedV1
from shared.contracts.visits import (
    CounsellorAssignedV1,
    LandlordChangedV1,
    LeaseEndedV1,
    LeaseRegisteredV1,
    OfficeChangedV1,
    PartyLeftV1,
    PartyV1,
    VisitAnnouncedV1,
    VisitHandedOverV1,
    VisitPlannedV1,
)
from tests.notifications.conftest import Notifications
from tests.notifications.examples import (
    AN,
    BERT,
    EVALUATION,
    FATMA,
    KAREL,
    LEASE,
    POLICY,
    RECEIPT,
    RITA,
    TOM,
    VISIT,
    WIM,
    a_lease,
    approved,
    decided_negative,
    outcome,
    reason,
    recorded,
    sent,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_ec_02_the_same_proof_under_another_key_is_no_new_event(notifications: Notifications) -> None:
    letter = await sent(notifications)
    path = f"/communications/{letter['id']}/delivered"
    body = outcome(AN, notifications.today, proof=RECEIPT)
    first = await notifications.act(path, body, **TOM, headers={"Idempotency-Key": "scan-1"})
    again = await notifications.act(path, body, **TOM, headers={"Idempotency-Key": "scan-1"})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["events"] == first.json()["events"]
    scanned = await notifications.act(path, body, **TOM, headers={"Idempotency-Key": "scan-2"})
    assert recorded(scanned) == []


async def test_ec_03_what_was_not_collected_goes_again_by_another_method(notifications: Notifications) -> None:
    letter = await sent(notifications)
    path = f"/communications/{letter['id']}"
    answer = await notifications.act(f"{path}/not-collected", outcome(AN, notifications.today), **TOM)
    assert recorded(answer) == ["CommunicationNotCollected", "TaskOpened"]
    assert answer.json()["communicated_on"] is None
    assert await notifications.to_do() == ["office_details_missing", "letter_not_delivered"]
    again = await notifications.act(f"{path}/send-again", {"method": "handover"}, **TOM)
    assert recorded(again) == ["CommunicationSentAgain", "CommunicationRepeated", "TaskClosed"]


async def test_ec_07_a_new_policy_is_a_task_to_inform_the_renters(notifications: Notifications) -> None:
    await a_lease(notifications)
    stricter = replace(POLICY, version="P-2", in_force_from=date(2026, 6, 1), threshold_n=2, founding=False)
    await notifications.told(stricter)
    (task,) = await notifications.tasks(kind="inform_of_policy")
    assert (task["owner_role"], task["due_on"], task["about"]["id"]) == ("administration", "2026-06-01", "P-2")
    assert await notifications.letters(LEASE, kind="L-05") == []
    await notifications.told(replace(stricter, version="P-3", in_force_from=date(2026, 7, 1)))
    asked = {task["about"]["id"]: task["state"] for task in await notifications.tasks(kind="inform_of_policy")}
    assert asked == {"P-2": "closed", "P-3": "open"}


async def test_ec_10_an_annulment_is_told_and_what_was_not_sent_about_it_is_dropped(
    notifications: Notifications,
) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    annulled = EvaluationAnnulledV1(
        lease=LEASE,
        evaluation=EVALUATION,
        reasons=await notifications.seal("reasons", "De technische dienst vond een lek in het dak.", LEASE),
        grounds_struck=(),
        own_motion=True,
        heard=None,
        decided_by="karel",
        in_name_of=None,
        count_after=0,
        threshold=3,
    )
    await notifications.told(annulled)
    assert (await notifications.letter(LEASE, kind="L-05"))["state"] == "dropped"
    told = await notifications.letter(LEASE, kind="L-07")
    assert "Wij vernietigen de evaluatie uit onszelf." in told["text_nl"]
    assert "U hoeft niets te doen." in told["text_nl"]


async def test_ec_16_an_approval_after_the_end_of_the_mandate_is_refused(notifications: Notifications) -> None:
    await a_lease(notifications)
    given = MandateGivenV1(
        mandate="m-1",
        person="karel",
        role="coordinator",
        acts=("approve_communication", "send_communication"),
        from_=date(2025, 1, 1),
        until=notifications.today,
        in_name_of=None,
        given_by="rita",
    )
    await notifications.told(given)
    letter = await notifications.letter(LEASE, kind="L-01")
    path = f"/communications/{letter['id']}"
    last_day = notifications.today
    notifications.set_day(last_day + timedelta(days=1))
    assert reason(await notifications.act(f"{path}/approve", **KAREL)) == (403, "mandate-ended")
    assert recorded(await notifications.act(f"{path}/approve", **WIM)) == ["CommunicationApproved"]
    backdated = {"on": last_day.isoformat(), "method": "handover"}
    assert reason(await notifications.act(f"{path}/send", backdated, **KAREL)) == (403, "mandate-ended")


async def test_ec_18_nobody_who_died_gets_a_letter_and_heirs_are_written_to_by_name(
    notifications: Notifications,
) -> None:
    await a_lease(notifications)
    decided = await decided_negative(notifications)
    await notifications.told(
        LeaseEndedV1(lease=LEASE, mode="by_law", ground="death_last_renter", ended_on=notifications.today)
    )
    assert {one["state"] for one in await notifications.letters(LEASE)} == {"dropped"}
    await notifications.told(replace(decided, evaluation=VISIT))
    assert {one["state"] for one in await notifications.letters(LEASE)} == {"dropped"}, "nothing new is drafted"
    body: dict[str, Any] = {
        "kind": "L-15",
        "lease": LEASE,
        "text_nl": "Op 5 maart maken wij met u de plaatsbeschrijving.",
        "addressees": [{"name": "Erfgenamen van An Peeters", "address": "Kade 3, 2000 Antwerpen"}],
    }
    heirs = await notifications.act("/communications", body, **FATMA)
    assert [one["role"] for one in heirs.json()["addressees"]] == ["other"]


async def test_ec_21_who_left_is_no_addressee_any_more(notifications: Notifications) -> None:
    await a_lease(notifications, married=True)
    await notifications.told(PartyLeftV1(lease=LEASE, party=BERT, left_on=notifications.today))
    await decided_negative(notifications)
    letter = await notifications.letter(LEASE, kind="L-05")
    assert [one["party"] for one in letter["addressees"]] == [AN]


async def test_ec_21_who_leaves_between_approval_and_letter_date_is_left_out(notifications: Notifications) -> None:
    await a_lease(notifications, married=True)
    body: dict[str, Any] = {"kind": "L-15", "lease": LEASE, "text_nl": "U huurde goed bij ons."}
    letter = (await notifications.act("/communications", body, **FATMA)).json()
    await notifications.act(f"/communications/{letter['id']}/approve", **KAREL)
    await notifications.told(PartyLeftV1(lease=LEASE, party=BERT, left_on=notifications.today))
    posted = {"on": notifications.today.isoformat(), "method": "letter"}
    answer = await notifications.act(f"/communications/{letter['id']}/send", posted, **TOM)
    assert [one["state"] for one in answer.json()["addressees"]] == ["sent", "left_out"]


async def test_ec_26_another_counsellor_is_told_of_and_gets_tasks_and_appointments(
    notifications: Notifications,
) -> None:
    await a_lease(notifications)
    visit: dict[str, Any] = {
        "lease": LEASE,
        "visit": VISIT,
        "visit_on": notifications.today + timedelta(days=9),
        "slot": "14:00",
        "counsellor": "fatma",
    }
    announced = VisitAnnouncedV1(
        **visit, purpose="individual", channel="phone", announced_on=notifications.today, purpose_told=True,
        in_time=True,
    )  # fmt: skip
    await notifications.told(VisitPlannedV1(**visit, purpose="individual"), announced)
    calendar = await notifications.act("/calendars", {"owner": "counsellor"}, role="counsellor", sub="mia")
    address = calendar.json()["address"]
    assert "BEGIN:VEVENT" not in (await notifications.client.get(address)).text
    assigned = CounsellorAssignedV1(lease=LEASE, counsellor="mia", assigned_from=notifications.today, previous="fatma")
    await notifications.told(assigned, VisitHandedOverV1(**{**visit, "counsellor": "mia"}))
    letter = await notifications.letter(LEASE, kind="L-14")
    assert "mia is uw huurbegeleider" in letter["text_nl"]
    assert "BEGIN:VEVENT" in (await notifications.client.get(address)).text
    given = MandateGivenV1(
        mandate="m-2", person="fatma", role="counsellor", acts=("*",), from_=date(2025, 1, 1),
        until=notifications.today, in_name_of=None, given_by="rita",
    )  # fmt: skip
    await notifications.told(given)
    notifications.set_day(notifications.today + timedelta(days=1))
    answer = await notifications.act(f"/communications/{letter['id']}/approve", **FATMA)
    assert reason(answer) == (403, "mandate-ended")


async def test_a_contest_by_whatsapp_is_a_contest_whose_words_stand_in_its_decision(
    notifications: Notifications,
) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    words = await notifications.seal("words", "Dat klopt niet, ik was ziek.", LEASE)
    await notifications.told(
        EvaluationContestedV1(
            lease=LEASE, evaluation=EVALUATION, lodged_on=notifications.today, channel="whatsapp", words=words
        )
    )
    (task,) = await notifications.tasks(kind="contest_to_decide", state="open")
    assert (task["owner_role"], task["about"]["id"]) == ("director", EVALUATION)


# -- another landlord, another office, another system before ----------------------------------------------------------


async def _landlord_changes(notifications: Notifications, *, on: date) -> None:
    name = await notifications.seal("landlord", "Woonmaatschappij Zuid", LEASE, "A")
    await notifications.told(LandlordChangedV1(lease=LEASE, landlord=name, starts_on=on))


async def test_an_approved_letter_is_drafted_anew_for_another_landlord(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    old = await approved(notifications)
    await _landlord_changes(notifications, on=notifications.today)
    first, anew = await notifications.letters(LEASE, kind="L-05")
    assert (first["id"], first["state"], anew["replaces"], anew["state"]) == (old["id"], "dropped", old["id"], "draft")
    assert len(await notifications.letters(LEASE, kind="L-14")) == 1
    again = await notifications.act(f"/communications/{anew['id']}/approve", **KAREL)
    assert recorded(again) == ["CommunicationApproved", "TaskClosed"]


async def test_a_persons_approved_letter_is_approved_anew_for_another_landlord(notifications: Notifications) -> None:
    await a_lease(notifications)
    body: dict[str, Any] = {"kind": "L-15", "lease": LEASE, "text_nl": "U huurde goed bij ons."}
    letter = (await notifications.act("/communications", body, **FATMA)).json()
    path = f"/communications/{letter['id']}"
    frozen = (await notifications.act(f"{path}/approve", **KAREL)).json()["document"]
    await notifications.told(OfficeChangedV1(lease=LEASE, to_office="kantoor-zuid", starts_on=notifications.today))
    assert (await notifications.read(path)).json()["state"] == "draft"
    await _landlord_changes(notifications, on=notifications.today)
    assert (await notifications.act(f"{path}/approve", **KAREL)).json()["document"] != frozen


async def test_a_letter_leaves_under_no_other_landlord_than_that_of_its_day(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    letter = await approved(notifications)
    begins = notifications.today + timedelta(days=3)
    await _landlord_changes(notifications, on=begins)
    assert (await notifications.letter(LEASE, kind="L-05"))["state"] == "approved", "it still holds today"
    notifications.set_day(begins)
    posted = {"on": begins.isoformat(), "method": "handover"}
    answer = await notifications.act(f"/communications/{letter['id']}/send", posted, **TOM)
    assert reason(answer) == (409, "content-missing")
    assert [one["code"] for one in answer.json()["errors"]] == ["landlord"]


async def test_who_was_taken_over_from_another_system_is_not_welcomed(notifications: Notifications) -> None:
    lease = LeaseRegisteredV1(
        lease=LEASE,
        dwelling_reference=await notifications.seal("dwelling_reference", "KN-0012", LEASE, "A"),
        dwelling_address=await notifications.seal("dwelling_address", "Vaartstraat 12", LEASE, "A"),
        landlord=await notifications.seal("landlord", "Woonmaatschappij Noord", LEASE, "A"),
        parties=(
            PartyV1(id=AN, name=await notifications.seal("name", "An", LEASE, "A"), role="renter", language="nl"),
        ),
        start=date(2019, 5, 1),
        informed_on=date(2019, 5, 1),
        policy_version="P-1",
        first_visit_due=date(2019, 5, 22),
        imported=True,
    )
    await notifications.told(
        lease, CounsellorAssignedV1(lease=LEASE, counsellor="fatma", assigned_from=date(2026, 1, 1))
    )
    assert await notifications.letters(LEASE) == []
    later = CounsellorAssignedV1(lease=LEASE, counsellor="mia", assigned_from=notifications.today, previous="fatma")
    await notifications.told(later)
    assert [one["kind"] for one in await notifications.letters(LEASE)] == ["L-14"]


# -- translations -----------------------------------------------------------------------------------------------------


async def test_a_translation_made_by_us_is_whole_only_without_anybodys_own_words(notifications: Notifications) -> None:
    await a_lease(notifications, language="fr")
    welcome = await notifications.letter(LEASE, kind="L-01")
    (annex,) = welcome["annexes"]
    assert (annex["language"], annex["untranslated"], welcome["warnings"]) == ("fr", [], [])
    assert "La cuisine et les appareils sont propres." in annex["text"]
    await decided_negative(notifications)
    letter = await notifications.letter(LEASE, kind="L-05")
    (annex,) = letter["annexes"]
    assert annex["untranslated"] == ["grounds", "reasons"]
    assert "[en néerlandais] Het fornuis en de vloer zijn vuil." in annex["text"]
    path = f"/communications/{letter['id']}"
    assert reason(await notifications.act(f"{path}/approve", **KAREL)) == (409, "translation-missing")
    await notifications.act(f"{path}/drop", **KAREL)
    whole = {"language": "fr", "text": annex["text"], "translator": "Elif", "translation_of": "nl"}
    body: dict[str, Any] = {
        "kind": "L-05",
        "lease": LEASE,
        "about": {"kind": "evaluation", "id": EVALUATION},
        "text_nl": letter["text_nl"],
        "annexes": [whole],
    }
    anew = await notifications.act("/communications", body, **FATMA)
    assert recorded(await notifications.act(f"/communications/{anew.json()['id']}/approve", **KAREL)) == [
        "CommunicationApproved",
        "TaskClosed",
    ]


async def test_a_persons_words_get_the_frame_in_the_language_of_their_reader(notifications: Notifications) -> None:
    await a_lease(notifications, language="en")
    body: dict[str, Any] = {
        "kind": "L-12",
        "lease": LEASE,
        "text_nl": "U betaalt 420,50 euro per maand. Op 1 maart 2026 stond nog 300 euro open. "
        "Wij ontvingen 120,50 euro. Wij stellen een afbetaalplan voor.",
    }
    letter = (await notifications.act("/communications", body, **FATMA)).json()
    (annex,) = letter["annexes"]
    assert annex["untranslated"] == ["text"]
    assert "> Some rent is still owed." in annex["text"]
    assert "[in Dutch] U betaalt 420,50 euro per maand." in annex["text"]
    assert "There is help with debts too" in annex["text"]


# -- what proves nothing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "proof",
    [
        {"kind": "receipt", "reference": "AR-1", "signed_by": "Bert"},
        {"kind": "receipt", "reference": "AR-1", "signed_by_minor": True},
        {"kind": "receipt", "reference": " "},
    ],
)
async def test_a_correction_proves_no_more_than_a_proof(notifications: Notifications, proof: dict[str, Any]) -> None:
    letter = await sent(notifications)
    path = f"/communications/{letter['id']}"
    await notifications.act(f"{path}/not-collected", outcome(AN, notifications.today), **TOM)
    body = {**outcome(AN, notifications.today, proof=proof), "outcome": "delivered", "why": "Toch afgegeven."}
    assert reason(await notifications.act(f"{path}/correct-proof", body, **TOM)) == (409, "no-proof")


async def test_the_trust_level_of_each_proof_is_told(notifications: Notifications) -> None:
    letter = await sent(notifications, married=True)
    path = f"/communications/{letter['id']}/delivered"
    electronic = {"kind": "electronic", "reference": "eIDAS-1", "trust_level": "qualified"}
    await notifications.act(path, outcome(AN, notifications.today, proof=electronic), **TOM)
    answer = await notifications.act(path, outcome(BERT, notifications.today, proof=RECEIPT), **TOM)
    levels = {one["party"]: one["proof"]["trust_level"] for one in answer.json()["addressees"]}
    assert levels == {AN: "qualified", BERT: "none"}
    (reached,) = [one for one in await notifications.envelopes() if b"LetterReached" in one]
    assert b'"trust_level":"qualified"' in reached and b'"trust_level":"none"' in reached


@pytest.mark.parametrize("method", ["sms", "whatsapp", "facebook", "email", "letter", "phone"])
async def test_no_bad_news_goes_by_a_way_that_proves_nothing(notifications: Notifications, method: str) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    letter = await approved(notifications)
    body = {"on": notifications.today.isoformat(), "method": method}
    answer = await notifications.act(f"/communications/{letter['id']}/send", body, **TOM)
    assert reason(answer) == (409, "channel-not-allowed")


async def test_administration_posts_bad_news_and_never_answers_for_it(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    letter = await notifications.letter(LEASE, kind="L-05")
    assert reason(await notifications.act(f"/communications/{letter['id']}/approve", **TOM)) == (
        403,
        "not-bad-news-sender",
    )
    assert recorded(await notifications.act(f"/communications/{letter['id']}/approve", **RITA)) == [
        "CommunicationApproved",
        "TaskClosed",
    ]


async def test_a_letter_to_nobody_does_not_leave(notifications: Notifications) -> None:
    await a_lease(notifications)
    body: dict[str, Any] = {"kind": "L-15", "lease": LEASE, "text_nl": "U huurde goed bij ons."}
    letter = (await notifications.act("/communications", body, **FATMA)).json()
    await notifications.act(f"/communications/{letter['id']}/approve", **KAREL)
    await notifications.told(PartyLeftV1(lease=LEASE, party=AN, left_on=notifications.today))
    posted = {"on": notifications.today.isoformat(), "method": "letter"}
    answer = await notifications.act(f"/communications/{letter['id']}/send", posted, **TOM)
    assert reason(answer) == (409, "addressee-missing")


async def test_a_message_parked_too_long_is_a_task_until_what_it_waits_for_arrives(
    notifications: Notifications,
) -> None:
    await a_lease(notifications)
    connection = await asyncpg.connect(notifications.database.owner)
    await connection.execute("select set_config('app.office', $1, false)", notifications.office)
    await connection.execute(
        "insert into inbox (office, publisher, epoch, position, state, stream, version, type, digest, waits_for,"
        " taken_at) values ($1, 'visits', 1, 7, 'parked', 'finding/f-1', 2, 'FollowUpRecorded', '',"
        " 'visits:finding/f-1', $2)",
        notifications.office,
        notifications.clock.now(),
    )
    await notifications.day(notifications.today + timedelta(days=13))
    assert await notifications.tasks(kind="parked_too_long") == []
    await notifications.day(notifications.today + timedelta(days=1))
    (task,) = await notifications.tasks(kind="parked_too_long", state="open")
    assert (task["owner_role"], task["about"]["id"]) == ("coordinator", "visits:finding/f-1")
    await connection.execute("update inbox set state = 'taken' where office = $1", notifications.office)
    await connection.close()
    await notifications.day(notifications.today + timedelta(days=1))
    (task,) = await notifications.tasks(kind="parked_too_long")
    assert (task["state"], task["because"]) == ("closed", "arrived")


async def test_a_letter_to_the_ocmw_is_a_task_of_the_same_day(notifications: Notifications) -> None:
    await a_lease(notifications)
    consulted = OcmwConsultedV1(
        lease=LEASE, consultation=VISIT, consulted_on=notifications.today, ground="arrears", told_renter_on=None
    )
    await notifications.told(consulted)
    letter = await notifications.letter(LEASE, kind="L-13")
    (task,) = await notifications.tasks(kind="letter_to_approve", about=letter["id"])
    assert (task["owner_role"], task["due_on"]) == ("coordinator", notifications.today.isoformat())
    answer = await notifications.act(f"/communications/{letter['id']}/approve", **KAREL)
    assert recorded(answer) == ["CommunicationApproved", "TaskClosed"]


async def test_a_letter_calls_nobody_by_the_number_of_an_account(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications, decided_by="a1b2-c3", proposed_by="a1b2-c4")
    assigned = CounsellorAssignedV1(
        lease=LEASE, counsellor="oidc|4711", assigned_from=notifications.today, previous="fatma"
    )
    await notifications.told(assigned)
    texts = " ".join(one["text_nl"] for one in await notifications.letters(LEASE))
    assert "4711" not in texts and "a1b2" not in texts
    assert "iemand van ons kantoor is uw huurbegeleider" in texts
