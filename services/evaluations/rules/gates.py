"""The ten gates of a termination file: which pass on a day, and why (domain 10.1)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.evaluations.events import ChecklistPublished, HearingDeclined, HearingHeld, HearingMissed, PolicyAdopted
from services.evaluations.rules import checklist as checklists_
from services.evaluations.rules import policy as policies_
from services.evaluations.rules.case import ARREARS, MUST_BE_REACHED, Case, Consultation, persistence
from services.evaluations.rules.checklist import Published, by_code
from services.evaluations.rules.evaluation import Evaluation
from services.evaluations.rules.policy import Adopted
from services.evaluations.rules.termination import NonTerminableGround, Termination
from shared.contracts.evaluations import TerminationGround
from shared.contracts.visits import AdministratorAppointedV1, AdministratorEndedV1
from shared.decisions import Named

GATES = ("G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10")
AT_DECISION = ("G1", "G2", "G3", "G4", "G5", "G6", "G7", "G9", "G10")
AT_POSTING = ("G5", "G6")
AT_CLAIM = ("G5", "G6")
RECORDED = frozenset({"G2", "G3", "G8", "G9"})
ADDRESS_HOLDS = timedelta(days=30)
STANDS = ("communicated", "contested", "upheld", "final", "expired")


@dataclass(frozen=True, kw_only=True)
class Gate:
    """How one gate stands: ``why`` is a code that the wording turns into a sentence, ``proof`` the id of an event."""

    gate: str
    passes: bool
    why: str
    proof: str | None = None


def ground(
    finding: str, *, case: Case, checklists: Published, evaluations: Iterable[Evaluation], on: date
) -> TerminationGround | None:
    """Return a finding as a ground, judged on a day; None if it is not known here.

    Whether its item can ground a termination is asked of the checklist of that day; after how many days it lasts, of
    the one by which it was found, as visits does.

    :raises NonTerminableGround: its item can never ground a termination.
    """
    findings = case.findings_on(on=on)
    known = findings.get(finding)
    if known is None:
        return None
    item = by_code(checklists_.in_force(checklists, on=on)).get(known.item)
    if item is None or not item.terminable:
        raise NonTerminableGround(Named("NON_TERMINABLE_GROUND", values={"item": known.item}))
    found_by = by_code(checklists_.in_force_or_none(checklists, on=known.occurred_on)).get(known.item)
    stands = persistence(findings, finding, lasting_after_days=found_by.lasting_after_days if found_by else None)
    return TerminationGround(
        finding=finding,
        item=item.code,
        category=item.category,
        label=item.label,
        occurred_on=known.occurred_on,
        evaluation=_evaluation_of(finding, evaluations),
        serious=known.serious and known.is_renters,
        lasting=stands.lasting,
    )


def _evaluation_of(finding: str, evaluations: Iterable[Evaluation]) -> str | None:
    using = [
        (evaluation.communicated_on or date.max, evaluation.id)
        for evaluation in evaluations
        if evaluation.state in STANDS and any(ground.finding == finding for ground in evaluation.grounds)
    ]
    return min(using)[1] if using else None


def fallen(
    termination: Termination,
    *,
    case: Case,
    checklist: ChecklistPublished,
    evaluations: Mapping[str, Evaluation],
    on: date,
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the findings and evaluations that the file rests on and that do not stand any more on a day.

    An evaluation that is only expired has not fallen: the notice stands on the day it was given.
    """
    uses_findings, uses_evaluations = termination.uses
    uses_evaluations |= _annulled_about(termination, evaluations.values())
    items = by_code(checklist)
    findings = case.findings_on(on=on)
    of_evaluations = frozenset(id for key in uses_evaluations if key in evaluations for id in evaluations[key].struck)
    struck = of_evaluations | (_struck(evaluations.values()) & uses_findings)
    gone_findings = frozenset(
        id
        for id in uses_findings
        if id in struck
        or id not in findings
        or not findings[id].is_renters
        or findings[id].item not in items
        or not items[findings[id].item].terminable
    )
    gone = {"annulled", "withdrawn", "decided_negative"}
    gone_evaluations = frozenset(id for id in uses_evaluations if id in evaluations and evaluations[id].state in gone)
    if termination.decided is not None:  # before the decision an open contest is gate G6
        gone_evaluations |= contested(evaluations, uses=uses_evaluations, findings=uses_findings)
    return gone_findings, gone_evaluations


def contested(
    evaluations: Mapping[str, Evaluation], *, uses: Collection[str], findings: Collection[str]
) -> frozenset[str]:
    """Return the evaluations with an open contest that a file uses, or that judge a fact it rests on.

    A fact can be a ground before the letter about it has reached the renter: the contest comes after the proposal then.
    """
    return frozenset(
        id
        for id, evaluation in evaluations.items()
        if evaluation.state == "contested" and (id in uses or not _left(evaluation).isdisjoint(findings))
    )


