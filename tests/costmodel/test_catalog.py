"""The catalog: registration, options, errors that help."""

from fractions import Fraction
from typing import Any, Literal
from xml.etree import ElementTree

import pytest

from costmodel import LAYERS, CostModelError, Layer, Tensor, catalog, find, layer, ledger, subjects


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer of a user's own, registered for one test."""
    find("se")
    monkeypatch.setattr("costmodel.catalog.LAYERS", dict(LAYERS))

    @layer("example", source="nowhere", symbols={"reduction": "r"})
    def example(
        x: Tensor, *, reduction: int = 2, bias: bool = False, mode: Literal["a", "b"] = "a", out: int | None = None
    ) -> Tensor:
        """Do nothing much."""
        assert mode in ("a", "b")
        return x.conv(x.c // reduction if out is None else out, bias=bias)


@pytest.mark.usefixtures("example")
def test_options_are_read_from_the_signature() -> None:
    """Defaults, choices and symbols."""
    options = find("example").options
    assert [(o.name, o.default, o.choices, o.symbol, o.open) for o in options.values()] == [
        ("reduction", 2, (), "r", True),
        ("bias", False, (), None, False),
        ("mode", "a", ("a", "b"), None, False),
        ("out", None, (), None, False),
    ]
    assert find("example").summary == "Do nothing much."
    assert ledger("example", (2, 12, 5, 7), bias=True, out=None).params() == 78


@pytest.mark.usefixtures("example")
def test_a_second_registration_raises() -> None:
    """Two layers cannot have one name."""
    with pytest.raises(CostModelError, match="'example' exists already"):
        layer("example", source="nowhere")(lambda x: x)


def test_a_definition_that_runs_again_takes_its_own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a cell of a notebook does when it is run a second time."""
    monkeypatch.setattr("costmodel.catalog.LAYERS", {})
    for source in ("one", "two"):

        @layer("example", source=source)
        def program(x: Tensor) -> Tensor:
            return x

    assert find("example").source == "two"


@pytest.mark.parametrize(
    "options, message",
    [
        ({"reductoin": 4}, "no option 'reductoin' .did you mean 'reduction'."),
        ({"reduction": 0}, "reduction must be at least 1, not 0"),
        ({"reduction": -3}, "at least 1, not -3"),
        ({"reduction": 2.0}, "reduction must be a positive integer, not 2.0"),
        ({"reduction": True}, "reduction must be a positive integer, not True"),
        ({"reduction": None}, "reduction must be a positive integer, not None"),
        ({"bias": 1}, "bias must be true or false, not 1"),
        ({"mode": "c"}, "mode must be a or b, not 'c'"),
        ({"out": 0}, "out must be at least 1"),
    ],
)
@pytest.mark.usefixtures("example")
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    """One sentence that says what was given and what is accepted."""
    with pytest.raises(CostModelError, match=message):
        find("example").resolve(options)


@pytest.mark.parametrize(
    "option, text, value",
    [
        ("reduction", "12", 12),
        ("reduction", str(10**300), 10**300),
        ("bias", "true", True),
        ("bias", "False", False),
        ("mode", "b", "b"),
    ],
)
@pytest.mark.usefixtures("example")
def test_text_is_parsed(option: str, text: str, value: object) -> None:
    """What a user types for an option."""
    assert find("example").options[option].parse(text, "example") == value


@pytest.mark.parametrize(
    "option, text",
    [("reduction", t) for t in ("", "-1", "2.0", "1e3", "٣", "1_000", "2*2", "9" * 1001, "none")]
    + [("bias", "1"), ("bias", "yes")],
)
@pytest.mark.usefixtures("example")
def test_other_text_is_refused(option: str, text: str) -> None:
    """Nothing is evaluated and nothing is guessed."""
    with pytest.raises(CostModelError, match="must be"):
        find("example").options[option].parse(text, "example")


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Layer:
    """A layer of a user's own, with an option that is an exact number."""
    monkeypatch.setattr("costmodel.catalog.LAYERS", {})

    @layer("wide", source="nowhere")
    def wide(x: Tensor, *, widen: Fraction = Fraction(3, 2)) -> Tensor:
        return x.conv(int(x.c * widen))

    return find("wide")


@pytest.mark.parametrize(
    "text, value, said",
    [
        ("0.7", Fraction(7, 10), "0.7"),
        ("2", Fraction(2), "2"),
        ("10.50", Fraction(21, 2), "10.5"),
        ("1.05", Fraction(21, 20), "1.05"),
        ("3/4", Fraction(3, 4), "0.75"),
        ("4/6", Fraction(2, 3), "2/3"),
        ("0." + "3" * 20, Fraction(int("3" * 20), 10**20), f"{'3' * 20}/1{'0' * 20}"),
    ],
)
def test_exact_numbers_are_parsed_and_said(wide: Layer, text: str, value: Fraction, said: str) -> None:
    """Decimals and quotients are the numbers that they spell, not the nearest float; said as decimals that end."""
    option = wide.options["widen"]
    assert option.parse(text, "wide") == option.check(value, "wide") == value
    assert catalog.said(option.parse(text, "wide")) == said
    assert type(option.check(2, "wide")) is Fraction
    assert (option.is_fraction, option.is_integer) == (True, False)
    # 7·0.7 = 4.9: a width of 4.
    assert wide.run((1, 7, 2, 2), {"widen": Fraction("0.7")}).params() == 28


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.0", "0/3", "1/0", "-1", "+1", "1.", ".5", "1e3", "inf", "nan", "1/2/3", "1.5/2", "٣", "9" * 1001],
)
def test_other_exact_numbers_are_refused(wide: Layer, text: str) -> None:
    """As spelled, and as values: nothing that is not exact and above 0."""
    with pytest.raises(CostModelError, match=r"widen must be a positive number, such as 0.75 or 3/4"):
        wide.options["widen"].parse(text, "wide")


