"""Certificates of small layers, and what a planted error does to them."""

import json
from functools import partialmethod
from operator import attrgetter

import pytest
import sympy
import torch

from costmodel.catalog import LAYERS, find
from costmodel.dimension import elements
from costmodel.ledger import Ledger
from costmodel.memory import training_macs
from costmodel.tensor import Tensor
from costmodel.trace import trace
from costmodel.validate.cases import GROUPED, LISTED, Case
from costmodel.validate.oracles import ORACLES
from costmodel.validate.oracles.reading import Reading
from costmodel.validate.proofs import Certificate, Proofs, lattice, prove, symbolic
from costmodel.validate.proofs.certificate import SHAPES
from costmodel.validate.references import REFERENCES

SMALL = ("cbam-channel", "cbam-spatial", "conv", "danet-cam", "danet-pam", "linear", "se", "shared-fc")
"""Layers whose defaults are proved in a fraction of a second."""


def case(name, shape=SHAPES[0], **options):
    layer = find(name)
    return Case(layer, options, shape, False, layer.run(shape, options))


def conditions(*words, sizes="N ≥ 2, C ≥ 2, H ≥ 2, W ≥ 2"):
    return [*sizes.split(", "), *words]


@pytest.mark.parametrize(
    "given, domain",
    [
        (case("se"), ["r divides C", *conditions("widths as in 9 modules", sizes="N ≥ 2, C ≥ 2·r, H ≥ 2, W ≥ 2")]),
        (case("danet-cam"), conditions("widths as in 3 modules")),
        (
            case("conv", groups=8),
            [
                "8 divides C",
                "8 divides C_out",
                *conditions("C_out ≥ 16", sizes="N ≥ 2, C ≥ 16, H ≥ 2, W ≥ 2"),
                *("kernel = 3", "stride = 1", "groups = 8", "dilation = 1", "widths as in 9 modules"),
            ],
        ),
        (
            case("conv", stride=5),
            [
                *conditions("C_out ≥ 2", sizes="N ≥ 2, C ≥ 2, H ≥ 10, W ≥ 10"),
                *("kernel = 3", "stride = 5", "groups = 1", "dilation = 1", "widths as in 9 modules"),
            ],
        ),
        (
            case("dense-attention"),
            [
                "8 divides C",
                *conditions("heads = 8", "widths as in 3 modules", sizes="N ≥ 2, C ≥ 16, H ≥ 2, W ≥ 2"),
            ],
        ),
        (
            case("non-local", SHAPES[1], subsample="after"),
            [
                "r divides C",
                *conditions("widths as in 9 modules", sizes="N ≥ 2, C ≥ 2·r, T ≥ 2, H ≥ 4, W ≥ 4"),
            ],
        ),
    ],
    ids=lambda value: value.layer.name if isinstance(value, Case) else "",
)
def test_domains(given, domain) -> None:
    """A layer is proved over symbols for exactly these sizes."""
    certificate = symbolic.certify(given)
    assert (certificate.method, certificate.proved, certificate.reason) == ("symbolic", True, "")
    assert list(certificate.domain) == domain


def test_operators() -> None:
    """All arithmetic is compared, operator by operator and kind by kind, and what computes nothing is named."""
    certificate = symbolic.certify(case("se"))
    assert certificate.compared == {
        "mean": ["add", "div"],
        "mul": ["mul"],
        "parameters": ["params"],
        "product": ["mac"],
        "relu": ["cmp"],
        "sigmoid": ["add", "div", "exp"],
    }
    assert "view" in certificate.ignored
    assert not {*certificate.ignored} & {"mm", "mean", "mul", "relu", "sigmoid"}


def test_every_kind_is_compared() -> None:
    """Whatever arithmetic the ledger of a layer has is among what its certificate compares."""
    for name in SMALL:
        given = case(name)
        certificate = symbolic.certify(given)
        ours = {kind for row in given.ledger.rows for kind in row.arithmetic}
        assert ours == {kind for kinds in certificate.compared.values() for kind in kinds} - {"params"}


def test_a_size_that_is_needed() -> None:
    """A depthwise convolution has its channels as a number: it is compared at one more of them than it has degrees."""
    certificate = symbolic.certify(case("depthwise-separable", norm=False))
    assert (certificate.method, certificate.proved) == ("lattice", True)
    assert "C: 3 sizes, and counts of degree 2 in it at most" in certificate.domain
    assert not any("C ≥" in condition for condition in certificate.domain)


