"""The kinds of letters and messages: by which way they may go, and who may answer for them (domain 9.1, 8)."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from shared.contracts.evaluations import BadNewsSender, PolicyAdoptedV1
from shared.contracts.notifications import About, Kind, Method
from shared.decisions import Person, Stream

Category = Literal["A", "B", "C"]

REGISTERED: frozenset[Method] = frozenset({"registered_paper", "registered_electronic"})
CHAT: frozenset[Method] = frozenset({"sms", "whatsapp", "facebook"})
# A registered letter is a letter, and what is handed over against signature is more than one left in the box.
LETTER: frozenset[Method] = REGISTERED | {"letter"}
HANDOVER: frozenset[Method] = frozenset({"handover", "counter"})
EVERY: frozenset[Method] = LETTER | HANDOVER | CHAT | {"bailiff", "email", "phone"}

CHANNELS: Mapping[Kind, frozenset[Method]] = {
    "L-01": LETTER | HANDOVER | {"email"},
    "L-02": LETTER | {"sms", "whatsapp", "email", "phone"},
    "L-03": LETTER | HANDOVER | {"email"},
    "L-04": LETTER | HANDOVER | {"email"},
    "L-05": REGISTERED | {"handover", "bailiff"},
    "L-06": EVERY,
    "L-07": REGISTERED | {"handover", "bailiff"},
    "L-08": REGISTERED | {"handover"},
    "L-09": REGISTERED,
    "L-10": REGISTERED | {"handover"},
    "L-11": REGISTERED | {"handover", "bailiff"},
    "L-12": LETTER | {"email"},
    "L-13": LETTER | {"email"},
    "L-14": LETTER | {"email"},
    "L-15": LETTER | HANDOVER,
    "L-16": LETTER | {"sms", "whatsapp", "email"},
}


def original_of(about: About) -> Kind | None:
    """Return which kind of letter a correction of dates (L-11) about such a thing corrects."""
    match about:
        case "evaluation":
            return "L-05"
        case "termination":
            return "L-09"
        case _:
            return None


def channels_of(kind: Kind, about: About) -> frozenset[Method]:
    """Return the ways that a letter may go; a correction of dates goes as the letter that it corrects (9.1)."""
    return CHANNELS[(original_of(about) if kind == "L-11" else None) or kind]


OFFICIAL: frozenset[Kind] = frozenset({"L-05", "L-07", "L-08", "L-09", "L-10", "L-11"})
"""Letters that must reach every required addressee, by a way that can be proven."""

TRANSLATED: frozenset[Kind] = frozenset({"L-05", "L-08", "L-09"})
"""Letters that do not leave without a translation for who does not read Dutch, unless the renter waived it (9.2)."""

TRANSLATION_WISHED: frozenset[Kind] = frozenset({"L-01", "L-02", "L-03", "L-04"})
"""Letters on which a missing translation is a warning only."""


def category_of(kind: Kind) -> Category:
    """Return the category of domain 11 under which a letter's text is kept: the one of what it tells."""
    match kind:
        case "L-01" | "L-02" | "L-14" | "L-16":
            return "A"
        case "L-03" | "L-04":
            return "B"
        case _:
            return "C"


def is_bad_news(kind: Kind, *, upheld: bool = False, of: Kind | None = None) -> bool:
    """Whether four eyes and the policy's sender apply.

    :param upheld: L-07: the contest was rejected.
    :param of: L-11: the kind of the letter it corrects.
    """
    match kind:
        case "L-05" | "L-08" | "L-09":
            return True
        case "L-07":
            return upheld
        case "L-11":
            return of is not None and is_bad_news(of, upheld=upheld)
        case _:
            return False


def may_send_bad_news(
    person: Person, *, kind: Kind, about_kind: str, senders: tuple[str, ...], policy: BadNewsSender
) -> bool:
    """Whether ``person`` may approve this bad news (domain 3.8, P26).

    :param senders: persons who may whatever their role: who decided the contest (L-07).
    :param policy: the office's choice who brings bad news.
    """
    if "director" in person.roles:
        return True
    if kind == "L-09" or (kind == "L-11" and about_kind == "termination"):
        return False
    if kind == "L-07":
        return person.is_one_of(*senders)
    if "coordinator" in person.roles:
        return True
    return kind != "L-08" and policy == "counsellor" and "counsellor" in person.roles


Policies = tuple[PolicyAdoptedV1, ...]
NO_POLICY: Policies = ()


def policy_in_force(policies: Policies, *, on: date) -> PolicyAdoptedV1 | None:
    """Return the office's policy of a day; of two from one day the later adopted holds."""
    effective = [(policy.in_force_from, number) for number, policy in enumerate(policies) if policy.in_force_from <= on]
    return policies[max(effective)[1]] if effective else None


def evolve(policies: Policies, event: PolicyAdoptedV1) -> Policies:
    return (*policies, event)


POLICIES = Stream("policies", initial=NO_POLICY, evolve=evolve, events=PolicyAdoptedV1)
