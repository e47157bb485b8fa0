"""From the posted notice to the closed file over HTTP (domain 3.6, 5.2, 5.8)."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from services.evaluations.api.acts import Asked, act_on
from services.evaluations.api.door import SomeLine
from services.evaluations.rules.steps_of_law import (
    announce_eviction,
    close_termination,
    file_claim,
    post_notice,
    record_conciliation,
    record_eviction,
    record_judgment,
    record_service,
    renter_left,
)
from services.evaluations.rules.termination import TERMINATION, Termination
from shared.contracts.visits import EndingMode
from shared.web import Body, Channel, DatedBody, Day, Line

LEADERS = ("coordinator", "director")


class PostNotice(Body):
    """The notice handed to the post."""

    posted_on: Day
    method: Channel
    communications: Annotated[tuple[SomeLine, ...], Field(max_length=50)] = ()
    tracking: Annotated[tuple[Line, ...], Field(max_length=50)] = ()


@act_on(TERMINATION, "post-notice", "post_notice", "administration", "director", on="posted_on")
def post(termination: Termination, asked: Asked[PostNotice]) -> Iterable[Any]:
    """Note that the notice was handed to the post; its dates are computed."""
    body, file, today = asked.body, asked.file, asked.by.today
    return post_notice(
        termination,
        posted_on=body.posted_on,
        method=body.method,
        communications=body.communications,
        tracking=body.tracking,
        case=file.case,
        evaluations=file.evaluations,
        policies=file.policies,
        checklists=file.checklists,
        today=today,
    )


class FileClaim(Body):
    """The claim filed with the justice of the peace."""

    court: Line | None = None
    filed_on: Day


@act_on(
    TERMINATION,
    "file-claim",
    "file_claim",
    "director",
    "administration",
    on="filed_on",
    mandate_needed=lambda _body, by: "director" not in by.roles,
)
def claim(termination: Termination, asked: Asked[FileClaim]) -> Iterable[Any]:
    """Note that a claim was filed."""
    body, file, today = asked.body, asked.file, asked.by.today
    return file_claim(
        termination,
        court=(body.court or "").strip(),
        filed_on=body.filed_on,
        case=file.case,
        evaluations=file.evaluations,
        policies=file.policies,
        checklists=file.checklists,
        today=today,
    )


class Conciliation(Body):
    """What came of the attempt to conciliate; settled: does the lease go on?"""

    on: Day
    result: Literal["settled", "not_settled"]
    lease_continues: bool | None = None


@act_on(TERMINATION, "record-conciliation", "record_conciliation", *LEADERS, on="on")
def conciliation(termination: Termination, asked: Asked[Conciliation]) -> Iterable[Any]:
    """Note what came of the attempt to conciliate."""
    body = asked.body
    return record_conciliation(
        termination, on=body.on, result=body.result, lease_continues=body.lease_continues, today=asked.by.today
    )


EndingGround = Literal[
    "arrears",
    "maintenance",
    "damage",
    "nuisance",
    "neglect",
    "occupancy",
    "property",
    "false_statement",
    "wrongly_admitted",
    "other",
]


class Judgment(Body):
    """The judgment."""

    on: Day
    result: Literal["dissolved", "rejected", "conditional"]
    ground: EndingGround | None = None
    says_neglect: bool = False
    condition_until: Day | None = None
    term_set_by_judge: Day | None = None


@act_on(TERMINATION, "record-judgment", "record_judgment", *LEADERS, on="on")
def judgment(termination: Termination, asked: Asked[Judgment]) -> Iterable[Any]:
    """Note the judgment."""
    body = asked.body
    return record_judgment(
        termination,
        on=body.on,
        result=body.result,
        ground=body.ground,
        says_neglect=body.says_neglect,
        condition_until=body.condition_until,
        term_set_by_judge=body.term_set_by_judge,
        today=asked.by.today,
    )


class OnADay(Body):
    """The day it happened."""

    on: Day


@act_on(TERMINATION, "record-service", "record_service", "administration", on="on")
def service(termination: Termination, asked: Asked[OnADay]) -> Iterable[Any]:
    """Note that the judgment was served."""
    return record_service(termination, on=asked.body.on, today=asked.by.today)


class AnnounceEviction(Body):
    """The day the renter was told, and the day announced."""

    told_on: Day
    date: Day


@act_on(TERMINATION, "announce-eviction", "announce_eviction", "administration", on="told_on")
def eviction_announced(termination: Termination, asked: Asked[AnnounceEviction]) -> Iterable[Any]:
    """Note that the eviction was announced."""
    body = asked.body
    return announce_eviction(termination, told_on=body.told_on, planned_on=body.date, today=asked.by.today)


@act_on(TERMINATION, "record-eviction", "record_eviction", "administration", on="on")
def evicted(termination: Termination, asked: Asked[OnADay]) -> Iterable[Any]:
    """Note that the eviction was carried out."""
    return record_eviction(termination, on=asked.body.on, today=asked.by.today)


class RenterLeaves(Body):
    """The day the keys were given back."""

    keys_on: Day


@act_on(TERMINATION, "renter-left", "renter_left", "administration", "counsellor", on="keys_on")
def left(termination: Termination, asked: Asked[RenterLeaves]) -> Iterable[Any]:
    """Note that the renter gave back the keys."""
    return renter_left(termination, keys_on=asked.body.keys_on, today=asked.by.today)


class CloseTermination(DatedBody):
    """How and why the lease ended, where that does not follow from the file."""

    mode: EndingMode | None = None
    ground: EndingGround | None = None


@act_on(TERMINATION, "close", "close_termination", "coordinator")
def close_a_review(termination: Termination, asked: Asked[CloseTermination]) -> Iterable[Any]:
    """Close the file."""
    return close_termination(termination, mode=asked.body.mode, ground=asked.body.ground)
