"""What ends a streamed answer: a word that says that all has come, or an error."""

from __future__ import annotations

from outcrop.server.events import event
from outcrop.server.openai.errors import error_document

#: After the last object; a stream without it is cut short.
DONE = b"data: [DONE]\n\n"


def error_event(error: Exception, name: str) -> bytes:
    """Any error in mid-stream, when the status has long been sent; ``name`` says what was asked, for the log."""
    return event(error_document(error, name)[1])
