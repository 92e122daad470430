"""The promises of ``Catalog`` about lists in parts, requests that are made twice, and tags: see ``catalogs``."""

# The name of a test says what is promised.
# ruff: noqa: D102

from __future__ import annotations

from dataclasses import replace

import pytest

from outcrop.catalog.protocol import Catalog
from outcrop.domain.errors import AlreadyExists, TooManyTags
from outcrop.domain.jobs import Job, JobKind, JobQuery, Status

QUERY = JobQuery(JobKind.EVALUATION)


def listed(catalog: Catalog, query: JobQuery) -> list[list[str]]:
    """Names of all that a query finds, part by part."""
    parts = []
    while True:
        page = catalog.page(query)
        parts.append([job.name for job in page.jobs])
        if page.next is None:
            return parts
        query = replace(query, after=page.next)


class PagesContract:
    """What every catalog promises about lists, tokens and tags."""

    @pytest.fixture
    def jobs(self, catalog: Catalog) -> list[Job]:
        """Five evaluation jobs, two of them of one moment, and a customization job among them."""
        made = []
        for place, created in enumerate([10.0, 20.0, 20.0, 30.0, 40.0]):
            kind = JobKind.CUSTOMIZATION if place == 3 else JobKind.EVALUATION
            job = Job(f"{place:012d}", f"Job_{place}%", kind, Status.QUEUED, {"models": []}, created=created)
            made.append(catalog.add_job(replace(job, result={"large": 1}, checkpoint={"large": 1})))
        return made

    def test_a_list_comes_in_parts(self, catalog: Catalog, jobs: list[Job]) -> None:
        assert listed(catalog, replace(QUERY, limit=3)) == [["Job_4%", "Job_2%", "Job_1%"], ["Job_0%"]]
        assert listed(catalog, replace(QUERY, limit=2)) == [["Job_4%", "Job_2%"], ["Job_1%", "Job_0%"]]
        assert listed(catalog, replace(QUERY, limit=1, newest_first=False)) == [[f"Job_{n}%"] for n in (0, 1, 2, 4)]
        assert listed(catalog, replace(QUERY, kind=JobKind.CUSTOMIZATION)) == [["Job_3%"]]
        assert listed(catalog, JobQuery(limit=3)) == [["Job_4%", "Job_3%", "Job_2%"], ["Job_1%", "Job_0%"]]

    def test_jobs_are_counted(self, catalog: Catalog, jobs: list[Job]) -> None:
        catalog.stop(jobs[1].id)
        assert catalog.count_jobs() == {
            (JobKind.EVALUATION, Status.QUEUED): 3,
            (JobKind.EVALUATION, Status.STOPPED): 1,
            (JobKind.CUSTOMIZATION, Status.QUEUED): 1,
        }

    def test_a_part_is_without_what_is_large(self, catalog: Catalog, jobs: list[Job]) -> None:
        page = catalog.page(replace(QUERY, limit=1))
        assert page.jobs == (replace(jobs[4], result=None, checkpoint=None),)

    def test_a_list_is_narrowed(self, catalog: Catalog, jobs: list[Job]) -> None:
        catalog.stop(jobs[1].id)
        wanted = {
            replace(QUERY, statuses=(Status.STOPPED,)): ["Job_1%"],
            replace(QUERY, statuses=(Status.STOPPED, Status.QUEUED), created_before=20.0): [
                "Job_2%",
                "Job_1%",
                "Job_0%",
            ],
            replace(QUERY, created_after=20.0): ["Job_4%", "Job_2%", "Job_1%"],
            replace(QUERY, name_contains="jOB_4"): ["Job_4%"],
            replace(QUERY, name_contains="%"): ["Job_4%", "Job_2%", "Job_1%", "Job_0%"],
            replace(QUERY, name_contains="J%"): [],
            replace(QUERY, name_contains="Job-"): [],
        }
        for query, names in wanted.items():
            assert listed(catalog, query) == [names], query

    def test_a_token_stands_for_one_job(self, catalog: Catalog) -> None:
        job = Job("0" * 12, "one", JobKind.EVALUATION, Status.QUEUED, {}, asked={"jobName": "ä"}, token="t" * 256)
        assert catalog.add_job(job) == job
        assert catalog.add_job(replace(job, id="1" * 12, name="two")) == catalog.job("one") == job
        assert catalog.job_asked_with(JobKind.EVALUATION, job.token) == job
        assert catalog.job_asked_with(JobKind.CUSTOMIZATION, job.token) is None
        other = replace(job, id="2" * 12, name="three", kind=JobKind.CUSTOMIZATION)
        assert catalog.add_job(other) == other
        with pytest.raises(AlreadyExists, match="'one'"):
            catalog.add_job(replace(job, id="3" * 12, token="another"))

    def test_no_token_stands_for_nothing(self, catalog: Catalog, jobs: list[Job]) -> None:
        assert catalog.job_asked_with(JobKind.EVALUATION, "") is None

    def test_tags_come_and_go(self, catalog: Catalog) -> None:
        assert catalog.tags("custom-model/1") == {}
        catalog.set_tags("custom-model/1", {"team": "a", "stage": ""}, 3)
        catalog.set_tags("custom-model/1", {"team": "ä" * 256}, 3)
        catalog.set_tags("custom-model/2", {"team": "b"}, 3)
        assert catalog.tags("custom-model/1") == {"team": "ä" * 256, "stage": ""}
        catalog.remove_tags("custom-model/1", ["team", "unknown"])
        assert catalog.tags("custom-model/1") == {"stage": ""}
        catalog.remove_tags("custom-model/1")
        assert (catalog.tags("custom-model/1"), catalog.tags("custom-model/2")) == ({}, {"team": "b"})

    def test_too_many_tags_change_nothing(self, catalog: Catalog) -> None:
        catalog.set_tags("job/1", {"a": "1", "b": "2"}, 2)
        with pytest.raises(TooManyTags, match="3 tags"):
            catalog.set_tags("job/1", {"a": "9", "c": "3"}, 2)
        assert catalog.tags("job/1") == {"a": "1", "b": "2"}
        catalog.set_tags("job/1", {}, 2)
