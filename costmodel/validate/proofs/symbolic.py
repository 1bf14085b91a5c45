"""Proofs that a layer's counts are those of its reference, for all sizes at once.

The reference runs over symbols (`costmodel.trace`). What it computes, operator by operator and kind by kind of
arithmetic, and its parameters, less what the ledger of the layer says, must be 0 on the whole domain of the trace.
Where the module needs a size as a number, as the groups of a depthwise convolution, it runs at one more size than the
polynomial has degrees, which proves the identity of polynomials of that degree.

Of a step of training, forward and backward, it is all that `FlopCounterMode` counts over symbols, less twice our
`training_macs`.

A trace begins at a module that is built: that its widths are those of the layer for all channels and options is no part
of it. Each width is taken for the one of the layer that is as large there, and every weight must have the shape that
follows from it in modules built with other channels and options too; where a weight has a number that is another one
there, nothing is proved, since the trace is of that number only. With C = r·k a width is a polynomial of degree 1
in k at most, and of degree 0 or 1 in r: three of each are more than prove that, if it is one.
"""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, product
from math import prod
from typing import Any, NamedTuple

import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from costmodel.catalog import spoken
from costmodel.dimension import CostModelError, Dim
from costmodel.ledger import Ledger
from costmodel.memory import ALL, CASES, Gradients, training_macs
from costmodel.symbolic import derive, expression, expression_text, symbol
from costmodel.symbolic.domain import Domain, guard_text
from costmodel.trace import Trace, trace
from costmodel.validate.cases import GROUPED, LISTED, Case
from costmodel.validate.proofs.certificate import Certificate, reference, sizes

ORACLE = "ATen operators over symbols"
TRAINING = "FlopCounterMode over symbols"
"""The oracle of forward and backward."""
STEPS: Mapping[str, Gradients] = {
    "forward and backward": ALL,
    "forward and backward, frozen weights": CASES["frozen"],
    "forward and backward, first layer": CASES["first"],
}
"""The steps of training that it counts."""
OPEN = 120
"""What an option without a default is there: a width, which groups divide."""
TIMES = (2, 3, 7)
"""How many times what divides them channels are in the modules whose weights are looked at."""
OTHERS = (3, 5)
"""What an open option is in these modules beside what it is in the trace."""
PARAMETERS = ("parameters", "params")

