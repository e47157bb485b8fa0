"""What counsellors and others look at. Made of events only: thrown away and built again, it is the same."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from services.referrals.rules.bridge_figure import BRIDGE_FIGURE, BRIDGE_REQUEST, BridgeFigure, BridgeRequest
from services.referrals.rules.data_sharing_protocol import DATA_SHARING_PROTOCOL, DataSharingProtocol
from services.referrals.rules.interpreter import INTERPRETER, Interpreter
from services.referrals.rules.noted_needs import NOTED_NEEDS, NotedNeeds
from services.referrals.rules.ocmw_consultation import OCMW_CONSULTATION, OcmwConsultation
from services.referrals.rules.partner import PARTNER, Partner
from services.referrals.rules.referral import REFERRAL, Referral, forget_on, silent_on
from shared.decisions import Recorded
from shared.views import Asked, Resource, Row, Table, View

LISTED, RETIRED = "listed", "retired"
LANDING_DAYS = 60  # K-08 looks at referrals asked at least so long ago


def _listed(retired_on: date | None) -> str:
    return LISTED if retired_on is None else RETIRED


# Referrals


def show_referral(_id: str, referral: Referral) -> Mapping[str, Any] | None:
    """A referral with its consent and each step of it; what it is about is left sealed."""
    if referral.proposed is None:
        return None
    asked, consent, refused, withdrawn = referral.asked, referral.consent, referral.refused, referral.withdrawn
    return {
        "state": referral.state,
        "lease": referral.lease,
        "proposed_on": referral.proposed.proposed_on,
        "need": referral.proposed.need,
        "partner": referral.proposed.partner,
        "why": referral.proposed.why,
        "warm": referral.is_warm,
        "asked": asked
        and {
            "asked_on": asked.asked_on,
            "explained_in": asked.explained_in,
            "what_is_shared": list(asked.what_is_shared),
        },
        "consent": consent
        and {
            "given_on": consent.given_on,
            "scope": list(consent.scope),
            "form": consent.form,
            "by_party": consent.by_party,
        },
        "refused": refused and {"refused_on": refused.refused_on, "by_party": refused.by_party, "why": refused.why},
        "withdrawn": withdrawn
        and {
            "withdrawn_on": withdrawn.withdrawn_on,
            "tell_partner": withdrawn.tell_partner,
            "by_party": withdrawn.by_party,
            "why": withdrawn.why,
        },
        "steps": list(_steps(referral)),
        "ended": _ended(referral),
        "silent_on": silent_on(referral),
        "forgotten_on": referral.forgotten_on,
    }


def _steps(referral: Referral) -> Iterable[Mapping[str, Any]]:
    for given in referral.details:
        yield {
            "step": "contact_details_given",
            "on": given.given_on,
            "by": given.given_by,
            "to": given.to,
            "shared": list(given.shared),
            "protocol": given.protocol,
        }
    if (called := referral.called) is not None:
        yield {
            "step": "called_together",
            "on": called.called_on,
            "by": called.called_by,
            "minutes": called.minutes,
            "spoke_with": called.spoke_with,
            "protocol": called.protocol,
        }
    if (along := referral.accompanied) is not None:
        yield {
            "step": "accompanied",
            "on": along.accompanied_on,
            "by": along.accompanied_by,
            "minutes": along.minutes,
        }
    if (intake := referral.intake) is not None:
        yield {
            "step": "intake_confirmed",
            "on": intake.intake_on,
            "confirmed_by": intake.confirmed_by,
            "received_by": intake.received_by,
        }


def _ended(referral: Referral) -> Mapping[str, Any] | None:
    if referral.end is None:
        return None
    return {"on": referral.last_step_on, "by": referral.end.by, "why": referral.end.why}


REFERRALS = Resource(
    "referrals",
    REFERRAL,
    show_referral,
    filters={"lease": "text", "state": "text", "warm": "boolean"},
    filter_values=lambda _id, referral: {
        "lease": referral.lease,
        "state": referral.state,
        "warm": referral.is_warm,
    },
    clear={"steps.protocol": "F"},  # it is one with one partner
)

WAY = Table(
    name="way",
    columns={
        "referral": "text not null",
        "lease": "text not null",
        "asked_on": "date",
        "consent_on": "date",
        "warm": "boolean not null",
        "intake": "boolean not null",
        "silent_on": "date",
        "forget_on": "date",
        "forgotten_on": "date",
    },
    key=("referral",),
    indexes=(("silent_on",), ("consent_on",), ("forget_on",), ("forgotten_on",)),
)


def keep_way(referral: Referral, recorded: Recorded[Any]) -> Iterable[Row]:
    """One row for each referral: how far it came, and from when silence is a task."""
    yield Row(
        WAY,
        {
            "referral": recorded.thing,
            "lease": referral.lease,
            "asked_on": referral.asked.asked_on if referral.asked else None,
            "consent_on": referral.consent.given_on if referral.consent else None,
            "warm": referral.is_warm,
            "intake": referral.intake is not None,
            "silent_on": silent_on(referral),
            "forget_on": forget_on(referral),
            "forgotten_on": referral.forgotten_on,
        },
    )


async def silent_referrals(store: Asked, *, on: date, by: Any) -> list[tuple[str, str]]:
    """Return referral and lease of what has been silent for long enough on ``on`` or before, the oldest first."""
    found = await store.rows(
        "select referral, lease from way where office = $1 and silent_on <= $2 order by silent_on, referral", on, by=by
    )
    return [(row["referral"], row["lease"]) for row in found]


async def to_forget(store: Asked, *, on: date, by: Any) -> list[tuple[str, str]]:
    """Return referral and lease of what is not to be kept on ``on``, the oldest first."""
    found = await store.rows(
        "select referral, lease from way where office = $1 and forget_on <= $2 order by forget_on, referral", on, by=by
    )
    return [(row["referral"], row["lease"]) for row in found]


async def forgotten(store: Asked, *, since: date, by: Any) -> list[str]:
    """Return the referrals whose content was given up on ``since`` or later."""
    found = await store.rows(
        "select referral from way where office = $1 and forgotten_on >= $2 order by referral", since, by=by
    )
    return [row["referral"] for row in found]


async def warm_share(store: Asked, *, since: date, until: date, by: Any) -> list[tuple[str, bool]]:
    """K-07: each referral to which the renter agreed in the period, and whether somebody called or went along."""
    found = await store.rows(
        "select referral, warm from way where office = $1 and consent_on between $2 and $3"
        " order by consent_on, referral",
        since,
        until,
        by=by,
    )
    return [(row["referral"], row["warm"]) for row in found]


async def landed(store: Asked, *, since: date, until: date, today: date, by: Any) -> list[tuple[str, bool]]:
    """K-08: each referral with consent, asked in the period and 60 days ago or more, and whether it landed."""
    found = await store.rows(
        "select referral, intake from way where office = $1 and asked_on between $2 and $3 and consent_on is not null"
        " order by asked_on, referral",
        since,
        min(until, today - timedelta(days=LANDING_DAYS)),
        by=by,
    )
    return [(row["referral"], row["intake"]) for row in found]


# The OCMW


def show_consultation(_id: str, consultation: OcmwConsultation) -> Mapping[str, Any] | None:
    """A question to the OCMW and its answer."""
    consulted, answered = consultation.consulted, consultation.answered
    if consulted is None:
        return None
    return {
        "state": "answered" if answered else "consulted",
        "lease": consulted.lease,
        "consulted_on": consulted.consulted_on,
        "ground": consulted.ground,
        "told_renter_on": consulted.told_renter_on,
        "answered_on": answered.answered_on if answered else None,
        "answer": answered.answer if answered else None,
    }


CONSULTATIONS = Resource(
    "ocmw-consultations",
    OCMW_CONSULTATION,
    show_consultation,
    filters={"lease": "text", "state": "text"},
    filter_values=lambda _id, consultation: {
        "lease": consultation.consulted.lease,
        "state": "answered" if consultation.answered else "consulted",
    },
)


# The directory


def show_partner(id: str, partner: Partner) -> Mapping[str, Any] | None:
    """A partner as an organization of HSDS 3.0, and beside it what the rules look at."""
    entry = partner.entry
    if entry is None:
        return None
    return {
        "state": _listed(partner.retired_on),
        "kind": entry.kind,
        "name": entry.name,
        "description": entry.description,
        "email": entry.email,
        "website": entry.website,
        "phones": [asdict(phone) for phone in entry.phones],
        "locations": [_location(asdict(place)) for place in entry.locations],
        "services": [
            {**asdict(offered), "languages": [{"code": code} for code in offered.languages]}
            for offered in entry.services
        ],
        "silent_after_days": entry.silent_after_days,
        "retired_on": partner.retired_on,
        "data_sharing_protocols": [
            {
                "id": protocol,
                "from": cover.starts_on,
                "until": cover.until,
                "retired_on": cover.retired_on,
            }
            for protocol, cover in partner.covers.items()
        ],
    }


def _location(place: dict[str, Any]) -> dict[str, Any]:
    return {"name": place.pop("name"), "addresses": [place]}


PARTNERS = Resource(
    "partners",
    PARTNER,
    show_partner,
    filters={"state": "text", "kind": "text"},
    filter_values=lambda _id, partner: {
        "state": _listed(partner.retired_on),
        "kind": partner.entry.kind if partner.entry else None,
    },
)


def show_protocol(_id: str, protocol: DataSharingProtocol) -> Mapping[str, Any] | None:
    """A data-sharing protocol and the days on which it is in force."""
    if protocol.agreed is None:
        return None
    return {
        "state": _listed(protocol.retired_on),
        "partner": protocol.agreed.partner,
        "from": protocol.agreed.in_force_from,
        "until": protocol.agreed.in_force_until,
        "reference": protocol.agreed.reference,
        "retired_on": protocol.retired_on,
    }


PROTOCOLS = Resource(
    "data-sharing-protocols",
    DATA_SHARING_PROTOCOL,
    show_protocol,
    filters={"state": "text", "partner": "text"},
    filter_values=lambda _id, protocol: {
        "state": _listed(protocol.retired_on),
        "partner": protocol.agreed.partner if protocol.agreed else None,
    },
)


def show_bridge_figure(_id: str, figure: BridgeFigure) -> Mapping[str, Any] | None:
    """A bridge figure of the directory."""
    if figure.entry is None:
        return None
    return {
        "state": _listed(figure.retired_on),
        "name": figure.entry.name,
        "phone": figure.entry.phone,
        "languages": list(figure.entry.languages),
        "person": figure.entry.person,
        "retired_on": figure.retired_on,
    }


BRIDGE_FIGURES = Resource(
    "bridge-figures",
    BRIDGE_FIGURE,
    show_bridge_figure,
    filters={"state": "text"},
    filter_values=lambda _id, figure: {"state": _listed(figure.retired_on)},
)


def show_bridge_request(_id: str, request: BridgeRequest) -> Mapping[str, Any] | None:
    """A request to a bridge figure."""
    asked = request.asked
    if asked is None:
        return None
    return {
        "lease": asked.lease,
        "bridge_figure": asked.bridge_figure,
        "requested_on": asked.requested_on,
        "consent_on": asked.consent_on,
        "appointment_on": asked.appointment_on,
        "slot": asked.slot,
        "name": asked.name,
        "language": asked.language,
        "topic": asked.topic,
    }


BRIDGE_REQUESTS = Resource(
    "bridge-requests",
    BRIDGE_REQUEST,
    show_bridge_request,
    filters={"lease": "text", "bridge_figure": "text", "person": "text"},
    filter_values=lambda _id, request: {
        "lease": request.asked.lease,
        "bridge_figure": request.asked.bridge_figure,
        "person": request.asked.person,
    },
)


async def requests_for(store: Asked, person: str, *, by: Any) -> list[str]:
    """Return the ids of the requests to the bridge figure whose account this is, the latest first."""
    found = await store.rows(
        "select id from bridge_requests where office = $1 and person = $2 order by made desc limit 200", person, by=by
    )
    return [row["id"] for row in found]


def show_interpreter(_id: str, interpreter: Interpreter) -> Mapping[str, Any] | None:
    """An interpreter of the directory."""
    if interpreter.entry is None:
        return None
    return {
        "state": _listed(interpreter.retired_on),
        "kind": interpreter.entry.kind,
        "name": interpreter.entry.name,
        "phone": interpreter.entry.phone,
        "languages": list(interpreter.entry.languages),
        "retired_on": interpreter.retired_on,
    }


INTERPRETERS = Resource(
    "interpreters",
    INTERPRETER,
    show_interpreter,
    filters={"state": "text", "kind": "text"},
    filter_values=lambda _id, interpreter: {
        "state": _listed(interpreter.retired_on),
        "kind": interpreter.entry.kind if interpreter.entry else None,
    },
)


# What visits told


def show_noted_needs(_id: str, noted: NotedNeeds) -> Mapping[str, Any] | None:
    """The needs that a report names; nothing where it names none."""
    if not noted.needs:
        return None
    return {"lease": noted.lease, "visit": noted.visit, "noted_on": noted.noted_on, "needs": list(noted.needs)}


NEEDS = Resource(
    "noted-needs",
    NOTED_NEEDS,
    show_noted_needs,
    filters={"lease": "text"},
    filter_values=lambda _id, noted: {"lease": noted.lease},
)

RESOURCES = (
    REFERRALS,
    CONSULTATIONS,
    PARTNERS,
    PROTOCOLS,
    BRIDGE_FIGURES,
    BRIDGE_REQUESTS,
    INTERPRETERS,
    NEEDS,
)
VIEWS = (View(REFERRAL, keep_way, (WAY,)),)
