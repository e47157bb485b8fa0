"""What a letter fills in: the facts of a lease, told in plain words (domain 9.2). Pure: texts come in opened.

The same functions tell them in every language; the sentences that facts go into are the language's own (``Tongue``).
Somebody's own words stay in Dutch: the office has a person translate them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from services.notifications.events import NoticeDates
from services.notifications.rules.in_words import Tongue
from services.notifications.rules.lease_file import EvaluationTold, LeaseFile
from services.notifications.rules.office import Details, OfficeCard
from shared.contracts.evaluations import (
    EvaluationAnnulledV1,
    EvaluationUpheldV1,
    NoticeWithdrawnV1,
    PolicyAdoptedV1,
    TerminationDecidedV1,
)
from shared.contracts.referrals import OcmwConsultedV1
from shared.contracts.visits import CounsellorAssignedV1, ReportFixedV1
from shared.sealed import Sealed
from shared.working_days import next_working_day

Values = dict[str, str | None]
Read = Callable[[Sealed | None], str | None]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What letters of one lease can be made of, on one day.

    :ivar read: opens a sealed text; None where it may not be read, or is erased.
    :ivar tongue: the language in which they are told.
    """

    lease: str
    file: LeaseFile
    office: OfficeCard
    details: Details
    policy: PolicyAdoptedV1 | None
    read: Read
    on: date
    tongue: Tongue

    def person(self, id: str | None) -> str | None:
        """Return the name of one of the office's people: as on the card, else as they sign in if that is a name."""
        card = self.office.counsellors.get(id or "")
        signs_in = id if id and all(char.isalpha() or char in " .'’-" for char in id) else None
        return (self.read(card.name) if card else None) or signs_in

    def somebody(self, id: str | None) -> str:
        """Return the name of one of the office's people, else that it was somebody of the office."""
        return self.person(id) or self.tongue.say("somebody")

    def guide(self, id: str | None) -> str:
        """Return the name of a counsellor, else what they are to the renter."""
        return self.person(id) or self.tongue.say("counsellor")

    def own(self, sealed: Sealed | None) -> str | None:
        """Return somebody's own words, as they stand in a letter."""
        words = self.read(sealed)
        return self.tongue.kept(words) if words else None


def common(facts: Facts) -> Values:
    """Return what letters of every kind can say."""
    file, details, tongue = facts.file, facts.details, facts.tongue
    card = facts.office.counsellors.get(file.counsellor or "")
    names = tuple(
        name for one in file.parties.values() if one.is_party_on(facts.on) and (name := facts.read(one.party.name))
    )
    channels = tuple(tongue.say(f"channel_{channel}") for channel in card.channels) if card else ()
    return {
        "office": facts.office.name,
        "landlord": facts.read(file.landlord_on(facts.on)),
        "dwelling": facts.read(file.registered.dwelling_address) if file.registered else None,
        "names": tongue.listed(names) or None,
        "counsellor": facts.guide(file.counsellor),
        "counsellor_phone": (facts.read(card.phone) if card else None)
        or (details.phone if details else None)
        or tongue.say("via_office"),
        "counsellor_hours": facts.read(card.hours) if card else None,
        "counsellor_channels": tongue.listed(channels) or None,
        "office_phone": details.phone if details else None,
        "office_email": details.email if details else None,
        "helplines": _helplines(details, tongue),
        **_of_policy(facts.policy, tongue),
    }


COMMON_FIELDS = frozenset(
    {
        "office",
        "landlord",
        "dwelling",
        "names",
        "counsellor",
        "counsellor_phone",
        "counsellor_hours",
        "counsellor_channels",
        "office_phone",
        "office_email",
        "helplines",
        "announce_days",
        "contest_days",
        "threshold",
        "validity",
        "cure_days",
    }
)
"""What letters of every kind can fill in."""


def _of_policy(policy: PolicyAdoptedV1 | None, tongue: Tongue) -> Values:
    if policy is None:
        return {}
    return {
        "announce_days": tongue.number(policy.visit_announce_days),
        "contest_days": tongue.number_told(policy.contest_days),
        "threshold": tongue.number_told(policy.threshold_n),
        "validity": tongue.months_told(policy.validity_months),
        "cure_days": tongue.number_told(policy.cure_days),
    }


def _helplines(details: Details, tongue: Tongue) -> str:
    ocmw = details.ocmw if details else None
    union = details.renters_union if details else None
    return _list(
        tongue.say("helpline", name=union.name, phone=union.phone) if union else tongue.say("union"),
        tongue.say("helpline", name=ocmw.name, phone=ocmw.phone) if ocmw else tongue.say("welfare"),
    )


