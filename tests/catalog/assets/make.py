"""Writes the asset of the present schema: ``python tests/catalog/assets/make.py``, once, when a migration is released.

It fills a new catalog of each kind through the API of the version that is installed, and dumps it to
``REVISION-sqlite.sql`` and ``REVISION-postgresql.sql``. Assets of older schemas are never made again.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.servers import postgres, postgres_program  # noqa: E402

from outcrop.catalog.sql import SqlCatalog  # noqa: E402
from outcrop.catalog.tables import REVISION  # noqa: E402
from outcrop.domain.codec import from_json  # noqa: E402
from outcrop.domain.deployments import Deployment, DeploymentKind, DeploymentStatus  # noqa: E402
from outcrop.domain.jobs import Job, JobKind, Status, Worker  # noqa: E402
from outcrop.domain.keys import Key, KeyKind  # noqa: E402
from outcrop.domain.models import Model  # noqa: E402

IDENTITY = {"weights": "w" * 64, "tokenizer": "t" * 64, "template": ""}
BASE = {
    "name": "base",
    "kind": "base",
    "engine": "transformers",
    "uri": "models/base",
    "identity": IDENTITY,
    "source": "a test",
    "licence": "Apache-2.0",
    "architecture": "LlamaForCausalLM",
    "parameters": 1,
    "context": 512,
    "customizations": {"lora": "", "full": ""},
    "created": 1.0,
}
LINEAGE = {
    "job": "aaaaaaaaaaaa",
    "base": "base",
    "base_identity": IDENTITY,
    "method": "lora",
    "data_uri": "/data/train.jsonl",
    "data_hash": "d" * 64,
    "hyperparameters": {"epochs": 1},
    "seed": 0,
    "versions": {"torch": "2.13.0"},
    "curve": [{"step": 1, "epoch": 0, "train_loss": 1.5, "validation_loss": None}],
    "figures": {"tokens": 12.0},
}


def fill(url: str) -> None:
    """Rows of every table, among them what JSON and SQL have to quote."""
    catalog = SqlCatalog(url, clock=lambda: 1_700_000_100.5)
    catalog.add_model(from_json(Model, BASE))
    catalog.set_alias("short", "base")
    request = {"model": "tuned", "base": "base", "train": {"path": '/data/it\'s "here".jsonl', "hash": "d" * 64}}
    catalog.add_job(Job("aaaaaaaaaaaa", "customize-tuned", JobKind.CUSTOMIZATION, Status.QUEUED, request, created=1.0))
    elsewhere = Worker("elsewhere", 4242, 1_700_000_000.25)
    catalog.claim("aaaaaaaaaaaa", elsewhere, 30, 1)
    catalog.requeue(catalog.job("aaaaaaaaaaaa"), "its worker is gone", restarts=3, grace_seconds=15)
    claim = catalog.claim("aaaaaaaaaaaa", elsewhere, 30, 1)
    assert claim is not None
    for text in ("training on cpu", "done: “tuned”"):
        catalog.log("aaaaaaaaaaaa", "info", text)
    catalog.commit_checkpoint(claim, {"step": 1, "keys": ["jobs/aaaaaaaaaaaa/checkpoints/1-2"]})
    tuned = {**BASE, "name": "tuned", "kind": "adapter", "uri": "models/tuned", "base": "base", "lineage": LINEAGE}
    catalog.finish_with_model(claim, from_json(Model, tuned), {"model": "tuned", "curve": []})
    request = {"models": ["base", "tuned"], "task": "summarization"}
    asked = {"jobName": "prüfung", "jobTags": []}
    job = Job("bbbbbbbbbbbb", "prüfung", JobKind.EVALUATION, Status.QUEUED, request, created=2.0)
    catalog.add_job(replace(job, asked=asked, token="once"))
    catalog.set_tags("evaluation-job/bbbbbbbbbbbb", {"team": "it's"}, 50)
    deployment = Deployment(
        "cccccccccccc", "gneiss", DeploymentKind.PROVISIONED, "tuned", "base", 2, DeploymentStatus.UPDATING, 3.0, 3.5
    )
    asked = {"provisionedModelName": "gneiss"}
    catalog.add_deployment(replace(deployment, updated_to="base", commitment="OneMonth", asked=asked, token="once"))
    catalog.set_tags("provisioned-model/cccccccccccc", {"team": "b"}, 50)
    catalog.set_configuration("logging", {"s3Config": {"bucketName": "it's-here"}})
    catalog.add_key(Key("AKIAAAAAAAAAAAAAAAAA", KeyKind.ACCESS, "CI’s", "sealed", created=1.0, expires=2.5))
    catalog.add_key(Key("BEARAAAAAAAAAAAAAAAA", KeyKind.BEARER, "", "b" * 64, created=1.5))
    catalog.revoke_key("BEARAAAAAAAAAAAAAAAA")
    catalog.close()


def sqlite_dump() -> str:
    """What sqlite3 dumps."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "catalog.sqlite")
        fill(f"sqlite:///{file}")
        connection = sqlite3.connect(file)
        lines = [line for line in connection.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;")]
        connection.close()
    return "\n".join(lines) + "\n"


def postgresql_dump() -> str:
    """What pg_dump dumps, without what only psql understands."""
    program = postgres_program("pg_dump")
    assert program is not None
    with postgres() as server:
        url = server.database()
        fill(url)
        options = ["--inserts", "--no-owner", "--no-privileges", url]
        dump = subprocess.run([program, *options], check=True, capture_output=True, encoding="utf-8").stdout
    lines = [line for line in dump.splitlines() if line and not line.startswith(("--", "\\"))]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (HERE / f"{REVISION}-sqlite.sql").write_text(sqlite_dump(), encoding="utf-8")
    (HERE / f"{REVISION}-postgresql.sql").write_text(postgresql_dump(), encoding="utf-8")
