"""Formulas: recognisable, in four forms, with their conditions."""

import pytest
import sympy

from costmodel import LAYERS, METRICS, Ledger, find, totals
from costmodel.symbolic import Formula, derive, symbol


@pytest.mark.parametrize(
    "layer, options, metric, text",
    [
        ("non-local", {"reduction": 1}, "macs", "2·N·C·(H·W)² + 4·N·C²·H·W"),
        ("non-local", {"reduction": 2}, "macs", "N·C·(H·W)² + 2·N·C²·H·W"),
        ("non-local", {}, "macs", "2·N·C·(H·W)²/r + 4·N·C²·H·W/r"),
        ("cbam-spatial", {}, "macs", "98·N·H·W"),
        ("cbam-spatial", {"kernel": "K"}, "macs", "2·N·K²·H·W"),
        ("cbam", {}, "macs", "98·N·H·W + 4·N·C²/r"),
        ("se", {}, "params", "2·C²/r"),
        ("conv", {}, "macs", "N·C·C_out·K²·H·W/(g·s²)"),
        ("conv", {"kernel": 3, "stride": 1, "groups": 1}, "macs", "9·N·C·C_out·H·W"),
        ("danet-cam", {}, "macs", "2·N·C²·H·W"),
        ("danet-cam", {}, "params", "1"),
        ("dense-attention", {}, "macs", "2·N·C·(H·W)² + 4·N·C²·H·W"),
        ("sparse-attention", {"count": "masked"}, "macs", "2·N·C·(H·W)² + 4·N·C²·H·W"),
    ],
)
def test_a_person_recognises_the_formula(layer: str, options: dict[str, object], metric: str, text: str) -> None:
    """The terms of the papers, greatest growth first."""
    assert derive(find(layer), options).formula(metric).text() == text


def test_video_has_frames() -> None:
    """P is T·H·W."""
    formula = derive(find("non-local"), {"reduction": 2}, video=True).formula("macs")
    assert formula.text() == "N·C·(T·H·W)² + 2·N·C²·T·H·W"


@pytest.mark.parametrize(
    "layer, options, conditions",
    [
        ("se", {}, ["r divides C"]),
        ("se", {"reduction": 16}, ["16 divides C"]),
        ("danet-head", {}, ["32 divides C"]),
        ("non-local", {"reduction": 1, "subsample": "after"}, ["2 divides H", "2 divides W"]),
        ("conv", {"groups": 1}, ["s divides H", "s divides W"]),
        ("sparse-attention", {"heads": 1}, ["l divides H·W", "l ≤ H·W"]),
        ("sparse-attention", {"heads": 1, "pattern": "fixed"}, ["l divides H·W", "l ≤ H·W", "8 ≤ l"]),
        ("danet-cam", {}, []),
    ],
)
def test_conditions_are_stated(layer: str, options: dict[str, object], conditions: list[str]) -> None:
    """What must divide what, and what must not be larger, for the closed form to count."""
    assert derive(find(layer), options).formula("macs").conditions_text() == conditions


def test_floors_are_kept_where_divisions_are_not_exact() -> None:
    """511 channels by 16 are 31, not 31.9: the exact form says so and the divisible one does not hold."""
    formula = derive(find("se"), {"reduction": 16}).formula("params")
    assert formula.exact == 2 * symbol("C") * sympy.floor(symbol("C") / 16)
    assert formula.holds({"C": 512})
    assert not formula.holds({"C": 511})
    assert [(term.text(), value) for term, value in formula.at({"C": 511})] == [("2·C·⌊C/16⌋", 2 * 511 * 31)]
    assert [(term.text(), value) for term, value in formula.at({"C": 512})] == [("C²/8", 2**15)]


def test_latex() -> None:
    """Fractions as fractions."""
    assert derive(find("se"), {}).formula("params").latex() == r"\frac{2 C^{2}}{r}"


