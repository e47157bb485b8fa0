"""The lines of an import file: read strictly, and turned into decisions. What a line says is never echoed."""

import csv
import io
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID, uuid5

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from services.visits.api.door import OF_THE_POLICIES, Language, SomeLine, Who
from services.visits.events import ContactPoint, Household, ImportKind, Party, Purpose, Role
from services.visits.rules import importing as rules
from services.visits.rules.lease import LEASE
from services.visits.rules.policy import OFFICE, Policies, policy_on
from services.visits.rules.visit import VISIT
from shared import problems
from shared.authority import MANDATES
from shared.bodies import shown_on
from shared.decisions import AnyStream
from shared.event_sourcing import Read
from shared.keys import Category, refuse_national_number
from shared.problems import Fault
from shared.sealed import Sealed
from shared.strict_json import Malformed, text_in_nfc
from shared.web import Body, Caller, Day, Line, Time, one

MOST_LINES: Final = 50_000
LONGEST_CELL: Final = 1_000
_IDS: Final = UUID("6f0d3c52-6a0e-5f0b-9a57-5a4a8f1c2e11")  # so that the same reference always is the same lease

Reference = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[0-9A-Za-z][0-9A-Za-z ./_-]*$")]


class _Line(Body):
    reference: Reference


class _RenterLine(_Line):
    name: SomeLine
    role: Role = "renter"
    language: Language = "nl"
    household: Household | None = None
    phone: Line | None = None
    email: Line | None = None


class LeaseLine(_RenterLine):
    """A lease with its first renter."""

    renter_reference: Reference = "1"
    dwelling_reference: SomeLine | None = None  # by default the reference itself
    dwelling_address: SomeLine
    landlord: SomeLine
    start: Day
    informed_on: Day | None = None
    policy_version: Annotated[Line, Field(max_length=40)] | None = None
    inventory_ref: Line | None = None
    counsellor: Who | None = None


class RenterLine(_RenterLine):
    """A further renter, or somebody of the household."""

    renter_reference: Reference
    joined_on: Day | None = None


class VisitLine(_Line):
    """A past visit."""

    visited_on: Day
    slot: Time = "00:00"
    purpose: Purpose = "individual"
    counsellor: Who | None = None

    @field_validator("slot")
    @classmethod
    def slot_exists(cls, slot: str, told: ValidationInfo) -> str | None:
        """Refuse a local time that clocks skip when summer time begins."""
        return shown_on(told.data.get("visited_on"), slot)


LINES: Final[Mapping[ImportKind, type[_Line]]] = {"lease": LeaseLine, "renter": RenterLine, "visit": VisitLine}
COLUMNS: Final = frozenset({"kind", *(name for line in LINES.values() for name in line.model_fields)})


@dataclass(frozen=True)
class Told:
    """One line as it was read: what it says, or why it cannot be read."""

    number: int
    kind: ImportKind
    says: LeaseLine | RenterLine | VisitLine | None = None
    reason: str | None = None
    columns: tuple[str, ...] = ()


def read_lines(raw: bytes) -> list[Told]:
    """Read a file: UTF-8, a line of column names, cells between commas or semicolons.

    :raises Problem: it is no such file; a line that alone is wrong is told of in its place.
    """
    try:
        text = raw.decode("utf-8-sig")  # spreadsheets put a byte-order mark before UTF-8
    except UnicodeDecodeError:
        raise problems.malformed() from None
    if "\0" in text:
        raise problems.malformed()
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        if len(set(names)) < len(names) or not {"kind", "reference"} <= set(names) <= COLUMNS:
            raise problems.invalid(Fault("columns", pointer="file"))
        told: list[Told] = []
        number = 2
        for cells in reader:
            if any(cell.strip() for cell in cells):
                told.append(_told(number, names, cells))
            if len(told) > MOST_LINES:
                raise problems.invalid(Fault("too_many_lines", pointer="file"))
            number = reader.line_num + 1
    except csv.Error:
        raise problems.malformed() from None
    return told


def _told(number: int, names: list[str], cells: list[str]) -> Told:
    if len(cells) != len(names):
        return Told(number, "unknown", reason="line-unreadable")
    filled = {name: cell.strip() for name, cell in zip(names, cells, strict=True) if cell.strip()}
    kind: Any = filled.pop("kind", "")
    if kind not in LINES:
        return Told(number, "unknown", reason="line-unreadable", columns=("kind",))
    too_long = tuple(name for name, cell in filled.items() if len(cell) > LONGEST_CELL)
    if too_long:
        return Told(number, kind, reason="invalid-request", columns=too_long)
    for name, cell in filled.items():
        try:
            filled[name] = text_in_nfc(cell)
        except Malformed:
            return Told(number, kind, reason="invalid-request", columns=(name,))
    try:
        return Told(number, kind, says=LINES[kind].model_validate(filled))  # type: ignore[arg-type]
    except ValidationError as wrong:
        columns = dict.fromkeys(str(error["loc"][0]) for error in wrong.errors() if error["loc"])
        return Told(number, kind, reason="invalid-request", columns=tuple(columns))


