"""A letter's way from draft to proof, per addressee, and the day it is communicated (domain 3.8, 9.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, assert_never

from services.notifications.events import (
    Addressee,
    Annex,
    CommunicationApprovalTakenBack,
    CommunicationApproved,
    CommunicationDelivered,
    CommunicationDrafted,
    CommunicationDropped,
    CommunicationEvent,
    CommunicationNotCollected,
    CommunicationRefused,
    CommunicationRepeated,
    CommunicationReturned,
    CommunicationSent,
    CommunicationSentAgain,
    LetterReached,
    NoticeDates,
    ProofCorrected,
    Reached,
)
from services.notifications.rules.kinds import (
    OFFICIAL,
    TRANSLATED,
    TRANSLATION_WISHED,
    channels_of,
    may_send_bad_news,
)
from services.notifications.rules.lease_file import LeaseFile, parties_on, required_on
from services.notifications.rules.refusals import (
    AddresseeMissing,
    AddressUnchanged,
    ChannelNotAllowed,
    ContentMissing,
    DutchMissing,
    NotBadNewsSender,
    TranslationMissing,
)
from shared.contracts.evaluations import BadNewsSender
from shared.contracts.notifications import About, Kind, Method, Outcome, ProofKind, TrustLevel
from shared.decisions import DatedStream, Elsewhere, Named, Person, Recorded
from shared.refusals import DateOrder, NoProof, ReasonMissing, SelfApproval, Unknown, WrongState, has_begun
from shared.sealed import Sealed

AddresseeState = Literal[
    "draft", "approved", "sent", "delivered", "not_collected", "refused", "returned", "left_out", "dropped"
]
Letters = Mapping[str, "Communication"]  # all communications of a lease, by id
Untrue = Literal["count_restated", "addressees_changed", "landlord_changed", "cause_gone"]  # why it is so no more
SYSTEM = "SYS"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What shows that a letter arrived, and how much it is worth."""

    kind: ProofKind
    reference: Sealed
    signed_by: Sealed | None = None
    trust_level: TrustLevel = "none"


@dataclass(frozen=True, kw_only=True)
class Addressed:
    """One addressee, and what became of the letter there."""

    to: Addressee
    state: AddresseeState = "draft"
    on: date | None = None  # the day of the outcome
    proof_kind: ProofKind | None = None
    reference: Sealed | None = None
    trust_level: TrustLevel = "none"


@dataclass(frozen=True, kw_only=True)
class Communication:
    """A letter or message with its addressees."""

    lease: str | None = None  # None: there is none with this id
    kind: Kind = "L-01"
    about_kind: About = "lease"
    about_id: str = ""
    stage: Literal["draft", "approved", "sent", "dropped"] = "draft"
    addressed: tuple[Addressed, ...] = ()
    drafter: str = ""  # a person's id, or SYS
    drafted_on: date | None = None
    text_nl: Sealed | None = None
    annexes: tuple[Annex, ...] = ()
    translation_waived_by: tuple[str, ...] = ()
    bad_news: bool = False
    senders: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    template: str | None = None
    notice_dates: tuple[NoticeDates, ...] = ()
    replaces: str | None = None
    approved: CommunicationApproved | None = None
    approver: str | None = None
    approval: str | None = None  # id of the event
    document: str | None = None
    documents: Mapping[str, str] = field(default_factory=dict)  # by addressee, where each has their own
    method: Method | None = None
    sent_on: date | None = None
    required: tuple[str, ...] = ()
    tracking: Sealed | None = None
    first: str | None = None  # the communication that was approved, where this one repeats it
    after: str | None = None
    again: tuple[str, ...] = ()  # communications that repeat this one
    sent_again_to: tuple[str, ...] = ()  # addressees to whom one of those goes
    reached: LetterReached | None = None
    reached_by: str | None = None  # id of the event that says so

    @property
    def state(self) -> AddresseeState:
        """The state of the whole: of the addressee who is least far, copies left aside."""
        if self.stage != "sent":
            return self.stage
        states = {one.state for one in self.addressed if not one.to.copy} or {one.state for one in self.addressed}
        by_care: tuple[AddresseeState, ...] = ("sent", "returned", "not_collected", "refused", "delivered")
        return next((state for state in by_care if state in states), "sent")

    def of(self, addressee: str) -> Addressed | None:
        """Return the addressee with this id."""
        return next((one for one in self.addressed if one.to.addressee == addressee), None)

    def yet_to_reach(self) -> tuple[Addressed, ...]:
        """Return those at whom it did not arrive, and to whom it was not sent again; copies left aside."""
        return tuple(
            one
            for one in self.addressed
            if one.state in ("not_collected", "returned")
            and not one.to.copy
            and one.to.addressee not in self.sent_again_to
        )

    def document_for(self, addressee: str) -> str | None:
        """Return the hash of the bytes that an addressee gets; None before approval."""
        return self.documents.get(addressee, self.document)

    def lacks_translation(self) -> tuple[Addressee, ...]:
        """Return the parties who do not read Dutch, have no whole annex in their language and did not waive it."""
        languages = {annex.language for annex in self.annexes if not annex.untranslated}
        return tuple(
            one.to
            for one in self.addressed
            if one.to.language not in (None, "nl", *languages) and one.to.party not in self.translation_waived_by
        )

    def warns_of_translation(self) -> tuple[Addressee, ...]:
        """Return the parties for whom a missing annex is a warning on this kind of letter."""
        return self.lacks_translation() if self.kind in TRANSLATION_WISHED else ()


