"""The loss of a customization job: as it comes, or as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from threading import Event

from anyio import current_time, sleep, to_thread
from starlette.responses import Response

from outcrop.app.training import curve_so_far, training_run
from outcrop.domain.jobs import ENDED, Job, JobKind, Progress
from outcrop.domain.models import CurvePoint
from outcrop.reports.document import plain
from outcrop.reports.training import TrainingRun
from outcrop.server.api.answers import Stream, document, take_place
from outcrop.server.api.route import JSON, Call
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.jobs import find_job
from outcrop.server.events import EVENTS, HEADERS, event


@dataclass(frozen=True)
class Pace:
    """Seconds: between two looks at the catalog, without a word to the client, and until it must come again.

    A client that comes again shows its key again, and loses nothing: it says which event it had last.
    """

    look: float = 1.0
    silence: float = 15.0
    longest: float = 3600.0


PACE = Pace()


@dataclass(frozen=True)
class Loss:
    """A training run, live or ended."""

    run: TrainingRun


@dataclass(frozen=True)
class Place:
    """How far a client has come: the last point it had, by step and whether it was a validation, and the last progress.

    Its text is the id of an event.
    """

    step: int = -1
    validated: bool = False
    done: int = -1

    def __str__(self) -> str:
        return f"{self.step}.{int(self.validated)}.{self.done}"


def place_of(text: str) -> Place:
    """The place that an id means; the beginning for an id that was none of ours."""
    try:
        step, validated, done = map(int, text[:100].split("."))
    except ValueError:
        return Place()
    return Place(step, bool(validated), done)


def get_loss(call: Call) -> Response:
    """Events until the job ends; or one document, where JSON is asked for."""
    job = find_job(call.context, JobKind.CUSTOMIZATION, arns.CUSTOMIZATION_JOB, call.labels["job"])
    if JSON in call.headers.get("accept", ""):
        return document(Loss(training_run(call.context.outcrop.services, job.id)))
    place = place_of(call.headers.get("last-event-id", ""))
    take_place(call.shared.following, "clients that follow a loss")
    events = _follow(call.context, job.id, place, PACE, call.shared.ending)
    return Stream(events, EVENTS, HEADERS, call.shared.following.release)


async def _follow(context: Context, job_id: str, place: Place, pace: Pace, ending: Event) -> AsyncIterator[bytes]:
    """What happens to a job's loss, from a place on; between two looks it holds no thread."""
    began = spoke = current_time()
    while True:
        job = await to_thread.run_sync(context.outcrop.jobs.show, job_id)
        news, place = _news(job, place)
        now = current_time()
        if not news and now - spoke >= pace.silence:
            news = [b": still here\n\n"]
        for each in news:
            yield each
            spoke = now
        if job.status in ENDED or ending.is_set() or now - began >= pace.longest:
            return
        await sleep(pace.look)


def _news(job: Job, place: Place) -> tuple[list[bytes], Place]:
    """The events that a client at a place has not had, and where it is after them."""
    news = []
    for point in curve_so_far(job):
        here = point.step, point.validation_loss is not None
        if here > (place.step, place.validated):
            place = Place(*here, place.done)
            news.append(_event("point", point, place))
    if job.progress.total and job.progress.done != place.done:
        place = Place(place.step, place.validated, job.progress.done)
        news.append(_event("progress", job.progress, place))
    if job.status in ENDED:
        news.append(_event("end", {"status": job.status, "error": job.error}, place))
    return news, place


def _event(kind: str, value: CurvePoint | Progress | dict[str, str], place: Place) -> bytes:
    return event(plain(value), kind=kind, id=str(place))
