"""Numbers, days and lists as a letter in plain Dutch, French or English says them."""

from datetime import date

_MONTHS = {
    "nl": [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    "fr": [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
}
_WEEKDAYS = {
    "nl": ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
    "fr": ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
}
_NUMBERS = {
    "nl": [
        "nul",
        "één",
        "twee",
        "drie",
        "vier",
        "vijf",
        "zes",
        "zeven",
        "acht",
        "negen",
        "tien",
        "elf",
        "twaalf",
        "dertien",
        "veertien",
        "vijftien",
        "zestien",
        "zeventien",
        "achttien",
        "negentien",
    ],
    "fr": ["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze"],
    "en": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
}
_AND = {"nl": "en", "fr": "et", "en": "and"}

_TENS = ("", "", "twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig")


def day_in_words(day: date, language: str = "nl") -> str:
    """Return a day as ``18 maart 2026``."""
    return f"{day.day} {_MONTHS[language][day.month - 1]} {day.year}"


def weekday_in_words(day: date, language: str = "nl") -> str:
    """Return a day as ``woensdag 18 maart 2026``."""
    return f"{_WEEKDAYS[language][day.weekday()]} {day_in_words(day, language)}"


def number_in_words(number: int, language: str = "nl") -> str:
    """Return a number in words: in Dutch up to ninety-nine, else up to twelve; a larger one in digits."""
    words = _NUMBERS[language]
    if 0 <= number < len(words):
        return words[number]
    if language != "nl" or not 20 <= number <= 99:
        return str(number)
    tens, units = divmod(number, 10)
    unit = "een" if units == 1 else words[units]
    joined = f"{unit}ën" if unit.endswith("e") else f"{unit}en"
    return f"{joined}{_TENS[tens]}" if units else _TENS[tens]


def number_told(number: int, language: str = "nl") -> str:
    """Return a number in words with its digits: ``drie (3)``."""
    words = number_in_words(number, language)
    return words if words.isdigit() else f"{words} ({number})"


def listed(parts: tuple[str, ...], language: str = "nl") -> str:
    """Return ``a, b en c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {_AND[language]} {parts[-1]}"
