"""Whether a custom model learnt a domain, and what it forgot on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from outcrop.app.data import absolute
from outcrop.data.opening import open_lines
from outcrop.data.reading import content_hash
from outcrop.data.record_texts import normalised, record_text
from outcrop.data.records import RecordReader
from outcrop.domain.errors import Fault, InvalidInput, NotFound, NotSupported, OutcropError, UserError
from outcrop.domain.faults import FaultCollection
from outcrop.domain.models import Lineage, Model
from outcrop.domain.records import Purpose, TextRecord
from outcrop.evaluation.forgetting import Forgetting, HeldOut, Tell, corrected, scored_in_chunks, text_set
from outcrop.metrics.perplexity import ScoredText
from outcrop.reports.forgetting import advice, verdicts
from outcrop.services import Engines, Services
from outcrop.stores.address import is_address

#: The most tokens that are read together: what lies further back hardly helps, and costs by its square.
LONGEST_WINDOW = 2048

_FEWEST = 2


def measure_forgetting(
    services: Services,
    name: str,
    *,
    domain: str | Path,
    general: str | Path | None = None,
    seed: int = 0,
    tell: Tell | None = None,
) -> Forgetting:
    """Perplexity of held-out texts by the base, by what was gone on from, and by the custom model.

    Args:
        services: The home.
        name: The custom model.
        domain: Texts of what it was trained for and not on, in any format of pre-training; a file or a folder.
        general: Ordinary texts; without them the price is not known.
        seed: Of what is drawn in intervals and tests.
        tell: Called with bytes done and bytes in all.

    Raises:
        InvalidInput: Texts can't be read, are fewer than two, or are in the training data: all faults.
        NotFound: There is no such model, its base is gone, or there is no file behind an ``s3://`` address.
        NotSupported: The model was not made by a customization.
        UserError: A model that it came from is another one by now.
        StorageFailure: A model's files are missing, or the S3 service fails.
    """
    custom = services.catalog.model(name)
    lineage = _lineage(custom)
    ancestors = _ancestors(services, custom)
    held_out = _held_out(services, domain, general)
    training_data = _training_data(services, [custom, *ancestors[:-1]], held_out)
    line = [ancestors[-1], *ancestors[:-1][:1], custom]
    window = min(LONGEST_WINDOW, *(model.context for model in line))
    stride = max(1, window // 2)
    scored, speed = _scored(services, line, held_out, window, stride, tell)
    sets = [
        text_set(
            texts,
            {model.name: scored[model.name][number] for model in line},
            tokenizer=custom.identity.tokenizer,
            window=window,
            stride=stride,
            seed=seed,
        )
        for number, texts in enumerate(held_out)
    ]
    found = Forgetting(
        model=custom.name,
        base=line[0].name,
        parent=line[1].name if len(line) > 2 else None,
        window=window,
        stride=stride,
        seed=seed,
        text_sets=corrected(sets),
        training_data=training_data,
        tokens_per_second=speed,
    )
    return replace(found, verdicts=verdicts(found), advice=advice(found, lineage))


def _lineage(custom: Model) -> Lineage:
    if custom.lineage is None:
        raise NotSupported(
            f"{custom.name} was not made by a customization here: there is no model to compare it with; "
            "name a custom model (outcrop models list)"
        )
    return custom.lineage


def _ancestors(services: Services, custom: Model) -> list[Model]:
    """Every model that a custom model came from, the nearest first, the base last."""
    found: list[Model] = []
    model = custom
    while model.lineage is not None:
        lineage = model.lineage
        try:
            before = services.catalog.model(lineage.base)
        except NotFound:
            raise NotFound(
                f"{model.name} was made from {lineage.base}, which is gone: add it again to compare with it"
            ) from None
        if before.identity != lineage.base_identity:
            raise UserError(
                f"{model.name} was made from another {lineage.base} than the one that is here: it was "
                f"{lineage.base_identity}; now it is {before.identity}; put the old one back to compare with it"
            )
        found.append(before)
        model = before
    return found


def _held_out(services: Services, domain: str | Path, general: str | Path | None) -> list[HeldOut]:
    """The texts of both files; the faults of both together."""
    faults = FaultCollection()
    places = [("domain", domain), *((("general", general),) if general is not None else ())]
    found = [_read(services, kind, absolute(place), faults) for kind, place in places]
    if not faults.total and len(found) > 1 and (shared := set(found[0].keys) & set(found[1].keys)):
        expected = "general texts that are not of the domain"
        faults.add(Fault(found[1].place, None, "", f"{len(shared)} texts that are domain texts too", expected))
    if faults.total:
        raise InvalidInput(faults.kept, faults.total)
    return found


def _read(services: Services, kind: str, place: str, faults: FaultCollection) -> HeldOut:
    reader = RecordReader(services.fetch(place), Purpose.PRE_TRAINING, place if is_address(place) else "")
    texts: list[str] = []
    lines: list[tuple[str, int | None]] = []
    told = faults.total
    for item in reader:
        if isinstance(item, Fault):
            faults.add(item)
        elif isinstance(item, TextRecord):
            texts.append(item.text)
            place_of = reader.lines.located(Fault(reader.lines.where, item.line, "", "", ""))
            lines.append((place_of.where, place_of.line))
    if faults.total == told and len(texts) < _FEWEST:
        expected = f"{_FEWEST} texts or more, better some hundred: how sure a figure is shows in how texts differ"
        faults.add(Fault(reader.lines.where, None, "", f"{len(texts)} text", expected))
    return HeldOut(kind, place, reader.lines.content_hash, tuple(texts), tuple(map(_key, texts)), tuple(lines))


def _key(text: str) -> str:
    return hashlib.sha256(normalised(text).encode()).hexdigest()


def _training_data(services: Services, models: Sequence[Model], held_out: Sequence[HeldOut]) -> tuple[str, ...]:
    """What the training data of every custom model on the way has of the texts, in words.

    Raises:
        InvalidInput: One of the texts is there.
    """
    told, faults = [], FaultCollection()
    for model in models:
        lineage = _lineage(model)
        place = lineage.data_uri
        keys = _training_keys(services, place, lineage.data_hash)
        if isinstance(keys, str):
            told.append(f"{model.name}: not compared with its training data, {keys} ({place})")
            continue
        told.append(f"{model.name}: none of the texts is in its training data, word for word ({place})")
        for texts in held_out:
            for (where, number), key in zip(texts.lines, texts.keys, strict=True):
                if key in keys:
                    expected = f"texts that {model.name} was not trained on: this one is in {place}"
                    faults.add(Fault(where, number, "", "a text of the training data", expected))
    if faults.total:
        raise InvalidInput(faults.kept, faults.total)
    return tuple(told)


def _training_keys(services: Services, place: str, wanted: str) -> set[str] | str:
    """The keys of all texts of training data, or why they can't be had."""
    try:
        path = services.fetch(place)
        if not path.exists():
            return "which is gone"
        if content_hash(path) != wanted:
            return "which has changed since"
        lines = open_lines(path, Purpose.PRE_TRAINING)
        texts = [record_text(line, (), place) for line in lines if not isinstance(line, Fault)]
    except (OSError, OutcropError):
        return "which can't be read"
    return {hashlib.sha256(text.encode()).hexdigest() for text in texts if isinstance(text, str)}


def _scored(
    services: Services, line: Sequence[Model], held_out: Sequence[HeldOut], window: int, stride: int, tell: Tell | None
) -> tuple[dict[str, list[list[ScoredText]]], float]:
    """What each model makes of each set of texts, by its name, and tokens per second."""
    total = len(line) * sum(len(text.encode()) for texts in held_out for text in texts.texts)
    done = 0

    def heard(size: int) -> None:
        nonlocal done
        done += size
        if tell is not None:
            tell(done, total)

    found: dict[str, list[list[ScoredText]]] = {}
    tokens = seconds = 0.0
    engines: Engines | None = None
    root = ""
    for model in line:
        # Whole models go one after the other through memory; adapters share their base.
        if engines is None or (model.base or model.name) != root:
            engines, root = services.engines(), model.base or model.name
        engine = engines.open(model.name)
        found[model.name] = [
            scored_in_chunks(engine, texts.texts, window=window, stride=stride, tell=heard) for texts in held_out
        ]
        figures = engine.figures()
        tokens += figures.get("scored_tokens", 0.0)
        seconds += figures.get("scoring_seconds", 0.0)
    return found, tokens / seconds if seconds else 0.0