def welcome(facts: Facts) -> Values:
    """L-01: the counsellor's card, the policy and the checklist in plain words.

    A first visit is told of only where it still lies ahead: a lease can be old when its counsellor is assigned here.
    """
    checklist = facts.office.checklist_on(facts.on)
    due = facts.file.registered.first_visit_due if facts.file.registered else None
    return {
        "first_visit_due": facts.tongue.day(due) if due and due >= facts.on else None,
        "checklist": _list(*(facts.tongue.label(item.label) for item in checklist.items)) if checklist else None,
    }


def visit(facts: Facts, id: str) -> Values:
    """L-02: when we come, and why."""
    found = facts.file.visits.get(id)
    if found is None:
        return {}
    return {
        "counsellor": facts.guide(found.counsellor),
        "visit_day": facts.tongue.weekday(found.visit_on),
        "visit_time": found.slot,
        "visit_purpose": facts.tongue.say(f"purpose_{found.purpose}"),
    }


def report(facts: Facts, told: ReportFixedV1) -> Values:
    """L-03: what goes well comes first. Needs are left to the talk: they are not written around."""
    tongue = facts.tongue
    labels = {item.code: item.label for checklist in facts.office.checklists for item in checklist.items}
    seen = [
        tongue.say(
            "seen",
            label=tongue.label(labels[finding.item]) if finding.item in labels else "",
            day=tongue.day(finding.seen_on),
            seen=_sentence(facts, finding.what_seen),
        )
        for id in told.findings
        if (finding := facts.file.findings.get(id)) is not None
    ]
    return {
        "visit_day": tongue.weekday(told.visit_on),
        "goes_well": facts.own(told.goes_well) or tongue.say("not_met"),
        "can_do": _items(facts, told.can_do),
        "needs_support": _items(facts, told.needs_support),
        "findings": _list(*seen) or tongue.say("nothing_seen"),
    }


def agreement(facts: Facts, id: str) -> Values:
    """L-04: the note as it was agreed, with the renter's own words."""
    note, tongue = facts.file.notes.get(id), facts.tongue
    drafted = note.drafted if note else None
    accepted = note.accepted if note else None
    commitments = note.proposed.commitments if note and note.proposed else ()
    disputed = accepted.disputed if accepted else ()
    lines = [
        tongue.say(
            "commitment",
            who=tongue.say(f"who_{one.by}"),
            action=_bare(facts, one.action),
            place=_bare(facts, one.place),
            day=tongue.day(one.due_on),
            measure=tongue.say(f"measure_{one.measure}"),
            target=_bare(facts, one.target),
        )
        + (f" {tongue.say('disputed')}" if one.id in disputed else "")
        for one in commitments
    ]
    return {
        "accepted_on": tongue.day(accepted.accepted_on) if accepted else None,
        "number_of_commitments": _counted(len(commitments), "commitments", tongue),
        "goes_wrong": facts.own(drafted.goes_wrong) if drafted else None,
        "why_renter_says": facts.own(drafted.why_renter_says) if drafted else None,
        "goal": facts.own(drafted.goal) if drafted else None,
        "renter_needs": facts.own(drafted.renter_needs) if drafted else None,
        "commitments": _list(*lines) or None,
        "reservation": facts.own(accepted.reservation) if accepted else None,
    }


def negative_evaluation(facts: Facts, id: str) -> Values:
    """L-05: each ground with who saw what and when, what the renter said, own reasons, and the count in words."""
    told, tongue = facts.file.evaluations.get(id, EvaluationTold()), facts.tongue
    decided = told.decided
    if decided is None:
        return {}
    count = told.restated or decided
    grounds = [
        tongue.say(
            "ground",
            label=tongue.label(ground.label),
            day=tongue.day(ground.occurred_on),
            person=facts.somebody(ground.seen_by),
            seen=_sentence(facts, ground.what_seen),
            said=tongue.say("said", words=_sentence(facts, ground.renter_said))
            if facts.read(ground.renter_said)
            else tongue.say("said_nothing"),
        )
        for ground in decided.grounds
    ]
    seen = all(facts.read(ground.what_seen) for ground in decided.grounds)
    return {
        "number_of_grounds": _counted(len(decided.grounds), "grounds", tongue),
        "moment": tongue.say(f"moment_{decided.moment_kind}", day=tongue.day(decided.moment_on)),
        "moment_on": tongue.day(decided.moment_on),
        "grounds": _list(*grounds) if seen and decided.grounds else None,
        "expected": _list(*(tongue.label(ground.label) for ground in decided.grounds)) or None,
        "reasons": facts.own(decided.reasons),
        "count_before": tongue.number_told(count.count_before),
        "count_after": tongue.number_told(count.count_if_communicated),
        "threshold": tongue.number_told(count.threshold),
        "contest_days": tongue.number_told(decided.contest_days),
        "cure_days": tongue.number_told(decided.cure_days),
        "validity": tongue.months_told(decided.validity_months),
    }


