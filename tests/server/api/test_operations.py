"""Which of Bedrock's operations are here."""

from __future__ import annotations

from outcrop.server.bedrock.operations import handlers
from outcrop.server.bedrock.service import SERVICES
from tests.server.wire import Wire


def test_all_are_listed_with_their_paths(wire: Wire) -> None:
    listed = wire.ask("/outcrop/v1/operations").json()["operations"]
    by_name = {each.pop("name"): each for each in listed}
    known = [wire.client(service).meta.service_model.operation_names for service in SERVICES]
    # No name is in both, or one of the two could not be asked.
    assert sorted(by_name) == sorted(name for names in known for name in names)
    assert by_name["GetModelCustomizationJob"] == {
        "method": "GET",
        "path": "/model-customization-jobs/{jobIdentifier}",
        "implemented": True,
    }
    assert by_name["Converse"] == {"method": "POST", "path": "/model/{modelId}/converse", "implemented": True}
    assert {name for name, each in by_name.items() if each["implemented"]} == handlers().keys()
    assert not by_name["CreateGuardrail"]["implemented"]
