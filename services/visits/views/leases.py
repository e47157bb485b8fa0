"""Leases as everybody at work on them sees them: parties, counsellor, the next visit, the balance, how they ended."""

from collections.abc import Mapping
from typing import Any

from services.visits.events import ContactPoint, Party
from services.visits.rules.lease import LEASE, Lease
from shared.views import Resource


def show_lease(_id: str, lease: Lease) -> Mapping[str, Any] | None:
    """A lease as it is now."""
    known = lease.registered
    if known is None:
        return None
    return {
        "state": lease.state,
        "dwelling": {"reference": known.dwelling_reference, "address": known.dwelling_address},
        "landlord": lease.landlords[-1].name,
        "landlords": [{"name": one.name, "from": one.starts_on} for one in lease.landlords],
        "parties": [_party(party, lease) for party in lease.parties],
        "start": known.start,
        "informed_on": known.informed_on,
        "policy_version": known.policy_version,
        "informed": [{"policy_version": one.policy_version, "on": one.on} for one in lease.informed],
        "inventory_ref": known.inventory_ref,
        "imported": known.imported,
        "counsellor": lease.counsellor,
        "counsellor_from": lease.counsellor_from,
        "first_visit_due": lease.first_visit_due,
        "first_visit_on": lease.first_visit_on,
        "last_visit_on": lease.last_visit_on,
        "cadence_months": lease.cadence_months,
        "next_visit_due": lease.next_visit_due,
        "no_visit_due_because": lease.no_visit_due_because,
        "overdue": lease.overdue,
        "balance": _balance(lease),
        "administrators": [_administrator(one) for one in lease.administrators.values()],
        "standstills": [_standstill(one) for one in lease.standstills.values()],
        "standstill": bool(lease.standstills),
        "administered": bool(lease.administrators),
        "head_lease_ending": lease.head_lease_ends_on,
        "office_changes": [{"to": one.to_office, "from": one.starts_on} for one in lease.offices],
        "came_from": lease.taken_over[-1].from_office if lease.taken_over else None,
        "ended": _ended(lease),
    }


def _party(party: Party, lease: Lease) -> Mapping[str, Any]:
    return {
        "id": party.id,
        "name": party.name,
        "role": party.role,
        "language": party.language,
        "household": party.household,
        "contacts": [_contact_point(point) for point in party.contacts],
        "left_on": lease.left.get(party.id),
    }


def _contact_point(point: ContactPoint) -> Mapping[str, Any]:
    return {"kind": point.kind, "value": point.value}


def _balance(lease: Lease) -> Mapping[str, Any] | None:
    if lease.balance is None:
        return None
    return {
        "on": lease.balance.balance_on,
        "amount_cents": lease.balance.amount_cents,
        "month_rent_cents": lease.balance.month_rent_cents,
        "source": lease.balance.source,
    }


def _administrator(one: Any) -> Mapping[str, Any]:
    return {
        "id": one.administrator,
        "from": one.appointed_from,
        "scope": one.scope,
        "judgment_ref": one.judgment_ref,
        "name": one.name,
        "party": one.party,
        "contacts": [_contact_point(point) for point in one.contacts],
    }


def _standstill(one: Any) -> Mapping[str, Any]:
    return {
        "id": one.standstill,
        "from": one.starts_on,
        "kind": one.kind,
        "ref": one.ref,
        "mediator_name": one.mediator_name,
        "mediator_contacts": [_contact_point(point) for point in one.mediator_contacts],
    }


def _ended(lease: Lease) -> Mapping[str, Any] | None:
    if lease.ended is None:
        return None
    return {
        "mode": lease.ended.mode,
        "ground": lease.ended.ground,
        "secondary_grounds": lease.ended.secondary_grounds,
        "on": lease.ended.ended_on,
        "registration_bar_until": lease.ended.registration_bar_until,
    }


LEASES = Resource(
    collection="leases",
    stream=LEASE,
    show=show_lease,
    filters={
        "lease": "text not null",
        "state": "text not null",
        "counsellor": "text",
        "overdue": "boolean not null",
    },
    filter_values=lambda lease_id, lease: {
        "lease": lease_id,
        "state": lease.state,
        "counsellor": lease.counsellor,
        "overdue": lease.overdue,
    },
    clear={"ended.registration_bar_until": "D"},
)
