"""Evaluations over HTTP: translate, decide, answer. Importing its modules opens their doors."""

from services.evaluations.api import (
    evaluations,
    figures,
    holds,
    offices,
    provenance,
    reading,
    standing,
    steps_of_law,
    terminations,
    what_if,
)
from services.evaluations.api.door import api

__all__ = [
    "api",
    "evaluations",
    "figures",
    "holds",
    "offices",
    "provenance",
    "reading",
    "standing",
    "steps_of_law",
    "terminations",
    "what_if",
]