def _annulled_about(termination: Termination, evaluations: Iterable[Evaluation]) -> frozenset[str]:
    """Return the annulled evaluations of a ground that rested on none when it was named, and rests on none now."""
    every = tuple(evaluations)
    bare = frozenset(named.finding for named in termination.grounds if named.evaluation is None) - _carried(every)
    return frozenset(
        evaluation.id
        for evaluation in every
        if evaluation.state == "annulled" and any(ground.finding in bare for ground in evaluation.grounds)
    )


def _struck(evaluations: Iterable[Evaluation]) -> frozenset[str]:
    """Return the findings that contests struck, and that no evaluation which stands rests on all the same."""
    every = tuple(evaluations)
    return frozenset(id for evaluation in every for id in evaluation.struck) - _carried(every)


def _carried(evaluations: Iterable[Evaluation]) -> frozenset[str]:
    return frozenset(id for evaluation in evaluations if evaluation.state in STANDS for id in _left(evaluation))


def _left(evaluation: Evaluation) -> frozenset[str]:
    return frozenset(ground.finding for ground in evaluation.grounds) - evaluation.struck


def required_addressees(case: Case, *, on: date) -> tuple[str, ...]:
    """Return who must get an own letter on a day: renters, spouses, legal cohabitants, administrators of housing."""
    parties = tuple(party.id for party in case.parties(on=on) if party.role in MUST_BE_REACHED)
    ended = {
        told.event.administrator: told.event.ended_on
        for told in case.of_lease
        if isinstance(told.event, AdministratorEndedV1)
    }
    administrators = tuple(
        told.event.administrator
        for told in case.of_lease
        if isinstance(told.event, AdministratorAppointedV1)
        and told.event.scope in ("housing", "all")
        and told.event.appointed_from <= on <= ended.get(told.event.administrator, date.max)
    )
    return parties + administrators


def tested(
    termination: Termination,
    *,
    case: Case,
    evaluations: Mapping[str, Evaluation],
    policies: Adopted,
    checklists: Published,
    on: date,
    grounds: Sequence[TerminationGround] | None = None,
) -> tuple[Gate, ...]:
    """Return how every gate stands on a day, for these grounds (None: those of the file)."""
    named = tuple(termination.grounds if grounds is None else grounds)
    return (
        _heard(termination, case, policies, on),
        _attributed(termination, named, case, on),
        _weighed(termination, on),
        _ocmw(named, case, policies_.in_force(policies, on=on), on),
        _no_standstill(named, case, on),
        _no_contest(termination, named, evaluations),
        _offered(case, on),
        _addressees(termination, case, on),
        _landlord(termination, named, case, on),
        _terminable(named, case, checklists, on),
    )


def open_gates(gates: Iterable[Gate], of: Sequence[str]) -> tuple[Named, ...]:
    """Return the gates among ``of`` that do not pass, named as a refusal names them."""
    return tuple(Named(gate.gate, values={"why": gate.why}) for gate in gates if gate.gate in of and not gate.passes)


def _heard(termination: Termination, case: Case, policies: Adopted, on: date) -> Gate:
    hearings = [hearing for hearing in termination.hearings if hearing.on <= on]  # none that was still to come
    for kind, why in ((HearingHeld, "heard"), (HearingDeclined, "hearing_declined")):
        for hearing in hearings:
            if isinstance(hearing.said, kind):
                return Gate(gate="G1", passes=True, why=why, proof=hearing.event)
    missed = [(one, one.said) for one in hearings if isinstance(one.said, HearingMissed)]
    invited = [
        (one, said)
        for one, said in missed
        if case.invitation_arrived(termination.id, sent_on=said.invited_on, by=said.on - _ahead(policies, on=said.on))
    ]
    proof = missed[-1][0].event if missed else None
    methods = {case.invited_by(termination.id, on=said.invited_on) or said.method for _, said in invited}
    if len(methods) >= 2:
        return Gate(gate="G1", passes=True, why="missed_twice", proof=invited[-1][0].event)
    if len(missed) > len(invited):
        return Gate(gate="G1", passes=False, why="invitation_not_delivered", proof=proof)
    return Gate(gate="G1", passes=False, why="missed_once" if missed else "not_heard", proof=proof)


def _ahead(policies: Adopted, *, on: date) -> timedelta:
    return timedelta(days=policies_.in_force(policies, on=on).hearing_notice_days)


def _attributed(termination: Termination, grounds: Sequence[TerminationGround], case: Case, on: date) -> Gate:
    checked = termination.attribution.by(on)
    if checked is None:
        return Gate(gate="G2", passes=False, why="not_recorded")
    for named in grounds:
        finding = case.finding(named.finding, on=on)
        if named.finding not in checked.said.findings:
            return Gate(gate="G2", passes=False, why="ground_not_checked", proof=checked.event)
        if finding is None or not finding.is_renters or finding.attributed_by in (None, "SYS"):
            return Gate(gate="G2", passes=False, why="not_the_renters", proof=checked.event)
    return Gate(gate="G2", passes=True, why="attribution_checked", proof=checked.event)


