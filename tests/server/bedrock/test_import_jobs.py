"""Imported models, and custom models that are brought from files, as boto3 sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from outcrop.domain.jobs import Status
from outcrop.jobs.worker import main
from outcrop.server.bedrock.constraints import broken
from outcrop.server.bedrock.service import operations
from outcrop.stores.address import parse
from tests.doubles import IdleRunner, claimed
from tests.server.bedrock.test_customization_jobs import RECORDS, refusal
from tests.server.wire import ROLE, Wire
from tests.tiny_model import tiny_model

Put = Callable[[str, Sequence[object]], str]

FILES = "s3://bucket/models/tiny/"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
ARN = "arn:aws:bedrock:eu-central-1:123456789012:"
TAGS = [{"key": "team", "value": "a"}]


@pytest.fixture
def uploaded(wire: Wire, tiny_folder: Path) -> Wire:
    """A server with the files of a tiny model in a bucket."""
    upload(wire, tiny_folder)
    return wire


def upload(wire: Wire, folder: Path, place: str = FILES) -> None:
    for file in folder.iterdir():
        wire.outcrop.services.buckets.put(file, parse(place).below(file.name))


def bring(wire: Wire, **changes: Any) -> str:
    """The ARN that CreateModelImportJob answers."""
    request: dict[str, Any] = {
        "jobName": "Import-1",
        "importedModelName": "brought",
        "roleArn": ROLE,
        "modelDataSource": {"s3DataSource": {"s3Uri": FILES}},
        **changes,
    }
    return str(wire.client().create_model_import_job(**request)["jobArn"])


def create(wire: Wire, **changes: Any) -> str:
    """The ARN that CreateCustomModel answers."""
    request: dict[str, Any] = {
        "modelName": "made-elsewhere",
        "roleArn": ROLE,
        "modelSourceConfig": {"s3DataSource": {"s3Uri": FILES}},
        **changes,
    }
    given = {name: value for name, value in request.items() if value is not None}
    return str(wire.client().create_custom_model(**given)["modelArn"])


def fail(wire: Wire, job_id: str, why: str = "x" * 5000) -> None:
    services = wire.outcrop.services
    services.catalog.finish(claimed(services, services.catalog.job(job_id)), Status.FAILED, error=why)


def id_in(arn: str) -> str:
    return arn.rpartition("/")[2]


def test_a_model_is_imported(working: IdleRunner, uploaded: Wire) -> None:
    client, network = uploaded.client(), {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}
    arn = bring(
        uploaded,
        jobTags=TAGS,
        importedModelTags=TAGS,
        vpcConfig=network,
        importedModelKmsKeyId=KEY,
        clientRequestToken="t",
    )
    assert arn == f"{ARN}model-import-job/{id_in(arn)}"
    job = client.get_model_import_job(jobIdentifier=arn)
    model_arn = f"{ARN}imported-model/{id_in(arn)}"
    source = {"s3DataSource": {"s3Uri": FILES}}
    assert {name: job[name] for name in ("status", "jobName", "importedModelName", "importedModelArn")} == {
        "status": "Completed",
        "jobName": "Import-1",
        "importedModelName": "brought",
        "importedModelArn": model_arn,
    }
    assert (job["roleArn"], job["modelDataSource"], job["vpcConfig"]) == (ROLE, source, network)
    assert job["importedModelKmsKeyArn"] == KEY
    assert job["creationTime"] <= job["endTime"] == job["lastModifiedTime"]
    assert "failureMessage" not in job
    model = client.get_imported_model(modelIdentifier=model_arn)
    del model["ResponseMetadata"]
    assert model.pop("creationTime") >= job["creationTime"]
    assert model == {
        "modelArn": model_arn,
        "modelName": "brought",
        "jobName": "Import-1",
        "jobArn": arn,
        "modelDataSource": source,
        "modelArchitecture": "LLAMA",
        "modelKmsKeyArn": KEY,
        "instructSupported": True,
        "customModelUnits": {"customModelUnitsPerModelCopy": 1, "customModelUnitsVersion": "v1.0"},
    }
    for resource in (arn, model_arn):
        assert client.list_tags_for_resource(resourceARN=resource)["tags"] == TAGS
    assert uploaded.outcrop.models.show("brought").identity.template


def test_a_model_without_a_template_takes_no_instructions(working: IdleRunner, wire: Wire, tmp_path: Path) -> None:
    upload(wire, tiny_model(tmp_path / "plain", template=False))
    bring(wire)
    assert wire.client().get_imported_model(modelIdentifier="brought")["instructSupported"] is False
    assert wire.client().list_imported_models()["modelSummaries"][0]["instructSupported"] is False


def test_every_name_of_an_import_finds_it(runner: IdleRunner, uploaded: Wire) -> None:
    arn = bring(uploaded)
    for region in ("eu-central-1", "us-west-2"):
        client = uploaded.client(region=region)
        for name in (arn, "Import-1", id_in(arn)):
            job = client.get_model_import_job(jobIdentifier=name)
            assert f":{region}:" in job["jobArn"]
            assert job["status"] == "InProgress"
            assert not {"endTime", "importedModelArn", "failureMessage"} & job.keys()


def test_an_import_that_fails_or_is_stopped_says_why(runner: IdleRunner, uploaded: Wire) -> None:
    client = uploaded.client()
    fail(uploaded, id_in(bring(uploaded)))
    job = client.get_model_import_job(jobIdentifier="Import-1")
    assert (job["status"], job["failureMessage"]) == ("Failed", "x" * 2048)
    bring(uploaded, jobName="Import-2")
    uploaded.outcrop.jobs.stop("Import-2")
    job = client.get_model_import_job(jobIdentifier="Import-2")
    assert job["status"] == "Failed"
    assert "was stopped; `outcrop jobs resume`" in job["failureMessage"]


def test_files_that_are_no_model_fail_the_import(working: IdleRunner, uploaded: Wire, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    uploaded.outcrop.services.buckets.put(tmp_path / "model.safetensors", parse(f"{FILES}model.safetensors"))
    bring(uploaded)
    job = uploaded.client().get_model_import_job(jobIdentifier="Import-1")
    assert job["status"] == "Failed"
    assert job["failureMessage"].startswith(f"{FILES}model.safetensors: not a safetensors file")
    assert uploaded.client().list_imported_models()["modelSummaries"] == []
    assert not list((uploaded.outcrop.services.settings.home / "scratch").iterdir())


@pytest.mark.parametrize("call", [bring, create])
def test_what_can_not_be_brought_is_refused(
    runner: IdleRunner, wire: Wire, tmp_path: Path, call: Callable[..., str], tiny_folder: Path
) -> None:
    def refused(code: str = "ValidationException") -> str:
        return refusal(code, call, wire)

    assert "no files below" in refused("ResourceNotFoundException")
    (tmp_path / "x").write_text("{}")
    buckets, folder = wire.outcrop.services.buckets, parse(FILES)
    buckets.put(tmp_path / "x", folder.below("deep/config.json"))
    assert "has no config.json" in refused("ResourceNotFoundException")
    buckets.put(tmp_path / "x", folder.below("config.json"))
    buckets.put(tmp_path / "x", folder.below("pytorch_model.bin"))
    assert "no .safetensors file but pytorch_model.bin; other kinds of weights can run code" in refused()
    buckets.put(tmp_path / "x", folder.below("adapter_config.json"))
    assert "an adapter; merge it" in refused()
    tags = {"jobTags" if call is bring else "modelTags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}
    assert "a more than once" in refusal("ValidationException", call, wire, **tags)
    assert runner.started == []


def test_a_model_that_the_disk_has_no_room_for_is_refused(
    runner: IdleRunner, uploaded: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outcrop.app.importing.free_bytes", lambda _: 1000)
    assert "has 1.0 kB free, the model needs" in refusal("ValidationException", bring, uploaded)


def test_an_import_that_is_asked_twice_is_one(runner: IdleRunner, uploaded: Wire) -> None:
    first = bring(uploaded, clientRequestToken="once")
    assert bring(uploaded, clientRequestToken="once") == first
    message = refusal("ConflictException", create, uploaded, clientRequestToken="once")
    assert "was that of another operation" in message
    made = create(uploaded, clientRequestToken="twice")
    assert create(uploaded, clientRequestToken="twice") == made
    assert len(runner.started) == 2
    assert "'brought' already" in refusal("ConflictException", bring, uploaded, jobName="other")
    assert "'Import-1' already" in refusal("ConflictException", bring, uploaded, importedModelName="other")
    assert "'made-elsewhere' already" in refusal("ConflictException", create, uploaded)


def test_imports_are_listed_page_by_page(runner: IdleRunner, uploaded: Wire) -> None:
    client = uploaded.client()
    for number in range(5):
        bring(uploaded, jobName=f"job-{number}", importedModelName=f"model-{number}")
        create(uploaded, modelName=f"custom-{number}")
    fail(uploaded, "job-3")
    pages = client.get_paginator("list_model_import_jobs")

    def names(**given: Any) -> list[str]:
        walked = list(pages.paginate(**given, PaginationConfig={"PageSize": 2}))
        return [job["jobName"] for page in walked for job in page["modelImportJobSummaries"]]

    assert names() == [f"job-{number}" for number in (4, 3, 2, 1, 0)]
    assert names(sortOrder="Ascending", nameContains="job") == [f"job-{number}" for number in range(5)]
    assert names(statusEquals="Failed") == ["job-3"]
    assert names(statusEquals="Completed") == []
    assert names(statusEquals="InProgress", sortOrder="Ascending") == ["job-0", "job-1", "job-2", "job-4"]
    moment = client.get_model_import_job(jobIdentifier="job-2")["creationTime"]
    assert names(creationTimeAfter=moment, nameContains="job-4") == ["job-4"]
    first = client.list_model_import_jobs(maxResults=2)
    given = {"maxResults": 2, "nextToken": first["nextToken"], "nameContains": "job"}
    refusal("ValidationException", client.list_model_import_jobs, **given)


def test_imported_models_are_listed_and_deleted(working: IdleRunner, uploaded: Wire, tiny_folder: Path) -> None:
    client = uploaded.client()
    uploaded.outcrop.models.add(str(tiny_folder), "here")
    for name in ("one", "two", "three"):
        bring(uploaded, jobName=f"job-{name}", importedModelName=name, importedModelTags=TAGS)
    create(uploaded)
    pages = client.get_paginator("list_imported_models")

    def names(**given: Any) -> list[str]:
        walked = list(pages.paginate(**given, PaginationConfig={"PageSize": 2}))
        return [model["modelName"] for page in walked for model in page["modelSummaries"]]

    assert names() == ["three", "two", "one"]
    assert names(sortOrder="Ascending", nameContains="O") == ["one", "two"]
    arn = client.get_imported_model(modelIdentifier="one")["modelArn"]
    shown = client.list_foundation_models()["modelSummaries"]
    assert [model["modelName"] for model in shown] == ["here"]
    refusal("ResourceNotFoundException", client.get_imported_model, modelIdentifier="made-elsewhere")
    refusal("ResourceNotFoundException", client.get_imported_model, modelIdentifier="here")
    client.delete_imported_model(modelIdentifier=arn)
    assert names() == ["three", "two"]
    for call in (client.get_imported_model, client.delete_imported_model):
        refusal("ResourceNotFoundException", call, modelIdentifier=arn)
    refusal("ResourceNotFoundException", client.list_tags_for_resource, resourceARN=arn)
    assert uploaded.outcrop.services.catalog.tags(f"imported-model/{id_in(arn)}") == {}
    # Its files are still those of the others.
    uploaded.outcrop.services.store.get_folder(uploaded.outcrop.models.show("two").uri, verify=True)
    # A model stays when its job is forgotten.
    uploaded.outcrop.jobs.delete("job-two")
    two = client.get_imported_model(modelIdentifier="two")
    assert two["modelDataSource"] == {"s3DataSource": {"s3Uri": FILES}}
    assert "jobName" not in two


def test_a_custom_model_is_created_from_files(working: IdleRunner, uploaded: Wire) -> None:
    client = uploaded.client()
    arn = create(uploaded, modelTags=TAGS, modelKmsKeyArn=KEY)
    assert arn == f"{ARN}custom-model/imported/{id_in(arn)}"
    for name in (arn, "made-elsewhere"):
        model = client.get_custom_model(modelIdentifier=name)
        del model["ResponseMetadata"], model["creationTime"]
        assert model == {
            "modelArn": arn,
            "modelName": "made-elsewhere",
            "baseModelArn": arn,
            "customizationType": "IMPORTED",
            "modelKmsKeyArn": KEY,
            "modelStatus": "Active",
        }
    assert client.list_tags_for_resource(resourceARN=arn)["tags"] == TAGS
    wrong = f"{ARN}imported-model/{id_in(arn)}"
    refusal("ResourceNotFoundException", client.list_tags_for_resource, resourceARN=wrong)
    refusal("ResourceNotFoundException", client.get_model_import_job, jobIdentifier=id_in(arn))
    job = f"{ARN}model-import-job/{id_in(arn)}"
    refusal("ResourceNotFoundException", client.list_tags_for_resource, resourceARN=job)
    client.delete_custom_model(modelIdentifier=arn)
    refusal("ResourceNotFoundException", client.get_custom_model, modelIdentifier=arn)
    refusal("ResourceNotFoundException", client.delete_custom_model, modelIdentifier="made-elsewhere")
    assert client.list_custom_models()["modelSummaries"] == []


def test_a_custom_model_is_being_created_then_there_or_failed(runner: IdleRunner, uploaded: Wire) -> None:

    client = uploaded.client()
    arns = {name: create(uploaded, modelName=name, modelTags=TAGS) for name in ("one", "two", "three")}

    def statuses(**given: Any) -> dict[str, str]:
        walked = client.get_paginator("list_custom_models").paginate(**given, PaginationConfig={"PageSize": 1})
        return {model["modelName"]: model["modelStatus"] for page in walked for model in page["modelSummaries"]}

    assert statuses() == {"one": "Creating", "two": "Creating", "three": "Creating"}
    before = client.get_custom_model(modelIdentifier="one")
    assert before["modelStatus"] == "Creating"
    assert "failureMessage" not in before
    assert client.list_tags_for_resource(resourceARN=arns["one"])["tags"] == TAGS
    message = refusal("ConflictException", client.delete_custom_model, modelIdentifier=arns["one"])
    assert "is being created" in message
    main(id_in(arns["one"]))
    fail(uploaded, id_in(arns["two"]), "no room")
    assert statuses() == {"one": "Active", "two": "Failed", "three": "Creating"}
    assert statuses(modelStatus="Active") == {"one": "Active"}
    assert statuses(modelStatus="Failed") == {"two": "Failed"}
    assert statuses(modelStatus="Creating", nameContains="THREE") == {"three": "Creating"}
    assert statuses(isOwned=False) == {}
    after = client.get_custom_model(modelIdentifier=arns["one"])
    assert (after["modelStatus"], after["creationTime"]) == ("Active", before["creationTime"])
    assert client.get_custom_model(modelIdentifier="two")["failureMessage"] == "no room"
    summary = client.list_custom_models(modelStatus="Active")["modelSummaries"][0]
    assert (summary["modelArn"], summary["baseModelArn"]) == (arns["one"], arns["one"])
    assert (summary["baseModelName"], summary["customizationType"]) == ("outcrop.one", "IMPORTED")
    assert statuses(baseModelArnEquals=arns["one"]) == {"one": "Active"}
    client.delete_custom_model(modelIdentifier=arns["two"])
    assert statuses() == {"one": "Active", "three": "Creating"}
    refusal("ResourceNotFoundException", client.get_custom_model, modelIdentifier="two")
    assert uploaded.outcrop.services.catalog.tags(f"custom-model/{id_in(arns['two'])}") == {}


def test_a_custom_model_needs_files_and_no_package(runner: IdleRunner, uploaded: Wire) -> None:
    package = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/a"
    given = {"modelPackageArnDataSource": {"modelPackageArn": package}}
    for source in (None, {"s3DataSource": {"s3Uri": FILES}}):
        message = refusal(
            "ValidationException", create, uploaded, modelSourceConfig=source, customModelDataSource=given
        )
        assert "no model packages of SageMaker" in message
    refusal("ValidationException", create, uploaded, modelSourceConfig=None)
    assert runner.started == []


@pytest.mark.parametrize("call", [bring, create])
def test_what_was_brought_can_be_trained_and_is_named_rightly(
    working: IdleRunner, uploaded: Wire, put: Put, call: Callable[..., str]
) -> None:
    client, arn = uploaded.client(), call(uploaded)
    if call is bring:
        arn = client.get_model_import_job(jobIdentifier=arn)["importedModelArn"]
    name = uploaded.outcrop.models.list()[0].name
    for number, base in enumerate((arn, name)):
        client.create_model_customization_job(
            jobName=f"tune-{number}",
            customModelName=f"tuned-{number}",
            roleArn=ROLE,
            baseModelIdentifier=base,
            trainingDataConfig={"s3Uri": put("s3://bucket/train.jsonl", RECORDS)},
            outputDataConfig={"s3Uri": "s3://bucket/out/"},
            hyperParameters={"epochCount": "1", "batchSize": "8", "maxLength": "64"},
        )
        tuned = client.get_custom_model(modelIdentifier=f"tuned-{number}")
        assert tuned["baseModelArn"] == f"arn:aws:bedrock:eu-central-1::foundation-model/outcrop.{name}"
    delete = client.delete_imported_model if call is bring else client.delete_custom_model
    message = refusal("ConflictException", delete, modelIdentifier=arn)
    assert "custom models sit on" in message
    assert len(client.list_custom_models()["modelSummaries"]) == (2 if call is bring else 3)


@pytest.mark.parametrize("shape", ["BaseModelIdentifier", "EvaluationBedrockModelIdentifier"])
def test_every_name_of_a_brought_model_is_taken(shape: str) -> None:
    found = operations()["GetCustomModel"].model.service_model.shape_for(shape)
    for name in (f"{ARN}imported-model/{'a' * 12}", f"{ARN}custom-model/imported/{'a' * 12}", "made-elsewhere"):
        assert list(broken(found, name)) == []
    for name in (f"{ARN}imported-model/../up", f"{ARN}custom-model/imported/{'a' * 13}", "made elsewhere"):
        assert list(broken(found, name)) != []
