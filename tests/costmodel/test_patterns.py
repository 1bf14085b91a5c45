"""The pairs of the sparse patterns against masks written straight from the paper's sets."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import costmodel.sweep
import costmodel.symbolic  # noqa: F401 (both teach `lifts`)
from costmodel.dimension import CostModelError
from costmodel.patterns import PATTERNS, WINDOWS, FixedPairs, StridedPairs, fixed_pairs, strided_pairs, touched_blocks

N = 96
QUERY, KEY = np.arange(N)[:, None], np.arange(N)[None, :]

orders = pytest.mark.parametrize("causal", [True, False], ids=["causal", "both-ways"])
windows = pytest.mark.parametrize("window", WINDOWS)


# Masks of N positions. None of the sets depends on n, so the leading n rows and columns are the mask of n.


def strided_masks(stride: int, causal: bool, window: str) -> StridedPairs:
    order = (KEY <= QUERY) if causal else np.full((N, N), True)
    local = order & (abs(QUERY - KEY) <= (stride if window == "paper" else stride - 1))
    strided = order & ((QUERY - KEY) % stride == 0)
    return StridedPairs(local, strided, local | strided)


def fixed_masks(stride: int, summary: int, causal: bool) -> FixedPairs:
    order = (KEY <= QUERY) if causal else np.full((N, N), True)
    block = order & (KEY // stride == QUERY // stride)
    summaries = order & np.isin(KEY % stride, range(stride - summary, stride))
    return FixedPairs(block, summaries, block | summaries)


def counted(masks: tuple[np.ndarray, ...]) -> Iterator[tuple[int, ...]]:
    """The pairs of each mask for n = 1, 2, …, N: one cumulative sum has them all on its diagonal."""
    return zip(*(mask.astype(int).cumsum(0).cumsum(1).diagonal().tolist() for mask in masks), strict=True)


def blocks_counted(mask: np.ndarray, n: int, block: int) -> int:
    starts = range(0, n, block)
    return int(np.logical_or.reduceat(np.logical_or.reduceat(mask[:n, :n], starts, 0), starts, 1).sum())


def summaries_of(stride: int) -> list[int]:
    return sorted({1, min(2, stride), min(8, stride), stride})


# Every length and stride, by counting


@orders
@windows
def test_strided_pairs_are_those_of_the_mask(causal: bool, window: str) -> None:
    """For every n ≤ 96 and every stride, the closed forms count the masks."""
    for stride in range(1, N + 1):
        for n, counts in enumerate(counted(strided_masks(stride, causal, window)), 1):
            if stride <= n:
                assert strided_pairs(n, stride, causal=causal, window=window) == counts, (n, stride)


@orders
def test_fixed_pairs_are_those_of_the_mask(causal: bool) -> None:
    """For every n ≤ 96, every stride and summaries small, usual and whole, the closed forms count the masks."""
    for stride in range(1, N + 1):
        for summary in summaries_of(stride):
            for n, counts in enumerate(counted(fixed_masks(stride, summary, causal)), 1):
                if stride <= n:
                    assert fixed_pairs(n, stride, summary, causal=causal) == counts, (n, stride, summary)


def test_a_wrong_mask_is_noticed() -> None:
    """A window wider by one differs wherever it can, so the comparisons above can fail."""
    stride = 5
    distance = QUERY - KEY
    wider = (distance >= 0) & (distance <= stride + 1)
    differ = [
        n
        for n, (count,) in enumerate(counted((wider,)), 1)
        if n >= stride and strided_pairs(n, stride, causal=True, window="paper").local != count
    ]
    assert differ == list(range(stride + 2, N + 1))


@orders
@pytest.mark.parametrize("block", [1, 2, 3, 5, 8, 32])
def test_touched_blocks_are_those_of_the_mask(causal: bool, block: int) -> None:
    """For every n ≤ 40 and every stride, whole and partial blocks, aligned with the pattern or not."""
    for stride in range(1, 41):
        cases = [("strided", window, 1, strided_masks(stride, causal, window).union) for window in WINDOWS]
        cases += [("fixed", "code", c, fixed_masks(stride, c, causal).union) for c in summaries_of(stride)]
        for (pattern, window, summary, union), n in itertools.product(cases, range(stride, 41)):
            touched = touched_blocks(n, stride, summary, block, pattern=pattern, causal=causal)
            assert touched == blocks_counted(union, n, block), (pattern, window, n, stride, summary)


def test_a_partial_last_block_is_noticed() -> None:
    """Taking the last block for a whole one changes the count, so the comparison above can fail."""
    union = strided_masks(5, True, "paper").union
    assert blocks_counted(union, 13, 3) == 14
    assert blocks_counted(union, 15, 3) == 15


# By hand


def test_thirteen_positions_by_hand() -> None:
    """n = 13, l = 5, c = 2, blocks of 3."""
    # Rows 0–4 see 1, …, 5 positions; rows 5–12 the paper's 6 or the code's 5. 15 + 8·6 = 63, 15 + 8·5 = 55.
    # Strided: rows 0–4 see 1, rows 5–9 two, rows 10–12 three. 5 + 10 + 9 = 24.
    # Union: 15, then 6 in rows 5–9, then 6 and the one at distance 10 in rows 10–12. 15 + 30 + 21 = 66.
    assert strided_pairs(13, 5, causal=True, window="paper") == (63, 24, 66)
    assert strided_pairs(13, 5, causal=True, window="code") == (55, 24, 66)
    assert strided_pairs(13, 5, causal=False, window="paper") == (113, 35, 119)
    # Blocks 0–4, 5–9, 10–12: 15 + 15 + 6 = 36. Summaries 3, 4, 8, 9 are seen by 10 + 9 + 5 + 4 = 28.
    # Union: the blocks, and 2 summaries for each of 5 rows, 4 for each of 3. 36 + 10 + 12 = 58.
    assert fixed_pairs(13, 5, 2, causal=True) == (36, 28, 58)
    # Both ways: 25 + 25 + 9 = 59; 4 · 13 = 52; the block head shares 2·5 + 2·5 of them. 59 + 52 − 20 = 91.
    assert fixed_pairs(13, 5, 2, causal=False) == (59, 52, 91)
    # Fixed: the key block 0–2 has no summary and is seen from 0–2 and 3–5; 3–5, 6–8 and 9–11 have one and are
    # seen from all 4, 3 and 2 blocks from there on; 12 sees itself. 2 + 4 + 3 + 2 + 1 = 12.
    assert touched_blocks(13, 5, 2, 3, pattern="fixed", causal=True) == 12
    # Strided: of the 15, only query 12 and keys 3–5 are at distances, 7–9, that nobody attends to.
    assert touched_blocks(13, 5, 2, 3, pattern="strided", causal=True) == 14


# Laws

lengths = st.integers(1, 10**12).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))


def obey(pairs: tuple[int, int, int], longer: tuple[int, int, int], most: int) -> None:
    first, second, union = pairs
    assert max(first, second) <= union <= min(first + second, most)
    assert all(a < b for a, b in zip(pairs, longer, strict=True))


@orders
@windows
@given(lengths)
def test_laws_of_strided_pairs(causal: bool, window: str, length: tuple[int, int]) -> None:
    """A union lies between its heads and their sum; a longer sequence has more pairs."""
    n, stride = length
    pairs, longer = (strided_pairs(m, stride, causal=causal, window=window) for m in (n, n + 1))
    obey(pairs, longer, n * (n + 1) // 2 if causal else n * n)


@orders
@given(lengths.flatmap(lambda length: st.tuples(st.just(length), st.integers(1, length[1]))))
def test_laws_of_fixed_pairs(causal: bool, case: tuple[tuple[int, int], int]) -> None:
    """The same laws: from n = l on, every further position sees a summary."""
    (n, stride), summary = case
    pairs, longer = (fixed_pairs(m, stride, summary, causal=causal) for m in (n, n + 1))
    obey(pairs, longer, n * (n + 1) // 2 if causal else n * n)


@orders
@pytest.mark.parametrize("pattern", PATTERNS)
@given(st.integers(1, 400), st.data())
def test_touched_blocks_hold_the_union(causal: bool, pattern: str, n: int, data: st.DataObject) -> None:
    """Blocks of one position are the union itself; larger ones hold it and are never more than there are."""
    stride = data.draw(st.integers(1, n))
    summary = data.draw(st.integers(1, stride))
    block = data.draw(st.integers(1, n + 1))

    def touched(block: int) -> int:
        return touched_blocks(n, stride, summary, block, pattern=pattern, causal=causal)

    if pattern == "strided":
        union = strided_pairs(n, stride, causal=causal, window="paper").union
    else:
        union = fixed_pairs(n, stride, summary, causal=causal).union
    blocks = -(-n // block)
    assert touched(1) == union <= touched(block) * block**2
    assert touched(block) <= (blocks * (blocks + 1) // 2 if causal else blocks**2)


# Other kinds of dimension

POINTS = [(96, 8, 1), (97, 13, 13), (3136, 56, 8), (7, 7, 3), (10**20 + 39, 10**10 + 19, 10**9 + 7)]


@orders
def test_arrays_hold_what_the_integers_give(causal: bool) -> None:
    """Element by element, past 64 bits."""
    n, stride, summary = np.array(POINTS, dtype=object).T
    strided = strided_pairs(n, stride, causal=causal, window="paper")
    fixed = fixed_pairs(n, stride, summary, causal=causal)
    touched = touched_blocks(n, stride, summary, n // 5, pattern="fixed", causal=causal)
    for k, point in enumerate(POINTS):
        assert tuple(field[k] for field in strided) == strided_pairs(*point[:2], causal=causal, window="paper")
        assert tuple(field[k] for field in fixed) == fixed_pairs(*point, causal=causal)
        block = point[0] // 5
        assert touched[k] == touched_blocks(*point, block, pattern="fixed", causal=causal)
    assert all(type(count) is int for field in (*strided, *fixed, touched) for count in field)


n_, l_, c_ = sympy.symbols("n l c", integer=True, positive=True)


def symbolic_and_exact(causal: bool, n: int, stride: int, summary: int) -> Iterator[tuple[sympy.Expr, int]]:
    for window in WINDOWS:
        yield from zip(
            strided_pairs(n_, l_, causal=causal, window=window),
            strided_pairs(n, stride, causal=causal, window=window),
            strict=True,
        )
    yield from zip(fixed_pairs(n_, l_, c_, causal=causal), fixed_pairs(n, stride, summary, causal=causal), strict=True)


@orders
@pytest.mark.parametrize("n, stride, summary", POINTS)
def test_formulas_give_the_integers(causal: bool, n: int, stride: int, summary: int) -> None:
    """The same program on symbols, with numbers put in afterwards; no floor stands for a half."""
    for formula, exact in symbolic_and_exact(causal, n, stride, summary):
        assert formula.subs({n_: n, l_: stride, c_: summary}) == exact
        assert {abs(floor.args[0] * l_ / n_) for floor in formula.atoms(sympy.floor)} <= {1}


@orders
@pytest.mark.parametrize("n, stride, summary", [(96, 8, 8), (91, 13, 5), (3136, 56, 8), (7, 7, 7), (11, 1, 1)])
def test_formulas_lose_their_corrections_where_the_stride_divides(
    causal: bool, n: int, stride: int, summary: int
) -> None:
    """With floors dropped a formula is rational, and still exact where l divides n."""
    for formula, exact in symbolic_and_exact(causal, n, stride, summary):
        plain = formula.replace(sympy.floor, lambda quotient: quotient)
        assert plain.is_rational_function(n_, l_, c_)
        assert plain.subs({n_: n, l_: stride, c_: summary}) == exact


def test_formulas_read_as_in_a_paper() -> None:
    """Where l divides n: n(n + l)/2l strided pairs, and n(l + 1)/2 + c·n(n − l)/2l in the fixed union."""
    strided = strided_pairs(n_, l_, causal=True, window="paper").strided
    union = fixed_pairs(n_, l_, c_, causal=True).union
    plain = [formula.replace(sympy.floor, lambda quotient: quotient) for formula in (strided, union)]
    assert sympy.expand(plain[0] - n_ * (n_ + l_) / (2 * l_)) == 0
    assert sympy.expand(plain[1] - n_ * (l_ + 1) / 2 - c_ * n_ * (n_ - l_) / (2 * l_)) == 0


def test_lengths_beyond_any_machine_integer() -> None:
    """n = 10³⁰⁰ + 7, l = 10¹⁵⁰, against sums over whole rows of stride positions."""
    stride = q = 10**150
    n = stride * q + 7
    local = sum_to(stride) + (n - stride) * (stride + 1)
    strided = stride * sum_to(q) + 7 * (q + 1)
    union = sum_to(stride) + (n - stride) * stride + stride * sum_to(q - 1) + 7 * q
    assert strided_pairs(n, stride, causal=True, window="paper") == (local, strided, union)
    assert strided_pairs(n - 7, stride, causal=True, window="paper").strided == stride * sum_to(q)
    # With c = stride every position is a summary, so the summary head and the union see all of the past.
    assert fixed_pairs(n, stride, stride, causal=True) == (q * sum_to(stride) + sum_to(7), sum_to(n), sum_to(n))


def sum_to(k: int) -> int:
    return k * (k + 1) // 2


# What is refused


@pytest.mark.parametrize(
    "call, named",
    [
        (lambda: fixed_pairs(13, 5, 7, causal=True), ("summary 7", "stride 5")),
        (lambda: fixed_pairs(np.array([13], dtype=object), 5, 7, causal=True), ("summary 7", "stride 5")),
        (lambda: fixed_pairs(5, 13, 2, causal=True), ("stride 13", "5 positions")),
        (lambda: strided_pairs(5, 13, causal=True, window="code"), ("stride 13", "5 positions")),
        (lambda: strided_pairs(13, 5, causal=True, window="papers"), ("paper or code", "papers")),
        (lambda: touched_causally(13, 5, 7, 3, pattern="fixed"), ("summary 7", "stride 5")),
        (lambda: touched_causally(13, 5, 2, 3, pattern="stride"), ("strided or fixed", "stride")),
        (
            lambda: touched_causally(10**9, 5, 2, 3, pattern="fixed"),
            ("10000000", "1000000000 positions", "blocks of 3"),
        ),
    ],
)
def test_refusals_name_what_was_given(call, named: tuple[str, ...]) -> None:
    """One sentence with both numbers, or the choice and what is accepted."""
    with pytest.raises(CostModelError) as refusal:
        call()
    message = str(refusal.value)
    assert all(part in message for part in named)
    assert "\n" not in message


def touched_causally(n: int, stride: int, summary: int, block: int, *, pattern: str) -> int:
    return touched_blocks(n, stride, summary, block, pattern=pattern, causal=True)
