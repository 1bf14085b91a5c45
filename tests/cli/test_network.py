"""`costmodel network`."""

from pathlib import Path

import pytest

from costmodel import METRICS
from costmodel.catalog import NETWORKS

MODULES = """
from torch import nn


class Gate(nn.Module):
    def __init__(self, channels=20, reduction=4):
        super().__init__()
        self.down = nn.Conv2d(channels, channels // reduction, 1)
        self.up = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x):
        return x * self.up(self.down(x).relu()).sigmoid()


class Fixed(nn.Module):
    def __init__(self, channels=64):
        super().__init__()
        self.mix = nn.Conv2d(64, 64, 1)

    def forward(self, x):
        return self.mix(x)


class Half(nn.Module):
    def __init__(self, channels=64):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels // 2, 1)

    def forward(self, x):
        return self.mix(x)


class Pair(nn.Module):
    def __init__(self, channels=64):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x, self.mix(x)
"""


@pytest.fixture
def modules(tmp_path: Path) -> str:
    """A file of torch modules."""
    path = tmp_path / "modules.py"
    path.write_text(MODULES, encoding="utf-8")
    return str(path)


def test_a_network_by_stage(costmodel_) -> None:
    """Stages add up to the network, whose numbers are torchvision's."""
    document = costmodel_("network", "resnet50", "--json").document
    assert (document["network"], document["input"], document["with"]) == ("resnet50", [1, 3, 224, 224], [])
    assert (document["params"], document["macs"]) == (25_557_032, 4_089_184_256)
    assert [stage["stage"] for stage in document["stages"]] == ["stem", "res2", "res3", "res4", "res5", "head"]
    assert document["stages"][3]["output"] == [1, 1024, 14, 14]
    for metric in METRICS:
        assert sum(stage["backbone"][metric] for stage in document["stages"]) == document[metric]
        assert not any(stage["inserted"][metric] for stage in document["stages"])


def test_layers_at_places(costmodel_) -> None:
    """What is inserted is told apart, by stage and in total; two 1×1 layers of 2048 to 128 channels, three times."""
    document = costmodel_("network", "resnet50", "--with", "se", "--at", "res5,res4:last", "--json").document
    added = {stage["stage"]: stage["inserted"]["params"] for stage in document["stages"]}
    assert added == {"stem": 0, "res2": 0, "res3": 0, "res4": 2 * 1024 * 64, "res5": 3 * 2 * 2048 * 128, "head": 0}
    (inserted,) = document["with"]
    assert (inserted["layer"], inserted["options"]) == ("se", {"reduction": 16, "bias": False})
    assert [(place["stage"], place["block"], place["where"]) for place in inserted["places"]] == [
        ("res4", 6, "branch"),
        *(("res5", block, "branch") for block in (1, 2, 3)),
    ]


@pytest.mark.parametrize(
    "flags, text",
    [
        (["resnet18", "--with", "se:reduction=4"], "resnet18 with se:reduction=4"),
        (["resnet18", "--with", "se", "--with", "cbam", "--at", "res5"], "resnet18 with se at res5 with cbam at res5"),
        (
            ["resnet18", "--with", "se", "--with", "cbam", "--at", "res5", "--at", "res4:last@after"],
            "resnet18 with se at res5 with cbam at res4:last@after",
        ),
        (["resnet18 with se at res5", "--with", "cbam"], "resnet18 with se at res5 with cbam"),
        (["resnet18:classes=7 with se"], "resnet18:classes=7 with se"),
        (["resnet18 with se", "-p", "classes=7"], "resnet18:classes=7 with se"),
    ],
    ids=" ".join,
)
def test_flags_say_what_the_text_does(costmodel_, flags, text) -> None:
    """--with and --at, or all in the name."""
    network = costmodel_("network", *flags, "--input", "2x3x65x97", "--json").document
    cost = costmodel_("cost", text, "--shape", "2x3x65x97", "--json").document
    assert [network[metric] for metric in METRICS] == [cost[metric] for metric in METRICS]
    shown = costmodel_("network", *flags, "--input", "2x3x65x97").out
    assert all(f" {count:,}" in shown for count in (cost["params"],) if count < 10**9)


def test_the_table(costmodel_) -> None:
    """What stands where, as --at takes it, and with which options."""
    out = costmodel_("network", "resnet50", "--with", "se:reduction=8", "--at", "res4:last,res5:1+2").out
    assert "se · reduction=8, bias=false: 3 places, res4:6@branch, res5:1-2@branch" in out
    assert "resnet50 with se at 1×3×224×224 · variant=v1.5" in out
    assert max(map(len, out.splitlines())) <= 80


def test_formulas(costmodel_) -> None:
    """Of the whole, the backbone and what is inserted, which add up; 3 · 2·2048² weights over r."""
    document = costmodel_("network", "resnet50", "--with", "se", "--at", "res5", "--formula", "--json").document
    assert document["symbols"]["r"] == "reduction"
    values = {"N": 2, "H": 224, "W": 320, "r": 16}
    for metric in METRICS:
        total, backbone, inserted = (
            eval(document["formulas"][metric][part], values)  # noqa: S307 (the product's own formula)
            for part in ("total", "backbone", "inserted")
        )
        assert total == backbone + inserted
    assert eval(document["formulas"]["params"]["inserted"], values) == 3 * 2 * 2048**2 // 16  # noqa: S307
    out = costmodel_("network", "resnet50", "--formula").out
    assert "macs 81456·N·H·W + 2048000·N" in " ".join(out.split())
    assert "inserted" not in out


