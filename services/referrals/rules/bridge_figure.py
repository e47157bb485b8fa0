"""Who bridges language and culture, and how one is asked: with consent, and told very little (P31, domain 8)."""

from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from services.referrals.events import (
    BridgeFigureChanged,
    BridgeFigureEvent,
    BridgeFigureListed,
    BridgeFigureRequested,
    BridgeFigureRetired,
    BridgeRequestEvent,
)
from services.referrals.rules.lease import Lease, must_not_be_over
from services.referrals.rules.refusals import NoConsent
from shared.decisions import Elsewhere, Stream
from shared.refusals import WrongState, has_begun
from shared.sealed import Sealed, is_the_same


@dataclass(frozen=True, kw_only=True)
class BridgeFigure:
    """One entry of the directory."""

    entry: BridgeFigureListed | None = None
    retired_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class BridgeRequest:
    """One request to come along."""

    asked: BridgeFigureRequested | None = None


def list_bridge_figure(
    figure: BridgeFigure,
    *,
    name: Sealed | None,
    phone: Sealed | None = None,
    languages: tuple[str, ...] = (),
    person: str | None = None,
) -> list[BridgeFigureEvent]:
    """Put a bridge figure into the directory; ``person`` is their own account, when they have one.

    :raises WrongState: the directory has another entry under this id.
    """
    entry = BridgeFigureListed(name=name, phone=phone, languages=languages, person=person)
    return [] if has_begun(figure.entry, entry) else [entry]


def change_bridge_figure(
    figure: BridgeFigure,
    *,
    name: Sealed | None,
    phone: Sealed | None = None,
    languages: tuple[str, ...] = (),
    person: str | None = None,
) -> list[BridgeFigureEvent]:
    """Let the entry read like this from now on.

    :raises WrongState: never listed, or retired.
    """
    entry = BridgeFigureListed(name=name, phone=phone, languages=languages, person=person)
    if is_the_same(figure.entry, entry):
        return []
    if figure.entry is None or figure.retired_on is not None:
        raise WrongState
    return [BridgeFigureChanged(name=name, phone=phone, languages=languages, person=person)]


def retire_bridge_figure(figure: BridgeFigure, *, on: date, why: Sealed | None = None) -> list[BridgeFigureEvent]:
    """Ask the bridge figure no more.

    :raises WrongState: never listed.
    """
    if figure.retired_on is not None:
        return []
    if figure.entry is None:
        raise WrongState
    return [BridgeFigureRetired(retired_on=on, why=why)]


def request_bridge_figure(
    figure: BridgeFigure,
    *,
    id: str,
    request: str,
    requested: BridgeRequest,
    lease: Lease,
    of_lease: str,
    consent_on: date | None,
    on: date,
    appointment_on: date | None = None,
    slot: str | None = None,
    name: Sealed | None = None,
    language: Sealed | None = None,
    topic: Sealed | None = None,
) -> list[Elsewhere]:
    """Ask a bridge figure to come along. They get to know name, contact language, appointment and one line.

    :param consent_on: the day on which the renter agreed to it.
    :raises NoConsent: the renter has not agreed, or only after the day of the request.
    :raises WrongState: the bridge figure is retired, the lease has ended, or another request has this id.
    """
    if figure.entry is None:
        raise WrongState
    if consent_on is None or consent_on > on:
        raise NoConsent
    asked = BridgeFigureRequested(
        lease=of_lease,
        bridge_figure=id,
        requested_on=on,
        consent_on=consent_on,
        person=figure.entry.person,
        appointment_on=appointment_on,
        slot=slot,
        name=name,
        language=language,
        topic=topic,
    )
    if has_begun(requested.asked, asked):
        return []
    if figure.retired_on is not None:
        raise WrongState
    must_not_be_over(lease)
    return [Elsewhere(BRIDGE_REQUEST, request, asked)]


def evolve(figure: BridgeFigure, event: BridgeFigureEvent) -> BridgeFigure:
    match event:
        case BridgeFigureListed():
            return replace(figure, entry=event)
        case BridgeFigureChanged():
            entry = BridgeFigureListed(
                name=event.name, phone=event.phone, languages=event.languages, person=event.person
            )
            return replace(figure, entry=entry)
        case BridgeFigureRetired():
            return replace(figure, retired_on=event.retired_on)
        case _:
            assert_never(event)


def evolve_request(_before: BridgeRequest, event: BridgeRequestEvent) -> BridgeRequest:
    return BridgeRequest(asked=event)


BRIDGE_FIGURE = Stream("bridge-figure", initial=BridgeFigure(), evolve=evolve, events=BridgeFigureEvent)
BRIDGE_REQUEST = Stream("bridge-request", initial=BridgeRequest(), evolve=evolve_request, events=BridgeRequestEvent)
