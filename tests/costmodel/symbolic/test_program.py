"""Formulas as trees: factored, and with what the layer requires."""

from costmodel import Ledger, find
from costmodel.symbolic import derive
from costmodel.symbolic.program import Call, Node, program


def spelled(node: Node) -> str:
    """A tree as Python."""
    if not isinstance(node, Call):
        return str(node)
    sign = {"add": " + ", "mul": "*", "floordiv": "//"}[node.operation]
    return f"({sign.join(map(spelled, node.parts))})"


def test_factored() -> None:
    """What all terms of a non-local block share stands in front, and H·W is one factor of the rest."""
    assert spelled(program(derive(find("non-local"), {}), "macs").root) == "(2*N*(C//r)*H*W*((H*W) + (2*C)))"


def test_requirements_are_values_that_are_not_negative() -> None:
    """A width is at least 1, a division is exact, and a bound is kept, each as the value that says so."""
    found = program(derive(find("sparse-attention"), {}), "macs").requirements
    assert {text: spelled(node) for node, text in found} == {
        "h divides C": "((-1*C) + ((C//h)*h))",
        "⌊C/h⌋ ≥ 1": "((C//h) + -1)",
        "l ≤ H·W": "((H*W) + (-1*l))",
    }


def test_square_roots_and_counts_are_names() -> None:
    """What no operators give is a function of ints of what stands before it, made once however often it occurs."""
    made = program(derive(find("sparse-attention"), {"stride": None, "count": "block"}), "arithmetic")
    assert [counting.function.__name__ for counting in made.counted.values()] == ["isqrt", "touched_blocks"]
    assert made.counted["touched_blocks_1"].parts[1] == "isqrt_0"
    assert spelled(made.counted["isqrt_0"].parts[0]) == "(H*W)"


def test_nothing_to_count() -> None:
    """The formula of no rows is 0."""
    assert program(derive(find("se"), {})._replace(ledger=Ledger()), "macs").root == 0
