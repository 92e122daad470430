"""Import jobs in this process: a kill is an exception that nothing catches."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.app.importing import submit_import
from outcrop.app.jobs import Jobs
from outcrop.catalog.protocol import Claim
from outcrop.domain.errors import AlreadyExists, InvalidInput, LeaseLost, NotFound, NotSupported, UserError
from outcrop.domain.jobs import Job, Status
from outcrop.domain.models import Model, ModelKind
from outcrop.jobs import importing, kept_model, model_files
from outcrop.jobs.lease import Lease, StopAsked
from outcrop.jobs.worker import work
from outcrop.services import Services
from outcrop.stores import folders
from outcrop.stores.address import parse
from tests.doubles import claimed, idle_services, taken_over

PLACE = "s3://data/models/tiny"


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(params=["folder", "bucket"])
def source(request: pytest.FixtureRequest, services: Services, tiny_folder: Path) -> str:
    """Where a tiny model's files are."""
    return str(tiny_folder) if request.param == "folder" else upload(services, tiny_folder)


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Model:
    """The same model as `outcrop models add` adds it."""
    with Outcrop(tmp_path_factory.mktemp("added") / "home") as outcrop:
        return outcrop.models.add(str(tiny_folder), "tiny")


def upload(services: Services, folder: Path, place: str = PLACE) -> str:
    for file in folder.iterdir():
        services.buckets.put(file, parse(place).below(file.name))
    return place


def run(services: Services, claim: Claim) -> None:
    with Lease(services.catalog, claim, services.settings.lease_seconds) as lease:
        importing.run(services, lease)


def logged(services: Services, job: Job) -> list[str]:
    return [line.text for line in services.catalog.log_lines(job.id)]


def unfinished(services: Services) -> list[str]:
    return sorted(path.name for path in (services.settings.home / "scratch").glob("*"))


def killed_after(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, calls: int) -> None:
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


