"""How formulas are written and read: growth first, and text that is parsed, not run."""

from collections.abc import Mapping, Sequence

import pytest
import sympy

from costmodel import CostModelError
from costmodel.symbolic import (
    Term,
    expression_latex,
    expression_python,
    expression_text,
    parse,
    parse_relation,
    symbol,
    terms,
)


def test_terms_are_ordered_by_growth() -> None:
    """Positions before channels before constants, whatever the coefficients."""
    written = parse("1000 + 7*C + H*W + 2*C*C - 3*H*W*C/2 + (H*W)**2")
    assert expression_text(written) == "(H·W)² - 3·C·H·W/2 + H·W + 2·C² + 7·C + 1000"
    assert [type(term) for term in terms(written)] == [Term] * 6


C, H, W = map(symbol, "CHW")
SQRT = sympy.sqrt


@pytest.mark.parametrize(
    "expression, text",
    [
        (SQRT(6 * C) / 3, "√(6·C)/3"),
        (SQRT(C) / 2, "√C/2"),
        (SQRT(H * W), "√(H·W)"),
        (3 * SQRT(2 * H * W) / 5, "3·√(2·H·W)/5"),
        (sympy.Rational(3, 2) + SQRT(4 * C + 9) / 2, "3/2 + √(4·C + 9)/2"),
        (SQRT(6) * SQRT(C + 1), "√(6·(C + 1))"),
        (C / SQRT(H), "C/√H"),
        (32 * SQRT(sympy.Rational(1, 3)), "32·√3/3"),
        (C ** sympy.Rational(1, 3), "C^(1/3)"),
        (C ** sympy.Rational(3, 2), "C^(3/2)"),
    ],
)
def test_roots_are_written_with_their_sign(expression: sympy.Expr, text: str) -> None:
    """One sign over the whole product, in brackets if there is more than one factor."""
    assert expression_text(expression) == text


@pytest.mark.parametrize(
    "expression, text",
    [
        ((28 * C**2 - 11 * C + 4) / (4 * C + 10), "(28·C² - 11·C + 4)/(4·C + 10)"),
        (C**2 / (C + 3) + 4 / (C + 3), "(C² + 4)/(C + 3)"),
        (4 / (C + 3), "4/(C + 3)"),
        (1 + 1 / (C + 3), "(C + 4)/(C + 3)"),
        (C / 3 + 4, "C/3 + 4"),
    ],
)
def test_quotients_by_a_sum_are_one(expression: sympy.Expr, text: str) -> None:
    """Not one for each summand of the numerator."""
    assert expression_text(expression) == text


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


def test_calls_and_names_stand_for_what_they_are_given() -> None:
    """Texts in quotes, then expressions by keyword; a name is what a function says, in these too."""
    seen = []

    def call(function: str, texts: Sequence[str], given: Mapping[str, sympy.Expr]) -> sympy.Expr:
        seen.append((function, [*texts], dict(given)))
        return sympy.Integer(7)

    c, n = symbol("C"), symbol("N")
    named = {"half": c / 2}.get
    assert parse('f("a", "b", C=2*half, r=4) + N', call, lambda name: named(name, symbol(name))) == 7 + n
    assert parse_relation("g() <= half", call, lambda name: named(name, symbol(name))) == (7, "≤", c / 2)
    assert seen == [("f", ["a", "b"], {"C": c, "r": 4}), ("g", [], {})]


@pytest.mark.parametrize("text", ["f(C)", "f(1)", "f(b'a')", "f(C=2, C=3)", "f(**C)", "f(*C)", "f('a', C=2, **C)"])
def test_calls_with_anything_else_are_refused(text: str) -> None:
    """Also sizes that are given twice."""
    with pytest.raises(CostModelError, match=r"f in .* takes texts in quotes, then sizes by name, each once"):
        parse(text, lambda *_: sympy.Integer(7))


@pytest.mark.parametrize("text", ["C**N", "C**(1/2)", "C**(0 - 1)", "9**9**9", "C**1001"])
def test_exponents_are_small_integers(text: str) -> None:
    """So that no number is too large to be written down, and what is positive stays so."""
    with pytest.raises(CostModelError, match="an exponent that is no integer from 0 to 1000"):
        parse(text)


@pytest.mark.parametrize("text", ["C/0", "C/(N - N)", "1/((C + 1)**2 - C**2 - 2*C - 1)"])
def test_nothing_is_divided_by_0(text: str) -> None:
    """However it is written."""
    with pytest.raises(CostModelError, match="divides by 0"):
        parse(text)


def test_three_spellings_of_one_expression() -> None:
    """Rounded quotients, halves and minima, for a person, a paper and a program."""
    c, r = symbol("C"), symbol("r")
    expression = c * sympy.floor(c / r) ** 2 / 2 - sympy.Min(c, r) * sympy.ceiling((c + 1) / 2)
    assert expression_text(expression) == "C·⌊C/r⌋²/2 - min(C, r)·⌈(C + 1)/2⌉"
    assert expression_latex(sympy.Rational(3, 2) * r * symbol("N") * c**2 - r) == r"\frac{3 N C^{2} r}{2} - r"
    python = expression_python(expression)
    assert eval(python, {"min": min}, {"C": 8, "r": 2}) == 8 * 16 // 2 - 2 * 5  # noqa: S307 (what users run)
