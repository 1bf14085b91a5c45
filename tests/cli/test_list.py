"""`costmodel list`."""

from costmodel.catalog import LAYERS, NETWORKS, spoken


def test_json_is_the_catalog(costmodel_) -> None:
    """Every layer of the catalog is listed once, in alphabetical order, with its source and summary."""
    listed = costmodel_("list", "--json").document["layers"]
    assert [entry["name"] for entry in listed] == sorted(LAYERS)
    for entry in listed:
        assert (entry["source"], entry["summary"]) == (LAYERS[entry["name"]].source, LAYERS[entry["name"]].summary)


def test_json_has_every_option(costmodel_, layer) -> None:
    """Each option is listed under the name that users type, with default, choices and letter."""
    entry = next(e for e in costmodel_("list", "--json").document["layers"] if e["name"] == layer.name)
    assert [(o["name"], o["default"], tuple(o["choices"]), o["symbol"]) for o in entry["options"]] == [
        (spoken(o.name), o.default, o.choices, o.symbol) for o in layer.options.values()
    ]
    assert all(option["accepts"] for option in entry["options"])


def test_json_says_which_input(costmodel_, layer) -> None:
    """Video input is listed exactly for the layers that take it."""
    entry = next(e for e in costmodel_("list", "--json").document["layers"] if e["name"] == layer.name)
    assert entry["input"] == (["N×C×H×W", "N×C×T×H×W"] if layer.video else ["N×C×H×W"])
    assert costmodel_("cost", layer.name, "--shape", "1x64x2x9x9").status == (0 if layer.video else 2)


def test_listed_defaults_are_what_cost_uses(costmodel_, layer) -> None:
    """Typing out all listed defaults changes no cost."""
    entry = next(e for e in costmodel_("list", "--json").document["layers"] if e["name"] == layer.name)
    typed = [f"{o['name']}={str(o['default']).lower()}" for o in entry["options"] if o["default"] is not None]
    flags = [argument for pair in typed for argument in ("-p", pair)]
    shape = ("--shape", "1x64x9x9", "--json")
    assert costmodel_("cost", layer.name, *flags, *shape).document == costmodel_("cost", layer.name, *shape).document


def test_table_names_every_layer_and_option(costmodel_, layer) -> None:
    """The table has a row for the layer, and in it all options with their defaults."""
    lines = costmodel_("list").out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.split(" ")[0] == layer.name)
    end = next(number for number, line in enumerate(lines[start + 1 :], start + 1) if not line.startswith("  "))
    row = " ".join(" ".join(lines[start:end]).split())
    for option in layer.options.values():
        default = "auto" if option.default is None else str(option.default).lower()
        assert f"{spoken(option.name)}={default}" in row


def test_json_has_every_network(costmodel_) -> None:
    """With its source, the input that it was made for, and the places that it has, which `network --at` takes."""
    listed = costmodel_("list", "--json").document["networks"]
    assert [entry["name"] for entry in listed] == sorted(NETWORKS)
    for entry in listed:
        network = NETWORKS[entry["name"]]
        assert (entry["source"], entry["summary"]) == (network.source, network.summary)
        assert tuple(entry["input"]) == network.input
        assert [option["name"] for option in entry["options"]] == [spoken(name) for name in network.options]
    (small,) = (entry for entry in listed if entry["name"] == "resnet18")
    for place in small["places"]:
        assert costmodel_("network", "resnet18", "--with", "danet-cam", "--at", place).status == 0


def test_table_names_every_network(costmodel_) -> None:
    """In a table of their own, behind that of the layers."""
    names = [line.split(" ")[0] for line in costmodel_("list").out.splitlines() if line[:1].strip()]
    assert [name for name in names if name in NETWORKS] == sorted(NETWORKS)
    assert names.index("network") < names.index("resnet50")