# --- what a line asks -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asks:
    """The decision that a line asks for."""

    lease: str
    stream: AnyStream
    id: str
    decision: Any
    reads: Mapping[str, Read]
    by: Caller


class Seals:
    """Seals the texts of lines; of a rehearsal nothing is kept, so nothing is sealed and no key is made."""

    def __init__(self, by: Caller, *, rehearsal: bool) -> None:
        self._by, self._rehearsal = by, rehearsal

    async def all(self, category: Category, subject: str, texts: Mapping[str, str | None]) -> dict[str, Any]:
        """Return the texts sealed, None for one that is missing.

        :raises NationalNumberTyped: one holds a national register number.
        """
        if self._rehearsal:
            for name, text in texts.items():
                refuse_national_number(name, text or "")
            return {name: Sealed("", "", "", len(text)) if text else None for name, text in texts.items()}
        return vars(await self._by.seal(category, subject, **texts))


def lease_of(reference: str, *, by: Caller) -> str:
    """Return the id of the lease with a reference in the office's old system."""
    return str(uuid5(_IDS, f"{by.office}/{reference}"))


def subjects_of(told: Told, *, by: Caller) -> list[tuple[str, Category]]:
    """Return whose keys the texts of a line are sealed under."""
    says = told.says
    if says is None or isinstance(says, VisitLine):
        return []
    lease = lease_of(says.reference, by=by)
    return [(lease, "A"), (_renter_of(lease, says.renter_reference), "A")]


def _renter_of(lease: str, reference: str) -> str:
    return str(uuid5(UUID(lease), f"renter {reference}"))


async def asks(told: Told, *, by: Caller, seals: Seals, policies: Policies, visited: Set[str]) -> Asks:
    """Return the decision that a readable line asks for.

    :param visited: the references of leases of which the file has past visits.
    """
    says = told.says
    assert says is not None
    lease = lease_of(says.reference, by=by)
    match says:
        case LeaseLine():
            sealed = await seals.all(
                "A",
                lease,
                {
                    "dwelling_reference": says.dwelling_reference or says.reference,
                    "dwelling_address": says.dwelling_address,
                    "landlord": says.landlord,
                    "inventory_ref": says.inventory_ref,
                },
            )
            decision = partial(
                rules.take_over_lease,
                party=await _party(says, says.renter_reference, lease, seals),
                start=says.start,
                informed_on=says.informed_on,
                policy_version=says.policy_version,
                counsellor=says.counsellor,
                visits_follow=says.reference in visited,
                today=by.today,
                **sealed,
            )
            stamped = by.under(policy=says.policy_version or policy_on(policies, on=says.start).version)
            reads = {"policies": OF_THE_POLICIES, "mandates": one(MANDATES, OFFICE)}
            return Asks(lease, LEASE, lease, decision, reads, stamped)
        case RenterLine():
            party = await _party(says, says.renter_reference, lease, seals)
            joins = partial(rules.take_over_renter, party=party, joined_on=says.joined_on, today=by.today)
            return Asks(lease, LEASE, lease, joins, {}, by)
        case VisitLine():
            id = str(uuid5(UUID(lease), f"visit {says.visited_on} {says.slot}"))
            came = partial(
                rules.take_over_visit,
                id=id,
                lease_id=lease,
                on=says.visited_on,
                slot=says.slot,
                purpose=says.purpose,
                counsellor=says.counsellor,
                today=by.today,
            )
            reads = {"policies": OF_THE_POLICIES, "lease": one(LEASE, lease)}
            return Asks(lease, VISIT, id, came, reads, by.on(says.visited_on))


async def _party(says: LeaseLine | RenterLine, reference: str, lease: str, seals: Seals) -> Party:
    id = _renter_of(lease, reference)
    name = (await seals.all("A", id, {"name": says.name}))["name"]
    reached: list[ContactPoint] = []
    if says.phone:
        reached.append(ContactPoint(kind="phone", **await seals.all("A", id, {"value": says.phone})))
    if says.email:
        reached.append(ContactPoint(kind="email", **await seals.all("A", id, {"value": says.email})))
    return Party(
        id=id,
        name=name,
        role=says.role,
        language=says.language,
        household=says.household,
        contacts=tuple(reached),
    )


def visited_in(told: Iterable[Told]) -> frozenset[str]:
    """Return the references of the leases of which a file has past visits."""
    return frozenset(line.says.reference for line in told if isinstance(line.says, VisitLine))


def in_passes(told: Iterable[Told]) -> list[list[Told]]:
    """Return the readable lines in the order in which they can be taken over: leases, renters, visits."""
    readable = [line for line in told if line.says is not None]
    return [[line for line in readable if line.kind == kind] for kind in LINES]
