"""One program, three kinds of dimension: ints, arrays and symbols count the same, in every layer and option."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel import LAYERS, METRICS, CostModelError, Layer, find, totals
from costmodel.sweep import evaluate
from costmodel.symbolic import derive, symbol

find("se")


def variants(layer: Layer) -> Iterator[dict[str, Any]]:
    """Every combination of the layer's choices and flags."""
    structural = {
        name: option.choices or (True, False)
        for name, option in layer.options.items()
        if option.choices or isinstance(option.default, bool)
    }
    for values in itertools.product(*structural.values()):
        yield dict(zip(structural, values, strict=True))


CASES = [
    pytest.param(layer, options, video, id=f"{layer.name}{'-video' * video}-{number}")
    for layer in LAYERS.values()
    for video in ((False, True) if layer.video else (False,))
    for number, options in enumerate(variants(layer))
]

# Not every division is exact here: 88 and 96 by 16, 9 and 11 by 2, 99 positions by 9 and by 7.
SIZES = {"N": 3, "C": 88, "H": 9, "W": 11}
SHAPES = [(3, 88, 9, 11), (2, 96, 10, 7), (1, 64, 8, 8)]


def given_options(layer: Layer, options: dict[str, Any]) -> dict[str, Any]:
    """The combination with a stride that does not divide, and a summary that fits it."""
    return options | ({"stride": 7, "summary": 2, "block": 4} if layer.name == "sparse-attention" else {})


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("layer, options, video", CASES)
def test_ints_arrays_and_symbols_count_the_same(layer: Layer, options: dict[str, Any], video: bool) -> None:
    """Exactly, floors included, in every metric at three shapes."""
    options = given_options(layer, options)
    shapes = [(n, c, 4, h, w) if video else (n, c, h, w) for n, c, h, w in SHAPES]
    counted = [totals(layer.run(shape, options)) for shape in shapes]
    arrays = [np.array(sizes) for sizes in zip(*shapes, strict=True)]
    derivation = derive(layer, options, video=video)
    for metric in METRICS:
        exact = derivation.formula(metric).exact
        by_formula = []
        for shape in shapes:
            values = dict(zip((name for name in derivation.symbols if name in "NCTHW"), shape, strict=True))
            chosen = layer.resolve(options) | layer.run(shape, options).chosen
            values |= {letter: chosen[name] for letter, name in derivation.symbols.items() if letter not in values}
            by_formula.append(exact.subs({symbol(letter): value for letter, value in values.items()}))
        ints = [count[metric] for count in counted]
        assert ints == evaluate(layer, arrays, options, metric).tolist()
        assert ints == by_formula
        assert all(type(count) is int for count in ints)


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@given(data=st.data())
@settings(max_examples=15)
def test_the_python_form_counts_what_the_program_counts(layer: Layer, data: st.DataObject) -> None:
    """For random sizes, whether divisions are exact or not; the printed text is what is run."""
    derivation = derive(layer, {})
    sizes = {name: data.draw(st.integers(1, 200), name) for name in "NCHW"}
    options = {
        name: data.draw(st.sampled_from([1, 3, 5, 7]), name)
        for name in layer.options
        if name in derivation.symbols.values()
    }
    try:
        counted = totals(layer.run(tuple(sizes.values()), options))
    except CostModelError:
        return
    values = sizes | {letter: options[name] for letter, name in derivation.symbols.items() if name in options}
    for metric in METRICS:
        formula = derivation.formula(metric)
        assert derivation.function(metric)(**values) == counted[metric]
        if formula.holds(values):
            assert sum(value for _, value in formula.at(values)) == counted[metric]


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@given(n=st.integers(2, 50), c=st.sampled_from([64, 96, 520]), h=st.integers(8, 40), w=st.integers(8, 40))
@settings(max_examples=10)
def test_samples_are_counted_apart(layer: Layer, n: int, c: int, h: int, w: int) -> None:
    """n samples cost n times one, and no more parameters: nothing attends across samples."""
    one, many = (totals(layer.run((batch, c, h, w), {})) for batch in (1, n))
    assert many == {metric: count * (1 if metric == "params" else n) for metric, count in one.items()}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_the_headline_is_a_term_of_the_formula(layer: Layer) -> None:
    """What the source prints is part of what we derive, under the condition that is stated with it."""
    assert derive(layer, {}).headline_is_term()


def test_a_wrong_headline_is_found_out() -> None:
    """99 in place of 98, or a condition that does not hold."""
    layer = LAYERS["cbam-spatial"]
    assert layer.headline is not None
    wrong = layer._replace(headline=layer.headline._replace(expression="N*H*W*99"))
    assert not derive(wrong, {}).headline_is_term()
    assert not derive(layer, {"kernel": 5}).headline_is_term()
    assert derive(LAYERS["non-local"], {"reduction": 1}).headline_is_term()
    assert not derive(LAYERS["non-local"], {"reduction": 2}).headline_is_term()


@pytest.mark.parametrize("layer", list(LAYERS.values()), ids=LAYERS)
def test_sizes_of_three_hundred_digits_are_exact(layer: Layer) -> None:
    """10³⁰⁰ samples, and 10³⁰⁰ rows where the layer can have them, cost what their polynomial says."""
    big = 10**300
    assert totals(layer.run((big, 64, 8, 8), {}))["macs"] == big * totals(layer.run((1, 64, 8, 8), {}))["macs"]
    counted = totals(layer.run((1, 64, big, 3), {"stride": big // 10} if layer.name == "sparse-attention" else {}))
    exact = derive(layer, {}).formula("macs").exact
    values = {
        "N": 1,
        "C": 64,
        "H": big,
        "W": 3,
        "r": layer.options["reduction"].default if "reduction" in layer.options else 1,
    }
    values |= {"C_out": 64, "K": 3, "s": 1, "g": 1, "h": 8, "l": big // 10}
    assert counted["macs"] == exact.subs({symbol(letter): value for letter, value in values.items()})


def test_arrays_never_wrap() -> None:
    """P = 10⁷ and 2²⁰ channels are beyond a machine integer; NumPy alone gives a negative count."""
    counted = evaluate(LAYERS["danet-cam"], (1, np.array([2**20]), 10**4, 10**3), {}, "macs")
    assert counted.tolist() == [2 * (2**20) ** 2 * 10**7]
    assert np.array([10**7]) ** 2 * 2**20 != 10**14 * 2**20
    assert math.prod([2, 2**40, 10**7]) == counted[0]


def test_symbolic_counts_have_no_floats() -> None:
    """Every number in every formula is an integer or a fraction."""
    for layer in LAYERS.values():
        for metric in METRICS:
            assert not derive(layer, {}).formula(metric).exact.atoms(sympy.Float)
