from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.generation import Spending
from outcrop.engines.remote.ledger import Budget, Ledger


def test_without_a_budget_all_fits() -> None:
    ledger = Ledger(Budget())
    assert ledger.set_aside(Spending(10**12, 1e12))


def test_what_is_set_aside_counts_until_it_is_settled() -> None:
    ledger = Ledger(Budget(cost=1.0))
    most = Spending(100, 0.6)
    assert ledger.set_aside(most)
    assert not ledger.set_aside(most)
    ledger.settle(most, Spending(10, 0.1))
    assert ledger.spent == Spending(10, 0.1)
    assert ledger.set_aside(most)
    ledger.settle(most, Spending(100, 0.6))
    assert not ledger.set_aside(most)


def test_tokens_have_a_budget_too() -> None:
    ledger = Ledger(Budget(tokens=100))
    ledger.charge(Spending(60, 9.0))
    assert not ledger.set_aside(Spending(41))
    assert ledger.set_aside(Spending(40))


def test_the_whole_budget_can_be_used() -> None:
    ledger = Ledger(Budget(cost=1.0))
    for _ in range(10):
        assert ledger.set_aside(Spending(1, 0.1))
        ledger.settle(Spending(1, 0.1), Spending(1, 0.1))
    assert not ledger.set_aside(Spending(1, 0.1))


def test_a_refusal_says_what_to_do() -> None:
    ledger = Ledger(Budget(cost=2.5, tokens=1000))
    ledger.charge(Spending(900, 2.25))
    assert ledger.refusal(Spending(200, 0.5)) == (
        "the budget leaves no room for another request (2.25 of 2.5 spent, 0.5 the next may cost; 900 of 1,000 tokens "
        "used, 200 the next may take); what came is kept; to go on, raise OUTCROP_BUDGET or OUTCROP_TOKEN_BUDGET and "
        "resume the job"
    )


@given(st.integers(0, 5000), st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1)), max_size=60))
def test_nothing_ever_exceeds_the_budget(budget: int, requests: list[tuple[int, float]]) -> None:
    """As long as an answer costs no more than was set aside for it."""
    ledger = Ledger(Budget(tokens=budget))
    under_way: list[tuple[Spending, Spending]] = []
    for most, share in requests:
        if ledger.set_aside(Spending(most)):
            under_way.append((Spending(most), Spending(int(most * share))))
        if len(under_way) > 3:
            ledger.settle(*under_way.pop(0))
        assert ledger.spent.tokens + sum(one.tokens for one, _ in under_way) <= budget
    for most_spent in under_way:
        ledger.settle(*most_spent)
    assert ledger.spent.tokens <= budget
