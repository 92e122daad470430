"""Every value of the domain survives its way to plain JSON and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.generation import GenerationParameters, LogLikelihood, Prompt, Response
from outcrop.domain.hyperparameters import choose
from outcrop.domain.jobs import Job, JobKind, LogLine, Progress, Status, Worker
from outcrop.domain.models import CurvePoint, Customization, Identity, Lineage, Model, ModelKind
from outcrop.domain.records import EncodedRecord, EvaluationRecord, Message, Role, TrainingRecord
from outcrop.domain.requests import CustomizationRequest, Dataset, EvaluationPart, EvaluationRequest, WrittenAs
from outcrop.domain.scores import (
    Comparison,
    Direction,
    EvaluatedModel,
    Moved,
    MovedRecord,
    Outcome,
    Report,
    Score,
    Verdict,
)

DATA = Dataset("/data/Prüfstück.jsonl", "d" * 64)
IDENTITY = Identity("w" * 64, "t" * 64, "")
CURVE = (CurvePoint(0, 0, validation_loss=2.25), CurvePoint(1, 0, training_loss=1.0 / 3))
LINEAGE = Lineage(
    job="abcdefghijkl",
    base="base",
    base_identity=IDENTITY,
    method=Customization.LORA,
    data_uri=DATA.path,
    data_hash=DATA.hash,
    hyperparameters={"rank": 16, "learning_rate": 1e-3},
    seed=7,
    versions={"outcrop": "0.1.0"},
    curve=CURVE,
    figures={"tokens_per_second": 153.2},
)
MODEL = Model(
    name="tuned",
    kind=ModelKind.ADAPTER,
    engine="transformers",
    uri="models/x",
    identity=IDENTITY,
    source="lora from base",
    licence="Apache-2.0",
    architecture="LlamaForCausalLM",
    parameters=38_912,
    context=512,
    customizations={"lora": "it is an adapter", "full": ""},
    created=1_700_000_000.25,
    base="base",
    lineage=LINEAGE,
)
SCORE = Score("tuned", "rougeL", None, None, None, 0, 3, "s|v1", "no bounds", "", Direction.HIGHER)
COMPARISON = Comparison("rougeL", "base", "tuned", 0.1, 0.0, 0.2, 0.05, None, 3, "t", Direction.NONE, "säure")
MOVED = MovedRecord(3, None, "p\u2028q", None, {"base": "", "tuned": "🪨"}, {"base": 0.0, "tuned": 1.0}, 1.0)
REPORT = Report(
    job="abcdefghijkl",
    name="judged",
    created=1.5,
    task="summarization",
    data_uri=DATA.path,
    data_hash=DATA.hash,
    n_records=3,
    primary="rougeL",
    models=(
        EvaluatedModel("base", "base", "w", "", "a folder", None, {}),
        EvaluatedModel(
            "tuned", "adapter", "w", "t", "lora", "base", {"seconds": 1.0}, trained_on=DATA.path, curve=CURVE
        ),
    ),
    scores=(SCORE, SCORE),
    comparisons=(COMPARISON,),
    groups=(),
    moved=(Moved("rougeL", "base", "tuned", (MOVED,), (), 1, 0, 2),),
    verdicts=(Verdict(Outcome.UNDECIDED, "Nobody knows", "yet"),),
    generation={"max_tokens": 128, "stop": ["\n"]},
    versions={"torch": "2"},
    machine="a machine",
)
JOB = Job(
    id="abcdefghijkl",
    name="ein Prüfstück",
    kind=JobKind.CUSTOMIZATION,
    status=Status.STOPPING,
    request={"model": "x", "validation": None, "deep": [{"a": [1, 2.5, None, True]}]},
    result={"n": 1},
    error="weil",
    progress=Progress("training", 3, 10, 2.5, "tokens", None, {"loss": 1.25}),
    checkpoint={"step": 3, "keys": ["a", "b"]},
    fence=2,
    worker=Worker("host", 42, 1.25),
    lease_until=9.5,
    restarts=("died", "slept"),
    created=1.0,
)
VALUES: tuple[Any, ...] = (
    DATA,
    IDENTITY,
    *CURVE,
    LINEAGE,
    MODEL,
    SCORE,
    COMPARISON,
    MOVED,
    REPORT,
    JOB,
    Job("abcdefghijkl", "bare", JobKind.EVALUATION, Status.QUEUED, {}),
    LogLine(1, 2.5, "info", "a line"),
    Progress(),
    Worker("host", 1, 0.1),
    GenerationParameters(),
    GenerationParameters(1, 0.7, 0.9, 40, ("\n", "END"), 2**31 - 1),
    Prompt(3, (Message(Role.SYSTEM, "kurz"), Message(Role.USER, "hällo"))),
    Response(3, "text", "end_turn", 4, (1, 2), (-0.5, -1 / 3), 1),
    LogLikelihood(-1.5, 2, greedy=True, token_logprobs=(-0.5, -1.0)),
    choose(Customization.LORA, {}),
    choose(Customization.FULL, {}),
    CustomizationRequest("made", "base", IDENTITY, Customization.FULL, DATA, None, choose(Customization.FULL, {})),
    CustomizationRequest(
        "made", "base", IDENTITY, Customization.LORA, DATA, DATA, choose(Customization.LORA, {"seed": 1})
    ),
    EvaluationRequest(
        ("a",),
        (IDENTITY,),
        (EvaluationPart("d", DATA, "custom", (), judged_by=("x",), written_as=WrittenAs("d.1", "General", ("y",))),),
        identifiers={"a": "amazon.a-v1:0"},
    ),
    EvaluationRequest(
        ("a", "b"), (IDENTITY, None), (EvaluationPart("d", DATA, "summarization", ("rougeL",)),), 1, ("b",)
    ),
    TrainingRecord(1, (Message(Role.USER, "q"), Message(Role.ASSISTANT, "a")), needs_template=False),
    EvaluationRecord(2, "prompt"),
    EvaluationRecord(2, "prompt", "reference", "category"),
    EncodedRecord((1, 2), (False, True), ends_turn=True),
    Fault("file", None, "", "found", "expected"),
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(type(value).__name__))
def test_there_and_back(value: Any) -> None:
    text = json.dumps(to_json(value), allow_nan=False)
    assert from_json(type(value), json.loads(text)) == value


def test_plain_json_is_plain() -> None:
    plain = to_json(MODEL)
    assert plain["kind"] == "adapter"
    assert type(plain["kind"]) is str
    assert plain["lineage"]["base_identity"]["template"] == ""
    unmeasured = {"validation_loss": None, "validation_metric": None}
    assert plain["lineage"]["curve"][1] == {"step": 1, "epoch": 0, "training_loss": 1 / 3, **unmeasured}


def test_all_faults_come_at_once_with_their_places() -> None:
    plain = to_json(MODEL)
    plain |= {"kind": "house", "parameters": "many"}
    plain["lineage"]["curve"][0]["step"] = None
    del plain["uri"]
    with pytest.raises(InvalidInput) as caught:
        from_json(Model, plain, "the catalog")
    assert {fault.field for fault in caught.value.faults} == {"kind", "uri", "parameters", "lineage.curve.0.step"}
    assert {fault.where for fault in caught.value.faults} == {"the catalog"}
    kind = next(fault for fault in caught.value.faults if fault.field == "kind")
    assert kind.found == "'house'"
    assert "'base', 'adapter' or 'full'" in kind.expected


@pytest.mark.parametrize("plain", [None, 3, "text", [], [1]])
def test_what_is_no_object_is_refused(plain: object) -> None:
    with pytest.raises(InvalidInput):
        from_json(Dataset, plain)
