"""Every setting: one table, read from the environment."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
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
    Setting("device", "auto", "Where models compute: auto, cpu, cuda, or cuda:N."),
    Setting("running_jobs", "1", "How many jobs run at once on one machine; the others wait their turn."),
    Setting("checkpoint_seconds", "60", "Seconds between two checkpoints of a training run."),
    Setting("lease_seconds", "30", "A worker that shows no sign of life for this many seconds is replaced."),
)


@dataclass(frozen=True)
class Settings:
    """The settings in force."""

    home: Path
    device: str
    running_jobs: int
    checkpoint_seconds: float
    lease_seconds: float

    @property
    def store_folder(self) -> Path:
        """Root of the local store."""
        return self.home / "store"

    @property
    def catalog_url(self) -> str:
        """SQLAlchemy's address of the catalog."""
        return f"sqlite:///{self.home / 'catalog.sqlite'}"

    @property
    def cache_folder(self) -> Path:
        """What can be made again: tokenised datasets, the machine's roof."""
        return self.home / "cache"

    @property
    def environment(self) -> dict[str, str]:
        """The settings as a worker process reads them."""
        return {setting.variable: str(getattr(self, setting.name)) for setting in SETTINGS}


def read_settings(environment: Mapping[str, str] | None = None, *, home: str | Path | None = None) -> Settings:
    """Settings from the environment; ``home`` overrides the variable.

    Raises:
        InvalidInput: A number is not one, or is out of range; all faults at once.
    """
    given = os.environ if environment is None else environment
    values = {setting.name: given.get(setting.variable) or setting.default for setting in SETTINGS}
    faults: list[Fault] = []
    settings = Settings(
        home=Path(home or values["home"]).expanduser().absolute(),
        device=values["device"],
        running_jobs=int(_number(values, "running_jobs", 1, faults, whole=True)),
        checkpoint_seconds=_number(values, "checkpoint_seconds", 0, faults),
        lease_seconds=_number(values, "lease_seconds", 1, faults),
    )
    if faults:
        raise InvalidInput(faults)
    return settings


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
