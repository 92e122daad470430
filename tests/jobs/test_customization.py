"""Customization jobs in this process: a kill is an exception that nothing catches."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.app.customization import prepare_customization, submit_customization
from outcrop.catalog.protocol import Claim
from outcrop.domain.errors import AlreadyExists, InvalidInput, NotFound, NotSupported, StorageFailure, UserError
from outcrop.domain.hyperparameters import LORA_ONLY
from outcrop.domain.jobs import Job, Status
from outcrop.domain.models import Customization, Lineage, ModelKind
from outcrop.domain.records import Purpose
from outcrop.jobs import customization
from outcrop.jobs.lease import Lease
from outcrop.services import Services
from outcrop.trainers.loop import TrainingDiverged
from tests.doubles import claimed, idle_services, keep_roof, pairs, taken_over, write_lines


class Killed(BaseException):
    """The process ends here."""


#: Four steps.
VALUES: dict[str, Any] = {"epochs": 2, "batch_size": 2, "rank": 4, "dropout": 0.1}


@pytest.fixture(scope="module")
def with_tiny(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A home that has the tiny model."""
    home = tmp_path_factory.mktemp("with-tiny") / "home"
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
    return home


@pytest.fixture
def services(home: Path, with_tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """A home with the tiny model, where every step is followed by a checkpoint."""
    monkeypatch.setenv("OUTCROP_CHECKPOINT_SECONDS", "0")
    shutil.copytree(with_tiny, home)
    keep_roof(home)
    opened = idle_services(home)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, with_tiny: Path) -> Lineage:
    """How a run went that nothing disturbed, with the hash of its weights in the place of its job."""
    folder = tmp_path_factory.mktemp("calm")
    shutil.copytree(with_tiny, folder / "home")
    services = idle_services(folder / "home")
    data = pairs(folder / "train.jsonl", 4)
    prepared = prepare_customization(services, "tiny", train=data, name="calm", given=VALUES)
    run(services, claimed(services, submit_customization(services, prepared)))
    model = services.catalog.model("calm")
    services.close()
    assert model.lineage is not None
    return replace(model.lineage, job=model.identity.weights)


@pytest.fixture
def submit(services: Services, tmp_path: Path) -> Callable[..., Job]:
    train = pairs(tmp_path / "train.jsonl", 4)

    def make(name: str, method: str = "lora", **given: Any) -> Job:
        usual = {key: value for key, value in VALUES.items() if method == "lora" or key not in LORA_ONLY}
        values = {**usual, **given}
        prepared = prepare_customization(services, "tiny", train=train, name=name, method=method, given=values)
        return submit_customization(services, prepared)

    return make


def run(services: Services, claim: Claim) -> None:
    customization.run(services, Lease(services.catalog, claim, 600))


def train(services: Services, job: Job) -> None:
    run(services, claimed(services, job))
    assert services.catalog.job(job.id).status is Status.DONE


def is_as_undisturbed(services: Services, name: str, calm: Lineage) -> bool:
    model = services.catalog.model(name)
    assert model.lineage is not None
    return (model.identity.weights, model.lineage.curve) == (calm.job, calm.curve)


def killed_after(services: Services, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, calls: int) -> None:
    """The process ends right after so many calls."""
    real: Callable[..., Any] = getattr(owner, name)
    left = [calls]

    def counted(*arguments: Any, **named: Any) -> Any:
        result = real(*arguments, **named)
        left[0] -= 1
        if not left[0]:
            monkeypatch.setattr(owner, name, real)
            raise Killed
        return result

    monkeypatch.setattr(owner, name, counted)


def logged(services: Services, job: Job) -> list[str]:
    return [line.text for line in services.catalog.log_lines(job.id)]


