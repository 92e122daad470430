from __future__ import annotations

from dataclasses import replace

import pytest

from outcrop import Outcrop
from outcrop.domain.deployments import Deployment, DeploymentKind, DeploymentQuery, DeploymentStatus
from outcrop.domain.errors import AlreadyExists, IllegalMove, InvalidInput, NotFound, NotSupported
from outcrop.domain.models import Customization, Lineage, ModelKind
from outcrop.testing.catalogs import a_model

CREATING, READY, UPDATING, FAILED = DeploymentStatus
PROVISIONED, ON_DEMAND = DeploymentKind


@pytest.fixture
def models(idle: Outcrop) -> None:
    """A base, two models trained from it and one trained from one of those; another base; one that was imported."""
    catalog = idle.services.catalog
    for name in ("base", "other"):
        catalog.add_model(a_model(name))
    for name, source in (("tuned", "base"), ("better", "base"), ("best", "better"), ("foreign", "other")):
        lineage = Lineage(f"job-{name}", source, a_model().identity, Customization.LORA, "", "", {}, 0, {})
        base = "other" if name == "foreign" else "base"
        catalog.add_model(a_model(name, kind=ModelKind.ADAPTER, base=base, lineage=lineage))
    catalog.add_model(a_model("brought", imported="job-brought"))
    catalog.add_model(a_model("encoder", engine="encoder"))


pytestmark = pytest.mark.usefixtures("models")


def created(outcrop: Outcrop, model: str = "tuned", name: str = "gneiss", kind: str = PROVISIONED) -> Deployment:
    return outcrop.deployments.create(model, name, kind=kind)


def ready(outcrop: Outcrop, model: str = "tuned", kind: str = PROVISIONED) -> Deployment:
    return outcrop.deployments.settle(created(outcrop, model, kind=kind))


def test_a_provisioned_throughput(idle: Outcrop) -> None:
    idle.models.alias("short", "tuned")
    made = idle.deployments.create(
        "short", "gneiss-1_b", kind="provisioned-throughput", units=3, description="it's", commitment="OneMonth"
    )
    assert (made.kind, made.status, made.units) == (PROVISIONED, CREATING, 3)
    assert (made.model, made.wanted, made.description, made.commitment) == ("tuned", "tuned", "it's", "OneMonth")
    assert made.created == made.changed
    assert len(made.id) == 12
    assert idle.deployments.show(made.id) == idle.deployments.show("gneiss-1_b") == made
    assert idle.deployments.list() == [made]


@pytest.mark.parametrize("model", ["tuned", "brought"])
def test_a_deployment_on_demand(idle: Outcrop, model: str) -> None:
    made = created(idle, model, kind="on-demand")
    assert (made.kind, made.units) == (ON_DEMAND, 0)


def test_model_units_are_one_where_none_are_named(idle: Outcrop) -> None:
    assert created(idle, "base").units == 1


def test_all_faults_are_told(idle: Outcrop) -> None:
    with pytest.raises(InvalidInput) as caught:
        idle.deployments.create("none", "no name", kind=PROVISIONED, units=0, description="x" * 2049)
    assert [fault.field for fault in caught.value.faults] == ["name", "units", "description"]
    with pytest.raises(InvalidInput, match=r"kind: found 'fast'; expected one of provisioned-throughput, on-demand"):
        idle.deployments.create("tuned", "gneiss", kind="fast", units=0)
    with pytest.raises(InvalidInput, match="units: found 2; expected none"):
        idle.deployments.create("tuned", "gneiss", kind=ON_DEMAND, units=2)


