"""Making letters: facts opened, told in words, and sealed again.

Between the doors and reactions, which know who asks, and the rules, which know what a letter must say.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from services.notifications.events import Addressee, Annex, CommunicationDrafted
from services.notifications.rules import composing
from services.notifications.rules.composing import Facts, Values
from services.notifications.rules.content import days_in, dressed, missing_in, summary_fits, unsaid
from services.notifications.rules.in_words import DUTCH, Tongue, keeps_dutch
from services.notifications.rules.kinds import OFFICIAL, POLICIES, category_of, is_bad_news, policy_in_force
from services.notifications.rules.lease_file import LEASE_FILE, EvaluationTold, LeaseFile, TerminationTold
from services.notifications.rules.office import OFFICE_CARD, OFFICE_DETAILS, current
from services.notifications.rules.preferences import PREFERENCES, Wishes, in_their_language
from services.notifications.rules.template import TEMPLATES, Filled, fields_of, fill, in_force
from shared.contracts.evaluations import ClaimFiledV1
from shared.contracts.notifications import About, Kind
from shared.contracts.visits import CounsellorAssignedV1, LandlordChangedV1, OfficeChangedV1, ReportFixedV1
from shared.event_sourcing import OfOffice
from shared.keys import Seals
from shared.sealed import Sealed

HERE: Final = Path(__file__).parent
OFFICE: Final = "office"


class Reads(Protocol):
    """The store, as far as letters need it: at a door or in a reaction."""

    seals: Seals

    async def state(self, stream: Any, id: str, *, by: Any) -> Any:
        """Return the state of a stream."""


# Facts


async def facts_of(store: Reads, lease: str, *, by: OfOffice, on: date, about: Iterable[Any] = ()) -> Facts:
    """Return what letters of a lease can be made of, with the texts they can need opened.

    :param about: what the letter is about; its texts are opened too.
    """
    file: LeaseFile = await store.state(LEASE_FILE, lease, by=by)
    return await facts_with(store, lease, file, by=by, on=on, about=about)


async def facts_with(
    store: Reads, lease: str, file: LeaseFile, *, by: OfOffice, on: date, about: Iterable[Any] = ()
) -> Facts:
    """Return the same for a file that is at hand, perhaps with one more fact than is recorded."""
    card = await store.state(OFFICE_CARD, OFFICE, by=by)
    details = current(await store.state(OFFICE_DETAILS, OFFICE, by=by))
    policies = await store.state(POLICIES, OFFICE, by=by)
    standing = (file.registered, file.landlords, file.parties, file.administrators, file.standstills)
    wanted = set(sealed_in((standing, card.counsellors, tuple(about))))
    opened = await store.seals.open_all(by.office, wanted)

    def read(sealed: Sealed | None) -> str | None:
        found = opened.get(sealed) if sealed is not None else None
        return found.text if found is not None else None

    return Facts(
        lease=lease,
        file=file,
        office=card,
        details=details,
        policy=policy_in_force(policies, on=on),
        read=read,
        on=on,
        tongue=dutch(),
    )


def sealed_in(value: Any) -> Iterable[Sealed]:
    """Return every sealed text inside a value made of dataclasses, tuples and mappings."""
    if isinstance(value, Sealed):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from sealed_in(getattr(value, one.name))
    elif isinstance(value, Mapping):
        for held in value.values():
            yield from sealed_in(held)
    elif isinstance(value, tuple):
        for held in value:
            yield from sealed_in(held)


def matter_of(file: LeaseFile, about_kind: str, about_id: str) -> tuple[Any, ...]:
    """Return what a letter about this thing may quote."""
    match about_kind:
        case "agreement":
            return (file.notes.get(about_id),)
        case "evaluation":
            return (file.evaluations.get(about_id),)
        case "visit":
            return tuple(finding for finding in file.findings.values() if finding.visit == about_id)
        case "termination":
            told = file.terminations.get(about_id)
            grounds = told.decided.grounds if told and told.decided else ()
            return (told, tuple(file.findings.get(ground.finding) for ground in grounds))
        case _:
            return ()


# Words


def values_of(kind: Kind, facts: Facts, *, about_kind: str, about_id: str, told: Any = None) -> Values:
    """Return what a letter of this kind about this thing fills in.

    :param told: the fact that asked for it, where the lease's file does not keep it.
    """
    said: Values = {}
    match kind:
        case "L-01":
            said = composing.welcome(facts)
        case "L-02":
            said = composing.visit(facts, about_id)
        case "L-03" if isinstance(told, ReportFixedV1):
            said = composing.report(facts, told)
        case "L-04":
            said = composing.agreement(facts, about_id)
        case "L-05":
            said = composing.negative_evaluation(facts, about_id)
        case "L-06":
            said = composing.positive_evaluation(facts, about_id)
        case "L-07":
            said = composing.contest_decision(facts, about_id)
        case "L-09":
            said = composing.notice(facts, about_id)
        case "L-10":
            said = composing.stopped(facts, about_id)
        case "L-13" if isinstance(told, ClaimFiledV1):
            said = composing.claim(facts, told.filed_on)
        case "L-13":
            said = composing.ocmw(facts, facts.file.consultations.get(about_id))
        case "L-14" if isinstance(told, CounsellorAssignedV1):
            said = composing.change_of_counsellor(facts, told)
        case "L-14" if isinstance(told, LandlordChangedV1):
            said = composing.change_of_landlord(facts, landlord=told.landlord, starts_on=told.starts_on)
        case "L-14" if isinstance(told, OfficeChangedV1):
            said = composing.change_of_office(facts, starts_on=told.starts_on)
        case "L-16" if about_kind == "visit":
            said = composing.appointment(facts, about_id)
        case "L-16" if isinstance(told, ContestTerm):
            said = composing.contest_term(facts, until=told.until, begins=told.begins)
        case _:
            pass
    return {**composing.common(facts), **said}


@dataclass(frozen=True)
class ContestTerm:
    """A renter's term to contest: until when, and whether it begins or nears its end."""

    until: date
    begins: bool


