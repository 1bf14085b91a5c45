"""What is asked about, as users write it: a layer, a network, a network with layers inserted, or what these cost in it.

``se:reduction=4``, ``resnet50:variant=v1``, ``resnet50 with cbam at res4:last,res5 with non-local``,
``non-local at res3:even in resnet50``. Parsed, never evaluated.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from costmodel import catalog
from costmodel.catalog import LAYERS, NETWORKS, Layer, Subject, nearest
from costmodel.dimension import CostModelError, abbreviate

if TYPE_CHECKING:
    from costmodel.insertion import Insert, Place

Read = Callable[[str], Subject]

_KEYWORD = re.compile(r"(?:^|(?<=\s))(with|in)(?=\s|$)")
_AT = re.compile(r"(?:^|(?<=\s))at(?=\s|$)")


def find(name: str) -> Layer:
    """The layer or the network called `name`, or an error with the nearest name."""
    if name in LAYERS:
        return LAYERS[name]
    import costmodel.networks  # noqa: F401  (puts them into the catalog; most questions need none)

    if name in NETWORKS:
        return NETWORKS[name]
    raise CostModelError(
        f"no layer or network is called {abbreviate(name)}{nearest(name, [*LAYERS, *NETWORKS])}; see 'costmodel list'"
    )


def read(text: str, given: Iterable[str] = (), *, letters: bool = False, inserted: Read | None = None) -> Subject:
    """What `text` asks about, and further options of it as ``-p`` takes them.

    With `letters` an integer option may be left open, as the letter that formulas have for it. `inserted` reads a layer
    that is put into a network, one of the catalog unless given.

    Raises `CostModelError` for what is written otherwise, and for names and options that do not exist.
    """
    network, inserts, alone = parts(text, inserted)
    if not inserts:
        return catalog.read(text, given, letters=letters, look_up=find)
    base = catalog.read(network, look_up=find)
    name = " ".join(text.split())
    options = {**base.options, **_given(base, inserts)}
    return catalog.options_of(composed(base, inserts, name, alone=alone), options, given, name, letters=letters)


def parts(text: str, inserted: Read | None = None) -> "tuple[str, list[Insert], bool]":
    """The network (or the layer) of ``resnet50 with se``, what is inserted into it, and whether that is asked alone."""
    first, *rest = (part.strip() for part in _KEYWORD.split(text))
    if not rest:
        return text, [], False
    keywords, names = rest[::2], [first, *rest[1::2]]
    if "" in names or keywords not in (["with"] * len(keywords), [*["with"] * (len(keywords) - 1), "in"]):
        raise CostModelError(
            f"layers in a network are written 'resnet50 with se at res4 with cbam', or 'se at res4 in resnet50' for "
            f"what they cost there, not {abbreviate(text)}"
        )
    alone = keywords[-1] == "in"
    network = names.pop(-1 if alone else 0)
    return network, [_insert(name, inserted or catalog.read) for name in names], alone


def subject_of(layer: str | Subject) -> Subject:
    """A layer as it is named on the command line, such as ``se:reduction=4``, or as it is."""
    return read(layer) if isinstance(layer, str) else layer


def read_network(text: str, given: Iterable[str] = ()) -> Subject:
    """The network that `text` asks about, by itself or with layers inserted, and further options of it.

    Raises `CostModelError` as `read` does, and for a layer or what layers cost in a network.
    """
    subject = read(text, given)
    if subject.layer.input is None:
        raise CostModelError(f"{subject.layer.name} is a layer, not a network: see 'costmodel list'")
    return subject


def composed(base: Subject, inserts: "Sequence[Insert]", text: str, *, alone: bool = False) -> Layer:
    """`base`, which must be a network, with layers inserted."""
    from costmodel.insertion import compose

    return compose(base.layer, inserts, text, alone=alone)


def places(text: str) -> "tuple[Place, ...]":
    """``res4:last,res5``, as places."""
    from costmodel.insertion import Place

    return tuple(map(Place.read, text.split(",")))


def _insert(text: str, read_layer: Read) -> "Insert":
    from costmodel.insertion import Insert

    name, *where = (part.strip() for part in _AT.split(text))
    if not name or len(where) > 1 or "" in where:
        raise CostModelError(f"where a layer stands is written 'se at res4:last,res5', not {abbreviate(text)}")
    subject = read_layer(name)
    return Insert(subject.layer, subject.options, places(where[0]) if where else ())


def _given(base: Subject, inserts: "Sequence[Insert]") -> dict[str, Any]:
    from costmodel.insertion import given

    return given(base.layer, inserts)
