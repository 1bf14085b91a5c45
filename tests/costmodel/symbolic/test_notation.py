"""How formulas are written and read: growth first, and text that is parsed, not run."""

import pytest
import sympy

from costmodel import CostModelError
from costmodel.symbolic import Term, expression_latex, expression_python, expression_text, parse, symbol, terms


def test_terms_are_ordered_by_growth() -> None:
    """Positions before channels before constants, whatever the coefficients."""
    written = parse("1000 + 7*C + H*W + 2*C*C - 3*H*W*C/2 + (H*W)**2")
    assert expression_text(written) == "(H·W)² - 3·C·H·W/2 + H·W + 2·C² + 7·C + 1000"
    assert [type(term) for term in terms(written)] == [Term] * 6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.5*C",
        "C // 2",
        "C.real",
        "f(C)",
        "__import__('os')",
        "[C]",
        "C if C else 1",
        "'C'",
        "C; H",
        "-C",
        "C @ H",
        "True",
        "lambda: C",
    ],
)
def test_other_text_is_refused(text: str) -> None:
    """Integers, names, sums, products, quotients and powers; nothing is evaluated."""
    with pytest.raises(CostModelError, match="is not"):
        parse(text)


def test_parsed_text_means_what_it_says() -> None:
    """Exact fractions, powers and brackets."""
    assert parse("2*C**2/r + (N + 1)*3 - 1/3") == 2 * symbol("C") ** 2 / symbol("r") + 3 * symbol("N") + sympy.Rational(
        8, 3
    )


def test_three_spellings_of_one_expression() -> None:
    """Rounded quotients, halves and minima, for a person, a paper and a program."""
    c, r = symbol("C"), symbol("r")
    expression = c * sympy.floor(c / r) ** 2 / 2 - sympy.Min(c, r) * sympy.ceiling((c + 1) / 2)
    assert expression_text(expression) == "C·⌊C/r⌋²/2 - min(C, r)·⌈(C + 1)/2⌉"
    assert expression_latex(sympy.Rational(3, 2) * r * symbol("N") * c**2 - r) == r"\frac{3 N C^{2} r}{2} - r"
    python = expression_python(expression)
    assert eval(python, {"min": min}, {"C": 8, "r": 2}) == 8 * 16 // 2 - 2 * 5  # noqa: S307 (what users run)
