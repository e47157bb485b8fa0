"""How a renter wants to be reached, in which language, from a day on; messages follow it where their kind allows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from services.notifications.events import Addressee, PreferencesStated
from services.notifications.rules.kinds import CHANNELS
from shared.contracts.notifications import Kind, Method
from shared.decisions import Stream
from shared.refusals import Unknown


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """What a party said, in the order in which it was said."""

    stated: tuple[PreferencesStated, ...] = ()

    def on(self, day: date) -> PreferencesStated | None:
        """Return what holds on ``day``: of two from one day the later said."""
        effective = [(one.from_, number) for number, one in enumerate(self.stated) if one.from_ <= day]
        return self.stated[max(effective)[1]] if effective else None


Wishes = Mapping[str, Preferences]  # by party


def state_preferences(
    preferences: Preferences, *, stated: PreferencesStated, parties: Iterable[str]
) -> list[PreferencesStated]:
    """Note how a renter wants to be reached.

    :raises Unknown: nobody with this id is a party to the lease.
    """
    if stated.party not in parties:
        raise Unknown
    if preferences.stated and preferences.stated[-1] == stated:
        return []
    return [stated]


def in_their_language(addressees: Iterable[Addressee], wishes: Wishes, *, on: date) -> tuple[Addressee, ...]:
    """Return the addressees, each with the language that they asked for."""
    return tuple(
        replace(one, language=wish.language)
        if (wish := wishes.get(one.party or "", Preferences()).on(on)) is not None and wish.language is not None
        else one
        for one in addressees
    )


def preferred(
    kind: Kind, party: str | None, wishes: Wishes, *, on: date, among: Iterable[Method] | None = None
) -> Method | None:
    """Return the first channel that a party asked for and by which this kind may go; None where there is none.

    :param among: only these.
    """
    wish = wishes.get(party or "", Preferences()).on(on)
    allowed = CHANNELS[kind] if among is None else CHANNELS[kind] & frozenset(among)
    return next((channel for channel in wish.channels if channel in allowed), None) if wish else None


def evolve(preferences: Preferences, event: PreferencesStated) -> Preferences:
    return Preferences(stated=(*preferences.stated, event))


PREFERENCES = Stream("preferences", initial=Preferences(), evolve=evolve, events=PreferencesStated)
