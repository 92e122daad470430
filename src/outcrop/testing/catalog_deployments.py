"""The promises of ``Catalog`` about deployments and configurations: see ``catalogs``."""

# The name of a test says what is promised.
# ruff: noqa: D102

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from outcrop.catalog.protocol import Catalog
from outcrop.domain.deployments import MOVES, Deployment, DeploymentKind, DeploymentQuery, DeploymentStatus
from outcrop.domain.errors import AlreadyExists, IllegalMove, NotFound

if TYPE_CHECKING:
    from outcrop.testing.catalogs import Clock

CREATING, READY, UPDATING, FAILED = DeploymentStatus


def a_deployment(name: str = "first", **changes: object) -> Deployment:
    """A deployment that is being created."""
    deployment = Deployment(
        id=(name.lower() + "000000000000")[:12],
        name=name,
        kind=DeploymentKind.PROVISIONED,
        model="base",
        wanted="base",
        units=1,
        status=CREATING,
        created=1.0,
        changed=1.0,
    )
    return replace(deployment, **changes)  # type: ignore[arg-type]


def listed(catalog: Catalog, query: DeploymentQuery) -> list[list[str]]:
    """Names of all that a query finds, part by part."""
    parts = []
    while True:
        page = catalog.deployments(query)
        parts.append([deployment.name for deployment in page.deployments])
        if page.next is None:
            return parts
        query = replace(query, after=page.next)


