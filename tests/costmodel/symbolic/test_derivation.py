"""Derivations: a layer's formulas with what their symbols mean."""

from typing import Literal

import pytest

from costmodel import LAYERS, METRICS, Tensor, find, layer
from costmodel.symbolic import derive


def test_in_a_notebook() -> None:
    """Each symbol with its meaning, each closed option with its value, each metric with its equation."""
    legend, equations = derive(find("se"), {"bias": True})._repr_markdown_().split("\n\n")
    assert legend == (
        "**se**: $N$ batch size, $C$ input channels, $H$ height, $W$ width, $r$ reduction; with bias=True"
    )
    opening, *lines, closing = equations.split("\n")
    assert (opening, closing) == ("$$", "$$")
    assert lines[0] == r"\begin{aligned}"
    assert lines[-1] == r"\end{aligned}"
    assert lines[1] == r"\mathrm{params} &= \frac{2 C^{2}}{r} + C + \frac{C}{r} \quad \text{if } r \mid C \\"
    assert [line.partition("}")[0] for line in lines[1:-1]] == [rf"\mathrm{{{metric}" for metric in METRICS]


def test_what_has_no_closed_form_is_explained() -> None:
    """An option that the layer chose is an expression, and a function that counts has its meaning."""
    markdown = derive(find("sparse-attention"), {"count": "block", "stride": None})._repr_markdown_()
    assert "stride=⌊√(H·W)⌋" in markdown
    assert markdown.endswith(
        "\n\ntouched\\_blocks: Pairs of a query block and a key block that hold at least one pair of the union."
    )


def test_nothing_of_a_layer_is_markup_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name or a value of a user's own is text, whatever it holds."""
    monkeypatch.setattr("costmodel.catalog.LAYERS", dict(LAYERS))

    @layer("<b>*a*", source="nowhere")
    def bold(x: Tensor, *, mode: Literal["`$`", "other"] = "`$`") -> Tensor:
        """Do nothing."""
        assert mode
        return x

    markdown = derive(find("<b>*a*"), {})._repr_markdown_()
    assert markdown.startswith(r"**\<b\>\*a\***: $N$ batch size")
    assert r"; with mode=\`\$\`" in markdown
