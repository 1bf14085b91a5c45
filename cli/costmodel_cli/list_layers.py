"""``costmodel list``."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from costmodel.catalog import LAYERS, NETWORKS, Layer, said, spoken
from costmodel.insertion import sites_of
from costmodel_cli import render

if TYPE_CHECKING:
    from rich.table import Table


def run(*, as_json: bool) -> None:
    """Print the catalog: layers and networks, options with defaults, sources."""
    import costmodel.networks  # noqa: F401  (puts them into the catalog)

    layers, networks = (sorted(known.values(), key=lambda layer: layer.name) for known in (LAYERS, NETWORKS))
    if as_json:
        render.show_json({"layers": [*map(_document, layers)], "networks": [*map(_network, networks)]})
        return
    note = "What each option accepts, and each layer's headline cost: costmodel list --json"
    render.show(_table("layer", layers), "", _table("network", networks), "", note)


def _table(what: str, entries: Iterable[Layer]) -> "Table":
    table = render.table([what, "options and defaults", "source"], [])
    for entry in entries:
        options = ", ".join(f"{spoken(option.name)}={said(option.default)}" for option in entry.options.values())
        table.add_row(entry.name, options, entry.source, style=None)
    table.columns[0].no_wrap = True
    table.padding = (0, 2, 1, 0)
    return table


def _document(layer: Layer) -> dict[str, object]:
    return {
        "name": layer.name,
        "summary": layer.summary,
        "source": layer.source,
        "input": ["N×C×H×W", "N×C×T×H×W"] if layer.video else ["N×C×H×W"],
        "places": layer.places,
        "options": _options(layer),
        "headline": layer.headline and layer.headline._asdict(),
    }


def _network(network: Layer) -> dict[str, object]:
    sites = sites_of(network, network.resolve({}))
    return {
        "name": network.name,
        "summary": network.summary,
        "source": network.source,
        "input": list(network.input or ()),
        "places": list(dict.fromkeys(f"{site.stage}@{site.where}" for site in sites)),
        "options": _options(network),
    }


def _options(layer: Layer) -> list[dict[str, object]]:
    return [
        {
            "name": spoken(option.name),
            "default": option.default,
            "accepts": option.accepts,
            "choices": list(option.choices),
            "symbol": option.symbol,
        }
        for option in layer.options.values()
    ]
