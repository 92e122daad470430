from __future__ import annotations

import json
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from outcrop.data.splitting import Share, SplitPlan, SplitRequest, parse_shares, plan
from outcrop.domain.errors import InvalidInput

EIGHT_TWO = parse_shares("train=0.8,test=0.2")
Write = Callable[..., Path]


def record(number: int, **others: Any) -> dict[str, Any]:
    return {"prompt": f"question {number} about {number * 7919 % 1000}", "completion": str(number), **others}


def where(made: SplitPlan, path: Path) -> dict[str, str]:
    """The part of each line's content."""
    lines = path.read_text(encoding="utf-8").splitlines()
    names = [one.name for one in made.request.shares]
    return {lines[line - 1]: names[part] for line, part in zip(made.lines, made.part, strict=True)}


def faults(error: InvalidInput) -> list[str]:
    return [str(fault) for fault in error.faults]


def test_shares_are_exact() -> None:
    assert parse_shares(" a=0.1, b=9/10") == (Share("a", Fraction(1, 10)), Share("b", Fraction(9, 10)))
    assert len(parse_shares(",".join(f"part-{n}=0.1" for n in range(10)))) == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train", 'into: found "train"; expected train=0.8'),
        ("train=much", 'found "train=much"'),
        ("train=1/0", 'found "train=1/0"'),
        ("a=0.5,b=0.4", "found shares that add up to 0.9; expected shares that add up to 1"),
        ("a=1.5,b=-0.5", "found a share of -1/2"),
        ("a=0.5,A=0.5", "found a name twice"),
        ("../a=1", 'found the name "../a"'),
        ("=1", 'found the name ""'),
    ],
)
def test_shares_that_are_none(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_shares(text)
    assert said in str(caught.value)


def test_random_sizes_are_exact(write: Write) -> None:
    path = write(*(record(n) for n in range(13)))
    made = plan(path, SplitRequest(parse_shares("train=0.8,validation=0.1,test=0.1")))
    assert made.wanted == (11, 1, 1)
    assert [made.count(number) for number in range(3)] == [11, 1, 1]
    assert made.lines.tolist() == list(range(1, 14))


def test_the_seed_decides_and_the_order_does_not(write: Write) -> None:
    records = [record(n, nested={"b": 1, "a": [n]}) for n in range(40)]
    straight = write(*records)
    shuffled = write(*random.Random(1).sample(records, 40), name="shuffled.jsonl")
    first = where(plan(straight, SplitRequest(EIGHT_TWO, seed=3)), straight)
    assert where(plan(shuffled, SplitRequest(EIGHT_TWO, seed=3)), shuffled) == first
    assert where(plan(straight, SplitRequest(EIGHT_TWO, seed=4)), straight) != first


def test_strata_of_few_records(write: Write) -> None:
    kinds = ["x"] * 20 + ["y"] * 5 + ["z"]
    path = write(*(record(n, meta={"kind": kind}) for n, kind in enumerate(kinds)))
    made = plan(path, SplitRequest(EIGHT_TWO, stratify="meta.kind"))
    assert [(one.value, one.counts) for one in made.strata] == [("x", (16, 4)), ("y", (4, 1)), ("z", (1, 0))]


def test_a_text_and_a_number_are_two_strata(write: Write) -> None:
    path = write(*(record(n, kind=1 if n % 2 else "1") for n in range(20)))
    made = plan(path, SplitRequest(EIGHT_TWO, stratify="kind"))
    assert [(one.value, one.counts) for one in made.strata] == [("1", (8, 2)), (1, (8, 2))]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 15)), min_size=12, max_size=60),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_record_is_in_one_part(
    write: Write, rows: list[tuple[int, int]], grouped: bool, stratified: bool, together: bool
) -> None:
    path = write(*(record(n % 20, kind=kind, of=group) for n, (kind, group) in enumerate(rows)))
    request = SplitRequest(
        EIGHT_TWO,
        group="of" if grouped else None,
        stratify="kind" if stratified else None,
        keep_together=together,
    )
    try:
        made = plan(path, request)
    except InvalidInput:
        # Groups, and twins in them, may all hang together, and then no part of two can be filled.
        if not grouped:
            raise
        reject()
    assert made.lines.tolist() == list(range(1, len(rows) + 1))
    assert sum(made.count(number) for number in range(2)) == len(rows)
    if grouped:
        parts: dict[int, set[int]] = {}
        for (_, group), part in zip(rows, made.part.tolist(), strict=True):
            parts.setdefault(group, set()).add(part)
        assert all(len(found) == 1 for found in parts.values())
        assert made.n_groups == len(parts)
    if together:
        assert not made.leakage.n_exact_pairs
        assert not made.leakage.n_near_pairs
    if not grouped and not stratified and not together:
        assert [made.count(0), made.count(1)] == list(made.wanted)


