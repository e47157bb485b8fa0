"""Letter templates: plain text with marks, of the product or of the office, by version (domain 9.2).

A template has a subject (``# ``), a summary of at most five lines (``> ``), headings (``## ``), list items (``- ``) and
paragraphs. ``{name}`` stands for what each letter fills in; a line with ``{name?}`` is left out where there is nothing.
What somebody wrote is never subject, summary or heading of a letter: such a line gets a ``\\`` before it, which is not
printed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from services.notifications.events import TemplateAdopted, TemplateEvent
from services.notifications.rules.content import missing_in_template, summary_fits
from services.notifications.rules.refusals import ContentMissing
from shared.contracts.notifications import Kind
from shared.decisions import Named, Stream
from shared.refusals import DateOrder, has_begun

MARKS = frozenset({"letter_date", "signed_by", "notice_start", "notice_end", "post_until", "exit_inspection"})
"""What becomes known at approval only."""

MARKS_OF_A_LINE = ("# ", "> ", "## ")  # subject, summary, heading

_FIELD = re.compile(r"\{([a-z_]+)(\?)?\}")
_NOTHING = "…"


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A template with its values: the text, and the values it asked for and did not get."""

    text: str
    missing: tuple[str, ...] = ()


def fill(template: str, values: Mapping[str, str | None]) -> Filled:
    """Return the template with its values. A heading under which nothing is left goes too."""
    lines: list[str] = []
    missing: list[str] = []
    for line in template.splitlines():
        names = _FIELD.findall(line)
        if any(optional and not values.get(name) for name, optional in names):
            continue
        missing += [name for name, optional in names if not optional and not values.get(name)]
        lines.append(_as_words(line, _FIELD.sub(lambda found: values.get(found[1]) or _NOTHING, line)))
    return Filled(text=_without_empty_headings(lines), missing=tuple(dict.fromkeys(missing)))


def _as_words(line: str, filled: str) -> str:
    """Return a line of a template with its values, of which none begins with a mark; items of a list may."""
    first, *further = filled.splitlines() or [""]
    own = line.startswith(MARKS_OF_A_LINE)
    return "\n".join((first if own else _unmarked(first), *(_unmarked(words) for words in further)))


def _unmarked(words: str) -> str:
    return f"\\{words.lstrip()}" if words.lstrip().startswith(MARKS_OF_A_LINE) else words


def fields_of(template: str) -> frozenset[str]:
    """Return the names that a template asks for."""
    return frozenset(name for name, _ in _FIELD.findall(template))


def with_marks(text: str, marks: Mapping[str, str]) -> str:
    """Return the text with what became known at approval: ``⟦letter_date⟧`` and the like."""
    return re.sub(r"⟦([a-z_]+)⟧", lambda found: marks.get(found[1], found[0]), text)


def open_marks(text: str) -> tuple[str, ...]:
    """Return the marks that are still open in a text."""
    return tuple(dict.fromkeys(re.findall(r"⟦([a-z_]+)⟧", text)))


def _without_empty_headings(lines: list[str]) -> str:
    kept: list[str] = []
    for number, line in enumerate(lines):
        if line.startswith("## "):
            rest = (later for later in lines[number + 1 :] if later.strip())
            if next(rest, "## ").startswith("## "):
                continue
        kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


Adopted = tuple[TemplateAdopted, ...]
NONE_YET: Adopted = ()


def in_force(adopted: Adopted, *, kind: Kind, language: str, on: date) -> TemplateAdopted | None:
    """Return the office's own template of a day; None: it uses the product's."""
    effective = [one for one in adopted if (one.kind, one.language) == (kind, language) and one.in_force_from <= on]
    return max(effective, key=lambda one: (one.in_force_from, one.version), default=None)


def adopt(
    adopted: Adopted,
    *,
    id: str,
    kind: Kind,
    language: str,
    text: str,
    in_force_from: date,
    today: date,
    known: Iterable[str],
) -> list[TemplateEvent]:
    """Write a kind of letter like this from a day on.

    :param known: the names that letters of this kind can fill in.
    :raises DateOrder: the day lies before today; what was sent does not change.
    :raises ContentMissing: mandatory parts are missing from the Dutch text, or it asks for a name that nobody fills in.
    :raises WrongState: the id belongs to another template.
    """
    named = next((one for one in adopted if one.id == id), None)
    said = named and (named.kind, named.language, named.text, named.in_force_from)
    if has_begun(said, (kind, language, text, in_force_from)):
        return []
    earlier = [one for one in adopted if (one.kind, one.language) == (kind, language)]
    if earlier and (earlier[-1].text, earlier[-1].in_force_from) == (text, in_force_from):
        return []
    if in_force_from < today:
        raise DateOrder
    lacking = [Named(part) for part in missing_in_template(text, kind)] if language == "nl" else []
    if not summary_fits(text):
        lacking.append(Named("summary"))
    if not any(line.startswith("# ") for line in text.splitlines()):
        lacking.append(Named("subject"))
    if fields_of(text) - frozenset(known) or set(open_marks(text)) - MARKS:
        lacking.append(Named("unknown_field"))
    if lacking:
        raise ContentMissing(*lacking)
    return [
        TemplateAdopted(
            id=id,
            template=f"{kind}/{language}",
            kind=kind,
            language=language,
            version=len(earlier) + 1,
            in_force_from=in_force_from,
            text=text,
        )
    ]


def evolve(adopted: Adopted, event: TemplateEvent) -> Adopted:
    return (*adopted, event)


TEMPLATES = Stream("templates", initial=NONE_YET, evolve=evolve, events=TemplateEvent)