def test_options_that_a_network_chooses(costmodel_) -> None:
    """Are shown with their values; those of an inserted layer, which differ by place, as auto."""
    assert "stem=24" in costmodel_("network", "shufflenet-v1").out
    assert "eca · kernel=auto" in costmodel_("network", "resnet18", "--with", "eca").out


def test_a_module_follows_the_channels(costmodel_, modules) -> None:
    """Its formula counts it at every place: C²/2 + 5·C/4 weights, at 256 and 512 channels."""
    arguments = ("--with", f"{modules}:Gate:channels=20", "--at", "res2,res3", "--json")
    document = costmodel_("network", "resnet50", *arguments).document
    added = {stage["stage"]: stage["inserted"]["params"] for stage in document["stages"]}
    assert (added["res2"], added["res3"]) == (3 * (256**2 // 2 + 320), 4 * (512**2 // 2 + 640))
    assert "fvcore" not in document
    assert "fvcore" in document["stages"][0]["backbone"]
    out = costmodel_("network", "resnet50", *arguments[:-1]).out
    assert "—" in out
    formulas = costmodel_("network", "resnet50", *arguments[:-1], "--formula", "--json").document["formulas"]
    assert formulas["params"]["inserted"] == str(3 * (256**2 // 2 + 320) + 4 * (512**2 // 2 + 640))


@pytest.mark.parametrize(
    "name, at, words",
    [
        ("Fixed", "res3", "res3.1: its width, for 64 channels, does not follow them to 128"),
        ("Half", "res2", "must keep the shape, and Half makes 1×32×32×32 of 1×64×32×32"),
        ("Pair", "res2", "must keep the shape, and Pair makes tuple of 1×64×32×32"),
        ("Absent", "res2", "Absent"),
    ],
)
def test_modules_that_do_not_fit(refusal, modules, name, at, words) -> None:
    """Are refused in words."""
    assert words in refusal("network", "resnet18", "--with", f"{modules}:{name}:channels=64", "--at", at)


def test_a_module_of_fixed_width_where_it_fits(costmodel_, modules) -> None:
    """At 64 channels, for which it was made."""
    arguments = ("--with", f"{modules}:Fixed:channels=64", "--at", "res2", "--json")
    document = costmodel_("network", "resnet18", *arguments).document
    assert sum(stage["inserted"]["params"] for stage in document["stages"]) == 2 * (64 * 64 + 64)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["resnet5"], "no layer or network is called 'resnet5' (did you mean 'resnet50'?)"),
        (["se"], "se is a layer, not a network"),
        (["se in resnet50"], "what layers cost alone is no network: see 'costmodel cost \"se in resnet50\"'"),
        (["resnet50 with"], "layers in a network are written"),
        (["resnet50", "--with", "resnet18"], "no layer is called 'resnet18'"),
        (["resnet50", "--with", "se at res4"], "no layer is called 'se at res4'"),
        (["resnet50", "--with", ""], "no layer is called ''"),
        (["resnet50", "--at", "res4"], "--at says where a layer goes, and --with names none"),
        (["resnet50", "--with", "se", "--at", "res4", "--at", "res5"], "2 for 1"),
        (["resnet50", "--with", "se", "--at", "res6"], "it has no stage 'res6'"),
        (["resnet50", "--with", "se", "--at", "res4:7"], "res4 has no block 7: it has 1 to 6"),
        (["resnet50", "--with", "se", "--at", "res4@beside"], "not 'beside'"),
        (["resnet50", "--with", "se:reduction=512"], "reduction 512 is larger than the 256 channels"),
        (["resnet50", "--with", "conv:out=7"], "must keep the shape, and this makes 1×7×56×56 of 1×256×56×56"),
        (["resnet50", "-p", "reduction=8", "--with", "se"], "resnet50 has no option 'reduction'"),
        (["resnet50", "-p", "output-stride=5"], "the output stride must be 8, 16 or 32, not 5"),
        (["resnet50", "--input", "1x4x224x224"], "resnet50 takes 3 channels, not 4"),
        (["resnet50", "--input", "1x3x8x224x224"], "resnet50 takes N×C×H×W input, not one of 5 dimensions"),
        (["resnet50", "--input", "1x3x224"], "a shape is written"),
        (["resnet50", "--input", "1x3x0x224"], "H in the shape"),
        (["resnet50", "--formula", "--input", "1x3x64x64"], "give --formula or --input"),
        ([], "NETWORK"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input(refusal, arguments, words) -> None:
    """One sentence."""
    assert words in refusal("network", *arguments)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network(costmodel_, name) -> None:
    """Has a table in 80 columns that ends in all metrics."""
    result = costmodel_("network", name)
    assert (result.status, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= 80
    assert [line.split()[0] for line in result.out.splitlines()[-len(METRICS) :]] == [*METRICS]
