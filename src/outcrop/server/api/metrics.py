"""Figures for Prometheus."""

from __future__ import annotations

from starlette.responses import Response

from outcrop.server.api.route import Call

TEXT = "text/plain; version=0.0.4"


def get_metrics(call: Call) -> Response:
    """Requests and their times, and the catalog's jobs."""
    jobs = call.context.outcrop.services.catalog.count_jobs()
    return Response(
        call.shared.counters.text(jobs, call.context.serving.loaded()),
        headers={"Content-Type": f"{TEXT}; charset=utf-8"},
    )