def test_an_adapter_is_made_with_its_lineage(services: Services, submit: Callable[..., Job]) -> None:
    job = submit("made", seed=3)
    train(services, job)
    model, base = services.catalog.model("made"), services.catalog.model("tiny")
    assert (model.kind, model.base, model.engine) == (ModelKind.ADAPTER, "tiny", "transformers")
    assert model.identity.tokenizer == base.identity.tokenizer
    assert model.customizations["lora"] == ""
    assert "export it as safetensors" in model.customizations["full"]
    lineage = model.lineage
    assert lineage is not None
    assert (lineage.job, lineage.base, lineage.base_identity) == (job.id, "tiny", base.identity)
    assert (lineage.method, lineage.seed, lineage.hyperparameters["rank"]) == (Customization.LORA, 3, 4)
    assert lineage.data_hash == job.request["train"]["hash"]
    assert [point.step for point in lineage.curve] == [1, 2, 3, 4]
    assert {"outcrop", "python", "torch"} <= lineage.versions.keys()
    assert lineage.figures["tokens_per_second"] > 0
    assert services.catalog.job(job.id).result is not None
    assert not list(services.store.entries(f"jobs/{job.id}/"))


def test_whole_weights_can_be_customised_again(services: Services, submit: Callable[..., Job]) -> None:
    train(services, submit("whole", method="full", epochs=1))
    model = services.catalog.model("whole")
    assert (model.kind, model.base) == (ModelKind.FULL, None)
    assert model.customizations == {"lora": "", "full": ""}
    assert model.identity.weights != services.catalog.model("tiny").identity.weights


