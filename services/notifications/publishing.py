"""Which event of notifications becomes which public contract, and which deliberately none."""

from collections.abc import Iterable
from typing import Any, assert_never

from services.notifications.events import (
    Addressee,
    AttemptRefused,
    CalendarMade,
    CalendarRevoked,
    CarrierFileTaken,
    CommunicationApprovalTakenBack,
    CommunicationApproved,
    CommunicationDelivered,
    CommunicationDrafted,
    CommunicationDropped,
    CommunicationNotCollected,
    CommunicationRefused,
    CommunicationRepeated,
    CommunicationReturned,
    CommunicationSent,
    CommunicationSentAgain,
    Event,
    LetterReached,
    OfficeDetailsAdopted,
    PostBatchMade,
    PreferencesStated,
    ProofCorrected,
    RestoreNoticed,
    SendingBegun,
    SendingFailed,
    SendingQueued,
    SendingSettled,
    SendingSucceeded,
    SendingUnknown,
    TaskClosed,
    TaskDone,
    TaskHandedOver,
    TaskOpened,
    TemplateAdopted,
)
from services.notifications.rules.communication import Communication
from shared.contracts import notifications as public


def published(event: Event, state: Any, id: str) -> tuple[public.Contract, ...]:
    """Return what is told of an event: its contract, or nothing where it is private on purpose.

    :param state: the event's stream after it.
    :param id: the stream's id without its kind.
    """
    match event:
        case CommunicationDrafted():
            return (
                public.CommunicationDraftedV1(
                    lease=event.lease,
                    communication=id,
                    kind=event.kind,
                    about_kind=event.about_kind,
                    about_id=event.about_id,
                    addressees=_addressed(event.addressees),
                    missing=event.missing,
                    replaces=event.replaces,
                ),
            )
        case CommunicationApproved():
            return (
                public.CommunicationApprovedV1(
                    **_of(state, id),
                    addressees=_addressed(one.to for one in state.addressed),
                    approved_on=event.approved_on,
                    document=event.document,
                    template=state.template,
                    notice_start=event.notice_start,
                    notice_end=event.notice_end,
                    post_until=event.post_until,
                ),
            )
        case CommunicationApprovalTakenBack():
            return (public.CommunicationApprovalTakenBackV1(**_of(state, id)),)
        case CommunicationSent():
            return (
                public.CommunicationSentV1(
                    **_of(state, id),
                    addressees=_addressed(one.to for one in state.addressed if one.to.addressee not in event.left_out),
                    method=event.method,
                    sent_on=event.sent_on,
                    required=event.required,
                    tracking=event.tracking,
                ),
            )
        case CommunicationRepeated():
            return (
                public.CommunicationSentV1(
                    **_of(state, id),
                    addressees=_addressed(event.addressees),
                    method=event.method,
                    sent_on=event.sent_on,
                    required=event.required,
                    tracking=event.tracking,
                    again=event.first,
                ),
            )
        case CommunicationDelivered():
            return (
                public.CommunicationDeliveredV1(
                    **_of(state, id),
                    addressee=event.addressee,
                    party=_party(state, event.addressee),
                    delivered_on=event.delivered_on,
                    proof_kind=event.proof_kind,
                    reference=event.reference,
                    trust_level=event.trust_level,
                ),
            )
        case CommunicationNotCollected():
            return (
                public.CommunicationNotCollectedV1(
                    **_of(state, id),
                    addressee=event.addressee,
                    party=_party(state, event.addressee),
                    not_collected_on=event.not_collected_on,
                ),
            )
        case CommunicationRefused():
            return (
                public.CommunicationRefusedV1(
                    **_of(state, id),
                    addressee=event.addressee,
                    party=_party(state, event.addressee),
                    refused_on=event.refused_on,
                ),
            )
        case CommunicationReturned():
            return (
                public.CommunicationReturnedV1(
                    **_of(state, id),
                    addressee=event.addressee,
                    party=_party(state, event.addressee),
                    returned_on=event.returned_on,
                ),
            )
        case CommunicationSentAgain():
            return (
                public.CommunicationSentAgainV1(
                    **_of(state, id),
                    again=event.again,
                    addressees=event.addressees,
                    method=event.method,
                    sent_on=event.sent_on,
                ),
            )
        case ProofCorrected():
            return (
                public.ProofCorrectedV1(
                    **_of(state, id),
                    addressee=event.addressee,
                    party=_party(state, event.addressee),
                    outcome=event.outcome,
                    on=event.on,
                    why=event.why,
                    reference=event.reference,
                    trust_level=event.trust_level,
                ),
            )
        case CommunicationDropped():
            return (public.CommunicationDroppedV1(**_of(state, id)),)
        case LetterReached():
            return (
                public.LetterReachedV1(
                    **_of(state, id),
                    addressees=tuple(
                        public.ReachedV1(
                            addressee=one.addressee,
                            party=one.party,
                            outcome=one.outcome,
                            on=one.on,
                            trust_level=one.trust_level,
                        )
                        for one in event.addressees
                    ),
                    communicated_on=event.communicated_on,
                    sent_on=event.sent_on,
                    supersedes=event.supersedes,
                ),
            )
        case AttemptRefused():
            return (
                public.AttemptRefusedV1(
                    lease=event.lease, act=event.act, about=event.about, code=event.code, named=event.named
                ),
            )
        case TaskOpened() | TaskDone() | TaskClosed() | TaskHandedOver():
            return ()  # who has what to do is the office's own matter; the fact behind each task is public already
        case TemplateAdopted() | OfficeDetailsAdopted():
            return ()  # they show in letters, and each approved letter names its template and the hash of its bytes
        case CalendarMade() | CalendarRevoked():
            return ()  # addresses are secret
        case (
            SendingQueued()
            | SendingBegun()
            | SendingSucceeded()
            | SendingFailed()
            | SendingUnknown()
            | SendingSettled()
            | RestoreNoticed()
        ):
            return ()  # how a message leaves this house proves nothing; that it was sent, and its proof, is public
        case PreferencesStated():
            return ()  # how somebody is reached is between the renter and this service; each sending names its method
        case PostBatchMade() | CarrierFileTaken():
            return ()  # which envelopes went together proves nothing; what became of each letter is public
        case _:
            assert_never(event)


def _of(letter: Communication, id: str) -> dict[str, Any]:
    return {
        "lease": letter.lease,
        "communication": id,
        "kind": letter.kind,
        "about_kind": letter.about_kind,
        "about_id": letter.about_id,
    }


def _party(letter: Communication, addressee: str) -> str | None:
    one = letter.of(addressee)
    return one.to.party if one else None


def _addressed(addressees: Iterable[Addressee]) -> tuple[public.AddressedV1, ...]:
    return tuple(
        public.AddressedV1(
            addressee=one.addressee,
            role=one.role,
            party=one.party,
            copy=one.copy,
            name=one.name,
            address=one.address,
        )
        for one in addressees
    )
