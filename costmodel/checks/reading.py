"""What a check says: its text, parsed and never run, as expressions of exact costs and sizes.

    macs(cbam) <= 0.01 * macs(conv(out=c))      params(se) == 2*c*c/r      macs("se:reduction=4", "reduce") <= 5e9

Layers are run on symbols, with every floor that real ones have. A size or an option that is named is a symbol; a size
that is not named stays open too, but for n, which is 1, and an option that is not named has its default. A name in the
brackets of a layer, ``conv(stride=s)``, is that layer's option only.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from costmodel.catalog import LAYERS, LONGEST, Layer, Subject, find, nearest, read, spoken
from costmodel.checks.derived import derived
from costmodel.claims.reading import in_positions
from costmodel.conventions import METRICS, of_row, total
from costmodel.dimension import CostModelError, Dim, abbreviate
from costmodel.ledger import Ledger
from costmodel.symbolic import parse, symbol

LENGTH = 2000
"""Characters of a statement."""
DEGREE = 20
"""The greatest exponent."""

SIZES = {"n": "N", "c": "C", "t": "T", "h": "H", "w": "W", "side": "side", "p": "P"}
"""The sizes as users name them, and their symbols."""
SPOKEN = {letter: name for name, letter in SIZES.items()}
"""What users call the symbols of sizes."""
_NAMES = {**SIZES, **{letter: letter for letter in "NCTHWP"}}

_RELATIONS: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥", ast.Eq: "="}
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Pow: lambda a, b: a**b,
}
_ROUNDED: dict[str, Callable[[Any], Any]] = {"floor": lambda a: a // 1, "ceil": lambda a: -(-a // 1)}

# As formulas are printed, so that they can be pasted.
_SIGNS = {"·": "*", "×": "*", "−": "-", "≤": "<=", "≥": ">=", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")"}
_PRINTED = str.maketrans(_SIGNS)
_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_SUPERSCRIPTS = str.maketrans(_DIGITS, "0123456789")


class Cost(NamedTuple):
    """The cost of a layer, as it stands in a statement."""

    text: str
    metric: str
    expression: Dim
    """Exact, with floors."""
    layer: Layer
    shape: Sequence[Dim]
    options: Mapping[str, Any]
    ledger: Ledger

    def run(self, at: Mapping[Dim, int], where: str) -> None:
        """Run the layer with some of its sizes put in; what it does not take is said with `where`."""
        options = {name: _put(value, at) for name, value in self.options.items()}
        try:
            self.layer.run([_put(size, at) for size in self.shape], options)
        except CostModelError as error:
            raise CostModelError(f"{where}{error}") from None

    def takes(self, at: Mapping[Dim, int]) -> bool:
        """Whether the layer is defined there, as far as these sizes tell."""
        try:
            self.run(at, "")
        except CostModelError:
            return False
        return True


class Statement(NamedTuple):
    """A check as two exact expressions and a relation, one of ``< ≤ = ≥ >``, between them."""

    left: Dim
    relation: str
    right: Dim
    sides: tuple[str, str]
    """Both as they are written."""
    costs: tuple[Sequence[Cost], Sequence[Cost]]
    """Those on either side."""


def letter(name: str) -> str:
    """The symbol of a size or an option, as users name it."""
    return _NAMES.get(name, name)


def read_statement(text: str, named: Sequence[str] = (), modules: Mapping[str, Any] | None = None) -> Statement:
    """What `text` says, where the sizes and options in `named` have values; `modules` are those it may derive by name.

    Raises `CostModelError` for what cannot be read, a name that stands for nothing, and a layer that is not defined;
    `Undecided` for what only torch could tell, where it is absent.
    """
    text = _plain(text)
    try:
        return _statement(text, named, modules or {})
    except RecursionError:
        raise CostModelError(f"{abbreviate(text)} is nested too deeply") from None


def _statement(text: str, named: Sequence[str], modules: Mapping[str, Any]) -> Statement:
    match _tree(text):
        case ast.Compare(left, [relation], [right]) if type(relation) in _RELATIONS:
            reader = _Reader([*_names(left), *_names(right)], named, modules)
            (first, own), (second, other) = reader.side(left, text), reader.side(right, text)
            reader.check_names()
            first, second = (side.xreplace(reader.fixed()) for side in (first, second))
            said = (ast.get_source_segment(text, left) or "", ast.get_source_segment(text, right) or "")
            return Statement(first, _RELATIONS[type(relation)], second, said, (own, other))
    raise CostModelError(f"{abbreviate(text)} is no relation of two expressions, with one of < <= == >= > between them")


def _plain(text: str) -> str:
    """`text` as Python spells it."""
    if len(text) > LENGTH:
        raise CostModelError(f"a statement has at most {LENGTH} characters, not {len(text):,}")
    text = re.sub(f"[{_DIGITS}]+", lambda power: f"**{power[0].translate(_SUPERSCRIPTS)}", text.translate(_PRINTED))
    # derive(package.module:Name, …), whose target takes no quotes.
    return re.sub(r"""\bderive\(\s*([^\s"'(),]+:[\w.]+)""", r'derive("\1"', " ".join(text.split()))


def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CostModelError(f"{abbreviate(text)} is not an expression") from None


def _names(node: Any) -> Iterator[tuple[str, bool]]:
    """The names in a statement that may be sizes and options, and whether they stand in the brackets of a layer."""
    match node:
        case ast.Name(name):
            yield name, False
        case ast.Constant(str(formula)):
            yield from _names(_tree(_plain(formula)))
        case ast.Call(_, arguments, keywords):
            for part in arguments:
                if isinstance(part, ast.Constant):  # a layer or a row
                    yield from ((word, True) for word in re.findall(r"=\s*(\w+)", str(part.value)))
                else:
                    yield from _names(part)
            for keyword in keywords:
                yield from ((part.id, True) for part in ast.walk(keyword.value) if isinstance(part, ast.Name))
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _names(child)


class _Reader:
    """What the names and the costs of one statement stand for, where those in `given` have values."""

    def __init__(self, names: Sequence[tuple[str, bool]], given: Iterable[str], modules: Mapping[str, Any]) -> None:
        self._costs: list[Cost] = []
        named = {*given, *(name for name, _ in names)}
        # What stands in the brackets of one layer is that one's, and opens no option of the others.
        self._opening = named - {*_NAMES} - {name for name, inside in names if inside}
        self._given, self._modules = {*given}, modules
        self._used = {*given}
        self._opened: set[str] = set()
        self._fixed: dict[str, set[int]] = {}
        self._sizes = {_NAMES[name] for name in named if name in _NAMES}
        _check_sizes(self._sizes)

    def check_names(self) -> None:
        """Refuse names that stand for nothing."""
        known = [*SIZES, *sorted({*self._opened, *self._fixed} - {*_NAMES})]
        for name in sorted(self._used - {*_NAMES, *known}):
            raise CostModelError(
                f"{abbreviate(name)} stands for nothing here{nearest(name, known)}; what does is {', '.join(known)}"
            )

    def fixed(self) -> dict[Dim, Dim]:
        """The names of options that every layer has given the same number, and that number."""
        names = self._used & self._fixed.keys() - {*_NAMES} - self._opened
        for name in sorted(names):
            if len(self._fixed[name]) > 1 or name in self._given:
                numbers = " and ".join(map(str, sorted(self._fixed[name])))
                raise CostModelError(f"{abbreviate(name)} is {numbers} in the layers here")
        return {symbol(name): _exact(*self._fixed[name]) for name in names}

    # Expressions.

    def side(self, node: ast.expr, text: str) -> tuple[Dim, list[Cost]]:
        """A side of a relation, and the costs in it."""
        self._costs = []
        return self.value(node, text), self._costs

    def value(self, node: ast.expr, text: str) -> Dim:
        """What `node`, of `text`, stands for."""
        match node:
            case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
                first, second = self.value(left, text), self.value(right, text)
                if isinstance(op, ast.Pow) and not (second.is_Integer and 0 <= second <= DEGREE):
                    raise CostModelError(
                        f"an exponent is an integer from 0 to {DEGREE}, as in {abbreviate(text)} it is not"
                    )
                if isinstance(op, (ast.Div, ast.FloorDiv)) and second.cancel().is_zero:
                    raise CostModelError(f"{abbreviate(text)} divides by 0")
                if isinstance(op, ast.FloorDiv) and not second.is_positive:
                    raise CostModelError(f"{abbreviate(text)} rounds a division by what may be 0 or negative")
                return _OPERATORS[type(op)](first, second)
            case ast.UnaryOp(ast.USub(), operand):
                return -self.value(operand, text)
            case ast.Constant(str(formula)):
                return self.value(_tree(plain := _plain(formula)), plain)
            case ast.Constant(number) if type(number) in (int, float):
                return _number(ast.get_source_segment(text, node) or "")
            case ast.Name(name):
                self._used.add(name)
                return symbol(letter(name))
            case ast.Call(ast.Name(function), [argument], []) if function in _ROUNDED:
                return _ROUNDED[function](self.value(argument, text))
            case ast.Attribute(ast.Call(ast.Name("derive"), [ast.Constant(str(target))], keywords), metric):
                return self._derived(target, keywords, metric)
            case ast.Call(ast.Name(metric), [layer, *rows], []):
                return self._cost(metric, layer, rows, text)
        raise CostModelError(
            f"{abbreviate(ast.unparse(node))} is neither a cost, such as macs(se), nor made of sizes and numbers"
        )

    def _derived(self, target: str, constructed: Sequence[ast.keyword], metric: str) -> Dim:
        """``derive("package.module:Name", channels=64).macs``."""
        _check_metric(metric)
        try:
            init = {str(word.arg): ast.literal_eval(word.value) for word in constructed}
        except (ValueError, TypeError):
            raise CostModelError("derive constructs a module with numbers and texts, nothing else") from None
        keywords = {"input": init.pop("input")} if "input" in init else {}
        found = derived(self._modules.get(target, target), init, **keywords)[metric]
        self._opened |= {str(size) for size in found.free_symbols}
        if "P" in self._sizes:
            in_positions(found, target)
        return found.xreplace({symbol(name): _exact(size) for name, size in self._shape({}).items()})

    # Costs.

    def _cost(self, metric: str, node: ast.expr, rows: Sequence[ast.expr], text: str) -> Dim:
        """``macs(se)``, ``macs(conv(out=c, side=28))`` or, of some of its rows, ``macs(non-local, "affinity")``."""
        _check_metric(metric)
        subject, sizes, constraints = self._subject(node, text)
        layer = subject.layer
        options = {**subject.options, **self._open_options(subject)}
        for name, option in layer.options.items():
            if option.symbol and type(options.get(name)) is int:
                for word in (name, option.symbol):
                    self._fixed.setdefault(word, set()).add(options[name])
        shape = [*self._shape(sizes).values()]
        ledger = layer.run(shape, options)
        known = [row.name for row in ledger.rows]
        names = [str(row.value) if isinstance(row, ast.Constant) else ast.unparse(row) for row in rows]
        for name in names:
            if name not in known:
                raise CostModelError(f"{layer.name} has no row {abbreviate(name)}{nearest(name, known)}")
        if "p" in sizes or ("P" in self._sizes and not sizes.keys() & {"side", "h", "w"}):
            apart = layer.run([*shape[:-2], symbol("H"), symbol("W")], options)
            in_positions(_counted(apart, metric, names), layer.name)
        for value in constraints:
            above, below = value.together().as_numer_denom()
            if not value.is_integer:
                ledger.divisions.append((below, above))
            if not value.is_positive:
                ledger.bounds.append((1, value))
        counted = _counted(ledger, metric, names)
        said = ", ".join([subject.name, *names])
        self._costs.append(Cost(f"{metric}({said})", metric, counted, layer, shape, options, ledger))
        return counted

    def _shape(self, given: Mapping[str, Dim]) -> dict[str, Dim]:
        """N, C, H and W, and T of video, at what is `given` or named."""
        sizes: dict[str, Dim] = {letter: symbol(letter) for letter in "NCTHW"}
        if "N" not in self._sizes:
            sizes["N"] = 1
        for name, size in [*((name, symbol(name)) for name in ("side", "P") if name in self._sizes), *given.items()]:
            match name:
                case "side":
                    sizes |= {"H": size, "W": size}
                case "P" | "p":
                    # A map of so many rows, since what it costs depends on H·W alone.
                    sizes |= {"H": size, "W": 1}
                case _:
                    sizes[SIZES[name]] = size
        if "T" not in self._sizes and "t" not in given:
            del sizes["T"]
        return sizes

    def _subject(self, node: ast.expr, text: str) -> tuple[Subject, dict[str, Dim], list[Dim]]:
        """A layer, the sizes that are given for it, and what must be a positive integer for it to be one."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            subject = read(node.value, letters=True)
            options = {
                name: symbol(value) if value == subject.layer.options[name].symbol else value
                for name, value in subject.options.items()
            }
            self._opened |= {str(value) for value in options.values() if hasattr(value, "free_symbols")}
            return subject._replace(options=options), {}, []
        name, keywords = _layer_name(node)
        layer = find(name if name in LAYERS else name.replace("_", "-"))
        sizes: dict[str, Dim] = {}
        options = {}
        constraints: list[Dim] = []
        for word in keywords:
            key = str(word.arg)
            option = layer.options.get(key)
            if option is None and key not in SIZES:
                known = [*layer.options, *SIZES]
                raise CostModelError(
                    f"{layer.name} has no option and no size {abbreviate(key)}{nearest(key, known)}; "
                    f"it has {', '.join(known)}"
                )
            if option and (option.choices or isinstance(option.default, bool)):
                options[key] = option.parse(_word(word.value), layer.name)
                continue
            value = self.value(word.value, text)
            if key in options or key in sizes:
                raise CostModelError(f"{key} of {layer.name} is given twice")
            self._opened |= {str(size) for size in value.free_symbols}
            if value.is_number:
                value = int(value) if value.is_Integer else value
            elif option and not option.symbol:
                raise CostModelError(
                    f"{layer.name}: {spoken(key)} must be a number, since formulas have no letter for it"
                )
            else:
                constraints.append(value)
            if option:
                options[key] = value
            else:
                sizes[key] = value
        _check_sizes({SIZES[key] for key in sizes})
        return Subject(layer, options, ast.get_source_segment(text, node) or name), sizes, constraints

    def _open_options(self, subject: Subject) -> dict[str, Dim]:
        """The options of a layer that the statement names, by their letter or their name, and that are not given."""
        found = {}
        for name, option in subject.layer.options.items():
            words = [word for word in (name, option.symbol) if option.symbol and word in self._opening]
            if len(words) > 1:
                raise CostModelError(f"{words[1]} is {words[0]} of {subject.layer.name}: name it by one of them")
            if words and name not in subject.options:
                found[name] = symbol(words[0])
        self._opened |= {str(size) for size in found.values()}
        return found


def _check_sizes(letters: set[str]) -> None:
    if ({"side", "P"} & letters and {"H", "W"} & letters) or {"side", "P"} <= letters:
        raise CostModelError("side is h and w at once, and p their product: name one of them")


def _check_metric(metric: str) -> None:
    if metric not in METRICS:
        hint = f"; a layer stands inside, as in macs({metric})" if metric.replace("_", "-") in LAYERS else ""
        raise CostModelError(
            f"a cost is one of {', '.join(METRICS)}, not {abbreviate(metric)}{nearest(metric, METRICS)}{hint}"
        )


def _layer_name(node: ast.expr) -> tuple[str, list[ast.keyword]]:
    """``cbam``, ``non-local``, which Python takes for a difference, or ``conv(out=c)``, and its keywords."""
    match node:
        case ast.Name(name):
            return name, []
        case ast.BinOp(left, ast.Sub(), right):
            (first, none), (second, keywords) = _layer_name(left), _layer_name(right)
            if not none:
                return f"{first}-{second}", keywords
        case ast.Call(called, [], keywords) if all(word.arg for word in keywords):
            name, none = _layer_name(called)
            if not none:
                return name, keywords
    raise CostModelError(
        f"{abbreviate(ast.unparse(node))} is no layer, such as se, conv(out=c) or 'non-local:reduction=4'"
    )


def _word(node: ast.expr) -> str:
    """The value of an option that is a word: in quotes or not, ``true`` and ``True``."""
    return str(node.value) if isinstance(node, ast.Constant) else _layer_name(node)[0]


def _counted(ledger: Ledger, metric: str, rows: Sequence[str]) -> Dim:
    """Of the whole layer, or of some rows."""
    if not rows:
        return _exact(total(ledger, metric))
    return _exact(sum(of_row(row, metric) for row in ledger.rows if row.name in rows))


def _put(value: Any, at: Mapping[Dim, int]) -> Any:
    value = value.subs(at) if hasattr(value, "free_symbols") else value
    return int(value) if getattr(value, "is_Integer", False) else value


def _exact(count: Dim) -> Dim:
    """As an expression, also where it is an int."""
    return parse("0") + count


def _number(text: str) -> Dim:
    """``256``, ``1_000_000``, ``0.01`` or ``5e9``, exactly."""
    spelled = text.replace("_", "")
    if not re.fullmatch(rf"[0-9]{{1,{LONGEST}}}|[0-9]{{0,30}}\.?[0-9]{{0,30}}(e[+-]?[0-9]{{1,3}})?", spelled.lower()):
        raise CostModelError(f"{abbreviate(text)} is no number such as 256, 0.01 or 5e9")
    fraction = Fraction(spelled)
    return parse(f"{fraction.numerator}/{fraction.denominator}")
