"""Which tasks a fact opens and closes, and what becomes of drafts it makes untrue (domain 9.4; edge cases 14.1)."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest

from services.notifications.events import CommunicationDropped, TaskClosed, TaskKind, TaskOpened
from services.notifications.reactions import reactions
from services.notifications.rules import following
from services.notifications.rules.communication import COMMUNICATION, Communication
from services.notifications.rules.following import Gone, take_in, tasks_of
from services.notifications.rules.lease_file import LEASE_FILE
from services.notifications.rules.task import TASK, Task
from shared.contracts.evaluations import (
    AttemptRefusedV1,
    EvaluationAnnulledV1,
    EvaluationContestedV1,
    EvaluationDecidedNegativeV1,
    EvaluationWithdrawnV1,
    GroundsDoubtfulV1,
    GroundToldOfV1,
    NoticeDatesComputedV1,
    NoticePostedV1,
    NoticeStep,
    ReviewDueV1,
    ReviewOpenedV1,
    TerminationLapsedV1,
    TerminationProposedV1,
)
from shared.contracts.referrals import (
    BridgeFigureRequestedV1,
    IntakeConfirmedV1,
    ReferralConsentAskedV1,
    ReferralConsentWithdrawnV1,
    ReferralFellSilentV1,
)
from shared.contracts.visits import (
    AgreementBreachedV1,
    AgreementProposedV1,
    CommitmentDueV1,
    CommitmentV1,
    ContactAnsweredV1,
    ContactLoggedV1,
    CounsellorAssignedV1,
    FindingReattributedV1,
    FirstVisitDueV1,
    FirstVisitOverdueV1,
    HeadLeaseEndingV1,
    LeaseEndedV1,
    PartyAddedV1,
    ReportFixedV1,
    VisitRecordedV1,
)
from shared.decisions import Elsewhere
from tests.notifications.letters import (
    APPROVED,
    EVALUATION,
    LEASE,
    drafted,
    file_of,
    party,
    registered,
    sent,
    the_draft,
    words,
)
from tests.specification import given, state_of

TODAY = date(2026, 3, 2)
FINDING, TERMINATION = "f-1", "t-1"
FATMA_GUIDES = CounsellorAssignedV1(lease=LEASE, counsellor="fatma", assigned_from=date(2025, 11, 3))
DECIDED = EvaluationDecidedNegativeV1(
    lease=LEASE,
    evaluation=EVALUATION,
    moment="v-1",
    moment_kind="visit",
    moment_on=date(2026, 2, 12),
    decided_on=TODAY,
    decided_by="karel",
    in_name_of=None,
    proposed_by="fatma",
    reasons=words("redenen"),
    grounds=(
        GroundToldOfV1(
            finding=FINDING,
            item="ONH-04",
            label="U verlucht de woning.",
            occurred_on=date(2026, 2, 12),
            seen_by="fatma",
            what_seen=words("schimmel"),
            renter_said=words("lek"),
        ),
    ),
    count_before=0,
    count_if_communicated=1,
    threshold=3,
    contest_days=30,
    cure_days=30,
    validity_months=24,
    policy_version="P-1",
    checklist_version="CL-1",
)
ANNULLED = EvaluationAnnulledV1(
    lease=LEASE,
    evaluation=EVALUATION,
    reasons=words("lek in het dak"),
    grounds_struck=(),
    own_motion=True,
    heard=None,
    decided_by="karel",
    in_name_of=None,
    count_after=0,
    threshold=3,
)
COMMITMENT = CommitmentV1(
    id="k-1",
    by="renter",
    action=words("poetsen"),
    place=words("keuken"),
    measure="seen_at_visit",
    target=words("proper"),
    due_on=TODAY,
)
REATTRIBUTED = FindingReattributedV1(
    lease=LEASE, finding=FINDING, item="ONH-04", to="owner", previously="renter", why=words("lek in het dak")
)


def opened(told: Any, *before: Any) -> list[tuple[str, str, str, str | None, date]]:
    """Return kind, thing, role, person and day of the tasks that a fact opens."""
    opens, _ = tasks_of(told, file=file_of(registered(), FATMA_GUIDES, *before), today=TODAY)
    return [(one.kind, one.about_id, one.owner_role, one.owner, one.due_on) for one in opens]


def closed(told: Any, *before: Any) -> list[tuple[str, str | None]]:
    """Return kind and thing of the tasks that a fact closes."""
    _, closes = tasks_of(told, file=file_of(registered(), FATMA_GUIDES, *before), today=TODAY)
    return [(one.kind, one.about_id) for one in closes]


def test_ec_34_a_commitment_whose_day_passed_is_a_task_and_nothing_else() -> None:
    due = CommitmentDueV1(lease=LEASE, agreement="a-1", commitment="k-1", by="renter", due_on=TODAY)
    assert opened(due) == [("commitment_due", "k-1", "counsellor", "fatma", TODAY)]
    given(LEASE_FILE, registered(), FATMA_GUIDES).when(
        take_in,
        told=due,
        kept=False,
        lease=LEASE,
        today=TODAY,
        letters={},
        tasks={},
        named=lambda _, about: about,
    ).then_it_holds(lambda events: [type(event.event) for event in events] == [TaskOpened])


def test_a_note_that_is_concluded_closes_the_tasks_of_its_commitments() -> None:
    proposed = AgreementProposedV1(lease=LEASE, agreement="a-1", findings=(), commitments=(COMMITMENT,))
    breached = AgreementBreachedV1(lease=LEASE, agreement="a-1", concluded_on=TODAY, findings=(), not_kept=("k-1",))
    assert closed(breached, proposed) == [("commitment_due", "k-1")]


def test_the_first_visit_is_due_until_it_is_carried_out() -> None:
    assert opened(FirstVisitDueV1(lease=LEASE, due_on=date(2025, 11, 24)))[0][0] == "first_visit_due"
    assert opened(FirstVisitOverdueV1(lease=LEASE, due_on=date(2025, 11, 24)))[0][0] == "visit_overdue"
    visited = VisitRecordedV1(
        lease=LEASE,
        visit="v-1",
        visit_on=TODAY,
        purpose="individual",
        present=("renter",),
        interpreter="none",
        report_due_on=date(2026, 3, 9),
    )
    assert closed(visited) == [("first_visit_due", LEASE), ("visit_overdue", LEASE)]
    assert opened(visited) == [("report_due", "v-1", "counsellor", "fatma", date(2026, 3, 9))]
    fixed = ReportFixedV1(lease=LEASE, visit="v-1", visit_on=TODAY, fixed_on=TODAY, late=False, findings=())
    assert closed(fixed) == [("report_due", "v-1")]


def test_ec_10_a_ground_that_turns_out_to_be_the_owners_is_a_task_to_annul_formally() -> None:
    assert opened(REATTRIBUTED, DECIDED) == [
        ("annul_formally", EVALUATION, "coordinator", None, date(2026, 3, 9)),
    ]
    assert opened(REATTRIBUTED) == []
    assert opened(REATTRIBUTED, DECIDED, ANNULLED) == []
    assert ("annul_formally", EVALUATION) in closed(ANNULLED, DECIDED)


def test_ec_15_the_end_of_the_head_lease_is_a_task_to_rehouse() -> None:
    ending = HeadLeaseEndingV1(lease=LEASE, ends_on=date(2027, 3, 31))
    assert opened(ending) == [("rehousing", LEASE, "coordinator", None, date(2027, 3, 31))]
    ended = LeaseEndedV1(lease=LEASE, mode="mutual", ground="head_lease_ended", ended_on=TODAY)
    assert ("rehousing", LEASE) in closed(ended)


@pytest.mark.parametrize(("kind", "task", "role"), [
    ("request", "contact_to_answer", "counsellor"),
    ("repair_report", "repair_due", "technical"),
])  # fmt: skip
def test_a_request_is_a_task_until_it_is_answered(kind: Any, task: str, role: str) -> None:
    logged = ContactLoggedV1(
        lease=LEASE,
        contact="x-1",
        kind=kind,
        channel="whatsapp",
        direction="incoming",
        contact_on=TODAY,
        owner="bart",
        answer_due_on=date(2026, 3, 9),
    )
    assert opened(logged) == [(task, "x-1", role, "bart", date(2026, 3, 9))]
    answered = ContactAnsweredV1(lease=LEASE, contact="x-1", kind=kind, answered_on=TODAY, answered_by="bart")
    assert (task, "x-1") in closed(answered)


def test_coffee_is_no_task() -> None:
    coffee = ContactLoggedV1(
        lease=LEASE, contact="x-1", kind="presence_contact", channel="phone", direction="outgoing", contact_on=TODAY
    )
    assert opened(coffee) == []


def test_a_contest_that_came_too_late_is_a_task_for_the_coordinator() -> None:
    late = AttemptRefusedV1(
        lease=LEASE, act="contest_evaluation", about=f"evaluation/{EVALUATION}", code="CONTEST_TOO_LATE", named=()
    )
    assert opened(late) == [("late_contest", EVALUATION, "coordinator", None, date(2026, 3, 9))]
    other = AttemptRefusedV1(
        lease=LEASE, act="decide_evaluation", about="evaluation/e-1", code="SELF_APPROVAL", named=()
    )
    assert opened(other) == []


def test_a_review_is_a_task_until_something_is_proposed() -> None:
    due = ReviewDueV1(lease=LEASE, evaluation=EVALUATION, count=4, threshold=3)
    assert opened(due)[0][:3] == ("review_due", EVALUATION, "coordinator")
    review = ReviewOpenedV1(
        lease=LEASE,
        termination=TERMINATION,
        route="threshold",
        findings=(),
        evaluations=(EVALUATION,),
        why=None,
        by=None,
    )
    assert opened(review)[0][:2] == ("review_open", TERMINATION)
    assert closed(review) == [("review_due", EVALUATION)]
    proposed = TerminationProposedV1(lease=LEASE, termination=TERMINATION, grounds=(), why=words("w"), by="karel")
    assert closed(proposed) == [("review_open", TERMINATION)]


# Drafts and drops


def taken_in(letters: dict[str, Communication], **facts: Any) -> Any:
    return given(LEASE_FILE, registered(), FATMA_GUIDES).when(
        take_in,
        told=DECIDED,
        kept=True,
        lease=LEASE,
        today=TODAY,
        letters=letters,
        tasks={},
        named=lambda kind, about: f"{kind} {about}",
        **facts,
    )


def test_a_letter_and_the_task_of_who_answers_for_it_come_with_the_fact() -> None:
    taken_in({}, drafts=[("c-9", the_draft())]).then_it_holds(
        lambda events: (
            events[:2] == [DECIDED, Elsewhere(COMMUNICATION, "c-9", the_draft())]
            and events[2].id == "letter_to_approve c-9"
            and events[2].event.owner_role == "coordinator"
        )
    )


def test_a_letter_that_is_there_is_not_drafted_again() -> None:
    taken_in({"c-9": state_of(COMMUNICATION, drafted())}, drafts=[("c-9", the_draft())]).then(DECIDED)


def test_a_letter_that_says_what_is_no_longer_so_makes_room_for_another() -> None:
    anew = the_draft(replaces="c-1")
    letters = {"c-1": state_of(COMMUNICATION, drafted(), APPROVED)}
    taken_in(letters, drafts=[("c-9", anew)], dropped={"c-1": ("count_restated", "c-9")}).then_it_holds(
        lambda events: (
            Elsewhere(COMMUNICATION, "c-1", CommunicationDropped(because="count_restated", replaced_by="c-9")) in events
            and Elsewhere(COMMUNICATION, "c-9", anew) in events
        )
    )


def test_a_letter_that_left_in_the_meantime_stays_the_only_one() -> None:
    letters = {"c-1": state_of(COMMUNICATION, drafted(), APPROVED, sent())}
    anew = the_draft(replaces="c-1")
    taken_in(letters, drafts=[("c-9", anew)], dropped={"c-1": ("count_restated", "c-9")}).then(DECIDED)


def test_what_was_not_sent_of_the_letters_whose_cause_is_gone_is_dropped() -> None:
    letters = {
        "draft": state_of(COMMUNICATION, drafted()),
        "approved": state_of(COMMUNICATION, drafted(), APPROVED),
        "sent": state_of(COMMUNICATION, drafted(), APPROVED, sent()),
        "about-another": state_of(COMMUNICATION, drafted(about_id="e-9")),
        "of-another-kind": state_of(COMMUNICATION, drafted(kind="L-07")),
    }
    dropped = CommunicationDropped(because="cause_gone")
    taken_in(letters, gone=Gone(kinds=("L-05",), about_id=EVALUATION)).then(
        DECIDED, Elsewhere(COMMUNICATION, "draft", dropped), Elsewhere(COMMUNICATION, "approved", dropped)
    )


def test_of_whom_died_no_letter_is_left_to_be_sent() -> None:
    letters = {"c-1": state_of(COMMUNICATION, drafted()), "c-2": state_of(COMMUNICATION, drafted(kind="L-07"))}
    taken_in(letters, gone=Gone()).then_it_holds(lambda events: [one.id for one in events[1:]] == ["c-1", "c-2"])


def test_the_tasks_of_a_counsellor_go_to_the_next() -> None:
    task = state_of(
        TASK,
        TaskOpened(
            lease=LEASE,
            kind="report_due",
            about_kind="visit",
            about_id="v-1",
            owner_role="counsellor",
            owner="fatma",
            due_on=TODAY,
        ),
    )
    assert isinstance(task, Task)
    given(LEASE_FILE, registered(), FATMA_GUIDES).when(
        take_in,
        told=CounsellorAssignedV1(lease=LEASE, counsellor="mia", assigned_from=TODAY, previous="fatma"),
        kept=True,
        lease=LEASE,
        today=TODAY,
        letters={},
        tasks={"task-1": task},
        named=lambda _, about: about,
    ).then_it_holds(lambda events: (events[1].id, events[1].event.owner) == ("task-1", "mia"))


def test_a_referral_of_which_nothing_is_heard_is_a_task_until_its_next_step() -> None:
    silent = ReferralFellSilentV1(
        lease=LEASE, referral="r-1", since=date(2026, 2, 10), days=14, state="consent_given", counsellor=None
    )
    intake = IntakeConfirmedV1(lease=LEASE, referral="r-1", intake_on=TODAY)
    assert opened(silent) == [("referral_silent", "r-1", "counsellor", "fatma", date(2026, 3, 9))]
    assert closed(intake) == [("referral_silent", "r-1")]


def test_a_partner_who_heard_something_is_told_to_stop_once_consent_is_withdrawn() -> None:
    told = ReferralConsentWithdrawnV1(lease=LEASE, referral="r-1", withdrawn_on=TODAY, tell_partner=True)
    assert opened(told) == [("partner_to_tell", "r-1", "counsellor", "fatma", TODAY)]
    nobody = ReferralConsentWithdrawnV1(lease=LEASE, referral="r-1", withdrawn_on=TODAY, tell_partner=False)
    assert opened(nobody) == []
    assert closed(nobody) == [("referral_silent", "r-1")]


def test_a_bridge_figure_is_asked_before_the_appointment() -> None:
    asked = BridgeFigureRequestedV1(
        lease=LEASE, request="b-1", bridge_figure="bf-1", requested_on=TODAY, consent_on=TODAY
    )
    assert opened(asked) == [("bridge_figure_to_ask", "b-1", "counsellor", "fatma", date(2026, 3, 9))]
    soon = BridgeFigureRequestedV1(
        lease=LEASE,
        request="b-1",
        bridge_figure="bf-1",
        requested_on=TODAY,
        consent_on=TODAY,
        appointment_on=date(2026, 3, 4),
    )
    assert [due for *_, due in opened(soon)] == [date(2026, 3, 4)]


def tasks_after(told: Any, *before: Any, letters: dict[str, Communication] | None = None, **tasks: Task) -> list[str]:
    """Return the tasks that a fact closes among these."""
    events = take_in(
        file_of(registered(), FATMA_GUIDES, *before),
        told=told,
        kept=False,
        lease=LEASE,
        today=TODAY,
        letters=letters or {},
        tasks=tasks,
        named=lambda kind, about: f"{kind}_{about}",
    )
    return [one.id for one in events if isinstance(one, Elsewhere) and isinstance(one.event, TaskClosed)]


def open_task_of(kind: Any, about: str) -> Task:
    return Task(
        opened=TaskOpened(lease=LEASE, kind=kind, about_kind="x", about_id=about, owner_role="counsellor", due_on=TODAY)
    )


def test_a_bridge_figure_who_came_along_needs_not_be_asked_any_more() -> None:
    asked = open_task_of("bridge_figure_to_ask", "b-1")
    visited = VisitRecordedV1(
        lease=LEASE,
        visit="v-1",
        visit_on=TODAY,
        purpose="individual",
        present=("renter",),
        interpreter="bridge_figure",
        interpreter_over_18=True,
        imported=True,
    )
    ended = LeaseEndedV1(lease=LEASE, mode="mutual", ground="other", ended_on=TODAY)
    for told in (visited, ended):
        assert tasks_after(told, b=asked) == ["b"]
    assert tasks_after(replace(visited, interpreter="professional"), b=asked) == []


def test_a_letter_that_holds_no_longer_need_not_be_brought_again() -> None:
    letters = {"c-1": state_of(COMMUNICATION, drafted(), APPROVED, sent())}
    asked = {"letter_not_delivered_c-1": open_task_of("letter_not_delivered", "c-1")}
    assert tasks_after(ANNULLED, letters=letters, **asked) == ["letter_not_delivered_c-1"]
    withdrawn = EvaluationWithdrawnV1(lease=LEASE, evaluation=EVALUATION, why=words("fout"), by="karel")
    assert tasks_after(withdrawn, letters=letters, **asked) == ["letter_not_delivered_c-1"]
    other = replace(ANNULLED, evaluation="e-9")
    assert tasks_after(other, letters=letters, **asked) == []


def test_ec_35_a_posting_that_a_standstill_blocks_is_a_task_for_who_decided() -> None:
    blocked = AttemptRefusedV1(
        lease=LEASE, act="post_notice", about=f"termination/{TERMINATION}", code="GATE_OPEN", named=("G5",)
    )
    assert opened(blocked) == [("notice_blocked", TERMINATION, "director", None, date(2026, 3, 2))]
    earlier = AttemptRefusedV1(
        lease=LEASE, act="decide_termination", about=f"termination/{TERMINATION}", code="GATE_OPEN", named=("G1",)
    )
    assert opened(earlier) == []
    posted = NoticePostedV1(
        lease=LEASE,
        termination=TERMINATION,
        posted_on=TODAY,
        method="registered_paper",
        communications=(),
        tracking=(),
        posted_on_closed_day=False,
    )
    lapsed = TerminationLapsedV1(lease=LEASE, termination=TERMINATION)
    for told in (posted, lapsed):
        assert ("notice_blocked", TERMINATION) in closed(told)


def test_gv_01_of_a_notice_posted_on_a_closed_day_the_posting_slip_is_asked() -> None:
    posted = NoticePostedV1(
        lease=LEASE,
        termination=TERMINATION,
        posted_on=date(2026, 3, 1),
        method="registered_paper",
        communications=(),
        tracking=(),
        posted_on_closed_day=True,
    )
    assert opened(posted) == [("posting_slip_to_ask", TERMINATION, "administration", None, date(2026, 3, 9))]
    assert opened(replace(posted, posted_on_closed_day=False)) == []
    lapsed = TerminationLapsedV1(lease=LEASE, termination=TERMINATION)
    assert ("posting_slip_to_ask", TERMINATION) in closed(lapsed)


def dates(*rules: str, recomputed: bool = True) -> NoticeDatesComputedV1:
    return NoticeDatesComputedV1(
        lease=LEASE,
        termination=TERMINATION,
        posted_on=TODAY,
        basis="latest",
        months=3,
        start=date(2026, 5, 1),
        end=date(2026, 7, 31),
        bases=(),
        steps=tuple(NoticeStep(rule=rule, result=TODAY) for rule in rules),
        recomputed=recomputed,
    )


def test_whoever_was_told_earlier_dates_of_the_notice_gets_a_letter_of_correction() -> None:
    moved = dates("posted", "receipt_presumed", "proven_receipt")
    assert NoticeDatesComputedV1 in reactions.heard
    assert opened(moved) == [("notice_dates_to_correct", TERMINATION, "director", None, date(2026, 3, 9))]
    assert opened(replace(moved, recomputed=False)) == []
    anew = dates("posted", "receipt_presumed")  # the only renter has these dates in the new letter
    assert opened(anew) == []
    spouse = PartyAddedV1(lease=LEASE, party=party("p-bert", "spouse"), joined_on=date(2025, 12, 1))
    assert opened(anew, spouse) == opened(moved)
    lapsed = TerminationLapsedV1(lease=LEASE, termination=TERMINATION)
    assert ("notice_dates_to_correct", TERMINATION) in closed(lapsed)


def test_ec_24_doubtful_grounds_are_a_task_and_withdraw_nothing() -> None:
    doubtful = GroundsDoubtfulV1(
        lease=LEASE, termination=TERMINATION, why="count_below_threshold", findings=(), evaluations=(EVALUATION,)
    )
    assert opened(doubtful) == [("grounds_doubtful", TERMINATION, "director", None, date(2026, 3, 2))]


def test_a_silence_ends_with_the_question_for_consent_too() -> None:
    asked = ReferralConsentAskedV1(lease=LEASE, referral="r-1", asked_on=TODAY)
    assert closed(asked) == [("referral_silent", "r-1")]
    assert ReferralConsentAskedV1 in reactions.heard


def test_ec_32_a_partner_is_told_to_stop_and_the_silence_is_no_task_any_more() -> None:
    told = ReferralConsentWithdrawnV1(lease=LEASE, referral="r-1", withdrawn_on=TODAY, tell_partner=True)
    assert [kind for kind, *_ in opened(told)] == ["partner_to_tell"]
    assert closed(told) == [("referral_silent", "r-1")]


@pytest.mark.parametrize("channel", ["whatsapp", "sms", "facebook", "phone", "counter", "email", "letter"])
def test_a_contest_by_any_channel_is_a_contest(channel: str) -> None:
    contested = EvaluationContestedV1(
        lease=LEASE, evaluation=EVALUATION, lodged_on=TODAY, channel=channel, words=words("niet akkoord")
    )
    assert opened(contested) == [("contest_to_decide", EVALUATION, "director", None, date(2026, 3, 9))]
    file = file_of(registered(), FATMA_GUIDES, DECIDED, contested)
    assert file.evaluations[EVALUATION].contested == contested


def test_every_task_has_an_owner_a_day_and_a_place() -> None:
    """Each kind is opened somewhere, by a fact or by the passing of time."""
    source = "".join(path.read_text(encoding="utf-8") for path in Path(following.__file__).parents[1].rglob("*.py"))
    for kind in get_args(TaskKind):
        assert f'kind="{kind}"' in source or f'"{kind}" if' in source, kind