# Draft, approve, drop


def draft(
    communication: Communication,
    *,
    drafted: CommunicationDrafted | None,
    official: bool,
    missing: Iterable[str],
    unknown: Iterable[str] = (),
) -> list[CommunicationEvent]:
    """Draft a letter in a person's words.

    :param drafted: the letter; None where there is no Dutch text.
    :param official: whether it is a kind that needs one.
    :param missing: mandatory parts that neither the words nor the frame of the office hold.
    :param unknown: addressees named by party who are no party to the lease.
    :raises DutchMissing: there is no Dutch text.
    :raises Unknown: an addressee is no party to the lease.
    :raises ContentMissing: parts are missing, each named.
    :raises WrongState: the id belongs to another letter, to this one in other words or to others, or to no draft.
    """
    if communication.lease is not None:
        if drafted is None or communication.stage != "draft":
            raise WrongState
        addressed = tuple(one.to for one in communication.addressed)
        has_begun(_words_of(communication, addressed), _words_of(drafted, drafted.addressees))
        return []
    if drafted is None and official:
        raise DutchMissing
    if any(True for _ in unknown):
        raise Unknown
    parts = tuple(missing)
    if drafted is None or parts:
        raise ContentMissing(*(Named(part) for part in parts or ("text",)))
    return [drafted]


def draft_from_fact(communication: Communication, *, drafted: CommunicationDrafted) -> list[CommunicationEvent]:
    """Draft what a fact asks for; what is missing is written into it. One draft per cause."""
    return [] if communication.lease is not None else [drafted]


def approve(
    communication: Communication,
    *,
    by: Person,
    today: date,
    policy: BadNewsSender,
    missing: Iterable[str],
    frozen: CommunicationApproved | None,
) -> list[CommunicationEvent]:
    """Answer for the letter; its bytes are frozen.

    :param policy: the office's choice who brings bad news.
    :param missing: mandatory parts that are missing still.
    :param frozen: the bytes, made from the letter as it stands; None where they could not be made for what is missing.
    :raises NotBadNewsSender: it is bad news and this person may not bring it.
    :raises SelfApproval: it is bad news and this person drafted it.
    :raises WrongState: it is no draft.
    :raises ContentMissing: parts are missing, each named.
    :raises TranslationMissing: an addressee cannot read it.
    """
    if communication.stage == "approved" and communication.approver == by.id:
        return []
    _may_approve(communication, by=by, policy=policy)
    if communication.lease is None or communication.stage != "draft":
        raise WrongState
    parts = tuple(missing)
    if parts:
        raise ContentMissing(*(Named(part) for part in parts))
    if communication.kind in TRANSLATED and communication.lacks_translation():
        raise TranslationMissing
    if frozen is None:
        raise ContentMissing(Named("notice_dates" if communication.kind == "L-09" else "text"))
    return [replace(frozen, approved_on=today)]


