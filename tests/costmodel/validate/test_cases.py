"""The cases are drawn from the catalog and reach all of it."""

from collections.abc import Iterable

import pytest

import costmodel.layers  # noqa: F401  (registers the layers of the survey)
from costmodel import LAYERS, Layer, Tensor
from costmodel.catalog import Option
from costmodel.validate.cases import INTEGERS, LARGE, SMALL, Case, cases, excuse, left_out

LAYER_NAMES = sorted(LAYERS)


def values(name: str, found: Iterable[Case]) -> set[object]:
    return {case.options.get(name, case.layer.options[name].default) for case in found}


def all_values(option: Option) -> set[object]:
    return {False, True} if isinstance(option.default, bool) else set(option.choices)


@pytest.mark.parametrize("name", LAYER_NAMES)
def test_every_option_is_reached(name: str) -> None:
    """Flags and choices take all of their values, small and large; integers the default and two others or more."""
    layer = LAYERS[name]
    small, large = ([case for case in cases(layer) if case.large is size] for size in (False, True))
    for option in layer.options.values():
        if all_values(option):
            assert values(option.name, small) == values(option.name, large) == all_values(option)
        else:
            assert option.default in values(option.name, small)
            assert len(values(option.name, small) & set(INTEGERS) - {option.default}) >= 2, option.name


@pytest.mark.parametrize("name", LAYER_NAMES)
def test_every_combination_of_choices_is_reached(name: str) -> None:
    """At the first map, flags and choices appear with each other in all ways."""
    layer = LAYERS[name]
    finite = [option for option in layer.options.values() if all_values(option)]
    combinations = {
        tuple(case.options.get(option.name, option.default) for option in finite)
        for case in cases(layer)
        if case.shape == SMALL[0][0]
    }
    expected = 1
    for option in finite:
        expected *= len(all_values(option))
    assert len(combinations) == expected


@pytest.mark.parametrize("name", LAYER_NAMES)
def test_shapes_differ(name: str) -> None:
    """Several samples, H unlike W, a map of one element, real sizes, and videos exactly where they are taken."""
    shapes = {case.shape for case in cases(LAYERS[name])}
    assert any(shape[0] > 1 and shape[2] != shape[3] for shape in shapes)
    assert (1, 1, 1, 1) in shapes
    assert shapes & set(LARGE)
    assert any(len(shape) == 5 for shape in shapes) is LAYERS[name].video


@pytest.mark.parametrize("name", [name for name in LAYER_NAMES if "reduction" in LAYERS[name].options])
def test_reductions_leave_remainders(name: str) -> None:
    """Some width is rounded down, as the modules do."""
    assert any(case.shape[1] % case.layer.resolve(case.options)["reduction"] for case in cases(LAYERS[name]))


@pytest.mark.parametrize("name", LAYER_NAMES)
def test_no_case_is_drawn_twice(name: str) -> None:
    """No two cases are the same, and options at their defaults are not named."""
    layer = LAYERS[name]
    found = [(case.shape, tuple(sorted(case.options.items()))) for case in cases(layer)]
    assert len(set(found)) == len(found)
    assert all(value != layer.options[name].default for _, options in found for name, value in options)


def test_large_cases_fit_a_gpu() -> None:
    """All tensors of a case together fit half of 80 GB; what does not is left out by name and with its size."""
    for layer in LAYERS.values():
        assert all(excuse(case) is None for case in cases(layer))
    concatenation = [
        (case.shape, reason)
        for case, reason in left_out(LAYERS["non-local"])
        if case.options == {"affinity": "concatenation"}
    ]
    # The first has 512 channels of 9409² pairs: at 4 bytes these alone are 181 GB.
    assert concatenation == [
        ((1, 512, 97, 97), "its tensors take 182 GB"),
        ((8, 256, 56, 56), "its tensors take 82 GB"),
    ]


def test_a_new_option_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing about a layer is written down twice: an option put into the catalog is in the cases."""

    def program(x: Tensor) -> Tensor:
        return x.relu()

    def run_all(option: Option) -> list[Case]:
        layer = Layer("new", lambda x, **_: program(x), "", {option.name: option}, video=False, headline=None)
        monkeypatch.setitem(LAYERS, "new", layer)
        return cases(layer)

    assert values("how", run_all(Option("how", "a", ("a", "b", "c"), None, open=False))) == {"a", "b", "c"}
    assert values("flag", run_all(Option("flag", False, (), None, open=False))) == {False, True}
    assert values("size", run_all(Option("size", 16, (), None, open=False))) == {16, *INTEGERS}
