"""Letters over HTTP, on a real database: drafted from what other services told, approved, sent, proven."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from services.notifications.rules.content import missing_in
from shared.contracts.evaluations import (
    AttemptRefusedV1,
    EvaluationAnnulledV1,
    EvaluationCommunicationCorrectedV1,
    EvaluationContestedV1,
    EvaluationCountRestatedV1,
    EvaluationRecordedV1,
    EvaluationUpheldV1,
    EvaluationWithdrawnV1,
    GroundsConfirmedV1,
    GroundsDoubtfulV1,
    Heard,
    MandateWasEndedV1,
    NoticeDatesRow,
    NoticePostedV1,
    NoticeWithdrawnV1,
    TerminationDecidedV1,
    TerminationGround,
    TerminationLapsedV1,
)
from shared.contracts.referrals import OcmwConsultedV1, ReferralConsentWithdrawnV1
from shared.contracts.visits import (
    AgreementAcceptedV1,
    AgreementDraftedV1,
    AgreementProposedV1,
    CommitmentDueV1,
    CommitmentFollowedUpV1,
    CommitmentV1,
    CounsellorAssignedV1,
    CounsellorCardMadeV1,
    FindingEstablishedV1,
    FindingReattributedV1,
    LeaseEndedV1,
    PartyAddedV1,
    PartyLeftV1,
    PartyV1,
    ReportFixedV1,
    VisitAnnouncedV1,
    VisitPlannedV1,
    VisitRecordedV1,
    VisitRescheduledV1,
)
from shared.decisions import TooEarly
from tests.notifications.conftest import Notifications
from tests.notifications.examples import (
    AGREEMENT,
    AN,
    BERT,
    COMMITMENT,
    CONSULTATION,
    EVALUATION,
    FATMA,
    FINDING,
    ITEM,
    KAREL,
    LEASE,
    POLICY,
    RECEIPT,
    RITA,
    TERMINATION,
    TOM,
    VISIT,
    WIM,
    a_lease,
    approved,
    communicated,
    decided_negative,
    outcome,
    reason,
    recorded,
    sent,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_story_of_a_negative_evaluation(notifications: Notifications) -> None:
    letter = await sent(notifications)
    assert [one["state"] for one in letter["addressees"]] == ["sent"]
    path = f"/communications/{letter['id']}"
    arrived = notifications.today + timedelta(days=2)
    notifications.set_day(arrived)
    answer = await notifications.act(f"{path}/delivered", outcome(AN, arrived, proof=RECEIPT), **TOM)
    assert recorded(answer) == ["CommunicationDelivered", "LetterReached"]
    body = answer.json()
    assert (body["state"], body["communicated_on"]) == ("delivered", arrived.isoformat())
    again = await notifications.act(f"{path}/delivered", outcome(AN, arrived, proof=RECEIPT), **TOM)
    assert recorded(again) == []
    published = [envelope for envelope in await notifications.envelopes() if b"LetterReached" in envelope]
    assert len(published) == 1
    assert f'"communicated_on":"{arrived.isoformat()}"'.encode() in published[0]
    assert b"An Peeters" not in b"".join(await notifications.envelopes())


async def test_the_letter_says_everything_that_it_must(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    letter = await notifications.letter(LEASE, kind="L-05")
    assert letter["missing"] == []
    text = letter["text_nl"]
    assert missing_in(text, "L-05") == ()
    for said in (
        "het bezoek van 12 februari 2026",
        "Vaartstraat 12",
        ITEM.label,
        "zag fatma: Het fornuis en de vloer zijn vuil.",
        "U zei daarover: Ik was een week ziek.",
        "De keuken is al twee keer besproken",
        "Negatieve evaluaties vóór deze brief: nul (0)",
        "Met deze brief erbij: één (1)",
    ):
        assert said in text
    assert sum(line.startswith("> ") for line in text.splitlines()) <= 5
    assert letter["drafted_by"] == "SYS"


async def test_the_bytes_are_those_that_were_approved(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    letter = await approved(notifications)
    pdf = await notifications.read(f"/communications/{letter['id']}.pdf", role="administration")
    assert pdf.headers["content-type"] == "application/pdf"
    assert hashlib.sha256(pdf.content).hexdigest() == letter["document"]
    assert pdf.content.startswith(b"%PDF-1.7")
    again = await notifications.read(f"/communications/{letter['id']}.pdf", role="director")
    assert again.content == pdf.content
    assert (await notifications.read(f"/communications/{letter['id']}.pdf", role="technical")).status_code == 403
    other = await notifications.read(f"/communications/{letter['id']}.pdf", office="kantoor-midden")
    assert other.status_code == 404


async def test_a_draft_has_no_bytes_yet(notifications: Notifications) -> None:
    await a_lease(notifications)
    letter = await notifications.letter(LEASE, kind="L-01")
    assert (await notifications.read(f"/communications/{letter['id']}.pdf")).status_code == 404


async def test_bad_news_comes_from_whom_the_office_chose(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    path = f"/communications/{(await notifications.letter(LEASE, kind='L-05'))['id']}/approve"
    assert reason(await notifications.act(path, **FATMA)) == (403, "not-bad-news-sender")
    counsellor = replace(
        POLICY, version="P-2", in_force_from=date(2026, 1, 1), bad_news_sender="counsellor", founding=False
    )
    await notifications.told(counsellor)
    assert recorded(await notifications.act(path, **FATMA)) == ["CommunicationApproved", "TaskClosed"]
    assert any(b"AttemptRefused" in envelope for envelope in await notifications.envelopes())


async def test_ec_23_turkish_needs_dutch_and_dutch_needs_turkish(notifications: Notifications) -> None:
    await a_lease(notifications, language="tr")
    await decided_negative(notifications)
    drafted = await notifications.letter(LEASE, kind="L-05")
    about = {"kind": "evaluation", "id": EVALUATION}
    turkish = {"language": "tr", "text": "Olumsuz değerlendirme", "translator": "Elif", "translation_of": "nl"}
    body: dict[str, Any] = {"kind": "L-05", "lease": LEASE, "about": about, "addressees": [{"party": AN}]}
    only_turkish = await notifications.act("/communications", {**body, "annexes": [turkish]}, **FATMA)
    assert reason(only_turkish) == (409, "dutch-missing")
    approve = f"/communications/{drafted['id']}/approve"
    assert reason(await notifications.act(approve, **KAREL)) == (409, "translation-missing")
    assert recorded(await notifications.act(f"/communications/{drafted['id']}/drop", **KAREL)) == [
        "CommunicationDropped",
        "TaskClosed",
    ]
    anew = await notifications.act(
        "/communications", {**body, "text_nl": drafted["text_nl"], "annexes": [turkish]}, **FATMA
    )
    assert recorded(anew) == ["CommunicationDrafted", "TaskOpened"]
    approve = f"/communications/{anew.json()['id']}/approve"
    assert recorded(await notifications.act(approve, **KAREL)) == ["CommunicationApproved", "TaskClosed"]
    waived = await notifications.act(
        "/communications",
        {**body, "text_nl": drafted["text_nl"], "translation_waived_by_renter": [AN]},
        **FATMA,
    )
    approve = f"/communications/{waived.json()['id']}/approve"
    assert recorded(await notifications.act(approve, **KAREL)) == ["CommunicationApproved", "TaskClosed"]


async def test_who_drafted_bad_news_does_not_approve_it(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    drafted = await notifications.letter(LEASE, kind="L-05")
    body = {
        "kind": "L-05",
        "lease": LEASE,
        "about": {"kind": "evaluation", "id": EVALUATION},
        "text_nl": drafted["text_nl"],
    }
    own = await notifications.act("/communications", body, **KAREL)
    approve = f"/communications/{own.json()['id']}/approve"
    assert reason(await notifications.act(approve, **KAREL)) == (403, "self-approval")
    assert recorded(await notifications.act(approve, **WIM)) == ["CommunicationApproved", "TaskClosed"]


async def test_each_missing_part_of_a_persons_letter_is_named(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    about = {"kind": "evaluation", "id": EVALUATION}
    answer = await notifications.act(
        "/communications", {"kind": "L-05", "lease": LEASE, "about": about, "text_nl": "Dag."}, **FATMA
    )
    assert reason(answer) == (409, "content-missing")
    assert {"moment", "grounds", "renter_said", "reasons"} <= {error["code"] for error in answer.json()["errors"]}
    assert all(error["detail"] for error in answer.json()["errors"])
    arrears = await notifications.act(
        "/communications",
        {
            "kind": "L-12",
            "lease": LEASE,
            "text_nl": "U betaalt 420,50 euro per maand. Op 1 maart 2026 stond nog 300 euro open. "
            "Wij ontvingen 120,50 euro. Wij stellen een afbetaalplan voor.",
        },
        **FATMA,
    )
    assert recorded(arrears) == ["CommunicationDrafted"]
    assert "schuldbemiddeling" in arrears.json()["text_nl"]


async def test_an_invitation_to_the_hearing_gets_its_standing_sentences(notifications: Notifications) -> None:
    await a_lease(notifications)
    answer = await notifications.act(
        "/communications",
        {
            "kind": "L-08",
            "lease": LEASE,
            "text_nl": "Wij nodigen u uit op 20 maart 2026 om 14 uur in ons kantoor. Het gaat over 3 vaststellingen.",
        },
        **KAREL,
    )
    assert recorded(answer) == ["CommunicationDrafted", "TaskOpened"]
    soon = await notifications.act(
        "/communications",
        {
            "kind": "L-08",
            "lease": LEASE,
            "text_nl": "Wij nodigen u uit op 5 maart 2026 in ons kantoor. Het gaat over 3 vaststellingen.",
        },
        **KAREL,
    )
    assert reason(soon) == (409, "content-missing")
    assert [error["code"] for error in soon.json()["errors"]] == ["hearing_date"]
    text = answer.json()["text_nl"]
    assert "tolk" in text
    assert "iemand meebrengen" in text
    assert answer.json()["bad_news"] is True


async def test_a_thing_that_has_not_arrived_is_not_yet_known(notifications: Notifications) -> None:
    body: dict[str, Any] = {"kind": "L-12", "lease": str(uuid4()), "text_nl": "Dag"}
    assert reason(await notifications.act("/communications", body, **FATMA)) == (409, "not-yet-known")
    await a_lease(notifications)
    about = {"kind": "visit", "id": str(uuid4())}
    body = {"kind": "L-03", "lease": LEASE, "about": about, "text_nl": "Dag"}
    assert reason(await notifications.act("/communications", body, **FATMA)) == (409, "not-yet-known")
    stranger = {
        "kind": "L-15",
        "lease": LEASE,
        "addressees": [{"party": str(uuid4())}],
        "text_nl": "Een goede huurder.",
    }
    assert reason(await notifications.act("/communications", stranger, **FATMA)) == (409, "unknown")


async def test_both_spouses_must_be_reached(notifications: Notifications) -> None:
    letter = await sent(notifications, married=True)
    path, day = f"/communications/{letter['id']}", notifications.today
    first = await notifications.act(f"{path}/delivered", outcome(AN, day, proof=RECEIPT), **TOM)
    assert recorded(first) == ["CommunicationDelivered"]
    missed = await notifications.act(f"{path}/not-collected", outcome(BERT, day), **TOM)
    assert recorded(missed) == ["CommunicationNotCollected", "TaskOpened"]
    assert await notifications.to_do(lease=LEASE) == ["letter_not_delivered"]
    onto_itself = await notifications.act(f"{path}/send-again", {"method": "handover", "id": letter["id"]}, **TOM)
    assert reason(onto_itself) == (409, "wrong-state"), "what is there is not written over"
    again = await notifications.act(f"{path}/send-again", {"method": "handover"}, **TOM)
    assert recorded(again) == ["CommunicationSentAgain", "CommunicationRepeated", "TaskClosed"]
    second = again.json()["again"][0]
    repeated = (await notifications.read(f"/communications/{second}")).json()
    assert (repeated["first"], [one["id"] for one in repeated["addressees"]]) == (letter["id"], [BERT])
    pdf = await notifications.read(f"/communications/{second}.pdf")
    assert hashlib.sha256(pdf.content).hexdigest() == repeated["document"]
    reached = await notifications.act(f"/communications/{second}/delivered", outcome(BERT, day, proof=RECEIPT), **TOM)
    assert recorded(reached) == ["CommunicationDelivered", "LetterReached"]
    assert (await notifications.read(path)).json()["communicated_on"] == day.isoformat()


async def test_a_task_stays_open_until_nobody_is_left_whom_the_letter_has_yet_to_reach(
    notifications: Notifications,
) -> None:
    letter = await sent(notifications, married=True)
    path, day = f"/communications/{letter['id']}", notifications.today
    await notifications.act(f"{path}/not-collected", outcome(BERT, day), **TOM)
    other = await notifications.act(f"{path}/delivered", outcome(AN, day, proof=RECEIPT), **TOM)
    assert recorded(other) == ["CommunicationDelivered"]
    assert await notifications.to_do(lease=LEASE) == ["letter_not_delivered"]
    mistaken = {"addressee": AN, "outcome": "returned", "on": day.isoformat(), "why": "van een andere brief"}
    assert recorded(await notifications.act(f"{path}/correct-proof", mistaken, **TOM)) == ["ProofCorrected"]
    only = {"method": "handover", "addressees": [AN]}
    assert "TaskClosed" not in recorded(await notifications.act(f"{path}/send-again", only, **TOM))
    again = await notifications.act(f"{path}/send-again", {**only, "addressees": [BERT]}, **TOM)
    assert recorded(again)[-1] == "TaskClosed"
    assert await notifications.to_do(lease=LEASE) == []


async def test_what_did_not_arrive_is_not_sent_again_to_who_died(notifications: Notifications) -> None:
    letter = await sent(notifications)
    path = f"/communications/{letter['id']}"
    await notifications.act(f"{path}/not-collected", outcome(AN, notifications.today), **TOM)
    died = LeaseEndedV1(lease=LEASE, mode="by_law", ground="death_last_renter", ended_on=notifications.today)
    await notifications.told(died)
    again = await notifications.act(f"{path}/send-again", {"method": "handover"}, **TOM)
    assert reason(again) == (409, "addressee-missing")


async def test_proofs_are_refused_that_prove_nothing(notifications: Notifications) -> None:
    letter = await sent(notifications)
    path, day = f"/communications/{letter['id']}/delivered", notifications.today
    neighbour = {**RECEIPT, "signed_by": "de buurvrouw"}
    assert reason(await notifications.act(path, outcome(AN, day), **TOM)) == (409, "no-proof")
    assert reason(await notifications.act(path, outcome(AN, day, proof=neighbour), **TOM)) == (409, "no-proof")
    minor = {**neighbour, "written_proxy": "volmacht", "signed_by_minor": True}
    assert reason(await notifications.act(path, outcome(AN, day, proof=minor), **TOM)) == (409, "no-proof")
    early = outcome(AN, day - timedelta(days=1), proof=RECEIPT)
    assert reason(await notifications.act(path, early, **TOM)) == (409, "date-order")
    late = outcome(AN, day + timedelta(days=1), proof=RECEIPT)
    assert reason(await notifications.act(path, late, **TOM)) == (409, "occurred-in-future")
    assert reason(await notifications.act(path, outcome(AN, day, proof=RECEIPT), **FATMA)) == (403, "not-permitted")
    named = {**RECEIPT, "signed_by": "an  PEETERS"}
    assert recorded(await notifications.act(path, outcome(AN, day, proof=named), **TOM))[0] == "CommunicationDelivered"


async def test_a_corrected_proof_supersedes(notifications: Notifications) -> None:
    letter = await sent(notifications)
    path, day = f"/communications/{letter['id']}", notifications.today
    notifications.set_day(day + timedelta(days=5))
    await notifications.act(f"{path}/delivered", outcome(AN, day, proof=RECEIPT), **TOM)
    later = (day + timedelta(days=3)).isoformat()
    body = {"addressee": AN, "outcome": "delivered", "on": later}
    assert reason(await notifications.act(f"{path}/correct-proof", body, **TOM)) == (409, "reason-missing")
    corrected = await notifications.act(f"{path}/correct-proof", {**body, "why": "verkeerd gelezen"}, **TOM)
    assert recorded(corrected) == ["ProofCorrected", "LetterReached"]
    assert corrected.json()["communicated_on"] == later
    assert any(b'"supersedes":"' in envelope for envelope in await notifications.envelopes())


async def test_one_message_twice_drafts_one_letter(notifications: Notifications) -> None:
    await a_lease(notifications)
    decided = await decided_negative(notifications)
    message = notifications.message(replace(decided, evaluation=EVALUATION))
    await notifications.told(decided, id=message.id)
    await notifications.told(decided, id=message.id)
    assert len(await notifications.letters(LEASE, kind="L-05")) == 2  # the first and, told under another id, one more


async def test_a_restated_count_drafts_the_letter_anew_unless_it_was_sent(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    first = await approved(notifications)
    restated = EvaluationCountRestatedV1(
        lease=LEASE, evaluation=EVALUATION, count_before=1, count_if_communicated=2, threshold=3
    )
    await notifications.told(restated)
    old, new = await notifications.letters(LEASE, kind="L-05")
    assert (old["id"], old["state"], new["replaces"]) == (first["id"], "dropped", first["id"])
    assert "Negatieve evaluaties vóór deze brief: één (1)" in new["text_nl"]
    await notifications.act(f"/communications/{new['id']}/approve", **KAREL)
    day = notifications.today.isoformat()
    await notifications.act(f"/communications/{new['id']}/send", {"on": day, "method": "handover"}, **TOM)
    await notifications.told(replace(restated, count_before=0, count_if_communicated=1))
    assert len(await notifications.letters(LEASE, kind="L-05")) == 2


async def test_a_spouse_who_joins_gets_the_letter_too(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    name = await notifications.seal("name", "Bert Wouters", LEASE, "A")
    spouse = PartyV1(id=BERT, name=name, role="spouse", language="nl")
    await notifications.told(PartyAddedV1(lease=LEASE, party=spouse, joined_on=notifications.today))
    _, anew = await notifications.letters(LEASE, kind="L-05")
    assert [one["id"] for one in anew["addressees"]] == [AN, BERT]
    await notifications.told(PartyLeftV1(lease=LEASE, party=AN, left_on=notifications.today))
    *_, last = await notifications.letters(LEASE, kind="L-05")
    assert [one["id"] for one in last["addressees"]] == [BERT]


async def test_an_approval_under_a_mandate_that_had_ended_goes_back_to_draft(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    letter = await approved(notifications)
    event = (await notifications.read(f"/communications/{letter['id']}")).json()
    assert event["state"] == "approved"
    approval = letter["events"][0]["id"]
    was_ended = MandateWasEndedV1(
        mandate="m-1",
        person="karel",
        ended_on=date(2026, 2, 1),
        service="notifications",
        event=approval,
        event_type="CommunicationApproved",
        about=f"communication/{letter['id']}",
        lease=LEASE,
    )
    await notifications.told(was_ended)
    assert (await notifications.read(f"/communications/{letter['id']}")).json()["state"] == "draft"
    assert (await notifications.read(f"/communications/{letter['id']}.pdf")).status_code == 404
    assert await notifications.to_do(lease=LEASE) == ["mandate_was_ended"]
    assert [task["state"] for task in await notifications.tasks(kind="letter_to_approve")] == ["open"]


# Notices


async def decided_termination(notifications: Notifications, *, category: Any = "maintenance") -> None:
    """Let a termination have been decided, with a row of dates for today."""
    seal, today = notifications.seal, notifications.today
    finding = FindingEstablishedV1(
        lease=LEASE,
        finding=FINDING,
        item="ONH-02",
        checklist_version="CL-1",
        seen_on=date(2026, 2, 12),
        source="visit",
        what_seen=await seal("what_seen", "Het fornuis en de vloer zijn vuil.", LEASE, "B"),
        visit=VISIT,
    )
    decided = TerminationDecidedV1(
        lease=LEASE,
        termination=TERMINATION,
        route="threshold",
        grounds=(
            TerminationGround(
                finding=FINDING,
                item="ONH-02",
                category=category,
                label=ITEM.label,
                occurred_on=date(2026, 2, 12),
                evaluation=EVALUATION,
                serious=False,
                lasting=True,
            ),
        ),
        reasons=await seal("reasons", "Er is in een jaar geen blijvende verbetering.", LEASE),
        notice_kind="shortcoming",
        notice_months=3,
        notice_basis="latest",
        notice_dates=(
            NoticeDatesRow(
                posted_from=today,
                posted_until=today + timedelta(days=10),
                start=date(2026, 4, 1),
                end=date(2026, 6, 30),
            ),
        ),
        decided_on=today,
        decided_by="rita",
        in_name_of=None,
        proposed_by="karel",
        count=3,
        threshold=3,
    )
    await notifications.told(finding, decided)


async def test_a_notice_is_approved_by_the_director_and_posted_by_evaluations(notifications: Notifications) -> None:
    await a_lease(notifications, married=True)
    await decided_termination(notifications)
    letter = await notifications.letter(LEASE, kind="L-09")
    assert [(one["id"], one["copy"]) for one in letter["addressees"]] == [(AN, False), (BERT, False), ("ocmw", True)]
    approve = f"/communications/{letter['id']}/approve"
    assert reason(await notifications.act(approve, **KAREL)) == (403, "not-bad-news-sender")
    answer = await notifications.act(approve, **RITA)
    assert recorded(answer) == ["CommunicationApproved", "TaskClosed"]
    frozen = answer.json()
    assert frozen["notice"]["start"] == "2026-04-01"
    ground = f"- Wij vragen: {ITEM.label} Maar op 12 februari 2026 stelden wij vast: Het fornuis"
    assert ground in frozen["text_nl"]
    assert "De eerste dag is 1 april 2026, de laatste dag is 30 juni 2026." in frozen["text_nl"]
    assert "Er is in een jaar geen blijvende verbetering." in frozen["text_nl"]
    assert "30 juni 2026" in frozen["text_nl"].splitlines()[-1]  # a Tuesday: the exit inventory
    day = notifications.today.isoformat()
    by_hand = await notifications.act(
        f"/communications/{letter['id']}/send", {"on": day, "method": "registered_paper"}, **TOM
    )
    assert reason(by_hand) == (409, "wrong-state")
    posted = NoticePostedV1(
        lease=LEASE,
        termination=TERMINATION,
        posted_on=notifications.today,
        method="registered_paper",
        communications=(letter["id"],),
        tracking=("RR9BE",),
        posted_on_closed_day=False,
    )
    await notifications.told(posted)
    after = (await notifications.read(f"/communications/{letter['id']}")).json()
    assert (after["state"], after["sent_on"], after["tracking"]) == ("sent", day, "RR9BE")
    returned = await notifications.act(
        f"/communications/{letter['id']}/returned", outcome(AN, notifications.today), **TOM
    )
    assert recorded(returned) == ["CommunicationReturned", "TaskOpened"]
    assert await notifications.to_do(lease=LEASE) == ["notice_not_given"]


async def test_a_notice_that_was_posted_after_all_is_blocked_no_more(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_termination(notifications)
    blocked = AttemptRefusedV1(
        lease=LEASE, act="post_notice", about=f"termination/{TERMINATION}", code="GATE_OPEN", named=("G5",)
    )
    await notifications.told(blocked)
    assert await notifications.to_do(lease=LEASE) == ["notice_blocked"]
    posted = NoticePostedV1(
        lease=LEASE,
        termination=TERMINATION,
        posted_on=notifications.today,
        method="registered_paper",
        communications=(),
        tracking=(),
        posted_on_closed_day=False,
    )
    await notifications.told(posted)
    assert await notifications.to_do(lease=LEASE) == []


async def test_a_notice_and_an_invitation_whose_file_lapsed_are_dropped(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_termination(notifications)
    day = notifications.today + timedelta(days=14)
    about = {"kind": "termination", "id": TERMINATION}
    text = f"Wij nodigen u uit op {day:%d/%m/%Y} in ons kantoor. Wij stelden vast dat de keuken vuil bleef."
    body = {"kind": "L-08", "lease": LEASE, "about": about, "text_nl": text}
    assert (await notifications.act("/communications", body, **KAREL)).status_code == 201
    await notifications.told(TerminationLapsedV1(lease=LEASE, termination=TERMINATION))
    assert [(await notifications.letter(LEASE, kind=kind))["state"] for kind in ("L-08", "L-09")] == ["dropped"] * 2
    assert await notifications.tasks(lease=LEASE, kind="letter_to_approve", state="open") == []


async def test_a_notice_whose_row_has_passed_is_not_approved(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_termination(notifications)
    letter = await notifications.letter(LEASE, kind="L-09")
    notifications.set_day(notifications.today + timedelta(days=11))
    answer = await notifications.act(f"/communications/{letter['id']}/approve", **RITA)
    assert reason(answer) == (409, "content-missing")
    assert [error["code"] for error in answer.json()["errors"]] == ["notice_dates"]


async def test_a_notice_withdrawn_before_posting_is_dropped_and_told(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_termination(notifications)
    why = await notifications.seal("why", "Het plan wordt nageleefd.", LEASE)
    await notifications.told(NoticeWithdrawnV1(lease=LEASE, termination=TERMINATION, why=why, by="rita"))
    assert (await notifications.letter(LEASE, kind="L-09"))["state"] == "dropped"
    told = await notifications.letter(LEASE, kind="L-10")
    assert "Het plan wordt nageleefd." in told["text_nl"]
    assert told["missing"] == []


# Contests


async def test_a_contest_that_was_rejected_is_bad_news_of_who_decided_it(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    words = await notifications.seal("words", "Ik was ziek, dat telt niet.", LEASE)
    contested = EvaluationContestedV1(
        lease=LEASE, evaluation=EVALUATION, lodged_on=notifications.today, channel="whatsapp", words=words
    )
    await notifications.told(contested)
    assert await notifications.to_do(lease=LEASE) == ["contest_to_decide"]
    reasons = await notifications.seal("reasons", "De keuken was ook daarna niet proper.", LEASE)
    upheld = EvaluationUpheldV1(
        lease=LEASE,
        evaluation=EVALUATION,
        reasons=reasons,
        grounds_struck=(),
        heard=Heard(on=notifications.today, invited_on=None),
        decided_by="wim",
        in_name_of=None,
        count_after=1,
        threshold=3,
    )
    await notifications.told(upheld)
    letter = await notifications.letter(LEASE, kind="L-07")
    assert (letter["bad_news"], letter["missing"]) == (True, [])
    assert missing_in(letter["text_nl"], "L-07") == ()
    assert "Ik was ziek, dat telt niet." in letter["text_nl"]
    approve = f"/communications/{letter['id']}/approve"
    assert reason(await notifications.act(approve, **KAREL)) == (403, "not-bad-news-sender")
    assert recorded(await notifications.act(approve, **WIM)) == ["CommunicationApproved", "TaskClosed"]
    assert await notifications.to_do(lease=LEASE) == []


async def test_a_contest_that_was_accepted_is_no_bad_news(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    reasons = await notifications.seal("reasons", "De ziekte verklaart het.", LEASE)
    annulled = EvaluationAnnulledV1(
        lease=LEASE,
        evaluation=EVALUATION,
        reasons=reasons,
        grounds_struck=(FINDING,),
        own_motion=False,
        heard=Heard(on=notifications.today, invited_on=None),
        decided_by="wim",
        in_name_of=None,
        count_after=0,
        threshold=3,
    )
    await notifications.told(annulled)
    letter = await notifications.letter(LEASE, kind="L-07")
    assert (letter["bad_news"], letter["missing"]) == (False, [])
    assert (await notifications.letter(LEASE, kind="L-05"))["state"] == "dropped"


async def test_the_contest_term_is_told_and_reminded_of(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    until = notifications.today + timedelta(days=30)
    reached = communicated(notifications.today, until=until)
    await notifications.told(reached)
    assert (await notifications.letter(LEASE, kind="L-16"))["state"] == "draft"
    await notifications.days_until(until)
    begins, ends = await notifications.letters(LEASE, kind="L-16")
    assert (begins["state"], begins["approved_by"], ends["state"]) == ("approved", "SYS", "approved")
    assert "evaluatie" not in ends["text_nl"]  # a reminder says that there is a letter, not what it is about


@pytest.mark.parametrize("still", [True, False])
async def test_of_a_term_that_was_corrected_before_it_was_told_the_renter_hears_the_right_day_only(
    notifications: Notifications, still: bool
) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    day, letter = notifications.today, str(uuid4())
    until = day + timedelta(days=40)
    reached = communicated(day, until=day + timedelta(days=30), letter=letter)
    corrected = EvaluationCommunicationCorrectedV1(
        lease=LEASE,
        evaluation=EVALUATION,
        communication=letter,
        communicated_on=day if still else None,
        contest_until=until if still else None,
    )
    await notifications.told(reached, corrected)
    await notifications.day(day + timedelta(days=1))
    first, *others = await notifications.letters(LEASE, kind="L-16")
    assert (first["state"], [one["state"] for one in others]) == ("dropped", ["approved"] if still else [])


async def test_of_a_withdrawn_evaluation_nobody_is_told_until_when_it_can_be_contested(
    notifications: Notifications,
) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    until = notifications.today + timedelta(days=10)
    reached = communicated(notifications.today, until=until)
    why = await notifications.seal("why", "Een andere woning.", LEASE)
    withdrawn = EvaluationWithdrawnV1(lease=LEASE, evaluation=EVALUATION, why=why, by="karel")
    await notifications.told(reached, withdrawn)
    await notifications.days_until(until)
    assert [letter["state"] for letter in await notifications.letters(LEASE, kind="L-16")] == ["dropped"]
    await notifications.rebuild()
    reattributed = FindingReattributedV1(
        lease=LEASE, finding=FINDING, item="ONH-02", to="owner", previously="renter", why=why
    )
    await notifications.told(reattributed)
    assert await notifications.tasks(kind="annul_formally") == []


@pytest.mark.parametrize("gone", ["annulled", "withdrawn"])
async def test_a_decision_on_a_contest_that_holds_no_more_is_not_told(notifications: Notifications, gone: str) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    words = await notifications.seal("why", "Het dak lekt.", LEASE)
    outcome_of: dict[str, Any] = {
        "lease": LEASE,
        "evaluation": EVALUATION,
        "reasons": words,
        "grounds_struck": (),
        "in_name_of": None,
        "threshold": 3,
    }
    heard = Heard(on=notifications.today, invited_on=None)
    upheld = EvaluationUpheldV1(**outcome_of, heard=heard, decided_by="wim", count_after=1)
    annulled = EvaluationAnnulledV1(**outcome_of, heard=None, own_motion=True, decided_by="karel", count_after=0)
    withdrawn = EvaluationWithdrawnV1(lease=LEASE, evaluation=EVALUATION, why=words, by="karel")
    await notifications.told(upheld, annulled if gone == "annulled" else withdrawn)
    first, *others = await notifications.letters(LEASE, kind="L-07")
    assert first["state"] == "dropped"
    assert [letter["bad_news"] for letter in others] == ([False] if gone == "annulled" else [])


# Good news, visits, notes


@pytest.mark.parametrize("language", ["nl", "fr", "en"])
async def test_other_letters_are_drafted_with_all_they_must_say(notifications: Notifications, language: str) -> None:
    await a_lease(notifications, language=language)
    seal, today = notifications.seal, notifications.today
    planned = VisitPlannedV1(
        lease=LEASE, visit=VISIT, visit_on=today, slot="14:00", purpose="individual", counsellor="fatma"
    )
    announced = VisitAnnouncedV1(
        lease=LEASE,
        visit=VISIT,
        visit_on=today,
        slot="14:00",
        purpose="individual",
        counsellor="fatma",
        channel="letter",
        announced_on=today,
        purpose_told=True,
        in_time=True,
    )
    visited = VisitRecordedV1(
        lease=LEASE, visit=VISIT, visit_on=today, purpose="individual", present=("renter",), interpreter="none"
    )
    fixed = ReportFixedV1(
        lease=LEASE,
        visit=VISIT,
        visit_on=today,
        fixed_on=today,
        late=False,
        findings=(),
        goes_well=await seal("goes_well", "De huur is altijd op tijd.", LEASE, "B"),
    )
    drafted = AgreementDraftedV1(
        lease=LEASE,
        agreement=AGREEMENT,
        findings=(),
        goes_wrong=await seal("goes_wrong", "De keuken is niet proper.", LEASE, "B"),
        why_renter_says=await seal("why_renter_says", "Geen tijd.", LEASE, "B"),
        goal=await seal("goal", "Een propere keuken.", LEASE, "B"),
        renter_needs=await seal("renter_needs", "Hulp van een vriend.", LEASE, "B"),
    )
    commitment = CommitmentV1(
        id=COMMITMENT,
        by="renter",
        action=await seal("action", "Het fornuis poetsen", LEASE, "B"),
        place=await seal("place", "keuken", LEASE, "B"),
        measure="seen_at_visit",
        target=await seal("target", "proper", LEASE, "B"),
        due_on=today,
    )
    proposed = AgreementProposedV1(lease=LEASE, agreement=AGREEMENT, findings=(), commitments=(commitment,))
    accepted = AgreementAcceptedV1(
        lease=LEASE, agreement=AGREEMENT, accepted_on=today, signed=True, read_in_language="nl", findings=()
    )
    recorded_good = EvaluationRecordedV1(
        lease=LEASE,
        evaluation=EVALUATION,
        moment=VISIT,
        moment_kind="visit",
        moment_on=today,
        outcome="positive",
        reasons=None,
        why=await seal("why", "De woning is piekfijn.", LEASE),
        decided_by="karel",
    )
    consulted = OcmwConsultedV1(lease=LEASE, consultation=CONSULTATION, consulted_on=today, ground="arrears")
    await notifications.told(planned, announced, visited, fixed, drafted, proposed, accepted, recorded_good, consulted)
    other = CounsellorAssignedV1(lease=LEASE, counsellor="mia", assigned_from=today, previous="fatma")
    await notifications.told(other)
    letters = {letter["kind"]: letter for letter in await notifications.letters(LEASE)}
    assert sorted(letters) == ["L-01", "L-02", "L-03", "L-04", "L-06", "L-13", "L-14"]
    assert {kind: letter["missing"] for kind, letter in letters.items()} == {kind: [] for kind in letters}
    assert all("…" not in letter["text_nl"] for letter in letters.values())
    assert "De huur is altijd op tijd." in letters["L-03"]["text_nl"]
    assert "Het fornuis poetsen" in letters["L-04"]["text_nl"]
    assert [one["role"] for one in letters["L-13"]["addressees"]] == ["ocmw"]
    annexes = [(kind, annex) for kind, letter in letters.items() for annex in letter["annexes"]]
    assert sorted(kind for kind, _ in annexes) == ([] if language == "nl" else sorted({*letters} - {"L-13"}))
    for kind, annex in annexes:
        assert annex["language"] == language
        assert not set("…{}⟦") & set(annex["text"])
        assert bool(annex["untranslated"]) == (kind in ("L-03", "L-04", "L-06")), "those quote people's own words"
    for letter in letters.values():
        answer = await notifications.act(f"/communications/{letter['id']}/approve", **TOM)
        assert recorded(answer)[0] == "CommunicationApproved", answer.text
    withheld = await notifications.read(f"/communications/{letters['L-03']['id']}", **TOM)
    assert "text_nl" in withheld.json()["withheld"]
    pdf = await notifications.read(f"/communications/{letters['L-03']['id']}.pdf", **TOM)
    assert pdf.status_code == 403


async def test_a_report_that_arrives_before_what_was_seen_does_not_say_that_nothing_was(
    notifications: Notifications,
) -> None:
    await a_lease(notifications)
    fixed = ReportFixedV1(
        lease=LEASE,
        visit=VISIT,
        visit_on=notifications.today,
        fixed_on=notifications.today,
        late=False,
        findings=(FINDING,),
        goes_well=await notifications.seal("goes_well", "De huur is altijd op tijd.", LEASE, "B"),
    )
    with pytest.raises(TooEarly, match=f"visits:finding/{FINDING}"):
        await notifications.told(fixed)
    seen = FindingEstablishedV1(
        lease=LEASE,
        finding=FINDING,
        item="ONH-02",
        checklist_version="CL-1",
        seen_on=notifications.today,
        source="visit",
        what_seen=await notifications.seal("what_seen", "Het fornuis is vuil.", LEASE, "B"),
        visit=VISIT,
    )
    await notifications.told(seen, fixed)
    assert "Het fornuis is vuil." in (await notifications.letter(LEASE, kind="L-03"))["text_nl"]


async def test_what_was_drafted_about_a_moved_visit_is_dropped(notifications: Notifications) -> None:
    await a_lease(notifications)
    day, other = notifications.today, str(uuid4())
    announced = VisitAnnouncedV1(
        lease=LEASE,
        visit=VISIT,
        visit_on=day,
        slot="14:00",
        purpose="individual",
        counsellor="fatma",
        channel="letter",
        announced_on=day,
        purpose_told=True,
        in_time=True,
    )
    moved = VisitRescheduledV1(
        lease=LEASE,
        visit=VISIT,
        visit_on=day,
        new_visit=other,
        new_visit_on=day + timedelta(days=3),
        new_slot="10:00",
        asked_by="renter",
        counsellor="fatma",
    )
    await notifications.told(announced, moved)
    old, new = await notifications.letters(LEASE, kind="L-02")
    assert (old["state"], new["state"], new["about"]["id"]) == ("dropped", "draft", other)


async def test_nothing_is_sent_to_somebody_who_died(notifications: Notifications) -> None:
    await a_lease(notifications)
    died = LeaseEndedV1(lease=LEASE, mode="by_law", ground="death_last_renter", ended_on=notifications.today)
    await notifications.told(died)
    assert (await notifications.letter(LEASE, kind="L-01"))["state"] == "dropped"


async def test_who_died_is_reminded_of_nothing(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    reached = communicated(notifications.today, until=notifications.today + timedelta(days=5))
    died = LeaseEndedV1(lease=LEASE, mode="by_law", ground="death_last_renter", ended_on=notifications.today)
    await notifications.told(reached, died)
    await notifications.days_until(notifications.today + timedelta(days=2))
    assert [letter["state"] for letter in await notifications.letters(LEASE, kind="L-16")] == ["dropped"]


# Tasks


async def test_a_task_closes_when_its_cause_is_gone(notifications: Notifications) -> None:
    await a_lease(notifications)
    day = notifications.today
    due = CommitmentDueV1(lease=LEASE, agreement=AGREEMENT, commitment=COMMITMENT, by="renter", due_on=day)
    await notifications.told(due)
    (task,) = await notifications.tasks(lease=LEASE, state="open")
    assert (task["kind"], task["owner"], task["owner_role"]) == ("commitment_due", "fatma", "counsellor")
    other = CounsellorAssignedV1(lease=LEASE, counsellor="mia", assigned_from=day, previous="fatma")
    await notifications.told(other)
    assert (await notifications.tasks(lease=LEASE))[0]["owner"] == "mia"
    seen = CommitmentFollowedUpV1(
        lease=LEASE,
        agreement=AGREEMENT,
        commitment=COMMITMENT,
        by="renter",
        seen_on=day,
        outcome="kept",
        seen_by="mia",
    )
    await notifications.told(seen)
    assert (await notifications.tasks(lease=LEASE))[0]["state"] == "closed"
    assert reason(await notifications.act(f"/tasks/{task['id']}/done", **FATMA)) == (409, "wrong-state")


async def test_of_a_referral_only_those_have_a_task_who_may_know_of_it(notifications: Notifications) -> None:
    await a_lease(notifications)
    referral = str(uuid4())
    await notifications.told(
        ReferralConsentWithdrawnV1(
            lease=LEASE, referral=referral, withdrawn_on=notifications.today, tell_partner=True, counsellor="fatma"
        )
    )
    (task,) = await notifications.tasks(kind="partner_to_tell")
    path = f"/tasks/{task['id']}"
    for asker in (FATMA, KAREL, {"role": "auditor", "sub": "ada"}):
        assert (await notifications.read(path, **asker)).json()["about"] == {"kind": "referral", "id": referral}
    for asker in (TOM, RITA, {"role": "technical", "sub": "piet"}):
        for asked in ("", "kind=partner_to_tell", f"lease={LEASE}", f"about={referral}", "owner=fatma&limit=1"):
            items = (await notifications.read(f"/tasks?{asked}", **asker)).json()["items"]
            assert "partner_to_tell" not in [one["kind"] for one in items], (asker, asked)
        assert reason(await notifications.read(path, **asker)) == (403, "not-permitted")
        assert reason(await notifications.act(f"{path}/done", **asker)) == (403, "not-permitted")
    assert (await notifications.read("/tasks", **TOM)).json()["items"], "other tasks are everybody's"
    assert recorded(await notifications.act(f"{path}/done", **FATMA)) == ["TaskDone"]


async def test_doubtful_grounds_are_a_task_for_the_director_until_a_person_confirms(
    notifications: Notifications,
) -> None:
    await a_lease(notifications)
    await decided_termination(notifications)
    doubt = GroundsDoubtfulV1(
        lease=LEASE, termination=TERMINATION, why="ground_invalid", findings=(FINDING,), evaluations=()
    )
    await notifications.told(doubt)
    (task,) = await notifications.tasks(lease=LEASE, kind="grounds_doubtful", state="open")
    assert (task["kind"], task["owner"]) == ("grounds_doubtful", "rita")
    answer = await notifications.act(f"/tasks/{task['id']}/done", **RITA)
    assert recorded(answer) == ["TaskDone"]
    assert recorded(await notifications.act(f"/tasks/{task['id']}/done", **RITA)) == []
    reasons = await notifications.seal("reasons", "De andere gronden blijven.", LEASE)
    await notifications.told(doubt)
    confirmed = GroundsConfirmedV1(
        lease=LEASE, termination=TERMINATION, remaining_grounds=(), reasons=reasons, by="rita"
    )
    await notifications.told(confirmed)
    assert await notifications.to_do(lease=LEASE) == []


async def test_an_official_letter_of_which_nothing_is_heard_becomes_a_task(notifications: Notifications) -> None:
    await sent(notifications)
    await notifications.days_until(notifications.today + timedelta(days=21))
    (task,) = await notifications.tasks(lease=LEASE, state="open")
    assert (task["kind"], task["owner_role"]) == ("letter_not_delivered", "administration")


async def test_silence_of_one_spouse_is_a_task_also_after_the_letter_was_sent_again_to_the_other(
    notifications: Notifications,
) -> None:
    letter = await sent(notifications, married=True)
    path, day = f"/communications/{letter['id']}", notifications.today
    await notifications.act(f"{path}/not-collected", outcome(BERT, day), **TOM)
    again = (await notifications.act(f"{path}/send-again", {"method": "handover"}, **TOM)).json()["again"][0]
    await notifications.act(f"/communications/{again}/delivered", outcome(BERT, day, proof=RECEIPT), **TOM)
    await notifications.days_until(day + timedelta(days=21))
    (task,) = await notifications.tasks(lease=LEASE, state="open")
    assert (task["kind"], task["about"]["id"]) == ("letter_not_delivered", letter["id"])


# The office


async def test_the_offices_details_stand_in_its_letters(notifications: Notifications) -> None:
    await a_lease(notifications)
    assert await notifications.to_do() == ["office_details_missing"]
    assert len(await notifications.tasks(kind="counsellor_card_missing", state="open")) == 1
    details = {
        "address": "Kaai 1, 2000 Antwerpen",
        "phone": "+32 3 555 01 00",
        "email": "kantoor@huurspoor.example",
        "ocmw": {"name": "OCMW Noord", "phone": "+32 3 555 02 00"},
    }
    answer = await notifications.act("/office-details", details, **TOM)
    assert recorded(answer) == ["OfficeDetailsAdopted", "TaskClosed"]
    assert answer.headers["location"] == f"/office-details/{answer.json()['id']}"
    read = await notifications.read(answer.headers["location"], **TOM)
    assert read.headers["etag"] == answer.headers["etag"] == '"1"'
    assert (await notifications.read("/office-details?limit=1", **TOM)).json()["next"] is None
    assert (await notifications.read(answer.headers["location"])).json()["phone"] == "+32 3 555 01 00"
    assert recorded(await notifications.act("/office-details", details, **TOM)) == []
    card = CounsellorCardMadeV1(
        counsellor="fatma",
        name=await notifications.seal("name", "Fatma Yilmaz", "fatma", "A"),
        phone=await notifications.seal("phone", "+32 470 00 11 22", "fatma", "A"),
    )
    await notifications.told(card)
    assert await notifications.tasks(kind="counsellor_card_missing", state="open") == []
    await decided_negative(notifications)
    text = (await notifications.letter(LEASE, kind="L-05"))["text_nl"]
    assert "OCMW Noord: +32 3 555 02 00" in text
    assert "Uw huurbegeleider Fatma Yilmaz: +32 470 00 11 22" in text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/templates", {"kind": "L-06", "text": "# Proficiat\n> Goed gedaan.\n\nDank u."}),
        ("/office-details", {"address": "Markt 1", "phone": "03 555 01 00", "email": "noord@example.org"}),
    ],
)
async def test_of_what_an_office_never_adopted_nobody_saw_a_version(
    notifications: Notifications, path: str, body: dict[str, Any]
) -> None:
    answer = await notifications.act(path, body, headers={"If-Match": '"1"'}, **TOM)
    assert (reason(answer), answer.json()["present"]) == ((412, "changed-meanwhile"), None)


async def test_an_office_writes_its_own_letters_and_what_was_sent_stays(notifications: Notifications) -> None:
    await a_lease(notifications)
    incomplete = await notifications.act("/templates", {"kind": "L-05", "text": "# Brief\n> Kort\n\nDag"}, **KAREL)
    assert reason(incomplete) == (409, "content-missing")
    own = {"kind": "L-06", "text": "# Proficiat\n> Goed gedaan.\n\n{reasons}\n\nDank u, {counsellor}."}
    answer = await notifications.act("/templates", own, **KAREL)
    assert (recorded(answer), answer.json()["version"]) == (["TemplateAdopted"], 1)
    assert recorded(await notifications.act("/templates", own, **KAREL)) == []
    past = {**own, "text": own["text"] + "!", "in_force_from": "2026-01-01"}
    assert reason(await notifications.act("/templates", past, **KAREL)) == (409, "date-order")
    unknown = {**own, "text": own["text"] + "{nobody_knows}"}
    assert reason(await notifications.act("/templates", unknown, **KAREL)) == (409, "content-missing")
    listed = (await notifications.read("/templates?kind=L-06")).json()["items"]
    assert [one["template"] for one in listed] == ["L-06/nl/1"]
    other = {"kind": "L-16", "text": "# Herinnering\n> Tot morgen.\n\nDag."}
    assert recorded(await notifications.act("/templates", other, **KAREL)) == ["TemplateAdopted"]
    again = await notifications.act("/templates", own, **KAREL)
    assert (recorded(again), again.json()["template"], again.headers["etag"]) == ([], "L-06/nl/1", '"1"')
    assert (await notifications.read(answer.headers["location"])).headers["etag"] == answer.headers["etag"] == '"1"'
    page = (await notifications.read("/templates?limit=1")).json()
    more = (await notifications.read(f"/templates?limit=1&cursor={page['next']}")).json()
    assert [one["kind"] for one in (*page["items"], *more["items"])] == ["L-06", "L-16"] and more["next"] is None
    good = EvaluationRecordedV1(
        lease=LEASE,
        evaluation=EVALUATION,
        moment=VISIT,
        moment_kind="visit",
        moment_on=notifications.today,
        outcome="positive",
        reasons=None,
        why=await notifications.seal("why", "De woning is piekfijn.", LEASE),
        decided_by="karel",
    )
    await notifications.told(good)
    letter = await notifications.letter(LEASE, kind="L-06")
    assert letter["template"] == "L-06/nl/1"
    assert letter["text_nl"].startswith("# Proficiat")


async def test_a_calendar_is_read_at_its_secret_address_until_it_is_revoked(notifications: Notifications) -> None:
    await a_lease(notifications)
    planned = VisitPlannedV1(
        lease=LEASE, visit=VISIT, visit_on=date(2026, 3, 10), slot="14:00", purpose="individual", counsellor="fatma"
    )
    await notifications.told(planned)
    made = await notifications.act("/calendars", {"owner": "renter", "lease": LEASE}, **FATMA)
    assert made.status_code == 201, made.text
    address = made.json()["address"]
    read = await notifications.client.get(address)
    assert read.headers["content-type"].startswith("text/calendar")
    assert "DTSTART:20260310T130000Z" in read.text
    assert "Afspraak met Kantoor Noord" in read.text
    assert "Vaartstraat" not in read.text
    assert (await notifications.client.get(address.replace("~", "~x"))).status_code == 404
    assert "address" not in (await notifications.read(f"/calendars/{made.json()['id']}")).json()
    await notifications.act(f"/calendars/{made.json()['id']}/revoke", **FATMA)
    assert (await notifications.client.get(address)).status_code == 404
    nobody = await notifications.act("/calendars", {"owner": "renter"}, **FATMA)
    assert reason(nobody) == (409, "unknown")


@pytest.mark.parametrize("owner", ["renter", "counsellor"])
async def test_a_calendars_address_lies_nowhere_in_clear_and_is_told_again_to_who_repeats_the_request(
    notifications: Notifications, owner: str
) -> None:
    await a_lease(notifications)
    body = {"owner": owner, "lease": LEASE} if owner == "renter" else {"owner": owner}
    made, again = [
        await notifications.act("/calendars", body, headers={"Idempotency-Key": "my phone"}, **FATMA) for _ in range(2)
    ]
    address = made.json()["address"]
    assert again.headers["Idempotency-Replayed"] == "true" and again.json() == made.json()
    secret = address.removeprefix("/calendars/").removesuffix(".ics")
    connection = await asyncpg.connect(notifications.database.all_offices)
    try:
        kept = b"".join(
            row["answer"] for row in await connection.fetch("select answer from once where answer is not null")
        )
    finally:
        await connection.close()
    assert kept and secret.encode() not in kept


async def test_k_15_counts_bad_news_that_did_not_arrive(notifications: Notifications) -> None:
    await sent(notifications)
    answer = await notifications.read("/kpis?from=2026-01-01&until=2026-12-31")
    (figure,) = answer.json()["kpis"]
    assert (figure["id"], figure["suppressed"], figure["denominator"]) == ("K-15", True, None)