def approve_reminder(communication: Communication, *, frozen: CommunicationApproved) -> list[CommunicationEvent]:
    """Let the system answer for a reminder of the renter's own deadline (domain 8); for nothing else."""
    if communication.kind != "L-16" or communication.drafter != SYSTEM or communication.stage != "draft":
        return []
    return [frozen]


def send_reminder(
    communication: Communication, *, method: Method, on: date, file: LeaseFile
) -> list[CommunicationEvent]:
    """Let a reminder that the system answers for leave by itself; nothing else does."""
    if communication.kind != "L-16" or communication.drafter != SYSTEM or communication.stage == "sent":
        return []
    if method not in channels_of(communication.kind, communication.about_kind):
        return []
    return _leave(communication, method=method, on=on, file=file, tracking=None)


def _may_approve(communication: Communication, *, by: Person, policy: BadNewsSender) -> None:
    if not communication.bad_news:
        return
    if not _may_bring(communication, by=by, policy=policy):
        raise NotBadNewsSender
    if by.is_one_of(communication.drafter):
        raise SelfApproval


def _may_bring(communication: Communication, *, by: Person, policy: BadNewsSender) -> bool:
    return may_send_bad_news(
        by,
        kind=communication.kind,
        about_kind=communication.about_kind,
        senders=communication.senders,
        policy=policy,
    )


def take_back_approval(
    communication: Communication, *, approval: str, mandate: str, person: str
) -> list[CommunicationEvent]:
    """Make an approved letter a draft again, since the approver's mandate had ended; one that was sent stays sent.

    :param approval: id of the event that approved it.
    """
    if communication.stage != "approved" or communication.approval != approval:
        return []
    return [CommunicationApprovalTakenBack(mandate=mandate, person=person)]


def take_back_for_new_landlord(communication: Communication) -> list[CommunicationEvent]:
    """Make an approved letter a draft again, since another is landlord now than its frozen bytes say."""
    if communication.stage != "approved":
        return []
    return [CommunicationApprovalTakenBack(mandate="", person=communication.approver or "", because="landlord_changed")]


def drop(communication: Communication, *, by: Person, policy: BadNewsSender) -> list[CommunicationEvent]:
    """Drop a letter that was not sent: its drafter or sender may.

    :raises NotBadNewsSender: it is bad news, and this person neither drafted it nor may bring it.
    :raises WrongState: it was sent.
    """
    if communication.stage == "dropped":
        return []
    if (
        communication.bad_news
        and not by.is_one_of(communication.drafter)
        and not _may_bring(communication, by=by, policy=policy)
    ):
        raise NotBadNewsSender
    if communication.lease is None or communication.stage == "sent":
        raise WrongState
    return [CommunicationDropped()]


def unsent(letters: Letters, *kinds: Kind, about: str | None = None) -> list[tuple[str, Communication]]:
    """Return the letters that were never sent: of these kinds, else of all; about one thing, else about any."""
    return [
        (id, letter)
        for id, letter in letters.items()
        if letter.lease is not None
        and letter.stage in ("draft", "approved")
        and letter.first is None
        and (not kinds or letter.kind in kinds)
        and about in (None, letter.about_id)
    ]


def drop_for(
    communication: Communication,
    *,
    because: Untrue,
    replaced_by: str | None = None,
) -> list[CommunicationEvent]:
    """Drop an unsent letter since what it says is no longer so; one that was sent stays sent."""
    if communication.lease is None or communication.stage in ("sent", "dropped"):
        return []
    return [CommunicationDropped(because=because, replaced_by=replaced_by)]


# Send


