"""The weights of a model, for other tools."""

from __future__ import annotations

from contextlib import ExitStack
from urllib.parse import quote

from starlette.responses import Response

from outcrop.server.api.answers import Stream, take_place
from outcrop.server.api.archive import archive_of
from outcrop.server.api.route import Call
from outcrop.server.bedrock.model_names import find_model

TAR = "application/x-tar"


def export_model(call: Call) -> Response:
    """An export as an archive: written to the disk first and checked, then sent, then deleted."""
    outcrop = call.context.outcrop
    model = find_model(call.context, call.labels["model"])
    take_place(call.shared.exporting, "exports")
    with ExitStack() as stack:
        stack.callback(call.shared.exporting.release)
        folder = stack.enter_context(outcrop.services.scratch()) / "export"
        export = outcrop.models.export(model.name, folder, form=call.query["form"], number_type=call.query["type"])
        archive = archive_of(folder, model.name, model.created)
        headers = {
            "Content-Length": str(archive.size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{model.name}-{export.form}', safe='')}.tar",
        }
        return Stream(archive.pieces(), TAR, headers, stack.pop_all().close)
