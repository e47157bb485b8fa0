"""What each letter must say, and finding in a text whether it does (domain 9.2).

Nobody judges a text here: a part counts as said when the words with which one says it are there. What an office says in
every letter of a kind is added to a person's words where it is missing; what only this case can tell must be in them.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date

from shared.contracts.notifications import Kind

_MONTHS = "januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december"
_DATE = (
    rf"\b\d{{1,2}}\s+({_MONTHS})\b|\b\d{{1,2}}[/.-]\d{{1,2}}[/.-]\d{{2,4}}\b|\b\d{{4}}-\d{{2}}-\d{{2}}\b|⟦notice_start⟧"
)
_NUMBER = r"(nul|geen|één|een|twee|drie|vier|vijf|zes|zeven|acht|negen|tien|\d+)"
_AMOUNT = r"(€|\beuro\b|\beur\b)"

PATTERNS: Mapping[str, str] = {
    "moment": _DATE,
    "grounds": r"vastgesteld|vaststelling|stelden[^.\n]{0,40}vast|"
    r"we zagen|wij zagen|\bzag\b|punt(en)? |checklist|reden van de|gronden?\b",
    "renter_said": r"\bu (zei|zegt|vertelde|antwoordde|hebt? (ons )?(gezegd|verteld)|gaf)\b|u zei|volgens u\b|"
    r"uw (uitleg|antwoord|reactie|verhaal|mening)|u hebt niet gereageerd|u reageerde niet",
    "reasons": r"\bomdat\b|\bredenen?\b|\bdaarom\b|\bwaarom\b|\bwant\b|\bbeslissen (wij|we)\b",
    "count": rf"({_NUMBER}[^.\n]{{0,40}}(negatieve )?evaluaties?|evaluaties?[^.\n]{{0,60}}{_NUMBER}|telling|\btelt\b)",
    "validity": r"maand(en)?\b[^.\n]{0,80}|blijft[^.\n]{0,40}tellen|telt[^.\n]{0,60}maand",
    "cure": r"herstel|tijd om|krijgt u (de )?tijd|verbeteren|in orde (te )?(brengen|maken)",
    "contest": r"betwist|bezwaar|niet akkoord|niet mee eens|niet eens (bent|met)",
    "expected": r"verwacht|vragen (we|wij) u|wat (wij|we) vragen|wat moet u|wij vragen|we vragen|gelieve",
    "help": r"\bhulp\b|\bhelpen\b|\bhelpt\b|steun|ondersteun",
    "counsellor": r"begeleid(st)?er|huurbegeleid|woonbegeleid",
    "count_decides_nothing": r"nooit vanzelf|beslist altijd een mens|mens beslist",
    "helplines": r"huurdersbond|huurdersbonden|ocmw",
    "contested": r"betwist|bezwaar|niet akkoord",
    "heard": r"gehoord|geluisterd|gesprek|uitgenodigd|naar u luister",
    "decision": r"beslis|beslot|blijft|vernietig|trekken .{0,30} in|gelijk",
    "count_effect": r"telt|telling|tellen|aantal",
    "remedies": r"vrederechter|huurdersbond|advocaat|ombuds|klacht|toezicht",
    "hearing_date": _DATE,
    "place": r"\b(in|op) (ons|het|uw) kantoor\b|\badres\b|plaats|lokaal|straat|laan|plein|weg\b|bij u thuis|zaal",
    "assisted": r"bijgestaan|bijstaan|laten helpen|iemand meebrengen|meenemen|meebrengen|advocaat|vertrouwenspersoon",
    "interpreter": r"\btolk",
    "move_date": r"andere (dag|datum)|verplaatsen|verzetten|niet past|andere afspraak",
    "if_absent": r"niet komt|afwezig|er niet bent|wegblijft|niet kunt komen",
    "names": r"huurders? (is|zijn|heet|heten)\b",
    "decided": r"beslis|beslot",
    "notice_months": rf"{_NUMBER}(\s*\(\d+\))?\s+maand",
    "notice_dates": r"⟦notice_start⟧|begint op|start op|loopt van|eindigt op|tot en met",
    "judge_only": r"rechter",
    "ocmw_told": r"ocmw",
    "counsellor_stays": r"(begeleid(st)?er|\{counsellor\})[^.\n]{0,60}(blijft|blijven)|blijft[^.\n]{0,60}begeleid",
    "exit_inventory": r"plaatsbeschrijving|uitgaand|bekijken wij de woning|⟦exit_inspection⟧",
    "amount_per_month": _AMOUNT,
    "payments_received": r"betaald|betaling(en)?\b|ontvangen|ontvingen|gestort",
    "balance_date": _DATE,
    "plan": r"afbetal|afbetaalplan|aflossing|spreiden|in schijven|plan\b",
    "debt_help": r"schuldbemiddel|budget|ocmw|caw",
    "recalled": r"dat(um|a)|termijn|brief",
    "new_dates": _DATE,
    "text": r"\S",
}
"""How each part is said, in plain Dutch."""

FILLED_IN: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "moment": (("{moment}",), ("{moment_on}",)),
    "grounds": (("{grounds}",),),
    "renter_said": (("{grounds}",),),
    "reasons": (("{reasons}",),),
    "count": (("{count_before}", "{count_after}", "{threshold}"),),
    "validity": (("{validity}",),),
    "cure": (("{cure_days}",),),
    "expected": (("{expected}",),),
    "counsellor": (("{counsellor}",),),
    "helplines": (("{helplines}",),),
    "contested": (("{contested}",),),
    "heard": (("{heard}",),),
    "decision": (("{decision}",), ("{decision_short}",)),
    "count_effect": (("{count_after}",),),
    "remedies": (("{remedies}",),),
    "names": (("{names}",),),
    "decided": (("{decided_on}", "{decided_by}"),),
    "notice_months": (("{notice_months}",),),
    "notice_dates": (("⟦notice_start⟧", "⟦notice_end⟧"),),
    "exit_inventory": (("⟦exit_inspection⟧",),),
}
"""With which names a template says a part that only each case can tell: one of these groups, all names of it."""

MANDATORY: Mapping[Kind, tuple[str, ...]] = {
    "L-05": (
        "moment", "grounds", "renter_said", "reasons", "count", "validity", "cure", "contest", "expected", "help",
        "counsellor", "count_decides_nothing", "helplines",
    ),
    "L-07": ("contested", "heard", "decision", "reasons", "count_effect", "remedies"),
    "L-08": ("hearing_date", "place", "assisted", "interpreter", "grounds", "move_date", "if_absent"),
    "L-09": (
        "names", "grounds", "decided", "notice_months", "notice_dates", "judge_only", "ocmw_told", "help",
        "counsellor_stays", "exit_inventory",
    ),
    "L-10": ("decision",),
    "L-11": ("recalled", "new_dates"),
    "L-12": ("amount_per_month", "payments_received", "balance_date", "plan", "debt_help"),
}  # fmt: skip
"""The parts that a person's words and the standing sentences must hold together. Office, landlord, dwelling, date, file
number, the name and number of a person, the summary and the signature stand in the frame of every letter."""

SUMMARY_LINES = 5


def mandatory(kind: Kind) -> tuple[str, ...]:
    """Return the parts that a letter of this kind must hold; every letter must say something."""
    return MANDATORY.get(kind, ("text",))


WRITTEN_BY_PEOPLE: frozenset[Kind] = frozenset({"L-08", "L-11", "L-12", "L-15"})
"""Letters that no fact drafts (9.4): a template of theirs is subject, summary and frame around a person's own words."""


