from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.domain.errors import AlreadyExists, InvalidInput, NotFound, NotSupported
from outcrop.domain.jobs import Job, Status
from outcrop.domain.models import Customization, Model, ModelKind
from outcrop.testing.catalogs import a_model
from outcrop.trainers.estimate import USUAL_SHARE
from tests.domain.test_codec import LINEAGE
from tests.doubles import ROOF, add_scripted, pairs, questions, write_lines


@pytest.fixture
def tiny(idle: Outcrop, tiny_folder: Path) -> Outcrop:
    idle.models.add(str(tiny_folder), "tiny")
    return idle


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return pairs(tmp_path / "train.jsonl", 8)


def nothing_happened(outcrop: Outcrop) -> bool:
    scratch = outcrop.services.settings.home / "scratch"
    return outcrop.jobs.list() == [] and not (scratch.exists() and list(scratch.iterdir()))


def test_an_encoder_is_not_customised(idle: Outcrop, tiny_encoder_folder: Path, train: Path) -> None:
    model = idle.models.add(str(tiny_encoder_folder), "vectors")
    reason = "it is an encoder: it gives vectors and writes no text"
    assert (model.engine, model.customizations) == ("encoder", {"lora": reason, "full": reason})
    with pytest.raises(NotSupported, match=f"vectors does not support lora: {reason}"):
        idle.customize("vectors", train=train, name="new", wait=False)
    assert nothing_happened(idle)


# the estimate

#: The tiny model by hand: 2 layers of width 64, a feed-forward part three times as wide, half the key-value heads.
BODY = 2 * (64 * 64 + 32 * 64 + 32 * 64 + 64 * 64 + 3 * 64 * 192)
HEAD = 259 * 64
LORA = 2 * ((64 + 64) + (64 + 32) + (64 + 32) + (64 + 64) + 3 * (64 + 192))

#: "user\nSay 0" and "assistant\n" with four special tokens and a line end, one token a byte; "It is 0." and its end.
PROMPT, COMPLETION = (5 + 5) + 10 + 3 + 1, 8 + 1
TOKENS = PROMPT + COMPLETION


def test_the_estimate_is_the_count_by_hand(tiny: Outcrop, train: Path) -> None:
    found = tiny.estimate("tiny", train=train, name="new", probe=False, epochs=2, batch_size=3, rank=4)
    assert (found.records, found.tokens, found.loss_tokens) == (8, 2 * 8 * TOKENS, 2 * 8 * COMPLETION)
    # Three batches an epoch: 3, 3 and 2 records.
    assert found.steps == 6
    assert found.trained_weights == 4 * LORA
    seen, learnt = 8 * TOKENS, 8 * COMPLETION
    attention = 12 * 2 * 64 * TOKENS * seen
    assert found.flop == 2 * (4 * (BODY * seen + HEAD * learnt) + 6 * 4 * LORA * seen + attention)
    # At the usual share of the roof, until this home knows better.
    assert found.seconds == pytest.approx(found.flop / (USUAL_SHARE * ROOF["flops"]))
    # Two checkpoints of weights and two averages, and the adapter.
    assert found.disk == (2 * 3 + 1) * 4 * 4 * LORA
    assert nothing_happened(tiny)


def test_full_training_changes_all_weights(tiny: Outcrop, train: Path) -> None:
    found = tiny.estimate("tiny", train=train, name="new", probe=False, method="full")
    assert found.trained_weights == BODY + HEAD
    seen, learnt = 8 * TOKENS, 8 * COMPLETION
    assert found.flop == 6 * (BODY * seen + HEAD * learnt) + 12 * 2 * 64 * TOKENS * seen


def test_validation_costs_a_pass_before_and_after_each_epoch(tiny: Outcrop, train: Path, tmp_path: Path) -> None:
    held_out = pairs(tmp_path / "held-out.jsonl", 2)
    given: dict[str, Any] = {"train": train, "name": "new", "epochs": 2, "probe": False}
    without, with_it = tiny.estimate("tiny", **given), tiny.estimate("tiny", validation=held_out, **given)
    seen, learnt = 2 * TOKENS, 2 * COMPLETION
    forward = 2 * (BODY * seen + HEAD * learnt) + 4 * 2 * 64 * TOKENS * seen
    assert with_it.flop - without.flop == 3 * forward


