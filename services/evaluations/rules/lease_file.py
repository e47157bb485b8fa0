"""Everything evaluations holds about one lease, and what follows at once when it changes (domain 4.3, 4.7, 9.4).

An act looks at the whole file; what it records is laid into the file, the count for today is taken again, and what
follows is recorded in the same commit: a crossing, a doubt, a restated count, an expiry. Nothing of it is a decision
about people.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from services.evaluations.events import (
    ChecklistPublished,
    PolicyAdopted,
    RulesTakenOver,
    ThresholdReached,
)
from services.evaluations.rules import checklist as checklists_
from services.evaluations.rules import gates
from services.evaluations.rules import policy as policies_
from services.evaluations.rules.before import ALWAYS_HERE, BEFORE, Before, checklists_of_lease, policies_of_lease
from services.evaluations.rules.case import CASE, Case
from services.evaluations.rules.checklist import Published
from services.evaluations.rules.counting import (
    Negative,
    Standing,
    Terms,
    as_they_stood,
    contest_days,
    pins_of,
    standing,
    valid_until,
)
from services.evaluations.rules.crossing import STANDING, Crossing, note_crossing
from services.evaluations.rules.evaluation import (
    COMMUNICATED,
    EVALUATION,
    Evaluation,
    Status,
    expire,
    restate_count,
)
from services.evaluations.rules.policy import Adopted
from services.evaluations.rules.termination import TERMINATION, Termination, doubt, lapse, open_by_threshold
from shared.decisions import AnyStream, Elsewhere, Recorded

ENDS_BY_THE_FILE = frozenset({"landlord_notice", "judicial_dissolution"})
UNDER_WAY = frozenset({"notice_running", "in_court", "judged", "served", "eviction_announced"})
SETTLED = frozenset({"left", "evicted", "settled"})
NOTHING_TOLD = Case()
NOT_CROSSED = Crossing()


@dataclass(frozen=True, kw_only=True)
class Act:
    """When and by whom something happens: what the store will write beside the events.

    :ivar on: the day of the fact. :ivar at: now. :ivar recorded_at: where the fact was recorded, if not here and now.
    :ivar new_review: the id that a review gets which this opens.
    """

    on: date
    today: date
    at: datetime
    actor: str
    new_review: str
    recorded_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LeaseFile:
    """The whole file of one lease, with the policies and checklists of the office.

    :ivar before: the rules of the offices that the lease came from; ``own_…``: what those of the office itself are
        then, as ``policies`` and ``checklists`` hold both.
    """

    lease: str
    policies: Adopted = ()
    checklists: Published = ()
    before: Before = ALWAYS_HERE
    own_policies: Adopted = ()
    own_checklists: Published = ()
    case: Case = NOTHING_TOLD
    evaluations: Mapping[str, Evaluation]
    terminations: Mapping[str, Termination]
    crossing: Crossing = NOT_CROSSED

    @classmethod
    def of(cls, lease: str, *, before: Before = ALWAYS_HERE, **read: Any) -> "LeaseFile":
        """Return the file that these states make; ``policies`` and ``checklists`` are the office's own.

        :param before: the rules of the offices that the lease came from.
        """
        policies, checklists = read.pop("policies", ()), read.pop("checklists", ())
        return cls(
            lease=lease,
            policies=policies_of_lease(policies, before),
            checklists=checklists_of_lease(checklists, before),
            before=before,
            own_policies=policies,
            own_checklists=checklists,
            **read,
        )

    def came(
        self,
        from_office: str,
        rules: RulesTakenOver,
        *,
        policies: Adopted,
        checklists: Published,
        before: Before,
        act: "Act",
    ) -> "LeaseFile":
        """Return the file as the office has it to which the lease came, with the rules it brought and that office's."""
        taken = Recorded(
            event=rules,
            id="",
            stream=f"{BEFORE.kind}/{self.lease}",
            version=len(before) + 1,
            occurred_on=act.on,
            recorded_at=act.at,
            taken_in_at=act.at,
            actor=act.actor,
        )
        here = self.under(from_office)
        return replace(
            here,
            policies=policies_of_lease(policies, (*before, taken)),
            checklists=checklists_of_lease(checklists, (*before, taken)),
        )

    def under(self, office: str) -> "LeaseFile":
        """Return the file as it lies under another office, with the one under which each event was recorded."""
        evaluations = {}
        for id, evaluation in self.evaluations.items():
            state = Evaluation()
            for told in evaluation.history:
                state = EVALUATION.after(state, replace(told, office=told.office or office))
            evaluations[id] = state
        return replace(self, case=self.case.under(office), evaluations=evaluations)

    def policy(self, *, on: date) -> PolicyAdopted:
        """Return the policy in force on a day. :raises NoPolicyInForce: there was none."""
        return policies_.in_force(self.policies, on=on)

    def checklist(self, *, on: date) -> ChecklistPublished:
        """Return the checklist in force on a day. :raises NoChecklistInForce: there was none."""
        return checklists_.in_force(self.checklists, on=on)

    def policy_or_none(self, *, on: date) -> PolicyAdopted | None:
        """Return the policy in force on a day, None if there was none."""
        return policies_.in_force_or_none(self.policies, on=on)

    def checklist_or_none(self, *, on: date) -> ChecklistPublished | None:
        """Return the checklist in force on a day, None if there was none."""
        return checklists_.in_force_or_none(self.checklists, on=on)

    def as_known(self, at: datetime | None) -> "LeaseFile":
        """Return the file as it was known at an instant; None is everything. Termination files stay as they are."""
        if at is None:
            return self
        evaluations: dict[str, Evaluation] = {}
        for id, evaluation in self.evaluations.items():
            state = Evaluation()
            for told in evaluation.history:
                if told.taken_in_at <= at:
                    state = EVALUATION.after(state, told)
            if state.history:
                evaluations[id] = state
        policies = tuple(told for told in self.policies if told.taken_in_at <= at)
        checklists = tuple(told for told in self.checklists if told.taken_in_at <= at)
        if self.before:
            policies = policies_of_lease(self.own_policies, self.before, known_at=at)
            checklists = checklists_of_lease(self.own_checklists, self.before, known_at=at)
        return replace(
            self,
            policies=policies,
            checklists=checklists,
            case=self.case.known(at),
            evaluations=evaluations,
        )

    def made_of(self, events: Iterable[Recorded[Any]]) -> "LeaseFile":
        """Return the file that these events alone make, under the same policies and checklists."""
        file = replace(self, case=NOTHING_TOLD, evaluations={}, terminations={}, crossing=NOT_CROSSED)
        by_kind = {stream.kind: stream for stream in (EVALUATION, TERMINATION, STANDING)}
        for told in events:
            kind, _, id = told.stream.partition("/")
            file = file._with(by_kind.get(kind, CASE), id, told)
        return file

    def with_evaluations_of(self, day: date) -> "LeaseFile":
        """Return the file with each evaluation as it stood on a day; one that was not proposed yet is left out."""
        stood = {
            id: as_it_stood(EVALUATION, one.history, valid_on=day, known_at=None)
            for id, one in self.evaluations.items()
        }
        return replace(self, evaluations={id: state for id, (state, version) in stood.items() if version})

    def standing(
        self,
        *,
        on: date,
        known_at: datetime | None = None,
        expiry_on: date | None = None,
        supposing: Mapping[str, Status] | None = None,
        negatives: tuple[Negative, ...] | None = None,
    ) -> Standing:
        """Return how the lease stands on a day, of what was known at an instant."""
        return standing(
            lease=self.lease,
            on=on,
            case=self.case,
            evaluations=self.evaluations.values(),
            policies=self.policies,
            checklists=self.checklists,
            known_at=known_at,
            expiry_on=expiry_on,
            supposing=supposing or {},
            negatives=negatives,
        )

    def negatives(self, *, on: date) -> tuple[Negative, ...]:
        """Return the negative evaluations as they stood on a day, whatever the policy."""
        return as_they_stood(
            case=self.case,
            evaluations=self.evaluations.values(),
            checklists=self.checklists,
            on=on,
            known_at=None,
        )

    def says_of_count(self, evaluation: str, *, today: date, at: datetime) -> tuple[int, int, int]:
        """Return what the letter about an evaluation must say: count now, count if communicated today, threshold."""
        after = self._if_communicated(evaluation, today=today, at=at).headline
        before = self.standing(on=today)
        track = next((one for one in before.tracks if one.pin == after.pin), before.headline)
        return track.count, after.count, after.threshold

    def _if_communicated(self, evaluation: str, *, today: date, at: datetime) -> Standing:
        supposed = Status(
            communicated_on=today, contested=False, annulled=False, withdrawn=False, struck=frozenset(), decided_at=at
        )
        return self.standing(on=today, supposing={evaluation: supposed})

    def terms_of(self, evaluation: str, *, today: date, at: datetime) -> Terms:
        """Return what the letter about an evaluation must say of time, on the track whose count it tells."""
        parameters = self._if_communicated(evaluation, today=today, at=at).headline.parameters
        return Terms(
            contest_days=self.contest_days(evaluation, on=today),
            cure_days=parameters.cure_days,
            validity_months=parameters.validity_months,
        )

    def contest_days(self, evaluation: str, *, on: date) -> int:
        """Return how many days an evaluation can be contested, by the milder of what the renter knows and today's."""
        current = self.policy(on=on)
        pins = pins_of(self.case, self.policies, on=on, current=current)
        facts = (ground.occurred_on for ground in self.evaluations[evaluation].grounds)
        return contest_days(pins, current, facts=facts)

    @property
    def open_review(self) -> str | None:
        """The termination file that is open, None if there is none."""
        return next((id for id, file in self.terminations.items() if file.is_open), None)

    def after(self, stream: AnyStream, id: str, events: Iterable[Any], act: Act) -> "LeaseFile":
        """Return the file once these events have happened; those of other streams too."""
        file = self
        for event in events:
            where, key, what = (
                (event.stream, event.id, event.event) if isinstance(event, Elsewhere) else (stream, id, event)
            )
            recorded = Recorded(
                event=what,
                id="",
                stream=f"{where.kind}/{key}",
                version=0,
                occurred_on=act.on,
                recorded_at=act.recorded_at or act.at,
                taken_in_at=act.at,
                actor=act.actor,
            )
            file = file._with(where, key, recorded)
        return file

    def _with(self, stream: AnyStream, id: str, recorded: Recorded[Any]) -> "LeaseFile":
        if stream is EVALUATION:
            evaluation = EVALUATION.after(self.evaluations.get(id, Evaluation()), recorded)
            return replace(self, evaluations={**self.evaluations, id: evaluation})
        if stream is TERMINATION:
            termination = TERMINATION.after(self.terminations.get(id, Termination()), recorded)
            return replace(self, terminations={**self.terminations, id: termination})
        if stream is CASE:
            return replace(self, case=CASE.after(self.case, recorded))
        if stream is STANDING:
            return replace(self, crossing=STANDING.after(self.crossing, recorded))
        return self


