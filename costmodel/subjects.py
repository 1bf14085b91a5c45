"""What is asked about, as users write it: a layer, a network, a network with layers inserted, or what these cost in it.

``se:reduction=4``, ``resnet50:variant=v1``, ``resnet50 with cbam at res4:last,res5 with non-local``,
``non-local at res3:even in resnet50``. Parsed, never evaluated.
"""

from collections.abc import Callable, Iterable, Sequence

from costmodel import catalog
from costmodel.catalog import LAYERS, NETWORKS, Layer, Subject, nearest
from costmodel.dimension import CostModelError, abbreviate
from costmodel.insertion import Insert, Place, compose

Read = Callable[[str], Subject]


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
    """
    guests, alone, network = text.rpartition(" in ")
    parts = guests.split(" with ") if alone else text.split(" with ")[1:]
    if not parts:
        return catalog.read(text, given, letters=letters, look_up=find)
    base = catalog.read((network if alone else text.partition(" with ")[0]).strip(), look_up=find)
    inserts = [_insert(part, inserted or catalog.read) for part in parts]
    layer = composed(base, inserts, text, alone=bool(alone))
    return catalog.options_of(layer, base.options, given, text, letters=letters)


def subject_of(layer: str | Subject) -> Subject:
    """A layer as it is named on the command line, such as ``se:reduction=4``, or as it is."""
    return read(layer) if isinstance(layer, str) else layer


def composed(base: Subject, inserts: Sequence[Insert], text: str, *, alone: bool = False) -> Layer:
    """`base`, which must be a network, with layers inserted."""
    if base.layer.input is None:
        raise CostModelError(f"layers are inserted into a network, and {base.layer.name} is a layer")
    return compose(base.layer, inserts, text, alone=alone)


def places(text: str) -> tuple[Place, ...]:
    """``res4:last,res5``, as places."""
    return tuple(map(Place.read, text.split(",")))


def _insert(text: str, read_layer: Read) -> Insert:
    name, at, where = text.partition(" at ")
    subject = read_layer(name.strip())
    return Insert(subject.layer, subject.options, places(where) if at else ())
