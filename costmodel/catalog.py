"""The catalog: layers by name, their options read from their signatures, their sources.

    @layer("se", source="Hu et al. 2018, Squeeze-and-Excitation Networks, §3", symbols={"reduction": "r"})
    def squeeze_excitation(x: Tensor, *, reduction: int = 16, bias: bool = False) -> Tensor: ...

An option is a keyword-only parameter. Its annotation says what it takes: ``int`` (≥ 1; also an array
or a symbol), ``int | None``, ``bool``, a ``Literal`` of strings, or ``Fraction``, an exact positive number.
"""

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from costmodel.dimension import CostModelError, Dim, abbreviate, differ, dimension, somewhere
from costmodel.ledger import Ledger
from costmodel.tensor import Tensor

if TYPE_CHECKING:
    from fractions import Fraction

Program = TypeVar("Program", bound=Callable[..., Any])


LONGEST = 1000
"""Digits that a number may be typed with: a bound on the work of printing what follows from it."""


def is_number(text: str) -> bool:
    """Whether `text` is digits and nothing else, and not too many."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST


def _fraction(text: str) -> "Fraction | None":
    """The positive number that decimals or two integers spell, exactly; None if none is spelled."""
    from fractions import Fraction

    spelled = re.fullmatch(r"[0-9]+(\.[0-9]+|/0*[1-9][0-9]*)?", text)
    return (Fraction(text) or None) if spelled and len(text) <= LONGEST else None


class Option(NamedTuple):
    """One option of a layer."""

    name: str
    default: "int | bool | str | Fraction | None"
    choices: tuple[str, ...]
    """What a string option accepts; empty for the others."""
    symbol: str | None
    """The letter that can stand for an integer option in formulas."""
    open: bool
    """Whether formulas leave the option open, as its symbol, unless it is given."""

    @property
    def is_integer(self) -> bool:
        """Whether it takes integers, and so arrays and symbols."""
        return not (self.choices or isinstance(self.default, bool) or self.is_fraction)

    @property
    def is_fraction(self) -> bool:
        """Whether it takes exact numbers such as 3/4."""
        return not isinstance(self.default, int | str | None)

    @property
    def accepts(self) -> str:
        """What values are accepted, for a person."""
        if self.choices:
            return " or ".join(self.choices) if len(self.choices) < 3 else ", ".join(self.choices)
        if isinstance(self.default, bool):
            return "true or false"
        return "a positive number, such as 0.75 or 3/4" if self.is_fraction else "a positive integer"

    def parse(self, text: str, layer: str) -> "int | bool | str | Fraction | None":
        """The value that `text` spells."""
        if isinstance(self.default, bool):
            if text.lower() in ("true", "false"):
                return text.lower() == "true"
        elif self.choices:
            return text
        elif self.is_fraction:
            if (exact := _fraction(text)) is not None:
                return exact
        elif is_number(text):
            return int(text)
        limit = f" of at most {LONGEST} digits" if len(text) > LONGEST else ""
        raise CostModelError(f"{layer}: {spoken(self.name)} must be {self.accepts}{limit}, not {abbreviate(text)}")

    def check(self, value: Any, layer: str) -> Any:
        """`value` if this option accepts it."""
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
        elif self.choices:
            if value in self.choices:
                return value
            hint = nearest(str(value), self.choices)
            raise CostModelError(f"{layer}: {spoken(self.name)} must be {self.accepts}, not {abbreviate(value)}{hint}")
        elif self.is_fraction:
            from fractions import Fraction

            if isinstance(value, int | Fraction) and not isinstance(value, bool) and value > 0:
                return Fraction(value)
        elif type(value) is int and value > 0:
            return value
        elif value is None and self.default is None:
            return None
        else:
            return dimension(value, f"{layer}: {spoken(self.name)}")
        raise CostModelError(f"{layer}: {spoken(self.name)} must be {self.accepts}, not {abbreviate(value)}")


class Headline(NamedTuple):
    """The cost that the source of a layer prints, and when it is a term of ours."""

    expression: str
    """As the source writes it, in the symbols of the formula."""
    metric: str
    rows: tuple[str, ...]
    """The ledger rows whose cost it is."""
    when: Mapping[str, int]
    """Symbols that must have these values; empty when it holds always."""
    source: str


class Layer(NamedTuple):
    """A catalog entry: a shape program, and what is known about it."""

    name: str
    program: Callable[..., Any]
    source: str
    options: Mapping[str, Option]
    video: bool
    headline: Headline | None
    places: str = "all"
    """Where its paper has it in a network, as `insertion` spells places."""
    input: tuple[int, ...] | None = None
    """What a network was made for; it takes as many channels, and other sizes too. None for a layer."""
    stride: int = 1
    """How many pixels of a network's input lie under one position of its last map, unless its option says so."""

    @property
    def summary(self) -> str:
        """The first sentence of the docstring."""
        return (inspect.getdoc(self.program) or "").partition("\n")[0]

    def resolve(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value: those given, checked, and the defaults."""
        for name in options:
            if name not in self.options:
                known = [spoken(option) for option in self.options]
                raise CostModelError(
                    f"{self.name} has no option {abbreviate(spoken(name))}{nearest(spoken(name), known)}; "
                    f"it has {', '.join(known) or 'none'}"
                )
        return {
            name: option.check(options[name], self.name) if name in options else option.default
            for name, option in self.options.items()
        }

    def admit(self, x: Tensor) -> None:
        """Raise `CostModelError` unless `x` has the dimensions, and of a network the channels, that this takes."""
        ranks = (len(self.input),) if self.input else (4, 5) if self.video else (4,)
        if len(x.shape) not in ranks:
            takes = " or ".join("N×C×H×W" if rank == 4 else "N×C×T×H×W" for rank in ranks)
            raise CostModelError(f"{self.name} takes {takes} input, not one of {len(x.shape)} dimensions")
        if self.input and differ(x.c, self.input[1]):
            raise CostModelError(f"{self.name} takes {self.input[1]} channels, not {abbreviate(x.c)}")

    def run(self, shape: Iterable[Dim], options: Mapping[str, Any]) -> Ledger:
        """The ledger of this layer on an input of `shape`."""
        x = Tensor(shape)
        self.admit(x)
        resolved = self.resolve(options)
        x.ledger.differentiable = self.input is None
        try:
            self._check_stride(x, resolved)
            self.program(x, **resolved)
        except CostModelError as error:
            raise CostModelError(f"{self.name}: {error}") from None
        return x.ledger

    def _check_stride(self, x: Tensor, options: Mapping[str, Any]) -> None:
        """Raise `CostModelError` unless the last map of a network has a position that lies within `x`."""
        stride = options.get("output_stride", self.stride)
        height, width = x.shape[-2:]
        if type(stride) is int and stride > 1 and (somewhere(height < stride) or somewhere(width < stride)):
            raise CostModelError(
                f"an input of {abbreviate(height)}×{abbreviate(width)} is smaller than the output stride, {stride}"
            )

    def _repr_html_(self) -> str:
        """For a notebook: what the layer is, and its options as Python spells them."""
        from html import escape

        from costmodel.html import table

        options = [(o.name, o.accepts, o.default, o.symbol or "") for o in self.options.values()]
        about = f"<p><strong>{escape(self.name)}</strong>: {escape(self.summary)}<br/>{escape(self.source)}</p>"
        return about + (table(("option", "takes", "default", "in formulas"), options) if options else "")


class Subject(NamedTuple):
    """A layer, the options given for it, and how it was asked for."""

    layer: Layer
    options: Mapping[str, Any]
    name: str


LAYERS: dict[str, Layer] = {}

NETWORKS: dict[str, Layer] = {}
"""Whole networks, which are asked about like layers; `networks` puts them here."""


def layer(
    name: str,
    *,
    source: str,
    symbols: Mapping[str, str] | None = None,
    closed: tuple[str, ...] = (),
    video: bool = False,
    headline: Headline | None = None,
    places: str = "all",
) -> Callable[[Program], Program]:
    """Put a shape program into the catalog; it stays a plain function of tensors.

    `symbols` names the integer options that formulas can leave open, by their letters; those in `closed` keep
    their default there unless the letter is asked for. `places` is where the paper has it in a network.
    """

    def register(program: Program) -> Program:
        _check_new(name, program)
        LAYERS[name] = Layer(name, program, source, _options(program, symbols or {}, closed), video, headline, places)
        return program

    return register


def network(
    name: str,
    *,
    source: str,
    input: tuple[int, ...] = (1, 3, 224, 224),  # noqa: A002 (as users say it)
    stride: int = 32,
) -> Callable[[Program], Program]:
    """Put the shape program of a network, which was made for such an `input`, into the catalog.

    `stride` is that of its last map in pixels, unless an option ``output_stride`` says so.
    """

    def register(program: Program) -> Program:
        _check_new(name, program)
        video = len(input) == 5
        options = _options(program, {}, ())
        NETWORKS[name] = Layer(name, program, source, options, video, None, input=input, stride=stride)
        return program

    return register


def _check_new(name: str, program: Callable[..., Any]) -> None:
    """Raise if the catalog has another definition of this name."""
    for kind, known in (("layer", LAYERS), ("network", NETWORKS)):
        other = known[name].program if name in known else program
        # The same definition again, as when a cell of a notebook runs again, takes the place of the one before.
        if (other.__module__, other.__qualname__) != (program.__module__, program.__qualname__):
            raise CostModelError(f"a {kind} called {name!r} exists already")


def _options(program: Callable[..., Any], symbols: Mapping[str, str], closed: tuple[str, ...]) -> dict[str, Option]:
    """The keyword-only parameters of `program`."""
    found = {}
    for parameter in inspect.signature(program).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            choices = typing.get_args(parameter.annotation) if isinstance(parameter.default, str) else ()
            symbol = symbols.get(parameter.name)
            is_open = symbol is not None and parameter.name not in closed
            found[parameter.name] = Option(parameter.name, parameter.default, choices, symbol, is_open)
    return found


def find(name: str) -> Layer:
    """The layer called `name`, or an error with the nearest name."""
    try:
        return LAYERS[name]
    except KeyError:
        raise CostModelError(
            f"no layer is called {abbreviate(name)}{nearest(name, LAYERS)}; see 'costmodel list'"
        ) from None


def read(
    text: str, given: Iterable[str] = (), *, letters: bool = False, look_up: Callable[[str], Layer] = find
) -> Subject:
    """``se`` or ``se:reduction=4,bias=true``, and further options as ``-p`` takes them.

    With `letters` an integer option may be left open, as the letter that formulas have for it. `look_up` finds a
    layer by its name, among the layers of this catalog unless given.
    """
    name, colon, listed = text.partition(":")
    layer = look_up(name)
    return options_of(layer, {}, [*(listed.split(",") if colon else ()), *given], text, letters=letters)


def options_of(
    layer: Layer, options: Mapping[str, Any], given: Iterable[str], text: str, *, letters: bool = False
) -> Subject:
    """`layer` with `options` and those `given` as ``name=value``; `text` is how it was asked for."""
    name = layer.name
    options = dict(options)
    for pair in given:
        key, equals, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not (key and equals):
            raise CostModelError(
                f"an option of {name} is written name=value, such as reduction=8, not {abbreviate(pair)}"
            )
        if key not in layer.options:
            layer.resolve({key: value})
        if key in options:
            raise CostModelError(f"the option {spoken(key)} of {name} is given twice")
        option = layer.options[key]
        is_letter = letters and option.symbol is not None and value == option.symbol
        options[key] = value if is_letter else option.parse(value.strip(), name)
    if not letters:
        layer.resolve(options)
    return Subject(layer, options, text)


def ledger(name: str, shape: Iterable[Dim], **options: Any) -> Ledger:
    """The ledger of the layer called `name` on an input of `shape`."""
    return find(name).run(shape, options)


def spoken(option: str) -> str:
    """An option's name as users type it."""
    return option.replace("_", "-")


def said(value: object) -> str:
    """An option's value as users type it: ``true``, ``16``, ``0.75``, ``2/3``; ``auto`` for what a layer chooses."""
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, int | str):
        from fractions import Fraction

        if isinstance(value, Fraction):
            for digits in range(1, 13):
                scaled = value * 10**digits
                if 1 == scaled.denominator < value.denominator:
                    whole, rest = divmod(scaled.numerator, 10**digits)
                    return f"{whole}.{rest:0{digits}}"
    return str(value)


def nearest(given: str, known: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"``, or nothing where nothing is near."""
    import difflib

    # A cutoff below the usual 0.6, for names of two letters.
    close = difflib.get_close_matches(given.lower(), list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