def as_it_stood(
    stream: AnyStream, history: Iterable[Recorded[Any]], *, valid_on: date | None, known_at: datetime | None
) -> tuple[Any, int]:
    """Return the state of a thing on a day, of what was known at an instant, and its version; None is all of it."""
    known = [told for told in history if known_at is None or told.taken_in_at <= known_at]
    state, version = stream.initial, 0
    for told in known:
        if valid_on is None or _had_happened(told, known, by=valid_on):
            state, version = stream.after(state, told), told.version
    return state, version


def _had_happened(told: Recorded[Any], known: Iterable[Recorded[Any]], *, by: date) -> bool:
    """Whether a fact had happened by a day; the day of a communication is what was last known of it (domain 4.2)."""
    if not isinstance(told.event, COMMUNICATED):
        return told.occurred_on <= by
    days = [one.event.communicated_on for one in known if isinstance(one.event, COMMUNICATED)]
    return days[-1] is not None and days[-1] <= by


def in_file(
    decision: Callable[[Any, LeaseFile], Iterable[Any]], *, lease: str, stream: AnyStream, id: str, act: Act
) -> Callable[..., list[Any]]:
    """Return a decision that sees the whole file, and records what follows from it too.

    The store hands it the states it reads: policies, checklists, before, case, evaluations, terminations, crossing.
    """

    def decide(state: Any, **reads: Any) -> list[Any]:
        file = LeaseFile.of(lease, **_with_own(reads, stream, id, state))
        own = list(decision(state, file))
        return [*own, *what_follows(file, file.after(stream, id, own, act), act)]

    return decide