def send(
    communication: Communication,
    *,
    by: Person,
    policy: BadNewsSender,
    method: Method,
    on: date,
    file: LeaseFile,
    tracking: Sealed | None = None,
) -> list[CommunicationEvent]:
    """Hand the letter to its carrier; ``on`` is the letter date that fixes who must be reached.

    Addressees who are no party any more on that day are left out: the letter is not for them.

    :raises NotBadNewsSender: it is bad news, and this person neither may bring it nor posts letters for the office.
    :raises WrongState: it is not approved, or left under another number, or is a notice, which only ``post_notice`` of
        evaluations posts.
    :raises ChannelNotAllowed: this kind may not go this way.
    :raises AddresseeMissing: somebody required on that day is no addressee, each is named; or nobody is left.
    :raises ContentMissing: another is landlord on that day than the approved letter says; draft it anew.
    """
    if communication.stage == "sent" and (communication.method, communication.sent_on) == (method, on):
        if tracking is not None and not tracking.says_the_same_as(communication.tracking):
            raise WrongState
        return []
    posts_only = "administration" in by.roles
    if communication.bad_news and not posts_only and not _may_bring(communication, by=by, policy=policy):
        raise NotBadNewsSender
    if communication.lease is None or communication.stage != "approved":
        raise WrongState
    if method not in channels_of(communication.kind, communication.about_kind):
        raise ChannelNotAllowed
    if communication.kind == "L-09":
        raise WrongState
    approved_on = communication.approved.approved_on if communication.approved else on
    if communication.kind in OFFICIAL and file.landlord_on(on) != file.landlord_on(approved_on):
        raise ContentMissing(Named("landlord"))
    return _leave(communication, method=method, on=on, file=file, tracking=tracking)


def post_with_notice(
    communication: Communication, *, method: Method, on: date, file: LeaseFile, tracking: Sealed | None = None
) -> list[CommunicationEvent]:
    """Mark a notice as sent, since evaluations told that it was posted; what was dropped meanwhile stays dropped."""
    if communication.kind != "L-09" or communication.stage != "approved":
        return []
    sent = CommunicationSent(
        method=method,
        sent_on=on,
        required=_required(communication, file=file, on=on),
        left_out=_left_out(communication, file=file, on=on),
        tracking=tracking,
    )
    return [sent]


def _leave(
    communication: Communication, *, method: Method, on: date, file: LeaseFile, tracking: Sealed | None
) -> list[CommunicationEvent]:
    if communication.kind in OFFICIAL:
        addressed = {one.to.addressee for one in communication.addressed}
        absent = [one for one in required_on(file, on) if one.addressee not in addressed]
        if absent:
            raise AddresseeMissing(*(Named(one.role, values={"addressee": one.addressee}) for one in absent))
    if is_for_nobody(communication, file=file, on=on):
        raise AddresseeMissing
    return [
        CommunicationSent(
            method=method,
            sent_on=on,
            required=_required(communication, file=file, on=on),
            left_out=_left_out(communication, file=file, on=on),
            tracking=tracking,
        )
    ]


def _required(communication: Communication, *, file: LeaseFile, on: date) -> tuple[str, ...]:
    if communication.kind not in OFFICIAL:
        return ()
    required = {one.addressee for one in required_on(file, on)}
    return tuple(one.to.addressee for one in communication.addressed if one.to.addressee in required)


def is_for_nobody(communication: Communication, *, file: LeaseFile, on: date) -> bool:
    """Whether none of its addressees is to get it on a day, since they left the lease, or died."""
    return {one.to.addressee for one in communication.addressed} <= set(_left_out(communication, file=file, on=on))


def _left_out(communication: Communication, *, file: LeaseFile, on: date) -> tuple[str, ...]:
    present = {one.party for one in parties_on(file, on)}
    return tuple(
        one.to.addressee
        for one in communication.addressed
        if one.to.party is not None and one.to.party in file.parties and one.to.party not in present
    )


# What became of it


