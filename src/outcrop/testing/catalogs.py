"""The promises of ``Catalog`` as tests: subclass ``CatalogContract`` and say how a catalog is made."""

# The name of a test says what is promised.
# ruff: noqa: D102

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from outcrop.catalog.protocol import Catalog, Claim
from outcrop.domain.errors import AlreadyExists, IllegalMove, LeaseLost, NotFound
from outcrop.domain.jobs import MOVES, Job, JobKind, Progress, Status, Worker
from outcrop.domain.keys import Key, KeyKind
from outcrop.domain.models import Customization, Identity, Model, ModelKind
from outcrop.testing.catalog_deployments import DeploymentsContract
from outcrop.testing.catalog_pages import PagesContract

ONE = Worker("here", 1, 1.0)
TWO = Worker("here", 2, 2.0)
ELSEWHERE = Worker("there", 3, 3.0)


class Clock:
    """A clock that stands until it is moved; seconds since the epoch."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def a_job(name: str = "first", **changes: object) -> Job:
    """A queued job."""
    job_id = (name + "000000000000")[:12]
    job = Job(job_id, name, JobKind.EVALUATION, Status.QUEUED, {"models": ["ä"]}, created=1.0)
    return replace(job, **changes)  # type: ignore[arg-type]


def a_model(name: str = "base", **changes: object) -> Model:
    """A base model."""
    model = Model(
        name=name,
        kind=ModelKind.BASE,
        engine="transformers",
        uri=f"models/{name}",
        identity=Identity("w" * 64, "t" * 64, ""),
        source="a test",
        licence="Apache-2.0",
        architecture="LlamaForCausalLM",
        parameters=1,
        context=512,
        customizations={method.value: "" for method in Customization},
        created=1.0,
    )
    return replace(model, **changes)  # type: ignore[arg-type]


def a_key(key_id: str = "AKIAAAAAAAAAAAAAAAAA", **changes: object) -> Key:
    """An access key."""
    key = Key(key_id, KeyKind.ACCESS, "a test", "sealed", created=1.0)
    return replace(key, **changes)  # type: ignore[arg-type]


class CatalogContract(PagesContract, DeploymentsContract):
    """What every catalog promises."""

    @pytest.fixture
    def clock(self) -> Clock:
        """The catalog's clock."""
        return Clock()

    @pytest.fixture
    def reopen(self, clock: Clock) -> Callable[[], Catalog]:
        """Opens the same catalog again, as another process would."""
        raise NotImplementedError

    @pytest.fixture
    def catalog(self, reopen: Callable[[], Catalog]) -> Catalog:
        """A catalog with nothing in it."""
        return reopen()

    @pytest.fixture
    def models(self, catalog: Catalog) -> None:
        """A base and two adapters on it."""
        catalog.add_model(a_model())
        for name in ("tuned", "better"):
            catalog.add_model(a_model(name, kind=ModelKind.ADAPTER, base="base"))

    def claimed(self, catalog: Catalog, name: str = "first", worker: Worker = ONE) -> Claim:
        """A job that a worker holds."""
        catalog.add_job(a_job(name))
        claim = catalog.claim(a_job(name).id, worker, 30, 10)
        assert claim is not None
        return claim

    # jobs

    def test_a_job_comes_back_as_it_was(self, catalog: Catalog, reopen: Callable[[], Catalog]) -> None:
        job = a_job("ein-Prüfstück", worker=ONE, restarts=("died",), checkpoint={"keys": ["a"]})
        catalog.add_job(job)
        assert reopen().job(job.id) == job
        assert reopen().job(job.name) == job

    def test_names_are_unique(self, catalog: Catalog) -> None:
        catalog.add_job(a_job())
        with pytest.raises(AlreadyExists, match="'first'"):
            catalog.add_job(a_job(id="other0000000"))

    def test_an_unknown_job_is_said(self, catalog: Catalog) -> None:
        with pytest.raises(NotFound, match="'none'"):
            catalog.job("none")

    def test_jobs_are_listed_in_order(self, catalog: Catalog) -> None:
        for name in ("first", "second", "third"):
            catalog.add_job(a_job(name))
        catalog.stop("second")
        assert [job.name for job in catalog.jobs()] == ["first", "second", "third"]
        assert [job.name for job in catalog.jobs([Status.QUEUED])] == ["first", "third"]
        assert catalog.jobs([]) == []

    def test_a_claim_takes_the_job(self, catalog: Catalog, clock: Clock) -> None:
        claim = self.claimed(catalog)
        job = catalog.job("first")
        assert (job.status, job.fence, job.worker) == (Status.RUNNING, 1, ONE)
        assert (job.started, job.lease_until) == (clock.now, clock.now + 30)
        assert claim.fence == 1
        with pytest.raises(IllegalMove, match="running"):
            catalog.claim(job.id, TWO, 30, 10)

    def test_slots_bound_what_runs_on_a_host(self, catalog: Catalog) -> None:
        self.claimed(catalog)
        catalog.add_job(a_job("second"))
        assert catalog.claim(a_job("second").id, TWO, 30, 1) is None
        assert catalog.claim(a_job("second").id, ELSEWHERE, 30, 1) is not None

    def test_older_jobs_go_first(self, catalog: Catalog) -> None:
        running = self.claimed(catalog)
        catalog.add_job(a_job("second"))
        catalog.add_job(a_job("third"))
        assert catalog.claim(a_job("second").id, ONE, 30, 1) is None
        catalog.finish(running, Status.DONE)
        assert catalog.claim(a_job("third").id, TWO, 30, 1) is None
        assert catalog.claim(a_job("second").id, ONE, 30, 1) is not None

    def test_nobody_waits_for_an_older_job_that_nobody_works_for(self, catalog: Catalog, clock: Clock) -> None:
        running = self.claimed(catalog)
        catalog.add_job(a_job("second"))
        catalog.add_job(a_job("third"))
        assert catalog.claim(a_job("second").id, ONE, 30, 1) is None
        catalog.finish(running, Status.DONE)
        clock.now += 31
        assert catalog.claim(a_job("third").id, TWO, 30, 1) is not None

    def test_renewing_writes_progress_and_brings_orders(self, catalog: Catalog, clock: Clock) -> None:
        claim = self.claimed(catalog)
        clock.now += 10
        progress = Progress("training", 1, 2, 3.0, "tokens", 4.0, {"loss": 0.5})
        assert catalog.renew(claim, 30, progress) is Status.RUNNING
        job = catalog.job("first")
        assert (job.progress, job.lease_until) == (progress, clock.now + 30)
        assert catalog.stop("first") is Status.STOPPING
        assert catalog.renew(claim, 30) is Status.STOPPING
        assert catalog.job("first").progress == progress

    def test_a_lost_lease_writes_nothing(self, catalog: Catalog) -> None:
        old = self.claimed(catalog)
        assert catalog.requeue(catalog.job("first"), "asleep", restarts=3, grace_seconds=10) is Status.QUEUED
        new = catalog.claim(old.job.id, TWO, 30, 10)
        assert new is not None
        before = catalog.job("first")
        for write in (
            lambda: catalog.renew(old, 30, Progress("late")),
            lambda: catalog.commit_checkpoint(old, {"keys": ["late"]}),
            lambda: catalog.finish(old, Status.DONE, result={"late": True}),
            lambda: catalog.finish_with_model(old, a_model("late"), {}),
        ):
            with pytest.raises(LeaseLost):
                write()
        assert catalog.job("first") == before
        assert catalog.models() == []
        catalog.finish(new, Status.DONE, result={"in": "time"})
        assert catalog.job("first").result == {"in": "time"}

    def test_a_checkpoint_is_kept(self, catalog: Catalog) -> None:
        catalog.commit_checkpoint(self.claimed(catalog), {"keys": ["a", "b"]})
        assert catalog.job("first").checkpoint == {"keys": ["a", "b"]}

    def test_a_clock_that_went_back_holds_nobody_up(self, catalog: Catalog, clock: Clock) -> None:
        self.claimed(catalog)
        catalog.add_job(a_job("second"))
        catalog.add_job(a_job("third"))
        assert catalog.claim(a_job("second").id, ONE, 30, 1) is None
        clock.now -= 3600
        claim = catalog.claim(a_job("third").id, TWO, 30, 1)
        assert claim is not None
        assert (claim.job.renewed, claim.job.lease_until) == (clock.now, clock.now + 30)

    def test_the_clock_is_the_one_it_was_given(self, catalog: Catalog, clock: Clock) -> None:
        assert catalog.now() == clock.now

    def test_an_end_has_a_time_and_a_result(self, catalog: Catalog, clock: Clock) -> None:
        catalog.finish(self.claimed(catalog), Status.DONE, result={"a": 1})
        job = catalog.job("first")
        assert (job.status, job.result, job.ended, job.lease_until) == (Status.DONE, {"a": 1}, clock.now, 0)

    def test_a_custom_model_and_its_job_end_together(self, catalog: Catalog) -> None:
        claim = self.claimed(catalog)
        catalog.add_model(a_model("taken"))
        with pytest.raises(AlreadyExists):
            catalog.finish_with_model(claim, a_model("taken"), {})
        assert catalog.job("first").status is Status.RUNNING
        catalog.finish_with_model(claim, a_model("made"), {"model": "made"})
        assert catalog.job("first").status is Status.DONE
        assert catalog.model("made") == a_model("made")

    def test_a_dead_worker_is_replaced_a_few_times(self, catalog: Catalog) -> None:
        claim = self.claimed(catalog)
        for count in range(3):
            assert (
                catalog.requeue(catalog.job("first"), f"death {count}", restarts=3, grace_seconds=10) is Status.QUEUED
            )
            assert catalog.claim(claim.job.id, ONE, 30, 10) is not None
        assert catalog.requeue(catalog.job("first"), "death 3", restarts=3, grace_seconds=10) is Status.FAILED
        job = catalog.job("first")
        assert job.restarts == ("death 0", "death 1", "death 2")
        assert "4 times" in job.error
        assert "death 3" in job.error

    def test_replacing_looks_twice(self, catalog: Catalog) -> None:
        claim = self.claimed(catalog)
        seen = catalog.job("first")
        catalog.finish(claim, Status.DONE)
        assert catalog.requeue(seen, "too late", restarts=3, grace_seconds=10) is None

    def test_a_worker_that_woke_up_is_not_replaced(self, catalog: Catalog, clock: Clock) -> None:
        claim = self.claimed(catalog)
        clock.now += 31
        seen = catalog.job("first")
        catalog.renew(claim, 30)
        assert catalog.requeue(seen, "asleep", restarts=3, grace_seconds=10) is None
        assert catalog.renew(claim, 30) is Status.RUNNING

    def test_a_queued_job_is_put_back_once(self, catalog: Catalog, clock: Clock) -> None:
        catalog.add_job(a_job())
        seen = catalog.job("first")
        assert catalog.requeue(seen, "never began", restarts=3, grace_seconds=10) is Status.QUEUED
        assert catalog.requeue(seen, "never began", restarts=3, grace_seconds=10) is None
        assert catalog.job("first").lease_until == clock.now + 10
        assert catalog.job("first").restarts == ("never began",)

    def test_a_job_whose_worker_died_while_stopping_is_stopped(self, catalog: Catalog) -> None:
        self.claimed(catalog)
        catalog.stop("first")
        assert catalog.requeue(catalog.job("first"), "died", restarts=3, grace_seconds=10) is Status.STOPPED

    def test_stopping(self, catalog: Catalog) -> None:
        catalog.add_job(a_job())
        assert catalog.stop("first") is Status.STOPPED
        with pytest.raises(IllegalMove, match="stopped"):
            catalog.stop("first")
        with pytest.raises(IllegalMove, match="stopped"):
            catalog.claim(a_job().id, ONE, 30, 1)

    def test_resuming_forgets_the_error_and_the_restarts(self, catalog: Catalog) -> None:
        claim = self.claimed(catalog)
        catalog.commit_checkpoint(claim, {"keys": ["a"]})
        with pytest.raises(IllegalMove, match="running"):
            catalog.resume("first")
        catalog.finish(claim, Status.FAILED, error="no")
        catalog.resume("first")
        job = catalog.job("first")
        assert (job.status, job.error, job.restarts, job.checkpoint) == (Status.QUEUED, "", (), {"keys": ["a"]})

    def test_what_is_done_is_done(self, catalog: Catalog) -> None:
        catalog.finish(self.claimed(catalog), Status.DONE)
        for move in (catalog.resume, catalog.stop):
            with pytest.raises(IllegalMove, match="done"):
                move("first")

    def test_deleting(self, catalog: Catalog) -> None:
        claim = self.claimed(catalog)
        catalog.log(claim.job.id, "info", "hello")
        with pytest.raises(IllegalMove, match="stop it first"):
            catalog.delete_job("first")
        catalog.finish(claim, Status.DONE)
        catalog.delete_job("first")
        with pytest.raises(NotFound):
            catalog.job("first")
        assert catalog.log_lines(claim.job.id) == []

    def test_every_move_outside_the_table_is_refused(self, catalog: Catalog) -> None:
        for target in set(Status) - MOVES[Status.RUNNING]:
            claim = self.claimed(catalog, f"to-{target.value}"[:12])
            with pytest.raises(IllegalMove):
                catalog.finish(claim, target)

    def test_a_log_is_numbered(self, catalog: Catalog) -> None:
        for name in ("first", "second"):
            catalog.add_job(a_job(name))
            for text in ("eins\nzwei", "drei\0"):
                catalog.log(a_job(name).id, "info", text)
        lines = catalog.log_lines(a_job("second").id)
        assert [(line.number, line.text) for line in lines] == [(1, "eins\nzwei"), (2, "drei\u2400")]
        assert [line.number for line in catalog.log_lines(a_job("second").id, after=1)] == [2]

    def test_one_of_many_claims_wins(self, catalog: Catalog, reopen: Callable[[], Catalog]) -> None:
        catalog.add_job(a_job())
        won: list[int] = []

        def race(number: int) -> None:
            other = reopen()
            try:
                if other.claim(a_job().id, Worker("here", number, float(number)), 30, 100):
                    won.append(number)
            except IllegalMove:
                pass
            finally:
                other.close()

        threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert catalog.job("first").fence == 1

    # models

    def test_a_model_comes_back_as_it_was(self, catalog: Catalog, reopen: Callable[[], Catalog]) -> None:
        catalog.add_model(a_model())
        assert reopen().model("base") == a_model()
        assert reopen().models() == [a_model()]

    def test_an_unknown_model_names_the_closest(self, catalog: Catalog) -> None:
        catalog.add_model(a_model("smollm2"))
        with pytest.raises(NotFound, match="did you mean 'smollm2'"):
            catalog.model("smolm2")

    def test_models_and_aliases_share_their_names(self, catalog: Catalog) -> None:
        catalog.add_model(a_model())
        catalog.set_alias("meta.llama3-1-8b-instruct-v1:0", "base")
        assert catalog.model("meta.llama3-1-8b-instruct-v1:0").name == "base"
        with pytest.raises(AlreadyExists):
            catalog.add_model(a_model("meta.llama3-1-8b-instruct-v1:0"))
        with pytest.raises(AlreadyExists):
            catalog.set_alias("base", "base")
        with pytest.raises(NotFound):
            catalog.set_alias("other", "none")

    def test_an_alias_moves_and_goes(self, catalog: Catalog) -> None:
        catalog.add_model(a_model("one"))
        catalog.add_model(a_model("two"))
        catalog.set_alias("best", "one")
        catalog.set_alias("best", "two")
        assert catalog.aliases() == {"best": "two"}
        catalog.remove_alias("best")
        assert catalog.aliases() == {}
        with pytest.raises(NotFound):
            catalog.remove_alias("best")

    def test_an_id_of_bedrock_is_an_alias_in_any_region_and_context(self, catalog: Catalog) -> None:
        for name in ("one", "two"):
            catalog.add_model(a_model(name))
        catalog.set_alias("meta.llama3-1-8b-instruct-v1:0", "one")
        catalog.set_alias("meta.llama3-1-8b-instruct-v1:1", "two")
        for same in ("meta.llama3-1-8b-instruct-v1:0:128k", "us.meta.llama3-1-8b-instruct-v1:0"):
            assert catalog.model(same).name == "one"
        assert catalog.model("meta.llama3-1-8b-instruct-v1:1").name == "two"
        for other in ("meta.llama3-1-70b-instruct-v1:0", "llama3-1-8b-instruct-v1", "xx.meta.llama3-1-8b-instruct-v1"):
            with pytest.raises(NotFound):
                catalog.model(other)

    def test_a_model_that_a_job_works_with_stays(self, catalog: Catalog) -> None:
        catalog.add_model(a_model("one"))
        catalog.add_model(a_model("two"))
        catalog.add_job(a_job("tuning", request={"base": "one"}))
        catalog.add_job(a_job("judging", request={"models": ["two"]}))
        for name, job in (("one", "tuning"), ("two", "judging")):
            with pytest.raises(IllegalMove, match=job):
                catalog.remove_model(name)
            catalog.stop(job)
            catalog.remove_model(name)

    def test_an_adapter_needs_its_base(self, catalog: Catalog) -> None:
        with pytest.raises(NotFound, match="'base'"):
            catalog.add_model(a_model("tuned", kind=ModelKind.ADAPTER, base="base"))

    def test_a_base_under_an_adapter_stays(self, catalog: Catalog) -> None:
        catalog.add_model(a_model())
        catalog.add_model(a_model("tuned", kind=ModelKind.ADAPTER, base="base"))
        catalog.set_alias("short", "base")
        with pytest.raises(IllegalMove, match="tuned"):
            catalog.remove_model("base")
        assert catalog.remove_model("tuned").name == "tuned"
        assert catalog.remove_model("base") == a_model()
        assert catalog.aliases() == {}
        with pytest.raises(NotFound):
            catalog.remove_model("base")

    # keys

    def test_a_key_comes_back_as_it_was(self, catalog: Catalog, reopen: Callable[[], Catalog]) -> None:
        access, bearer = a_key(), a_key("bearer", kind=KeyKind.BEARER, name="Prüfung", expires=2.5)
        catalog.add_key(access)
        catalog.add_key(bearer)
        assert reopen().key(access.id) == access
        assert reopen().keys() == [access, bearer]
        with pytest.raises(AlreadyExists, match="'bearer'"):
            catalog.add_key(a_key("bearer"))

    def test_an_unknown_key_is_said(self, catalog: Catalog) -> None:
        assert catalog.keys() == []
        for look in (catalog.key, catalog.revoke_key):
            with pytest.raises(NotFound, match="'none'"):
                look("none")

    def test_a_key_is_revoked_once(self, catalog: Catalog, clock: Clock) -> None:
        catalog.add_key(a_key())
        catalog.add_key(a_key("other"))
        revoked = replace(a_key(), revoked=clock.now)
        assert catalog.revoke_key(a_key().id) == revoked
        clock.now += 10
        assert catalog.revoke_key(a_key().id) == revoked
        assert catalog.keys() == [revoked, a_key("other")]

    # health

    def test_a_check_leaves_nothing(self, catalog: Catalog, reopen: Callable[[], Catalog]) -> None:
        catalog.add_model(a_model())
        catalog.add_job(a_job())
        catalog.check()
        other = reopen()
        assert other.models() == [a_model()]
        assert [job.name for job in other.jobs()] == ["first"]
