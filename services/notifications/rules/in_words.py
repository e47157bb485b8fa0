"""Numbers, days, lists and standing sentences as a letter in plain words says them, in the language of its reader."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

# Around words that stay in Dutch in a translation, until its reader is told so.
_DUTCH, _END = "\ue000", "\ue001"
_KEPT = re.compile(f"{_DUTCH}(.*?){_END}", re.DOTALL)
DUTCH = "nl"


@dataclass(frozen=True, kw_only=True)
class Tongue:
    """A language: how it says days, numbers and lists, and the sentences that facts go into (``words.toml``).

    :ivar annex: says on a translation that the Dutch text is the official one.
    :ivar labels: items of the checklist by their Dutch text.
    """

    code: str
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    numbers: tuple[str, ...]  # from zero on
    conjunction: str
    annex: str
    phrases: Mapping[str, str]
    labels: Mapping[str, str]

    def day(self, day: date) -> str:
        """Return a day as ``18 maart 2026``."""
        return f"{day.day} {self.months[day.month - 1]} {day.year}"

    def weekday(self, day: date) -> str:
        """Return a day as ``woensdag 18 maart 2026``."""
        return f"{self.weekdays[day.weekday()]} {self.day(day)}"

    def number(self, number: int) -> str:
        """Return a number in words, a large one in digits."""
        return self.numbers[number] if 0 <= number < len(self.numbers) else str(number)

    def number_told(self, number: int) -> str:
        """Return a number in words with its digits: ``drie (3)``."""
        words = self.number(number)
        return words if words.isdigit() else f"{words} ({number})"

    def months_told(self, number: int) -> str:
        """Return a length as ``drie (3) maanden``."""
        return self.say("month") if number == 1 else self.say("months", number=self.number_told(number))

    def listed(self, parts: tuple[str, ...]) -> str:
        """Return ``a, b en c``."""
        if len(parts) < 2:
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {self.conjunction} {parts[-1]}"

    def say(self, phrase: str, **values: str) -> str:
        """Return a sentence with its values."""
        return self.phrases[phrase].format_map(values).strip()

    def label(self, label: str) -> str:
        """Return an item of the checklist in this language; one that nobody translated is kept in Dutch."""
        return self.labels.get(label) or self.kept(label)

    def kept(self, words: str) -> str:
        """Return somebody's own words, which are never translated by a machine."""
        return words if self.code == DUTCH else f"{_DUTCH}{words}{_END}"

    def shown(self, text: str) -> str:
        """Return a text in which words that stay Dutch are marked as such for the reader."""
        return _KEPT.sub(lambda found: self.say("in_dutch", words=found[1]), text)


def keeps_dutch(text: str | None) -> bool:
    """Whether a text holds words that nobody has translated."""
    return text is not None and _DUTCH in text