OPERATORS: Mapping[str, str] = {
    # Our operation or ATen's: what both are compared as.
    "conv": "convolution",
    **dict.fromkeys(
        ("linear", "matmul", "sampled_matmul", "sparse_matmul", "mm", "bmm", "addmm", "baddbmm"), "product"
    ),
    **dict.fromkeys(("batch_norm", "batch_norm_plain", "native_batch_norm"), "batch norm"),
    **dict.fromkeys(("layer_norm", "layer_norm_plain", "native_layer_norm"), "layer norm"),
    **dict.fromkeys(("group_norm", "group_norm_plain", "native_group_norm"), "group norm"),
    **dict.fromkeys(("adaptive_avg_pool2d", "adaptive_avg_pool3d"), "mean"),
    **dict.fromkeys(("mean", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d"), "mean"),
    **dict.fromkeys(("adaptive_max_pool", "max", "amax", "adaptive_max_pool2d", "adaptive_max_pool3d"), "maximum"),
    **dict.fromkeys(("max_pool", "max_pool2d_with_indices", "max_pool3d_with_indices"), "max pool"),
    **dict.fromkeys(("avg_pool", "avg_pool2d", "avg_pool3d"), "average pool"),
    **dict.fromkeys(("relu6", "hardtanh"), "relu6"),
    "hard_sigmoid": "hardsigmoid",
    "hard_swish": "hardswish",
    **dict.fromkeys(("softmax", "_softmax", "_safe_softmax"), "softmax"),
    **dict.fromkeys(("upsample_bilinear", "upsample_bilinear2d"), "upsample"),
    "scale": "mul",
}


class Unproved(Exception):  # noqa: N818 (nothing went wrong: a sample is no proof)
    """A module cannot be held against its layer for all sizes at once; the message says why."""


class _Run(NamedTuple):
    """A trace of the reference of a case."""

    case: Case
    trace: Trace
    parameters: frozenset[str]
    """Which of its weights are learned; the others are buffers."""
    step: str | None
    """Which one of `STEPS`, if it is one."""


class _Built(NamedTuple):
    """The reference of a case that is built with other channels and options than it is traced with."""

    case: Case
    at: Mapping[Any, int]
    """Each size and open option."""
    module: nn.Module


def certify(case: Case, step: str | None = None) -> Certificate:
    """What can be proved of a layer with these flags, choices and numbers; of one of `STEPS` its FLOPs."""
    blank = Certificate.sampled(case, TRAINING if step else ORACLE)
    try:
        first = _traced(case, step)
    except Unproved as error:
        return blank._replace(reason=str(error))
    pinned = [axis for axis, size in enumerate(first.trace.input) if size.is_number]
    try:
        runs = [first, *(_traced(other, step) for other in _lattice(case, pinned, step))]
        found = [_compared(run) for run in runs]
    except Unproved as error:
        # Nothing is said of other sizes, but at these both sides are numbers.
        difference = _difference_here(first)
        method, reason = ("symbolic", difference) if difference else ("sampled", str(error))
        return blank._replace(method=method, reason=reason)
    wrong = [comparison.difference for comparison in found if comparison.difference]
    degree = f"{len(runs)} sizes, and counts of degree {len(runs) - 1} in it at most"
    return blank._replace(
        method="lattice" if pinned else "symbolic",
        holds=not wrong,
        compared=found[0].operators,
        ignored=sorted(first.trace.ignored),
        domain=[*found[0].conditions(), *(f"{sizes(case)[axis]}: {degree}" for axis in pinned)],
        reason=wrong[0] if wrong else "",
    )


def _given(case: Case) -> dict[str, int]:
    """The options of its module that have no default and are not among its own."""
    options = case.layer.options.items()
    given = {name: OPEN for name, o in options if o.open and o.default is None and name not in case.options}
    try:
        case.layer.run(case.shape, given | case.options)
    except CostModelError:
        return {}  # the layer has a choice of its own
    return given


def _traced(case: Case, step: str | None) -> _Run:
    """The trace of the reference, with every operator counted, or of a step of training."""
    module = _built(case, **_given(case))
    gradients = STEPS[step] if step else None
    if gradients:
        module.train()
        if gradients.weights and any(getattr(part, "groups", 1) != 1 for part in module.modules()):
            raise Unproved(GROUPED)
    try:
        # What lists pairs one by one has its positions as a number, and so no proof: it runs on numbers, which takes a
        # third of the time.
        traced = trace(module, case.shape, symbolic=case.layer.name not in LISTED, gradients=gradients)
    except (DataDependentOutputException, DynamicOutputShapeException, GuardOnDataDependentSymNode):
        raise Unproved("what its reference runs depends on its data") from None
    uncounted = sorted({operation.operator for operation in traced.operations if operation.arithmetic is None})
    if uncounted:
        raise Unproved(f"nobody counts {', '.join(uncounted)}, which run")
    if not traced.operations:
        raise Unproved("the oracle counts nothing in it, which is no evidence")
    return _Run(case, traced, frozenset(dict(module.named_parameters())), step)


def _built(case: Case, **options: Any) -> nn.Module:
    """The reference, without data."""
    with torch.device("meta"):
        return reference(case, **options)


def _lattice(case: Case, pinned: Sequence[int], step: str | None) -> Iterator[Case]:
    """The same at as many more sizes of what is `pinned` as our counts have degrees."""
    if case.layer.name in LISTED:
        raise Unproved("its reference lists the pairs of positions one by one, and so needs the positions as a number")
    if len(pinned) > 1:
        raise Unproved(f"it needs {' and '.join(str(sizes(case)[axis]) for axis in pinned)} as numbers")
    for axis in pinned:
        options = {name: option.default for name, option in case.layer.options.items()} | case.options
        ledger = derive(case.layer, options, video=len(case.shape) == 5).ledger
        counts = [expression(count) for count in _ours(ledger, step).values()]
        domain = Domain(counts, sizes(case))
        for times in range(2, 2 + max(domain.degree(count, sizes(case)[axis]) for count in counts)):
            shape = tuple(size * (times if at == axis else 1) for at, size in enumerate(case.shape))
            yield case._replace(shape=shape)


def _difference_here(run: _Run) -> str:
    """The first difference at the sizes of the trace."""
    ledger = run.case.layer.run(run.case.shape, _given(run.case) | run.case.options)
    ours, theirs = _ours(ledger, run.step), _theirs(run)
    for operator, kind in sorted(ours | theirs):
        count, its = ours.get((operator, kind), 0), int(_placed(theirs.get((operator, kind), 0), run.trace.values))
        if count != its:
            at = "x".join(map(str, run.case.shape))
            return f"{kind} of {operator}: {count:,} by the layer, {its:,} by its reference, at {at}"
    return ""


class _Comparison:
    """One trace beside the ledger of the layer over symbols."""

    def __init__(self, run: _Run, letters: Mapping[str, str]) -> None:
        """With the options in `letters` left open; raises `Unproved` where widths cannot be told apart."""
        case, traced, _, step = run
        options = case.layer.options
        values: dict[str, Any] = {name: option.default for name, option in options.items()}
        values |= _given(case) | case.options
        derivation = derive(case.layer, {**values, **letters}, video=len(case.shape) == 5)
        mine = sizes(case)
        at = dict(zip(mine, case.shape, strict=True)) | {symbol(s): values[name] for name, s in letters.items()}
        numbers = {size: found for size, found in zip(mine, traced.input, strict=True) if found.is_number}
        # A width that has no default is a size as any other; one that divides C is 1 at least.
        free = [size for size in mine if size not in numbers]
        free += [symbol(letter) for name, letter in letters.items() if options[name].default is None]
        widths = _widths(traced, derivation.ledger, at, free)

        ours, theirs = _ours(derivation.ledger, step), _theirs(run)
        pairs = {
            key: (_placed(ours.get(key, 0), numbers), _placed(_placed(theirs.get(key, 0), widths), numbers))
            for key in ours | theirs
        }
        guards = {_placed(_placed(guard, widths), numbers) for guard in traced.guards}
        inputs = {size: _placed(found, widths) for size, found in zip(mine, traced.input, strict=True)}
        domain = Domain([*chain(*pairs.values()), *guards, *inputs.values()], free)
        self._domain, self._guards = domain, guards
        # Where the module has a size as a number, or two sizes as one, what is proved is of few of them.
        needed = [
            f"{size} = {found}" for size, found in inputs.items() if size in free and not domain.is_zero(size - found)
        ]
        needed += [guard_text(guard) for guard in sorted(guards, key=str) if domain.requires(guard)]
        if needed:
            raise Unproved(f"its reference needs {', '.join(needed)}")

        self._fixed = [
            f"{spoken(n)} = {value}" for n, value in values.items() if n not in letters and type(value) is int
        ]
        self.operators: dict[str, list[str]] = {}
        for operator, kind in sorted(pairs):
            self.operators.setdefault(operator, []).append(kind)
        differences = (
            f"{kind} of {operator}: {expression_text(ours_)} by the layer, {expression_text(its)} by its reference"
            for (operator, kind), (ours_, its) in pairs.items()
            if not domain.is_zero(ours_ - its)
        )
        shapes = {name: [_placed(size, widths) for size in traced.weights[name]] for name in traced.weights}
        built = list(_elsewhere(case, domain, {s: (name, values[name]) for name, s in letters.items()}, numbers))
        if traced.weights and free and not built and symbol("C") not in numbers:
            raise Unproved(
                "the layer takes none of the channels at which its widths would be held against its reference"
            )
        self._built = len(built)
        self.difference = next(_other_parameters(built), "")
        if given := list(_given_widths(shapes, built)):
            # What follows from such a size holds at the channels of the trace only, and would differ at all others.
            if not self.difference:
                raise Unproved(f"its reference needs sizes of weights as numbers: {', '.join(given)}")
        else:
            self.difference = next(chain(differences, _misshapen(shapes, built)), self.difference)

    def conditions(self) -> list[str]:
        """The sizes for which it was compared, a condition each."""
        guards = sorted(guard_text(guard) for guard in self._guards if not self._domain.implies(guard))
        widths = [f"widths as in {self._built} modules"] if self._built else []
        return [*self._domain.conditions(), *self._fixed, *guards, *widths]


def _elsewhere(
    case: Case, domain: Domain, letters: Mapping[str, tuple[str, int]], numbers: Mapping[Any, Any]
) -> Iterator[_Built]:
    """Built with other channels, and other values of the options in `letters`."""
    mine = dict(zip(sizes(case), case.shape, strict=True))
    channels = symbol("C")
    for values in product(*([value, *OTHERS] for _, value in letters.values())):
        chosen = {symbol(letter): value for letter, value in zip(letters, values, strict=True)}
        for times in TIMES:
            # A width without a default is a size as any other, whose parts are whole.
            widths = {
                symbol(letter): domain.multiple(symbol(letter), value if value in OTHERS else times, chosen)
                for (letter, (name, _)), value in zip(letters.items(), values, strict=True)
                if case.layer.options[name].default is None
            }
            at = mine | chosen | widths
            if channels not in numbers:
                at[channels] = domain.multiple(channels, times, at)
            chosen_here = {name: at[symbol(letter)] for letter, (name, _) in letters.items()}
            options = _given(case) | chosen_here | case.options
            shape = tuple(at[size] for size in mine)
            with contextlib.suppress(CostModelError):  # what the layer refuses has no widths
                other = Case(case.layer, options, shape, False, case.layer.run(shape, options))
                yield _Built(other, at, _built(other))


def _misshapen(shapes: Mapping[str, Sequence[Dim]], built: Iterable[_Built]) -> Iterator[str]:
    """Every weight that has another shape, in one of `built`, than follows from the widths of the layer."""
    for _, at, module in built:
        for name, weight in _weights(module).items():
            expected = tuple(_placed(size, at) for size in shapes.get(name, ()))
            if tuple(weight.shape) != expected:
                sides = ("×".join(map(str, side)) or "nothing" for side in (expected, weight.shape))
                yield "{} is {} by the layer, {} in its reference, at {}".format(name, *sides, _where(at))


def _other_parameters(built: Iterable[_Built]) -> Iterator[str]:
    """Every one of `built` with another number of parameters than the layer has there."""
    for case, at, module in built:
        ours, theirs = case.ledger.params(), sum(weight.numel() for weight in module.parameters())
        if ours != theirs:
            yield f"params of parameters: {ours:,} by the layer, {theirs:,} by its reference, at {_where(at)}"


def _given_widths(shapes: Mapping[str, Sequence[Dim]], built: Sequence[_Built]) -> Iterator[str]:
    """The sizes of weights that are numbers in the trace, and others in one of `built`."""
    for name, sizes_ in shapes.items():
        for axis, size in enumerate(sizes_):
            others = (_weights(module).get(name) for _, _, module in built)
            if expression(size).is_number and any(other is not None and other.shape[axis] != size for other in others):
                yield f"{size} in {name}"


def _weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return dict(chain(module.named_parameters(), module.named_buffers()))


def _where(at: Mapping[Any, int]) -> str:
    return ", ".join(f"{size} = {value}" for size, value in at.items() if str(size) not in "NTHW")


def _compared(run: _Run) -> _Comparison:
    """With as many options open as are widths; the module has others, such as heads, as numbers."""
    numbers = {name for name, o in run.case.layer.options.items() if o.open and o.default} | _given(run.case).keys()
    options = {name: option.symbol for name, option in run.case.layer.options.items() if option.symbol}
    letters = {name: letter for name, letter in options.items() if name in numbers - run.case.options.keys()}
    kept: dict[str, str] = {}
    for attempt in (letters, *({name: letter} for name, letter in letters.items())):
        with contextlib.suppress(Unproved):
            comparison = _Comparison(run, kept | attempt)
            if not comparison.difference:
                kept |= attempt
                if kept == letters:
                    return comparison
    return _Comparison(run, kept)


def _widths(traced: Trace, ledger: Ledger, at: Mapping[Any, int], free: Sequence[Any]) -> dict[Any, Dim]:
    """What each symbol of the trace is in the symbols of the layer: that width which is as large at these sizes."""
    known: dict[int, set[Dim]] = defaultdict(set)
    parts = [a // b for b, a in ledger.divisions]
    for size in chain(parts, *(chain(row.output, *row.inputs) for row in ledger.rows)):
        known[int(_placed(size, at))].add(_placed(size, {}))
    found: dict[Any, Dim] = {size: name for size, name in zip(traced.input, at, strict=False) if size.is_Symbol}
    used = {s for o in traced.operations for count in (o.arithmetic or {}).values() for s in count.free_symbols}
    used |= {s for guard in traced.guards for s in guard.free_symbols}
    used |= {s for shape in (traced.input, *traced.weights.values()) for size in shape for s in size.free_symbols}
    for width in used - {*found}:
        value = traced.values[width]
        if not known[value]:
            raise Unproved(f"no width of the layer is {value}, as one of its reference is")
        # 8·⌊C/8⌋ is C where the layer is defined.
        first, *others = sorted(known[value], key=lambda size: (len(str(size)), str(size)))
        domain = Domain([first, *others], free)
        if not all(domain.is_zero(other - first) for other in others):
            raise Unproved(f"several widths of the layer are {value}, as one of its reference is")
        found[width] = first
    return found


def _ours(ledger: Ledger, step: str | None) -> dict[tuple[str, str], Dim]:
    if step:
        return {(step, "flop"): 2 * training_macs(ledger, STEPS[step]), PARAMETERS: ledger.params()}
    return _summed((row.kind, row.arithmetic) for row in ledger.rows) | {PARAMETERS: ledger.params()}


def _theirs(run: _Run) -> dict[tuple[str, str], Dim]:
    counts = _summed((operation.operator, operation.arithmetic or {}) for operation in run.trace.operations)
    if run.step:
        counts = {(run.step, "flop"): sum(counts.values())}
    return counts | {PARAMETERS: sum(prod(run.trace.weights[name]) for name in run.parameters)}


def _summed(counts: Iterable[tuple[str, Mapping[str, Dim]]]) -> dict[tuple[str, str], Dim]:
    """By operator, as both sides are compared, and kind of arithmetic."""
    found: dict[tuple[str, str], Dim] = defaultdict(int)
    for operator, arithmetic in counts:
        for kind, count in arithmetic.items():
            known = OPERATORS.get(operator, operator)
            # torch adds the bias of a linear layer with its product, or after it, by the layout of its input.
            found["add" if (known, kind) == ("product", "add") else known, kind] += count
    return {key: count for key, count in found.items() if count != 0}


def _placed(count: Dim, places: Mapping[Any, Dim]) -> Dim:
    return expression(count).xreplace({place: expression(size) for place, size in places.items()})