def test_twins_stay_together_or_are_reported(write: Write) -> None:
    said = "the quick brown fox jumps over the lazy dog and runs far away from here today"
    near = said.replace("the quick", "a quick")
    path = write(
        *({"prompt": text, "completion": "x"} for text in [said, said.upper(), near] * 4), *map(record, range(8))
    )
    together = plan(path, SplitRequest(EIGHT_TWO))
    assert together.n_bound == 12
    assert len(set(together.part[:12].tolist())) == 1
    assert [part.n_exact + part.n_near for part in together.leakage.parts] == [0, 0]
    apart = plan(path, SplitRequest(EIGHT_TWO, keep_together=False))
    assert apart.n_bound == 0
    assert apart.leakage.n_exact_pairs > 0


def test_by_time(write: Write) -> None:
    days = ["2024-03-01", "2024-01-01", "2024-02-01T10:00:00", "2024-01-15", "2023-12-31"]
    path = write(*(record(n, at=day) for n, day in enumerate(days)))
    made = plan(path, SplitRequest(parse_shares("train=0.6,test=0.4"), time="at"))
    assert made.part.tolist() == [1, 0, 1, 0, 0]
    zoned = write(record(0, at="2024-01-01T00:30:00+01:00"), record(1, at="2023-12-31T23:45:00Z"), name="zoned.jsonl")
    assert plan(zoned, SplitRequest(parse_shares("a=0.5,b=0.5"), time="at")).part.tolist() == [0, 1]


def test_times_of_two_kinds(write: Write) -> None:
    path = write(*(record(n, at=at) for n, at in enumerate([1, 2.5, "2024-01-01", True, "soon"])))
    with pytest.raises(InvalidInput) as caught:
        plan(path, SplitRequest(EIGHT_TWO, time="at"))
    assert [fault.line for fault in caught.value.faults] == [4, 5, 3]
    assert "found a date without a time zone; expected a number, as in the first record" in str(caught.value)
    assert 'found "soon"; expected a number, or a date such as' in str(caught.value)


def test_time_decides_alone() -> None:
    with pytest.raises(InvalidInput) as caught:
        SplitRequest(EIGHT_TWO, time="at", group="of", stratify="kind", keep_together=True)
    assert len(caught.value.faults) == 3
    assert not SplitRequest(EIGHT_TWO, time="at").binds_twins


def test_a_field_that_is_not_there(write: Write) -> None:
    path = write({"prompt": "a", "meta": {"kind": "x"}}, {"prompt": "b"}, {"prompt": "c", "meta": {"kind": ["x"]}})
    with pytest.raises(InvalidInput) as caught:
        plan(path, SplitRequest(EIGHT_TWO, stratify="meta.kind", text=("completion",)))
    assert faults(caught.value)[1:3] == [
        f'{path}:2: meta.kind: found no such field; expected a text or a number in it; the record has "prompt"',
        f"{path}:2: completion: found no such field; expected a field with a text, which --text names",
    ]
    assert "3: meta.kind: found a list of 1; expected a text or a number" in str(caught.value)
    assert caught.value.total == 5


def test_a_part_without_a_record(write: Write) -> None:
    path = write(*map(record, range(4)))
    with pytest.raises(InvalidInput, match="no record for test among 4; expected larger shares"):
        plan(path, SplitRequest(parse_shares("train=0.9,test=0.1")))
    grouped = write(*(record(n, of="one") for n in range(10)), name="grouped.jsonl")
    with pytest.raises(InvalidInput, match="no record for test among 10; expected smaller groups"):
        plan(grouped, SplitRequest(EIGHT_TWO, group="of"))


def test_lines_that_are_wrong(write: Write) -> None:
    path = write(b'{"prompt": "a"}\n[]\n{"prompt"\n')
    with pytest.raises(InvalidInput) as caught:
        plan(path, SplitRequest(EIGHT_TWO))
    assert [fault.line for fault in caught.value.faults] == [2, 3]
    with pytest.raises(InvalidInput, match="no file"):
        plan(path.parent / "none.jsonl", SplitRequest(EIGHT_TWO))


def test_what_is_about_a_record_does_not_keep_twins_apart(write: Write) -> None:
    records = [
        {"id": str(n), "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}
        for n in range(6)
    ]
    path = write(*records, {"completion": "ho", "prompt": " HI "}, *map(record, range(20)))
    made = plan(path, SplitRequest(EIGHT_TWO))
    assert made.n_bound == 7


def test_only_the_fields_that_are_named_are_compared(write: Write) -> None:
    path = write(*({"prompt": "same", "completion": f"other {n}"} for n in range(8)), *map(record, range(8)))
    assert plan(path, SplitRequest(EIGHT_TWO)).n_bound == 0
    assert plan(path, SplitRequest(EIGHT_TWO, text=("prompt",))).n_bound == 8
    assert json.loads(path.read_text().splitlines()[0])["prompt"] == "same"
