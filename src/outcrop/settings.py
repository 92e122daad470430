"""Every setting: one table, read from the environment."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from outcrop.domain.errors import Fault, InvalidInput


@dataclass(frozen=True)
class Setting:
    """One setting: the environment variable is ``OUTCROP_`` and the name in capitals."""

    name: str
    default: str
    help: str

    @property
    def variable(self) -> str:
        """The environment variable it is read from."""
        return f"OUTCROP_{self.name.upper()}"


SETTINGS = (
    Setting("home", "~/.outcrop", "Folder of the catalog, the models, the reports and the caches."),
    Setting(
        "catalog_url",
        "",
        "Where jobs and models are listed: postgresql://USER:PASSWORD@HOST/DATABASE; a file of the home by default.",
    ),
    Setting(
        "store",
        "",
        "Where models, checkpoints and reports lie: s3://BUCKET/PREFIX, or a folder; one of the home by default.",
    ),
    Setting(
        "s3",
        "auto",
        "Where s3:// leads: remote (as boto3 is set up), folder (one of the home), or auto: remote where boto3 is told "
        "of an endpoint, the folder otherwise.",
    ),
    Setting("region", "us-east-1", "The region in the server's ARNs where a request names none."),
    Setting("requests_per_second", "1000", "Requests a second that a key may make of the server."),
    Setting(
        "model_requests",
        "256",
        "Requests that a base and its adapters answer or hold waiting in the server; more are throttled.",
    ),
    Setting("unit_requests", "16", "The same for each model unit of a provisioned throughput."),
    Setting(
        "idle_seconds",
        "900",
        "Seconds after which the server unloads a model that nobody asks and no deployment names.",
    ),
    Setting("account", "123456789012", "The account in the server's ARNs: twelve digits."),
    Setting(
        "key_file",
        "",
        "The file that the secrets of access keys are encrypted with, mode 0600; machines that share a catalog need "
        "the same one; one of the home by default.",
    ),
    Setting("device", "auto", "Where models compute: auto, cpu, cuda, or cuda:N."),
    Setting(
        "engine",
        "transformers",
        "What computes responses and log-likelihoods of models that are here: transformers, or vllm (an extra).",
    ),
    Setting("processes", "1", "How many processes of this machine train one model together: one for each GPU, say."),
    Setting("running_jobs", "1", "How many jobs run at once on one machine; the others wait their turn."),
    Setting("checkpoint_seconds", "60", "Seconds between two checkpoints of a training run."),
    Setting("lease_seconds", "30", "A worker that shows no sign of life for this many seconds is replaced."),
    Setting(
        "budget",
        "",
        "The most money that a job may spend on remote models, as their prices count it; no end by default.",
    ),
    Setting(
        "token_budget", "", "The most tokens that a job may use of remote models, prompts included; no end by default."
    ),
    Setting("remote_timeout", "120", "Seconds for one answer of a remote model's server, to its last byte."),
    Setting("remote_patience", "900", "Seconds for which a request to a remote model is made again where it fails."),
)


#: What the settings ``s3`` and ``engine`` may be.
S3 = ("auto", "remote", "folder")
ENGINES = ("transformers", "vllm")


@dataclass(frozen=True)
class Settings:
    """The settings in force."""

    home: Path
    # It may hold a password.
    catalog_url: str = field(repr=False)
    store: str
    s3: str
    region: str
    account: str
    requests_per_second: float
    model_requests: int
    unit_requests: int
    idle_seconds: float
    key_file: Path
    device: str
    engine: str
    processes: int
    running_jobs: int
    checkpoint_seconds: float
    lease_seconds: float
    budget: float | None
    token_budget: int | None
    remote_timeout: float
    remote_patience: float

    @property
    def cache_folder(self) -> Path:
        """What can be made again: tokenised datasets, the machine's roof."""
        return self.home / "cache"

    @property
    def datasets_folder(self) -> Path:
        """Datasets that were fetched by their names."""
        return self.cache_folder / "datasets"

    @property
    def environment(self) -> dict[str, str]:
        """The settings as a worker process reads them."""
        values = {setting.variable: getattr(self, setting.name) for setting in SETTINGS}
        return {variable: "" if value is None else str(value) for variable, value in values.items()}


def read_settings(environment: Mapping[str, str] | None = None, *, home: str | Path | None = None) -> Settings:
    """Settings from the environment; ``home`` overrides the variable.

    Raises:
        InvalidInput: A number is not one, or is out of range; all faults at once.
    """
    given = os.environ if environment is None else environment
    values = {setting.name: given.get(setting.variable) or setting.default for setting in SETTINGS}
    faults: list[Fault] = []
    folder = Path(home or values["home"]).expanduser().absolute()
    settings = Settings(
        home=folder,
        catalog_url=values["catalog_url"] or f"sqlite:///{folder / 'catalog.sqlite'}",
        store=values["store"] or str(folder / "store"),
        s3=_one_of(values, "s3", S3, faults),
        region=_like(values, "region", r"[a-z0-9-]{1,20}", "lower-case letters, digits and -", faults),
        account=_like(values, "account", r"[0-9]{12}", "twelve digits", faults),
        key_file=Path(values["key_file"]).expanduser().absolute() if values["key_file"] else folder / "secret.key",
        model_requests=int(_number(values, "model_requests", 1, faults, whole=True)),
        unit_requests=int(_number(values, "unit_requests", 1, faults, whole=True)),
        idle_seconds=_number(values, "idle_seconds", 1, faults),
        requests_per_second=_number(values, "requests_per_second", 0.01, faults),
        device=values["device"],
        engine=_one_of(values, "engine", ENGINES, faults),
        processes=int(_number(values, "processes", 1, faults, whole=True)),
        running_jobs=int(_number(values, "running_jobs", 1, faults, whole=True)),
        checkpoint_seconds=_number(values, "checkpoint_seconds", 0, faults),
        lease_seconds=_number(values, "lease_seconds", 1, faults),
        budget=_number(values, "budget", 0, faults) if values["budget"] else None,
        token_budget=int(_number(values, "token_budget", 0, faults, whole=True)) if values["token_budget"] else None,
        remote_timeout=_number(values, "remote_timeout", 0.01, faults),
        remote_patience=_number(values, "remote_patience", 0, faults),
    )
    if faults:
        raise InvalidInput(faults)
    return settings


def _one_of(values: Mapping[str, str], name: str, choices: Sequence[str], faults: list[Fault]) -> str:
    """The word a setting holds; the first choice, and a fault, where it is none of them."""
    if values[name] in choices:
        return values[name]
    faults.append(Fault("environment", None, f"OUTCROP_{name.upper()}", values[name][:80], " or ".join(choices)))
    return choices[0]


def _like(values: Mapping[str, str], name: str, pattern: str, want: str, faults: list[Fault]) -> str:
    """The text a setting holds; a fault where it is not of the pattern."""
    if not re.fullmatch(pattern, values[name]):
        faults.append(Fault("environment", None, f"OUTCROP_{name.upper()}", values[name][:80], want))
    return values[name]


def _number(values: Mapping[str, str], name: str, low: float, faults: list[Fault], *, whole: bool = False) -> float:
    """The number a setting holds; ``low``, and a fault, where it holds none that will do."""
    try:
        number = float(values[name])
    except ValueError:
        number = math.nan
    if low <= number < math.inf and not (whole and number % 1):
        return number
    want = f"a {'whole ' if whole else ''}number, {low:g} or more"
    faults.append(Fault("environment", None, f"OUTCROP_{name.upper()}", values[name][:80], want))
    return low
