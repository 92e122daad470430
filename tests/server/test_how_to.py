"""The scripts of the pages about the server do what the pages say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from outcrop import Outcrop
from outcrop.serving.serving import Serving
from outcrop.stores.address import parse
from outcrop.testing.catalogs import a_model
from tests.doubles import IdleRunner, pairs
from tests.server.conftest import TINY
from tests.server.serving_double import RESPONSE, ServingDouble
from tests.server.wire import ROLE, Wire

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "server.md"


class Buckets:
    """What the script uses of an S3 client; the real one is boto3's."""

    def __init__(self, outcrop: Outcrop) -> None:
        self.buckets = outcrop.services.buckets

    def create_bucket(self, *, Bucket: str) -> None:
        self.bucket = Bucket

    def upload_file(self, file: str, bucket: str, key: str) -> None:
        self.buckets.put(Path(file), parse(f"s3://{bucket}/{key}"))

    def download_file(self, bucket: str, key: str, file: str) -> None:
        shutil.copy(self.buckets.fetch(parse(f"s3://{bucket}/{key}")), file)


class Roles:
    """The same of an IAM client."""

    def create_role(self, **_: str) -> dict[str, Any]:
        return {"Role": {"Arn": ROLE}}


def test_the_script_runs(
    working: IdleRunner,
    tiny: Wire,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (script,) = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    clients = {"s3": Buckets(tiny.outcrop), "iam": Roles(), "bedrock": tiny.client()}
    real = boto3.client
    # Outcrop itself asks boto3 where S3 is, by more than a name.
    monkeypatch.setattr(boto3, "client", lambda name, **given: real(name, **given) if given else clients[name])
    monkeypatch.chdir(tmp_path)
    pairs(tmp_path / "train.jsonl")
    exec(compile(script, "script", "exec"), {"__name__": "script"})
    loss, model = capsys.readouterr().out.splitlines()[-2:]
    assert float(loss) > 0
    assert model == "tuned"
    assert (tmp_path / "metrics.csv").read_text().startswith("step_number,epoch_number,training_loss,perplexity")


ASKING = PAGE.parent / "ask-over-http.md"


def test_models_are_asked(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (script,) = re.findall(r"^```py\n(.*?)^```$", ASKING.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    with Outcrop(home) as outcrop:
        outcrop.services.catalog.add_model(a_model("rock"))
        outcrop.models.alias(TINY, "rock")
        wire = Wire(outcrop, serving=cast("Serving", ServingDouble()))
        client = wire.client("bedrock-runtime")
        monkeypatch.setattr(boto3, "client", lambda name: client if name == "bedrock-runtime" else None)
        exec(compile(script, "script", "exec"), {"__name__": "script"})
    said = RESPONSE.text
    assert capsys.readouterr().out == f"{said}\n4\n{said}\n{said}\n4\n"
