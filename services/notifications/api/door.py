"""What the doors of notifications have in common: who may come in, and how an act on a letter is recorded."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from services.notifications.letters import OFFICE, languages
from services.notifications.names import task_named
from services.notifications.rules.attempts import ATTEMPTS, attempt_refused
from services.notifications.rules.communication import COMMUNICATION, Communication
from services.notifications.rules.following import Follows, and_tasks
from services.notifications.rules.kinds import POLICIES, policy_in_force
from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile
from services.notifications.rules.task import TASK
from shared.acting import Part
from shared.contracts.evaluations import BadNewsSender, PolicyAdoptedV1
from shared.web import Acted, Caller, Doors, Line, OnRefusal, Store, every

api = Doors("notifications")

WRITERS: Final = ("counsellor", "coordinator", "administration")
SENDERS: Final = ("counsellor", "coordinator", "director", "administration")
READERS: Final = ("counsellor", "coordinator", "director", "administration", "dpo")
STAFF: Final = ("counsellor", "coordinator", "director", "administration", "technical")
POSTERS: Final = ("administration",)


Name = Annotated[Line, Field(min_length=1)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=20)]


def _with_templates(language: str) -> str:
    if language not in languages():
        raise ValueError("there are no templates in this language")
    return language


Languages = Annotated[str, AfterValidator(_with_templates), Field(json_schema_extra={"enum": [*languages()]})]
"""A language of the templates: a further folder adds one."""


@api.knows_counsellors_by
async def counsellor_of(store: Any, by: Caller, lease: str) -> str | None:
    """Return who guides a lease."""
    file: LeaseFile = await store.state(LEASE_FILE, lease, by=by)
    return file.counsellor


async def act_on(
    store: Store,
    id: str,
    letter: Communication,
    decision: Callable[..., list[Any]],
    *,
    by: Caller,
    reads: Mapping[str, Any] | None = None,
    follows: Callable[[Communication, list[Any]], Follows] = lambda _letter, _events: ((), ()),
) -> Acted:
    """Do something with a letter, and open and close the tasks that follow; a refusal is remembered for the file."""
    lease = letter.lease or ""
    return await store.decide(
        COMMUNICATION,
        id,
        partial(and_tasks, decision=decision, follows=follows, lease=lease, named=task_named),
        by=by,
        reads={**(reads or {}), "tasks": every(TASK, lease)},
        refused=remembered(lease, by.act or "", id),
    )


def remembered(lease: str, act: str, communication: str) -> OnRefusal:
    """Return what is recorded where an act on a letter is refused."""
    return OnRefusal(ATTEMPTS, lease, partial(attempt_refused, lease=lease, act=act, communication=communication))


def kept_as_adopted(
    id: str, show: Callable[[Any], Mapping[str, Any]], *, like: Callable[[Any], bool] = lambda _one: True
) -> Part:
    """Return how something is answered that the office adopts, among others, and that never changes.

    :param like: which of them could be what is adopted again under another id: then the last of those is answered.
    """

    def found(adopted: Sequence[Any]) -> Any:
        own = (one for one in reversed(adopted) if one.id == id)
        return next(own, None) or next((one for one in reversed(adopted) if like(one)), None)

    return Part(version=lambda adopted: 0 if found(adopted) is None else 1, show=lambda adopted: show(found(adopted)))


async def policy_of(store: Store, by: Caller) -> PolicyAdoptedV1 | None:
    """Return the office's policy of today, None where none has arrived."""
    return policy_in_force(await store.state(POLICIES, OFFICE, by=by), on=by.today)


def sender_of(policy: PolicyAdoptedV1 | None) -> BadNewsSender:
    """Return whom the office chose to bring bad news; the coordinator where it chose nobody."""
    return policy.bad_news_sender if policy else "coordinator"


def plain(text: str) -> str:
    """Return words as two people would call them the same."""
    return " ".join(text.casefold().split())


def sha256_of(text: str) -> str:
    """Return the SHA-256 of a text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
