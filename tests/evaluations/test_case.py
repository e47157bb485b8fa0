"""The file of a lease answers how things stood on a day, as known at an instant."""

from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from services.evaluations.rules.case import Case, Finding, FollowUp, persistence
from services.visits.rules import persistence as in_visits
from shared.contracts.notifications import CommunicationSentV1
from shared.contracts.visits import (
    AgreementAcceptedV1,
    AgreementBreachedV1,
    AgreementDraftedV1,
    AgreementKeptV1,
    AgreementLapsedV1,
    AgreementPartlyKeptV1,
    AgreementProposedV1,
    AgreementRefusedV1,
    AgreementRevisedV1,
    CounsellorAssignedV1,
    FindingDateConfirmedV1,
    FollowUpRecordedV1,
)
from tests.evaluations.a_file import approved
from tests.evaluations.a_lease import FATMA, LEASE, MIA, ALease, morning, text

FIRST, SECOND, THIRD = date(2026, 1, 12), date(2026, 3, 10), date(2026, 5, 5)


def test_a_finding_stands_as_it_was_on_a_day() -> None:
    case = ALease().finding("f1", "ONH-04", FIRST).reattribute("f1", to="owner", on=SECOND, item="ONH-04").file.case
    before, after = case.finding("f1", on=date(2026, 3, 9)), case.finding("f1", on=SECOND)
    assert before is not None and before.is_renters
    assert after is not None and (after.attribution, after.attributed_by) == ("owner", "karel")
    assert case.finding("f1", on=date(2026, 1, 11)) is None
    assert case.finding("f2") is None


def test_a_finding_is_known_from_the_moment_it_was_taken_in() -> None:
    lease = ALease().finding("f1", "ONH-04", FIRST)
    assert lease.file.case.known(morning(FIRST, 8)).finding("f1") is None
    assert lease.file.case.known(morning(FIRST, 9)).finding("f1") is not None
    assert lease.file.case.known(None) == lease.file.case


def test_a_confirmed_day_holds_whenever_it_was_confirmed() -> None:
    lease = ALease().finding("f1", "ONH-02", SECOND, suspect=True)
    lease.tell(FindingDateConfirmedV1(lease=LEASE, finding="f1", seen_on=FIRST, why=text("klok")), on=THIRD)
    found = lease.file.case.finding("f1", on=SECOND)
    assert found is not None and (found.occurred_on, found.date_suspect) == (FIRST, False)


def test_the_counsellor_is_who_was_assigned_by_then() -> None:
    lease = ALease().tell(
        CounsellorAssignedV1(lease=LEASE, counsellor=MIA, assigned_from=SECOND, previous=FATMA), on=SECOND
    )
    assert lease.file.case.counsellor(on=FIRST) == FATMA
    assert lease.file.case.counsellor(on=SECOND) == MIA
    assert Case().counsellor(on=FIRST) is None


def follow_up(lease: ALease, finding: str, outcome: str, on: date) -> ALease:
    told = FollowUpRecordedV1(
        lease=LEASE,
        finding=finding,
        item="ONH-02",
        seen_on=on,
        outcome=outcome,  # type: ignore[arg-type]
        seen_by=FATMA,
    )
    return lease.tell(told, on=on)


def chain() -> ALease:
    lease = ALease().finding("f1", "ONH-02", FIRST).finding("f2", "ONH-02", SECOND, repeats="f1")
    return lease.finding("f3", "ONH-02", THIRD, repeats="f2")


def lasts(lease: ALease, finding: str = "f3") -> tuple[bool, int, int]:
    found = persistence(lease.file.case.findings_on(), finding, lasting_after_days=60)
    return found.lasting, found.days, found.observations


def test_repeats_over_enough_days_are_lasting() -> None:
    assert lasts(chain()) == (True, 113, 3)
    assert lasts(chain(), "f2") == (False, 57, 2)
    assert lasts(chain(), "f1") == (False, 0, 1)


def test_a_chain_ends_at_a_link_that_was_resolved_mistaken_or_not_the_renters() -> None:
    assert lasts(follow_up(chain(), "f2", "resolved", date(2026, 4, 1))) == (False, 0, 1)
    assert lasts(follow_up(chain(), "f1", "force_majeure", date(2026, 2, 1))) == (False, 56, 2)
    assert lasts(follow_up(chain(), "f2", "not_kept", date(2026, 4, 1))) == (True, 113, 3)
    assert lasts(chain().mistaken("f1", on=THIRD)) == (False, 56, 2)
    assert lasts(chain().reattribute("f3", to="owner", on=THIRD)) == (False, 0, 0)


def test_nothing_lasts_by_a_day_that_is_in_doubt() -> None:
    findings = chain().file.case.findings_on()
    for doubted, found in (("f1", (False, 56, 2)), ("f2", (False, 0, 1)), ("f3", (False, 0, 0))):
        known = {**findings, doubted: replace(findings[doubted], date_suspect=True)}
        stands = persistence(known, "f3", lasting_after_days=60)
        assert (stands.lasting, stands.days, stands.observations) == found