def test_what_this_home_has_seen_is_believed(tiny: Outcrop, train: Path) -> None:
    lineage = replace(LINEAGE, figures={"roof_share": 0.1})
    made = a_model("made", kind=ModelKind.ADAPTER, base="tiny", lineage=lineage)
    tiny.services.catalog.add_model(made)
    found = tiny.estimate("tiny", train=train, name="new", probe=False)
    assert found.seconds == pytest.approx(found.flop / (0.1 * ROOF["flops"]))
    # The other method's runs say nothing about this one's.
    full = tiny.estimate("tiny", train=train, name="new", probe=False, method="full")
    assert full.seconds == pytest.approx(full.flop / (USUAL_SHARE * ROOF["flops"]))


# what is refused


def test_a_base_that_can_not_says_why(idle: Outcrop, train: Path, tmp_path: Path) -> None:
    add_scripted(idle, tmp_path)
    with pytest.raises(NotSupported, match="scripted does not support lora: it is a script, not a network"):
        idle.customize("scripted", train=train, name="new")
    assert nothing_happened(idle)


def test_an_adapter_says_what_to_do(tiny: Outcrop, train: Path) -> None:
    reason = "it is an adapter; export it as safetensors and add that as a model of its own"
    tiny.services.catalog.add_model(
        a_model("made", kind=ModelKind.ADAPTER, base="tiny", customizations=dict.fromkeys(Customization, reason))
    )
    for method in Customization:
        with pytest.raises(NotSupported, match=f"made does not support {method.value}: {reason}"):
            tiny.customize("made", train=train, name="new", method=method.value)


def test_a_method_the_base_has_never_heard_of(idle: Outcrop, train: Path) -> None:
    idle.services.catalog.add_model(a_model("old", customizations={"lora": ""}))
    with pytest.raises(NotSupported, match="old does not support full: it is not known to"):
        idle.customize("old", train=train, name="new", method="full")


def test_an_unknown_method(tiny: Outcrop, train: Path) -> None:
    with pytest.raises(InvalidInput, match="request: method: found 'qlora'; expected one of lora, full"):
        tiny.customize("tiny", train=train, name="new", method="qlora")


def test_an_unknown_base(tiny: Outcrop, train: Path) -> None:
    with pytest.raises(NotFound, match="no model named 'tinny'; did you mean 'tiny'"):
        tiny.customize("tinny", train=train, name="new")


@pytest.mark.parametrize("taken", ["tiny", "nick"])
def test_a_taken_name(tiny: Outcrop, train: Path, taken: str) -> None:
    tiny.models.alias("nick", "tiny")
    with pytest.raises(AlreadyExists, match=f"a model or alias named '{taken}' already"):
        tiny.customize("tiny", train=train, name=taken)


def test_a_name_that_a_job_is_about_to_take(tiny: Outcrop, train: Path) -> None:
    first = tiny.customize("tiny", train=train, name="new", wait=False)
    assert isinstance(first, Job)
    assert first.name == "customize-new"
    with pytest.raises(AlreadyExists, match="job customize-new is making a model named 'new' already"):
        tiny.customize("tiny", train=train, name="new", wait=False)
    tiny.jobs.stop("customize-new")
    second = tiny.customize("tiny", train=train, name="new", wait=False)
    assert isinstance(second, Job)
    # The stopped job keeps its name, and can't go on while another makes the model.
    assert second.name == f"customize-new-{second.name.rpartition('-')[2]}" != "customize-new"
    with pytest.raises(AlreadyExists, match=f"job {second.name} is making a model named 'new' already"):
        tiny.jobs.resume("customize-new")
    assert tiny.jobs.show("customize-new").status is Status.STOPPED


def test_an_alias_names_its_model_in_the_request(tiny: Outcrop, train: Path) -> None:
    tiny.models.alias("meta.tiny-v1:0", "tiny")
    job = tiny.customize("meta.tiny-v1:0", train=train, name="new", wait=False)
    assert isinstance(job, Job)
    assert job.request["base"] == "tiny"
    # No record keeps more tokens than the model takes, whatever the default is.
    assert job.request["hyperparameters"]["max_length"] == 512