@pytest.mark.parametrize("moment", ["files", "catalog"])
def test_killed_around_a_checkpoint_the_end_is_the_same(
    services: Services, calm: Lineage, submit: Callable[..., Job], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    job = submit("shaken")
    owner, name = {"files": (services.store, "put_folder"), "catalog": (services.catalog, "commit_checkpoint")}[moment]
    killed_after(services, monkeypatch, owner, name, 3)
    with pytest.raises(Killed):
        run(services, claimed(services, job))
    assert [model.name for model in services.catalog.models()] == ["tiny"]
    run(services, taken_over(services, job))
    assert is_as_undisturbed(services, "shaken", calm)
    assert f"continuing after step {2 if moment == 'files' else 3} of 4" in logged(services, job)


def test_killed_between_keeping_the_model_and_ending_the_job(
    services: Services, calm: Lineage, submit: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit("shaken")
    with monkeypatch.context() as patched:

        def killed(*_: object) -> None:
            raise Killed

        patched.setattr(services.catalog, "finish_with_model", killed)
        with pytest.raises(Killed):
            run(services, claimed(services, job))
    assert services.store.exists(f"models/{job.id}-1")
    run(services, taken_over(services, job))
    model = services.catalog.model("shaken")
    assert is_as_undisturbed(services, "shaken", calm)
    # What the first worker left is gone; what the second kept is the model's.
    assert not services.store.exists(f"models/{job.id}-1")
    assert model.uri == f"models/{job.id}-2"
    services.store.get_folder(model.uri, verify=True)


@pytest.mark.parametrize("damage", ["altered", "gone"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    services: Services, calm: Lineage, submit: Callable[..., Job], monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    job = submit("shaken")
    killed_after(services, monkeypatch, services.catalog, "commit_checkpoint", 3)
    with pytest.raises(Killed):
        run(services, claimed(services, job))
    folder = services.store.get_folder(f"jobs/{job.id}/checkpoints/3-1")
    tensors = folder / "tensors.safetensors"
    if damage == "gone":
        services.store.delete(f"jobs/{job.id}/checkpoints/3-1")
    else:
        content = bytearray(tensors.read_bytes())
        content[-5] ^= 1
        tensors.write_bytes(content)
    run(services, taken_over(services, job))
    assert is_as_undisturbed(services, "shaken", calm)
    lines = logged(services, job)
    assert any(line.startswith("a checkpoint can't be used: ") and "3-1" in line for line in lines)
    assert "continuing after step 2 of 4" in lines


def test_without_a_usable_checkpoint_it_begins_anew(
    services: Services, calm: Lineage, submit: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit("shaken")
    killed_after(services, monkeypatch, services.catalog, "commit_checkpoint", 3)
    with pytest.raises(Killed):
        run(services, claimed(services, job))
    services.store.delete(f"jobs/{job.id}/checkpoints")
    run(services, taken_over(services, job))
    assert is_as_undisturbed(services, "shaken", calm)
    assert sum("can't be used" in line for line in logged(services, job)) == 2


def test_a_full_disk_fails_the_job_and_loses_nothing(
    services: Services, calm: Lineage, submit: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit("shaken")
    real, left = services.store.put_folder, [3]

    def fills_up(folder: Path, key: str, *, move: bool = False) -> None:
        left[0] -= 1
        if not left[0]:
            raise StorageFailure(f"{key}: can't be written (No space left on device)")
        real(folder, key, move=move)

    with monkeypatch.context() as patched:
        patched.setattr(services.store, "put_folder", fills_up)
        with pytest.raises(StorageFailure, match="No space left"):
            run(services, claimed(services, job))
    run(services, taken_over(services, job))
    assert is_as_undisturbed(services, "shaken", calm)
    assert "continuing after step 2 of 4" in logged(services, job)


def test_a_loss_that_diverged_is_the_users_to_mend(
    services: Services, submit: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit("wild", learning_rate=0.5)

    def diverge(_: object) -> None:
        raise TrainingDiverged("the loss at step 2 is nan, its gradient nan")

    monkeypatch.setattr("outcrop.trainers.loop.Loop.run", diverge)
    with pytest.raises(UserError, match=r"the loss at step 2 is nan.*try a lower learning rate than 0\.5"):
        run(services, claimed(services, job))


def test_data_that_changed_is_refused_before_any_work(
    services: Services, submit: Callable[..., Job], tmp_path: Path
) -> None:
    job = submit("made")
    pairs(tmp_path / "train.jsonl", 9)
    with pytest.raises(UserError, match="has changed since the job was submitted"):
        run(services, claimed(services, job))
    assert logged(services, job) == []


def test_a_name_taken_meanwhile_makes_no_second_model(services: Services, submit: Callable[..., Job]) -> None:
    job = submit("made", epochs=1)
    with Outcrop(services.settings.home) as outcrop:
        outcrop.models.alias("made", "tiny")
    with pytest.raises(AlreadyExists, match="'made'"):
        run(services, claimed(services, job))
    assert [model.name for model in services.catalog.models()] == ["tiny"]
    # The training is not lost: once the name is free, the job goes on from its last checkpoint.
    assert services.catalog.job(job.id).checkpoint is not None


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


@pytest.mark.parametrize("where", ["folder", "s3"])
def test_curves_are_written_as_bedrock_writes_them(services: Services, tmp_path: Path, where: str) -> None:
    """All three paths of validation metrics that scripts read; the wire's job id is the folder's."""
    output = str(tmp_path / "out") if where == "folder" else "s3://curves/out"
    data = pairs(tmp_path / "train.jsonl", 4)
    prepared = prepare_customization(
        services, "tiny", train=data, validation=data, name="tables", output=output, given=VALUES
    )
    job = submit_customization(services, prepared)
    train(services, job)
    root = Path(output) if where == "folder" else services.settings.home / "s3" / "curves" / "out"
    below = root / f"model-customization-job-{job.id}"
    steps = rows_of(below / "training_artifacts" / "step_wise_training_metrics.csv")
    assert [row["step_number"] for row in steps] == ["0", "1", "2", "3"]
    assert list(steps[0]) == ["step_number", "epoch_number", "training_loss", "perplexity"]
    artifacts = below / "validation_artifacts"
    for path in (
        "post_fine_tuning_validation/validation_metrics.csv",
        "post_fine_tuning_validation/validation/validation_metrics.csv",
        "validation_metrics.csv",
    ):
        found = rows_of(artifacts / path)
        assert list(found[0]) == ["step_number", "epoch_number", "validation_loss", "perplexity"]
        assert [row["step_number"] for row in found] == ["1", "3"]


def test_an_adapter_is_gone_on_with(services: Services, tmp_path: Path, submit: Callable[..., Job]) -> None:
    """More data has arrived: the second model starts where the first ended, on the same base, in the same shape."""
    train(services, submit("first"))
    data = pairs(tmp_path / "train.jsonl", 4)
    prepared = prepare_customization(
        services, "first", train=data, validation=data, name="second", given={"epochs": 1, "dropout": 0.0}
    )
    train(services, submit_customization(services, prepared))
    first, second = services.catalog.model("first"), services.catalog.model("second")
    assert (second.base, second.kind) == ("tiny", ModelKind.ADAPTER)
    assert second.lineage is not None
    assert (second.lineage.base, second.lineage.base_identity) == ("first", first.identity)
    assert second.lineage.hyperparameters["rank"] == VALUES["rank"]
    alone = prepare_customization(services, "tiny", train=data, validation=data, name="alone", given={"epochs": 1})
    train(services, submit_customization(services, alone))
    fresh = services.catalog.model("alone").lineage
    assert fresh is not None
    assert first.lineage is not None
    started = second.lineage.curve[0].validation_loss
    assert started is not None
    assert started < (fresh.curve[0].validation_loss or 0)


def test_an_adapter_keeps_its_shape_and_is_never_trained_whole(services: Services, submit: Callable[..., Job]) -> None:
    train(services, submit("first"))
    data = services.catalog.model("first").lineage.data_uri  # type: ignore[union-attr]
    with pytest.raises(InvalidInput, match="rank") as caught:
        prepare_customization(services, "first", train=data, name="second", given={"rank": 8, "targets": "q_proj"})
    assert {fault.field for fault in caught.value.faults} == {"rank", "targets"}
    with pytest.raises(NotSupported, match="export it as safetensors"):
        prepare_customization(services, "first", train=data, name="second", method="full")


def test_texts_are_gone_on_pre_training_with(services: Services, tmp_path: Path) -> None:
    texts = write_lines(tmp_path / "texts.jsonl", [{"input": f"Granite, basalt and gneiss: {n}."} for n in range(6)])
    prepared = prepare_customization(
        services, "tiny", train=texts, name="texts", purpose=Purpose.PRE_TRAINING, given={"evaluation_percentage": 20}
    )
    assert prepared.train.format == "input"
    train(services, submit_customization(services, prepared))
    lineage = services.catalog.model("texts").lineage
    assert lineage is not None
    assert [point.validation_loss is not None for point in lineage.curve] == [True, False, True]


def test_early_stopping_needs_something_to_watch(services: Services, tmp_path: Path) -> None:
    data = pairs(tmp_path / "train.jsonl", 4)
    with pytest.raises(InvalidInput) as caught:
        prepare_customization(
            services,
            "tiny",
            train=data,
            name="x",
            given={"early_stopping_patience": 2, "early_stopping_metric": "chrf"},
        )
    assert {fault.field for fault in caught.value.faults} == {"early_stopping_patience", "early_stopping_metric"}
    with pytest.raises(NotFound, match="chrrf"):
        prepare_customization(services, "tiny", train=data, name="x", given={"early_stopping_metric": "chrrf"})


def test_it_stops_early_by_what_the_model_writes(services: Services, tmp_path: Path) -> None:
    """A random model's chrF stays what it is at such a rate, so the second validation is no improvement."""
    data = pairs(tmp_path / "train.jsonl", 4)
    values = {
        "epochs": 9,
        "batch_size": 4,
        "learning_rate": 1e-8,
        "early_stopping_patience": 2,
        "early_stopping_threshold": 0.5,
        "early_stopping_metric": "chrf",
    }
    prepared = prepare_customization(services, "tiny", train=data, validation=data, name="early", given=values)
    job = submit_customization(services, prepared)
    train(services, job)
    lineage = services.catalog.model("early").lineage
    assert lineage is not None
    measured = [point.validation_metric for point in lineage.curve if point.validation_loss is not None]
    assert len(measured) == 4
    assert all(figure is not None and 0 <= figure <= 100 for figure in measured)
    assert any("stopped early after step 3 of 9" in line for line in logged(services, job))
