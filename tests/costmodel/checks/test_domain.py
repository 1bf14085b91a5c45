"""Values of sizes as they are written, and what they become."""

import pytest

from costmodel import CostModelError
from costmodel.checks.domain import Axis, Progression, axis, points, split, text


@pytest.mark.parametrize(
    "given, values",
    [
        (256, [256]),
        ("256", [256]),
        ("7..11", [7, 8, 9, 10, 11]),
        ("7 .. 11 step 2", [7, 9, 11]),
        ("7..12 step 2", [7, 9, 11]),
        ([512, 256], [256, 512]),
        ("{512, 256}", [256, 512]),
        (["7..9", 28, "8..10"], [7, 8, 9, 10, 28]),
        ([1, 2, 4, 8, 16], [1, 2, 4, 8, 16]),
        ("9..9", [9]),
    ],
)
def test_values(given: object, values: list[int]) -> None:
    """Ranges with both ends, lists and unions, each value once and in ascending order."""
    made = axis("c", given)
    assert [*made.values()] == values
    assert made.length == len(values)


def test_lists_become_progressions() -> None:
    """As few as are found from the left, so that a proof takes few boxes."""
    assert axis("c", [64, 128, 192, 7]).runs == (Progression(7, 57, 2), Progression(128, 64, 2))
    assert axis("c", [256, 512]) == Axis((Progression(256, 256, 2),), "{256, 512}")
    assert axis("c", "16..").runs == (Progression(16, 1, None),)


@pytest.mark.parametrize(
    "one", [Progression(5, 3, 11), Progression(2, 4, 2), Progression(7, 1, 1), Progression(1, 6, 9)]
)
@pytest.mark.parametrize("other", [Progression(4, 2, 20), Progression(1, 1, 7), Progression(11, 15, 3)])
def test_what_is_in_both(one: Progression, other: Progression) -> None:
    """The values that two have in common, and none beside them."""
    met, again = one.meet(other), other.meet(one)
    expected = sorted({*one.values()} & {*other.values()})
    assert ([*met.values()] if met else []) == ([*again.values()] if again else []) == expected
    assert met is None or met.length == len(expected)


def test_what_is_in_both_without_end() -> None:
    """From the first common value on."""
    assert Progression(5, 3, None).meet(Progression(20, 2, None)) == Progression(20, 6, None)
    assert Progression(5, 3, None).meet(Progression(9, 2, 4)) == Progression(11, 1, 1)
    assert Progression(5, 4, None).meet(Progression(20, 2, None)) is None


@pytest.mark.parametrize("whole", [Progression(5, 3, 11), Progression(5, 3, 2)])
def test_parts_have_the_values_of_the_whole(whole: Progression) -> None:
    """Halves and residue classes."""
    assert [*whole.halves()[0].values(), *whole.halves()[1].values()] == [*whole.values()]
    for modulus in range(1, 15):
        parts = whole.classes(modulus)
        assert sorted(value for part in parts for value in part.values()) == [*whole.values()]
        assert None not in {part.length and (part.length or None) for part in parts}


def test_halves_without_end() -> None:
    """The lower doubles what is behind, so that any integer is reached in few steps."""
    lower, upper = Progression(10, 3, None).halves()
    assert lower == Progression(10, 3, 4)
    assert upper == Progression(22, 3, None)


def test_clauses() -> None:
    """A statement, and names with values in braces or not, in their order."""
    said, domain = split("macs(se) < 3 for side in 7..56 step 7, c in {256, 512} , n in 1..")
    assert said == "macs(se) < 3"
    assert text(domain) == "side in 7..56 step 7, c in {256, 512}, n in 1.."
    assert points(domain) is None
    assert points({name: domain[name] for name in ("side", "c")}) == 16
    assert split("macs(se) < 3") == ("macs(se) < 3", {})


@pytest.mark.parametrize(
    "clauses, message",
    [
        ("c", "behind for stands name in values"),
        ("c in", "behind for stands name in values"),
        ("c in 1..2 h in 3", "c takes positive integers"),
        ("c in 1..2, c in 3", "'c' has values twice"),
        ("c in {}", "c has no values"),
        ("c in 5..2", "c has no values: '5..2'"),
        ("c in 0..5", "c starts at 1 or above"),
        ("c in 1..5 step 0", "steps of 1 or more"),
        ("c in 0", "c takes positive integers"),
        ("c in -3", "c takes positive integers"),
        ("c in 1.5", "c takes positive integers"),
        ("c in {1.., 3}", "without end beside others"),
        ("c in {1..2000000, 7}", "lists 2,000,001 values, and 1,000,000 may be"),
        ("", "there is nothing"),
    ],
)
def test_no_values(clauses: str, message: str) -> None:
    """What is wrong is said with the name, and what is taken instead."""
    with pytest.raises(CostModelError) as refused:
        split(f"macs(se) < 3 for {clauses}")
    assert message in str(refused.value)


@pytest.mark.parametrize("given", [True, 1.5, None, {}, [True], [[1]], "a", [], ""])
def test_what_toml_may_hold_and_is_no_size(given: object) -> None:
    """Booleans, decimals, tables and lists of lists are refused."""
    with pytest.raises(CostModelError, match=r"c takes positive integers|c has no values"):
        axis("c", given)