def record_delivered(
    communication: Communication,
    *,
    id: str,
    letters: Letters,
    addressee: str,
    on: date,
    proof: Proof | None,
    signed_by_other: bool = False,
    written_proxy: bool = False,
    signed_by_minor: bool = False,
) -> list[CommunicationEvent | Elsewhere]:
    """Record the proof that one addressee has it; two proofs of one delivery are one event.

    :param letters: all communications of the lease, to see whether the letter has now reached everybody.
    :param signed_by_other: somebody else signed for the addressee.
    :raises Unknown: nobody with this id is among the addressees.
    :raises WrongState: it was not sent to them, or something else was recorded; correct that proof.
    :raises DateOrder: before it was sent.
    :raises NoProof: nothing shows it: no reference, signed by another without written proxy, or by a minor.
    """
    one = _addressed(communication, addressee)
    if (one.state, one.on) == ("delivered", on):
        return []
    _outcome_is_open(communication, one, on=on)
    if proof is None or signed_by_minor or (signed_by_other and not written_proxy):
        raise NoProof
    delivered = CommunicationDelivered(
        addressee=one.to.addressee,
        delivered_on=on,
        proof_kind=proof.kind,
        reference=proof.reference,
        signed_by=proof.signed_by,
        trust_level=proof.trust_level,
    )
    return [delivered, *_reached_then(communication, delivered, id=id, letters=letters)]


def record_not_collected(
    communication: Communication, *, id: str, letters: Letters, addressee: str, on: date
) -> list[CommunicationEvent | Elsewhere]:
    """Record that one addressee did not fetch it. :raises: as ``record_delivered``."""
    told = CommunicationNotCollected(addressee=addressee, not_collected_on=on)
    return _record(communication, "not_collected", told, id=id, letters=letters, addressee=addressee, on=on)


def record_refused(
    communication: Communication, *, id: str, letters: Letters, addressee: str, on: date
) -> list[CommunicationEvent | Elsewhere]:
    """Record that one addressee refused to take it; that day they got to know. :raises: as ``record_delivered``."""
    told = CommunicationRefused(addressee=addressee, refused_on=on)
    return _record(communication, "refused", told, id=id, letters=letters, addressee=addressee, on=on)


def record_returned(
    communication: Communication, *, id: str, letters: Letters, addressee: str, on: date
) -> list[CommunicationEvent | Elsewhere]:
    """Record that it came back from one addressee. :raises: as ``record_delivered``."""
    told = CommunicationReturned(addressee=addressee, returned_on=on)
    return _record(communication, "returned", told, id=id, letters=letters, addressee=addressee, on=on)


def _record(
    communication: Communication,
    state: Outcome,
    told: CommunicationEvent,
    *,
    id: str,
    letters: Letters,
    addressee: str,
    on: date,
) -> list[CommunicationEvent | Elsewhere]:
    one = _addressed(communication, addressee)
    if (one.state, one.on) == (state, on):
        return []
    _outcome_is_open(communication, one, on=on)
    return [told, *_reached_then(communication, told, id=id, letters=letters)]


def correct_proof(
    communication: Communication,
    *,
    id: str,
    letters: Letters,
    addressee: str,
    outcome: Outcome,
    on: date,
    why: Sealed | None,
    proof: Proof | None = None,
    signed_by_other: bool = False,
    written_proxy: bool = False,
    signed_by_minor: bool = False,
) -> list[CommunicationEvent | Elsewhere]:
    """Put another outcome in the place of what was recorded about one addressee.

    :param proof: needed where nothing yet shows a delivery; a date alone can be corrected on the proof that is there.
    :raises WrongState: nothing was recorded yet.
    :raises ReasonMissing: no reason given.
    :raises DateOrder: before it was sent.
    :raises NoProof: a delivery that nothing shows, or shows too little, as ``record_delivered``.
    """
    one = _addressed(communication, addressee)
    if (one.state, one.on) == (outcome, on) and proof is None:
        return []
    if one.state not in ("delivered", "refused", "not_collected", "returned"):
        raise WrongState
    if why is None:
        raise ReasonMissing
    if communication.sent_on is None or on < communication.sent_on:
        raise DateOrder
    proves_nothing = signed_by_minor or (signed_by_other and not written_proxy)
    if outcome == "delivered" and (proves_nothing or (proof is None and one.reference is None)):
        raise NoProof
    kept = outcome == "delivered" and proof is None
    corrected = ProofCorrected(
        addressee=one.to.addressee,
        outcome=outcome,
        on=on,
        why=why,
        proof_kind=one.proof_kind if kept else proof.kind if proof else None,
        reference=one.reference if kept else proof.reference if proof else None,
        trust_level=one.trust_level if kept else proof.trust_level if proof else "none",
    )
    return [corrected, *_reached_then(communication, corrected, id=id, letters=letters)]


