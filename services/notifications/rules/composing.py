"""What a letter fills in: the facts of a lease, told in plain Dutch (domain 9.2). Pure: texts come in opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from services.notifications.events import NoticeDates
from services.notifications.rules.in_words import (
    day_in_words,
    listed,
    number_in_words,
    number_told,
    weekday_in_words,
)
from services.notifications.rules.lease_file import EvaluationTold, LeaseFile
from services.notifications.rules.office import Details, OfficeCard
from shared.contracts.evaluations import PolicyAdoptedV1, TerminationDecidedV1
from shared.contracts.notifications import Kind
from shared.contracts.visits import CounsellorAssignedV1, ReportFixedV1
from shared.sealed import Sealed
from shared.working_days import next_working_day

Values = dict[str, str | None]
Read = Callable[[Sealed | None], str | None]

_CHANNELS = {
    "letter": "brief",
    "registered_paper": "aangetekende brief",
    "registered_electronic": "aangetekende e-mail",
    "handover": "aan de deur",
    "bailiff": "gerechtsdeurwaarder",
    "email": "e-mail",
    "sms": "sms",
    "whatsapp": "WhatsApp",
    "facebook": "Facebook",
    "phone": "telefoon",
    "counter": "balie",
}
_PURPOSES = {
    "information": "Om u uitleg te geven over wonen en huren.",
    "individual": "Om te horen hoe het met u gaat en samen de woning te bekijken.",
    "participation": "Om samen met andere huurders te overleggen.",
}
_OCMW_GROUNDS = {
    "arrears": "huur die nog openstaat",
    "maintenance": "het onderhoud van de woning",
    "damage": "schade aan de woning",
    "nuisance": "last voor de buren",
    "neglect": "verwaarlozing van de woning",
    "occupancy": "wie in de woning woont",
    "property": "de eigendom van de woning",
    "false_statement": "een verklaring die niet klopt",
    "wrongly_admitted": "een toewijzing die niet klopt",
    "other": "een andere reden",
}
_MEASURES = {
    "seen_at_visit": "te zien bij een bezoek",
    "photo": "op een foto",
    "receipt": "met een bewijs",
    "amount": "bedrag",
    "count": "aantal",
}
_WHO = {"renter": "U", "office": "Wij", "third_party": "Iemand anders"}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What letters of one lease can be made of, on one day.

    :ivar read: opens a sealed text; None where it may not be read, or is erased.
    """

    lease: str
    file: LeaseFile
    office: OfficeCard
    details: Details
    policy: PolicyAdoptedV1 | None
    read: Read
    on: date

    def person(self, id: str | None) -> str | None:
        """Return the name of one of the office's people: as on the card, else as they sign in."""
        card = self.office.counsellors.get(id or "")
        return (self.read(card.name) if card else None) or id