class DeploymentsContract:
    """What every catalog promises about deployments and configurations."""

    @pytest.fixture
    def models(self, catalog: Catalog) -> None:
        """Models named ``base``, ``tuned`` and ``better``, the latter two made from the first."""
        raise NotImplementedError

    @pytest.mark.usefixtures("models")
    def test_a_deployment_comes_back_as_it_was(self, catalog: Catalog, reopen: Callable[[], Catalog]) -> None:
        deployment = a_deployment(
            model="tuned",
            error="was soll’s",
            updated_to="better",
            description="it's\nours",
            commitment="OneMonth",
            asked={"provisionedModelName": "ä", "tags": []},
            token="t" * 256,
        )
        assert catalog.add_deployment(deployment) == deployment
        assert reopen().deployment(deployment.id) == deployment
        assert reopen().deployment(deployment.name) == deployment

    @pytest.mark.usefixtures("models")
    def test_names_of_deployments_are_unique(self, catalog: Catalog) -> None:
        catalog.add_deployment(a_deployment())
        with pytest.raises(AlreadyExists, match="'first'"):
            catalog.add_deployment(a_deployment(id="other0000000", kind=DeploymentKind.ON_DEMAND))

    def test_an_unknown_deployment_is_said(self, catalog: Catalog) -> None:
        for look in (catalog.deployment, catalog.remove_deployment):
            with pytest.raises(NotFound, match="'none'"):
                look("none")

    def test_a_deployment_needs_its_model(self, catalog: Catalog) -> None:
        with pytest.raises(NotFound, match="no model named 'base'"):
            catalog.add_deployment(a_deployment())

    @pytest.mark.usefixtures("models")
    def test_a_token_stands_for_one_deployment(self, catalog: Catalog) -> None:
        first = catalog.add_deployment(a_deployment(token="once"))
        assert catalog.add_deployment(a_deployment("second", token="once")) == first
        assert catalog.deployment_asked_with(DeploymentKind.PROVISIONED, "once") == first
        assert catalog.deployment_asked_with(DeploymentKind.ON_DEMAND, "once") is None
        other = a_deployment("third", token="once", kind=DeploymentKind.ON_DEMAND)
        assert catalog.add_deployment(other) == other
        for name in ("fourth", "fifth"):
            assert catalog.add_deployment(a_deployment(name)).name == name
        assert catalog.deployment_asked_with(DeploymentKind.PROVISIONED, "") is None

    @pytest.mark.usefixtures("models")
    def test_deployments_are_listed_in_parts(self, catalog: Catalog) -> None:
        for place, created in enumerate([10.0, 20.0, 20.0, 30.0]):
            kind = DeploymentKind.ON_DEMAND if place == 2 else DeploymentKind.PROVISIONED
            model = "tuned" if place == 3 else "base"
            status = FAILED if place == 0 else CREATING
            catalog.add_deployment(
                a_deployment(f"D_{place}", kind=kind, created=created, model=model, wanted=model, status=status)
            )
        assert listed(catalog, DeploymentQuery(limit=3)) == [["D_3", "D_2", "D_1"], ["D_0"]]
        assert listed(catalog, DeploymentQuery(limit=1, newest_first=False)) == [[f"D_{n}"] for n in range(4)]
        wanted = {
            DeploymentQuery(DeploymentKind.PROVISIONED): ["D_3", "D_1", "D_0"],
            DeploymentQuery(statuses=(FAILED,)): ["D_0"],
            DeploymentQuery(model="tuned"): ["D_3"],
            DeploymentQuery(DeploymentKind.ON_DEMAND, model="tuned"): [],
            DeploymentQuery(name_contains="d_3"): ["D_3"],
            DeploymentQuery(created_after=20.0, created_before=20.0): ["D_2", "D_1"],
        }
        for query, names in wanted.items():
            assert listed(catalog, query) == [names], query

    @pytest.mark.usefixtures("models")
    def test_a_deployment_changes(self, catalog: Catalog, clock: Clock) -> None:
        made = catalog.add_deployment(a_deployment())
        ready = catalog.change_deployment(made, replace(made, status=READY, name="renamed"))
        assert ready == replace(made, status=READY, name="renamed", changed=clock.now)
        assert ready == catalog.deployment("renamed")
        with pytest.raises(NotFound):
            catalog.deployment("first")

    @pytest.mark.usefixtures("models")
    def test_a_deployment_changes_only_from_what_was_seen(self, catalog: Catalog) -> None:
        made = catalog.add_deployment(a_deployment())
        renamed = catalog.change_deployment(made, replace(made, name="renamed"))
        assert catalog.change_deployment(made, replace(made, status=READY)) is None
        assert catalog.deployment(made.id) == renamed
        catalog.remove_deployment(made.id)
        assert renamed is not None
        assert catalog.change_deployment(renamed, replace(renamed, status=READY)) is None

    @pytest.mark.usefixtures("models")
    @pytest.mark.parametrize("status", list(DeploymentStatus))
    def test_every_move_of_a_deployment_outside_the_table_is_refused(
        self, catalog: Catalog, status: DeploymentStatus
    ) -> None:
        made = catalog.add_deployment(a_deployment(status=status))
        for target in set(DeploymentStatus) - MOVES[status] - {status}:
            with pytest.raises(IllegalMove, match=f"{status.value} and can't become {target.value}"):
                catalog.change_deployment(made, replace(made, status=target))
        assert catalog.deployment(made.id) == made

    @pytest.mark.usefixtures("models")
    def test_a_change_needs_a_free_name_and_a_model(self, catalog: Catalog) -> None:
        made, other = catalog.add_deployment(a_deployment(status=READY)), catalog.add_deployment(a_deployment("other"))
        with pytest.raises(AlreadyExists, match="'other'"):
            catalog.change_deployment(made, replace(made, name=other.name))
        with pytest.raises(NotFound, match="'none'"):
            catalog.change_deployment(made, replace(made, wanted="none", status=UPDATING))
        assert catalog.deployment(made.id) == made

    @pytest.mark.usefixtures("models")
    def test_a_model_that_is_deployed_stays(self, catalog: Catalog) -> None:
        catalog.add_deployment(a_deployment(model="tuned", wanted="better", status=UPDATING))
        for name in ("tuned", "better"):
            with pytest.raises(IllegalMove, match=f"deployments serve '{name}': first; delete them first"):
                catalog.remove_model(name)
        catalog.remove_deployment("first")
        for name in ("tuned", "better"):
            catalog.remove_model(name)

    @pytest.mark.usefixtures("models")
    def test_a_removed_deployment_takes_its_tags_along(self, catalog: Catalog) -> None:
        first, second = (catalog.add_deployment(a_deployment(name)) for name in ("first", "second"))
        for deployment in (first, second):
            catalog.set_tags(f"provisioned-model/{deployment.id}", {"team": "a"}, 3)
        assert catalog.remove_deployment("first") == first
        assert catalog.tags(f"provisioned-model/{first.id}") == {}
        assert catalog.tags(f"provisioned-model/{second.id}") == {"team": "a"}
        assert listed(catalog, DeploymentQuery()) == [["second"]]

    @pytest.mark.usefixtures("models")
    def test_one_of_many_changes_wins(self, catalog: Catalog, reopen: Callable[[], Catalog]) -> None:
        made = catalog.add_deployment(a_deployment())
        won: list[Deployment] = []

        def race() -> None:
            other = reopen()
            if (changed := other.change_deployment(made, replace(made, status=READY))) is not None:
                won.append(changed)
            other.close()

        threads = [threading.Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [catalog.deployment(made.id)]

    def test_a_configuration_is_kept_under_its_name(self, catalog: Catalog, reopen: Callable[[], Catalog]) -> None:
        assert catalog.configuration("logging") is None
        catalog.set_configuration("logging", {"bucket": "a"})
        catalog.set_configuration("logging", {"bucket": "ä", "kinds": ["text"]})
        catalog.set_configuration("other", {})
        assert reopen().configuration("logging") == {"bucket": "ä", "kinds": ["text"]}
        assert reopen().configuration("other") == {}
        catalog.set_configuration("logging", None)
        catalog.set_configuration("logging", None)
        assert catalog.configuration("logging") is None
