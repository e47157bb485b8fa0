"""The committed documents of the public contracts are those that the contracts give."""

import importlib
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from shared.bus import SERVICES
from shared.contract_documents import FOLDER, documents, schema, write
from shared.contracts.platform import HistoryRequestedV1


def documents_of(service: str) -> dict[str, str]:
    reactions = importlib.import_module(f"services.{service}.reactions").reactions
    return documents(service, list(reactions.heard))


@pytest.mark.parametrize("service", SERVICES)
def test_the_committed_documents_are_those_of_the_contracts(service: str) -> None:
    made = documents_of(service)
    assert {path: (FOLDER / path).read_text(encoding="utf-8") for path in made if (FOLDER / path).exists()} == made
    committed = {f"schemas/{file.name}" for file in FOLDER.glob(f"schemas/{service}.*.json")}
    assert committed == {path for path in made if path.startswith(f"schemas/{service}.")}


@pytest.mark.parametrize("service", SERVICES)
def test_each_schema_is_one_and_each_reference_leads_somewhere(service: str) -> None:
    made = documents_of(service)
    for path, text in made.items():
        if path.startswith("schemas/"):
            jsonschema.Draft202012Validator.check_schema(json.loads(text))
    for reference in references(json.loads(made[f"asyncapi/{service}.json"])):
        if reference.startswith("../"):
            assert (FOLDER / "asyncapi" / reference).resolve().exists(), reference


def test_evaluations_declares_that_it_hears_four_types_of_referrals() -> None:
    told = documents_of("evaluations")["asyncapi/evaluations.json"]
    assert "huurspoor.*.referrals.>" not in told
    assert "huurspoor.*.referrals.ReferralOffered.>" in told


def test_a_document_of_a_contract_that_is_gone_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "visits.NeverWas.v1.json").write_text("{}")
    (tmp_path / "schemas" / "referrals.Other.v1.json").write_text("{}")
    write("visits", [], folder=tmp_path)
    assert not (tmp_path / "schemas" / "visits.NeverWas.v1.json").exists()
    assert (tmp_path / "schemas" / "referrals.Other.v1.json").exists()


def test_a_public_name_may_be_a_word_of_the_language() -> None:
    told = schema(HistoryRequestedV1)
    assert set(told["$defs"]["HistoryRequestedV1"]["properties"]) == {"publisher", "epoch", "from", "until"}


def references(document: Any) -> list[str]:
    match document:
        case {"$ref": str() as reference}:
            return [reference]
        case dict():
            return [one for part in document.values() for one in references(part)]
        case list():
            return [one for part in document for one in references(part)]
        case _:
            return []
