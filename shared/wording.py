"""What people read: one sentence for each reason, in each language. Dutch first; other languages are translations."""

import string
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

FIRST: Final = "nl"
LANGUAGES: Final = ("nl", "en")
SHARED: Final = Path(__file__).parent / "wording"


class Wording:
    """The sentences of a service, with those that all services share beneath them."""

    def __init__(self, *folders: Path) -> None:
        self._sentences: dict[str, dict[str, dict[str, str]]] = {language: {} for language in LANGUAGES}
        for language in LANGUAGES:
            for folder in (SHARED, *folders):
                file = folder / f"{language}.toml"
                if file.exists():
                    for section, sentences in tomllib.loads(file.read_text(encoding="utf-8")).items():
                        self._sentences[language].setdefault(section, {}).update(sentences)

    def say(self, section: str, name: str, language: str, values: Mapping[str, str | int] = {}) -> str | None:
        """Return the sentence for ``name`` in ``section``, its ``{values}`` filled in, or None where there is none.

        A language that lacks it falls back to Dutch; a value that is not given stays out.
        """
        for tried in (language, FIRST):
            sentence = self._sentences.get(tried, {}).get(section, {}).get(name)
            if sentence is not None:
                return _Filled().format_map(sentence, values)
        return None

    def names(self, section: str, language: str) -> frozenset[str]:
        """Return what has a sentence in ``section`` in this very language."""
        return frozenset(self._sentences[language].get(section, {}))


class _Filled(string.Formatter):
    def format_map(self, sentence: str, values: Mapping[str, str | int]) -> str:
        return "".join(
            literal + (str(values.get(name, "…")) if name is not None else "")
            for literal, name, _spec, _conversion in self.parse(sentence)
        )


def language_of(accepted: str | None, languages: Iterable[str] = LANGUAGES) -> str:
    """Return the language to answer in: the best of an ``Accept-Language`` that we speak, else Dutch."""
    best, weight = FIRST, 0.0
    known = tuple(languages)
    for number, part in enumerate((accepted or "")[:1000].split(",")):
        tag, _, rest = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        quality = rest.strip().removeprefix("q=")
        try:
            given = float(quality) if quality else 1.0
        except ValueError:
            continue
        if primary in known and 0 < given <= 1 and given - number * 1e-6 > weight:
            best, weight = primary, given - number * 1e-6
    return best