def test_a_full_disk(tiny: Outcrop, train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outcrop.app.customization.shutil.disk_usage", lambda _: SimpleNamespace(free=1e6))
    with pytest.raises(NotSupported, match=r"has 1\.0 MB free, the job needs about .* MB; `outcrop disk`"):
        tiny.customize("tiny", train=train, name="new")
    assert nothing_happened(tiny)


def test_too_little_memory(tiny: Outcrop, train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=1e6))
    with pytest.raises(NotSupported, match=r"this machine has .* of memory.*use the method lora, a smaller batch_size"):
        tiny.customize("tiny", train=train, name="new")
    assert nothing_happened(tiny)


def test_all_faults_come_at_once(tiny: Outcrop, tmp_path: Path) -> None:
    train = write_lines(tmp_path / "train.jsonl", [{"prompt": "p", "completion": ""}, {"prompt": 3, "completion": "c"}])
    held_out = questions(tmp_path / "held-out.jsonl")
    with pytest.raises(InvalidInput) as caught:
        tiny.customize("tiny", train=train, validation=held_out, name="a b", epochs=0, colour="red")
    places = [(fault.where.rpartition("/")[2], fault.field) for fault in caught.value.faults]
    assert places == [
        ("model", "name"),
        ("hyperparameters", "colour"),
        ("hyperparameters", "epochs"),
        ("train.jsonl", "completion"),
        ("train.jsonl", "prompt"),
        ("held-out.jsonl", ""),
    ]
    assert nothing_happened(tiny)


def test_a_max_length_beyond_the_model(tiny: Outcrop, train: Path) -> None:
    with pytest.raises(InvalidInput, match="max_length: found 513; expected 1 to 512, the model's context"):
        tiny.customize("tiny", train=train, name="new", max_length=513)


# the whole way


def test_a_custom_model_is_made_and_answers(here: Outcrop, tiny_folder: Path, train: Path) -> None:
    here.models.add(str(tiny_folder), "tiny")
    model = here.customize("tiny", train=train, name="new", batch_size=4, rank=4)
    assert isinstance(model, Model)
    assert (model.name, model.base) == ("new", "tiny")
    assert "".join(here.ask("new", "Say 3", max_tokens=3)) != ""
    report = here.evaluate(["tiny", "new"], data=questions(train.with_name("test.jsonl"), 4), task="summarisation")
    assert not isinstance(report, Job)
    assert [each.name for each in report.models] == ["tiny", "new"]
    assert report.models[1].trained_on == str(train)
    assert here.estimate("tiny", train=train, name="other", probe=False).seconds > 0


# what people elsewhere find out too late


def test_pain_1_a_model_that_would_never_stop_is_refused(
    idle: Outcrop, tmp_path: Path, tiny_folder: Path, train: Path
) -> None:
    """A tokenizer without an end of sequence and without a template that ends a turn has nothing to learn it from."""
    folder = shutil.copytree(tiny_folder, tmp_path / "endless")
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] }}\n{% endfor %}")
    for name in ("tokenizer_config.json", "config.json", "generation_config.json"):
        values = json.loads((folder / name).read_text())
        for key in ("eos_token", "eos_token_id", "chat_template"):
            values.pop(key, None)
        (folder / name).write_text(json.dumps(values))
    idle.models.add(str(folder), "endless")
    with pytest.raises(InvalidInput, match="no end of turn that carries loss") as caught:
        idle.customize("endless", train=train, name="new", wait=False)
    assert "the model never stops" in str(caught.value)
    assert nothing_happened(idle)


def test_pain_3_a_dataset_without_loss_is_refused(tiny: Outcrop, train: Path) -> None:
    """All records are longer than what is kept and are dropped: the run would change nothing and seem to succeed."""
    with pytest.raises(InvalidInput, match="no token that carries loss in any record; 8 longer than 16"):
        tiny.customize("tiny", train=train, name="new", max_length=16, long_records="drop", wait=False)
    assert nothing_happened(tiny)
