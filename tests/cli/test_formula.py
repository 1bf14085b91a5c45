"""`costmodel formula`."""

import re
from fractions import Fraction

import pytest

from costmodel import METRICS, symbolic
from costmodel.catalog import LAYERS, spoken

# H, W, their product and C leave a remainder in every division that a layer makes by default, but the heads'.
AWKWARD = "2x328x15x21"
SUPERSCRIPTS = str.maketrans({"²": "**2", "³": "**3", "⁴": "**4", "·": "*"})


def value_of(text: str, at: dict[str, int]) -> Fraction:
    """The number that a sum of products and quotients comes to at these sizes."""
    expression = symbolic.parse(text).subs({symbolic.symbol(name): value for name, value in at.items()})
    return Fraction(int(expression.p), int(expression.q))


@pytest.mark.usefixtures("uncovered")
def test_exact_at_awkward_sizes(costmodel_, variant) -> None:
    """At sizes that nothing divides, terms and the Python form come to what cost counts."""
    arguments = (variant.layer.name, *variant.flags, "--shape", AWKWARD, "--json")
    cost = costmodel_("cost", *arguments).document
    # macs, flops and fvcore add up the same products: once for each layer is enough.
    for metric in ("params", "arithmetic") if variant.options else METRICS:
        formula = costmodel_("formula", *arguments, "--metric", metric).document["formulas"][metric]
        assert formula["value"] == cost[metric]
        assert sum(Fraction(share["value"]) for share in formula["shares"]) == cost[metric]
        assert run_python(formula, formula["at"]) == cost[metric]


def run_python(formula: dict, at: dict[str, int]) -> int:
    """What the Python form comes to, run as it stands with nothing but the sizes and the imports that it names."""
    names = dict(at)
    exec("\n".join([*formula["python_needs"], f"value = {formula['python']}"]), names)
    return names["value"]


@pytest.mark.usefixtures("uncovered")
def test_closed_form_where_divisions_are_exact(costmodel_, variant) -> None:
    """Where the conditions hold, text and LaTeX read as written come to what cost counts."""
    arguments = (variant.layer.name, *variant.flags, "--shape", "2x256x16x16", "--json")
    formula = costmodel_("formula", *arguments, "--metric", "arithmetic").document["formulas"]["arithmetic"]
    counted = costmodel_("cost", *arguments).document["arithmetic"]
    assert formula["exact_there"]
    assert formula["value"] == counted
    if not any(function in formula["text"] for function in ("touched_blocks", "adaptive_kernel")):
        assert value_of(formula["text"].translate(SUPERSCRIPTS), formula["at"]) == counted
        assert value_of(_plain(formula["latex"]), formula["at"]) == counted


