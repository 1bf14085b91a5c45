"""``costmodel list``."""

from costmodel.catalog import LAYERS, Layer, spoken
from costmodel_cli import render


def run(*, as_json: bool) -> None:
    """Print the catalog: layers, options with defaults, sources."""
    layers = sorted(LAYERS.values(), key=lambda layer: layer.name)
    if as_json:
        render.show_json({"layers": [_document(layer) for layer in layers]})
        return
    table = render.table(["layer", "options and defaults", "source"], [])
    for layer in layers:
        table.add_row(layer.name, _options(layer), layer.source, style=None)
    table.padding = (0, 2, 1, 0)
    render.show(table, "", "What each option accepts, and each layer's headline cost: costmodel list --json")


def _options(layer: Layer) -> str:
    return ", ".join(
        f"{spoken(option.name)}={'auto' if option.default is None else render.value(option.default)}"
        for option in layer.options.values()
    )


def _document(layer: Layer) -> dict[str, object]:
    return {
        "name": layer.name,
        "summary": layer.summary,
        "source": layer.source,
        "input": ["N×C×H×W", "N×C×T×H×W"] if layer.video else ["N×C×H×W"],
        "options": [
            {
                "name": spoken(option.name),
                "default": option.default,
                "accepts": option.accepts,
                "choices": list(option.choices),
                "symbol": option.symbol,
            }
            for option in layer.options.values()
        ],
        "headline": layer.headline and layer.headline._asdict(),
    }
