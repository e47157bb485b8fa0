"""How a lease ends, why, and when its file is closed (domain 3.1). How and why are two things."""

from collections.abc import Mapping
from datetime import date

from services.visits.events import AgreementLapsed, EndingGround, EndingMode, LeaseClosed, LeaseEnded, LeaseEvent
from services.visits.rules.agreement import AGREEMENT, Agreement
from services.visits.rules.contact import Contact
from services.visits.rules.lease import Lease
from shared.decisions import Elsewhere, Named, Refusal
from shared.refusals import DateOrder, WrongState
from shared.sealed import Sealed
from shared.working_days import add_years

REGISTRATION_BAR_YEARS = 3  # domain 3.1 [study]
BY_LAW_ONLY = frozenset({"death_last_renter", "moved_within_landlord"})
BY_RENTER_OR_MUTUAL = frozenset({"moved_on", "care_home"})
NOT_THE_RENTERS_FAULT = frozenset({"head_lease_ended"})


class ModeGroundMismatch(Refusal):
    """How the lease ended and why are missing, or cannot go together."""


class OpenMatters(Refusal):
    """Something of the lease is still open."""


def may_go_together(mode: EndingMode, ground: EndingGround) -> bool:
    """Whether a lease can have ended in this way for this reason."""
    if ground in BY_LAW_ONLY:
        return mode == "by_law"
    if ground in BY_RENTER_OR_MUTUAL:
        return mode in ("renter_notice", "mutual")
    if ground in NOT_THE_RENTERS_FAULT:
        return mode not in ("landlord_notice", "judicial_dissolution")
    return True


def end(
    lease: Lease,
    *,
    mode: EndingMode | None,
    ground: EndingGround | None,
    secondary_grounds: tuple[EndingGround, ...],
    on: date,
    judgment_says_neglect: bool,
    agreements: Mapping[str, Agreement],
) -> list[LeaseEvent | Elsewhere]:
    """End the lease; its open notes lapse.

    :param judgment_says_neglect: asked, never inferred: whether the judgment itself says neglect.
    :raises ModeGroundMismatch: mode or ground is missing, or they cannot go together.
    :raises DateOrder: it would end before it began.
    """
    if not lease.runs or lease.registered is None:
        raise WrongState
    if mode is None or ground is None:
        raise ModeGroundMismatch
    if not all(may_go_together(mode, one) for one in (ground, *secondary_grounds)):
        raise ModeGroundMismatch
    if on < lease.registered.start:
        raise DateOrder
    barred = ground in ("nuisance", "neglect") or (ground == "maintenance" and judgment_says_neglect)
    bar = add_years(on, REGISTRATION_BAR_YEARS) if mode == "judicial_dissolution" and barred else None
    ended = LeaseEnded(
        mode=mode, ground=ground, ended_on=on, secondary_grounds=secondary_grounds, registration_bar_until=bar
    )
    lapsed = [
        Elsewhere(AGREEMENT, note, AgreementLapsed(cause="lease_ended"))
        for note, agreement in agreements.items()
        if agreement.state in ("proposed", "running")
    ]
    return [ended, *lapsed]


def close(
    lease: Lease, *, out_inventory_ref: Sealed | None, terminations: frozenset[str], contacts: Mapping[str, Contact]
) -> list[LeaseEvent]:
    """Close the file of a lease that ended.

    :raises OpenMatters: a termination file is open, or something that was asked was not answered.
    """
    if lease.state == "closed":
        return []
    if lease.state != "ended":
        raise WrongState
    waiting = [Named("termination_open")] if terminations else []
    if any(contact.open for contact in contacts.values()):
        waiting.append(Named("request_open"))
    if waiting:
        raise OpenMatters(*waiting)
    return [LeaseClosed(out_inventory_ref=out_inventory_ref)]