def send_again(
    communication: Communication,
    *,
    id: str,
    again: str,
    already: Communication,
    file: LeaseFile,
    method: Method,
    on: date,
    addressees: tuple[str, ...] = (),
    addresses: Mapping[str, Sealed] | None = None,
    tracking: Sealed | None = None,
    post_until: date | None = None,
) -> list[CommunicationEvent | Elsewhere]:
    """Send the frozen letter again to those whom it did not reach, as a communication of its own.

    :param again: the id of the new communication; ``already`` is what there is under it.
    :param addressees: only these; empty: all whom it did not reach.
    :param addresses: new addresses, by addressee. Who is named in either gets the letter, or nobody does.
    :param post_until: the last day on which the dates of a notice hold; one that came back was not given (9.3).
    :raises WrongState: it reached everybody, or somebody named, or nothing is known yet; or there is another letter
        under this id, or this one went otherwise.
    :raises Unknown: somebody named is no addressee of it.
    :raises AddresseeMissing: it would go to somebody who died.
    :raises ChannelNotAllowed: this kind may not go this way.
    :raises DateOrder: before the outcome it answers.
    :raises AddressUnchanged: it came back, and would go the same way to the same address.
    :raises ContentMissing: a notice that came back, on a day for which its dates do not hold; draft it anew.
    """
    new = addresses or {}
    named = {*addressees, *new}
    if again in communication.again:
        went = tuple(one.to for one in already.addressed)
        if named - {one.addressee for one in went}:
            raise WrongState
        asked = tuple(
            replace(one, address=new.get(one.addressee, one.address))
            for one in went
            if not addressees or one.addressee in addressees
        )
        has_begun((already.method, already.sent_on, already.tracking, went), (method, on, tracking, asked))
        return []
    failed = [
        one
        for one in communication.addressed
        if one.state in ("not_collected", "returned") and (not addressees or one.to.addressee in addressees)
    ]
    for one in named:
        _addressed(communication, one)
    if not failed or named - {one.to.addressee for one in failed} or already.lease is not None:
        raise WrongState
    if file.died and any(one.to.party is not None for one in failed):
        raise AddresseeMissing
    allowed = channels_of(communication.kind, communication.about_kind)
    if communication.kind == "L-09" and all(one.state == "not_collected" for one in failed):
        allowed = allowed | {"letter"}  # the presumption stands; a copy goes by ordinary post (9.3)
    if method not in allowed:
        raise ChannelNotAllowed
    if any(one.on is not None and on < one.on for one in failed):
        raise DateOrder
    if method == communication.method and any(
        one.state == "returned" and one.to.addressee not in new for one in failed
    ):
        raise AddressUnchanged
    if post_until is not None and on > post_until and any(one.state == "returned" for one in failed):
        raise ContentMissing(Named("notice_dates"))
    repeated = CommunicationRepeated(
        lease=communication.lease or "",
        kind=communication.kind,
        about_kind=communication.about_kind,
        about_id=communication.about_id,
        first=communication.first or id,
        after=id,
        addressees=tuple(replace(one.to, address=new.get(one.to.addressee, one.to.address)) for one in failed),
        document=communication.document or "",
        documents=tuple(communication.document_for(one.to.addressee) or "" for one in failed)
        if communication.documents
        else (),
        bad_news=communication.bad_news,
        method=method,
        sent_on=on,
        required=tuple(one.to.addressee for one in failed if one.to.addressee in communication.required),
        tracking=tracking,
    )
    told = CommunicationSentAgain(
        again=again, addressees=tuple(one.to.addressee for one in failed), method=method, sent_on=on
    )
    return [told, Elsewhere(COMMUNICATION, again, repeated)]


