"""The script of docs/how-to/server.md does what the page says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest

from outcrop import Outcrop
from outcrop.stores.address import parse
from tests.doubles import IdleRunner, pairs
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
