"""What the documentation takes from the product each time it is built, so that it cannot go stale.

- a page for every layer of the catalog, written to ``layers/`` before the sources are read, and every notebook of the
  repository, put into ``notebooks/``
- ``{run}``: a command and what it prints, or draws
- ``{conventions}``, ``{memory}``, ``{devices}``, ``{tools}``, ``{networks}``, ``{published}``, ``{evidence}``,
  ``{certificates}``, ``{timing}``, ``{commands}``, ``{docstring}``: what the code, the tables and the reports say
- formulas as MathML, which a browser shows without a script from elsewhere
"""

import inspect
import io
import json
import os
import re
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from fractions import Fraction
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest import mock

import sympy
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator
from typer.main import get_command

import costmodel.layers
import costmodel.networks  # noqa: F401 (both register what they have)
from costmodel import CONVENTIONS, LAYERS, METRICS, Layer
from costmodel.catalog import NETWORKS, said, spoken
from costmodel.claims.published import READINGS, VERDICTS, Found, check, figures
from costmodel.devices import DEVICES, device
from costmodel.insertion import Site, sites_of
from costmodel.ledger import Ledger
from costmodel.memory import DTYPES
from costmodel.memory.autograd import KEPT, Kept
from costmodel.metrics import of_row, total, totals
from costmodel.symbolic import Formula, derive
from costmodel.tools import SPELLINGS, TOOLS
from costmodel_cli.main import app, main
from costmodel_cli.render import duration, si, times

SHAPE = (1, 512, 28, 28)
TOTALS = {"params": "parameters", "macs": "MACs", "fvcore": "fvcore", "arithmetic": "arithmetic"}


# Markdown.