def _addressed(communication: Communication, addressee: str) -> Addressed:
    one = communication.of(addressee)
    if one is None:
        raise Unknown
    return one


def _outcome_is_open(communication: Communication, one: Addressed, *, on: date) -> None:
    if communication.sent_on is None or one.state != "sent":
        raise WrongState
    if on < communication.sent_on:
        raise DateOrder


# When it is communicated


def reached(first: Communication, repeats: Iterable[Communication]) -> tuple[Reached, ...] | None:
    """Return what became of the letter to every required addressee, or None while one is not reached (domain 9.3).

    Who got it, or refused it, is reached, by whichever way it came first. A notice that was not collected stands too.
    """
    presumed: tuple[AddresseeState, ...] = ("not_collected",) if first.kind == "L-09" else ()
    ways = (first, *repeats)
    result = []
    for required in first.required:
        known = [one for way in ways if (one := way.of(required)) is not None and one.on is not None]
        proven = [one for one in known if one.state in ("delivered", "refused")]
        standing = proven or [one for one in known if one.state in presumed]
        if not standing:
            return None
        best = min(standing, key=lambda one: one.on or date.max)
        result.append(_reached_one(best))
    return tuple(result) if result else None


def _reached_one(one: Addressed) -> Reached:
    outcome: Outcome
    match one.state:
        case "delivered" | "refused" | "not_collected" | "returned":
            outcome = one.state
        case _:  # pragma: no cover - only outcomes come here
            raise AssertionError(one.state)
    return Reached(
        addressee=one.to.addressee,
        party=one.to.party,
        outcome=outcome,
        on=one.on or date.max,
        trust_level=one.trust_level,
    )


def communicated_on(addressees: Iterable[Reached]) -> date | None:
    """Return the latest day on which an addressee got or refused it; None where nobody did."""
    return max((one.on for one in addressees if one.outcome in ("delivered", "refused")), default=None)


def _reached_then(
    communication: Communication, event: CommunicationEvent, *, id: str, letters: Letters
) -> list[CommunicationEvent | Elsewhere]:
    """Return what is to be said about the whole letter once ``event`` has happened to this communication."""
    first_id = communication.first or id
    after = with_outcome(communication, event)
    first = after if first_id == id else letters.get(first_id)
    if first is None or first.sent_on is None:
        return []
    repeats = [
        after if other == id else letter
        for other, letter in letters.items()
        if letter.first == first_id and other != first_id
    ]
    if communication.first is not None and id not in letters:
        repeats.append(after)
    now = reached(first, repeats)
    date_now = communicated_on(now) if now else None
    before = first.reached
    if date_now is None and (before is None or before.communicated_on is None):
        return []
    if before is not None and before.communicated_on == date_now and before.addressees == (now or ()):
        return []
    told = LetterReached(
        addressees=now or () if date_now else (),
        communicated_on=date_now,
        sent_on=first.sent_on,
        supersedes=first.reached_by,
    )
    return [told] if first_id == id else [Elsewhere(COMMUNICATION, first_id, told)]


# What happened


