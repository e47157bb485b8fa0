"""Evaluations over HTTP: translate, decide, answer. Importing its modules opens their doors."""

from services.evaluations.api import evaluations, holds, offices, standing, terminations
from services.evaluations.api.door import api

__all__ = ["api", "evaluations", "holds", "offices", "standing", "terminations"]
