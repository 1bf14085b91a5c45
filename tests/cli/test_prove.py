"""`costmodel validate --prove`: the table, the report, exit codes."""

import json
import os
import sys

import pytest

from costmodel.validate import proofs as package
from costmodel.validate.proofs import Certificate, Proofs


def certificate(layer="se", options=None, **changed):
    """A certificate of a layer that is proved, but for what is `changed`."""
    proved = Certificate(
        layer=layer,
        options=options or {},
        video=False,
        oracle="ATen operators over symbols",
        method="symbolic",
        holds=True,
        compared={"product": ["mac"]},
        ignored=["view"],
        domain=["r divides C", "N ≥ 2"],
        reason="",
    )
    return proved._replace(**changed)


REFUTED = {"holds": False, "reason": "mac of product: N·C by the layer, N·C² by its reference"}
SAMPLED = {"method": "sampled", "holds": False, "compared": {}, "domain": [], "reason": "it needs H as a number"}


@pytest.fixture
def finding(monkeypatch):
    """Let `prove` find given certificates, or raise a given error; what it was asked is kept."""
    asked = []

    def find(*outcome):
        def prove(layers=(), progress=None):
            asked.append(list(layers))
            if progress:
                progress(1, 1, "se")
            if isinstance(outcome[0], BaseException):
                raise outcome[0]
            return Proofs("2024-01-01T00:00:00+00:00", {"torch": "2.13.0"}, list(outcome), 71.2, 512)

        monkeypatch.setattr(package, "prove", prove)
        return asked

    return find


def test_proved(costmodel_, finding) -> None:
    """What is proved is exit 0, with the layers, the domain and how many."""
    other = certificate(options={"reduction": 5}, domain=["5 divides C", "N ≥ 2"])
    asked = finding(certificate(), other, certificate(options={"bias": True}, domain=["r divides C", "H ≥ 4"]))
    result = costmodel_("validate", "--prove", "se")
    text = " ".join(result.out.split())
    assert (result.status, result.err, asked) == (0, "", [["se"]])
    assert "torch 2.13.0" in text
    assert "se: r divides C, N ≥ 2; of some options H ≥ 4; also reduction = 5" in text
    assert "3 proved, 0 refuted, 0 sampled" in text
    assert text.endswith("71 s, and 512 MiB in a process at most")


def test_refuted(costmodel_, finding) -> None:
    """A difference is exit 1, with the layer, its options and both formulas."""
    finding(certificate(), certificate(options={"bias": True}, **REFUTED))
    result = costmodel_("validate", "--prove")
    text = " ".join(result.out.split())
    assert (result.status, result.err) == (1, "")
    assert "se bias=true: mac of product: N·C by the layer, N·C² by its reference" in text
    assert "1 proved, 1 refuted, 0 sampled" in text


def test_sampled_is_not_proved(costmodel_, finding) -> None:
    """Where nothing is proved, nothing holds: exit 3, with the reason."""
    finding(certificate(**SAMPLED))
    result = costmodel_("validate", "--prove")
    text = " ".join(result.out.split())
    assert result.status == 3
    assert "it needs H as a number" in text
    assert "0 proved, 0 refuted, 1 sampled" in text


@pytest.mark.parametrize("changed, status", [({}, 0), (REFUTED, 1)], ids=["proved", "refuted"])
def test_json_is_the_report(costmodel_, finding, tmp_path, changed, status) -> None:
    """--json prints what --report writes: every certificate, with its oracle, method and domain."""
    finding(certificate(**changed))
    result = costmodel_("validate", "--prove", "se", "--json", "--report", str(tmp_path / "proofs.json"))
    assert result.status == status
    written = json.loads((tmp_path / "proofs.json").read_text(encoding="utf-8"))
    assert json.loads(result.out) == written
    assert written.keys() == {"date", "versions", "proved", "refuted", "sampled", "seconds", "peak_mib", "certificates"}
    fields = {"layer", "options", "video", "oracle", "method", "holds", "compared", "ignored", "domain", "reason"}
    assert written["certificates"][0].keys() == fields
    assert os.listdir(tmp_path) == ["proofs.json"]  # noqa: PTH208


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no")], ids=lambda error: type(error).__name__)
def test_nothing_half_written(costmodel_, finding, tmp_path, error) -> None:
    """Whatever stops the work leaves the older report as it was, and no other file."""
    path = tmp_path / "proofs.json"
    path.write_text("older")
    finding(error)
    try:
        status = costmodel_("validate", "--prove", "--report", str(path)).status
    except RuntimeError:
        status = 1
    assert status != 0
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["proofs.json"]  # noqa: PTH208


def test_unknown_layer(refusal, finding) -> None:
    """An unknown layer is refused with the nearest name, before the work."""
    asked = finding(certificate())
    assert "danet-pam" in refusal("validate", "--prove", "danet-pan")
    assert asked == []


def test_no_device(costmodel_, finding) -> None:
    """Proofs run on no device: which one is chosen changes nothing."""
    asked = finding(certificate())
    assert costmodel_("validate", "--prove", "se", "--device", "cuda").status == 0
    assert asked == [["se"]]


@pytest.mark.parametrize("missing", ["torch", "fvcore"])
def test_without_torch_or_fvcore(costmodel_, monkeypatch, tmp_path, missing) -> None:
    """Without torch or fvcore: exit 3, the missing package and the line that installs it, and no report."""
    for name in {missing, *(name for name in sys.modules if name.startswith(f"{missing}."))}:
        monkeypatch.setitem(sys.modules, name, None)  # which makes its import fail
    result = costmodel_("validate", "--prove", "se", "--report", str(tmp_path / "proofs.json"))
    assert (result.status, result.out) == (3, "")
    assert missing in result.err
    assert f"pip install {missing}" in result.err
    assert list(tmp_path.iterdir()) == []


def test_for_real(process, tmp_path) -> None:
    """One layer proved for real, in processes of its own: the report is written, and all holds."""
    path = tmp_path / "proofs.json"
    ran = process("validate", "--prove", "se", "--report", str(path))
    assert (ran.returncode, ran.stderr) == (0, b"")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert (document["proved"], document["refuted"], document["sampled"]) == (14, 0, 0)
    assert {row["layer"] for row in document["certificates"]} == {"se"}


def test_planted_error(costmodel_, monkeypatch) -> None:
    """An error in a reference is exit 1, through the whole command."""
    from costmodel.validate.references import REFERENCES

    right = REFERENCES["danet-cam"].forward
    monkeypatch.setattr(REFERENCES["danet-cam"], "forward", lambda self, x: right(self, x).relu())
    result = costmodel_("validate", "--prove", "danet-cam")
    assert result.status == 1
    assert "cmp of relu" in result.out