def test_fvcore() -> None:
    """fvcore is held against a layer on a lattice, whose bounds are in the domain."""
    certificate = lattice.certify(case("se"))
    assert (certificate.method, certificate.proved) == ("lattice", True)
    assert certificate.compared.keys() == {"adaptive_avg_pool2d", "linear"}
    assert certificate.ignored == ["aten::mul", "aten::sigmoid"]
    assert "16 divides C" in certificate.domain
    assert "reduction = 16" in certificate.domain
    # (1 + 1) sizes of N, H and W, of which one is multiplied by each, and (2 + 1) of C.
    assert certificate.domain[-1] == "degree at most 1 in N, 2 in C, 1 in H, 1 in W: 24 sizes"


# Planted errors.


PLANTED = {
    # A primitive: the kind of arithmetic in which it errs, and the kinds of its rows.
    "softmax": ("exp", {"softmax"}),
    "sigmoid": ("div", {"sigmoid"}),
    "conv": ("mac", {"conv"}),
    "batch_norm": ("mul", {"batch_norm", "batch_norm_plain"}),
    "matmul": ("mac", {"matmul"}),
    "linear": ("mac", {"linear"}),
    "relu": ("cmp", {"relu"}),
    "global_max_pool": ("cmp", {"adaptive_max_pool"}),
    "global_avg_pool": ("add", {"adaptive_avg_pool2d", "adaptive_avg_pool3d"}),
    "mean": ("div", {"mean"}),
    "max": ("cmp", {"max"}),
    "mul": ("mul", {"mul"}),
    "add": ("add", {"add"}),
    "sub": ("add", {"sub"}),
    "scale": ("mul", {"scale"}),
}


def plant(monkeypatch, primitive, kind):
    """Let `primitive` count one operation too many of a kind for each sample."""
    right = getattr(Tensor, primitive)

    def wrong(self, *arguments, **keywords):
        out = right(self, *arguments, **keywords)
        row = self.ledger.rows.pop()
        self.ledger.rows.append(row._replace(arithmetic={**row.arithmetic, kind: row.arithmetic[kind] + self.n}))
        return out

    monkeypatch.setattr(Tensor, primitive, wrong)


@pytest.fixture(scope="module")
def traces():
    return {}


@pytest.fixture
def traced_once(monkeypatch, traces) -> None:
    """Errors that are planted in layers leave the traces of their references as they are."""
    right = symbolic._traced

    def traced(given, step):
        key = given.layer.name, given.shape, step
        if key not in traces:
            traces[key] = right(given, step)
        return traces[key]._replace(case=given)

    monkeypatch.setattr(symbolic, "_traced", traced)


@pytest.mark.usefixtures("traced_once", "uncovered")
@pytest.mark.parametrize("primitive", PLANTED)
def test_error_in_a_primitive(monkeypatch, primitive) -> None:
    """An error in a primitive refutes exactly the layers whose ledgers have rows of it."""
    kind, rows = PLANTED[primitive]
    users = {name for name in SMALL if any(row.kind in rows for row in case(name).ledger.rows)}
    plant(monkeypatch, primitive, kind)
    found = {name: symbolic.certify(case(name)) for name in SMALL}
    assert {name for name, certificate in found.items() if certificate.refuted} == users
    assert users
    for name in users:
        assert found[name].reason.startswith(f"{kind} of ")
    for name in {*SMALL} - users:
        assert found[name].proved


def test_error_in_a_reference(monkeypatch) -> None:
    """A reference that does something more is a difference, which names the operator."""
    right = REFERENCES["se"].forward
    monkeypatch.setattr(REFERENCES["se"], "forward", lambda self, x: right(self, x).exp())
    certificate = symbolic.certify(case("se"))
    assert certificate.refuted
    assert certificate.reason == "exp of exp: 0 by the layer, N·C·H·W by its reference"


def test_error_in_a_width_of_a_reference(monkeypatch) -> None:
    """A reference that is wider than the layer is refuted, though its width is none of the layer."""
    right = REFERENCES["se"].__init__

    def wider(self, channels, *, reduction=16, bias=False):
        right(self, channels, reduction=reduction - 3, bias=bias)

    monkeypatch.setattr(REFERENCES["se"], "__init__", wider)
    certificate = symbolic.certify(case("se"))
    assert certificate.refuted
    assert "by its reference, at 13x96x23x29" in certificate.reason