def positive_evaluation(facts: Facts, id: str) -> Values:
    """L-06: good news, in the words of who decided or proposed it."""
    recorded = facts.file.evaluations.get(id, EvaluationTold()).recorded
    if recorded is None:
        return {}
    return {
        "moment_on": facts.tongue.day(recorded.moment_on),
        "reasons": facts.own(recorded.reasons) or facts.own(recorded.why),
    }


def contest_decision(facts: Facts, id: str) -> Values:
    """L-07: what was contested, who listened, the decision with its own reasons, and what it does to the count."""
    told, tongue = facts.file.evaluations.get(id, EvaluationTold()), facts.tongue
    outcome = told.annulled or told.upheld
    if outcome is None:
        return {}
    moment = told.decided.moment_on if told.decided else None
    if told.annulled:
        decision = tongue.say("annulled_own" if told.annulled.own_motion else "annulled")
    else:
        decision = _upheld(facts, told)
    words = facts.own(told.contested.words) if told.contested else None
    remedies = "remedies_annulled" if told.annulled else "remedies_upheld"
    return {
        "moment_on": tongue.day(moment) if moment else None,
        "contested": words or tongue.say("contested" if told.contested else "not_contested"),
        "heard": _heard(facts, outcome),
        "decision_short": tongue.say("annulled_short" if told.annulled else "upheld_short"),
        "decision": decision,
        "reasons": facts.own(outcome.reasons),
        "count_after": tongue.number_told(outcome.count_after),
        "threshold": tongue.number_told(outcome.threshold),
        "remedies": tongue.say(remedies, counsellor=facts.guide(facts.file.counsellor)),
    }


def _upheld(facts: Facts, told: EvaluationTold) -> str:
    struck = len(told.upheld.grounds_struck) if told.upheld else 0
    upheld = facts.tongue.say("upheld")
    return f"{upheld} {_counted(struck, 'struck', facts.tongue)}" if struck else upheld


def _heard(facts: Facts, outcome: EvaluationUpheldV1 | EvaluationAnnulledV1) -> str | None:
    heard, tongue, person = outcome.heard, facts.tongue, facts.somebody(outcome.decided_by)
    if heard is not None and heard.on:
        return tongue.say("heard_on", day=tongue.day(heard.on), person=person)
    if heard is not None and heard.invited_on:
        return tongue.say("invited_on", day=tongue.day(heard.invited_on), person=person)
    if isinstance(outcome, EvaluationAnnulledV1) and outcome.own_motion:
        return tongue.say("heard_not_needed", person=person)
    return None


def notice(facts: Facts, id: str) -> Values:
    """L-09: landlord, names, each ground, the decision and who took it, the months; its dates come at approval."""
    found, tongue = facts.file.terminations.get(id), facts.tongue
    decided = found.decided if found else None
    if decided is None:
        return {}
    grounds = [
        tongue.say(
            "notice_ground",
            label=tongue.label(ground.label),
            day=tongue.day(ground.occurred_on),
            seen=_sentence(facts, finding.what_seen if finding else None),
        )
        for ground in decided.grounds
        for finding in (facts.file.findings.get(ground.finding),)
    ]
    return {
        "grounds": _list(*grounds) or None,
        "decided_on": tongue.day(decided.decided_on),
        "decided_by": facts.somebody(decided.decided_by),
        "reasons": facts.own(decided.reasons),
        "notice_months": tongue.months_told(decided.notice_months),
    }


def notice_rows(decided: TerminationDecidedV1) -> tuple[NoticeDates, ...]:
    """Return the posting days with the dates they give, as the decision computed them."""
    return tuple(
        NoticeDates(posted_from=row.posted_from, posted_until=row.posted_until, start=row.start, end=row.end)
        for row in decided.notice_dates
    )


def notice_row_on(rows: tuple[NoticeDates, ...], day: date) -> NoticeDates | None:
    """Return the row for posting on ``day``, None where the decision computed none."""
    return next((row for row in rows if row.posted_from <= day <= row.posted_until), None)


def exit_inspection_on(end: date) -> date:
    """Return the day on which the exit inventory is made: the notice's last day, or the working day before it."""
    day = end
    while next_working_day(day) != day:
        day = date.fromordinal(day.toordinal() - 1)
    return day


