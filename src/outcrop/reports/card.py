"""A model card: what an exported model is, how it came to be and how it was measured, as the Hugging Face hub reads it.

The front matter's keys: https://huggingface.co/docs/hub/model-cards, "Model card metadata".
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from outcrop.domain.exports import Export, ExportForm
from outcrop.domain.hyperparameters import LORA_ONLY
from outcrop.domain.models import Customization, Lineage, Model
from outcrop.domain.scores import Report
from outcrop.domain.units import size
from outcrop.reports import numbers
from outcrop.reports.markdown import escaped, table
from outcrop.reports.texts import metric_label, one_line

_HUB = re.compile(r"([\w.-]+/[\w.-]+) at \S+ on the Hugging Face hub")
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")

_LIBRARIES = {ExportForm.ADAPTER: "peft", ExportForm.SAFETENSORS: "transformers", ExportForm.GGUF: "gguf"}
#: What the hub calls a model by its engine, and what loads it.
_PIPELINES = {
    "transformers": "text-generation",
    "encoder": "feature-extraction",
    "classifier": "text-classification",
}
_CLASSES = {
    "transformers": "AutoModelForCausalLM",
    "encoder": "AutoModel",
    "classifier": "AutoModelForSequenceClassification",
}

_FORMS = {ExportForm.ADAPTER: "a PEFT adapter", ExportForm.SAFETENSORS: "safetensors", ExportForm.GGUF: "a GGUF file"}


def render_card(export: Export, model: Model, base: Model | None, reports: Sequence[Report]) -> str:
    """The card as Markdown with front matter; no name or text of a user's can act as markup in it.

    Args:
        export: What was written.
        model: What it was written from.
        base: Its base, for a custom model whose base is in the catalog.
        reports: Of evaluations of the model, the newest first.
    """
    parts = [
        _front_matter(export, model, base),
        f"# {escaped(model.name)}",
        _opening(export, model, base),
        _use(export, model),
    ]
    parts.append(_section("Export", _export_facts(export)))
    parts.append(_section("Origin", _origin(model, base)))
    if model.lineage is not None:
        parts += _training(model.lineage, model)
    for report in reports:
        parts.append(_evaluation(report, model))
    return "\n\n".join(filter(None, parts)) + "\n"


def _front_matter(export: Export, model: Model, base: Model | None) -> str:
    entries: list[tuple[str, Any]] = []
    if model.engine != "scripted":
        entries.append(("library_name", _LIBRARIES[export.form]))
        entries.append(("pipeline_tag", _PIPELINES[model.engine]))
    entries.append(("license", model.licence.lower() if _SPDX.fullmatch(model.licence) else "other"))
    if base is not None:
        entries.append(("base_model", _hub_name(base)))
        entries.append(("base_model_relation", _relation(export)))
    method = [model.lineage.method.value] if model.lineage else []
    entries.append(("tags", ["outcrop", *method, *([export.number_type] if export.number_type else [])]))
    lines = [f"{key}: {json.dumps(_plain(value), ensure_ascii=False)}" for key, value in entries]
    return "\n".join(["---", *lines, "---"])


def _relation(export: Export) -> str:
    if export.form is ExportForm.ADAPTER:
        return "adapter"
    return "quantized" if export.number_type.startswith("q") else "finetune"


def _hub_name(base: Model) -> str:
    match = _HUB.fullmatch(base.source)
    return match[1] if match else base.name


def _plain(value: Any) -> Any:
    """JSON is YAML where no control character is in it."""
    return [one_line(one) for one in value] if isinstance(value, list) else one_line(value)


def _opening(export: Export, model: Model, base: Model | None) -> str:
    count = model.parameters if base is None or export.form is ExportForm.ADAPTER else base.parameters
    what = f"{escaped(model.architecture)}, {numbers.count(count)} weights"
    made = ""
    if lineage := model.lineage:
        way = "LoRA" if lineage.method is Customization.LORA else "full fine-tuning"
        made = f" It was made from {escaped(lineage.base)} by {way}."
    rounding = f", {export.number_type}" if export.number_type else ""
    form = "as a script" if model.engine == "scripted" else f"as {_FORMS[export.form]}"
    return f"{what}, {form}{rounding}.{made}"


def _use(export: Export, model: Model) -> str:
    if model.engine == "scripted":
        return "Outcrop's own double of a model: it answers as its script says."
    kind = _CLASSES[model.engine]
    texts = {
        ExportForm.ADAPTER: "Load it beside its base: `peft.PeftModel.from_pretrained(base, folder)`.",
        ExportForm.SAFETENSORS: f"Load it with `transformers.{kind}.from_pretrained(folder)`.",
        ExportForm.GGUF: "Load it with llama.cpp, or anything that reads GGUF.",
    }
    template = " The chat template beside it is the one that it was trained with: use no other."
    return texts[export.form] + (template if model.identity.template else "")


def _section(title: str, facts: Iterable[tuple[str, str]]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {escaped(name)}: {escaped(value)}" for name, value in facts)


def _export_facts(export: Export) -> Iterator[tuple[str, str]]:
    yield "Weights, SHA-256", export.weights
    yield "Size", size(export.bytes)
    if kept := export.kept:
        yield "Update kept", f"{kept.share:.1%} of the update survives rounding; cosine {kept.cosine:.3f}"
    if found := export.agreement:
        same = f"the same likeliest token at {found.same_token:.1%} of {found.places} places"
        yield "Compared with the model in float32", f"{same}; logits up to {found.largest:.2g} apart"
    for warning in export.warnings:
        yield "Note", warning


def _origin(model: Model, base: Model | None) -> Iterator[tuple[str, str]]:
    yield "Licence", model.licence
    yield "Source", _source(model)
    yield "Tokenizer, SHA-256", model.identity.tokenizer
    yield "Chat template, SHA-256", model.identity.template or "none"
    if model.lineage is not None:
        yield "Base", model.lineage.base if base is None else f"{model.lineage.base}: {_source(base)}"
        yield "Base weights, SHA-256", model.lineage.base_identity.weights


def _training(lineage: Lineage, model: Model) -> Iterator[str]:
    given = sorted(_hyperparameters(lineage).items())
    facts = [
        ("Job", lineage.job),
        ("Data", f"{_last_name(lineage.data_uri)}, SHA-256 {lineage.data_hash}"),
        ("Seed", str(lineage.seed)),
        *((name.replace("_", " "), _number(value)) for name, value in given),
        *((name.replace("_", " "), numbers.figure(name, value)) for name, value in sorted(lineage.figures.items())),
        ("Versions", ", ".join(f"{name} {value}" for name, value in sorted(lineage.versions.items()))),
    ]
    yield _section("Training", facts)
    yield f"```sh\n{_command(lineage, model)}\n```"
    measured = [point for point in lineage.curve if point.validation_loss is not None]
    trained = [point for point in lineage.curve if point.training_loss is not None]
    points = {point.step: point for point in (*trained[:1], *trained[-1:], *measured)}
    if points:
        rows = [
            [str(step), numbers.fixed(point.training_loss, 3), numbers.fixed(point.validation_loss, 3)]
            for step, point in sorted(points.items())
        ]
        yield "Losses in nats per token:\n\n" + table(["Step", "Training", "Validation"], rows)


def _hyperparameters(lineage: Lineage) -> dict[str, Any]:
    left_out = {"seed"} if lineage.method is Customization.LORA else {"seed", *LORA_ONLY}
    return {
        name: value for name, value in lineage.hyperparameters.items() if name not in left_out and value is not None
    }


def _command(lineage: Lineage, model: Model) -> str:
    """The command that trains the model again, on one line."""
    words = ["outcrop", "customize", lineage.base, "--train", _last_name(lineage.data_uri), "--name", model.name]
    words += ["--method", lineage.method.value]
    for name, value in sorted(_hyperparameters(lineage).items()):
        words += [f"--{name.replace('_', '-')}", _number(value)]
    words += ["--seed", str(lineage.seed)]
    # Within a fence, only a line of backticks of its own would end it.
    return shlex.join([one_line(word) for word in words])


def _source(model: Model) -> str:
    """Where it came from; of a path or an address only the last name."""
    found = re.fullmatch(r"(?:the folder |the file |s3://)(.*)", model.source, re.DOTALL)
    return _last_name(found[1]) if found else model.source


def _last_name(uri: str) -> str:
    """The file's name alone: what comes before it is of one machine, or of one account."""
    return PurePosixPath(uri.partition("?")[0]).name


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _evaluation(report: Report, model: Model) -> str:
    rows = [
        [
            escaped(metric_label(score.metric)),
            numbers.score_value(score),
            numbers.score_interval(score),
            numbers.scored(score.n_scored, score.n_given),
        ]
        for score in report.scores
        if score.model == model.name
    ]
    others = [one.name for one in report.models if one.name != model.name]
    # Headlines are about the models after the first, one each, in their order.
    names = [one.name for one in report.models[1:]] or [report.models[0].name]
    said = [verdict.headline for name, verdict in zip(names, report.verdicts, strict=False) if name == model.name]
    against = f" Compared with {', '.join(map(escaped, others))}." if others else ""
    data = f"{escaped(_last_name(report.data_uri))}, SHA-256 {report.data_hash}, {numbers.records(report.n_records)}"
    lines = [f"## Evaluation: {escaped(report.task)}", *(f"**{escaped(text)}**" for text in said)]
    lines.append(f"On {data}; before this export, in float32.{against}")
    return "\n\n".join([*lines, table(["Metric", "Value", "95% interval", "Scored"], rows)])