def evolve(communication: Communication, recorded: Recorded[CommunicationEvent]) -> Communication:
    event = recorded.event
    match event:
        case CommunicationDrafted():
            return Communication(
                lease=event.lease,
                kind=event.kind,
                about_kind=event.about_kind,
                about_id=event.about_id,
                addressed=tuple(Addressed(to=to) for to in event.addressees),
                drafter=recorded.actor,
                drafted_on=recorded.occurred_on,
                text_nl=event.text_nl,
                annexes=event.annexes,
                translation_waived_by=event.translation_waived_by,
                bad_news=event.bad_news,
                senders=event.senders,
                missing=event.missing,
                template=event.template,
                notice_dates=event.notice_dates,
                replaces=event.replaces,
            )
        case CommunicationApproved():
            # The bytes stay in the event and in their own table; a state that carried them would only be heavy.
            light = replace(
                event,
                pdf=replace(event.pdf, sealed=""),
                copies=tuple(replace(copy, pdf=replace(copy.pdf, sealed="")) for copy in event.copies),
            )
            return replace(
                _all(communication, "approved"),
                stage="approved",
                approved=light,
                approver=recorded.actor,
                approval=recorded.id,
                text_nl=event.text_nl,
                document=event.document,
                documents={one.addressee: one.document for one in event.copies},
            )
        case CommunicationApprovalTakenBack():
            return replace(
                _all(communication, "draft"),
                stage="draft",
                approved=None,
                approver=None,
                approval=None,
                document=None,
                documents={},
            )
        case CommunicationSent():
            sent = replace(
                _all(communication, "sent"),
                stage="sent",
                method=event.method,
                sent_on=event.sent_on,
                required=event.required,
                tracking=event.tracking,
            )
            left_out = tuple(
                replace(one, state="left_out") if one.to.addressee in event.left_out else one for one in sent.addressed
            )
            return replace(sent, addressed=left_out)
        case CommunicationRepeated():
            return Communication(
                lease=event.lease,
                kind=event.kind,
                about_kind=event.about_kind,
                about_id=event.about_id,
                stage="sent",
                addressed=tuple(Addressed(to=to, state="sent") for to in event.addressees),
                drafter=recorded.actor,
                bad_news=event.bad_news,
                document=event.document,
                documents={
                    to.addressee: document
                    for to, document in zip(event.addressees, event.documents, strict=False)
                    if document
                },
                method=event.method,
                sent_on=event.sent_on,
                required=event.required,
                tracking=event.tracking,
                first=event.first,
                after=event.after,
            )
        case (
            CommunicationDelivered()
            | CommunicationNotCollected()
            | CommunicationRefused()
            | CommunicationReturned()
            | ProofCorrected()
            | CommunicationSentAgain()
        ):
            return with_outcome(communication, event)
        case CommunicationDropped():
            return replace(_all(communication, "dropped"), stage="dropped")
        case LetterReached():
            return replace(communication, reached=event, reached_by=recorded.id)
        case _:
            assert_never(event)


def with_outcome(communication: Communication, event: CommunicationEvent) -> Communication:
    """Return the communication once ``event`` tells what became of it, or that it is sent again."""
    match event:
        case CommunicationDelivered():
            return _one(
                communication,
                event.addressee,
                state="delivered",
                on=event.delivered_on,
                proof_kind=event.proof_kind,
                reference=event.reference,
                trust_level=event.trust_level,
            )
        case CommunicationNotCollected():
            return _one(communication, event.addressee, state="not_collected", on=event.not_collected_on)
        case CommunicationRefused():
            return _one(communication, event.addressee, state="refused", on=event.refused_on)
        case CommunicationReturned():
            return _one(communication, event.addressee, state="returned", on=event.returned_on)
        case ProofCorrected():
            return _one(
                communication,
                event.addressee,
                state=event.outcome,
                on=event.on,
                proof_kind=event.proof_kind,
                reference=event.reference,
                trust_level=event.trust_level,
            )
        case CommunicationSentAgain():
            return replace(
                communication,
                again=(*communication.again, event.again),
                sent_again_to=(*communication.sent_again_to, *event.addressees),
            )
        case _:
            return communication


def _all(communication: Communication, state: AddresseeState) -> Communication:
    return replace(communication, addressed=tuple(replace(one, state=state) for one in communication.addressed))


def _one(communication: Communication, addressee: str, **change: object) -> Communication:
    return replace(
        communication,
        addressed=tuple(
            replace(one, **change) if one.to.addressee == addressee else one  # type: ignore[arg-type]
            for one in communication.addressed
        ),
    )


def _words_of(letter: Communication | CommunicationDrafted, addressees: Iterable[Addressee]) -> tuple[Any, ...]:
    """Return what a person said and to whom; who is no party to the lease is given another id each time."""
    to = tuple(replace(one, addressee="") if one.role == "other" else one for one in addressees)
    about = (letter.lease, letter.kind, letter.about_kind, letter.about_id)
    return (*about, letter.text_nl, letter.annexes, letter.translation_waived_by, to)


COMMUNICATION = DatedStream("communication", initial=Communication(), evolve=evolve, events=CommunicationEvent)