def says(text: str, part: str) -> bool:
    """Whether ``part`` is said in ``text``, as it will be read."""
    return re.search(PATTERNS[part], text, re.IGNORECASE) is not None


def missing_in(text: str, kind: Kind) -> tuple[str, ...]:
    """Return the mandatory parts that ``text`` does not say, in the order of domain 9.2."""
    return tuple(part for part in mandatory(kind) if not says(text, part))


def missing_in_template(text: str, kind: Kind) -> tuple[str, ...]:
    """Return the mandatory parts that no letter made from this Dutch template would say.

    What a case alone can tell, the template says with a name to fill in; the rest in its own words.
    """
    if kind in WRITTEN_BY_PEOPLE:
        return ()
    return tuple(part for part in mandatory(kind) if not _template_says(text, part))


def _template_says(text: str, part: str) -> bool:
    if part not in FILLED_IN:
        return says(text, part)
    return any(all(name in text for name in names) for names in FILLED_IN[part])


def days_in(text: str) -> tuple[date, ...]:
    """Return the days that a text names: ``20 maart 2026``, ``20/03/2026`` or ``2026-03-20``."""
    months = _MONTHS.split("|")
    named = [
        (year, months.index(month.lower()) + 1, day)
        for day, month, year in re.findall(rf"\b(\d{{1,2}})\s+({_MONTHS})\s+(\d{{4}})\b", text, re.IGNORECASE)
    ]
    named += [(year, month, day) for day, month, year in re.findall(r"\b(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\b", text)]
    named += re.findall(r"\b(\d{4})-(\d{2})-(\d{2})\b", text)
    found = []
    for year, month, day in named:
        try:
            found.append(date(int(year), int(month), int(day)))
        except ValueError:
            continue  # 31 February is written, but it is no day
    return tuple(found)


def dressed(text: str, *, frame: str, standing: Mapping[str, str]) -> str:
    """Return a person's words with subject and summary on top, and with what the office says in every such letter.

    :param frame: the filled template of the kind, for its subject and summary where the words have none.
    :param standing: sentences by part; one is added where its part is not said.
    """
    lines = text.splitlines()
    own = next((line for line in lines if line.startswith("# ")), None)
    # A letter has one subject; what is marked like another is a heading.
    rest = [
        f"#{line}" if line.startswith("# ") else line for line in lines if line != own and not line.startswith("> ")
    ]
    subject = [own] if own is not None else _marked(frame, "# ")[:1]
    summary = _marked(text, "> ") or _marked(frame, "> ")
    body = "\n".join(rest).strip()
    added = [standing[part] for part in unsaid(text, standing)]
    return "\n".join((*subject, *summary, "", body, "", *added)).strip() + "\n"


def unsaid(text: str, parts: Iterable[str]) -> tuple[str, ...]:
    """Return which of these parts the body of a text does not say."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith(("# ", "> ")))
    return tuple(part for part in parts if not says(body, part))


def summary_fits(text: str) -> bool:
    """Whether a text has a summary, of at most five lines."""
    return 1 <= len(_marked(text, "> ")) <= SUMMARY_LINES


def _marked(text: str, mark: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(mark)]