def test_width_that_is_right_at_one_place_only(monkeypatch) -> None:
    """A width that equals the layer's at the traced channels only is found in the modules built with others."""
    right = REFERENCES["se"].__init__

    def constant(self, channels, *, bias=False, **_):
        right(self, channels, reduction=channels // 6, bias=bias)  # 6 channels, as 96 // 16 are

    monkeypatch.setattr(REFERENCES["se"], "__init__", constant)
    certificate = symbolic.certify(case("se"))
    assert certificate.refuted
    assert certificate.reason.startswith("reduce.weight is ")


def test_option_that_is_not_used() -> None:
    """A layer that ignores an option is not proved for all values of it, and is refuted at another one."""
    layer = find("se")
    careless = layer._replace(program=lambda x, **options: layer.program(x, **options | {"reduction": 16}))
    certificate = symbolic.certify(case("se")._replace(layer=careless))
    assert not certificate.proved or "reduction = 16" in certificate.domain
    options = {"reduction": 8}
    assert symbolic.certify(Case(careless, options, SHAPES[0], False, careless.run(SHAPES[0], options))).refuted


def test_error_on_one_remainder(monkeypatch) -> None:
    """A pool that errs for odd heights alone is found."""
    right = Tensor.max_pool

    def wrong(self, size, name="max_pool"):
        out = right(self, size, name)
        row = self.ledger.rows.pop()
        odd = self.shape[-2] - 2 * (self.shape[-2] // 2)
        self.ledger.rows.append(row._replace(arithmetic={"cmp": row.arithmetic["cmp"] + odd}))
        return out

    monkeypatch.setattr(Tensor, "max_pool", wrong)
    even = (13, 96, 22, 28)
    assert symbolic.certify(case("non-local", even, subsample="after")).refuted
    assert symbolic.certify(case("non-local")).proved


def test_error_in_the_parameters(monkeypatch) -> None:
    """Parameters that are counted twice are a difference."""
    monkeypatch.setattr(Ledger, "params", lambda self: 2 * sum(row.params for row in self.rows))
    assert symbolic.certify(case("conv")).reason.startswith("params of parameters")


def test_error_of_fvcore(monkeypatch) -> None:
    """An oracle that errs at one point of the lattice refutes, and the point is named."""
    oracle = ORACLES["fvcore"]

    def wrong(module, x):
        reading = oracle.theirs(module, x)
        odd = x.shape[2] == 3
        return Reading({name: count + odd for name, count in reading.counts.items()}, reading.uncounted)

    monkeypatch.setattr(lattice, "ORACLE", oracle._replace(theirs=wrong))
    certificate = lattice.certify(case("conv"))
    assert certificate.refuted
    assert "by fvcore, at 2x2x3x5" in certificate.reason


def test_fvcore_that_reports_something_else(monkeypatch) -> None:
    """An operator that fvcore does not count, and that is not expected, is a difference."""
    oracle = ORACLES["fvcore"]
    more = oracle._replace(theirs=lambda module, x: Reading(oracle.theirs(module, x).counts, frozenset({"aten::exp"})))
    monkeypatch.setattr(lattice, "ORACLE", more)
    assert lattice.certify(case("conv")).refuted


def test_fvcore_that_counts_nothing(monkeypatch) -> None:
    """An oracle that counts nothing proves nothing."""
    nothing = Reading({}, frozenset())
    silent = ORACLES["fvcore"]._replace(ours=lambda _: nothing, theirs=lambda *_: nothing)
    monkeypatch.setattr(lattice, "ORACLE", silent)
    certificate = lattice.certify(case("conv"))
    assert (certificate.method, certificate.proved) == ("sampled", False)
    assert certificate.reason == "fvcore counts nothing in it, which is no evidence"


# Training.


@pytest.mark.parametrize("step", symbolic.STEPS)
@pytest.mark.parametrize("name", ["se", "danet-pam", "cbam-spatial", "conv"])
def test_training(name, step) -> None:
    """FlopCounterMode counts forward and backward over symbols, and as many as we do."""
    certificate = symbolic.certify(case(name), step)
    assert certificate.proved
    assert (certificate.oracle, certificate.method) == ("FlopCounterMode over symbols", "symbolic")
    assert certificate.compared == {"parameters": ["params"], step: ["flop"]}
    assert certificate.domain[-1].startswith("widths as in")


def test_training_with_batches_of_groups() -> None:
    """FlopCounterMode counts gradients of weights as if there was one group; without these there is a proof."""
    all_, frozen, first = (symbolic.certify(case("depthwise-separable"), step) for step in symbolic.STEPS)
    assert (frozen.method, frozen.holds) == ("lattice", True)
    for certificate in (all_, first):
        assert (certificate.method, certificate.reason) == ("sampled", GROUPED)


def test_error_in_training(monkeypatch) -> None:
    """Backward that is said to cost as much as forward, and not twice that."""
    monkeypatch.setattr(symbolic, "training_macs", lambda ledger, _: 2 * training_macs(ledger) // 3)
    certificate = symbolic.certify(case("se"), "forward and backward")
    assert certificate.refuted
    sides = "8·N·C·⌊C/16⌋ by the layer, 12·N·C·⌊C/16⌋ by its reference"
    assert certificate.reason == f"flop of forward and backward: {sides}"


def test_training_that_multiplies_nothing(monkeypatch) -> None:
    """An oracle that counts nothing proves nothing."""
    monkeypatch.setitem(REFERENCES, "gate", lambda *_, **__: torch.nn.Sigmoid())
    layer = LAYERS["se"]._replace(name="gate", program=lambda x: x.sigmoid(), options={})
    certificate = symbolic.certify(Case(layer, {}, SHAPES[0], False, layer.run(SHAPES[0], {})), "forward and backward")
    reason = "the oracle counts nothing in it, which is no evidence"
    assert (certificate.method, certificate.reason) == ("sampled", reason)


# What is no proof.


@pytest.mark.parametrize("count, reason", [("ideal", "nobody counts index_add"), ("masked", "lists the pairs")])
def test_sampled(count, reason) -> None:
    """What needs positions as a number, or runs what nobody counts, is sampled and never proved."""
    certificate = symbolic.certify(case("sparse-attention", (3, 96, 4, 5), count=count, summary=1))
    assert certificate.method == "sampled"
    assert reason in certificate.reason
    assert not certificate.proved
    assert not certificate.refuted
    assert certificate.domain == ()


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("count", find("sparse-attention").options["count"].choices)
@pytest.mark.parametrize("name", LISTED)
def test_what_lists_pairs_has_its_positions_as_a_number(name, count) -> None:
    """A layer of which nothing is tried over symbols has a reference that makes a number of its positions."""
    given = case(name, (3, 96, 4, 5), count=count, summary=1)
    with torch.device("meta"):
        module = REFERENCES[name](96, **given.options).eval()
    over_symbols = trace(module, given.shape)
    assert any(sympy.Eq(sympy.Mul(*over_symbols.input[2:]), 20) == guard for guard in over_symbols.guards)


def test_error_in_what_lists_pairs(monkeypatch) -> None:
    """What is not proved is held at the sizes of its trace, and refuted if it differs there."""
    plant(monkeypatch, "softmax", "exp")
    certificate = symbolic.certify(case("sparse-attention", (3, 96, 4, 5), count="masked", summary=1))
    assert certificate.refuted
    assert certificate.reason.startswith("exp of softmax: ")
    assert certificate.reason.endswith(", at 3x96x4x5")


def reading(monkeypatch, name, weight, make=None):
    """Let a reference use a width of a weight as a number, and build itself as `make` does."""
    reference = REFERENCES[name]
    right = reference.forward
    monkeypatch.setattr(
        reference, "forward", lambda self, x: (int(attrgetter(weight)(self).shape[0]), right(self, x))[1]
    )
    if make:
        monkeypatch.setattr(reference, "__init__", partialmethod(make, reference.__init__))


def test_width_as_a_number(monkeypatch) -> None:
    """A reference that needs a width as a number is held at that width only, though it is right at all others."""
    reading(monkeypatch, "se", "reduce.weight")
    certificate = symbolic.certify(case("se"))
    assert (certificate.method, certificate.proved, certificate.refuted) == ("sampled", False, False)
    assert (
        certificate.reason == "its reference needs sizes of weights as numbers: 6 in reduce.weight, 6 in expand.weight"
    )


def test_open_width_as_a_number(monkeypatch) -> None:
    """A reference that needs the width of an option as a number is proved with this option."""
    reading(monkeypatch, "conv", "conv.weight")
    certificate = symbolic.certify(case("conv"))
    assert certificate.proved
    assert "out = 120" in certificate.domain


def test_wrong_width_as_a_number(monkeypatch) -> None:
    """A width that is a number in the trace, and wrong in a module with other channels, is refuted."""

    def make(self, right, channels, *, bias=False, **_):
        right(self, channels, reduction=16 if channels == 96 else 1, bias=bias)

    reading(monkeypatch, "se", "reduce.weight", make)
    certificate = symbolic.certify(case("se"))
    assert certificate.refuted
    assert certificate.reason.startswith("params of parameters: ")
    assert "at C = " in certificate.reason


@pytest.mark.parametrize("bias", [False, True])
def test_weight_that_only_some_modules_have(monkeypatch, bias) -> None:
    """A weight that modules with other channels lack, or have beside the traced ones, is a difference."""
    right = REFERENCES["se"].__init__

    def changing(self, channels, *, reduction=16, **_):
        right(self, channels, reduction=reduction, bias=bias == (channels == 96))

    monkeypatch.setattr(REFERENCES["se"], "__init__", changing)
    certificate = symbolic.certify(case("se", **({"bias": True} if bias else {})))
    assert certificate.refuted
    assert ("parameters" if bias else "reduce.bias is nothing by the layer") in certificate.reason


def test_data_dependent(monkeypatch) -> None:
    """A module that looks at its data is sampled."""
    right = REFERENCES["se"].forward
    looks = lambda self, x: right(self, x) if x.sum().item() > 0 else x  # noqa: E731
    monkeypatch.setattr(REFERENCES["se"], "forward", looks)
    certificate = symbolic.certify(case("se"))
    assert (certificate.method, certificate.reason) == ("sampled", "what its reference runs depends on its data")


def test_no_polynomial() -> None:
    """fvcore on what is no polynomial in the sizes is sampled."""
    certificate = lattice.certify(case("sparse-attention", (3, 96, 4, 5), summary=1))
    assert (certificate.method, certificate.reason) == ("sampled", "its count is no polynomial in the sizes")


# All of them.


def test_prove() -> None:
    """Every combination of flags and choices, every change of an integer option, fvcore and training in one report."""
    seen = []
    proofs = prove(["se"], lambda done, of, name: seen.append((done, of, name)), processes=1)
    options = [(certificate.oracle, dict(certificate.options)) for certificate in proofs.certificates]
    integers = [{"reduction": value} for value in (1, 5, 8, 12)]
    assert options == [
        *((symbolic.ORACLE, each) for each in ({}, {"bias": True}, *integers)),
        *(("fvcore", each) for each in ({}, {"bias": True})),
        *((symbolic.TRAINING, each) for _ in symbolic.STEPS for each in ({}, {"bias": True})),
    ]
    assert all(certificate.proved for certificate in proofs.certificates)
    assert proofs.seconds > 0
    assert 100 < proofs.peak_mib < 100_000  # MiB: torch alone is a few hundred
    assert seen == [(done, 14, "se") for done in range(1, 15)]


def test_report() -> None:
    """The report has every certificate, and counts what is sampled apart."""
    blank = Certificate.sampled(case("se"), "fvcore")
    proved = blank._replace(method="lattice", holds=True, domain=("N ≥ 2",))
    refuted = blank._replace(method="symbolic", reason="1 by the layer, 2 by its reference")
    found = json.loads(Proofs("2024-01-01", {"torch": "2.13.0"}, [blank, proved, refuted], 71.26, 512).to_json())
    assert (found["proved"], found["refuted"], found["sampled"]) == (1, 1, 1)
    assert (found["seconds"], found["peak_mib"]) == (71.3, 512)
    assert [certificate["method"] for certificate in found["certificates"]] == ["sampled", "lattice", "symbolic"]
    assert found["certificates"][1]["domain"] == ["N ≥ 2"]


def test_every_layer_with_a_reference_has_tasks() -> None:
    """No layer that has a reference is left out."""
    from costmodel.validate.proofs.run import _tasks

    assert all(
        {"symbolic", "lattice", *symbolic.STEPS} == {task[0] for task in _tasks(LAYERS[name])}
        for name in LAYERS.keys() & REFERENCES
    )


def test_shapes_are_unequal() -> None:
    """No size of the places where modules are built is another, nor the product of all positions a channel count."""
    for shape in SHAPES:
        assert len({*shape, elements(shape[2:])}) == len(shape) + 1
