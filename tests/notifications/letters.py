"""Letters, leases and people that the tests of notifications speak of."""

from datetime import date
from typing import Any

from services.notifications.events import (
    Addressee,
    Annex,
    CommunicationApproved,
    CommunicationDelivered,
    CommunicationDrafted,
    CommunicationSent,
)
from services.notifications.rules.communication import Proof
from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile
from shared.contracts.visits import AdministratorAppointedV1, LeaseRegisteredV1, PartyV1
from shared.decisions import Person, Recorded
from shared.sealed import Sealed
from tests.specification import recorded, state_of

LEASE, EVALUATION, LETTER, AGAIN = "l-1", "e-1", "c-1", "c-2"
AN, BERT, CELIA = "p-an", "p-bert", "p-celia"
DECIDED, SENT, HANDED_OVER = date(2026, 5, 6), date(2026, 5, 11), date(2026, 5, 13)
KAREL = Person(id="karel", roles=frozenset({"coordinator"}))
WIM = Person(id="wim", roles=frozenset({"coordinator"}))
RITA = Person(id="rita", roles=frozenset({"director"}))
FATMA = Person(id="fatma", roles=frozenset({"counsellor"}))
TOM = Person(id="tom", roles=frozenset({"administration"}))


def words(text: str) -> Sealed:
    """Return a text as if it were sealed, for tests that never open it."""
    return Sealed(sealed=f"sealed {text}", key="C-1", digest=text.lower(), length=len(text))


def party(id: str, role: Any = "renter", language: str = "nl") -> PartyV1:
    """Return a party of the lease."""
    return PartyV1(id=id, name=words(id), role=role, language=language)


def registered(*parties: PartyV1) -> LeaseRegisteredV1:
    """Return the lease with these parties."""
    return LeaseRegisteredV1(
        lease=LEASE,
        dwelling_reference=words("KN-0012"),
        dwelling_address=words("Vaartstraat 12"),
        landlord=words("Woonmaatschappij Noord"),
        parties=parties or (party(AN),),
        start=date(2025, 11, 3),
        informed_on=date(2025, 11, 3),
        policy_version="P-1",
        first_visit_due=date(2025, 11, 24),
    )


def file_of(*events: Any) -> LeaseFile:
    """Return the file of the lease of An, or of what is told."""
    return state_of(LEASE_FILE, *(events or (registered(),)))  # type: ignore[no-any-return]


def appointed(since: date, scope: Any = "housing") -> AdministratorAppointedV1:
    """Return the appointment of an administrator."""
    return AdministratorAppointedV1(
        lease=LEASE, administrator=CELIA, appointed_from=since, scope=scope, judgment_ref=words("26/1234")
    )


def to(id: str, language: str | None = "nl", **beside: Any) -> Addressee:
    """Return a party as addressee."""
    return Addressee(addressee=id, role="party", party=id, language=language, **beside)


def drafted(*addressees: Addressee, actor: str = "SYS", **beside: Any) -> Recorded[Any]:
    """Return a drafted L-05, by the system unless told otherwise."""
    return recorded(the_draft(*addressees, **beside), on=DECIDED, actor=actor)


def the_draft(*addressees: Addressee, **beside: Any) -> CommunicationDrafted:
    """Return the event of a drafted L-05."""
    facts: dict[str, Any] = {
        "lease": LEASE,
        "kind": "L-05",
        "about_kind": "evaluation",
        "about_id": EVALUATION,
        "addressees": addressees or (to(AN),),
        "text_nl": words("Negatieve evaluatie"),
        "bad_news": True,
    }
    return CommunicationDrafted(**{**facts, **beside})


def annex(language: str) -> Annex:
    """Return a translation."""
    return Annex(language=language, text=words("..."), translator=words("Elif"), translation_of="nl")


FROZEN = CommunicationApproved(approved_on=DECIDED, text_nl=words("frozen"), document="d0c", pdf=words("bytes"))
APPROVED = recorded(FROZEN, on=DECIDED, actor="karel", id="ev-approved")


def sent(*required: str, on: date = SENT, method: Any = "registered_paper") -> CommunicationSent:
    """Return the sending to those who must be reached."""
    return CommunicationSent(method=method, sent_on=on, required=required or (AN,))


PROOF = Proof(kind="carrier", reference=words("RR 123 BE"))


def delivered(addressee: str = AN, on: date = HANDED_OVER) -> CommunicationDelivered:
    """Return the delivery with that proof."""
    return CommunicationDelivered(
        addressee=addressee, delivered_on=on, proof_kind="carrier", reference=words("RR 123 BE")
    )
