"""Who interprets: adults only, whoever they are (domain 3.2, P30)."""

from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from services.referrals.events import (
    InterpreterChanged,
    InterpreterEvent,
    InterpreterListed,
    InterpreterRetired,
)
from shared.contracts.referrals import InterpreterKind
from shared.decisions import Refusal, Stream
from shared.refusals import WrongState, has_begun
from shared.sealed import Sealed, is_the_same


class InterpreterIsMinor(Refusal):
    """A child never interprets; of a friend or acquaintance somebody must have said that they are an adult."""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """One entry of the directory."""

    entry: InterpreterListed | None = None
    retired_on: date | None = None


def list_interpreter(
    interpreter: Interpreter,
    *,
    kind: InterpreterKind,
    name: Sealed | None,
    phone: Sealed | None = None,
    languages: tuple[str, ...] = (),
    age_over_18: bool | None = None,
) -> list[InterpreterEvent]:
    """Put an interpreter into the directory.

    :raises InterpreterIsMinor: under 18, or an acquaintance of whom nobody said that they are not.
    :raises WrongState: the directory has another entry under this id.
    """
    entry = InterpreterListed(kind=kind, name=name, phone=phone, languages=languages)
    _must_be_no_minor(age_over_18)
    if has_begun(interpreter.entry, entry):
        return []
    _must_be_adult(kind, age_over_18)
    return [entry]


def change_interpreter(
    interpreter: Interpreter,
    *,
    kind: InterpreterKind,
    name: Sealed | None,
    phone: Sealed | None = None,
    languages: tuple[str, ...] = (),
    age_over_18: bool | None = None,
) -> list[InterpreterEvent]:
    """Let the entry read like this from now on.

    :raises InterpreterIsMinor: under 18, or an acquaintance of whom nobody said that they are not.
    :raises WrongState: never listed, or retired.
    """
    entry = InterpreterListed(kind=kind, name=name, phone=phone, languages=languages)
    _must_be_no_minor(age_over_18)
    if is_the_same(interpreter.entry, entry):
        return []
    _must_be_adult(kind, age_over_18)
    if interpreter.entry is None or interpreter.retired_on is not None:
        raise WrongState
    return [InterpreterChanged(kind=kind, name=name, phone=phone, languages=languages)]


def retire_interpreter(interpreter: Interpreter, *, on: date, why: Sealed | None = None) -> list[InterpreterEvent]:
    """Ask the interpreter no more.

    :raises WrongState: never listed.
    """
    if interpreter.retired_on is not None:
        return []
    if interpreter.entry is None:
        raise WrongState
    return [InterpreterRetired(retired_on=on, why=why)]


def evolve(interpreter: Interpreter, event: InterpreterEvent) -> Interpreter:
    match event:
        case InterpreterListed():
            return replace(interpreter, entry=event)
        case InterpreterChanged():
            entry = InterpreterListed(kind=event.kind, name=event.name, phone=event.phone, languages=event.languages)
            return replace(interpreter, entry=entry)
        case InterpreterRetired():
            return replace(interpreter, retired_on=event.retired_on)
        case _:
            assert_never(event)


def _must_be_no_minor(age_over_18: bool | None) -> None:
    # Asked before "already so": who reads like an entry that is there is a child all the same.
    if age_over_18 is False:
        raise InterpreterIsMinor


def _must_be_adult(kind: InterpreterKind, age_over_18: bool | None) -> None:
    # Of an agency's interpreter nobody asks the age; of a friend on the phone somebody must have.
    if kind == "informal_adult" and age_over_18 is None:
        raise InterpreterIsMinor


INTERPRETER = Stream("interpreter", initial=Interpreter(), evolve=evolve, events=InterpreterEvent)
