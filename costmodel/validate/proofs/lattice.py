"""Proofs by an oracle that takes no symbols: fvcore, which counts real modules on real data.

Two polynomials whose degree in every variable is at most d agree everywhere if they agree on a lattice of d + 1 points
in each variable. The degrees are those of our formula, in which nothing is subtracted, so that no operator has a higher
one. That fvcore's count is a polynomial of no higher degree is not proved: it multiplies sizes of the same operators,
and a higher degree that is 0 at every one of these points would go unnoticed. Sizes that are halved and rounded are
polynomials on each remainder, and have a lattice for each; channels are multiples of what divides them, and integer
options are at their defaults, as the domain says.
"""

from collections.abc import Collection, Mapping
from itertools import product

import torch

from costmodel.catalog import spoken
from costmodel.symbolic import derive
from costmodel.symbolic.domain import Domain
from costmodel.validate.cases import Case
from costmodel.validate.oracles import ORACLES
from costmodel.validate.proofs.certificate import Certificate, reference, sizes

ORACLE = ORACLES["fvcore"]

FIRST = dict(zip("NCTHW", (0, 0, 1, 0, 3), strict=True))
"""Where the points of each size begin, so that a width is no height."""
POINTS = 4000
"""The most points of a lattice."""


def certify(case: Case) -> Certificate:
    """What fvcore proves of a layer with these flags and choices, every integer option at its default."""
    blank = Certificate.sampled(case, ORACLE.name)
    values = {name: option.default for name, option in case.layer.options.items()} | case.options
    count = derive(case.layer, values, video=len(case.shape) == 5).formula("fvcore")
    domain = Domain([count.exact], sizes(case), count.conditions)
    try:
        degrees = {size: domain.degree(count.exact, size) for size in sizes(case)}
    except NotImplementedError as error:
        return blank._replace(reason=str(error))
    ks = [range(FIRST[size.name], FIRST[size.name] + degree + 1) for size, degree in degrees.items()]
    places = [place for k in product(*ks) for place in domain.places(k)]
    if len(places) > POINTS:
        return blank._replace(reason=f"its lattice has {len(places):,} points")
    compared: dict[str, tuple[str, ...]] = {}
    ignored: set[str] = set()
    reason = ""
    for shape in places:
        ours = ORACLE.ours(case.layer.run(shape, case.options))
        with torch.no_grad():
            theirs = ORACLE.theirs(reference(case._replace(shape=shape)), torch.zeros(shape))
        at = "x".join(map(str, shape))
        compared |= dict.fromkeys(theirs.counts, ("fvcore",))
        ignored |= theirs.uncounted or set()
        for mine, its in ((ours.counts, theirs.counts), (ours.uncounted, theirs.uncounted)):
            if mine != its and not reason:
                reason = f"{_words(mine)} by the layer, {_words(its)} by fvcore, at {at}"
    if not compared:
        return blank._replace(reason="fvcore counts nothing in it, which is no evidence")
    bound = ", ".join(f"{degree} in {size}" for size, degree in degrees.items())
    fixed = [f"{spoken(name)} = {value}" for name, value in values.items() if type(value) is int]
    return blank._replace(
        method="lattice",
        holds=not reason,
        compared=compared,
        ignored=sorted(ignored),
        domain=[*domain.conditions(), *fixed, f"degree at most {bound}: {len(places)} sizes"],
        reason=reason,
    )


def _words(found: Mapping[str, int] | Collection[str] | None) -> str:
    """Counts by operator, or operators that are not counted."""
    if isinstance(found, Mapping):
        return ", ".join(f"{operator} {count:,}" for operator, count in sorted(found.items())) or "nothing"
    return f"uncounted {', '.join(sorted(found or ())) or 'nothing'}"
