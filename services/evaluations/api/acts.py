"""The one shape of an act on an evaluation or a termination file.

A door says what the act is called, who may do it, which texts it seals and which day it is about; its function says
what is decided. Around it, always the same: the lease is looked up, the texts are sealed, the whole file of the lease
is laid before the decision, what follows is recorded with it, and a refusal is remembered.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Annotated, Any, Generic, TypeVar, get_args, get_type_hints

from services.evaluations.api.door import (
    NamedFinding,
    api,
    decide_in_file,
    findings_known,
    may_or_noted,
    note_role,
)
from services.evaluations.rules.lease_file import LeaseFile
from shared import problems
from shared.decisions import AnyStream
from shared.web import Acted, Body, Caller, Store, WebStore

B = TypeVar("B", bound=Body)
Decision = Callable[[Any, "Asked[Any]"], Iterable[Any]]


@dataclass(frozen=True, kw_only=True)
class Asked(Generic[B]):
    """An act as its decision sees it.

    :ivar id: the thing it is about. :ivar by: who asks, on which day. :ivar file: the whole file of the lease.
    :ivar said: the sealed texts, each by its name. :ivar findings: those that the body names.
    """

    id: str
    body: B
    by: Caller
    file: LeaseFile
    said: SimpleNamespace
    findings: tuple[str, ...]


def named(findings: Iterable[str | NamedFinding]) -> tuple[str, ...]:
    """Return the ids of findings, named bare or as ``{"finding": id}``."""
    return tuple(one.finding if isinstance(one, NamedFinding) else one for one in findings)


def by_name(*names: str) -> Callable[[Any], Mapping[str, str | None]]:
    """Return how to read texts from a body that has them under these names."""
    return lambda body: {name: getattr(body, name) for name in names}


def no_texts(_body: Any) -> Mapping[str, str | None]:
    """Return none: the act says nothing in words."""
    return {}


def act_on(
    of: AnyStream,
    path: str,
    act: str,
    *roles: str,
    on: str | None = None,
    texts: Callable[[Any], Mapping[str, str | None]] = no_texts,
    lists: Collection[str] = (),
    findings: str | None = None,
    mandated: bool = False,
    mandate_needed: Callable[[Any, Caller], bool] | None = None,
    only: Callable[[Any], Collection[str]] | None = None,
) -> Callable[[Decision], Decision]:
    """Open the door ``POST /<collection>/{id}/<path>`` for an act that the decorated function decides.

    :param on: the field of the body that is the day of the fact; None: its ``occurred_on``.
    :param texts: the texts to seal. :param lists: fields that hold several, each sealed under the field's name.
    :param findings: the field of the body that names findings.
    :param mandate_needed: whether this body by this person also needs a mandate on record.
    :param only: the roles that may do it with this body, where that are fewer.
    """

    def open_door(decision: Decision) -> Decision:
        body_of = get_args(get_type_hints(decision)["asked"])[0]

        async def door(*, body: Any, by: Caller, store: WebStore, **ids: str) -> Acted:
            id = ids[of.kind]
            lease = (await store.state(of, id, by=by)).lease
            if only is not None and not by.roles & set(only(body)):
                await note_role(store, of, id, lease=lease, by=by)
                raise problems.not_permitted()
            said = await by.seal("C", lease, **texts(body))
            for name in lists:
                sealed = [await by.seal_one("C", lease, name, text) for text in getattr(body, name)]
                setattr(said, name, tuple(text for text in sealed if text is not None))
            by = by if on is None else by.on(getattr(body, on))
            if mandate_needed is not None:
                by = replace(by, mandated=mandate_needed(body, by))

            def decide(state: Any, file: LeaseFile) -> Iterable[Any]:
                # Here, and not before: that a person may not do this at all is said first, and remembered.
                known = () if findings is None else findings_known(file.case, named(getattr(body, findings)))
                return decision(state, Asked(id=id, body=body, by=by, file=file, said=said, findings=known))

            words = getattr(said, "words", None)
            return await decide_in_file(store, of, id, decide, lease=lease, by=by, words=words)

        caller = Annotated[Caller, may_or_noted(act, *roles, mandated=mandated, of=of)]
        takes = {of.kind: str, "body": body_of, "by": caller, "store": Store}
        door.__name__, door.__doc__ = decision.__name__, decision.__doc__
        door.__annotations__ = {**takes, "return": Acted}
        door.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in takes.items()]
        )
        api.post(f"/{of.kind}s/{{{of.kind}}}/{path}")(door)
        return decision

    return open_door