def brought(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are copied from now on."""
    real, names = folders.copy_file, list[str]()

    def noted(source: Path, target: Path, tell: Any = None) -> None:
        names.append(source.name)
        real(source, target, tell)

    for module in ("outcrop.jobs.model_files", "outcrop.stores.buckets"):
        monkeypatch.setattr(f"{module}.copy_file", noted)
    return names


def test_a_model_is_brought(services: Services, source: str, added: Model) -> None:
    job = submit_import(services, "tiny", source, name="bring")
    run(services, claimed(services, job))
    model, done = services.catalog.model("tiny"), services.catalog.job("bring")
    assert (model.kind, model.imported, model.lineage) == (ModelKind.BASE, job.id, None)
    assert (model.identity, model.uri, model.architecture) == (added.identity, added.uri, "LlamaForCausalLM")
    assert model.source == (PLACE if source == PLACE else f"the folder {source}")
    assert (done.status, done.result) == (Status.DONE, {"model": "tiny", "weights": model.identity.weights})
    services.store.get_folder(model.uri, verify=True)
    assert unfinished(services) == []
    assert logged(services, job) == [f"bringing {source}", f"done: tiny has the weights {model.identity.weights[:12]}"]


def test_progress_counts_bytes(services: Services, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    monkeypatch.setattr(Lease, "progress", lambda _, progress: said.append(progress))
    job = submit_import(services, "tiny", source)
    run(services, claimed(services, job))
    total = sum(file["size"] for file in job.request["files"])
    assert [progress.phase for progress in said[-2:]] == ["bringing the files", "reading the model"]
    assert (said[-2].done, said[-2].total, said[-2].rate_unit) == (total, said[-2].total, "bytes")
    assert all(progress.done <= progress.total for progress in said)
    assert sorted(progress.done for progress in said[:-1]) == [progress.done for progress in said[:-1]]


@pytest.mark.parametrize("share", [place / 12 for place in range(13)])
def test_killed_at_any_line_the_end_is_the_same(
    services: Services, tiny_folder: Path, added: Model, share: float
) -> None:
    """The lines of the modules that do the work are counted once; then the process ends at one of them."""
    source = upload(services, tiny_folder)
    first, job = (submit_import(services, name, source) for name in ("first", "tiny"))
    lines = _lines(lambda: run(services, claimed(services, first)))
    with pytest.raises(Killed):
        _lines(lambda: run(services, claimed(services, job)), end=max(1, round(share * lines)))
    if services.catalog.job(job.id).status is Status.RUNNING:
        assert [model.name for model in services.catalog.models()] == ["first"]
        run(services, taken_over(services, job))
    model = services.catalog.model("tiny")
    assert (model.identity, model.uri, model.imported) == (added.identity, added.uri, job.id)
    services.store.get_folder(model.uri, verify=True)
    importing.discard(services, job.id)
    assert unfinished(services) == []


def _lines(call: Callable[[], object], end: int = 0) -> int:
    """How many lines of the modules a call passes; at line number ``end`` it is killed."""
    files, seen = {module.__file__ for module in (importing, model_files, kept_model)}, 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal seen
        if frame.f_code.co_filename not in files:
            return None
        seen += event == "line"
        if event == "line" and seen == end:
            raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return seen


def test_whole_files_are_brought_once(
    services: Services, source: str, added: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, names = submit_import(services, "tiny", source), brought(monkeypatch)
    with monkeypatch.context() as patched:
        killed_after(patched, model_files, "_bring", 2)
        with pytest.raises(Killed):
            run(services, claimed(services, job))
    assert unfinished(services) == [f"import-{job.id}-1"]
    # What was not whole is no file of the model's.
    (services.settings.home / "scratch" / f"import-{job.id}-1" / "model.partial.1234").write_bytes(b"half")
    run(services, taken_over(services, job))
    assert sorted(names) == sorted(file["name"] for file in job.request["files"])
    assert services.catalog.model("tiny").identity == added.identity
    assert "are here already" in logged(services, job)[1]
    assert unfinished(services) == []


def test_a_worker_that_wakes_up_changes_nothing(
    services: Services, source: str, added: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It slept while it copied; another took the job over, and its files, and is done."""
    job, first = submit_import(services, "tiny", source), [True]
    real = folders.copy_file

    def slept(place: Path, target: Path, tell: Any = None) -> None:
        if first and place.name == "model.safetensors":
            first.clear()
            run(services, taken_over(services, job))
        real(place, target, tell)

    for module in ("outcrop.jobs.model_files", "outcrop.stores.buckets"):
        monkeypatch.setattr(f"{module}.copy_file", slept)
    assert work(services, claimed(services, job)) == 1
    assert services.catalog.job(job.id).status is Status.DONE
    assert [model.identity for model in services.catalog.models()] == [added.identity]
    assert unfinished(services) == []


def test_a_worker_without_its_lease_ends_nothing(
    services: Services, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit_import(services, "tiny", source)
    claim = claimed(services, job)
    real = kept_model.keep_model

    def slept(*arguments: Any, **named: Any) -> Model:
        taken_over(services, job)
        return real(*arguments, **named)

    monkeypatch.setattr(importing, "keep_model", slept)
    with pytest.raises(LeaseLost):
        run(services, claim)
    assert services.catalog.models() == []


def test_a_worker_without_its_lease_deletes_nothing(
    services: Services, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit_import(services, "tiny", source)
    claim, theirs = claimed(services, job), services.settings.home / "scratch" / f"import-{job.id}-2"
    with Lease(services.catalog, claim, 30) as lease:

        def slept(*_: object, **__: object) -> Model:
            taken_over(services, job)
            theirs.mkdir()
            with pytest.raises(LeaseLost):
                lease._renew()
            raise NotSupported("the folder is gone from under its hands")

        monkeypatch.setattr(importing, "keep_model", slept)
        with pytest.raises(LeaseLost):
            importing.run(services, lease)
    assert theirs.is_dir()


def test_it_stops_while_it_copies_and_goes_on(services: Services, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = submit_import(services, "tiny", source)
    claim, real = claimed(services, job), folders.copy_file

    def stopped(place: Path, target: Path, tell: Any = None) -> None:
        if place.name == "model.safetensors":
            raise StopAsked
        real(place, target, tell)

    with monkeypatch.context() as patched:
        for module in ("outcrop.jobs.model_files", "outcrop.stores.buckets"):
            patched.setattr(f"{module}.copy_file", stopped)
        services.catalog.stop(job.id)
        assert work(services, claim) == 0
    assert services.catalog.job(job.id).status is Status.STOPPED
    whole = [path.name for path in (services.settings.home / "scratch").glob("*/model/*")]
    names = brought(monkeypatch)
    Jobs(services).resume(job.id)
    run(services, claimed(services, job))
    assert sorted(whole + names) == sorted(file["name"] for file in job.request["files"])
    assert services.catalog.model("tiny").imported == job.id


def test_a_wish_to_stop_is_heard_between_two_blocks(services: Services, source: str) -> None:
    job = submit_import(services, "tiny", source)
    claim = claimed(services, job)
    services.catalog.stop(job.id)
    with Lease(services.catalog, claim, 30) as lease:
        lease._renew()
        with pytest.raises(StopAsked):
            importing.run(services, lease)


@pytest.mark.server
def test_a_download_from_a_service_is_stopped_and_goes_on(
    bucket: str, home: Path, tiny_folder: Path, added: Model
) -> None:
    services = idle_services(home)
    job = submit_import(services, "tiny", upload(services, tiny_folder, f"s3://{bucket}/tiny"))
    claim = claimed(services, job)
    services.catalog.stop(job.id)
    with Lease(services.catalog, claim, 30) as lease:
        lease._renew()
        with pytest.raises(StopAsked):
            importing.run(services, lease)
        lease.end(Status.STOPPED)
    assert services.catalog.models() == []
    Jobs(services).resume(job.id)
    run(services, claimed(services, job))
    assert services.catalog.model("tiny").identity == added.identity
    assert unfinished(services) == []
    services.close()


def test_changed_files_are_refused(services: Services, tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    job = submit_import(services, "tiny", folder)
    services.catalog.stop(job.id)
    (folder / "config.json").write_text("{}")
    (folder / "vocab.txt").write_text("x")
    with pytest.raises(
        UserError, match=r"model: has changed since the import was asked for \(config.json, vocab.txt\)"
    ):
        Jobs(services).resume(job.id)
    services.resume(job.id)
    with pytest.raises(UserError, match="ask for a new one"):
        run(services, claimed(services, job))
    shutil.rmtree(folder)
    with pytest.raises(NotFound, match="there is no such folder"):
        model_files.require_same_files(services, str(folder), ())


@pytest.mark.parametrize("moment", ["within a file", "between files"])
def test_files_that_change_while_they_are_read_make_no_model(
    services: Services, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    job, real = submit_import(services, "tiny", folder), folders.copy_file

    def changing(place: Path, target: Path, tell: Any = None) -> None:
        if place.name == "model.safetensors" and moment == "within a file":
            place.write_bytes(b"short")
        real(place, target, tell)
        if place.name == "model.safetensors":
            place.touch()

    monkeypatch.setattr("outcrop.jobs.model_files.copy_file", changing)
    with pytest.raises(UserError, match=r"was changed while it was read|has changed since"):
        run(services, claimed(services, job))
    assert services.catalog.models() == []
    assert unfinished(services) == []


def test_a_name_taken_meanwhile_makes_no_second_model(services: Services, source: str) -> None:
    job = submit_import(services, "tiny", source)
    with Outcrop(services.settings.home) as outcrop:
        outcrop.models.add(source, "tiny")
    with pytest.raises(AlreadyExists, match="'tiny'"):
        run(services, claimed(services, job))
    assert [model.imported for model in services.catalog.models()] == [None]


def test_weights_that_are_there_twice_come_once(
    services: Services, tiny_folder: Path, tmp_path: Path, added: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, part = shutil.copytree(tiny_folder, tmp_path / "model"), "model-00001-of-00001.safetensors"
    (folder / "model.safetensors").rename(folder / part)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": part}}))
    for extra in ("consolidated.safetensors", "pytorch_model.bin", "modeling_own.py"):
        (folder / extra).write_bytes(b"x" * 1000)
    (folder / "deep").mkdir()
    (folder / "deep" / "config.json").write_text("{}")
    came = brought(monkeypatch)
    run(services, claimed(services, submit_import(services, "tiny", folder)))
    assert services.catalog.model("tiny").identity.weights == added.identity.weights
    assert not {"consolidated.safetensors", "pytorch_model.bin", "modeling_own.py"} & set(came)


@pytest.mark.parametrize("name", ["../../outside.safetensors", "gone.safetensors", 7])
def test_an_index_that_leads_elsewhere_is_refused_in_words_of_the_source(
    services: Services, tiny_folder: Path, tmp_path: Path, name: object
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    source = upload(services, folder)
    with pytest.raises(NotSupported) as caught:
        run(services, claimed(services, submit_import(services, "tiny", source)))
    assert str(caught.value).startswith(f"{PLACE}/model.safetensors.index.json: the index names {name!r}")
    assert unfinished(services) == []


def test_deleting_the_job_frees_what_it_brought(
    services: Services, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit_import(services, "tiny", source)
    killed_after(monkeypatch, model_files, "weight_names", 1)
    with pytest.raises(Killed):
        run(services, claimed(services, job))
    services.catalog.requeue(services.catalog.job(job.id), "gone", restarts=0)
    wanted = sum(file["size"] for file in job.request["files"] if not file["name"].endswith(".safetensors"))
    assert Jobs(services).delete(job.id) == wanted > 0
    assert unfinished(services) == []


@pytest.fixture
def nothing_submitted(services: Services) -> Iterator[None]:
    yield
    assert services.catalog.jobs() == []


@pytest.mark.usefixtures("nothing_submitted")
def test_what_can_not_be_imported(services: Services, tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="name"):
        submit_import(services, "../up", tiny_folder)
    with pytest.raises(InvalidInput, match="s3://BUCKET/KEY"):
        submit_import(services, "tiny", "s3://bucket/../up")
    with pytest.raises(NotFound, match="there is no such folder"):
        submit_import(services, "tiny", tmp_path / "nowhere")
    with pytest.raises(NotFound, match="no files below it"):
        submit_import(services, "tiny", PLACE)
    with pytest.raises(NotFound, match=r"has no config\.json"):
        submit_import(services, "tiny", tmp_path)