def test_python_divides_by_integers_only() -> None:
    """⌈H/2⌉ and ⌊C/r⌋ as ``//``."""
    formula = derive(find("conv"), {"stride": 2, "kernel": 3}).formula("macs")
    assert "/" not in formula.python().replace("//", "")
    assert eval(formula.python(), {"N": 1, "C": 6, "H": 5, "W": 7, "C_out": 4, "g": 2}) == 4 * 27 * 3 * 4  # noqa: S307 (what users run)


def test_a_chosen_stride_is_a_root_that_rounds() -> None:
    """⌊√P⌋ in Python is isqrt, and exact at any size."""
    layer = find("sparse-attention")
    derivation = derive(layer, {"stride": None, "heads": 1})
    assert derivation.formula("macs").imports() == ["from math import isqrt"]
    side = 10**30 + 7
    assert derivation.function("macs")(1, 4, side, 3) == totals(layer.run((1, 4, side, 3), {"heads": 1}))["macs"]


def test_counted_functions_wait_for_numbers() -> None:
    """Touched blocks have no closed form: the formula names the function and says what it counts."""
    formula = derive(find("sparse-attention"), {"count": "block", "heads": 1}).formula("macs")
    assert "touched_blocks(H·W, l, 8, 32)" in formula.text()
    assert formula.functions() == {
        "touched_blocks": "Pairs of a query block and a key block that hold at least one pair of the union."
    }


# In a notebook.


@pytest.mark.parametrize(
    "layer, options, latex",
    [
        ("danet-cam", {}, r"$\displaystyle \mathrm{macs} = 2 N C^{2} H W$"),
        ("se", {}, r"$\displaystyle \mathrm{macs} = \frac{2 N C^{2}}{r} \quad \text{if } r \mid C$"),
        (
            "sparse-attention",
            {"pattern": "fixed", "heads": 1},
            r"$\displaystyle \begin{aligned} \mathrm{macs} &= \frac{8 N C H^{2} W^{2}}{l} + 4 N C^{2} H W - 7 N C H W "
            r"+ N C l H W \\ &\quad {} \quad \text{if } l \mid H W,\; l \le H W,\; 8 \le l \end{aligned}$",
        ),
    ],
)
def test_in_a_notebook(layer: str, options: dict[str, object], latex: str) -> None:
    """An equation, with the conditions under which it holds, and of several lines if it is long."""
    assert derive(find(layer), options).formula("macs")._repr_latex_() == latex


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("layer", LAYERS)
def test_every_formula_in_a_notebook(layer: str, metric: str) -> None:
    """Brackets match, and each term, each symbol and each condition is there."""
    formula = derive(find(layer), {}).formula(metric)
    latex = formula._repr_latex_()
    assert latex.startswith(r"$\displaystyle ")
    assert latex.endswith("$")
    assert latex.count("$") == 2
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\begin") == latex.count(r"\end") == latex.count("&=") == (r"\\" in latex)
    for term in formula.terms():
        assert term.latex().removeprefix("-") in latex
    for name in formula.expression.free_symbols:
        assert sympy.latex(name) in latex
    assert latex.count(r"\mid") + latex.count(r"\le ") == len(formula.conditions_text())


def test_nothing_in_a_notebook() -> None:
    """A count of nothing is an equation too."""
    assert Formula.of("macs", 0, Ledger())._repr_latex_() == r"$\displaystyle \mathrm{macs} = 0$"


def test_long_formulas_break_before_signs() -> None:
    """A term that a line has no room for stands on the next one, whole."""
    a, b, c = (letter * 40 for letter in "abc")
    formula = Formula.of("macs", symbol(a) - symbol(b) + 2 * symbol(c), Ledger())
    assert formula._repr_latex_() == (
        rf"$\displaystyle \begin{{aligned}} \mathrm{{macs}} &= {a} \\ &\quad {{}} - {b} \\ &\quad {{}} + 2 {c} "
        r"\end{aligned}$"
    )