def table(headers: Iterable[str], rows: Iterable[Iterable[object]], numbers: int = 0) -> str:
    """A Markdown table whose last `numbers` columns are right-aligned."""
    headers = list(headers)
    rules = ["---"] * (len(headers) - numbers) + ["---:"] * numbers
    cells = [headers, rules, *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def by(sizes: Iterable[object]) -> str:
    """``1×512×28×28``."""
    return "×".join(map(str, sizes))


def mathematics(formula: Formula) -> str:
    """A formula as one piece of mathematics a term, between which a line can break."""
    text = ""
    for term in formula.terms():
        sign, latex = ("−", term.latex()[1:]) if term.coefficient < 0 else ("+" if text else "", term.latex())
        text += f" {sign} {{math}}`{latex}`"
    return text.strip()


def letter(name: str) -> str:
    """A symbol as mathematics."""
    return f"{{math}}`{sympy.latex(sympy.Symbol(name))}`"


def in_text(formula: Formula) -> str:
    """A formula in text, with line breaks before its signs only."""
    unbroken = re.sub(r" ([+-]) ", " \\1\xa0", f"{formula.metric:10}\xa0=\xa0{formula.text()}")
    return textwrap.fill(unbroken, 76, subsequent_indent=" " * 13).replace("\xa0", " ")


def linked(source: str) -> str:
    """A source with its arXiv numbers as links."""
    return re.sub(r"arXiv:(\d+\.\d+)", r"[arXiv:\1](https://arxiv.org/abs/\1)", source)


def layer_page(layer: Layer) -> str:
    """The page of one layer, as Markdown."""
    derivation = derive(layer, {})
    formulas = [derivation.formula(metric) for metric in METRICS]
    conditions = dict.fromkeys(condition for of in formulas for condition in of.conditions_text())
    functions = {name: meaning for of in formulas for name, meaning in of.functions().items()}
    ledger = layer.run(SHAPE, {})
    shape = "x".join(map(str, SHAPE))

    parts = [f"# `{layer.name}`", inspect.getdoc(layer.program) or "", f"Source: {linked(layer.source)}."]
    parts += ["It takes 2-D and video input." if layer.video else "It takes 2-D input."]
    if layer.options:
        options = (
            (f"`{spoken(o.name)}`", o.accepts, f"`{_value(o.default)}`", letter(o.symbol) if o.symbol else "")
            for o in layer.options.values()
        )
        parts += ["## Options", table(("option", "takes", "default", "in formulas"), options)]

    parts += ["## Formula"]
    parts += [", ".join(f"{letter(name)} {meaning}" for name, meaning in derivation.symbols.items()) + "."]
    parts += [table(("", "in closed form"), ((of.metric, mathematics(of)) for of in formulas))]
    parts += ["```text\n" + "\n".join(map(in_text, formulas)) + "\n```"]
    if conditions:
        exact = f"`costmodel formula {layer.name} --as python` counts exactly wherever the layer is defined."
        parts += [f"These hold if {' and '.join(conditions)}. {exact}"]
    parts += [f"`{name}`: {meaning}" for name, meaning in functions.items()]
    if layer.headline:
        when = " and ".join(f"{name} = {value}" for name, value in layer.headline.when.items())
        of_rows = ", ".join(f"`{name}`" for name in layer.headline.rows)
        parts += [
            f"Its headline is `{layer.headline.expression}` ({layer.headline.source}), which is among the terms of "
            f"what {of_rows} cost in {layer.headline.metric}" + (f", if {when}." if when else ".")
        ]

    parts += [f"## Operations at {by(SHAPE)}"]
    rows = [
        (f"`{row.name}`", row.kind, by(row.output), *(f"{of_row(row, metric):,}" for metric in TOTALS))
        for row in ledger.rows
    ]
    whole = totals(ledger)
    rows.append(("**total**", "", "", *(f"**{whole[metric]:,}**" for metric in TOTALS)))
    parts += [table(("operation", "kind", "output", *TOTALS.values()), rows, numbers=len(TOTALS))]
    parts += [f"As `costmodel cost {layer.name} --shape {shape}` counts them, with every option at its default."]
    return "\n\n".join(parts) + "\n"


def _value(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else "auto" if default is None else str(default)


def write_layer_pages(sphinx: Sphinx) -> None:
    """Write a page for every layer."""
    pages = {f"{name}.md": layer_page(layer) for name, layer in LAYERS.items()}
    write_pages(Path(sphinx.srcdir, "layers"), pages)


def write_notebooks(sphinx: Sphinx) -> None:
    """Put the notebooks, which lie beside the documentation, where Sphinx finds them."""
    notebooks = Path(sphinx.srcdir).parent.glob("notebooks/*.ipynb")
    pages = {path.name: path.read_text(encoding="utf-8") for path in notebooks}
    write_pages(Path(sphinx.srcdir, "notebooks"), pages)


def write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    """Write `pages` into `folder`, and remove those that are gone."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


# Directives.


class Markdown(SphinxDirective):
    """A directive that stands for Markdown made at build time."""

    optional_arguments = 1
    final_argument_whitespace = True

    def markdown(self) -> str:
        """The text that this directive stands for."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse the text where the directive stands, at every build: what it is made from is no source of the page."""
        self.env.note_reread()
        return self.parse_text_to_nodes(self.markdown(), allow_section_headings=True)


def console(command: str, folder: Path | None = None) -> str:
    """A command line of `costmodel`, run in `folder`, and what it prints on a terminal of 80 columns.

    In this process, which has imported all of it, and derives no formula twice.
    """
    terminal = mock.patch.dict(os.environ, {"COLUMNS": "80", "NO_COLOR": "1"})
    out, err = io.StringIO(), io.StringIO()
    with terminal, chdir(folder or Path.cwd()), redirect_stdout(out), redirect_stderr(err):
        status = main(shlex.split(command)[1:])
    if status:
        raise RuntimeError(f"{command}: exit {status}: {err.getvalue()}")
    return f"```console\n$ {command}\n{out.getvalue().rstrip()}\n```"


class Run(Markdown):
    """``{run} costmodel …``: the command line, what it prints, and the figure that it draws."""

    def markdown(self) -> str:
        """A console block, and an image."""
        command = self.arguments[0]
        folder = Path(self.env.srcdir, "figures")
        folder.mkdir(exist_ok=True)
        drawn = re.search(r" -o ([\w-]+\.png)$", command)
        return console(command, folder) + (f"\n\n![{command}](/figures/{drawn[1]})" if drawn else "")


class Commands(Markdown):
    """Every command of the command line with its own help."""

    def markdown(self) -> str:
        """A section a command."""
        programs = ["costmodel", *(f"costmodel {name}" for name in vars(get_command(app))["commands"])]
        return "\n\n".join(f"## `{program}`\n\n{console(f'{program} --help')}" for program in programs)


class Conventions(Markdown):
    """The readings of a ledger."""

    def markdown(self) -> str:
        """What each counts, and its weights."""
        readings = table(
            ("convention", "counts", "equals"), ((f"`{c.name}`", c.counts, c.equals) for c in CONVENTIONS.values())
        )
        weighing = [c for c in CONVENTIONS.values() if c.arithmetic is not None]
        kinds = dict.fromkeys(kind for c in weighing for kind in c.arithmetic or ())
        weights = table(
            ("one", *(f"`{c.name}`" for c in weighing)),
            ((f"`{kind}`", *((c.arithmetic or {})[kind] for c in weighing)) for kind in kinds),
            numbers=len(weighing),
        )
        parts = ["## What each one counts", readings, "## Weights of each kind of arithmetic", weights]
        for convention in CONVENTIONS.values():
            if convention.operations is not None:
                rows = ((f"`{kind}`", _weights(weights)) for kind, weights in convention.operations.items())
                parts += [f"## What `{convention.name}` counts of each operation", table(("operation", "counts"), rows)]
        return "\n\n".join(parts)


def _weights(weights: Any) -> str:
    per = {"input": "element of the input", "output": "element of the output"}
    return ", ".join(f"{weight} per {per.get(quantity, quantity)}" for quantity, weight in weights.items()) or "nothing"


class Memory(Markdown):
    """What operations keep for backward."""

    def markdown(self) -> str:
        """What is kept, and the operations that keep it."""
        kinds: dict[str, list[str]] = {}
        for kind, kept in KEPT.items():
            kinds.setdefault(keeps(kept), []).append(f"`{kind}`")
        return table(("keeps", "operations"), ((words, ", ".join(of)) for words, of in kinds.items()))


def keeps(kept: Kept) -> str:
    """``its input and a mean and a deviation of each channel``."""
    parts = []
    if len(kept.inputs) > 1:
        parts.append("each factor" + ", if the other one requires a gradient" * kept.crosswise)
    elif kept.inputs:
        parts.append("its input" + ", if its weights require a gradient" * kept.crosswise)
    parts += ["its output"] * kept.output + ["the place of each maximum"] * kept.places
    if kept.statistics:
        of = {1: "channel", 2: "vector that it normalises"}[kept.statistics]
        parts.append(f"a mean and a deviation of each {of}")
    return " and ".join(parts) or "nothing"


class Devices(Markdown):
    """The devices that come with the package."""

    def markdown(self) -> str:
        """Their peaks and memory side by side, and every figure of each with its source."""
        known = [device(name) for name in DEVICES]
        peaks = (
            (f"`{d.name}`", *(f"{si(d.matrix[t])} / {si(d.vector[t])}" if t in d.vector else "" for t in DTYPES))
            for d in known
        )
        memory = (
            (
                f"`{d.name}`",
                "; ".join(f"{level.name}: {level.bytes:,}, {si(level.bandwidth)}B/s" for level in d.levels),
                f"{int(d.launch * 10**9):,} ns" if d.launch else "not known",
            )
            for d in known
        )
        parts = [
            "### Side by side",
            table(("FLOP/s of matrix / vector units", *DTYPES), peaks, numbers=len(DTYPES)),
            table(("device", "bytes and bandwidth of each level of memory", "launch"), memory, numbers=1),
        ]
        for each in known:
            by_source: dict[str, list[str]] = {}
            for figure, source in each.sources.items():
                by_source.setdefault(source, []).append(f"`{figure}`")
            rows = ((", ".join(figures_), source) for source, figures_ in by_source.items())
            parts += [f"### `{each.name}`: {each.title}", table(("figures", "from"), rows)]
        return "\n\n".join(parts)


class Tools(Markdown):
    """Other people's counters."""

    def markdown(self) -> str:
        """What each looks at, how far they are apart, and what each counts of every call that it counts."""
        readings = table(
            ("tool", "version", "reports", "what it does", "its rules"),
            ((f"`{t.name}`", f"{t.package} {t.version}", t.unit, t.how, t.source) for t in TOOLS.values()),
        )
        parts = ["## What each one does", readings, f"## How far they are apart, at {by(SHAPE)}"]
        for spelling, example in SPELLINGS.items():
            apart = (self.apart(name, layer.run(SHAPE, {}), spelling) for name, layer in LAYERS.items())
            headers = ("layer", "least", "most", "nothing at all", "not predicted")
            parts += [f"### Written as {spelling}: `{example}`", table(headers, apart)]
        for tool in TOOLS.values():
            rows = (
                (f"`{call}`", rule.words(SHAPE[0]) if rule.weighs else f"nothing: {rule.note}")
                for call, rule in tool.rules.items()
            )
            rest = ("every other", f"nothing: {tool.blind}")
            parts += [f"## What `{tool.name}` counts", table(("call", "counts"), [*rows, rest])]
        return "\n\n".join(parts)

    def apart(self, name: str, ledger: Ledger, spelling: str) -> tuple[str, ...]:
        """The least and the most that is reported of a layer, as multiples of its MACs."""
        said = {tool.name: tool.read(ledger, spelling, SHAPE[0]).total for tool in TOOLS.values()}
        ends = []
        for end in (min, max):
            told = end(filter(None, said.values()))
            tellers = ", ".join(f"`{tool}`" for tool, count in said.items() if count == told)
            ends.append(f"{times(told, total(ledger, 'macs'))} {tellers}")
        none, silent = (", ".join(f"`{tool}`" for tool, count in said.items() if count == value) for value in (None, 0))
        return (f"`{name}`", *ends, silent, none)


READ = {"read": "Read at the source.", "quoted": "Quoted as commonly cited, which is a claim to test."}


class Networks(Markdown):
    """The networks of the catalog."""

    def markdown(self) -> str:
        """What each was made for, its options, and where a layer can stand in it."""
        rows = (
            (
                f"`{network.name}`",
                network.source,
                by(network.input or ()),
                ", ".join(f"`{spoken(o.name)}={said(o.default)}`" for o in network.options.values()),
                _places(sites_of(network, network.resolve({}))),
            )
            for network in sorted(NETWORKS.values(), key=lambda network: network.name)
        )
        return table(("network", "source", "made for", "options and defaults", "places"), rows)


def _places(sites: Iterable[Site]) -> str:
    """``res4`` 1 to 6: branch, after, between; head: after."""
    found = []
    for stage, group in groupby(sites, key=lambda site: site.stage):
        here = list(group)
        last = max(site.block for site in here)
        where = ", ".join(dict.fromkeys(site.where for site in here))
        found.append(f"`{stage}`{f' 1 to {last}' if last else ''}: {where}")
    return "; ".join(found)


class Published(Markdown):
    """The figures that papers and model zoos print, counted again."""

    def markdown(self) -> str:
        """How many come out how, what the readings are, and every figure, by its source."""
        found = check(figures())
        if different := [f"{each.figure.source}: {each.figure.model}" for each in found if not each.agrees]:
            raise RuntimeError(f"published figures do not come out as recorded: {', '.join(different)}")
        totals = Counter(each.verdict for each in found)
        parts = [
            table(("verdict", "that is", "figures"), ((v, VERDICTS[v], totals[v]) for v in VERDICTS), numbers=1),
            "## Readings",
            table(("reading", "what is counted"), ((f"`{reading.name}`", reading.says) for reading in READINGS)),
        ]
        for source, group in groupby(found, key=lambda each: each.figure.source):
            rows = list(group)
            headers = ("model", "setting; convention", "metric", "printed", "ours", "verdict", "what is counted")
            parts += [f"## {source}", READ[rows[0].figure.status], table(headers, map(published_row, rows))]
        return "\n\n".join(parts)


def published_row(found: Found) -> tuple[str, ...]:
    """One figure: as it is printed, and as we count it."""
    figure = found.figure
    verdict = {
        "reproduced": "reproduced",
        "reading": " and ".join(f"`{reading.name}`" for reading in found.readings),
        "miss": f"**off** {found.difference}",
        "scope": f"out of scope: {figure.scope}",
    }[found.verdict]
    others = " or ".join(" and ".join(f"`{reading.name}`" for reading in each) for each in found.as_simple)
    said = "; ".join(filter(None, (verdict, others and f"or as well {others}", figure.note)))
    counted = "; ".join(f"`{text.strip()}`" for text in figure.asks.split(";")) if figure.asks else ""
    if any(reading.question == "asks" for reading in found.readings):
        counted += f"; {figure.otherwise.partition(':')[0]}: `{figure.otherwise.partition(':')[2].strip()}`"
    at = f", at {by(figure.shape)}" if figure.asks else ""
    setting = "; ".join(filter(None, (figure.setting, figure.convention)))
    theirs = (re.sub(r"([*_`<>\[\]])", r"\\\1", text) for text in (figure.model, setting, figure.metric, figure.value))
    return (*theirs, found.ours, said, counted + at)


class Docstring(Markdown):
    """``{docstring} module``: the docstring of a module of the library."""

    def markdown(self) -> str:
        """The docstring, which is Markdown enough."""
        return inspect.getdoc(import_module(self.arguments[0])) or ""


PROOFS = "proofs.json"
"""What ``costmodel validate --prove --report`` wrote into ``evidence/``."""


class Evidence(Markdown):
    """The reports of ``costmodel validate --report`` that lie in ``evidence/``."""

    def markdown(self) -> str:
        """A section a report."""
        reports = [(name, report) for name, report in reports_in(Path(self.env.srcdir)) if not is_timing(report)]
        if not reports:
            return "No report lies in `docs/evidence/` yet: `costmodel validate --report FILE` writes one."
        return "\n\n".join(evidence_section(name, report) for name, report in reports)


def reports_in(sources: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every report in ``evidence/`` but that of the proofs; of one that has several parts, each of them."""
    for path in sorted(path for path in Path(sources, "evidence").glob("*.json") if path.name != PROOFS):
        report = json.loads(path.read_text(encoding="utf-8"))
        yield from ((path.stem, part) for part in ([report] if "date" in report else report.values()))


def is_timing(report: Mapping[str, Any]) -> bool:
    """Whether ``costmodel validate --time`` wrote it."""
    return report.get("kind") == "time"


def evidence_section(name: str, report: dict[str, Any]) -> str:
    """One report, by layer and oracle."""
    comparisons = report["comparisons"]
    oracles = sorted({comparison["oracle"] for comparison in comparisons})
    made = Counter((comparison["layer"], comparison["oracle"]) for comparison in comparisons)
    equal = Counter((comparison["layer"], comparison["oracle"]) for comparison in comparisons if comparison["equal"])
    layers = sorted({comparison["layer"] for comparison in comparisons})
    held = {who: f"{equal[who]:,} of {count:,}" for who, count in made.items()}
    rows = ((f"`{layer}`", *(held.get((layer, oracle), "") for oracle in oracles)) for layer in layers)
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    device = report["device"]
    parts = [
        f"## {name}",
        f"{report['passed']:,} comparisons equal, {report['failed']:,} not; {report['date']}, on {device['name']} "
        f"({device['type']}); {versions}.",
        table(("layer", *oracles), rows, numbers=len(oracles)),
        "\n".join(f"- **{oracle}** counts {counts}" for oracle, counts in report["oracles"].items()),
    ]
    if report["not_covered"]:
        parts += ["Not covered by any comparison:", "\n".join(f"- {item}" for item in report["not_covered"])]
    return "\n\n".join(parts)


class Certificates(Markdown):
    """The report of ``costmodel validate --prove --report``."""

    def markdown(self) -> str:
        """What is proved of every layer and by whom, for which sizes, and what is not."""
        report = json.loads(Path(self.env.srcdir, "evidence", PROOFS).read_text(encoding="utf-8"))
        layers: dict[str, list[dict[str, Any]]] = {}
        for certificate in report["certificates"]:
            layers.setdefault(certificate["layer"], []).append(certificate)
        versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
        counts = ("layer", "over symbols", "on a lattice", "by fvcore", "training", "refuted", "sampled")
        domains = (
            ("layer", "at its defaults", "of some options", "also with"),
            map(proved_domain, layers, layers.values()),
        )
        compared = (("layer", "compared", "passed over"), map(compared_operators, layers, layers.values()))
        return "\n\n".join(
            [
                f"{report['proved']:,} proved, {report['refuted']:,} refuted, {report['sampled']:,} sampled; "
                f"{report['date']}; {versions}.",
                table(counts, map(proved_counts, layers, layers.values()), numbers=6),
                "### For which sizes",
                table(*domains),
                "### Which operators",
                table(*compared),
                "### Not proved",
                "\n".join(dict.fromkeys(f"- `{c['layer']}` by {c['oracle']}: {c['reason']}" for c in unproved(report))),
            ]
        )


def unproved(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The certificates that are none: sampled."""
    return [certificate for certificate in report["certificates"] if certificate["method"] == "sampled"]


def proved_counts(name: str, certificates: list[dict[str, Any]]) -> tuple[str, ...]:
    """How many combinations of options are proved how."""
    proved = Counter((oracle_of(c), c["method"]) for c in certificates if c["holds"])
    sampled = sum(c["method"] == "sampled" for c in certificates)
    refuted = len(certificates) - sum(c["holds"] for c in certificates) - sampled
    ours, lattice = proved["ATen", "symbolic"], proved["ATen", "lattice"]
    training = proved["FlopCounterMode", "symbolic"] + proved["FlopCounterMode", "lattice"]
    counts = ours, lattice, proved["fvcore", "lattice"], training, refuted, sampled
    return (f"`{name}`", *(f"{count:,}" for count in counts))


def oracle_of(certificate: Mapping[str, Any]) -> str:
    """``ATen``, ``fvcore`` or ``FlopCounterMode``."""
    return str(certificate["oracle"]).split(maxsplit=1)[0]


def proved_domain(name: str, certificates: list[dict[str, Any]]) -> tuple[str, ...]:
    """The conditions of the proof without fvcore at the defaults, and those that other options add."""
    mine = [c for c in certificates if c["holds"] and oracle_of(c) == "ATen"]
    base: list[str] = next((c["domain"] for c in mine if not c["options"]), [])
    numbers: dict[str, list[str]] = {}
    others: dict[str, None] = {}
    for certificate in mine:
        integers = {option: value for option, value in certificate["options"].items() if type(value) is int}
        for option, value in integers.items():
            numbers.setdefault(spoken(option), []).append(str(value))
        others |= dict.fromkeys(c for c in certificate["domain"] if not integers and c not in base)
    also = "; ".join(f"{option} = {', '.join(dict.fromkeys(values))}" for option, values in numbers.items())
    return (f"`{name}`", ", ".join(base) or "nothing", ", ".join(others), also)


def compared_operators(name: str, certificates: list[dict[str, Any]]) -> tuple[str, ...]:
    """The operators that are compared over symbols, and those that compute nothing."""
    mine = [c for c in certificates if c["holds"] and oracle_of(c) == "ATen"]
    compared = sorted({operator for c in mine for operator in c["compared"]})
    ignored = sorted({operator for c in mine for operator in c["ignored"]})
    return (f"`{name}`", ", ".join(compared) or "nothing", ", ".join(f"`{operator}`" for operator in ignored))


class Timing(Markdown):
    """The newest report of ``costmodel validate --time --report`` of every device."""

    def markdown(self) -> str:
        """A section a device."""
        newest: dict[str, dict[str, Any]] = {}
        for report in (report for _, report in reports_in(Path(self.env.srcdir)) if is_timing(report)):
            where = " ".join(report["device"][key] for key in ("type", "name", "threads"))
            newest[where] = max(newest.get(where, report), report, key=lambda report: str(report["date"]))
        if not newest:
            return "No report lies in `docs/evidence/` yet: `costmodel validate --time --report FILE` writes one."
        return "\n\n".join(map(timing_section, newest.values()))


def timing_section(report: dict[str, Any]) -> str:
    """What layers took beside their bounds, by dtype and shape; in which order; where they cross."""
    where, profile = report["device"], report["profile"]
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    measured = "was measured just before" if profile["measured"] else "is as given"
    parts = [
        f"## {profile['title']}",
        f"{report['passed']:,} no faster than their bounds, {report['failed']:,} faster; {report['date']}, on "
        f"{where['name']} ({where['type']}), {where['threads']} threads; {versions}. What it can do {measured}.",
    ]
    if report["disturbed"]:
        parts += [f"Other work was in the way: {report['disturbed']:,} medians are at least twice the best run."]
    for dtype, group in groupby(report["cases"], key=lambda case: str(case["dtype"])):
        cases = {(case["layer"], by(case["shape"])): case for case in group}
        shapes = list(dict.fromkeys(shape for _, shape in cases))
        layers = list(dict.fromkeys(layer for layer, _ in cases))
        rows = ((f"`{layer}`", *(timing_cell(cases.get((layer, shape))) for shape in shapes)) for layer in layers)
        parts += [f"### In {dtype}: the median, its multiple of the bound, what bounds it"]
        parts += [table(("layer", *shapes), rows, numbers=len(shapes))]
    for title, name in (("The order of layers", "order"), ("Crossovers", "crossovers")):
        parts += [f"### {title}", "\n".join(f"- {each['says']}." for each in report[name])] if report[name] else []
    return "\n\n".join([*parts, "Not covered:", "\n".join(f"- {item}" for item in report["not_covered"])])


def timing_cell(case: Mapping[str, Any] | None) -> str:
    """``3.62 ms, 5.4×, matrix``, which stands out if it is faster than its bound."""
    if case is None:
        return ""
    words = f"{duration(Fraction(case['median_us']) / 10**6)}, {case['ratio']:,g}×, {next(iter(case['bound_by']))}"
    return words if case["holds"] else f"**{words}**"


# The library reference.


def skip_bare_field(sphinx: Sphinx, what: str, name: str, member: object, skip: bool, options: object) -> bool | None:  # noqa: ARG001
    """Leave out the fields of which only Python says something; the signature has their names and types."""
    return True if str(getattr(member, "__doc__", "")).startswith("Alias for field number") else None


# Mathematics.


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write mathematics within a line."""
    self.body.append(tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write mathematics on a line of its own."""
    self.body.append(tex2mathml(node.astext(), as_block=True))
    raise nodes.SkipNode


def setup(sphinx: Sphinx) -> dict[str, bool]:
    """Register all of it."""
    sphinx.setup_extension("sphinx.ext.autodoc")
    sphinx.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    sphinx.connect("builder-inited", write_layer_pages)
    sphinx.connect("builder-inited", write_notebooks)
    sphinx.connect("autodoc-skip-member", skip_bare_field)
    made = (
        Run,
        Commands,
        Conventions,
        Memory,
        Devices,
        Tools,
        Networks,
        Published,
        Docstring,
        Evidence,
        Certificates,
        Timing,
    )
    for directive in made:
        sphinx.add_directive(directive.__name__.lower(), directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
