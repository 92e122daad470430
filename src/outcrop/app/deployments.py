"""Deployments: create, list, show, update, remove, and what came of loading one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from outcrop.domain.deployments import (
    UNSETTLED,
    Deployment,
    DeploymentKind,
    DeploymentQuery,
    DeploymentStatus,
    deployment_name_faults,
)
from outcrop.domain.errors import Fault, IllegalMove, InvalidInput, NotFound, NotSupported
from outcrop.domain.models import Model
from outcrop.services import Services, new_job_id, require_writer

_LONGEST_DESCRIPTION = 2048

#: More than any machine answers at once.
_MOST_UNITS = 1_000_000

#: How many the catalog is asked for at once.
_PART = 1000


class Deployments:
    """The deployments of one home folder; one is named by its id or its name.

    They are rows of the catalog: ``outcrop serve`` loads what is creating or updating, and says here what came of it.
    """

    def __init__(self, services: Services) -> None:
        self._catalog = services.catalog

    def create(
        self,
        model: str,
        name: str,
        *,
        kind: str,
        units: int | None = None,
        description: str = "",
        commitment: str = "",
        asked: dict[str, Any] | None = None,
        token: str = "",
    ) -> Deployment:
        """Ask for a model to be loaded; one of this kind that was made with the same token is returned as it is.

        Args:
            model: The model's name or alias.
            name: The deployment's: 1 to 63 letters and digits, each perhaps with one ``-`` or ``_`` after it.
            kind: A ``DeploymentKind``, or its value.
            units: Model units of a provisioned throughput, 1 where None; one on demand has none.
            description: What a person says of it.
            commitment: The term in the words of a wire; nothing here is billed, so nothing follows from it.
            asked: The request in the words of the wire it came by.
            token: The caller's word for this very request; "" for none.

        Raises:
            InvalidInput: Name, kind, units or description can't be used: all faults.
            NotFound: There is no such model.
            NotSupported: The model writes no text, or is to be on demand and is no custom or imported one.
            AlreadyExists: Another deployment has that name.
        """
        if faults := [*deployment_name_faults("deployment", name), *_faults(kind, units, description)]:
            raise InvalidInput(faults)
        wanted, known = self._catalog.model(model), DeploymentKind(kind)
        _require_deployable(wanted, known)
        now = self._catalog.now()
        return self._catalog.add_deployment(
            Deployment(
                id=new_job_id(),
                name=name,
                kind=known,
                model=wanted.name,
                wanted=wanted.name,
                units=(units or 1) if known is DeploymentKind.PROVISIONED else 0,
                status=DeploymentStatus.CREATING,
                created=now,
                changed=now,
                description=description,
                commitment=commitment,
                asked=asked,
                token=token,
            )
        )

    def list(self, query: DeploymentQuery | None = None) -> Sequence[Deployment]:
        """All deployments that a query finds, its limit aside; all, the oldest first, where None."""
        wanted = replace(query or DeploymentQuery(newest_first=False), limit=_PART)
        found: list[Deployment] = []
        while True:
            page = self._catalog.deployments(wanted)
            found += page.deployments
            if page.next is None:
                return found
            wanted = replace(wanted, after=page.next)

    def show(self, name: str) -> Deployment:
        """The deployment of that id or name.

        Raises:
            NotFound: There is none.
        """
        return self._catalog.deployment(name)

    def update(self, name: str, *, new_name: str | None = None, model: str | None = None) -> Deployment:
        """Give a deployment another name, another model, or both; the old model answers until the new one is loaded.

        Args:
            name: Its id or name.
            new_name: Its name from now on; as it is where None.
            model: The model that it is to serve; as it is where None, or where that is what it serves already.

        Raises:
            InvalidInput: The new name is none.
            NotFound: There is no such deployment or model.
            AlreadyExists: Another deployment has the new name.
            IllegalMove: It is to have another model, and is not ready.
            NotSupported: As ``create``; or the model of a provisioned throughput goes back to another base.
        """
        if new_name is not None and (faults := deployment_name_faults("deployment", new_name)):
            raise InvalidInput(faults)
        wanted = None if model is None else self._catalog.model(model)
        deployment_id = self.show(name).id
        while True:
            seen = self._catalog.deployment(deployment_id)
            changed = seen if wanted is None else self._updating(seen, wanted)
            changed = replace(changed, name=seen.name if new_name is None else new_name)
            now = seen if changed == seen else self._catalog.change_deployment(seen, changed)
            if now is not None:
                return now

    def remove(self, name: str) -> Deployment:
        """Forget a deployment, whatever its status, and its tags; what it was. Its model stays.

        Raises:
            NotFound: There is none.
        """
        return self._catalog.remove_deployment(name)

    def settle(self, deployment: Deployment, error: str = "") -> Deployment:
        """Say what came of loading what a deployment wants; the deployment after that.

        Nothing happens if it is settled already, or wants another model by now.

        Args:
            deployment: As it was when loading began.
            error: Why it can't be loaded; "" where it is loaded. One that was creating has failed then; one that was
                updating is ready again with the model that it had.

        Raises:
            NotFound: It is gone.
        """
        while True:
            seen = self._catalog.deployment(deployment.id)
            if seen.status not in UNSETTLED or (seen.status, seen.wanted) != (deployment.status, deployment.wanted):
                return seen
            now = self._catalog.change_deployment(seen, _settled(seen, error))
            if now is not None:
                return now

    def _updating(self, seen: Deployment, model: Model) -> Deployment:
        """A deployment that is to have another model."""
        if model.name == seen.wanted and seen.status is not DeploymentStatus.FAILED:
            return seen
        if seen.status is not DeploymentStatus.READY:
            failed = seen.status is DeploymentStatus.FAILED
            advice = "delete it and create another" if failed else "wait until it is ready"
            raise IllegalMove(f"deployment {seen.name} is {seen.status.value}; {advice}")
        _require_deployable(model, seen.kind)
        if seen.kind is DeploymentKind.PROVISIONED:
            self._require_sibling(model, self._catalog.model(seen.model))
        status = DeploymentStatus.UPDATING
        return replace(seen, wanted=model.name, status=status, updated_to=model.name, error="")

    def _require_sibling(self, model: Model, present: Model) -> None:
        """Make sure that two models go back to one base, as Bedrock has it for provisioned throughputs."""
        base, wanted = self._base_of(present), self._base_of(model)
        if base != wanted:
            raise NotSupported(
                f"{model.name} goes back to the base {wanted}, and {present.name} to {base}; give {base} or a custom "
                "model of it, or create another provisioned throughput"
            )

    def _base_of(self, model: Model) -> str:
        """The name of the base that a model goes back to."""
        while (lineage := model.lineage) is not None:
            try:
                model = self._catalog.model(lineage.base)
            except NotFound:
                return lineage.base
        return model.name


def _settled(deployment: Deployment, error: str) -> Deployment:
    if not error:
        return replace(deployment, status=DeploymentStatus.READY, model=deployment.wanted, error="")
    if deployment.status is DeploymentStatus.CREATING:
        return replace(deployment, status=DeploymentStatus.FAILED, error=error)
    return replace(deployment, status=DeploymentStatus.READY, wanted=deployment.model, error=error)


def _require_deployable(model: Model, kind: DeploymentKind) -> None:
    require_writer(model)
    if kind is DeploymentKind.ON_DEMAND and model.lineage is None and model.imported is None:
        raise NotSupported(
            f"{model.name} is a base model, which answers by its own name without a deployment; deploy a custom or an "
            f"imported model, or create a {DeploymentKind.PROVISIONED}"
        )


def _faults(kind: str, units: int | None, description: str) -> list[Fault]:
    """What is wrong with what is asked for, the name aside."""
    faults = []
    kinds = [known.value for known in DeploymentKind]
    if kind not in kinds:
        faults.append(Fault("deployment", None, "kind", repr(kind)[:80], f"one of {', '.join(kinds)}"))
    elif units is not None and kind == DeploymentKind.ON_DEMAND:
        faults.append(Fault("deployment", None, "units", f"{units}", "none: a deployment on demand has no model units"))
    elif units is not None and not 1 <= units <= _MOST_UNITS:
        faults.append(Fault("deployment", None, "units", f"{units}", f"a whole number from 1 to {_MOST_UNITS:,}"))
    if len(description) > _LONGEST_DESCRIPTION or "\0" in description:
        found = repr(description[:60])
        want = f"at most {_LONGEST_DESCRIPTION:,} characters, none of them NUL"
        faults.append(Fault("deployment", None, "description", found, want))
    return faults