def _plain(latex: str) -> str:
    latex = re.sub(r"\^\{(\d+)\}", r"**\1", latex).replace(r"\left(", "(").replace(r"\right)", ")")
    latex = re.sub(r"(?<=\w)_\{(\w+)\}", r"_\1", latex)
    while r"\frac" in latex:
        latex, found = re.subn(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", latex)
        assert found
    return re.sub(r"(?<=[\w)]) (?=[\w(])", "*", latex)


@pytest.mark.parametrize(
    "arguments", [*([name] for name in LAYERS), ["sparse-attention", "-p", "count=block"]], ids=" ".join
)
def test_python_stands_alone(costmodel_, arguments) -> None:
    """What --as python prints runs by itself and returns what cost counts."""
    functions: dict = {}
    exec(costmodel_("formula", *arguments, "--metric", "macs", "--as", "python").out, functions)
    document = costmodel_("formula", *arguments, "--metric", "macs", "--shape", AWKWARD, "--json").document
    counted = costmodel_("cost", *arguments, "--shape", AWKWARD, "--json").document["macs"]
    assert functions["macs"](**document["formulas"]["macs"]["at"]) == counted


def test_forms_agree_with_json(costmodel_, layer) -> None:
    """--as text, latex and python print what --as json holds."""
    document = costmodel_("formula", layer.name, "--json").document
    assert costmodel_("formula", layer.name, "--as", "json").document == document
    formulas = document["formulas"]
    latex = costmodel_("formula", layer.name, "--as", "latex").out
    assert latex.splitlines() == [formulas[metric]["latex"] for metric in METRICS]
    python = costmodel_("formula", layer.name, "--as", "python").out
    text = " ".join(costmodel_("formula", layer.name).out.split())
    for metric in METRICS:
        assert f"return {formulas[metric]['python']}\n" in python
        assert f"{metric} {formulas[metric]['text']}" in text
        assert all(condition in text for condition in formulas[metric]["conditions"])


@pytest.mark.parametrize(
    "layer_name, metric, term",
    [
        ("non-local", "macs", "2·N·C·(H·W)²/r"),
        ("cbam-spatial", "macs", "98·N·H·W"),
        ("cbam", "macs", "98·N·H·W"),
        ("se", "params", "2·C²/r"),
        ("conv", "macs", "N·C·C_out·K²·H·W/(g·s²)"),
    ],
)
def test_a_person_recognises_it(costmodel_, layer_name, metric, term) -> None:
    """The term that a paper prints is a term as printed here."""
    document = costmodel_("formula", layer_name, "--metric", metric, "--json").document
    assert term in document["formulas"][metric]["terms"]


def test_headline_is_a_term(costmodel_, layer) -> None:
    """The headline stated with the layer is a term of its formula, and the text says under which condition."""
    headline = costmodel_("formula", layer.name, "--json").document["headline"]
    assert headline["is_term"]
    assert headline["expression"] == layer.headline.expression
    text = " ".join(costmodel_("formula", layer.name).out.split())
    when = " and ".join(f"{name} = {value}" for name, value in layer.headline.when.items())
    assert (f"a term if {when} (" if when else "a term of this formula (") in text


@pytest.mark.parametrize(
    "arguments",
    [["conv", "-p", "stride=2"], ["non-local", "-p", "subsample=after"], ["sparse-attention", "-p", "pattern=fixed"]],
    ids=" ".join,
)
def test_headline_that_is_no_term(costmodel_, arguments) -> None:
    """With options that the source does not mean, the headline is said not to be a term."""
    assert costmodel_("formula", *arguments, "--json").document["headline"]["is_term"] is False
    assert "not a term with these options" in " ".join(costmodel_("formula", *arguments).out.split())


def test_one_metric(costmodel_) -> None:
    """--metric gives that one alone."""
    document = costmodel_("formula", "se", "--metric", "macs", "--json").document
    assert list(document["formulas"]) == ["macs"]
    assert costmodel_("formula", "se", "--metric", "macs", "--as", "python").out == (
        "def macs(N, C, H, W, r):\n    return 2*C*N*(C//r)\n"
    )


def test_letters(costmodel_, layer, number) -> None:
    """Each option that has a letter is open under it when asked for, and a number when given."""
    for name, option in layer.options.items():
        if option.symbol:
            typed = ("-p", f"{spoken(name)}={option.symbol}")
            symbols = costmodel_("formula", layer.name, *typed, "--metric", "params", "--json").document["symbols"]
            assert symbols[option.symbol] == name
            value = number(option)
            given = ("-p", f"{spoken(name)}={value}", "--metric", "params", "--json")
            document = costmodel_("formula", layer.name, *given).document
            assert option.symbol not in document["symbols"]
            assert document["options"][spoken(name)] == value


def test_video(costmodel_) -> None:
    """With --video, or a shape of five numbers, positions are T·H·W, and the count is cost's."""
    document = costmodel_("formula", "non-local", "--video", "--metric", "macs", "--json").document
    assert document["formulas"]["macs"]["terms"][0] == "2·N·C·(T·H·W)²/r"
    shape = ("--shape", "2x9x3x5x7", "--json")
    with_shape = costmodel_("formula", "non-local", *shape).document["formulas"]["macs"]
    assert with_shape["text"] == document["formulas"]["macs"]["text"]
    assert with_shape["value"] == costmodel_("cost", "non-local", *shape).document["macs"]


def test_shares_in_the_table(costmodel_) -> None:
    """Every term's line has its share of the total, and a term that is taken off a negative one."""
    arguments = ("formula", "sparse-attention", "--metric", "macs", "-s", "2x512x28x24", "-p", "pattern=fixed")
    formula = costmodel_(*arguments, "--json").document["formulas"]["macs"]
    lines = costmodel_(*arguments).out.splitlines()
    assert any(share["value"] < 0 for share in formula["shares"])
    for share in formula["shares"]:
        line = next(line for line in lines if line.startswith(f"{share['term']} "))
        exact = 100 * Fraction(share["value"], formula["value"])
        cell = re.search(r"(\S+) %$", line)[1]
        if cell.startswith("<"):
            assert abs(exact) < Fraction(1, 10)
        else:
            assert abs(Fraction(cell) - exact) <= Fraction(1, 20)


@pytest.mark.parametrize("shape", [(), ("--shape", AWKWARD)], ids=["open", "at a shape"])
def test_no_syntax_of_sympy_in_the_text(costmodel_, layer, shape) -> None:
    """What is printed for a person has signs for floors and powers, and no names of SymPy's."""
    out = costmodel_("formula", layer.name, "--metric", "arithmetic", *shape).out
    shown = "".join(part for part in out.split("\n\n") if not part.startswith("headline: "))
    assert "arithmetic " in shown
    assert not re.search(r"(floor|ceiling|Min|sqrt)\(|\*", shown)


def test_a_network_with_a_layer(costmodel_) -> None:
    """In the sides and the layer's letter, which can be given; alone, what the layer costs there."""
    arguments = ("formula", "resnet50 with se at res5", "--metric", "params")
    assert "params 25557032 + 25165824/r" in costmodel_(*arguments).out  # 3 · 2·2048²
    assert "params 31848488\n" in costmodel_(*arguments, "-p", "reduction=4").out
    assert "params 25165824/r" in costmodel_("formula", "se at res5 in resnet50", "--metric", "params").out
    document = costmodel_(
        "formula", "se at res5 in resnet50", "--metric", "macs", "--shape", "1x3x65x97", "--as", "json"
    ).document
    assert document["formulas"]["macs"]["value"] == 25165824 // 16
