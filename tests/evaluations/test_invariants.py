"""What holds whoever tries what, in whatever order (domain 13: I-08 four eyes, I-09 no notice without all it needs)."""

from collections import Counter
from datetime import date
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.evaluations.events import (
    EvaluationAnnulled,
    EvaluationDecidedNegative,
    EvaluationNotUpheld,
    EvaluationProposed,
    EvaluationUpheld,
    GroundsConfirmed,
    NoticePosted,
    NoticeWithdrawn,
    ProposalAdopted,
    TerminationDecided,
    TerminationNotPursued,
    TerminationProposed,
)
from services.evaluations.rules import gates
from services.evaluations.rules.counting import Terms
from services.evaluations.rules.evaluation import EVALUATION, adopt_proposal, amend, contest, propose
from services.evaluations.rules.judgement.about_evaluations import (
    annul_evaluation,
    decide_contest,
    decide_negative,
    decide_not_upheld,
)
from services.evaluations.rules.judgement.about_terminations import (
    decide_continue,
    decide_termination,
    withdraw_notice,
)
from services.evaluations.rules.notice import compute
from services.evaluations.rules.steps_of_law import post_notice
from services.evaluations.rules.termination import TERMINATION, propose_termination
from shared.contracts.evaluations import Heard
from shared.contracts.visits import StandstillStartedV1
from shared.decisions import Person, Recorded, Refusal
from tests.evaluations import a_file
from tests.evaluations.a_file import ADDRESSED, LASTING, OPENED, PROVEN, SERIOUS, TODAY, approved, facts
from tests.evaluations.a_lease import FATMA, KAREL, LEASE, MIA, RITA, TOM, WIM, ALease, morning, text

SOME = settings(
    max_examples=400, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
DAY = date(2026, 1, 12)
PERSONS = [
    Person(id=id, roles=frozenset({"counsellor", "coordinator", "director"}), in_name_of=in_name_of)
    for id in (FATMA, MIA, KAREL, WIM, RITA)
    for in_name_of in (None, None, None, KAREL, FATMA)
]
SEEN: Counter[str] = Counter()


def behind(event: Any) -> set[str]:
    """Return the persons whose act an event is: who did it, and in whose name."""
    return {person for person in (event.by, getattr(event, "in_name_of", None)) if person is not None}


class Thing:
    """A stream to which anybody may try to do anything."""

    def __init__(self, stream: Any, id: str, *begun: Any, day: date) -> None:
        self.stream, self.id, self.day = stream, id, day
        self.state = stream.initial
        self.events: list[Any] = []
        self.take(begun, by="SYS")

    def take(self, events: Any, *, by: str) -> None:
        for event in events:
            told = Recorded(
                event=event,
                id="e",
                stream=f"{self.stream.kind}/{self.id}",
                version=len(self.events) + 1,
                occurred_on=self.day,
                recorded_at=morning(self.day),
                taken_in_at=morning(self.day),
                actor=by,
            )
            self.state = self.stream.after(self.state, told)
            self.events.append(event)

    def attempt(self, decision: Any, *, by: Person | None, **asked: Any) -> None:
        try:
            self.take(decision(self.state, **({"by": by} if by else {}), **asked), by=by.id if by else TOM)
        except Refusal as no:
            SEEN[no.code()] += 1


@SOME
@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(PERSONS)), min_size=3, max_size=14))
def test_i_08_proposer_decider_and_contest_decider_are_three_and_none_is_the_counsellor(
    tried: list[tuple[int, Person]],
) -> None:
    lease = ALease().finding("f1", "ONH-02", DAY).visit("v1", DAY, "f1")
    case, policy, checklist = lease.file.case, lease.file.policy(on=DAY), lease.file.checklist(on=DAY)
    thing = Thing(EVALUATION, "E1", day=DAY)
    tried = [(0, PERSONS[5]), *tried]  # somebody proposes it
    dated: dict[str, Any] = {"on": DAY, "today": DAY}
    for number, (what, by) in enumerate(tried):
        said = text(f"woorden {number}")
        match what:
            case 0:
                thing.attempt(
                    propose, by=by, lease=LEASE, moment="v1", moment_kind="visit", moment_on=DAY, outcome="negative",
                    grounds=("f1",), why=said, case=case, evaluations={}, checklist=checklist, **dated,
                )  # fmt: skip
            case 1:
                thing.attempt(adopt_proposal, by=by, why=said)
            case 2:
                thing.attempt(amend, by=by, grounds=("f1",), why=said, case=case, checklist=checklist)
            case 3:
                thing.attempt(
                    decide_negative, by=by, reasons=said, case=case, policy=policy, checklist=checklist,
                    says_of_count=(0, 1, 3), terms=Terms(contest_days=30, cure_days=30, validity_months=24), **dated,
                )  # fmt: skip
                if thing.state.state == "decided_negative":
                    lease.evaluation("shown", DAY, communicated=DAY)
                    thing.take([lease.file.evaluations["shown"].history[-1].event], by="SYS")
            case 4:
                thing.attempt(decide_not_upheld, by=by, reasons=said, case=case, **dated)
            case 5:
                lodged: dict[str, Any] = {"lodged_on": DAY, "channel": "letter", "words": said, "today": DAY}
                thing.attempt(contest, by=None, **lodged)
                thing.attempt(
                    decide_contest, by=by, outcome="upheld", grounds_struck=(), reasons=said,
                    heard=Heard(on=DAY, invited_on=None), case=case, count_after=1, threshold=3, **dated,
                )  # fmt: skip
            case _:
                thing.attempt(annul_evaluation, by=by, why=said, case=case, count_after=0, threshold=3, **dated)
    proposers = set().union(
        *(behind(one) for one in thing.events if isinstance(one, EvaluationProposed | ProposalAdopted))
    )
    deciders = [one for one in thing.events if isinstance(one, EvaluationDecidedNegative | EvaluationNotUpheld)]
    settled = [one for one in thing.events if isinstance(one, EvaluationUpheld)]
    for event in (*deciders, *settled, *(one for one in thing.events if isinstance(one, EvaluationAnnulled))):
        SEEN[type(event).__name__] += 1
        assert FATMA not in behind(event)
    for event in deciders:
        assert not behind(event) & proposers
    for event in settled:
        assert not behind(event) & (proposers | set().union(*(behind(one) for one in deciders)))


