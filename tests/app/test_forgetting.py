"""What was learnt and forgotten, by the public door, against transformers token by token and a plain bootstrap."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from outcrop import Outcrop
from outcrop.domain.errors import InvalidInput, NotFound, NotSupported, UserError
from outcrop.evaluation.forgetting import Forgetting
from tests.doubles import add_scripted, write_lines
from tests.tiny_model import tiny_model

ROCKS = ("granite", "gneiss", "slate", "basalt", "chalk", "flint", "marble", "gabbro", "chert", "tuff", "coal", "jet")


def texts(path: Path, pattern: str, count: int = 12) -> Path:
    return write_lines(path, [{"input": pattern.format(rock, "x" * place)} for place, rock in enumerate(ROCKS[:count])])


@pytest.fixture
def home_of_texts(here: Outcrop, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outcrop:
    """A home with a custom model; texts to train on and held-out ones lie in the working folder."""
    monkeypatch.chdir(tmp_path)
    here.models.add(str(tiny_folder), "tiny")
    texts(tmp_path / "train.jsonl", "A bed of {0} lies below.{1}")
    texts(tmp_path / "domain.jsonl", "Under it is {0}, in beds.{1}")
    texts(tmp_path / "general.jsonl", "{0}! 42 % of {1}?")
    return here


def train(outcrop: Outcrop, base: str, name: str, **more: object) -> None:
    given = {"train": "train.jsonl", "purpose": "pre-training", "learning_rate": 0.01, "batch_size": 4, **more}
    outcrop.customize(base, name=name, **given)  # type: ignore[arg-type]


def log_likelihoods(folder: Path, file: str) -> list[tuple[float, int]]:
    """Of each text, with its tokens that have one before them, by transformers."""
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float64).eval()
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    found = []
    for line in Path(file).read_text(encoding="utf-8").splitlines():
        row = torch.tensor([tokenizer(json.loads(line)["input"], add_special_tokens=False)["input_ids"]])
        with torch.no_grad():
            logits = model(input_ids=row).logits[0, :-1].log_softmax(-1)
        found.append((float(logits.gather(1, row[0, 1:, None]).sum()), row.shape[1] - 1))
    return found


def value(report: Forgetting, number: int, model: str, metric: str) -> float:
    score = next(one for one in report.text_sets[number].scores if (one.model, one.metric) == (model, metric))
    assert score.value is not None
    return score.value


def test_perplexities_and_their_ratio_are_those_of_transformers(home_of_texts: Outcrop) -> None:
    train(home_of_texts, "tiny", "full", method="full", learning_rate=0.001)
    report = home_of_texts.forgetting("full", domain="domain.jsonl", general="general.jsonl")
    stored = [home_of_texts.services.store.get_folder(home_of_texts.models.show(name).uri) for name in ("tiny", "full")]
    for number, file in enumerate(("domain.jsonl", "general.jsonl")):
        before, after = (np.array(log_likelihoods(folder, file)) for folder in stored)
        n_bytes = sum(len(json.loads(line)["input"].encode()) for line in Path(file).read_text().splitlines())
        for model, rows in (("tiny", before), ("full", after)):
            total, tokens = rows.sum(axis=0)
            assert value(report, number, model, "token_perplexity") == pytest.approx(
                math.exp(-total / tokens), rel=1e-4
            )
            assert value(report, number, model, "bits_per_byte") == pytest.approx(
                -total / n_bytes / math.log(2), rel=1e-4
            )
        measured = report.text_sets[number]
        assert (measured.n_texts, measured.n_tokens) == (12, int(before[:, 1].sum()))
        change = measured.changes[0]
        assert (change.baseline, change.candidate) == ("tiny", "full")
        lost = before[:, 0] - after[:, 0]
        assert change.ratio == pytest.approx(math.exp(lost.sum() / before[:, 1].sum()), rel=1e-4)
        # Texts drawn with replacement by another generator; bounds are read a little wider than at 2.5 and 97.5 %.
        drawn = np.random.default_rng(7).integers(0, 12, (4000, 12))
        ratios = np.exp(lost[drawn].sum(axis=1) / before[drawn, 1].sum(axis=1))
        low, high = np.quantile(ratios, [0.025, 0.975])
        assert change.low is not None
        assert change.high is not None
        assert change.low == pytest.approx(low, abs=(high - low) / 4)
        assert change.high == pytest.approx(high, abs=(high - low) / 4)


def test_a_domain_is_learnt_and_gone_on_with(home_of_texts: Outcrop) -> None:
    train(home_of_texts, "tiny", "first")
    texts(Path("more.jsonl"), "There is {0} here, in beds.{1}")
    train(home_of_texts, "first", "second", train="more.jsonl")
    report = home_of_texts.forgetting("second", domain="domain.jsonl", general="general.jsonl")
    assert (report.base, report.parent, report.model) == ("tiny", "first", "second")
    domain, _ = report.text_sets
    assert [(one.baseline, one.candidate) for one in domain.changes] == [("tiny", "second"), ("first", "second")]
    for change in domain.changes:
        assert change.high is not None
        assert change.high < 1
    one, two, three = (value(report, 0, name, "token_perplexity") for name in ("tiny", "first", "second"))
    assert one > two > three
    assert domain.changes[1].ratio == pytest.approx(three / two)
    assert report.verdicts[0].startswith("“second” knows the domain better than “tiny”: perplexity fell by ")
    assert report.verdicts[0].endswith(" over 12 texts. With fewer than 30 texts the interval is rough.")
    assert report.verdicts[2].startswith("“second” knows the domain better than “first”")
    assert [line.split(":")[0] for line in report.training_data] == ["second", "first"]
    # All changes of a report are its claims: four of them here.
    p_values = [change.comparison.p_value for measured in report.text_sets for change in measured.changes]
    smallest = min(p for p in p_values if p is not None)
    corrected = [change.comparison.p_holm for measured in report.text_sets for change in measured.changes]
    assert min(p for p in corrected if p is not None) == pytest.approx(4 * smallest)


def test_the_same_text_twice_is_one_text(home_of_texts: Outcrop) -> None:
    train(home_of_texts, "tiny", "first")
    once = home_of_texts.forgetting("first", domain="domain.jsonl").text_sets[0]
    lines = Path("domain.jsonl").read_text()
    Path("twice.jsonl").write_text(lines + lines)
    twice = home_of_texts.forgetting("first", domain="twice.jsonl").text_sets[0]
    assert (twice.n_texts, twice.n_distinct) == (24, 12)
    assert twice.changes[0].ratio == pytest.approx(once.changes[0].ratio)
    assert twice.changes[0].low == pytest.approx(once.changes[0].low)
    assert twice.changes[0].high == pytest.approx(once.changes[0].high)


def test_without_general_texts_the_price_is_not_known(home_of_texts: Outcrop) -> None:
    train(home_of_texts, "tiny", "first")
    report = home_of_texts.forgetting("first", domain="domain.jsonl")
    assert len(report.text_sets) == 1
    assert report.verdicts[1].startswith("What it cost is not known: no general texts were given. Name some with")


def test_texts_of_the_training_data_are_refused(home_of_texts: Outcrop, tmp_path: Path) -> None:
    train(home_of_texts, "tiny", "first")
    texts(Path("more.jsonl"), "There is {0} here, in beds.{1}")
    train(home_of_texts, "first", "second", train="more.jsonl")
    write_lines(Path("leaky.jsonl"), [{"input": "Not there."}, {"input": "a BED of  Granite lies below."}])
    Path("notes").mkdir()
    Path("notes/a.txt").write_text("Nor there.")
    Path("notes/b.txt").write_text("There is granite here, in beds.\n")
    with pytest.raises(InvalidInput) as refused:
        home_of_texts.forgetting("second", domain="leaky.jsonl", general="notes")
    places = {(fault.where, fault.line, fault.expected) for fault in refused.value.faults}
    trained = "texts that {} was not trained on: this one is in {}"
    assert places == {
        (str(tmp_path / "notes" / "b.txt"), None, trained.format("second", tmp_path / "more.jsonl")),
        (str(tmp_path / "leaky.jsonl"), 2, trained.format("first", tmp_path / "train.jsonl")),
    }


def test_training_data_that_can_not_be_compared_are_told(home_of_texts: Outcrop) -> None:
    train(home_of_texts, "tiny", "first")
    texts(Path("train.jsonl"), "Now {0}.{1}")
    changed = home_of_texts.forgetting("first", domain="domain.jsonl").training_data
    Path("train.jsonl").unlink()
    gone = home_of_texts.forgetting("first", domain="domain.jsonl").training_data
    assert changed[0].startswith("first: not compared with its training data, which has changed since (")
    assert gone[0].startswith("first: not compared with its training data, which is gone (")


def test_all_that_is_wrong_with_the_texts_is_said_at_once(home_of_texts: Outcrop) -> None:
    train(home_of_texts, "tiny", "first")
    write_lines(Path("one.jsonl"), [{"input": "Alone."}])
    write_lines(Path("wrong.jsonl"), [{"input": "Fine."}, {"input": 3}])
    with pytest.raises(InvalidInput) as refused:
        home_of_texts.forgetting("first", domain="one.jsonl", general="wrong.jsonl")
    assert [(fault.line, fault.found) for fault in refused.value.faults] == [(None, "1 text"), (2, "the number 3")]
    with pytest.raises(InvalidInput, match="12 texts that are domain texts too"):
        home_of_texts.forgetting("first", domain="domain.jsonl", general="domain.jsonl")


def test_models_without_a_before_are_refused(home_of_texts: Outcrop, tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match="tiny was not made by a customization here"):
        home_of_texts.forgetting("tiny", domain="domain.jsonl")
    add_scripted(home_of_texts, tmp_path)
    with pytest.raises(NotSupported, match="scripted was not made by a customization here"):
        home_of_texts.forgetting("scripted", domain="domain.jsonl")
    train(home_of_texts, "tiny", "full", method="full")
    home_of_texts.models.remove("tiny")
    with pytest.raises(NotFound, match="full was made from tiny, which is gone"):
        home_of_texts.forgetting("full", domain="domain.jsonl")
    home_of_texts.models.add(str(tiny_model(tmp_path / "other", seed=9)), "tiny")
    with pytest.raises(UserError, match="full was made from another tiny than the one that is here"):
        home_of_texts.forgetting("full", domain="domain.jsonl")


def test_a_folder_of_texts_is_read(home_of_texts: Outcrop) -> None:
    train(home_of_texts, "tiny", "first")
    Path("pages").mkdir()
    for place, rock in enumerate(ROCKS):
        Path(f"pages/{place:02}.txt").write_text(f"Under it is {rock}, in beds.{'x' * place}")
    of_folder = home_of_texts.forgetting("first", domain="pages").text_sets[0]
    of_file = home_of_texts.forgetting("first", domain="domain.jsonl").text_sets[0]
    assert of_folder.changes == of_file.changes
    shutil.rmtree("pages")
