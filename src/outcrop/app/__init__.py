"""The verbs, one file per noun, and ``Outcrop``, which gathers them for Python.

::

    from outcrop import Outcrop

    outcrop = Outcrop()
    outcrop.models.add("smollm2-135m-instruct-q4_1")
    outcrop.customize("smollm2-135m-instruct-q4_1", train="train.jsonl", name="synopsis")
    report = outcrop.evaluate(["smollm2-135m-instruct-q4_1", "synopsis"], data="test.jsonl", task="summarization")
    print(report.verdicts[0].headline)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from outcrop.app.compare import compare_jobs
from outcrop.app.conversation import answer
from outcrop.app.customization import prepare_customization, submit_customization
from outcrop.app.data import check_data, convert_data
from outcrop.app.data_fetch import Fetched, fetch_data
from outcrop.app.data_split import Split, find_leakage, split_data
from outcrop.app.deployments import Deployments
from outcrop.app.doctor import Diagnosis, diagnose
from outcrop.app.evaluation import DatasetChoice, generation_parameters, report_of, submit_evaluation
from outcrop.app.forgetting import measure_forgetting
from outcrop.app.invocation import submit_invocation
from outcrop.app.jobs import Jobs
from outcrop.app.judging import JudgeChoice
from outcrop.app.keys import Keys
from outcrop.app.models import Models
from outcrop.app.training import training_run
from outcrop.data.checking import DatasetCheck
from outcrop.data.columns import named_columns
from outcrop.data.conversion import Conversion
from outcrop.data.leakage import Leakage
from outcrop.data.splitting import SplitRequest, parse_shares
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.generation import GenerationParameters
from outcrop.domain.jobs import Job
from outcrop.domain.models import Model
from outcrop.domain.records import Purpose
from outcrop.domain.scores import Report
from outcrop.evaluation.forgetting import Forgetting
from outcrop.evaluation.matrix import Matrix
from outcrop.reports.training import TrainingRun
from outcrop.services import open_services
from outcrop.settings import read_settings
from outcrop.trainers.estimate import Estimate


class Outcrop:
    """Everything Outcrop can do, for the home folder that the settings name."""

    def __init__(self, home: str | Path | None = None) -> None:
        """Open the home folder, make it if it is not there, and see to jobs whose worker died.

        Args:
            home: The folder; ``OUTCROP_HOME`` or ``~/.outcrop`` where None.

        Raises:
            InvalidInput: A setting in the environment is out of range.
            NotSupported: The folder was written by a newer version.
            StorageFailure: It can't be read or written.
        """
        self.services = open_services(read_settings(home=home))
        self.models = Models(self.services)
        self.jobs = Jobs(self.services)
        self.keys = Keys(self.services)
        self.deployments = Deployments(self.services)
        self.recovered = self.services.recover()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections; jobs go on."""
        self.services.close()

    def doctor(self, *, measure: bool = False) -> Diagnosis:
        """Whether the machine, the installation and this home are fit for work; see ``app.doctor.diagnose``."""
        return diagnose(self.services.settings.home, measure=measure)

    def check_data(self, path: str | Path, purpose: str = "fine-tuning", model: str | None = None) -> DatasetCheck:
        """Read every line of a dataset and say what is in it and all that is wrong with it.

        Raises:
            InvalidInput: The purpose is none of ``fine-tuning``, ``pre-training`` and ``evaluation``.
            NotFound: There is no such model, or no file behind an ``s3://`` address.
            StorageFailure: The S3 service fails.
        """
        return check_data(self.services, str(path), _purpose(purpose), model)

    def convert_data(
        self, source: str | Path, target: str | Path, to: str, purpose: str | None = None, *, skip_faulty: bool = False
    ) -> Conversion:
        """Write a dataset in another format or another kind of file.

        Args:
            source: A path, or ``s3://BUCKET/KEY``.
            target: A file that is not there yet: jsonl, jsonl.gz, csv or parquet.
            to: The format, such as ``messages``.
            purpose: What the source is for; None for what the format is for.
            skip_faulty: Leave out what has a fault, or what the format can't express.

        Raises:
            InvalidInput: Faults: all of them. Nothing was written.
            AlreadyExists: The target is there.
            NotFound: There is no file behind an ``s3://`` address.
            MissingExtra: Parquet is read or written, and pyarrow is not installed.
            StorageFailure: The target can't be written.
        """
        wanted = None if purpose is None else _purpose(purpose)
        return convert_data(self.services, str(source), Path(target), to, wanted, skip_faulty=skip_faulty)

    def fetch_data(
        self,
        source: str | Path,
        target: str | Path,
        *,
        columns: str | Mapping[str, str] = "",
        limit: int | None = None,
        seed: int = 0,
    ) -> Fetched:
        """Write the evaluation records of a table, or of a dataset that is known by a name, into a file.

        Args:
            source: ``Builtin.NAME``, ``hub:OWNER/NAME[/CONFIG][:SPLIT][@REVISION]``, a path, or ``s3://BUCKET/KEY``.
            target: The file to make: .jsonl or .jsonl.gz.
            columns: What the columns are read as: ``{"prompt": "question"}`` or ``"prompt=question"``.
            limit: The most records, drawn by what they say and the seed; all where None.
            seed: Another seed draws other records.

        Raises:
            InvalidInput: The source has faults: all of them; or columns or limit are none.
            AlreadyExists: The target is there.
            NotFound: There is no such dataset, or the hub can't be reached.
            NotSupported: Its rows can't be records.
            StorageFailure: It came damaged, or can't be written.
        """
        return fetch_data(self.services, str(source), Path(target), named_columns(columns), limit, seed)

    def split_data(
        self,
        path: str | Path,
        into: str | Mapping[str, float],
        *,
        to: str | Path | None = None,
        stratify: str | None = None,
        group: str | None = None,
        time: str | None = None,
        seed: int = 0,
        keep_together: bool | None = None,
        text: Sequence[str] = (),
    ) -> Split:
        """Split a dataset into parts, each a file ``NAME.jsonl``, without the same records in two.

        Args:
            path: JSON Lines of any format: a path, or ``s3://BUCKET/KEY``.
            into: The parts and their shares, ``{"train": 0.8, "test": 0.2}`` or ``"train=0.8,test=0.2"``.
            to: The folder for the parts; the file's own where None.
            stratify: A field; each part gets its share of the records with each value.
            group: A field; records with the same value stay in one part.
            time: A field; the first part gets the oldest records.
            seed: Decides all that is random.
            keep_together: Whether records that are nearly the same stay in one part; None for yes, except by time.
            text: Fields by which those are found; all that is said where empty.

        Raises:
            InvalidInput: The file can't be read, or not split so: all its faults.
            AlreadyExists: A part's file is there already.
            UserError: The file was changed meanwhile.
            NotFound: There is no file behind an ``s3://`` address.
            StorageFailure: A part can't be written.
        """
        parts = into if isinstance(into, str) else ",".join(f"{name}={share}" for name, share in into.items())
        request = SplitRequest(parse_shares(parts), stratify, group, time, seed, keep_together, tuple(text))
        return split_data(self.services, str(path), request, None if to is None else Path(to))

    def find_leakage(self, *paths: str | Path, text: Sequence[str] = ()) -> Leakage:
        """The records that are in more than one of some files, the same or nearly.

        Raises:
            InvalidInput: There are fewer than two files, one comes twice, or one can't be read: all faults of all.
            NotFound: There is no file behind an ``s3://`` address.
            StorageFailure: There is no room for a temporary file.
        """
        return find_leakage(self.services, [str(path) for path in paths], text)

    def estimate(
        self,
        base: str,
        *,
        train: str | Path,
        name: str,
        validation: str | Path | None = None,
        method: str = "lora",
        purpose: str = "fine-tuning",
        probe: bool = True,
        **hyperparameters: Any,
    ) -> Estimate:
        """What ``customize`` with the same arguments would take; it raises what that would raise.

        With ``probe``, a few real steps are made in a process of its own, unless they were made before; that takes
        about as long as loading the model and five steps. Without, a kept probe is used, or a formula.

        Raises:
            NotSupported: Also where the probe failed.
        """
        return prepare_customization(
            self.services,
            base,
            train=train,
            name=name,
            validation=validation,
            method=method,
            purpose=_purpose(purpose),
            given=hyperparameters,
            probe=probe,
        ).estimate

    def customize(
        self,
        base: str,
        *,
        train: str | Path,
        name: str,
        validation: str | Path | None = None,
        method: str = "lora",
        purpose: str = "fine-tuning",
        output: str | Path | None = None,
        wait: bool = True,
        **hyperparameters: Any,
    ) -> Model | Job:
        """Train a custom model.

        Args:
            base: Name of the model to start from; it is never changed.
            train: Training data in one of the formats of docs/reference/formats.md: a path, or ``s3://BUCKET/KEY``.
            name: The custom model's name.
            validation: Held-out records whose loss is measured before, between epochs and after.
            method: ``lora`` or ``full``.
            purpose: ``fine-tuning`` for answers to learn, ``pre-training`` for texts.
            output: A folder or ``s3://BUCKET/PREFIX`` for the curve's tables, as Bedrock writes them.
            wait: Wait for the end and return the custom model; else return the queued job.
            **hyperparameters: Those of ``domain.hyperparameters``.

        Raises:
            InvalidInput: Faults in names, data or hyperparameters: all of them.
            NotFound, AlreadyExists, NotSupported: The base, the name, or what the base allows.
            JobFailed: With ``wait``, the job failed or was stopped.
        """
        prepared = prepare_customization(
            self.services,
            base,
            train=train,
            name=name,
            validation=validation,
            method=method,
            purpose=_purpose(purpose),
            output=output,
            given=hyperparameters,
        )
        job = submit_customization(self.services, prepared)
        if not wait:
            return job
        self.jobs.wait(job.id)
        return self.models.show(name)

    def curve(self, name: str) -> TrainingRun:
        """The training curve of a customization job or a custom model, with its diagnosis; see ``training_run``.

        Raises:
            NotFound: There is neither a job nor a model of that name.
            NotSupported: It is an evaluation job, or a model that was not trained here.
        """
        return training_run(self.services, name)

    def evaluate(
        self,
        models: str | Sequence[str],
        *,
        data: str | Path,
        task: str,
        metrics: Sequence[str] = (),
        columns: str | Mapping[str, str] = "",
        asked: str | None = None,
        template: str | None = None,
        chat: bool | None = None,
        shots: int = 0,
        examples: str | Path | None = None,
        robustness: Sequence[str] = (),
        variants: int = 5,
        limit: int | None = None,
        stored: Sequence[str] = (),
        judging: JudgeChoice | None = None,
        output: str | Path | None = None,
        price_per_hour: float | None = None,
        name: str | None = None,
        wait: bool = True,
        seed: int = 0,
        **generation: Any,
    ) -> Report | Job:
        """Score models on a dataset; every later model is compared with the first.

        Args:
            models: One name, or several; none where ``stored`` names what is scored.
            data: Evaluation records: a path, or ``s3://BUCKET/KEY``.
            task: A task type, such as ``summarization``.
            metrics: Names of metrics; the task's own where empty. The verdict rests on the first.
            columns: What the data's columns are read as, and those of the examples: ``{"prompt": "question"}`` or
                ``"prompt=question"``.
            asked: ``generate`` or ``choose``; as the task type has it where None, and so for the next two.
            template: The user's message: a text with ``{{prompt}}``.
            chat: Whether the models' chat templates are used.
            shots: Examples with their right responses before each record.
            examples: Evaluation records that the examples are drawn from.
            robustness: Perturbations whose cost is measured, by asking perturbed prompts too; ``["all"]`` for the
                usual ones.
            variants: How many variants of each prompt, for each kind that has chance in it.
            limit: How many records are drawn, by content and seed; None for all.
            stored: ``modelIdentifier``s of responses that the data brings along; they are scored after ``models``.
            judging: Which models judge the responses, by what and how; none where None.
            output: A folder or an ``s3://`` address for the records as Bedrock writes them.
            price_per_hour: Of this machine, from which the cost of 1,000 responses follows.
            name: The job's name; made up where None.
            wait: Wait for the end and return the report; else return the queued job.
            seed: Decides all that is random: samples, statistics, and which examples are shown.
            **generation: Fields of ``GenerationParameters``.

        Raises:
            InvalidInput: Faults in the data or the parameters: all of them.
            NotFound, AlreadyExists: A model, metric, encoder or task type; the job's name.
            NotSupported: A model is an encoder, or a metric's encoder is none.
            JobFailed: With ``wait``, the job failed or was stopped.
        """
        job = submit_evaluation(
            self.services,
            [models] if isinstance(models, str) else list(models),
            [
                DatasetChoice(
                    data,
                    task,
                    metrics,
                    asked,
                    template,
                    chat,
                    shots,
                    examples,
                    robustness,
                    variants,
                    limit,
                    columns,
                )
            ],
            name=name,
            seed=seed,
            given=generation,
            stored=stored,
            judging=judging,
            output=output,
            price_per_hour=price_per_hour,
        )
        if not wait:
            return job
        return report_of(self.jobs.wait(job.id))

    def invoke(
        self,
        model: str,
        *,
        data: str | Path,
        output: str | Path,
        converse: bool = False,
        hours: float | None = None,
        name: str | None = None,
        wait: bool = True,
    ) -> Job:
        """Let a model answer every record of a file, or of the files of a folder.

        Args:
            model: The model's name or alias; one of Bedrock's ids says in which family's words it is asked.
            data: JSON Lines of ``{"recordId": ..., "modelInput": {...}}``: a path, or an ``s3://`` address.
            output: A folder, or an ``s3://`` address: the answers lie below it, in a folder with the job's id.
            converse: Whether bodies are Converse's; else they are InvokeModel's.
            hours: After so many the job ends with what it has; None for never.
            name: The job's name; made up where None.
            wait: Wait for the end and return the job that is done; else return the queued job.

        Raises:
            InvalidInput: A name, the output or hours are none, or lines of the data are: all faults.
            NotFound, AlreadyExists: The model or the data; the job's name.
            NotSupported: The model writes no text.
            JobFailed: With ``wait``, the job failed or was stopped.
        """
        job = submit_invocation(
            self.services,
            model,
            data=data,
            output=output,
            wording="converse" if converse else "invoke",
            hours=hours,
            name=name,
        )
        return self.jobs.wait(job.id) if wait else job

    def compare(
        self,
        *jobs: str,
        baseline: str | None = None,
        metrics: Sequence[str] = (),
        fail_if: Sequence[str] = (),
        detect: float | None = None,
        seed: int = 0,
    ) -> Matrix:
        """The models of several evaluation jobs on all their datasets; every later model against the first.

        Args:
            *jobs: Evaluation jobs that are done, by id or name.
            baseline: The model that the others are compared with; the first job's first where None.
            metrics: What to compare by, the first decides; what the jobs of a dataset share where empty.
            fail_if: Gates, such as ``rougeL drop > 0.01``; the result's ``gates`` say which failed.
            detect: A difference whose number of records is asked for, in the unit of the metric.
            seed: Of what is drawn in intervals, tests and ranks.

        Raises:
            InvalidInput: Jobs can't be compared, naming what differs; or a gate or an argument is wrong: all faults.
            NotFound: There is no such job.
            NotSupported: A newer version kept a job's rows.
        """
        return compare_jobs(
            self.services, jobs, baseline=baseline, metrics=metrics, gates=fail_if, detect=detect, seed=seed
        )

    def forgetting(
        self, model: str, *, domain: str | Path, general: str | Path | None = None, seed: int = 0
    ) -> Forgetting:
        """What a custom model learnt of a domain and forgot of other texts: perplexity before and after.

        Args:
            model: The custom model; it is compared with its base, and with the custom model it was gone on from.
            domain: Held-out texts of what it was trained for: a file or a folder in a format of pre-training.
            general: Held-out texts of what it should still know.
            seed: Of what is drawn in intervals and tests.

        Raises:
            InvalidInput: Texts can't be read, are fewer than two, or are in the training data: all faults.
            NotFound: There is no such model, its base is gone, or there is no file behind an ``s3://`` address.
            NotSupported: The model was not made by a customization.
            UserError: A model that it came from is another one by now.
            StorageFailure: A model's files are missing, or the S3 service fails.
        """
        return measure_forgetting(self.services, model, domain=domain, general=general, seed=seed)

    def ask(self, model: str, prompt: str, **generation: Any) -> Iterator[str]:
        """A model's answer to a prompt, piece by piece.

        Raises:
            NotFound: There is no such model.
            NotSupported: It is an encoder.
            InvalidInput: The prompt is longer than the model's context, or a parameter is out of range.
        """
        yield from answer(
            self.services.engines(),
            model,
            prompt,
            generation_parameters(GenerationParameters(max_tokens=256), generation),
        )


def _purpose(purpose: str) -> Purpose:
    try:
        return Purpose(purpose)
    except ValueError:
        want = f"one of {', '.join(known.value for known in Purpose)}"
        raise InvalidInput([Fault("request", None, "purpose", repr(purpose), want)]) from None


__all__ = ["Outcrop"]
