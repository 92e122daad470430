from __future__ import annotations

from outcrop.domain.jobs import ENDED, HELD, MOVES, Status


def reachable(start: Status) -> set[Status]:
    found, new = {start}, [start]
    while new:
        new = [status for last in new for status in MOVES[last] if status not in found]
        found.update(new)
    return found


def test_every_status_has_its_moves() -> None:
    assert set(MOVES) == set(Status)
    assert all(status not in moves for status, moves in MOVES.items())


def test_every_status_is_reached_and_every_job_can_end() -> None:
    assert reachable(Status.QUEUED) == set(Status)
    for status in Status:
        assert Status.DONE in reachable(status) or status in ENDED


def test_what_has_ended_only_goes_on_when_asked() -> None:
    assert MOVES[Status.DONE] == frozenset()
    assert MOVES[Status.FAILED] == MOVES[Status.STOPPED] == {Status.QUEUED}


def test_a_worker_holds_what_has_not_ended() -> None:
    assert not HELD & ENDED
    # Whoever is asked to stop may find itself done, and never begins anew by itself.
    assert MOVES[Status.STOPPING] == ENDED
    assert Status.STOPPING in MOVES[Status.RUNNING]
    # Only a worker's claim makes a job run.
    assert {status for status, moves in MOVES.items() if Status.RUNNING in moves} == {Status.QUEUED}
