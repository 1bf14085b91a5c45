"""What a check says: its text, parsed and never run, as expressions of exact costs and sizes.

    macs(cbam) <= 0.01 * macs(conv(out=c))      params(se) == 2*c*c/r      macs("se:reduction=4", "reduce") <= 5e9

Layers are run on symbols, with every floor that real ones have. A size or an option that is named is a symbol; a size
that is not named stays open too, but for n, which is 1, and an option that is not named has its default. A name in the
brackets of a layer, ``conv(stride=s)``, is that layer's option only.
"""

import ast
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import product
from typing import Any, NamedTuple

from costmodel.catalog import LAYERS, LONGEST, Layer, Subject, find, nearest, read, spoken
from costmodel.checks.coverage import Condition, Known
from costmodel.checks.derived import Undecided, derived
from costmodel.checks.names import SIZES, Names, check_sizes
from costmodel.claims.reading import in_positions
from costmodel.devices import DEVICES
from costmodel.dimension import CostModelError, Dim, abbreviate, maximum, minimum
from costmodel.ledger import Ledger
from costmodel.memory import DTYPES
from costmodel.metrics import ASKED, TIMES, known, of_row, seconds, total
from costmodel.symbolic import expression, parse, symbol
from costmodel.symbolic.domain import guard_text
from costmodel.symbolic.notation import built, relation_tree, tree
from costmodel.symbolic.relations import floors, integral

LENGTH = 2000
"""Characters of a statement."""
DEGREE = 20
"""The greatest exponent."""

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
    known: Sequence[Known]
    """For which sizes the formulas of torch modules in it hold."""


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
    _check_words(text)
    left, relation, right = relation_tree(text)
    names = Names([*_names(left), *_names(right)], named)
    reader = _Reader(names, modules)
    (first, own), (second, other) = reader.side(left, text), reader.side(right, text)
    names.check()
    numbers = names.numbers()
    said = (ast.get_source_segment(text, left) or "", ast.get_source_segment(text, right) or "")
    first, second = first.xreplace(numbers), second.xreplace(numbers)
    return Statement(first, relation, second, said, (own, other), reader.known)


def _check_words(text: str) -> None:
    """Refuse a text that is no expression since Python has a word in it for itself: ``nonlocal``."""
    try:
        tree(text)
    except CostModelError:
        for word in re.findall(r"[a-z]+", re.sub(r"'[^']*'|\"[^\"]*\"", "", text)):
            if keyword.iskeyword(word):
                raise CostModelError(
                    f"{abbreviate(word)} in {abbreviate(text)} is a word of Python and no name here"
                    f"{nearest(word, LAYERS)}"
                ) from None
        raise


def _plain(text: str) -> str:
    """`text` as Python spells it."""
    if len(text) > LENGTH:
        raise CostModelError(f"a statement has at most {LENGTH} characters, not {len(text):,}")
    text = re.sub(f"[{_DIGITS}]+", lambda power: f"**{power[0].translate(_SUPERSCRIPTS)}", text.translate(_PRINTED))
    # derive(package.module:Name, …), whose target takes no quotes.
    return re.sub(r"""\bderive\(\s*([^\s"'(),]+:[\w.]+)""", r'derive("\1"', " ".join(text.split()))


def _names(node: Any) -> Iterator[tuple[str, bool]]:
    """The names in a statement that may be sizes and options, and whether they stand in the brackets of a layer."""
    match node:
        case ast.Name(name):
            yield name, False
        case ast.Constant(str(formula)):
            yield from _names(tree(_plain(formula)))
        case ast.Call(_, arguments, keywords):
            for part in arguments:
                if isinstance(part, ast.Constant):  # a layer or a row
                    yield from ((word, True) for word in re.findall(r"=\s*(\w+)", str(part.value)))
                else:
                    yield from _names(part)
            for given in keywords:
                yield from ((part.id, True) for part in ast.walk(given.value) if isinstance(part, ast.Name))
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _names(child)