@cache
def template_of_product(kind: Kind, language: str) -> str | None:
    """Return the product's own template, None where there is none in that language."""
    file = HERE / "templates" / language / f"{kind}.txt"
    return file.read_text(encoding="utf-8") if file.exists() else None


@cache
def languages() -> tuple[str, ...]:
    """Return the languages in which the product has templates; a further folder adds one."""
    return tuple(sorted(folder.name for folder in (HERE / "templates").iterdir() if folder.is_dir()))


@cache
def tongue_of(language: str) -> Tongue:
    """Return a language of the templates: its words, and the checklist as far as it is translated."""
    folder = HERE / "templates" / language
    words = tomllib.loads((folder / "words.toml").read_text(encoding="utf-8"))
    labels = folder / "labels.toml"
    return Tongue(
        code=language,
        months=tuple(words["months"]),
        weekdays=tuple(words["weekdays"]),
        numbers=tuple(words["numbers"]),
        conjunction=words["and"],
        annex=words["annex"],
        phrases=words["phrases"],
        labels=tomllib.loads(labels.read_text(encoding="utf-8")) if labels.exists() else {},
    )


def dutch() -> Tongue:
    """Return the language of every official text."""
    return tongue_of(DUTCH)


@cache
def standing_sentences(language: str = DUTCH) -> Mapping[str, Mapping[str, str]]:
    """Return what the office says in every letter of a kind, by part."""
    return tomllib.loads((HERE / "templates" / language / "standing.toml").read_text(encoding="utf-8"))


async def template_in_force(store: Reads, kind: Kind, language: str, *, by: OfOffice, on: date) -> tuple[str, str]:
    """Return the template of a day, and its name with its version: the office's own, else the product's."""
    adopted = in_force(await store.state(TEMPLATES, OFFICE, by=by), kind=kind, language=language, on=on)
    if adopted is not None:
        return adopted.text, f"{adopted.template}/{adopted.version}"
    return template_of_product(kind, language) or "", f"{kind}/{language}/0"