def _weighed(termination: Termination, on: date) -> Gate:
    note = termination.proportionality.by(on)
    if note is None:
        return Gate(gate="G3", passes=False, why="not_recorded")
    return Gate(gate="G3", passes=True, why="proportionality_note_written", proof=note.event)


def _ocmw(grounds: Sequence[TerminationGround], case: Case, policy: PolicyAdopted, on: date) -> Gate:
    consultations = case.ocmw(by=on)
    if any(named.category == ARREARS for named in grounds):
        return _ocmw_about_arrears([asked for asked in consultations if asked.ground == "arrears"], policy, on)
    if not consultations:
        return Gate(gate="G4", passes=False, why="ocmw_not_consulted")
    return Gate(gate="G4", passes=True, why="ocmw_consulted", proof=consultations[0].event)


def _ocmw_about_arrears(consultations: Sequence[Consultation], policy: PolicyAdopted, on: date) -> Gate:
    """Of arrears the OCMW must have answered, or have had its time to."""
    if not consultations:
        return Gate(gate="G4", passes=False, why="ocmw_not_consulted")
    for asked in consultations:
        if asked.answered:
            return Gate(gate="G4", passes=True, why="ocmw_answered", proof=asked.event)
    for asked in consultations:
        if on >= asked.on + timedelta(days=policy.ocmw_answer_days):
            return Gate(gate="G4", passes=True, why="ocmw_did_not_answer", proof=asked.event)
    return Gate(gate="G4", passes=False, why="ocmw_may_still_answer", proof=consultations[0].event)


def _no_standstill(grounds: Sequence[TerminationGround], case: Case, on: date) -> Gate:
    blocked = any(named.category == ARREARS for named in grounds) and case.standstill(on=on)
    return Gate(gate="G5", passes=not blocked, why="standstill" if blocked else "no_standstill")


def _no_contest(
    termination: Termination, grounds: Sequence[TerminationGround], evaluations: Mapping[str, Evaluation]
) -> Gate:
    used = {named.evaluation for named in grounds if named.evaluation is not None} | termination.uses[1]
    open_ones = contested(evaluations, uses=used, findings={named.finding for named in grounds})
    return Gate(gate="G6", passes=not open_ones, why="contest_open" if open_ones else "no_contest")


def _offered(case: Case, on: date) -> Gate:
    offered = case.offered(by=on)
    return Gate(
        gate="G7", passes=offered is not None, why="help_offered" if offered else "no_help_offered", proof=offered
    )


def _addressees(termination: Termination, case: Case, on: date) -> Gate:
    proof: str | None = None
    checked: dict[str, date] = {}
    for told in termination.addressees.every:
        for one in told.said.addressees:
            if one.checked_on <= on:  # what was looked up since does not show where the letter went that day
                checked[one.party] = max(one.checked_on, checked.get(one.party, one.checked_on))
                proof = told.event
    if not checked:
        return Gate(gate="G8", passes=False, why="not_recorded")
    back = case.came_back(termination.letters_posted)
    for party in required_addressees(case, on=on):
        if party not in checked:
            return Gate(gate="G8", passes=False, why="addressee_missing", proof=proof)
        if checked[party] < on - ADDRESS_HOLDS:
            return Gate(gate="G8", passes=False, why="address_check_too_old", proof=proof)
        if party in back and checked[party] < back[party]:
            return Gate(gate="G8", passes=False, why="notice_came_back", proof=proof)
    return Gate(gate="G8", passes=True, why="addressees_checked", proof=proof)


def _landlord(termination: Termination, grounds: Sequence[TerminationGround], case: Case, on: date) -> Gate:
    recorded = termination.landlord.by(on)
    if recorded is None:
        return Gate(gate="G9", passes=False, why="not_recorded")
    proof = recorded.event
    if not recorded.said.in_order:
        return Gate(gate="G9", passes=False, why="landlord_not_in_order", proof=proof)
    if case.office_owes((named.finding for named in grounds), on=on):
        return Gate(gate="G9", passes=False, why="office_commitment_open", proof=proof)
    if case.repairs_open(on=on):
        return Gate(gate="G9", passes=False, why="repair_open", proof=proof)
    registered = case.registered
    if registered is not None and registered.inventory_ref is None and any(one.category == "damage" for one in grounds):
        return Gate(gate="G9", passes=False, why="no_inventory", proof=proof)
    return Gate(gate="G9", passes=True, why="landlord_in_order", proof=proof)


def _terminable(grounds: Sequence[TerminationGround], case: Case, checklists: Published, on: date) -> Gate:
    if not grounds:
        return Gate(gate="G10", passes=False, why="no_ground")
    for named in grounds:
        try:
            judged = ground(named.finding, case=case, checklists=checklists, evaluations=(), on=on)
        except NonTerminableGround:
            return Gate(gate="G10", passes=False, why="not_terminable")
        if judged is None or not (judged.serious or judged.lasting):
            return Gate(gate="G10", passes=False, why="neither_serious_nor_lasting")
    return Gate(gate="G10", passes=True, why="terminable")
