"""Exporting a model: its weights for other tools, with all that they need beside them, or nothing at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from outcrop.domain.codec import from_json
from outcrop.domain.errors import Fault, InvalidInput, NotFound, NotSupported, StorageFailure
from outcrop.domain.exports import NUMBER_TYPES, Export, ExportForm
from outcrop.domain.jobs import JobKind, Status
from outcrop.domain.models import Model, ModelKind
from outcrop.domain.scores import Report
from outcrop.models.weights import weights_hash
from outcrop.reports.card import render_card
from outcrop.services import Services
from outcrop.stores.manifest import MANIFEST, file_hash

Say = Callable[[str], None]


def export_model(
    services: Services, model: Model, folder: Path, *, form: str | None, number_type: str | None, say: Say
) -> Export:
    """Write a model into a new folder, and make sure that what is there is the model; see ``app.models.Models.export``.

    Raises:
        InvalidInput: The folder holds something, or form or type are none.
        NotSupported: The model can't be had in that form, or what would be written is not the model.
        StorageFailure: The folder can't be written, or a stored file was altered.
    """
    chosen, numbers = _choose(model, form, number_type)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput([Fault("export", None, "folder", str(folder), "a folder that is new or empty")])
    base = _base_of(services, model)
    files = services.store.get_folder(model.uri, verify=True)
    base_files = None if base is None else services.store.get_folder(base.uri, verify=True)
    try:
        with _whole_or_nothing(folder) as target:
            if numbers:
                found = _converted(model, files, base_files, target, chosen, numbers, say)
            else:
                found = _copied(model, files, base_files, target)
            card = render_card(found, model, base, _reports(services, model))
            (target / "README.md").write_text(card, encoding="utf-8")
    except OSError as error:
        raise StorageFailure(f"{folder}: can't be written ({error.strerror or error})") from error
    return found


def _choose(model: Model, form: str | None, number_type: str | None) -> tuple[ExportForm, str]:
    """The form, and the number type to convert to; "" where files are copied as they are stored."""
    adapter = model.kind is ModelKind.ADAPTER
    if form is not None and form not in list(ExportForm):
        raise InvalidInput([Fault("export", None, "as", repr(form), f"one of {', '.join(ExportForm)}")])
    chosen = ExportForm(form) if form else ExportForm.ADAPTER if adapter else ExportForm.SAFETENSORS
    types = NUMBER_TYPES[chosen]
    if number_type is not None and number_type not in types:
        want = f"one of {', '.join(types)}" if types else "nothing: an adapter keeps its own numbers"
        raise InvalidInput([Fault("export", None, "type", repr(number_type), want)])
    if chosen is ExportForm.ADAPTER and not adapter:
        raise NotSupported(f"{model.name} is no adapter but whole weights; export it as safetensors or gguf")
    copied = chosen is ExportForm.ADAPTER or (chosen is ExportForm.SAFETENSORS and not adapter and not number_type)
    if not copied and model.engine != "transformers":
        raise NotSupported(f"{model.name} can only be exported as it is stored: it is no language model's network")
    return chosen, "" if copied else number_type or types[0]


def _base_of(services: Services, model: Model) -> Model | None:
    """The base that a custom model was made from, if it is still that one; an adapter must have it."""
    name = model.base or (model.lineage.base if model.lineage else None)
    if name is None:
        return None
    try:
        base = services.catalog.model(name)
    except NotFound:
        return None
    if model.lineage is None or base.identity == model.lineage.base_identity:
        return base
    if model.base is None:
        return None
    raise NotSupported(
        f"{model.name} was trained on another {name} than the one that is here: it was {model.lineage.base_identity}; "
        f"this one is {base.identity}; an adapter means nothing on another base"
    )


@contextmanager
def _whole_or_nothing(folder: Path) -> Iterator[Path]:
    """A place within a folder whose files move up into it at the end; after an error nothing is there."""
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(mkdtemp(dir=folder, prefix=".partial-"))
    try:
        yield place
        for file in sorted(place.iterdir()):
            file.rename(folder / file.name)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if made and not any(folder.iterdir()):
            folder.rmdir()


def _copied(model: Model, files: Path, base_files: Path | None, target: Path) -> Export:
    """The files as they are stored, and what they lack beside them."""
    shutil.copytree(files, target, ignore=shutil.ignore_patterns(MANIFEST), dirs_exist_ok=True)
    form = ExportForm.SAFETENSORS
    warnings: tuple[str, ...] = ()
    if model.kind is ModelKind.ADAPTER:
        form, warnings = ExportForm.ADAPTER, _complete_adapter(target, base_files)
    elif base_files is not None:
        from outcrop.models.companions import LICENCES, copy_missing

        copy_missing(base_files, target, LICENCES)
    taken = sum(file.stat().st_size for file in target.iterdir())
    return Export(model.name, form, "", model.identity.weights, taken, warnings=warnings)


def _complete_adapter(target: Path, base_files: Path | None) -> tuple[str, ...]:
    from outcrop.models.chat import ChatTokenizer
    from outcrop.models.companions import copy_tokenizer
    from outcrop.models.serving import serving_warnings

    if base_files is not None:
        copy_tokenizer(base_files, target, ChatTokenizer.load(base_files))
    return serving_warnings(target)


def _converted(
    model: Model, files: Path, base_files: Path | None, target: Path, form: ExportForm, numbers: str, say: Say
) -> Export:
    """Whole weights of a number type, merged where the model is an adapter."""
    from outcrop.models.chat import ChatTokenizer
    from outcrop.models.companions import LICENCES, copy_config, copy_missing, copy_tokenizer
    from outcrop.models.export import WeightsExport

    adapter = files if model.kind is ModelKind.ADAPTER else None
    whole = files if adapter is None else base_files
    assert whole is not None
    copy_tokenizer(whole, target, ChatTokenizer.load(whole))
    if base_files is not None:
        copy_missing(base_files, target, LICENCES)
    file = target / "model.safetensors"
    if form is ExportForm.GGUF:
        file = target / f"{model.name}-{numbers}.gguf"
    else:
        copy_config(whole, target, numbers)
    found = WeightsExport(model.name, model.licence, whole, base_files, adapter, numbers).write(file, say)
    digest = file_hash(file) if form is ExportForm.GGUF else weights_hash(target)
    taken = file.stat().st_size
    return Export(model.name, form, numbers, digest, taken, found.kept, found.agreement, found.warnings)


def _reports(services: Services, model: Model) -> list[Report]:
    """Reports of evaluations of these very weights, the newest first."""
    found = []
    for job in services.catalog.jobs([Status.DONE]):
        if job.kind is JobKind.EVALUATION and job.result is not None:
            for report in (from_json(Report, each) for each in job.result["reports"]):
                if any(one.name == model.name and one.weights == model.identity.weights for one in report.models):
                    found.append(report)
    return found[::-1]
