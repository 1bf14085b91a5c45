"""What users write, read: layers, networks, layers in networks."""

import subprocess
import sys

import pytest

import costmodel.layers
import costmodel.networks  # noqa: F401
from costmodel import subjects
from costmodel.catalog import LAYERS, NETWORKS
from costmodel.dimension import CostModelError


@pytest.mark.parametrize("name", [*LAYERS, *NETWORKS])
def test_every_name(name) -> None:
    """Of the catalog is found, and means what the catalog has."""
    assert subjects.read(name).layer is {**LAYERS, **NETWORKS}[name]


def test_no_name_is_both() -> None:
    """A layer's and a network's."""
    assert LAYERS.keys() & NETWORKS.keys() == set()


@pytest.mark.parametrize(
    "text, network, inserts, alone",
    [
        ("resnet50", "resnet50", [], False),
        ("se:reduction=4", "se:reduction=4", [], False),
        ("resnet50 with se", "resnet50", [("se", {}, [])], False),
        ("resnet50  with se\tat res4 , res5", "resnet50", [("se", {}, ["res4", "res5"])], False),
        ("resnet50:variant=v1 with se:reduction=4", "resnet50:variant=v1", [("se", {"reduction": 4}, [])], False),
        (
            "resnet50 with se at res4:last with cbam with se",
            "resnet50",
            [("se", {}, ["res4:last"]), ("cbam", {}, []), ("se", {}, [])],
            False,
        ),
        ("se in resnet50", "resnet50", [("se", {}, [])], True),
        ("se at res5 with cbam in resnet50", "resnet50", [("se", {}, ["res5"]), ("cbam", {}, [])], True),
    ],
)
def test_parts(text, network, inserts, alone) -> None:
    """The network, what is inserted and where, and whether that is asked alone."""
    found, guests, by_itself = subjects.parts(text)
    assert (found, by_itself) == (network, alone)
    assert [(g.layer.name, dict(g.options), [place.text for place in g.places]) for g in guests] == inserts


WRITTEN = "layers in a network are written 'resnet50 with se at res4 with cbam', or 'se at res4 in resnet50'"


@pytest.mark.parametrize(
    "text, words",
    [
        ("resnet50 with", WRITTEN),
        ("resnet50 with ", WRITTEN),
        ("with se", WRITTEN),
        ("se in", WRITTEN),
        ("in resnet50", WRITTEN),
        (" in ", WRITTEN),
        ("with", WRITTEN),
        ("resnet50 with with se", WRITTEN),
        ("se in resnet50 in resnet18", WRITTEN),
        ("se in resnet50 with cbam", WRITTEN),
        ("resnet50 with se in", WRITTEN),
        ("se at in resnet50", "where a layer stands is written 'se at res4:last,res5', not 'se at'"),
        ("resnet50 with se at", "not 'se at'"),
        ("resnet50 with at res4", "not 'at res4'"),
        ("se at res4 at res5 in resnet50", "not 'se at res4 at res5'"),
        ("resnet50 with foo", "no layer is called 'foo'"),
        ("resnet50 with resnet18", "no layer is called 'resnet18'"),
        ("resnet5 with se", "no layer or network is called 'resnet5' (did you mean 'resnet50'?)"),
        ("resnet5", "no layer or network is called 'resnet5'"),
        ("conv with se", "layers are inserted into a network, and conv is a layer"),
        ("se in conv", "layers are inserted into a network, and conv is a layer"),
        ("resnet50 with se:ratio=4", "se has no option 'ratio'"),
        ("resnet50:depth=4 with se", "resnet50 has no option 'depth'"),
        ("resnet50 with se at res4:last@", "a place is stage, stage:blocks"),
        ("resnet50 withse", "no layer or network is called 'resnet50 withse'"),
        ("", "no layer or network is called ''"),
    ],
)
def test_what_is_written_otherwise(text, words) -> None:
    """Is refused in words."""
    with pytest.raises(CostModelError) as refused:
        subjects.read(text)
    assert words in str(refused.value)


def test_options_of_all() -> None:
    """Those given with a layer are the composed network's, and are given once."""
    asked = subjects.read("resnet50:classes=10 with  se:reduction=4 with cbam", ["cbam-reduction=8", "variant=v1"])
    assert asked.options == {"classes": 10, "se_reduction": 4, "cbam_reduction": 8, "variant": "v1"}
    assert (asked.name, asked.layer.name) == ("resnet50:classes=10 with se:reduction=4 with cbam",) * 2
    for given in ("se-reduction=8", "classes=7"):
        with pytest.raises(CostModelError, match="is given twice"):
            subjects.read("resnet50:classes=10 with se:reduction=4 with cbam", [given])
    with pytest.raises(CostModelError, match="has no option 'reduction'"):
        subjects.read("resnet50 with se with cbam", ["reduction=4"])


def test_letters() -> None:
    """Stand for options of inserted layers where formulas are asked for."""
    asked = subjects.read("resnet50 with se with cbam", ["cbam-reduction=r2"], letters=True)
    assert asked.options == {"cbam_reduction": "r2"}


def test_networks_alone() -> None:
    """Where a network is asked for, a layer is refused."""
    assert subjects.read_network("resnet50 with se", ["reduction=4"]).options == {"reduction": 4}
    with pytest.raises(CostModelError, match="se is a layer, not a network"):
        subjects.read_network("se")


def test_a_subject_stays_what_it_is() -> None:
    """Where the library takes a name or a subject."""
    subject = subjects.read("se:reduction=4")
    assert subjects.subject_of(subject) is subject
    assert subjects.subject_of("se:reduction=4") == subject


def test_questions_about_layers_need_no_networks() -> None:
    """Neither the networks nor what inserts layers is imported for them."""
    program = """
import sys, costmodel.layers
from costmodel import subjects
subjects.read("se:reduction=4")
print({name for name in sys.modules if name in ("costmodel.networks", "costmodel.insertion")})
"""
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"
    )
