from __future__ import annotations

from pathlib import Path

from outcrop import Outcrop
from outcrop.app.disk import DiskUse, disk_use
from tests.doubles import add_scripted, questions


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def uses(outcrop: Outcrop) -> dict[str, DiskUse]:
    return {use.what: use for use in disk_use(outcrop.services)}


def test_an_empty_home_uses_nothing(outcrop: Outcrop) -> None:
    assert disk_use(outcrop.services) == []


def test_every_byte_has_its_place_and_its_way_out(here: Outcrop, home: Path, tmp_path: Path) -> None:
    add_scripted(here, tmp_path, "one")
    add_scripted(here, tmp_path, "two", echo_words=1)
    # The same script twice is one folder in the store.
    here.models.add_scripted("three", tmp_path / "script-one")
    here.evaluate("one", data=questions(tmp_path / "data.jsonl"), task="summarization", name="judged")
    stray = home / "store" / "models" / "nobodys" / "file"
    stray.parent.mkdir()
    stray.write_bytes(b"x" * 100_000)
    for folder in ("scratch", "store/.partial", "capture"):
        (home / folder / "left").mkdir(parents=True)
        (home / folder / "left" / "file").write_bytes(b"y" * 1000)
    found = uses(here)
    job = here.jobs.show("judged")
    assert found["job judged (done)"].bytes == bytes_below(home / "store" / "jobs" / job.id)
    assert found["job judged (done)"].freed_by == "outcrop jobs delete judged"
    assert found["model one, three"].freed_by == "outcrop models remove one"
    assert found["model two"].bytes == bytes_below(home / here.models.show("two").uri.replace("models", "store/models"))
    assert found["models/nobodys (unused)"].bytes == 100_000
    assert str(stray.parent) in found["models/nobodys (unused)"].freed_by
    assert found["unfinished work"].bytes == found["unfinished writes"].bytes == 1000
    assert found["records of requests"].bytes == 1000
    assert found["cache"].bytes == bytes_below(home / "cache")
    assert sum(use.bytes for use in found.values()) == bytes_below(home) - sum(
        path.stat().st_size for path in home.glob("catalog.sqlite*")
    )
    sizes = [use.bytes for use in disk_use(here.services)]
    assert sizes == sorted(sizes, reverse=True)


def test_what_frees_does_free(here: Outcrop, tmp_path: Path) -> None:
    add_scripted(here, tmp_path, "one")
    here.models.add_scripted("two", tmp_path / "script-one")
    here.evaluate("one", data=questions(tmp_path / "data.jsonl"), task="summarization", name="judged")
    before = uses(here)
    assert here.jobs.delete("judged") == before["job judged (done)"].bytes
    assert here.models.remove("one") == 0
    assert here.models.remove("two") == before["model one, two"].bytes
    assert set(uses(here)) <= {"cache"}


def test_a_job_that_has_not_ended_keeps_what_it_needs(idle: Outcrop, tmp_path: Path) -> None:
    add_scripted(idle, tmp_path, "one")
    idle.evaluate("one", data=questions(tmp_path / "data.jsonl"), task="summarization", name="judged", wait=False)
    idle.services.store.write(f"jobs/{idle.jobs.show('judged').id}/responses/0/plan.json", b"[]")
    assert uses(idle)["job judged (queued)"] == DiskUse("job judged (queued)", 2, "")