def _with_own(reads: Mapping[str, Any], stream: AnyStream, id: str, state: Any) -> dict[str, Any]:
    """Return the states read, with the stream decided on among them as the decision sees it."""
    whole = dict(reads)
    if stream is CASE:
        whole["case"] = state
    elif stream is STANDING:
        whole["crossing"] = state
    elif stream is EVALUATION and state.history:
        whole["evaluations"] = {**whole["evaluations"], id: state}
    elif stream is TERMINATION and state.id:
        whole["terminations"] = {**whole["terminations"], id: state}
    return whole


def what_follows(before: LeaseFile, after: LeaseFile, act: Act, *, since: date | None = None) -> list[Elsewhere]:
    """Return what follows from a change of the file, today: nothing of it judges, and none is dated in the past.

    :param since: the day ``before`` is looked at, where time alone is the change; None: today.
    """
    if not after.evaluations and not after.terminations:
        return []  # most of what is told is about leases that nobody evaluates
    if policies_.in_force_or_none(after.policies, on=act.today) is None or after.case.registered is None:
        return []
    if after.case.ended is not None:
        return _after_the_lease(after)
    told: list[Elsewhere] = []
    stood = after.standing(on=act.today)
    for id, evaluation in after.evaluations.items():
        until = valid_until(stood, evaluation, after.evaluations.values())
        if until is not None:
            told += [
                _by_itself(EVALUATION, id, event) for event in expire(evaluation, valid_until=until, today=act.today)
            ]
    told += _crossings(before, after, act, since=since)
    told += _restated(after, act)
    told += _doubts(after, act)
    return told