@SOME
@given(
    st.one_of(
        st.just(list(PROVEN[1:])),
        st.just([one for one in PROVEN[1:] if one is not ADDRESSED]),
        st.lists(st.sampled_from(PROVEN[1:]), unique_by=id, max_size=5),
    ),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from([0, 2, 2, 4, 4, 5, 6]), st.sampled_from(PERSONS)), min_size=6, max_size=16),
)
def test_i_09_no_notice_without_a_persons_decision_every_gate_and_every_addressee(
    proven: list[Any], arrears: bool, standstill: bool, addressed: bool, tried: list[tuple[int, Person]]
) -> None:
    lease = a_file.a_lease(arrears=arrears)
    dates = compute(posted_on=TODAY, months=3, basis="latest")
    if addressed:
        approved(lease, states=(dates.start, dates.end))
    if standstill:
        kind: Any = "collective_debt_settlement"
        lease.tell(StandstillStartedV1(lease=LEASE, standstill="s1", starts_on=TODAY, kind=kind), on=TODAY)
    thing = Thing(TERMINATION, "T1", OPENED, *proven, day=TODAY)
    looked = facts(lease)
    dated: dict[str, Any] = {"on": TODAY, "today": TODAY}
    tried = [(0, PERSONS[10]), *tried]
    for number, (what, by) in enumerate(tried):
        said = text(f"{number} " + "Ik woog de situatie, de hulp en de kansen zelf. " * 4)
        match what:
            case 0 | 1:
                grounds = tuple(a_file.ground(lease, one) for one in (SERIOUS, LASTING))
                thing.attempt(propose_termination, by=by, grounds=grounds, why=said)
            case 2 | 3:
                thing.attempt(
                    decide_termination, by=by, reasons=said, findings=(), notice_kind="shortcoming", **looked,
                    count=3, threshold=3, **dated,
                )  # fmt: skip
            case 4:
                thing.attempt(
                    post_notice, by=None, posted_on=TODAY, method="registered_paper", communications=("c9",),
                    tracking=(), **looked, today=TODAY,
                )  # fmt: skip
            case 5:
                thing.attempt(withdraw_notice, by=by, why=said, case=looked["case"], **dated)
            case _:
                thing.attempt(decide_continue, by=by, reasons=said, measures=(), case=looked["case"], **dated)
    for place, event in enumerate(thing.events):
        before = thing.events[:place]
        if isinstance(event, TerminationDecided | TerminationNotPursued | NoticeWithdrawn | GroundsConfirmed):
            SEEN[type(event).__name__] += 1
            proposers = set().union(*(behind(one) for one in before if isinstance(one, TerminationProposed)))
            assert not behind(event) & proposers and FATMA not in behind(event)
        if isinstance(event, NoticePosted):
            SEEN["NoticePosted"] += 1
            decided = [one for one in before if isinstance(one, TerminationDecided)]
            assert decided and addressed and {type(one) for one in PROVEN} <= {type(one) for one in before}
            assert all(gate.passes for gate in decided[-1].gates if gate.gate in gates.AT_DECISION)
            assert not (standstill and arrears)


def test_the_attempts_reach_every_decision_and_every_refusal_of_authority() -> None:
    print("\nreached:", dict(sorted(SEEN.items())))
    wanted = {
        "EvaluationDecidedNegative", "EvaluationNotUpheld", "EvaluationUpheld", "EvaluationAnnulled",
        "TerminationDecided", "TerminationNotPursued", "NoticePosted",
        "SELF_APPROVAL", "GATE_OPEN", "NOT_APPROVED", "ADDRESSEE_MISSING", "WRONG_STATE",
    }  # fmt: skip
    assert not SEEN or set(SEEN) >= wanted