def common(facts: Facts) -> Values:
    """Return what letters of every kind can say."""
    file, details = facts.file, facts.details
    card = facts.office.counsellors.get(file.counsellor or "")
    names = tuple(
        name for one in file.parties.values() if one.is_party_on(facts.on) and (name := facts.read(one.party.name))
    )
    return {
        "office": facts.office.name,
        "landlord": facts.read(file.landlord_on(facts.on)),
        "dwelling": facts.read(file.registered.dwelling_address) if file.registered else None,
        "names": listed(names) or None,
        "counsellor": facts.person(file.counsellor) or "uw huurbegeleider",
        "counsellor_phone": (facts.read(card.phone) if card else None)
        or (details.phone if details else None)
        or "via ons kantoor",
        "counsellor_hours": facts.read(card.hours) if card else None,
        "counsellor_channels": listed(tuple(_CHANNELS[channel] for channel in card.channels)) if card else None,
        "office_phone": details.phone if details else None,
        "office_email": details.email if details else None,
        "helplines": _helplines(details),
        **_of_policy(facts.policy),
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


def _of_policy(policy: PolicyAdoptedV1 | None) -> Values:
    if policy is None:
        return {}
    return {
        "announce_days": number_in_words(policy.visit_announce_days),
        "contest_days": number_told(policy.contest_days),
        "threshold": number_told(policy.threshold_n),
        "validity": f"{number_told(policy.validity_months)} maanden",
        "cure_days": number_told(policy.cure_days),
    }


def _helplines(details: Details) -> str:
    ocmw = details.ocmw if details else None
    union = details.renters_union if details else None
    return "\n".join(
        (
            f"- {union.name}: {union.phone}" if union else "- De huurdersbond geeft gratis raad aan huurders.",
            f"- {ocmw.name}: {ocmw.phone}"
            if ocmw
            else "- Het OCMW van uw gemeente helpt bij geld, papieren en zorgen.",
        )
    )


def welcome(facts: Facts) -> Values:
    """L-01: the counsellor's card, the policy and the checklist in plain words."""
    checklist = facts.office.checklist_on(facts.on)
    due = facts.file.registered.first_visit_due if facts.file.registered else None
    return {
        "first_visit_due": day_in_words(due) if due else None,
        "checklist": "\n".join(f"- {item.label}" for item in checklist.items) if checklist else None,
    }


def visit(facts: Facts, id: str) -> Values:
    """L-02: when we come, and why."""
    found = facts.file.visits.get(id)
    if found is None:
        return {}
    return {
        "counsellor": facts.person(found.counsellor),
        "visit_day": weekday_in_words(found.visit_on),
        "visit_time": found.slot,
        "visit_purpose": _PURPOSES[found.purpose],
    }


def report(facts: Facts, told: ReportFixedV1) -> Values:
    """L-03: what goes well comes first. Needs are left to the talk: they are not written around."""
    labels = _labels(facts)
    seen = [
        f"- Wij vragen: {labels.get(finding.item, 'een punt van de checklist.')} "
        f"Wij zagen op {day_in_words(finding.seen_on)}: {_sentence(facts.read(finding.what_seen))}"
        for id in told.findings
        if (finding := facts.file.findings.get(id)) is not None
    ]
    return {
        "visit_day": weekday_in_words(told.visit_on),
        "goes_well": facts.read(told.goes_well) or "Wij konden u die dag niet spreken. Dat vullen wij samen aan.",
        "can_do": _items(facts, told.can_do),
        "needs_support": _items(facts, told.needs_support),
        "findings": "\n".join(seen) or "Wij noteerden die dag geen punten.",
    }


def agreement(facts: Facts, id: str) -> Values:
    """L-04: the note as it was agreed, with the renter's own words."""
    note = facts.file.notes.get(id)
    drafted = note.drafted if note else None
    proposed = note.proposed if note else None
    accepted = note.accepted if note else None
    commitments = proposed.commitments if proposed else ()
    disputed = accepted.disputed if accepted else ()
    lines = [
        f"- {_WHO[one.by]}: {facts.read(one.action) or '…'}, {facts.read(one.place) or '…'}. "
        f"Ten laatste op {day_in_words(one.due_on)}. "
        f"Zo zien wij het: {_MEASURES[one.measure]}, {facts.read(one.target) or '…'}."
        + (" Hierover hebt u een voorbehoud." if one.id in disputed else "")
        for one in commitments
    ]
    count = len(commitments)
    return {
        "accepted_on": day_in_words(accepted.accepted_on) if accepted else None,
        "number_of_commitments": f"{number_in_words(count)} {'afspraak' if count == 1 else 'afspraken'}",
        "goes_wrong": facts.read(drafted.goes_wrong) if drafted else None,
        "why_renter_says": facts.read(drafted.why_renter_says) if drafted else None,
        "goal": facts.read(drafted.goal) if drafted else None,
        "renter_needs": facts.read(drafted.renter_needs) if drafted else None,
        "commitments": "\n".join(lines) or None,
        "reservation": facts.read(accepted.reservation) if accepted else None,
    }


def negative_evaluation(facts: Facts, id: str) -> Values:
    """L-05: each ground with who saw what and when, what the renter said, own reasons, and the count in words."""
    told = facts.file.evaluations.get(id, EvaluationTold())
    decided = told.decided
    if decided is None:
        return {}
    count = told.restated or decided
    grounds = "\n".join(
        f"- Wij vragen: {ground.label} Op {day_in_words(ground.occurred_on)} zag {facts.person(ground.seen_by)}: "
        f"{_sentence(facts.read(ground.what_seen))} "
        + (
            f"U zei daarover: {_sentence(said)}"
            if (said := facts.read(ground.renter_said))
            else "U hebt daarover niets gezegd, al vroegen wij het u."
        )
        for ground in decided.grounds
    )
    seen = all(facts.read(ground.what_seen) for ground in decided.grounds)
    number = len(decided.grounds)
    return {
        "number_of_grounds": "één punt" if number == 1 else f"{number_in_words(number)} punten",
        "moment": _moment(decided.moment_kind, decided.moment_on),
        "moment_on": day_in_words(decided.moment_on),
        "grounds": grounds if seen and decided.grounds else None,
        "expected": "\n".join(f"- {ground.label}" for ground in decided.grounds) or None,
        "reasons": facts.read(decided.reasons),
        "count_before": number_told(count.count_before),
        "count_after": number_told(count.count_if_communicated),
        "threshold": number_told(count.threshold),
        "contest_days": number_told(decided.contest_days),
        "cure_days": number_told(decided.cure_days),
        "validity": f"{number_told(decided.validity_months)} maanden",
    }


def positive_evaluation(facts: Facts, id: str) -> Values:
    """L-06: good news, in the words of who decided or proposed it."""
    recorded = facts.file.evaluations.get(id, EvaluationTold()).recorded
    if recorded is None:
        return {}
    return {
        "moment_on": day_in_words(recorded.moment_on),
        "reasons": facts.read(recorded.reasons) or facts.read(recorded.why),
    }


def contest_decision(facts: Facts, id: str) -> Values:
    """L-07: what was contested, who listened, the decision with its own reasons, and what it does to the count."""
    told = facts.file.evaluations.get(id, EvaluationTold())
    outcome = told.annulled or told.upheld
    if outcome is None:
        return {}
    moment = told.decided.moment_on if told.decided else None
    words = facts.read(told.contested.words) if told.contested else None
    struck = len(outcome.grounds_struck)
    if told.annulled:
        short = "Wij vernietigen die evaluatie: zij telt niet meer mee."
        decision = (
            "Wij vernietigen de evaluatie uit eigen beweging. Zij telt niet meer mee."
            if told.annulled.own_motion
            else "U krijgt gelijk. Wij vernietigen de evaluatie. Zij telt niet meer mee."
        )
    else:
        short = "Wij houden die evaluatie: zij telt mee."
        decision = "De evaluatie blijft en telt mee." + (
            f" Wel halen wij er {number_in_words(struck)} {'punt' if struck == 1 else 'punten'} uit." if struck else ""
        )
    heard = outcome.heard
    if heard is not None and heard.on:
        listened = (
            f"Wij luisterden naar u op {day_in_words(heard.on)}. {facts.person(outcome.decided_by)} besliste daarna."
        )
    elif heard is not None and heard.invited_on:
        listened = (
            f"Wij nodigden u op {day_in_words(heard.invited_on)} uit voor een gesprek. "
            f"{facts.person(outcome.decided_by)} besliste daarna."
        )
    elif told.annulled and told.annulled.own_motion:
        listened = f"Er was geen gesprek nodig: {facts.person(outcome.decided_by)} besliste in uw voordeel."
    else:
        listened = None
    return {
        "moment_on": day_in_words(moment) if moment else None,
        "contested": words
        or (
            "U betwistte de evaluatie."
            if told.contested
            else "Wij bekeken de evaluatie zelf opnieuw, los van een betwisting."
        ),
        "heard": listened,
        "decision_short": short,
        "decision": decision,
        "reasons": facts.read(outcome.reasons),
        "count_after": number_told(outcome.count_after),
        "threshold": number_told(outcome.threshold),
    }


def notice(facts: Facts, id: str) -> Values:
    """L-09: landlord, names, each ground, the decision and who took it, the months; its dates come at approval."""
    found = facts.file.terminations.get(id)
    decided = found.decided if found else None
    if decided is None:
        return {}
    grounds = [
        f"- Dit punt is niet in orde: {ground.label} Wij stelden op {day_in_words(ground.occurred_on)} vast: "
        f"{_sentence(facts.read(finding.what_seen) if (finding := facts.file.findings.get(ground.finding)) else None)}"
        for ground in decided.grounds
    ]
    return {
        "grounds": "\n".join(grounds) or None,
        "decided_on": day_in_words(decided.decided_on),
        "decided_by": facts.person(decided.decided_by),
        "reasons": facts.read(decided.reasons),
        "notice_months": number_told(decided.notice_months),
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
    found = facts.file.terminations.get(id)
    end = found.stopped if found else None
    if end is None:
        return {}
    withdrawn = hasattr(end, "why")
    reasons = facts.read(getattr(end, "why", None) or getattr(end, "reasons", None))
    measures = getattr(end, "measures", ())
    return {
        "decision_short": "Wij trekken de opzeg in." if withdrawn else "Wij zeggen uw huur niet op.",
        "decision": (
            "Wij beslisten om de opzeg in te trekken. De opzeg bestaat niet meer."
            if withdrawn
            else "Mensen bekeken uw hele dossier opnieuw. Zij beslisten dat uw huur verder loopt."
        ),
        "reasons": reasons,
        "measures": _items(facts, measures),
    }


def ocmw(facts: Facts, *, ground: str | None, claim: bool) -> Values:
    """L-13: the OCMW is consulted, or told of a claim."""
    about = _OCMW_GROUNDS.get(ground or "", "het dossier van deze huurder")
    if claim:
        return {
            "ocmw_short": "Wij melden dat een zaak begint bij de vrederechter.",
            "ocmw_reason": "Vandaag legden wij een zaak voor aan de vrederechter. Wij melden dit zoals het hoort, "
            "zodat u tijdig hulp kunt bieden.",
        }
    return {
        "ocmw_short": "Wij vragen uw raad voor wij een volgende stap zetten.",
        "ocmw_reason": f"Het gaat over {about}. Kent u de huurder en ziet u hulp die mogelijk is? Laat het ons weten.",
    }


def change_of_counsellor(facts: Facts, told: CounsellorAssignedV1) -> Values:
    """L-14: another counsellor, and from when."""
    name = facts.person(told.counsellor)
    before = facts.person(told.previous)
    return {
        "counsellor": name,
        "change_short": f"{name} is uw huurbegeleider vanaf {day_in_words(told.assigned_from)}.",
        "change": f"{before or 'Uw vorige huurbegeleider'} geeft uw begeleiding door. "
        f"Vanaf {day_in_words(told.assigned_from)} is {name} uw vaste gezicht bij ons.",
    }


def change_of_landlord(facts: Facts, *, landlord: Sealed, starts_on: date) -> Values:
    """L-14: another legal entity is landlord."""
    name = facts.read(landlord)
    return {
        "change_short": f"Uw verhuurder heet {name} vanaf {day_in_words(starts_on)}." if name else None,
        "change": f"Vanaf {day_in_words(starts_on)} is {name} uw verhuurder. Uw huurovereenkomst loopt gewoon verder, "
        "met dezelfde rechten en plichten."
        if name
        else None,
    }


def change_of_office(facts: Facts, *, starts_on: date) -> Values:
    """L-14: another office guides the lease."""
    return {
        "change_short": f"Een ander kantoor begeleidt u vanaf {day_in_words(starts_on)}.",
        "change": f"Vanaf {day_in_words(starts_on)} begeleidt een ander kantoor u. Uw huurovereenkomst loopt gewoon "
        "verder, met dezelfde rechten en plichten. Het nieuwe kantoor neemt contact met u op.",
    }


def contest_term(facts: Facts, *, until: date, begins: bool) -> Values:
    """L-16: until when the renter can contest. What it is about is not said: others may see the message."""
    return {
        "reminder_short": f"U kunt nog tot en met {weekday_in_words(until)} reageren op een brief van ons.",
        "reminder": (
            f"U kreeg een brief van {facts.office.name}. Bent u niet akkoord? Dan kunt u dat zeggen tot en met "
            f"{weekday_in_words(until)}, op elke manier."
            if begins
            else f"Nog enkele dagen: tot en met {weekday_in_words(until)} kunt u zeggen dat u niet akkoord bent "
            f"met een brief van {facts.office.name}, op elke manier."
        ),
    }


def appointment(facts: Facts, id: str) -> Values:
    """L-16: an appointment comes near."""
    found = facts.file.visits.get(id)
    if found is None:
        return {}
    return {
        "counsellor": facts.person(found.counsellor),
        "reminder_short": f"U hebt een afspraak op {weekday_in_words(found.visit_on)} om {found.slot}.",
        "reminder": f"{facts.person(found.counsellor)} van {facts.office.name} komt langs op "
        f"{weekday_in_words(found.visit_on)} om {found.slot}. Past het niet? Laat het weten.",
    }


def _moment(kind: str, on: date) -> str:
    return (
        f"het bezoek van {day_in_words(on)}"
        if kind == "visit"
        else f"het gesprek over uw dossier van {day_in_words(on)}"
    )


def _labels(facts: Facts) -> Mapping[str, str]:
    return {item.code: item.label for checklist in facts.office.checklists for item in checklist.items}


def _items(facts: Facts, texts: tuple[Sealed, ...]) -> str | None:
    return "\n".join(f"- {text}" for one in texts if (text := facts.read(one))) or None


def _sentence(text: str | None) -> str:
    words = " ".join((text or "zie uw dossier").split())
    return words if words.endswith((".", "!", "?")) else f"{words}."


def in_language(
    kind: Kind, facts: Facts, *, about_kind: str, about_id: str, term: date | None, language: str
) -> Values:
    """Return what a translation fills in: days, numbers and lines said in that language.

    Only letters without anybody's own words are translated like this (``TRANSLATABLE``).

    :param term: L-16 about a letter: the last day to react to it.
    """
    words, file, policy = _TRANSLATED[language], facts.file, facts.policy
    own = common(facts)
    own["counsellor"] = facts.person(file.counsellor) or words["counsellor"]
    own["counsellor_phone"] = (own["counsellor_phone"] or "").replace("via ons kantoor", words["via_office"])
    own["helplines"] = words["helplines"]
    if policy is not None:
        own["announce_days"] = number_in_words(policy.visit_announce_days, language)
        own["validity"] = f"{policy.validity_months} {words['months']}"
        own["threshold"] = number_told(policy.threshold_n, language)
        own["contest_days"] = number_told(policy.contest_days, language)
    if kind == "L-01" and file.registered is not None:
        own["first_visit_due"] = day_in_words(file.registered.first_visit_due, language)
    if about_kind == "visit" and (found := file.visits.get(about_id)) is not None:
        own["counsellor"] = facts.person(found.counsellor)
        own["visit_day"] = weekday_in_words(found.visit_on, language)
        own["visit_time"] = found.slot
        own["visit_purpose"] = words[found.purpose]
        own["reminder"] = words["appointment"].format(day=own["visit_day"], time=found.slot, office=own["office"])
    if term is not None:
        own["reminder"] = words["term"].format(day=weekday_in_words(term, language), office=own["office"])
    return own


TRANSLATABLE: frozenset[Kind] = frozenset({"L-01", "L-02", "L-16"})
_TRANSLATED: Mapping[str, Mapping[str, str]] = {
    "fr": {
        "counsellor": "votre accompagnateur",
        "via_office": "par notre bureau",
        "months": "mois",
        "helplines": "- Huurdersbond : conseil gratuit aux locataires.\n- Le CPAS (OCMW) de votre commune vous aide.",
        "information": "Pour vous informer sur le logement et la location.",
        "individual": "Pour savoir comment vous allez et voir le logement avec vous.",
        "participation": "Pour discuter avec d'autres locataires.",
        "appointment": "{office} vient chez vous le {day} à {time}. Cela ne vous convient pas ? Dites-le-nous.",
        "term": "Vous avez reçu une lettre de {office}. Vous pouvez dire que vous n'êtes pas d'accord jusqu'au {day} "
        "inclus, de toutes les façons.",
    },
    "en": {
        "counsellor": "your counsellor",
        "via_office": "through our office",
        "months": "months",
        "helplines": "- Huurdersbond: free advice for renters.\n- The OCMW of your municipality helps.",
        "information": "To tell you about living and renting.",
        "individual": "To hear how you are and to look at the home together.",
        "participation": "To talk together with other renters.",
        "appointment": "{office} comes to you on {day} at {time}. Does that not suit you? Let us know.",
        "term": "You got a letter from {office}. You can say that you do not agree until {day}, that day included, in "
        "any way you like.",
    },
}
