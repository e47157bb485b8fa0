"""What office and partner agreed on sharing data of renters, and from when until when."""

from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from services.referrals.events import (
    DataSharingProtocolChanged,
    DataSharingProtocolListed,
    DataSharingProtocolRetired,
    PartnerCovered,
    PartnerNoLongerCovered,
    ProtocolEvent,
)
from services.referrals.rules.partner import PARTNER, Partner
from shared.decisions import Elsewhere, Stream
from shared.refusals import DateOrder, Unknown, WrongState, has_begun
from shared.sealed import Sealed, is_the_same


@dataclass(frozen=True, kw_only=True)
class DataSharingProtocol:
    """A protocol with one partner."""

    agreed: DataSharingProtocolListed | None = None
    retired_on: date | None = None


def list_protocol(
    protocol: DataSharingProtocol,
    *,
    id: str,
    partner: Partner,
    with_partner: str,
    in_force_from: date,
    in_force_until: date | None = None,
    reference: Sealed | None = None,
) -> list[ProtocolEvent | Elsewhere]:
    """Note that a protocol with a partner is in force on these days, both included.

    :raises Unknown: the partner does not stand in the directory.
    :raises DateOrder: the last day lies before the first.
    :raises WrongState: there is another protocol under this id.
    """
    agreed = DataSharingProtocolListed(
        partner=with_partner, in_force_from=in_force_from, in_force_until=in_force_until, reference=reference
    )
    if has_begun(protocol.agreed, agreed):
        return []
    if not partner.is_in_the_directory:
        raise Unknown
    _must_be_in_order(in_force_from, in_force_until)
    return [agreed, _cover(id, agreed)]


def change_protocol(
    protocol: DataSharingProtocol,
    *,
    id: str,
    in_force_from: date,
    in_force_until: date | None = None,
    reference: Sealed | None = None,
) -> list[ProtocolEvent | Elsewhere]:
    """Let the protocol be in force on other days. What was shared before stays as it was.

    :raises DateOrder: the last day lies before the first.
    :raises WrongState: it was never listed, or was retired.
    """
    if protocol.agreed is None:
        raise WrongState
    changed = replace(protocol.agreed, in_force_from=in_force_from, in_force_until=in_force_until, reference=reference)
    if is_the_same(protocol.agreed, changed):
        return []
    if protocol.retired_on is not None:
        raise WrongState
    _must_be_in_order(in_force_from, in_force_until)
    return [
        DataSharingProtocolChanged(
            partner=changed.partner, in_force_from=in_force_from, in_force_until=in_force_until, reference=reference
        ),
        _cover(id, changed),
    ]


def retire_protocol(
    protocol: DataSharingProtocol, *, id: str, on: date, why: Sealed | None = None
) -> list[ProtocolEvent | Elsewhere]:
    """Share nothing under the protocol from ``on`` on, that day included.

    :raises WrongState: it was never listed.
    """
    if protocol.retired_on is not None:
        return []
    if protocol.agreed is None:
        raise WrongState
    return [
        DataSharingProtocolRetired(partner=protocol.agreed.partner, retired_on=on, why=why),
        Elsewhere(PARTNER, protocol.agreed.partner, PartnerNoLongerCovered(protocol=id, retired_on=on)),
    ]


def evolve(protocol: DataSharingProtocol, event: ProtocolEvent) -> DataSharingProtocol:
    match event:
        case DataSharingProtocolListed():
            return replace(protocol, agreed=event)
        case DataSharingProtocolChanged():
            agreed = DataSharingProtocolListed(
                partner=event.partner,
                in_force_from=event.in_force_from,
                in_force_until=event.in_force_until,
                reference=event.reference,
            )
            return replace(protocol, agreed=agreed)
        case DataSharingProtocolRetired():
            return replace(protocol, retired_on=event.retired_on)
        case _:
            assert_never(event)


def _cover(id: str, agreed: DataSharingProtocolListed) -> Elsewhere:
    covered = PartnerCovered(protocol=id, in_force_from=agreed.in_force_from, in_force_until=agreed.in_force_until)
    return Elsewhere(PARTNER, agreed.partner, covered)


def _must_be_in_order(first: date, last: date | None) -> None:
    if last is not None and last < first:
        raise DateOrder


DATA_SHARING_PROTOCOL = Stream(
    "data-sharing-protocol", initial=DataSharingProtocol(), evolve=evolve, events=ProtocolEvent
)
