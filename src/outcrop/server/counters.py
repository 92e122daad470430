"""What the server did, counted since it started, as Prometheus reads it."""

from __future__ import annotations

import bisect
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from outcrop import __version__
from outcrop.domain.jobs import JobKind, Status
from outcrop.serving.serving import Loaded

#: What a request is counted as that means no operation and no path.
UNKNOWN = "unknown"

#: Upper bounds in seconds: reads take milliseconds, checks of datasets up to minutes.
BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass
class _Histogram:
    """Requests by the first bucket that holds them; the last is for those longer than all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0


class Counters:
    """Requests by operation and status, and how long they took; safe to use from many threads.

    Operations are few, and whatever else is asked for counts as one, so no client can make the labels grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Count from now on; ``clock`` gives seconds that never go back."""
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: dict[str, _Histogram] = {}

    def add(self, operation: str, status: int, seconds: float) -> None:
        """Count a request, by the HTTP status of its answer and the seconds until that began."""
        with self._lock:
            self._requests[operation, status] += 1
            histogram = self._seconds.setdefault(operation, _Histogram())
            histogram.counts[bisect.bisect_left(BUCKETS, seconds)] += 1
            histogram.total += seconds

    def text(self, jobs: Mapping[tuple[JobKind, Status], int], loaded: Sequence[Loaded] = ()) -> str:
        """Everything in Prometheus's text format.

        Args:
            jobs: Those of the catalog, by kind and status.
            loaded: The bases that are held now.
        """
        with self._lock:
            requests = sorted(self._requests.items())
            seconds = [(name, tuple(one.counts), one.total) for name, one in sorted(self._seconds.items())]
        lines = [
            *_head("outcrop_requests_total", "counter", "Requests by operation and HTTP status."),
            *(
                f'outcrop_requests_total{{operation="{name}",code="{code}"}} {count}'
                for (name, code), count in requests
            ),
            *_head("outcrop_request_seconds", "histogram", "Time until an answer begins."),
            *(line for row in seconds for line in _buckets(*row)),
            *_head("outcrop_jobs", "gauge", "Jobs in the catalog."),
            *(
                f'outcrop_jobs{{kind="{kind.value}",status="{status.value}"}} {jobs.get((kind, status), 0)}'
                for kind in JobKind
                for status in Status
            ),
            *_head(
                "outcrop_model_requests_in_flight", "gauge", "Requests that a loaded base answers or holds waiting."
            ),
            *(f'outcrop_model_requests_in_flight{{model="{one.name}"}} {one.in_flight}' for one in loaded),
            *_head("outcrop_model_tokens_total", "counter", "Tokens since a base was loaded."),
            *(
                f'outcrop_model_tokens_total{{model="{one.name}",of="{of}"}} {count}'
                for one in loaded
                for of, count in (("prompts", one.prompt_tokens), ("responses", one.tokens))
            ),
            *_head("outcrop_uptime_seconds", "gauge", "Time since the server started."),
            f"outcrop_uptime_seconds {self._clock() - self._began:.3f}",
            *_head("outcrop_build_info", "gauge", "The version, as a label."),
            f'outcrop_build_info{{version="{__version__}"}} 1',
        ]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, about: str) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"


def _buckets(operation: str, counts: tuple[int, ...], total: float) -> Iterator[str]:
    name, seen = "outcrop_request_seconds", 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
        seen += count
        yield f'{name}_bucket{{operation="{operation}",le="{bound}"}} {seen}'
    yield f'{name}_sum{{operation="{operation}"}} {total:.6f}'
    yield f'{name}_count{{operation="{operation}"}} {seen}'
