"""A model's files where others keep them: which they are, and bringing them here."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path, PurePosixPath

from outcrop.domain.errors import NotFound, NotSupported, StorageFailure, UserError
from outcrop.domain.requests import StoredFile
from outcrop.models.folder import KEPT
from outcrop.models.weights import weight_names
from outcrop.services import Services
from outcrop.stores.address import is_address, parse
from outcrop.stores.folders import copy_file, list_folder
from outcrop.stores.s3_service import Tell

#: Weights in forms that are never opened: most are pickles, which can run code when they are read.
_OTHER_WEIGHTS = frozenset({".bin", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".pickle", ".pkl", ".pt", ".pth"})


def model_files(services: Services, source: str) -> tuple[StoredFile, ...]:
    """The files at a source that make a model, by name; what lies deeper, and what may be code, is not among them.

    Args:
        services: The home.
        source: A folder, or an ``s3://`` address.

    Raises:
        InvalidInput: It begins with ``s3://`` and is no address.
        NotFound: There are no files, or no ``config.json``.
        NotSupported: There are no safetensors, or it is an adapter.
        StorageFailure: They can't be listed.
    """
    found = [file for file in _listed(services, source) if "/" not in file.name]
    names = {file.name for file in found}
    if "adapter_config.json" in names:
        raise NotSupported(f"{source}: an adapter; merge it into its base first, and bring the merged model")
    if "config.json" not in names:
        raise NotFound(f"{source}: has no config.json; expected the files that transformers' save_pretrained writes")
    if not any(_is_weights(name) for name in names):
        others = sorted(name for name in names if PurePosixPath(name).suffix in _OTHER_WEIGHTS)
        shown = f" but {', '.join(others[:3])}{' …' if len(others) > 3 else ''}" if others else ""
        raise NotSupported(
            f"{source}: has no .safetensors file{shown}; other kinds of weights can run code and are not read: save "
            "the model with safe_serialization=True"
        )
    return tuple(sorted((file for file in found if _belongs(file.name)), key=lambda file: file.name))


def require_same_files(services: Services, source: str, files: Sequence[StoredFile]) -> None:
    """Make sure that a model's files are still those that they were.

    Raises:
        NotFound: They are gone.
        UserError: One was added, changed or taken away; the message names them.
        InvalidInput, NotSupported, StorageFailure: As ``model_files``.
    """
    now = model_files(services, source)
    if now != tuple(files):
        names = sorted({file.name for file in set(now) ^ set(files)})
        raise UserError(
            f"{source}: has changed since the import was asked for ({', '.join(names[:3])}"
            f"{' …' if len(names) > 3 else ''}); ask for a new one"
        )


def bring_model(services: Services, source: str, files: Sequence[StoredFile], folder: Path, tell: Tell) -> None:
    """Copy a model's files into a folder, weights that are there twice only once.

    A file that is in the folder already is not brought again: files come whole or not at all.

    Args:
        services: The home.
        source: As in ``model_files``, which gave the files.
        files: What makes the model.
        folder: Where to; made where it is not there. What is not whole yet lies beside it.
        tell: Hears bytes done and bytes in all; what it raises ends the copying.

    Raises:
        NotFound: A file is gone.
        NotSupported: An index can't be read, or names a file that is not there.
        UserError: A file changed since it was listed.
        StorageFailure: It can't be read, or the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailure(f"{folder}: can't be made ({error.strerror})") from error
    weights = {file.name: file for file in files if _is_weights(file.name)}
    others = [file for file in files if file.name not in weights]
    _bring_all(services, source, others, folder, tell, (0, sum(file.size for file in files)))
    wanted = [weights[name] for name in weight_names(folder, weights)]
    before = sum(file.size for file in others)
    _bring_all(services, source, wanted, folder, tell, (before, before + sum(file.size for file in wanted)))
    require_same_files(services, source, files)


def _listed(services: Services, source: str) -> Sequence[StoredFile]:
    if is_address(source):
        return services.buckets.files(parse(source))
    if not Path(source).is_dir():
        raise NotFound(f"{source}: there is no such folder")
    return list_folder(Path(source))


def _is_weights(name: str) -> bool:
    return name.endswith(".safetensors")


def _belongs(name: str) -> bool:
    return _is_weights(name) or any(fnmatch(name, pattern) for pattern in KEPT)


def _bring_all(
    services: Services, source: str, files: Sequence[StoredFile], folder: Path, tell: Tell, of: tuple[int, int]
) -> None:
    """Bring some of a model's files; ``of`` are the bytes before them, and those of the whole model."""
    before, total = of
    for file in files:
        _bring(services, source, file, folder, partial(_tell_on, tell, before, total))
        before += file.size


def _tell_on(tell: Tell, before: int, total: int, now: int, _: int) -> None:
    tell(before + now, total)


def _bring(services: Services, source: str, file: StoredFile, folder: Path, tell: Tell) -> None:
    target, aside = folder / file.name, folder.parent / f"{folder.name}.partial"
    if target.exists():
        return
    if is_address(source):
        services.buckets.download(parse(source).below(file.name), aside, tell)
    else:
        copy_file(Path(source) / file.name, aside, tell)
    try:
        if aside.stat().st_size != file.size:
            raise UserError(f"{source}: {file.name} was changed while it was read; ask for the import again")
        aside.replace(target)
    except OSError as error:
        raise StorageFailure(f"{target}: can't be written ({error.strerror})") from error