@pytest.mark.parametrize("value", [0, -1, True, 0.75, "3/4", None, Fraction(0), Fraction(-1, 2), [1, 2]])
def test_values_that_are_no_exact_number_are_refused(wide: Layer, value: object) -> None:
    """A float is a rounded number, and an array or a symbol has no place in a width."""
    with pytest.raises(CostModelError, match=r"widen must be a positive number, such as 0.75 or 3/4"):
        wide.resolve({"widen": value})


def test_unknown_layers_are_answered_with_the_nearest() -> None:
    """A typing error is met with the right spelling."""
    with pytest.raises(CostModelError, match=r"no layer is called 'nonlocal' \(did you mean 'non-local'\?\)"):
        find("nonlocal")
    with pytest.raises(CostModelError, match="did you mean 'se'"):
        find("ze")
    with pytest.raises(CostModelError, match="no layer is called 'zzz'; see"):
        find("zzz")


@pytest.mark.parametrize("shape", [(1,), (1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 3, 4, 5, 6)])
def test_input_of_another_rank_is_refused(shape: tuple[int, ...]) -> None:
    """Squeeze-and-excitation takes maps, not video."""
    with pytest.raises(CostModelError, match="se takes N×C×H×W input, not one of"):
        ledger("se", shape)


def test_every_layer_is_documented() -> None:
    """A summary of one sentence, shapes, a source, a headline, and errors where there can be some."""
    find("se")
    for entry in LAYERS.values():
        documentation = entry.program.__doc__ or ""
        assert entry.summary.endswith("."), entry.name
        assert "N×C×H×W" in documentation or "N×C×(T×)H×W" in documentation, entry.name
        assert len(entry.source) > 20, entry.name
        assert entry.headline is not None, entry.name
        assert not entry.options or set(entry.options) & {"inner", "out", "reduction", "heads", "kernel"}, entry.name


@pytest.mark.usefixtures("example")
def test_in_a_notebook() -> None:
    """What a layer is, and its options as Python takes them."""
    shown = ElementTree.fromstring(f"<div>{find('example')._repr_html_()}</div>")
    assert "".join(shown.find("p").itertext()) == "example: Do nothing much.nowhere"
    assert [[cell.text for cell in row] for row in shown.iter("tr")] == [
        ["option", "takes", "default", "in formulas"],
        ["reduction", "a positive integer", "2", "r"],
        ["bias", "true or false", "False", None],
        ["mode", "a or b", "a", None],
        ["out", "a positive integer", "None", None],
    ]


@pytest.mark.usefixtures("example")
def test_nothing_of_a_layer_is_markup_in_a_notebook() -> None:
    """A name, a source, a default and a choice with a bracket in them are text; without options there is no table."""

    @layer("<b>", source="A & B <i>")
    def bold(x: Tensor, *, mode: Literal["<", "&"] = "<") -> Tensor:
        """Let x < y."""
        assert mode
        return x

    shown = ElementTree.fromstring(f"<div>{find('<b>')._repr_html_()}</div>")
    assert "".join(shown.find("p").itertext()) == "<b>: Let x < y.A & B <i>"
    assert [[cell.text for cell in row] for row in shown.iter("tr")][1:] == [["mode", "< or &", "<", None]]
    assert "table" not in find("danet-cam")._repr_html_()


@pytest.mark.parametrize(
    "name, options, side, stride",
    [
        ("resnet50", {}, 31, 32),
        ("resnet50", {"output_stride": 8}, 7, 8),
        ("fcn-resnet50", {}, 7, 8),
        ("resnet-cifar", {}, 3, 4),
        ("lraspp-mobilenet-v3-large", {}, 15, 16),
    ],
)
def test_an_input_smaller_than_the_output_stride(name: str, options: dict[str, Any], side: int, stride: int) -> None:
    """A position of the last map stands for as many pixels: there must be these."""
    network = subjects.find(name)
    assert network.run((1, 3, stride, stride), options).rows
    with pytest.raises(CostModelError, match=f"an input of {stride}×{side} is smaller than the output stride"):
        network.run((1, 3, stride, side), options)


def test_networks_are_told_apart_from_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is one thing: another network or layer of it is refused, and the same definition takes its own place."""
    monkeypatch.setattr("costmodel.catalog.NETWORKS", dict(catalog.NETWORKS))

    def define() -> None:
        @catalog.network("twice", source="nowhere", input=(1, 2, 7, 11), stride=1)
        def twice(x: Tensor) -> Tensor:
            """Add one."""
            return x.add_scalar()

    define()
    define()
    for register in (layer("twice", source="nowhere"), catalog.network("twice", source="nowhere")):
        with pytest.raises(CostModelError, match="a network called 'twice' exists already"):
            register(lambda x: x)
    with pytest.raises(CostModelError, match="a layer called 'se' exists already"):
        catalog.network("se", source="nowhere")(lambda x: x)
    with pytest.raises(CostModelError, match="twice takes 2 channels, not 3"):
        catalog.NETWORKS["twice"].run((1, 3, 7, 11), {})
    with pytest.raises(CostModelError, match="takes N×C×H×W input, not one of 5 dimensions"):
        catalog.NETWORKS["twice"].run((1, 2, 3, 7, 11), {})


def test_what_a_layer_chooses_is_auto() -> None:
    """Said of an option that nobody gave."""
    assert catalog.said(None) == "auto"