class _Reader:
    """What the parts of one statement stand for."""

    def __init__(self, names: Names, modules: Mapping[str, Any]) -> None:
        self._names, self._modules = names, modules
        self._costs: list[Cost] = []
        self.known: list[Known] = []

    def side(self, node: ast.expr, text: str) -> tuple[Dim, list[Cost]]:
        """A side of a relation, and the costs in it."""
        self._costs = []
        return self._value(node, text), self._costs

    def _value(self, node: ast.expr, text: str) -> Dim:
        return built(node, text, self._leaf, DEGREE)

    def _leaf(self, node: ast.expr, text: str) -> Dim:
        """What `node`, of `text`, stands for, beside what every formula may hold."""
        match node:
            case ast.UnaryOp(ast.USub(), operand):
                return -self._value(operand, text)
            case ast.BinOp(left, ast.FloorDiv(), right):
                below = self._value(right, text)
                if not below.is_positive:
                    raise CostModelError(f"{abbreviate(text)} rounds a division by what may be 0 or negative")
                return self._value(left, text) // below
            case ast.Call(ast.Name("floor"), [argument], []):
                return self._value(argument, text) // 1
            case ast.Call(ast.Name("ceil"), [argument], []):
                return -(-self._value(argument, text) // 1)
            case ast.Call(ast.Name("max" | "min" as name), [_, _, *_] as arguments, []):
                values = [self._value(argument, text) for argument in arguments]
                return maximum(*values) if name == "max" else reduce(minimum, values)
            case ast.Constant(str(formula)):
                return self._value(tree(plain := _plain(formula)), plain)
            case ast.Constant(number) if type(number) in (int, float):
                return _number(ast.get_source_segment(text, node) or "")
            case ast.Name(name):
                return self._names.use(name)
            case ast.Attribute(ast.Call(ast.Name("derive"), [ast.Constant(str(target))], keywords), metric):
                return self._derived(target, keywords, metric)
            case ast.Call(ast.Name(metric), [layer, *rows], []):
                return self._cost(metric, layer, rows, text)
        raise CostModelError(
            f"{abbreviate(ast.unparse(node))} is neither a cost, such as macs(se), nor made of sizes and numbers"
        )

    def _derived(self, target: str, constructed: Sequence[ast.keyword], metric: str) -> Dim:
        """``derive("package.module:Name", channels=64).macs``."""
        metric = _metric(metric)
        try:
            init = {str(word.arg): ast.literal_eval(word.value) for word in constructed}
        except (ValueError, TypeError):
            raise CostModelError("derive constructs a module with numbers and texts, nothing else") from None
        keywords = {"input": init.pop("input")} if "input" in init else {}
        found = derived(self._modules.get(target, target), init, **keywords)
        if metric not in found.closed:
            raise CostModelError(f"{metric} of a module is not derived: it is one of {', '.join(found.closed)}")
        places = {symbol(name): expression(size) for name, size in self._names.shape({}).items()}
        formula, counted = found.closed[metric], integral(found.closed[metric].expression)
        if counted is None:
            raise Undecided(f"the formula of {target} has functions that no check has: {formula.expression}")
        has_positions = "P" in self._names.sizes
        if has_positions:
            in_positions(counted, target)
        elif metric in found.exact and (exact := integral(found.exact[metric].expression)) is not None:
            # What has values rounds there as it does in the module.
            rounded = (part.free_symbols for part in floors(exact.xreplace(places)))
            if all(map(self._names.has_values, rounded)):
                formula, counted = found.exact[metric], exact
        self._names.open(counted)
        conditions = []
        for relation in formula.conditions:
            is_apart = has_positions and bool({symbol("H"), symbol("W")} & relation.free_symbols)
            mapped = {} if is_apart else places
            conditions.append(Condition(relation.xreplace(mapped), guard_text(relation), is_apart))
        at_input = [(places.get(symbol(name), symbol(name)), size) for name, size in found.input.items()]
        self.known.append(Known(target, conditions, at_input))
        return counted.xreplace(places)

    # Costs.

    def _cost(self, metric: str, node: ast.expr, rows: Sequence[ast.expr], text: str) -> Dim:
        """``macs(se)``, ``macs(conv(out=c, side=28))`` or, of some of its rows, ``macs(non-local, "affinity")``."""
        spelled, metric = metric, _metric(metric)
        subject, sizes, constraints = self._subject(node, text)
        layer = subject.layer
        options = {**subject.options, **self._names.open_options(subject)}
        self._names.fix(layer, options)
        shape = [*self._names.shape(sizes).values()]
        ledger = layer.run(shape, options)
        known = [row.name for row in ledger.rows]
        names = [str(row.value) if isinstance(row, ast.Constant) else ast.unparse(row) for row in rows]
        for name in names:
            if name not in known:
                raise CostModelError(f"{layer.name} has no row {abbreviate(name)}{nearest(name, known)}")
        if "p" in sizes or ("P" in self._names.sizes and not sizes.keys() & {"side", "h", "w"}):
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
        self._costs.append(Cost(f"{spelled}({said})", metric, counted, layer, shape, options, ledger))
        return counted

    def _subject(self, node: ast.expr, text: str) -> tuple[Subject, dict[str, Dim], list[Dim]]:
        """A layer, the sizes that are given for it, and what must be a positive integer for it to be one."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            subject = read(node.value, letters=True)
            options = {
                name: symbol(value) if value == subject.layer.options[name].symbol else value
                for name, value in subject.options.items()
            }
            self._names.open(*options.values())
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
            value = self._value(word.value, text)
            if key in options or key in sizes:
                raise CostModelError(f"{key} of {layer.name} is given twice")
            self._names.open(value)
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
        check_sizes(SIZES[key] for key in sizes)
        return Subject(layer, options, ast.get_source_segment(text, node) or name), sizes, constraints


def _metric(word: str) -> str:
    """The metric that `word` spells as a name may be: ``peak_bytes_bf16``, ``training_macs_frozen``, ``time_h200``."""
    spelled = word.replace("_", "-")
    of_devices = [*product(TIMES, DEVICES), *product(TIMES, DEVICES, DTYPES)]
    times = {"-".join(parts): ":".join(parts) for parts in of_devices}
    for said in (*(":".join(spelled.rsplit("-", more)) for more in range(3)), times.get(spelled, "")):
        if known(said):
            return said
    names = [name.replace("-", "_") + "_h200" * (name in TIMES) for name in ASKED]
    hint = f"; a layer stands inside, as in macs({word})" if word.replace("_", "-") in LAYERS else ""
    raise CostModelError(f"a cost is one of {', '.join(names)}, not {abbreviate(word)}{nearest(word, names)}{hint}")


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
    """Of the whole layer, or of some rows; a time in seconds."""
    chosen = [of_row(row, metric) for row in ledger.rows if row.name in rows]
    counted = expression(sum(chosen) if rows else total(ledger, metric))
    tick = seconds(metric)
    return counted * expression(tick.numerator) / tick.denominator if tick else counted


def _put(value: Any, at: Mapping[Dim, int]) -> Any:
    value = value.subs(at) if hasattr(value, "free_symbols") else value
    return int(value) if getattr(value, "is_Integer", False) else value


def _number(text: str) -> Dim:
    """``256``, ``1_000_000``, ``0.01`` or ``5e9``, exactly."""
    spelled = text.replace("_", "")
    if not re.fullmatch(rf"[0-9]{{1,{LONGEST}}}|[0-9]{{0,30}}\.?[0-9]{{0,30}}(e[+-]?[0-9]{{1,3}})?", spelled.lower()):
        raise CostModelError(f"{abbreviate(text)} is no number such as 256, 0.01 or 5e9")
    fraction = Fraction(spelled)
    return parse(f"{fraction.numerator}/{fraction.denominator}")
