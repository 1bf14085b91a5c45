"""The names in a statement: sizes, and options of its layers, that have values, stay open or are fixed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from costmodel.catalog import Layer, Subject, nearest
from costmodel.dimension import CostModelError, Dim, abbreviate
from costmodel.symbolic import expression, symbol

SIZES = {"n": "N", "c": "C", "t": "T", "h": "H", "w": "W", "side": "side", "p": "P"}
"""The sizes as users name them, and their symbols."""
SPOKEN = {letter: name for name, letter in SIZES.items()}
"""What users call the symbols of sizes."""
_NAMES = {**SIZES, **{letter: letter for letter in "NCTHWP"}}


def letter(name: str) -> str:
    """The symbol of a size or an option, as users name it."""
    return _NAMES.get(name, name)


def check_sizes(letters: Iterable[str]) -> None:
    """Refuse a map whose sides are named twice."""
    letters = {*letters}
    if ({"side", "P"} & letters and {"H", "W"} & letters) or {"side", "P"} <= letters:
        raise CostModelError("side is h and w at once, and p their product: name one of them")


class Names:
    """What the names of one statement stand for, where those in `given` have values.

    `named` are all in it, each with whether it stands in the brackets of a layer.
    """

    def __init__(self, named: Sequence[tuple[str, bool]], given: Iterable[str]) -> None:
        self._given = {*given}
        every = {*self._given, *(name for name, _ in named)}
        # What stands in the brackets of one layer is that one's, and opens no option of the others.
        self._opening = every - {*_NAMES} - {name for name, inside in named if inside}
        self._used = {*self._given}
        self._opened: set[str] = set()
        self._fixed: dict[str, set[int]] = {}
        self.sizes = {_NAMES[name] for name in every if name in _NAMES}
        """The symbols of the sizes that are named."""
        check_sizes(self.sizes)

    def has_values(self, sizes: Iterable[Any]) -> bool:
        """Whether all of these symbols do."""
        return {*map(str, sizes)} <= {letter(name) for name in self._given}

    def use(self, name: str) -> Dim:
        """The symbol of a name."""
        self._used.add(name)
        return symbol(letter(name))

    def open(self, *values: Any) -> None:
        """Let the names in what is given for an option or a size stand for something."""
        self._opened |= {str(size) for value in values for size in getattr(value, "free_symbols", ())}

    def open_options(self, subject: Subject) -> dict[str, Dim]:
        """The options of a layer that the statement names, by their letter or their name, and that are not given."""
        found = {}
        for name, option in subject.layer.options.items():
            words = [word for word in (name, option.symbol) if option.symbol and word in self._opening]
            if len(words) > 1:
                raise CostModelError(f"{words[1]} is {words[0]} of {subject.layer.name}: name it by one of them")
            if words and name not in subject.options:
                found[name] = symbol(words[0])
        self.open(*found.values())
        return found

    def fix(self, layer: Layer, options: Mapping[str, Any]) -> None:
        """Let the options of a layer that are given as numbers be named too."""
        for name, option in layer.options.items():
            if option.symbol and type(options.get(name)) is int:
                for word in (name, option.symbol):
                    self._fixed.setdefault(word, set()).add(options[name])

    def shape(self, given: Mapping[str, Dim]) -> dict[str, Dim]:
        """N, C, H and W, and T of video, at what is `given` or named."""
        sizes: dict[str, Dim] = {letter: symbol(letter) for letter in "NCTHW"}
        if "N" not in self.sizes:
            sizes["N"] = 1
        for name, size in [*((name, symbol(name)) for name in ("side", "P") if name in self.sizes), *given.items()]:
            match name:
                case "side":
                    sizes |= {"H": size, "W": size}
                case "P" | "p":
                    # A map of so many rows, since what it costs depends on H·W alone.
                    sizes |= {"H": size, "W": 1}
                case _:
                    sizes[SIZES[name]] = size
        if "T" not in self.sizes and "t" not in given:
            del sizes["T"]
        return sizes

    # When all of the statement is read.

    def check(self) -> None:
        """Refuse names that stand for nothing."""
        known = [*SIZES, *sorted({*self._opened, *self._fixed} - {*_NAMES})]
        for name in sorted(self._used - {*_NAMES, *known}):
            raise CostModelError(
                f"{abbreviate(name)} stands for nothing here{nearest(name, known)}; what does is {', '.join(known)}"
            )

    def numbers(self) -> dict[Dim, Dim]:
        """The names of options that every layer has given the same number, and that number."""
        names = self._used & self._fixed.keys() - {*_NAMES} - self._opened
        for name in sorted(names):
            if len(self._fixed[name]) > 1 or name in self._given:
                numbers = " and ".join(map(str, sorted(self._fixed[name])))
                raise CostModelError(f"{abbreviate(name)} is {numbers} in the layers here")
        return {symbol(name): expression(*self._fixed[name]) for name in names}