async def wishes_of(store: Reads, addressees: Iterable[Addressee], *, by: OfOffice) -> Wishes:
    """Return how these addressees want to be reached, as far as they said so."""
    parties = dict.fromkeys(one.party for one in addressees if one.party is not None)
    return {party: await store.state(PREFERENCES, party, by=by) for party in parties}


async def drafted_from_fact(
    store: Reads,
    *,
    by: OfOffice,
    facts: Facts,
    kind: Kind,
    about_kind: About,
    about_id: str,
    addressees: tuple[Addressee, ...],
    told: Any = None,
    replaces: str | None = None,
) -> CommunicationDrafted:
    """Return the letter that a fact asks for. What it lacks is named in it, and approval waits for that."""
    template, name = await template_in_force(store, kind, "nl", by=by, on=facts.on)
    addressees = in_their_language(addressees, await wishes_of(store, addressees, by=by), on=facts.on)
    values = values_of(kind, facts, about_kind=about_kind, about_id=about_id, told=told)
    filled = fill(template, values)
    text = await store.seals.seal(by.office, facts.lease, category_of(kind), "text_nl", filled.text)
    assert text is not None
    evaluation = facts.file.evaluations.get(about_id, EvaluationTold())
    termination = facts.file.terminations.get(about_id, TerminationTold())
    return CommunicationDrafted(
        lease=facts.lease,
        kind=kind,
        about_kind=about_kind,
        about_id=about_id,
        addressees=await _addressed(store, addressees, facts=facts, kind=kind, by=by),
        text_nl=text,
        annexes=await _annexes(
            store, kind, facts, addressees, by=by, about_kind=about_kind, about_id=about_id, told=told
        ),
        bad_news=is_bad_news(kind, upheld=evaluation.upheld is not None and evaluation.annulled is None),
        senders=_senders(kind, evaluation),
        missing=_missing(filled, values, kind),
        template=name,
        notice_dates=composing.notice_rows(termination.decided) if kind == "L-09" and termination.decided else (),
        replaces=replaces,
    )


def _senders(kind: Kind, evaluation: EvaluationTold) -> tuple[str, ...]:
    outcome = evaluation.annulled or evaluation.upheld
    return (outcome.decided_by,) if kind == "L-07" and outcome is not None else ()


def _missing(filled: Filled, values: Values, kind: Kind) -> tuple[str, ...]:
    frame = ("office", "landlord", "dwelling") if kind in OFFICIAL else ("office",)
    return tuple(dict.fromkeys((*filled.missing, *(name for name in frame if not values.get(name)))))


async def _addressed(
    store: Reads, addressees: tuple[Addressee, ...], *, facts: Facts, kind: Kind, by: OfOffice
) -> tuple[Addressee, ...]:
    """Return the addressees, those outside the lease with their names sealed for the letter."""
    result = []
    for one in addressees:
        name = _name_outside(facts, one)
        sealed = await store.seals.seal(by.office, facts.lease, category_of(kind), "name", name) if name else one.name
        result.append(replace(one, name=sealed))
    return tuple(result)


def _name_outside(facts: Facts, one: Addressee) -> str | None:
    if one.role == "ocmw":
        return facts.details.ocmw.name if facts.details and facts.details.ocmw else "OCMW"
    if one.role == "administrator":
        administration = facts.file.administrators.get(one.addressee)
        return (facts.read(administration.appointed.name) if administration else None) or "De bewindvoerder"
    if one.role == "debt_mediator":
        standstill = facts.file.standstills.get(one.addressee)
        return (facts.read(standstill.started.mediator_name) if standstill else None) or "De schuldbemiddelaar"
    return None


