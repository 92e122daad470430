"""Whatever is asked of our own paths, the answer is never an error of the server."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcrop.domain.jobs import JobKind
from outcrop.server.api.route import Route
from outcrop.server.api.routes import ROUTES
from tests.doubles import IdleRunner, add_scripted, submitted
from tests.server.api.test_customization_jobs import REQUEST
from tests.server.api.test_evaluation_jobs import evaluated
from tests.server.wire import Wire

NAMES = st.one_of(
    st.sampled_from(["scored", "training", "base", "arn:aws:bedrock:eu-central-1:123456789012:custom-model/a", ".."]),
    st.text(max_size=30),
    st.from_regex(r"arn:aws:bedrock:[a-z0-9-]*:[0-9]{0,12}:[a-z-]*/.*", fullmatch=True),
)
VALUES = st.one_of(
    st.sampled_from(
        ["0", "-1", "1e400", "nan", "9" * 30, "gguf", "evaluation", "stopped", "scored", "rougeL drop > 0"]
    ),
    st.text(max_size=20),
)


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, str]:
    """A method and a target that mean a route, or nearly."""
    route: Route = draw(st.sampled_from(ROUTES))
    labels = {part: quote(draw(NAMES), safe="", errors="replace") for part in route.path if part.startswith("{")}
    path = "/" + "/".join(labels.get(part, part) for part in route.path)
    known = [parameter.name for parameter in route.parameters] or ["job"]
    names = st.one_of(st.sampled_from(known), st.text(max_size=5))
    pairs = draw(st.lists(st.tuples(names, VALUES), max_size=4))
    query = "&".join(f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in pairs)
    method = draw(st.sampled_from([route.method, route.method, route.method, "POST", "DELETE"]))
    return method, f"{path}?{query}" if query else path


@pytest.fixture
def full(working: IdleRunner, wire: Wire, tmp_path: Path) -> Wire:
    """A server with something to find."""
    add_scripted(wire.outcrop, tmp_path, "base", echo_words=2)
    evaluated(wire, tmp_path, "scored", ["base"])
    object.__setattr__(wire.outcrop.services, "runner", IdleRunner())
    submitted(wire.outcrop.services, JobKind.CUSTOMIZATION, "training", **REQUEST)
    wire.outcrop.jobs.stop("training")
    return wire


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(request=asked())
def test_no_request_is_our_fault(full: Wire, request: tuple[str, str]) -> None:
    bearer = full.outcrop.keys.create("b", bearer=True).secret
    answer = full.send(*request, {"authorization": f"Bearer {bearer}"})
    assert answer.status < 500, answer.body
    if answer.status >= 400:
        assert answer.json()["message"]
        assert answer.headers["x-amzn-errortype"]
