"""Deployments become ready: the server loads the models that they want, keeps those loaded, and lets others go."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from outcrop.app import Outcrop
from outcrop.domain.deployments import UNSETTLED, Deployment, DeploymentStatus
from outcrop.domain.errors import NotFound, OutcropError, Throttled
from outcrop.domain.models import Model
from outcrop.serving.serving import Serving


class Deployer:
    """Looks after the deployments of a home; one thread calls it, again and again.

    Several servers of one home may do so at once: each loads what deployments name, and the first says so.
    """

    def __init__(self, outcrop: Outcrop, serving: Serving) -> None:
        self._outcrop = outcrop
        self._serving = serving
        # By the deployment's id, and the model that is being loaded for it.
        self._loading: dict[tuple[str, str], Future[None]] = {}
        self._told: dict[tuple[str, str], str] = {}

    def look(self) -> Sequence[str]:
        """Do what there is to do now; what was seen to, one sentence each."""
        deployments = self._outcrop.deployments.list()
        self._serving.keep([model for each in deployments for model in self._models(each)])
        seen = []
        for deployment in deployments:
            if deployment.status is not DeploymentStatus.FAILED:
                seen += self._load(deployment)
        self._forget({(each.id, each.wanted) for each in deployments})
        return seen + [f"{name} was unloaded: nobody asked it for long" for name in self._serving.unload_idle()]

    def _load(self, deployment: Deployment) -> list[str]:
        key = (deployment.id, deployment.wanted)
        try:
            if key not in self._loading:
                self._loading[key] = self._serving.load(self._outcrop.models.show(deployment.wanted))
            loading = self._loading[key]
            if not loading.done():
                return []
            loading.result()
        except Throttled:
            # There may be memory for it later.
            self._loading.pop(key, None)
            return []
        except OutcropError as error:
            self._loading.pop(key, None)
            if deployment.status in UNSETTLED:
                self._outcrop.deployments.settle(deployment, str(error))
            # One that was ready is tried again and again, and told of once.
            told, self._told[key] = self._told.get(key), str(error)
            return [] if told == str(error) else [f"deployment {deployment.name}: {error}"]
        self._told.pop(key, None)
        if deployment.status in UNSETTLED:
            self._outcrop.deployments.settle(deployment)
        if not self._serving.holds(self._outcrop.models.show(deployment.wanted)):
            # Its worker ended; the next look has it loaded again.
            del self._loading[key]
        return []

    def _models(self, deployment: Deployment) -> list[Model]:
        """Those that a deployment names, as far as they are there."""
        found = []
        for name in {deployment.model, deployment.wanted}:
            try:
                found.append(self._outcrop.models.show(name))
            except NotFound:
                continue
        return found

    def _forget(self, wanted: set[tuple[str, str]]) -> None:
        for kept in (self._loading, self._told):
            for key in kept.keys() - wanted:
                del kept[key]
