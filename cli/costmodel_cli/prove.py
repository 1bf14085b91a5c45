"""``costmodel validate --prove``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from costmodel.catalog import find, spoken
from costmodel_cli import render
from costmodel_cli.exit_codes import Exit
from costmodel_cli.validate import written

if TYPE_CHECKING:
    from costmodel.validate.proofs import Certificate, Proofs

SHOWN = 10
"""The most differences that are printed."""


def run(layers: Sequence[str], report: str | None, *, as_json: bool) -> Exit:
    """Prove counts for all sizes, print what is proved and for which, and write the certificates."""
    names = [find(name).name for name in layers]
    from costmodel.validate import Progress, require

    def check(advance: Progress | None) -> "Proofs":
        require("torch", "fvcore", "costmodel.validate.proofs")
        from costmodel.validate.proofs import prove

        return prove(names, advance)

    found = written(report, check)
    if as_json:
        print(found.to_json())
    else:
        _show(found, report)
    if any(certificate.refuted for certificate in found.certificates):
        return Exit.FAILS
    return Exit.HOLDS if any(certificate.proved for certificate in found.certificates) else Exit.UNCHECKED


def _show(found: "Proofs", path: str | None) -> None:
    names = list(dict.fromkeys(certificate.layer for certificate in found.certificates))
    oracles = list(dict.fromkeys(certificate.oracle for certificate in found.certificates))
    table = render.table(["layer"], [*(oracle.replace(" over ", "\nover ") for oracle in oracles), "not proved"])
    for name in names:
        mine = [certificate for certificate in found.certificates if certificate.layer == name]
        proved = [str(sum(c.proved for c in mine if c.oracle == oracle)) for oracle in oracles]
        table.add_row(name, *proved, str(sum(not c.proved for c in mine)))
    lines: list[Any] = [", ".join(f"{name} {version}" for name, version in found.versions.items()), "", table, ""]
    lines += ["Proved for all sizes with", *(f"  {name}: {_domain(found, name)}" for name in names)]
    refuted = [certificate for certificate in found.certificates if certificate.refuted]
    lines += ["", *(f"{_label(c)}: {c.reason}" for c in refuted[:SHOWN])] if refuted else []
    sampled = dict.fromkeys(f"{c.layer} by {c.oracle}: {c.reason}" for c in found.certificates if c.method == "sampled")
    lines += (
        ["", "Not proved, and held at the sizes of 'validate' only:", *(f"  {why}" for why in sampled)]
        if sampled
        else []
    )
    proved_ = sum(certificate.proved for certificate in found.certificates)
    lines += [
        "",
        f"{proved_:,} proved, {len(refuted):,} refuted, {len(found.certificates) - proved_ - len(refuted):,} sampled",
    ]
    lines += [f"report: {path}"] if path else []
    lines += [f"{found.seconds:,.0f} s, and {found.peak_mib:,} MiB in a process at most"]
    render.show(*lines)


def _domain(found: "Proofs", name: str) -> str:
    """The sizes for which a layer is proved over symbols, with its defaults and with other options."""
    proofs = [c for c in found.certificates if c.layer == name and c.proved and c.oracle.startswith("ATen")]
    if not proofs:
        return "nothing"
    numbers = [{option: v for option, v in c.options.items() if type(v) is int} for c in proofs]
    base = next((c.domain for c in proofs if not c.options), ())
    others = dict.fromkeys(
        condition for c, own in zip(proofs, numbers, strict=True) if not own for condition in c.domain
    )
    values: dict[str, list[str]] = {}
    for own in numbers:
        for option, value in own.items():
            values.setdefault(option, []).append(str(value))
    words = [", ".join(base), ", ".join(condition for condition in others if condition not in base)]
    words[1:] = [f"of some options {words[1]}"] if words[1] else []
    words += [f"also {spoken(option)} = {', '.join(dict.fromkeys(given))}" for option, given in values.items()]
    return "; ".join(filter(None, words))


def _label(certificate: "Certificate") -> str:
    options = render.options(certificate.options)
    return " ".join(filter(None, [certificate.layer, options, "on video" if certificate.video else ""]))
