"""For the tests of a project of your own: a module costs what it is said to cost.

    from costmodel.testing import assert_cost

    def test_block_stays_cheap() -> None:
        assert_cost("se:reduction=16", params="2*C**2/r", macs="2*N*C**2/r")
        assert_cost(Block(256), input=(1, 256, 28, 28), macs="<= 0.01 * macs(conv)")

It is no plugin, so that no other run of pytest loads it; a layer of the catalog needs no torch.
"""

import re
from collections.abc import Sequence
from typing import Any

from costmodel.catalog import read, said, spoken
from costmodel.checks import Check, Undecided, check
from costmodel.checks.domain import axis
from costmodel.dimension import CostModelError


def assert_cost(
    module: Any,
    *,
    input: Sequence[int] | None = None,  # noqa: A002 (as users say it)
    params: str | int | None = None,
    macs: str | int | None = None,
    flops: str | int | None = None,
    fvcore: str | int | None = None,
    arithmetic: str | int | None = None,
) -> None:
    """Assert what a layer of the catalog, by its name, or a torch module costs.

    A cost is given as a formula, ``"2*N*C**2/r"``, which is compared as such, whatever the sizes; as a number; or as a
    relation, ``"<= 1e9"``, to any expression that a check may hold. With `input`, ``(N, C, H, W)`` or
    ``(N, C, T, H, W)``, it is also asserted there, with the widths of real layers: a number and a relation only there.
    The formula of a module is compared for the sizes for which it is known, which divide as those of the input do.

    Raises `AssertionError` with the difference in words, `CostModelError` for what cannot be read, and its subclass
    `Undecided` for what cannot be checked, as without torch.
    """
    __tracebackhide__ = True
    given = {"params": params, "macs": macs, "flops": flops, "fvcore": fvcore, "arithmetic": arithmetic}
    wanted = {metric: said for metric, said in given.items() if said is not None}
    if not wanted:
        raise CostModelError(f"assert_cost needs one of {', '.join(given)}")
    findings = [check(each) for metric, said in wanted.items() for each in _checks(module, input, metric, said)]
    if unchecked := [finding for finding in findings if finding.verdict == "unchecked"]:
        raise Undecided(f"{unchecked[0].check.states} {unchecked[0].says}")
    if wrong := [f"{finding.check.states}: {finding.says}" for finding in findings if finding.verdict == "fails"]:
        raise AssertionError("\n".join(wrong))


def _checks(module: Any, shape: Sequence[int] | None, metric: str, said: str | int) -> list[Check]:
    is_relation = isinstance(said, str) and re.match(r"\s*(==|[<>≤≥])", said)
    says = said if is_relation else f"== {said}"
    modules = {}
    if isinstance(module, str):
        cost = f"{metric}({module!r})"
    else:
        name = type(module).__name__
        modules = {name: module}
        cost = f"derive({name!r}{f', input={(*shape,)}' if shape else ''}).{metric}"
    asked = Check(f"{cost} {says}", modules=modules)
    if shape is None:
        return [asked]
    if len(shape) not in (4, 5):
        raise CostModelError(f"input is (N, C, H, W) or, of video, (N, C, T, H, W), not of {len(shape)} sizes")
    there = {name: axis(name, size) for name, size in zip("nchw" if len(shape) == 4 else "ncthw", shape, strict=True)}
    at_input = asked._replace(domain=there)
    if isinstance(module, str):
        at_input = at_input._replace(that=f"{metric}({_complete(module)!r}) {says}")
    return [at_input] if is_relation or isinstance(said, int) else [asked, at_input]


def _complete(name: str) -> str:
    """A layer with every option that formulas may leave open: ``se`` is ``se:reduction=16``."""
    layer, given, _ = read(name)
    options = {o.name: o.default for o in layer.options.values() if o.symbol and o.default is not None} | dict(given)
    listed = ",".join(f"{spoken(option)}={said(value)}" for option, value in options.items())
    return f"{layer.name}:{listed}" if listed else layer.name