@pytest.mark.parametrize("name", ["", "-a", "a--b", "a_-b", "a.b", "ä", "a" * 64, "ab-" * 22, "a\n"])
def test_names_are_bedrocks(idle: Outcrop, name: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 63 letters and digits"):
        created(idle, name=name)


@pytest.mark.parametrize("name", ["a", "a-", "A_b-3", "9" * 63])
def test_names_that_are_taken(idle: Outcrop, name: str) -> None:
    assert created(idle, name=name).name == name
    with pytest.raises(AlreadyExists):
        created(idle, name=name, kind=ON_DEMAND)


def test_a_model_has_to_be_there_and_write_text(idle: Outcrop) -> None:
    with pytest.raises(NotFound, match="'none'"):
        created(idle, "none")
    with pytest.raises(NotSupported, match="encoder is an encoder"):
        created(idle, "encoder")
    with pytest.raises(NotSupported, match=r"base is a base model, which answers by its own name"):
        created(idle, "base", kind=ON_DEMAND)


def test_a_request_that_is_repeated_makes_one(idle: Outcrop) -> None:
    first, second = (
        idle.deployments.create("tuned", name, kind=PROVISIONED, asked={"modelUnits": 1}, token="once")
        for name in ("one", "two")
    )
    assert first == second
    assert idle.deployments.list() == [first]


def test_it_is_settled_once(idle: Outcrop) -> None:
    made = created(idle)
    assert idle.deployments.settle(made).status is READY
    assert idle.deployments.settle(made, "too late").status is READY
    failed = idle.deployments.settle(created(idle, name="schist"), "no memory")
    assert (failed.status, failed.error) == (FAILED, "no memory")
    with pytest.raises(NotFound):
        idle.deployments.settle(idle.deployments.remove(made.id))


def test_it_is_settled_under_another_name(idle: Outcrop) -> None:
    made = created(idle)
    idle.deployments.update(made.id, new_name="schist")
    assert idle.deployments.settle(made) == idle.deployments.show("schist")
    assert idle.deployments.show("schist").status is READY


@pytest.mark.parametrize("target", ["base", "better", "best"])
def test_an_update_to_the_base_or_a_sibling(idle: Outcrop, target: str) -> None:
    ready(idle)
    updating = idle.deployments.update("gneiss", model=target)
    assert (updating.status, updating.model, updating.wanted, updating.updated_to) == (
        UPDATING,
        "tuned",
        target,
        target,
    )
    settled = idle.deployments.settle(updating)
    assert (settled.status, settled.model, settled.wanted, settled.error) == (READY, target, target, "")


@pytest.mark.parametrize("target", ["other", "foreign", "brought"])
def test_a_provisioned_throughput_keeps_to_its_base(idle: Outcrop, target: str) -> None:
    seen = ready(idle)
    with pytest.raises(NotSupported, match=f"{target} goes back to the base .*, and tuned to base"):
        idle.deployments.update("gneiss", model=target)
    assert idle.deployments.show("gneiss") == seen


def test_a_base_that_is_gone_is_still_one(idle: Outcrop) -> None:
    for name in ("tuned", "better"):
        model = idle.models.show(name)
        assert model.lineage is not None
        idle.services.catalog.remove_model("best") if name == "tuned" else None
        idle.services.catalog.remove_model(name)
        lineage = replace(model.lineage, base="gone")
        idle.services.catalog.add_model(replace(model, kind=ModelKind.FULL, base=None, lineage=lineage))
    ready(idle)
    assert idle.deployments.update("gneiss", model="better").wanted == "better"


def test_one_on_demand_takes_any_custom_model(idle: Outcrop) -> None:
    ready(idle, kind=ON_DEMAND)
    with pytest.raises(NotSupported, match="base model"):
        idle.deployments.update("gneiss", model="base")
    assert idle.deployments.update("gneiss", model="foreign").wanted == "foreign"


def test_an_update_that_fails_leaves_what_was(idle: Outcrop) -> None:
    ready(idle)
    updating = idle.deployments.update("gneiss", model="better")
    failed = idle.deployments.settle(updating, "no memory")
    assert (failed.status, failed.model, failed.wanted) == (READY, "tuned", "tuned")
    assert (failed.error, failed.updated_to) == ("no memory", "better")
    again = idle.deployments.update("gneiss", model="better")
    assert (again.status, again.error) == (UPDATING, "")


def test_an_update_to_what_is_there_is_none(idle: Outcrop) -> None:
    seen = ready(idle)
    assert idle.deployments.update("gneiss", model="tuned") == seen
    assert idle.deployments.update("gneiss") == seen


def test_a_name_and_a_model_change_at_once(idle: Outcrop) -> None:
    seen = ready(idle)
    changed = idle.deployments.update("gneiss", new_name="schist", model="base")
    assert (changed.id, changed.name, changed.status) == (seen.id, "schist", UPDATING)
    with pytest.raises(InvalidInput):
        idle.deployments.update("schist", new_name="no name")


@pytest.mark.parametrize(("status", "advice"), [(CREATING, "wait"), (UPDATING, "wait"), (FAILED, "create another")])
def test_only_what_is_ready_gets_another_model(idle: Outcrop, status: DeploymentStatus, advice: str) -> None:
    made = created(idle)
    if status is FAILED:
        idle.deployments.settle(made, "no")
    if status is UPDATING:
        idle.deployments.settle(made)
        idle.deployments.update("gneiss", model="base")
    with pytest.raises(IllegalMove, match=f"gneiss is {status.value}; .*{advice}"):
        idle.deployments.update("gneiss", model="better")
    assert idle.deployments.update("gneiss", new_name="schist").status is status


def test_removing_leaves_the_model(idle: Outcrop) -> None:
    made = created(idle)
    with pytest.raises(IllegalMove, match="deployments serve 'tuned': gneiss"):
        idle.models.remove("tuned")
    assert idle.deployments.remove("gneiss") == made
    assert idle.models.show("tuned").name == "tuned"
    for call in (idle.deployments.remove, idle.deployments.show, idle.deployments.update):
        with pytest.raises(NotFound, match="`outcrop deployments list`"):
            call("gneiss")


def test_a_list_has_all_parts(idle: Outcrop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outcrop.app.deployments._PART", 2)
    names = [created(idle, name=f"n{place}").name for place in range(5)]
    assert [one.name for one in idle.deployments.list()] == names
    assert [one.name for one in idle.deployments.list(DeploymentQuery(name_contains="3", limit=1))] == ["n3"]