async def _annexes(
    store: Reads,
    kind: Kind,
    facts: Facts,
    addressees: tuple[Addressee, ...],
    *,
    by: OfOffice,
    about_kind: str,
    about_id: str,
    told: Any,
) -> tuple[Annex, ...]:
    """Return the letter in the languages of its addressees, as far as it can be told without a person.

    Somebody's own words stay in Dutch there and are named in ``untranslated``: such an annex helps who translates, and
    is no translation yet where one must be there.
    """
    asked = dict.fromkeys(one.language for one in addressees if one.language in languages() and one.language != DUTCH)
    made = []
    for language in asked if kind != "L-13" else ():
        assert language is not None
        template, name = await template_in_force(store, kind, language, by=by, on=facts.on)
        if not template:
            continue
        tongue = tongue_of(language)
        values = values_of(kind, replace(facts, tongue=tongue), about_kind=about_kind, about_id=about_id, told=told)
        text = tongue.shown(fill(template, values).text)
        untranslated = tuple(sorted(part for part in fields_of(template) if keeps_dutch(values.get(part))))
        made.append(
            await _annex(store, kind, facts.lease, text, by=by, language=language, name=name, untranslated=untranslated)
        )
    return tuple(made)


async def _annex(
    store: Reads,
    kind: Kind,
    lease: str,
    text: str,
    *,
    by: OfOffice,
    language: str,
    name: str,
    untranslated: tuple[str, ...],
) -> Annex:
    said = {"text": text, "translator": f"Huurspoor, {name}"}
    sealed = await store.seals.seal_all(by.office, lease, category_of(kind), said)
    assert sealed["text"] is not None
    return Annex(
        language=language,
        text=sealed["text"],
        translator=sealed["translator"],
        translation_of=DUTCH,
        untranslated=untranslated,
    )


async def words_of_person(
    store: Reads, kind: Kind, text: str, *, facts: Facts, about_kind: str, about_id: str, by: OfOffice
) -> tuple[str, tuple[str, ...]]:
    """Return a person's words as a letter of this kind, and the mandatory parts that it does not say."""
    template, _ = await template_in_force(store, kind, "nl", by=by, on=facts.on)
    values = values_of(kind, facts, about_kind=about_kind, about_id=about_id)
    standing = {
        part: fill(sentence, values).text.strip() for part, sentence in standing_sentences().get(kind, {}).items()
    }
    whole = dressed(text, frame=fill(template, values).text, standing=standing)
    frame = ("office", "landlord", "dwelling") if kind in OFFICIAL else ()
    lacking = [name for name in frame if not values.get(name)]
    lacking += missing_in(_body_of(whole), kind)
    if not summary_fits(whole):
        lacking.append("summary")
    if kind == "L-08" and facts.policy is not None:
        earliest = facts.on + timedelta(days=facts.policy.hearing_notice_days)
        named = days_in(whole)
        if named and all(day < earliest for day in named):
            lacking.append("hearing_date")
    return whole, tuple(dict.fromkeys(lacking))


async def annexes_beside(
    store: Reads,
    kind: Kind,
    text: str,
    *,
    facts: Facts,
    about_kind: str,
    about_id: str,
    addressees: Iterable[Addressee],
    given: Iterable[Annex],
    by: OfOffice,
) -> tuple[Annex, ...]:
    """Return the annexes given with a person's words, and what the templates say around them in further languages.

    The words themselves stay in Dutch there: such an annex helps who translates, and is no translation yet.
    """
    made = list(given)
    there = {annex.language for annex in made}
    asked = dict.fromkeys(one.language for one in addressees if one.language in languages() and one.language != DUTCH)
    for language in asked:
        assert language is not None
        template, name = await template_in_force(store, kind, language, by=by, on=facts.on)
        if language in there or not template:
            continue
        tongue = tongue_of(language)
        values = values_of(kind, replace(facts, tongue=tongue), about_kind=about_kind, about_id=about_id)
        standing = {
            part: fill(sentence, values).text.strip()
            for part, sentence in standing_sentences(language).get(kind, {}).items()
        }
        added = [standing[part] for part in unsaid(text, standing)]
        top = [line for line in fill(template, values).text.splitlines() if line.startswith(("# ", "> "))]
        body = "\n".join(tongue.kept(line) if line.strip() else line for line in _body_of(text).strip().splitlines())
        whole = tongue.shown("\n".join((*top, "", body, "", *added)))
        made.append(
            await _annex(store, kind, facts.lease, whole, by=by, language=language, name=name, untranslated=("text",))
        )
    return tuple(made)


def _body_of(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(("# ", "> ")))
