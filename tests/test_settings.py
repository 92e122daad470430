from __future__ import annotations

from pathlib import Path

import pytest

from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.models.device import choose_device
from outcrop.settings import SETTINGS, read_settings


def test_the_defaults() -> None:
    found = read_settings({})
    assert found.home == Path("~/.outcrop").expanduser()
    assert (found.device, found.running_jobs) == ("auto", 1)
    assert (found.checkpoint_seconds, found.lease_seconds) == (60.0, 30.0)


def test_an_empty_variable_is_none() -> None:
    assert read_settings({setting.variable: "" for setting in SETTINGS}) == read_settings({})


def test_variables_are_read(tmp_path: Path) -> None:
    found = read_settings(
        {
            "OUTCROP_HOME": str(tmp_path),
            "OUTCROP_DEVICE": "cpu",
            "OUTCROP_RUNNING_JOBS": "3",
            "OUTCROP_CHECKPOINT_SECONDS": "0",
            "OUTCROP_LEASE_SECONDS": "1.5",
        }
    )
    assert (found.home, found.device, found.running_jobs) == (tmp_path, "cpu", 3)
    assert (found.checkpoint_seconds, found.lease_seconds) == (0.0, 1.5)
    assert found.store == str(tmp_path / "store")
    assert found.cache_folder == tmp_path / "cache"
    assert found.catalog_url == f"sqlite:///{tmp_path / 'catalog.sqlite'}"


def test_a_teams_catalog_and_store(tmp_path: Path) -> None:
    url = "postgresql://outcrop:secret@db/outcrop"
    found = read_settings({"OUTCROP_CATALOG_URL": url, "OUTCROP_STORE": "s3://team/outcrop", "OUTCROP_S3": "remote"})
    assert (found.catalog_url, found.store, found.s3) == (url, "s3://team/outcrop", "remote")
    assert ":secret@" not in repr(found)
    with pytest.raises(InvalidInput, match="OUTCROP_S3: found minio; expected auto or remote or folder"):
        read_settings({"OUTCROP_S3": "minio"})


def test_what_computes() -> None:
    assert read_settings({}).engine == "transformers"
    assert read_settings({"OUTCROP_ENGINE": "vllm"}).engine == "vllm"
    with pytest.raises(InvalidInput, match="OUTCROP_ENGINE: found vLLM; expected transformers or vllm"):
        read_settings({"OUTCROP_ENGINE": "vLLM"})


def test_the_argument_goes_before_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings({"OUTCROP_HOME": "/elsewhere"}, home=tmp_path).home == tmp_path
    monkeypatch.chdir(tmp_path)
    assert read_settings({}, home="here").home == tmp_path / "here"
    assert read_settings({"OUTCROP_HOME": "~/there"}).home == Path.home() / "there"


def test_a_worker_reads_the_same(tmp_path: Path) -> None:
    given = {"OUTCROP_HOME": str(tmp_path), "OUTCROP_RUNNING_JOBS": "2", "OUTCROP_LEASE_SECONDS": "7.25"}
    settings = read_settings(given)
    assert set(settings.environment) == {setting.variable for setting in SETTINGS}
    assert read_settings(settings.environment) == settings


@pytest.mark.parametrize("value", ["x", "nan", "inf", "-inf", "1e999", "-1", "0x10", "1,5"])
@pytest.mark.parametrize("name", ["OUTCROP_RUNNING_JOBS", "OUTCROP_CHECKPOINT_SECONDS", "OUTCROP_LEASE_SECONDS"])
def test_what_is_no_number_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=f"environment: {name}: found {value}; expected a .*number, "):
        read_settings({name: value})


def test_jobs_are_whole() -> None:
    with pytest.raises(InvalidInput, match=r"found 1\.5; expected a whole number, 1 or more"):
        read_settings({"OUTCROP_RUNNING_JOBS": "1.5"})
    with pytest.raises(InvalidInput, match=r"found 0; expected a whole number"):
        read_settings({"OUTCROP_RUNNING_JOBS": "0"})


def test_all_faults_come_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_settings({"OUTCROP_RUNNING_JOBS": "0", "OUTCROP_CHECKPOINT_SECONDS": "-1", "OUTCROP_LEASE_SECONDS": "0.5"})
    assert [fault.field for fault in caught.value.faults] == [
        "OUTCROP_RUNNING_JOBS",
        "OUTCROP_CHECKPOINT_SECONDS",
        "OUTCROP_LEASE_SECONDS",
    ]


def test_an_unknown_device_is_said() -> None:
    with pytest.raises(NotSupported, match="OUTCROP_DEVICE is 'abacus'; expected auto, cpu, cuda or cuda:N"):
        choose_device("abacus")
    assert choose_device("cpu") == "cpu"


def test_budgets_and_patience(tmp_path: Path) -> None:
    found = read_settings({"OUTCROP_HOME": str(tmp_path)})
    assert (found.budget, found.token_budget, found.remote_timeout, found.remote_patience) == (None, None, 120, 900)
    assert read_settings(found.environment) == found
    given = {"OUTCROP_BUDGET": "2.5", "OUTCROP_TOKEN_BUDGET": "1000", "OUTCROP_REMOTE_TIMEOUT": "0.5"}
    found = read_settings({"OUTCROP_HOME": str(tmp_path), **given})
    assert (found.budget, found.token_budget, found.remote_timeout) == (2.5, 1000, 0.5)
    assert read_settings(found.environment) == found
    wrong = {"OUTCROP_BUDGET": "-1", "OUTCROP_TOKEN_BUDGET": "1.5", "OUTCROP_REMOTE_TIMEOUT": "0"}
    with pytest.raises(InvalidInput, match="3 faults"):
        read_settings(wrong)