SEEN = st.builds(
    Finding,
    id=st.just(""),
    item=st.sampled_from(["ONH-02", "ONH-02", "ONH-02", "AFV-01"]),
    occurred_on=st.dates(FIRST, THIRD),
    checklist_version=st.just("CL-1"),
    established_by=st.just(FATMA),
    what_seen=st.none(),
    date_suspect=st.sampled_from([False] * 6 + [True]),
    attribution=st.sampled_from(["renter"] * 6 + ["owner"]),
    mistaken=st.sampled_from([False] * 6 + [True]),
    repeats=st.one_of(st.none(), st.sampled_from("abcdef")),
    follow_ups=st.sampled_from(
        [(), (), ()]
        + [
            (FollowUp(on=THIRD, outcome=outcome, seen_by=FATMA),)
            for outcome in ("resolved", "not_kept", "force_majeure")
        ]
    ),
)


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(SEEN, min_size=1, max_size=6))
def test_both_services_say_the_same_of_how_long_a_shortcoming_lasts(found: list[Finding]) -> None:
    findings = {id: replace(one, id=id) for id, one in zip("abcdef", found, strict=False)}
    as_visits_has_it = {
        id: in_visits.Seen(
            item=one.item,
            on=one.occurred_on,
            counts=one.is_renters and not one.date_suspect,
            ends_chain=one.settled,
            repeats=one.repeats,
        )
        for id, one in findings.items()
    }
    for id in findings:
        ours = persistence(findings, id, lasting_after_days=60)
        theirs = in_visits.persistence(as_visits_has_it, id, lasting_after_days=60)
        assert (ours.observations, ours.days, ours.lasting) == (
            theirs.observations,
            theirs.persistent_days,
            theirs.lasting,
        )


def test_an_item_that_can_never_last_does_not() -> None:
    assert not persistence(chain().file.case.findings_on(), "f3", lasting_after_days=None).lasting


def test_a_note_is_in_the_state_its_story_gave_it() -> None:
    words = text("afspraak")
    draft = AgreementDraftedV1(
        lease=LEASE,
        agreement="a1",
        findings=("f1",),
        goes_wrong=words,
        why_renter_says=words,
        goal=words,
        renter_needs=words,
    )
    proposed = AgreementProposedV1(lease=LEASE, agreement="a1", findings=("f1",), commitments=())
    accepted = AgreementAcceptedV1(
        lease=LEASE, agreement="a1", accepted_on=FIRST, signed=True, read_in_language="nl", findings=("f1",)
    )
    endings = {
        "kept": AgreementKeptV1(lease=LEASE, agreement="a1", concluded_on=SECOND, findings=("f1",)),
        "partly": AgreementPartlyKeptV1(lease=LEASE, agreement="a1", concluded_on=SECOND, findings=("f1",)),
        "broken": AgreementBreachedV1(
            lease=LEASE, agreement="a1", concluded_on=SECOND, findings=("f1",), not_kept=("k1",)
        ),
        "refused": AgreementRefusedV1(lease=LEASE, agreement="a1", refused_on=SECOND),
        "revised": AgreementRevisedV1(lease=LEASE, agreement="a1", into="a2", why=words),
        "lapsed": AgreementLapsedV1(lease=LEASE, agreement="a1", cause="lease_ended"),
    }
    for state, ending in endings.items():
        lease = ALease()
        for event in (draft, proposed, accepted):
            lease.tell(event, on=FIRST)
        assert [note.state for note in lease.file.case.notes(on=FIRST)] == ["running"]
        lease.tell(ending, on=SECOND)
        assert [note.state for note in lease.file.case.notes()] == [state]


def test_a_letter_is_approved_until_that_is_taken_back() -> None:
    from shared.contracts.notifications import CommunicationApprovalTakenBackV1

    lease = approved(ALease())
    assert lease.file.case.letter("c9") is not None
    lease.tell(
        CommunicationApprovalTakenBackV1(
            lease=LEASE, communication="c9", kind="L-09", about_kind="termination", about_id="T1"
        ),
        on=THIRD,
    )
    assert lease.file.case.letter("c9") is None
    assert lease.file.case.letter("c0") is None


def test_the_invitation_to_a_hearing_is_known_by_its_letter() -> None:
    sent = CommunicationSentV1(
        lease=LEASE,
        communication="c8",
        kind="L-08",
        about_kind="termination",
        about_id="T1",
        addressees=(),
        method="handover",
        sent_on=SECOND,
    )
    case = ALease().tell(sent, on=SECOND).file.case
    assert case.invited_by("T1", on=SECOND) == "handover"
    assert case.invited_by("T1", on=THIRD) is None
    assert case.invited_by("T2", on=SECOND) is None
