"""Each alarm asks for what the services tell, under its name and labels, and leads to what is to be done then."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from operate.state import PROJECT, SERVICES

FOLDER = PROJECT / "deploy/prometheus"
SCRAPED: Mapping[str, Any] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
RULES: list[Mapping[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
OF_PROMETHEUS = {"up": {"job", "service"}}


ENDINGS: Mapping[str, tuple[str, ...]] = {
    "Counter": ("_total",),
    "Gauge": ("",),
    "Histogram": ("_bucket", "_sum", "_count"),
}


@cache
def told() -> Mapping[str, set[str]]:
    """Return the labels of each series that a service tells, by the names that Prometheus has for them.

    As its modules declare them: of a series that nothing was counted in yet the client itself tells no labels.
    """
    for service in SERVICES:
        import_module(f"services.{service}.main")
    labels = dict(OF_PROMETHEUS)
    for name, module in sorted(sys.modules.items()):
        if name.startswith(("services.", "shared.")) and module.__file__ is not None:
            for kind, metric, own in declared_in(Path(module.__file__)):
                for ending in ENDINGS[kind]:
                    labels[metric + ending] = own | ({"le"} if ending == "_bucket" else set())
    return labels


def declared_in(module: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Yield kind, name and labels of each metric that a module makes."""
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Call(
                func=ast.Name(id=kind) | ast.Attribute(attr=kind),
                args=[ast.Constant(value=str(metric)), ast.Constant(), *given],
            ) if kind in ENDINGS:
                own = {label for names in given for label in ast.literal_eval(names)}
                yield kind, metric, own | {"job", "service"}


def asked(expression: Any) -> Iterator[tuple[str, set[str], set[str]]]:
    """Yield each series of an expression with the labels by which it is chosen and those by which it is summed up."""
    match type(expression).__name__:
        case "VectorSelector":
            yield expression.name, {matcher.name for matcher in expression.matchers.matchers}, set()
        case "MatrixSelector":
            yield from asked(expression.vector_selector)
        case "AggregateExpr":
            by = set(expression.modifier.labels) if expression.modifier else set()
            for name, chosen, summed in asked(expression.expr):
                yield name, chosen, summed | by
        case "Call":
            for argument in expression.args:
                yield from asked(argument)
        case "BinaryExpr":
            yield from asked(expression.lhs)
            yield from asked(expression.rhs)
        case "ParenExpr":
            yield from asked(expression.expr)
        case "NumberLiteral":
            return
        case other:
            raise ValueError(f"a kind of expression that this test does not read: {other}")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alarm_asks_for_what_is_told(rule: Mapping[str, Any]) -> None:
    series = told()
    asks = list(asked(promql_parser.parse(rule["expr"])))
    assert asks
    for name, chosen, summed in asks:
        assert name in series, name
        assert chosen | summed <= series[name], name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alarm_says_what_is_so_and_leads_to_what_is_to_be_done(rule: Mapping[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("now", "today")
    told_labels = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    kept = set.union(*(summed for _, _, summed in asked(promql_parser.parse(rule["expr"]))))
    assert "service" in told_labels <= kept
    page, _, chapter = rule["annotations"]["runbook"].partition("#")
    assert chapter in {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", (PROJECT / page).read_text(), re.M)
    }


def test_each_figure_of_the_runbook_is_told() -> None:
    named = set(re.findall(r"`(huurspoor_\w+)", (PROJECT / "docs/runbook.md").read_text()))
    assert named
    series = set(told())
    assert named <= series | {name.removesuffix("_bucket") for name in series}


def test_every_service_is_asked_where_it_listens() -> None:
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    asked_for = {
        labels["service"]: targets
        for one in SCRAPED["scrape_configs"][0]["static_configs"]
        for labels, targets in [(one["labels"], one["targets"])]
    }
    assert asked_for == {
        service: [f"{service}:{compose[service]['environment']['HUURSPOOR_PORT']}"] for service in SERVICES
    }
