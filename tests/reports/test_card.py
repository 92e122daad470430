from __future__ import annotations

import json
from dataclasses import replace

import pytest

from outcrop.domain.exports import Agreement, Export, ExportForm, UpdateKept
from outcrop.domain.models import CurvePoint, Customization, Identity, Lineage, Model, ModelKind
from outcrop.reports.card import render_card
from outcrop.testing.catalogs import a_model
from tests.reports import samples

BASE = a_model("base", source="owner/name at 0123abc on the Hugging Face hub", parameters=1234567)
LINEAGE = Lineage(
    job="job0",
    base="base",
    base_identity=Identity("b" * 64, "t" * 64, ""),
    method=Customization.LORA,
    data_uri="s3://key:secret@account/deep/train set.jsonl?token=hush",
    data_hash="d" * 64,
    hyperparameters={"epochs": 2, "learning_rate": 1e-4, "rank": 16, "seed": 7},
    seed=7,
    versions={"torch": "2.13.0", "outcrop": "0.1.0"},
    curve=(CurvePoint(0, 0, None, 3.5), CurvePoint(1, 0, 3.25), CurvePoint(9, 1, 2.5, 2.75)),
    figures={"tokens_per_second": 71.25},
)
MODEL = a_model("mine", kind=ModelKind.ADAPTER, base="base", lineage=LINEAGE, parameters=99)
GGUF = Export(
    "mine", ExportForm.GGUF, "q8_0", "e" * 64, 1_500_000, UpdateKept(0.544, 0.999), Agreement(213, 0.972, 1.3, 0.03)
)


def front_matter(card: str) -> dict[str, object]:
    """YAML of this card is JSON behind each key."""
    lines = card.split("---\n")[1].splitlines()
    return {key: json.loads(value) for key, value in (line.split(": ", 1) for line in lines)}


def test_what_a_card_says() -> None:
    card = render_card(GGUF, MODEL, BASE, [])
    assert front_matter(card) == {
        "library_name": "gguf",
        "pipeline_tag": "text-generation",
        "license": "apache-2.0",
        "base_model": "owner/name",
        "base_model_relation": "quantized",
        "tags": ["outcrop", "lora", "q8_0"],
    }
    for text in (
        "# mine\n",
        "1,234,567 weights, as a GGUF file, q8_0. It was made from base by LoRA.",
        f"- Weights, SHA-256: {'e' * 64}\n- Size: 1.5 MB\n",
        "- Update kept: 99.9% of the update survives rounding; cosine 0.544",
        "the same likeliest token at 97.2% of 213 places; logits up to 1.3 apart",
        f"- Base weights, SHA-256: {'b' * 64}",
        f"- Data: train set.jsonl, SHA-256 {'d' * 64}",
        "outcrop customize base --train 'train set.jsonl' --name mine --method lora --epochs 2 --learning-rate 0.0001",
        "--rank 16 --seed 7\n",
        "| 0 | – | 3.500 |\n| 1 | 3.250 | – |\n| 9 | 2.500 | 2.750 |",
        "- tokens per second: 71",
        "- Versions: outcrop 0.1.0, torch 2.13.0",
    ):
        assert text in card.replace("\\", ""), text


@pytest.mark.parametrize("form", list(ExportForm))
def test_places_are_only_named(form: ExportForm) -> None:
    for source in ("the folder /home/me/private/base", "s3://key:secret@account/base", "the file /home/me/base"):
        base = replace(BASE, source=source)
        card = render_card(replace(GGUF, form=form), replace(MODEL, source=source), base, [])
        assert not [word for word in ("secret", "hush", "/home", "private", "account", "deep") if word in card]


def test_the_form_decides_how_it_relates_to_its_base() -> None:
    def said(form: ExportForm, number_type: str) -> object:
        return front_matter(render_card(replace(GGUF, form=form, number_type=number_type), MODEL, BASE, []))[
            "base_model_relation"
        ]

    assert said(ExportForm.ADAPTER, "") == "adapter"
    assert said(ExportForm.SAFETENSORS, "bf16") == said(ExportForm.GGUF, "f16") == "finetune"
    assert said(ExportForm.GGUF, "q4_1") == "quantized"


def test_a_base_has_no_training() -> None:
    card = render_card(replace(GGUF, kept=None, agreement=None), BASE, None, [])
    assert "base_model" not in front_matter(card)
    assert "## Training" not in card
    assert "Update kept" not in card
    assert front_matter(render_card(GGUF, replace(BASE, licence="see the source"), None, []))["license"] == "other"


def test_names_can_not_act_as_markup() -> None:
    evil = 'x](http://evil) <b>\n---\nlicense: mit\n```"'
    model = replace(MODEL, name=evil, licence=evil, source=evil)
    card = render_card(replace(GGUF, model=evil, warnings=(evil,)), model, replace(BASE, name=evil), [])
    assert front_matter(card)["license"] == "other"
    assert card.count("\n---\n") == 1
    body = card.split("---\n", 2)[2]
    fence = body[body.index("```sh\n") : body.index("\n```\n", body.index("```sh\n"))]
    assert fence.count("\n") == 1
    assert "x](http" not in body.replace(fence, "")
    assert "<b>" not in body.replace(fence, "")


def test_how_it_was_evaluated() -> None:
    report = samples.report()
    names = [model.name for model in report.models]
    model = replace(MODEL, name=names[-1])
    card = render_card(GGUF, model, BASE, [report]).replace("\\", "")
    section = card[card.index("## Evaluation: ") :]
    assert report.task in section
    assert report.data_hash in section
    assert f"**{report.verdicts[-1].headline}**" in section
    assert section.count("\n| ") == 1 + 1 + sum(score.model == names[-1] for score in report.scores)
    plain: Model = replace(MODEL, name="another")
    assert "**" not in render_card(GGUF, plain, BASE, [report])