def stopped(facts: Facts, id: str) -> Values:
    """L-10: the notice is withdrawn, or the review ended without one."""
    found, tongue = facts.file.terminations.get(id), facts.tongue
    told = found.stopped if found else None
    if told is None:
        return {}
    outcome = "withdrawn" if isinstance(told, NoticeWithdrawnV1) else "not_pursued"
    return {
        "decision_short": tongue.say(f"{outcome}_short"),
        "decision": tongue.say(outcome),
        "reasons": facts.own(told.why if isinstance(told, NoticeWithdrawnV1) else told.reasons),
        "measures": _items(facts, () if isinstance(told, NoticeWithdrawnV1) else told.measures),
    }


def ocmw(facts: Facts, consulted: OcmwConsultedV1 | None) -> Values:
    """L-13: the OCMW is consulted."""
    tongue = facts.tongue
    about = tongue.say(f"ocmw_{consulted.ground if consulted else 'other'}")
    return {
        "ocmw_short": tongue.say("ocmw_short"),
        "ocmw_reason": tongue.say("ocmw_reason", about=about),
        "renter_knows": _renter_knows(tongue, consulted.told_renter_on if consulted else None),
    }


def claim(facts: Facts, filed_on: date) -> Values:
    """L-13: the OCMW is told of a claim."""
    tongue = facts.tongue
    return {
        "ocmw_short": tongue.say("claim_short"),
        "ocmw_reason": tongue.say("claim_reason", day=tongue.day(filed_on)),
        "renter_knows": _renter_knows(tongue, None),
    }


def _renter_knows(tongue: Tongue, told_on: date | None) -> str:
    return tongue.say("ocmw_knows", day=tongue.day(told_on)) if told_on else tongue.say("ocmw_will_know")


def change_of_counsellor(facts: Facts, told: CounsellorAssignedV1) -> Values:
    """L-14: another counsellor, and from when."""
    tongue, name = facts.tongue, facts.somebody(told.counsellor)
    day = tongue.day(told.assigned_from)
    before = facts.person(told.previous) or tongue.say("previous_counsellor")
    return {
        "counsellor": name,
        "change_short": tongue.say("counsellor_changes_short", person=name, day=day),
        "change": tongue.say("counsellor_changes", before=before, person=name, day=day),
    }


def change_of_landlord(facts: Facts, *, landlord: Sealed, starts_on: date) -> Values:
    """L-14: another legal entity is landlord."""
    name, day = facts.read(landlord), facts.tongue.day(starts_on)
    if name is None:
        return {}
    return {
        "change_short": facts.tongue.say("landlord_changes_short", name=name, day=day),
        "change": facts.tongue.say("landlord_changes", name=name, day=day),
    }


def change_of_office(facts: Facts, *, starts_on: date) -> Values:
    """L-14: another office guides the lease."""
    day = facts.tongue.day(starts_on)
    return {
        "change_short": facts.tongue.say("office_changes_short", day=day),
        "change": facts.tongue.say("office_changes", day=day),
    }


def contest_term(facts: Facts, *, until: date, begins: bool) -> Values:
    """L-16: until when the renter can contest. What it is about is not said: others may see the message."""
    tongue, day = facts.tongue, facts.tongue.weekday(until)
    return {
        "reminder_short": tongue.say("term_short", day=day),
        "reminder": tongue.say("term_begins" if begins else "term_ends", day=day, office=facts.office.name or ""),
    }


def appointment(facts: Facts, id: str) -> Values:
    """L-16: an appointment comes near."""
    found, tongue = facts.file.visits.get(id), facts.tongue
    if found is None:
        return {}
    person, day = facts.guide(found.counsellor), tongue.weekday(found.visit_on)
    return {
        "counsellor": person,
        "reminder_short": tongue.say("appointment_short", day=day, time=found.slot),
        "reminder": tongue.say("appointment", person=person, office=facts.office.name or "", day=day, time=found.slot),
    }


def _counted(number: int, what: str, tongue: Tongue) -> str:
    return tongue.say(f"{what}_one") if number == 1 else tongue.say(f"{what}_more", number=tongue.number(number))


def _list(*lines: str) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _items(facts: Facts, texts: tuple[Sealed, ...]) -> str | None:
    return _list(*(text for one in texts if (text := facts.own(one)))) or None


def _bare(facts: Facts, sealed: Sealed | None) -> str:
    """Return somebody's words that a sentence goes on after, without the stop at their end."""
    return facts.tongue.kept((facts.read(sealed) or "…").strip().rstrip("."))


def _sentence(facts: Facts, sealed: Sealed | None) -> str:
    """Return somebody's words as a sentence of its own."""
    text = facts.read(sealed)
    if not text:
        return facts.tongue.say("see_file")
    words = " ".join(text.split())
    return facts.tongue.kept(words if words.endswith((".", "!", "?")) else f"{words}.")
