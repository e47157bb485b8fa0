"""The office's checklist: its items, and which version was in force on which day (domain 7)."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from services.evaluations.events import ChecklistPublished
from shared.contracts.evaluations import Attribution, Category, ChecklistItem
from shared.decisions import DatedStream, Named, Recorded, Refusal

Published = tuple[Recorded[ChecklistPublished], ...]
NOTHING_YET: Published = ()

STATUTORY = frozenset({"language", "employment"})
STATUTORY_WORDS = ("vdab", "nederlands", "taalles", "taalcursus", "taaltest", "inburger")


class ChecklistRetroactive(Refusal):
    """A checklist takes force on the day it is decided, or later."""


class StatutoryNotTerminable(Refusal):
    """A language or employment-service duty can never ground a termination (domain 4.5); each item is named."""


class ItemCodeReused(Refusal):
    """A code stands twice, or stood for another item before; each is named."""


class ChecklistEmpty(Refusal):
    """A checklist without items is none."""


class NoChecklistInForce(Refusal):
    """The office had no checklist on that day."""


def _item(
    code: str,
    category: Category,
    label: str,
    severity: int,
    lasting_after_days: int | None,
    attribution: Attribution,
    *consequences: str,
    terminable: bool = True,
) -> ChecklistItem:
    return ChecklistItem(
        code=code,
        category=category,
        label=label,
        severity=severity,
        lasting_after_days=lasting_after_days,
        attribution=attribution,
        terminable=terminable,
        consequences=consequences,
    )


CL_1: tuple[ChecklistItem, ...] = (
    _item("VEI-01", "safety", "De rookmelders hangen op hun plaats en werken.", 3, 14, "unclear", "danger"),
    _item(
        "VEI-02",
        "safety",
        "De gang, de trap en de uitgang zijn vrij. U kunt snel buiten bij brand.",
        3,
        14,
        "renter",
        "danger",
    ),
    _item("VEI-03", "safety", "U gebruikt stroom en gas op een veilige manier.", 4, 7, "unclear", "danger"),
    _item(
        "VEI-04",
        "safety",
        "De verwarming en de geiser werken veilig. De afvoer van rook is vrij.",
        4,
        7,
        "unclear",
        "danger",
    ),
    _item("ONH-01", "maintenance", "De woning is proper genoeg om er gezond te wonen.", 2, 60, "renter", "damage"),
    _item("ONH-02", "maintenance", "De keuken en de toestellen zijn proper.", 2, 60, "renter", "damage"),
    _item("ONH-03", "maintenance", "De badkamer en het toilet zijn proper.", 2, 60, "renter", "damage"),
    _item(
        "ONH-04",
        "maintenance",
        "U verlucht en verwarmt de woning genoeg. Er is geen schimmel door te weinig lucht.",
        2,
        90,
        "unclear",
        "damage",
    ),
    _item(
        "ONH-05",
        "maintenance",
        "Kleine herstellingen zijn gedaan, zoals een lamp, een kraan of een slot.",
        2,
        60,
        "unclear",
        "damage",
    ),
    _item("ONH-06", "maintenance", "De afvoer is niet verstopt. Een lek meldt u meteen.", 3, 30, "unclear", "damage"),
    _item("ONH-07", "maintenance", "De tuin, de koer of het terras is onderhouden.", 1, 90, "renter", "nuisance"),
    _item("SCH-01", "damage", "De muren, vloeren en plafonds zijn niet beschadigd.", 3, 60, "unclear", "damage"),
    _item("SCH-02", "damage", "De deuren, ramen en toestellen zijn niet beschadigd.", 3, 60, "unclear", "damage"),
    _item("SCH-03", "damage", "U verbouwt niets zonder dat wij ja zeggen.", 3, 60, "renter", "damage"),
    _item(
        "AFV-01",
        "waste",
        "Het afval gaat op tijd buiten. Er ligt geen berg afval in of rond de woning.",
        2,
        30,
        "renter",
        "nuisance",
    ),
    _item(
        "LEE-01",
        "liveability",
        "De buren hebben geen last van lawaai, ook niet in de nacht.",
        2,
        60,
        "unclear",
        "nuisance",
    ),
    _item(
        "LEE-02",
        "liveability",
        "Uw huisdieren geven geen stank, vuil, lawaai of gevaar.",
        2,
        60,
        "unclear",
        "nuisance",
    ),
    _item(
        "LEE-03",
        "liveability",
        "U bedreigt niemand. U houdt gang, trap en lift vrij en proper.",
        3,
        30,
        "unclear",
        "nuisance",
        "danger",
    ),
    _item("BEW-01", "occupancy", "U woont zelf in de woning. Dit is uw vast adres.", 3, 60, "renter", "loss"),
    _item("BEW-02", "occupancy", "Wie bij u woont, is bij ons gemeld.", 2, 60, "renter", "loss"),
    _item("BET-01", "payment", "De huur is betaald, of u volgt uw plan om af te betalen.", 3, 60, "renter", "loss"),
    _item(
        "ADM-01",
        "administration",
        "U meldt ons veranderingen in uw gezin of adres en u geeft de papieren die wij vragen.",
        1,
        90,
        "renter",
        "loss",
    ),
    _item(
        "MED-01",
        "cooperation",
        "U bent thuis op een afspraak die u zelf mee maakte. U laat ons binnen als het bezoek op tijd gemeld is.",
        2,
        60,
        "renter",
    ),
    _item(
        "TAA-01",
        "language",
        "U leert Nederlands. Dit punt telt nooit mee voor een opzeg.",
        1,
        None,
        "unclear",
        terminable=False,
    ),
)


def first_checklist(*, in_force_from: date) -> ChecklistPublished:
    """Return the checklist an office is founded with. It may lie in the past."""
    return ChecklistPublished(version="CL-1", in_force_from=in_force_from, founding=True, items=CL_1)


def publish(
    published: Published, *, in_force_from: date, items: tuple[ChecklistItem, ...], today: date
) -> list[ChecklistPublished]:
    """Publish a new version, whole, from ``in_force_from`` on. Items left out are retired; their codes stay theirs.

    :raises ChecklistEmpty: there are no items.
    :raises ItemCodeReused: a code stands twice, or belonged to an item that was retired or was of another category.
    :raises StatutoryNotTerminable: a language or employment-service duty was made terminable.
    :raises ChecklistRetroactive: ``in_force_from`` lies before today.
    """
    if published and published[-1].event.items == items and published[-1].event.in_force_from == in_force_from:
        return []
    if not items:
        raise ChecklistEmpty
    _refuse_reused_codes(published, items)
    statutory = [item.code for item in items if item.terminable and is_statutory(item)]
    if statutory:
        raise StatutoryNotTerminable(*(Named("STATUTORY_NOT_TERMINABLE", values={"item": code}) for code in statutory))
    if in_force_from < today:
        raise ChecklistRetroactive
    return [ChecklistPublished(version=f"CL-{len(published) + 1}", in_force_from=in_force_from, items=items)]


def is_statutory(item: ChecklistItem) -> bool:
    """Whether it is a duty that may never ground a termination, by its category or by what it says."""
    says = item.label.casefold()
    return item.category in STATUTORY or item.code.startswith("TAA-") or any(word in says for word in STATUTORY_WORDS)


def _refuse_reused_codes(published: Published, items: tuple[ChecklistItem, ...]) -> None:
    codes = [item.code for item in items]
    twice = {code for code in codes if codes.count(code) > 1}
    ever: dict[str, str] = {}
    for told in published:
        ever.update({item.code: item.category for item in told.event.items})
    now = {item.code for item in published[-1].event.items} if published else set()
    taken = {
        item.code for item in items if item.code in ever and (item.code not in now or ever[item.code] != item.category)
    }
    if twice | taken:
        raise ItemCodeReused(*(Named("ITEM_CODE_REUSED", values={"item": code}) for code in sorted(twice | taken)))


def in_force(
    published: Iterable[Recorded[ChecklistPublished]], *, on: date, known_at: datetime | None = None
) -> ChecklistPublished:
    """Return the version in force on a day, of those known at an instant (None: all).

    :raises NoChecklistInForce: there was none yet.
    """
    found = in_force_or_none(published, on=on, known_at=known_at)
    if found is None:
        raise NoChecklistInForce
    return found


def in_force_or_none(
    published: Iterable[Recorded[ChecklistPublished]], *, on: date, known_at: datetime | None = None
) -> ChecklistPublished | None:
    """Return the version in force on a day, None if there was none yet. Of two from one day the later one holds."""
    effective = [
        (told.event.in_force_from, place, told.event)
        for place, told in enumerate(published)
        if told.event.in_force_from <= on and (known_at is None or told.taken_in_at <= known_at)
    ]
    return max(effective, key=lambda one: one[:2])[2] if effective else None


def version_of(
    published: Iterable[Recorded[ChecklistPublished]], version: str, *, office: str | None = None
) -> ChecklistPublished | None:
    """Return one version by its name. ``office``: whose, where it is not the own one's; each names its own."""
    return next((told.event for told in published if told.event.version == version and told.office == office), None)


def by_code(checklist: ChecklistPublished | None) -> Mapping[str, ChecklistItem]:
    """Return the items of a version by their code; of none, nothing."""
    return {item.code: item for item in checklist.items} if checklist else {}


def evolve(published: Published, recorded: Recorded[Any]) -> Published:
    return (*published, recorded)


CHECKLISTS = DatedStream("checklists", initial=NOTHING_YET, evolve=evolve, events=ChecklistPublished)