def _crossings(before: LeaseFile, after: LeaseFile, act: Act, *, since: date | None) -> list[Elsewhere]:
    stood = after.standing(on=act.today)
    told: list[Elsewhere] = []
    for event in note_crossing(
        after.crossing,
        stood=stood,
        newly_counted=_newly_counted(stood, before, on=since or act.today),
        open_review=after.open_review,
        new_review=act.new_review,
    ):
        told.append(_by_itself(STANDING, after.lease, event))
        if isinstance(event, ThresholdReached) and event.termination == act.new_review:
            opened = open_by_threshold(Termination(), lease=after.lease, evaluations=event.evaluations)
            told += [_by_itself(TERMINATION, act.new_review, review) for review in opened]
    return told


def _newly_counted(stood: Standing, before: LeaseFile, *, on: date) -> frozenset[str]:
    """Return what counts on the headline track and did not on that same track before."""
    counted = frozenset(stood.headline.counted)
    if policies_.in_force_or_none(before.policies, on=on) is None:
        return counted
    tracks = {track.pin: track for track in before.standing(on=on).tracks}
    return counted - frozenset(tracks.get(stood.headline.pin, tracks[0]).counted)


def _restated(after: LeaseFile, act: Act) -> list[Elsewhere]:
    told: list[Elsewhere] = []
    for id, evaluation in after.evaluations.items():
        if evaluation.state == "decided_negative":
            says = after.says_of_count(id, today=act.today, at=act.at)
            told += [_by_itself(EVALUATION, id, event) for event in restate_count(evaluation, says=says)]
    return told


def _doubts(after: LeaseFile, act: Act) -> list[Elsewhere]:
    told: list[Elsewhere] = []
    for id, termination in after.terminations.items():
        if not termination.is_open:
            continue
        findings, evaluations = gates.fallen(
            termination,
            case=after.case,
            checklist=after.checklist(on=act.today),
            evaluations=after.evaluations,
            on=act.today,
        )
        # Once the notice was posted, time alone takes nothing from its grounds: validity is looked at as on that day.
        posted_on = termination.posted.posted_on if termination.posted is not None else None
        stood = after.standing(on=act.today, expiry_on=posted_on)
        below = termination.route == "threshold" and not stood.reached
        raised = doubt(
            termination, findings=findings, evaluations=evaluations, below_threshold=below, count=stood.count
        )
        told += [_by_itself(TERMINATION, id, event) for event in raised]
    return told


def _after_the_lease(after: LeaseFile) -> list[Elsewhere]:
    ended = after.case.ended
    assert ended is not None
    told: list[Elsewhere] = []
    for id, termination in after.terminations.items():
        by_the_file = termination.state in SETTLED or (
            ended.mode in ENDS_BY_THE_FILE and termination.state in UNDER_WAY
        )
        told += [_by_itself(TERMINATION, id, event) for event in lapse(termination, ended_by_this_file=by_the_file)]
    return told


def pass_the_day(crossing: Crossing, *, act: Act, since: date, lease: str, **reads: Any) -> list[Elsewhere]:
    """Take the count at the daily tick: what time, and policies or checklists taking force, have changed.

    :param since: the last day on which that was done.
    """
    file = LeaseFile.of(lease, crossing=crossing, **reads)
    return what_follows(file, file, act, since=since)


def _by_itself(stream: AnyStream, id: str, event: Any) -> Elsewhere:
    return Elsewhere(stream, id, event, follows=True)
