"""The datasets that Bedrock calls ``Builtin.…``: where their originals are, and how a row becomes evaluation records.

Bedrock ships copies of them; here they are fetched from their publishers, at the user's word and under their licences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from outcrop.data.hub import HubDataset
from outcrop.data.reading import JsonObject
from outcrop.domain.errors import NotFound

PREFIX = "builtin."

#: Prompts that an evaluation job of Bedrock's draws from one of these.
DRAWN = 100


@dataclass(frozen=True)
class BuiltinDataset:
    """One of Bedrock's datasets.

    Attributes:
        name: As its API spells it.
        hub: The original, or the public copy of it.
        licence: Under which its publisher gives it; the last word is the publisher's page.
        task: The task type that Bedrock uses it for first.
        about: What its prompts, right answers and categories are.
        records: The evaluation records of a row, which may be none.
    """

    name: str
    hub: HubDataset
    licence: str
    task: str
    about: str
    records: Callable[[JsonObject], Iterator[JsonObject]]


def _bold(row: Any) -> Iterator[JsonObject]:
    for prompt, article in zip(row["prompts"], row["wikipedia"], strict=True):
        yield _record(prompt, _rest(prompt, article), row["domain"], cluster=row["name"])


def _boolq(row: Any) -> Iterator[JsonObject]:
    yield _record(f"{row['passage']}\n\nQuestion: {row['question']}?", "yes" if row["answer"] else "no")


def _natural_questions(row: Any) -> Iterator[JsonObject]:
    yield _record(f"{row['question']}?", references=row["answer"])


def _gigaword(row: Any) -> Iterator[JsonObject]:
    yield _record(row["document"], row["summary"])


def _real_toxicity_prompts(row: Any) -> Iterator[JsonObject]:
    toxicity = row["prompt"].get("toxicity")
    category = None if toxicity is None else "toxic" if toxicity >= 0.5 else "not toxic"
    yield _record(row["prompt"]["text"], row["continuation"]["text"], category)


def _trivia_qa(row: Any) -> Iterator[JsonObject]:
    value, aliases = row["answer"]["value"], row["answer"]["aliases"]
    yield _record(row["question"], references=list(dict.fromkeys([value, *aliases])))


def _t_rex(row: Any) -> Iterator[JsonObject]:
    """A template such as ``[X] is the capital of [Y] .`` is a prompt where it ends with what is asked for."""
    begin, asked, rest = str(row["template"]).partition("[Y]")
    if asked and "[X]" in begin and not rest.strip(" ."):
        prompt = begin.replace("[X]", row["sub_label"]).strip()
        yield _record(prompt, row["obj_label"], row["predicate_id"], cluster=row["sub_label"])


def _clothing_reviews(row: Any) -> Iterator[JsonObject]:
    if row.get("review_text"):
        yield _record(row["review_text"], str(int(row["recommended_ind"])), row.get("department_name"))


def _wikitext(row: Any) -> Iterator[JsonObject]:
    """A paragraph; headings are left out, whose lines begin with an equals sign."""
    text = row["text"].strip()
    if text and not text.startswith("="):
        yield {"text": text}


def _record(
    prompt: str,
    reference: str | None = None,
    category: str | None = None,
    *,
    references: list[str] | None = None,
    cluster: str | None = None,
) -> JsonObject:
    fields = {"prompt": prompt.strip(), "referenceResponse": (reference or "").strip(), "references": references}
    fields |= {"category": category, "cluster": cluster}
    return {name: value for name, value in fields.items() if value}


def merge(records: Iterable[JsonObject]) -> list[JsonObject]:
    """Records with the same text, or the same prompt and category, as one: all their right answers are right."""
    kept: dict[tuple[object, ...], JsonObject] = {}
    for record in records:
        first = kept.setdefault((record.get("text"), record.get("prompt"), record.get("category")), record)
        answers = list(dict.fromkeys([*_answers(first), *_answers(record)]))
        if len(answers) > 1:
            first["references"] = answers
            first.pop("referenceResponse", None)
    return list(kept.values())


def _answers(record: Any) -> list[str]:
    return record.get("references") or [each for each in [record.get("referenceResponse")] if each]


def _rest(prompt: str, article: str) -> str:
    """How an article that begins with the prompt goes on; all of it where it does not."""
    return article.removeprefix(prompt).strip()


BUILTIN = {
    dataset.name.lower(): dataset
    for dataset in (
        BuiltinDataset(
            "Builtin.Bold",
            HubDataset("AmazonScience/bold", split="train"),
            "CC BY-SA 4.0",
            "generation",
            "Beginnings of Wikipedia sentences about people and groups, and how they go on; by domain",
            _bold,
        ),
        BuiltinDataset(
            "Builtin.BoolQ",
            HubDataset("google/boolq", split="validation"),
            "CC BY-SA 3.0",
            "question-answering",
            "A passage and a question about it; yes or no",
            _boolq,
        ),
        BuiltinDataset(
            "Builtin.NaturalQuestions",
            HubDataset("google-research-datasets/nq_open", split="validation"),
            "CC BY-SA 3.0",
            "question-answering",
            "Questions that people asked a search engine; all right answers (the open-domain version)",
            _natural_questions,
        ),
        BuiltinDataset(
            "Builtin.Gigaword",
            HubDataset("Harvard/gigaword", split="test"),
            "see the publisher's page: the news texts are those of LDC2012T21",
            "summarization",
            "First sentences of news; their headlines",
            _gigaword,
        ),
        BuiltinDataset(
            "Builtin.RealToxicityPrompts",
            HubDataset("allenai/real-toxicity-prompts", split="train"),
            "Apache-2.0",
            "generation",
            "Beginnings of sentences from the web, and how they go on; toxic or not, by the prompt's own score",
            _real_toxicity_prompts,
        ),
        BuiltinDataset(
            "Builtin.TriviaQA",
            HubDataset("mandarjoshi/trivia_qa", "rc.nocontext", "validation"),
            "see the publisher's page: the questions belong to their authors",
            "question-answering",
            "Questions of quiz leagues; all right answers",
            _trivia_qa,
        ),
        BuiltinDataset(
            "Builtin.T-Rex",
            HubDataset("facebook/lama", "trex", "train"),
            "CC BY-NC 4.0",
            "generation",
            "Facts of Wikidata as sentences that lack their end, and all right ends; by relation",
            _t_rex,
        ),
        BuiltinDataset(
            "Builtin.WomensEcommerceClothingReviews",
            HubDataset("saattrupdan/womens-clothing-ecommerce-reviews", split="test"),
            "CC0 1.0",
            "classification",
            "Reviews of clothes; 1 where the customer recommends it, else 0; by department",
            _clothing_reviews,
        ),
        BuiltinDataset(
            "Builtin.Wikitext2",
            HubDataset("Salesforce/wikitext", "wikitext-2-raw-v1", "test"),
            "CC BY-SA 3.0 and GFDL",
            "perplexity",
            "Paragraphs of Wikipedia's good articles",
            _wikitext,
        ),
    )
}


def is_builtin(name: str) -> bool:
    """Whether a name is meant to be one of Bedrock's, right or wrong."""
    return name.lower().startswith(PREFIX)


def builtin(name: str) -> BuiltinDataset:
    """The dataset of that name, in whatever case, with ``Builtin.`` before it.

    Raises:
        NotFound: There is none; the message lists those that there are.
    """
    found = BUILTIN.get(name.lower())
    if found is None:
        known = ", ".join(each.name for each in BUILTIN.values())
        raise NotFound(f"there is no dataset {name!r}; there is {known}")
    return found
