"""``costmodel derive``."""

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from costmodel_cli import reading, render
from costmodel_cli.exit_codes import Exit, Unchecked

if TYPE_CHECKING:
    from costmodel.trace import Derived

UNCOUNTED = {
    True: "MACs and FLOPs are complete, since these have none; arithmetic is not",
    False: "neither MACs nor arithmetic are complete, since nobody says what these compute",
}
METRICS = ("params", "macs", "flops", "arithmetic")


def run(target: str, shape: str, init: Sequence[str], *, allow_uncounted: bool, as_json: bool) -> Exit:
    """Print the formula of a torch module."""
    sizes = reading.input_sizes(shape)
    from costmodel.validate import Unavailable, require

    try:
        require("torch", "costmodel.trace", what="derive")
    except Unavailable as error:
        raise Unchecked(str(error)) from None
    from costmodel.trace import arguments, derive_module, load

    given = arguments(init)
    # What the user's code prints is no part of the answer.
    with contextlib.redirect_stdout(sys.stderr):
        derived = derive_module(lambda arguments: load(target, arguments), given, sizes)
    if as_json:
        render.show_json(_document(target, derived))
    else:
        _show(target, derived)
    return Exit.UNCHECKED if derived.uncounted and not allow_uncounted else Exit.HOLDS


def _show(target: str, derived: "Derived") -> None:
    from costmodel.symbolic import expression_text

    legend = ", ".join(f"{name} {meaning}" for name, meaning in derived.meanings.items())
    lines: list[Any] = [f"{target} on {render.shape(derived.input)}{legend and ': '}{legend}", ""]
    formulas = render.table(["", ""], ["at the input"], header=True)
    for metric in METRICS:
        value = derived.at_input(derived.exact.metric(metric))
        formulas.add_row(metric, expression_text(derived.costs.metric(metric)), render.number(value))
    kinds = render.table(["", ""], ["at the input"], header=False)
    for kind, found in derived.costs.arithmetic.items():
        kinds.add_row(kind, expression_text(found), render.number(derived.at_input(derived.exact.arithmetic[kind])))
    lines += [formulas]
    if derived.costs.arithmetic:
        lines += ["", "arithmetic by kind", kinds]
    parts = [
        part for part in zip(derived.costs.submodules, derived.exact.submodules, strict=True) if "." not in part[0].path
    ]
    if parts:
        table = render.table(["submodule", "kind", "macs"], ["params", "macs there"])
        for part, exact in parts:
            numbers = (derived.at_input(exact.params), derived.at_input(exact.macs))
            table.add_row(part.path, part.kind, expression_text(part.macs), *map(render.number, numbers))
        lines += ["", table]
    lines += ["", f"known to hold if {', '.join(derived.guards)}", f"{derived.method}; checked at the input"]
    if derived.uncounted:
        lines += ["", f"not counted: {', '.join(derived.uncounted)}", UNCOUNTED[derived.has_all_macs]]
    render.show(*lines)


def _document(target: str, derived: "Derived") -> dict[str, Any]:
    return {
        "target": target,
        "input": list(derived.input),
        "symbols": dict(derived.meanings),
        **{metric: str(derived.costs.metric(metric)) for metric in METRICS},
        "exact": {metric: str(derived.exact.metric(metric)) for metric in METRICS},
        "by_kind": {kind: str(found) for kind, found in derived.costs.arithmetic.items()},
        **{f"{metric}_at_input": derived.at_input(derived.exact.metric(metric)) for metric in METRICS},
        "submodules": [
            {
                "path": part.path,
                "kind": part.kind,
                "params": str(part.params),
                "macs": str(part.macs),
                "params_at_input": derived.at_input(exact.params),
                "macs_at_input": derived.at_input(exact.macs),
            }
            for part, exact in zip(derived.costs.submodules, derived.exact.submodules, strict=True)
        ],
        "guards": list(derived.guards),
        "uncounted": list(derived.uncounted),
        "macs_complete": derived.has_all_macs,
        "method": derived.method,
    }
