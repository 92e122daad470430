"""Figures for Prometheus."""

from __future__ import annotations

import re

from outcrop import __version__
from outcrop.domain.jobs import JobKind, Status
from outcrop.server.counters import BUCKETS, UNKNOWN, Counters
from outcrop.serving.serving import Loaded
from tests.doubles import IdleRunner, submitted
from tests.server.wire import Wire

LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\]*",?)+)\})? ([0-9.e+-]+)')


def values(text: str) -> dict[str, float]:
    """Every figure by its name with labels; a line of another form is refused."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            read = LINE.fullmatch(line)
            assert read is not None, line
            found[line.rpartition(" ")[0]] = float(read[3])
    return found


def figures(wire: Wire) -> dict[str, float]:
    answer = wire.ask("/outcrop/v1/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return values(answer.body.decode())


def test_requests_are_counted_by_operation_and_status(runner: IdleRunner, wire: Wire) -> None:
    client = wire.client()
    client.list_custom_models()
    client.list_custom_models()
    wire.ask("/outcrop/v1/jobs/none")
    wire.send("GET", "/custom-models")
    for number in range(5):
        wire.ask(f"/outcrop/v1/nothing-{number}")
        wire.ask(f"/nothing-{number}")
    wire.send("GET", "/outcrop/v1/health")
    found = figures(wire)
    counted = {name: value for name, value in found.items() if name.startswith("outcrop_requests_total")}
    assert counted == {
        'outcrop_requests_total{operation="ListCustomModels",code="200"}': 2,
        'outcrop_requests_total{operation="ListCustomModels",code="403"}': 1,
        'outcrop_requests_total{operation="GetJob",code="404"}': 1,
        'outcrop_requests_total{operation="GetHealth",code="200"}': 1,
        f'outcrop_requests_total{{operation="{UNKNOWN}",code="404"}}': 10,
    }
    assert found['outcrop_request_seconds_count{operation="ListCustomModels"}'] == 3
    assert figures(wire)['outcrop_requests_total{operation="GetMetrics",code="200"}'] == 1


def test_jobs_are_counted_by_kind_and_status(runner: IdleRunner, wire: Wire) -> None:
    for number in range(3):
        submitted(wire.outcrop.services, JobKind.CUSTOMIZATION, f"job-{number}")
    wire.outcrop.jobs.stop("job-1")
    jobs = {name: value for name, value in figures(wire).items() if name.startswith("outcrop_jobs")}
    assert len(jobs) == len(JobKind) * len(Status)
    assert {name: value for name, value in jobs.items() if value} == {
        'outcrop_jobs{kind="customization",status="queued"}': 2,
        'outcrop_jobs{kind="customization",status="stopped"}': 1,
    }


def test_times_fall_into_buckets() -> None:
    now = 100.0
    counters = Counters(lambda: now)
    for seconds in (0.001, BUCKETS[0], 0.3, 1e6):
        counters.add("A", 200, seconds)
    now = 160.5
    found = values(counters.text({}, [Loaded("rock", 7, 3, 10, 20, 0.0)]))
    assert found['outcrop_model_requests_in_flight{model="rock"}'] == 3
    assert found['outcrop_model_tokens_total{model="rock",of="responses"}'] == 20
    of = 'outcrop_request_seconds_bucket{operation="A",le="%s"}'
    assert [found[of % bound] for bound in (BUCKETS[0], 0.25, 0.5, BUCKETS[-1], "+Inf")] == [2, 2, 3, 3, 4]
    assert found['outcrop_request_seconds_count{operation="A"}'] == 4
    assert found['outcrop_request_seconds_sum{operation="A"}'] == 1000000.303
    assert found["outcrop_uptime_seconds"] == 60.5
    assert found[f'outcrop_build_info{{version="{__version__}"}}'] == 1


def test_every_figure_says_what_it_is() -> None:
    counters = Counters()
    counters.add("A", 200, 1.0)
    text = counters.text({(JobKind.EVALUATION, Status.DONE): 1}, [Loaded("rock", 7, 3, 10, 20, 0.0)])
    helped = re.findall(r"^# HELP (\w+) .", text, re.MULTILINE)
    typed = re.findall(r"^# TYPE (\w+) (?:counter|gauge|histogram)$", text, re.MULTILINE)
    names = {
        re.sub("_(bucket|sum|count)$", "", re.split("[{ ]", line)[0]) for line in text.splitlines() if line[0] != "#"
    }
    assert helped == typed
    assert set(helped) == names
    assert text.endswith("\n")
