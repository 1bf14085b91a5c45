"""The command line: commands, their options, and what becomes of errors."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from costmodel.catalog import LAYERS, NETWORKS, spoken
from costmodel.devices import DEVICES as DEVICE_NAMES
from costmodel.dimension import CostModelError
from costmodel.memory import DTYPES
from costmodel.metrics import ASKED
from costmodel_cli import reading
from costmodel_cli.exit_codes import Exit, Unchecked
from costmodel_cli.page import printed_at_once
from costmodel_cli.reading import AXES, DEVICES, FIGURES, FORMS


class _AsTyped:
    """Takes a parameter as the text that was typed: every one is read in `reading`, with its own errors."""

    def coerce(self, value: Any, **_: Any) -> Any:
        return list(value) if isinstance(value, tuple) else value


def _unconverted(parameters: list[Any]) -> list[Any]:
    # Typer ≥ 0.29 converts even text by a library whose import takes longer than the rest of this program, and has
    # no public way around it; other versions do not look at this attribute.
    for parameter in parameters:
        parameter._runtime_param = _AsTyped()  # noqa: SLF001
    return parameters


class _Command(TyperCommand):
    """A command whose parameters are texts and flags, taken as typed."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, without conversion."""
        return _unconverted(super().get_params(ctx))


class _Group(TyperGroup):
    """The tool itself; its parameters are flags."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, without conversion."""
        return _unconverted(super().get_params(ctx))


app = typer.Typer(
    name="costmodel",
    cls=_Group,
    help="What an attention module costs: exact, at a shape or as a formula.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _complete(words: Iterable[str]) -> Callable[[str], list[str]]:
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def _complete_network(incomplete: str) -> list[str]:
    import costmodel.networks  # noqa: F401  (puts them into the catalog; nothing else here needs them)

    return _complete(sorted(NETWORKS))(incomplete)


def _complete_option(context: typer.Context, incomplete: str) -> list[str]:
    """``reduction=`` of the layer that stands before, and every value of an option that has a few."""
    # While a value is missing after -p, the layer is still among the arguments that no parameter has.
    given = [context.params.get("layer"), context.params.get("name"), *context.args]
    if not any(word in LAYERS for word in given):
        _complete_network("")
    layer = next((known[word] for known in (LAYERS, NETWORKS) for word in given if word in known), None)
    words: list[str] = []
    for option in layer.options.values() if layer else ():
        values = option.choices or (("true", "false") if isinstance(option.default, bool) else ("",))
        words += [f"{spoken(option.name)}={value}" for value in values]
    return [word for word in words if word.startswith(incomplete)]


def _complete_spelling(incomplete: str) -> list[str]:
    from costmodel.tools import SPELLINGS

    return _complete(SPELLINGS)(incomplete)


def _example(command: str) -> str:
    # \b keeps the line as it is, so that it can be copied.
    return f"\b\nExample:\n  {command}"


_layers = _complete(sorted(LAYERS))


def _complete_subject(incomplete: str) -> list[str]:
    return _layers(incomplete) or _complete_network(incomplete)


Layer = Annotated[
    str, typer.Argument(metavar="LAYER", autocompletion=_complete_subject, help="A layer, as 'list' names it.")
]
Shape = Annotated[
    str, typer.Option("--shape", "-s", metavar="S", help="1x512x28x28 (NxCxHxW), or five numbers for video.")
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "-p",
        "--option",
        metavar="NAME=VALUE",
        autocompletion=_complete_option,
        help="An option of the layer; repeatable.",
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        metavar="DTYPE", autocompletion=_complete(DTYPES), help="Of a metric in bytes or time; fp32 unless given."
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--device-profile",
        metavar="DEVICE",
        autocompletion=_complete(DEVICE_NAMES),
        help="Of a metric in time: h200, or a .toml file that 'calibrate' wrote.",
    ),
]
More = Annotated[
    list[str] | None,
    typer.Option(
        "--metric", metavar="METRIC", autocompletion=_complete(ASKED), help="Told too, as peak-bytes; repeatable."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON; its integers are exact.")]


def _version(asked: bool) -> None:
    if asked:
        from costmodel import __version__

        print(f"costmodel {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 (its callback is all it does)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What an attention module costs: exact, at a shape or as a formula."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command("list", cls=_Command, epilog=_example("costmodel list"))
def list_layers(as_json: Json = False) -> None:
    """List the layers and networks, their options and sources."""
    from costmodel_cli import list_layers as command

    command.run(as_json=as_json)


@app.command(cls=_Command, epilog=_example("costmodel cost cbam --shape 1x256x56x56 -p reduction=8"))
def cost(
    layer: Layer,
    shape: Shape,
    option: Options = None,
    metric: More = None,
    dtype: Dtype = None,
    device_profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Count a layer at a shape, operation by operation."""
    from costmodel_cli import cost as command

    command.run(layer, shape, option or [], reading.more(metric or [], dtype, device_profile), as_json=as_json)


@app.command(
    cls=_Command,
    epilog=_example("costmodel compare se se:reduction=4 cbam non-local --shape 1x512x28x28"),
    short_help="Count layers side by side, in multiples of a baseline.",
)
def compare(
    layers: Annotated[
        list[str],
        typer.Argument(
            metavar="LAYER...", autocompletion=_complete_subject, help="Layers; se:reduction=4,bias=true sets options."
        ),
    ],
    shape: Shape,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER",
            autocompletion=_complete_subject,
            help="What the others are multiples of: conv, or the first where a network is among them, unless given.",
        ),
    ] = None,
    metric: More = None,
    dtype: Dtype = None,
    device_profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Count layers side by side, each as a multiple of the 3x3 convolution there."""
    from costmodel_cli import compare as command

    command.run(layers, shape, baseline, reading.more(metric or [], dtype, device_profile), as_json=as_json)


@app.command(
    cls=_Command,
    epilog=_example("costmodel formula non-local --metric macs --shape 1x512x28x28"),
)
def formula(
    layer: Layer,
    option: Options = None,
    metric: Annotated[
        str | None,
        typer.Option(metavar="METRIC", autocompletion=_complete(ASKED), help="One metric; all of them unless given."),
    ] = None,
    dtype: Dtype = None,
    device_profile: Profile = None,
    form: Annotated[
        str, typer.Option("--as", metavar="FORM", autocompletion=_complete(FORMS), help="text, latex, python or json.")
    ] = "text",
    shape: Annotated[
        str | None, typer.Option("--shape", "-s", metavar="S", help="Also the value and share of each term here.")
    ] = None,
    video: Annotated[bool, typer.Option("--video", help="For video input, with T frames.")] = False,
    as_json: Json = False,
) -> None:
    """Give a layer's cost in closed form, for all sizes.

    An integer option that has a letter is left open unless -p sets it.
    """
    from costmodel_cli import formula as command

    chosen = None if metric is None else reading.metric(metric, dtype, device_profile)
    command.run(layer, option or [], chosen, form, shape, video=video, as_json=as_json)


@app.command(
    cls=_Command,
    epilog=_example("costmodel network resnet50 --with cbam --at res4:last,res5"),
    short_help="Count a network by stage, with layers inserted.",
)
def network(
    name: Annotated[
        str, typer.Argument(metavar="NETWORK", autocompletion=_complete_network, help="A network, as 'list' names it.")
    ],
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="LAYER",
            autocompletion=_layers,
            help="A layer to insert, such as se:reduction=8, or a torch module of yours; repeatable.",
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACES",
            help="Where: stages, stage:blocks or stage:blocks@where, as res4:last,res5 or all:even@after; once for all "
            "layers or once for each. Its paper's places unless given.",
        ),
    ] = None,
    option: Options = None,
    shape: Annotated[
        str | None, typer.Option("--input", "-i", metavar="S", help="1x3x224x224, or what the network was made for.")
    ] = None,
    metric: More = None,
    dtype: Dtype = None,
    device_profile: Profile = None,
    formula: Annotated[bool, typer.Option("--formula", help="Closed forms in N, H and W instead.")] = False,
    as_json: Json = False,
) -> None:
    """Count a network by stage: what it is made of, and what the layers inserted add.

    A place is inner (in a block's bottleneck), branch (before its addition), after a block or between stages; blocks
    are all, first, last, even, odd, or numbers such as 2+4-6.
    """
    from costmodel_cli import network as command

    asked = reading.more(metric or [], dtype, device_profile)
    command.run(name, with_ or [], at or [], option or [], shape, asked, formula=formula, as_json=as_json)


@app.command(
    cls=_Command,
    epilog=_example("costmodel place se cbam --network resnet50 --limit 'macs<=1.01x' --limit 'params<=1.05x'"),
    short_help="Find where a layer fits into a network within a budget.",
)
def place(
    layers: Annotated[
        list[str],
        typer.Argument(
            metavar="LAYER...", autocompletion=_layers, help="Layers; se:reduction=4 fixes what would be tried."
        ),
    ],
    network: Annotated[
        str, typer.Option(metavar="NETWORK", autocompletion=_complete_network, help="resnet50, or resnet50:variant=v1.")
    ],
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIMIT",
            help="The most of a metric, as a number or a multiple: macs<=1.05x, params<=30e6; repeatable.",
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="PLACES", help="Where at most, as res4,res5; every block unless given.")
    ] = None,
    try_: Annotated[
        list[str] | None,
        typer.Option(
            "--try",
            metavar="NAME=VALUES",
            help="Values of an option, as reduction=4,8,16 or kernel=3:9:2; usual ones unless given. Repeatable.",
        ),
    ] = None,
    against: Annotated[
        str, typer.Option(metavar="blocks|positions", help="What is wanted much of: attended blocks, or positions.")
    ] = "blocks",
    shape: Annotated[
        str | None, typer.Option("--input", "-i", metavar="S", help="1x3x224x224, or what the network was made for.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Also draw them: a file ending in .png, .svg or .pdf."),
    ] = None,
    whole: Annotated[bool, typer.Option("--all", help="All that fit, not only those that nothing beats.")] = False,
    as_json: Json = False,
) -> None:
    """Find where a layer fits into a network within a budget, and which insertions nothing beats.

    A candidate is one layer, with one value for each of its options, in some number of the blocks of each stage.
    Exits 1 if none fits.
    """
    from costmodel_cli import place as command

    raise typer.Exit(
        command.run(layers, network, limit or [], at, try_ or [], against, shape, output, whole=whole, as_json=as_json)
    )


@app.command(
    cls=_Command,
    epilog=_example("costmodel explain se --shape 1x512x28x28 --spelling methods"),
    short_help="Say what other counters report of a layer, and why.",
)
def explain(
    layer: Layer,
    shape: Shape,
    option: Options = None,
    spelling: Annotated[
        str,
        typer.Option(
            metavar="SPELLING",
            autocompletion=_complete_spelling,
            help="modules, functions or methods: as torch has it.",
        ),
    ] = "modules",
    as_json: Json = False,
) -> None:
    """Say what other counters report of a layer, and which of its operations they count.

    Most of them count by spelling, such as nn.ReLU, F.relu or x.relu(). Needs none of them installed.
    """
    from costmodel_cli import explain as command

    command.run(layer, shape, option or [], spelling, as_json=as_json)


@app.command(
    cls=_Command,
    epilog=_example(
        "costmodel derive costmodel.validate.references.non_local:NonLocal --init channels=64 --input 2x64x28x28"
    ),
    short_help="Give the formula of any torch module.",
)
def derive(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="package.module:Name or path/file.py:Name, a class or a factory.")
    ],
    shape: Annotated[str, typer.Option("--input", metavar="S", help="One input that it takes, such as 2x64x28x28.")],
    init: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An argument of its constructor, a Python literal; repeatable."),
    ] = None,
    allow_uncounted: Annotated[
        bool, typer.Option("--allow-uncounted", help="Exit 0 though operators ran that nobody counts.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Give the cost of a torch module in closed form, for inputs of all sizes; needs torch.

    TARGET is imported, which runs its code as Python would. Nothing is computed: it runs on shapes of symbols.
    """
    from costmodel_cli import derive as command

    raise typer.Exit(command.run(target, shape, init or [], allow_uncounted=allow_uncounted, as_json=as_json))


Metric = Annotated[str, typer.Option(metavar="METRIC", autocompletion=_complete(ASKED), help="What is compared.")]
Over = Annotated[
    str,
    typer.Option(
        metavar="V", autocompletion=_complete(AXES), help="side (H=W), h, w, p (positions), n, c, t or an option."
    ),
]
At = Annotated[
    list[str] | None, typer.Option(metavar="SIZES", help="Sizes that stay fixed, such as c=512,side=28; repeatable.")
]


@app.command(cls=_Command, epilog=_example("costmodel crossover danet-pam danet-cam --over p --at c=512"))
def crossover(
    a: Annotated[
        str, typer.Argument(metavar="A", autocompletion=_complete_subject, help="A layer; se:reduction=4 sets options.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", autocompletion=_complete_subject, help="Another.")],
    over: Over,
    at: At = None,
    metric: Metric = "macs",
    dtype: Dtype = None,
    device_profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Find where one layer becomes cheaper than another, exactly.

    Sizes that --at leaves out stay open, and the answer is in them.
    """
    from costmodel_cli import crossover as command

    command.run(a, b, over, at or [], reading.metric(metric, dtype, device_profile), as_json=as_json)


@app.command(cls=_Command, epilog=_example("costmodel fit non-local --over side --limit 5e9 --at c=512"))
def fit(
    layer: Layer,
    over: Over,
    limit: Annotated[
        str, typer.Option(metavar="LIMIT", help="The most it may cost: 5e9; in bytes 16GiB; in time 1.5ms.")
    ],
    option: Options = None,
    at: At = None,
    metric: Metric = "macs",
    dtype: Dtype = None,
    device_profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Find the largest size at which a layer fits a budget."""
    from costmodel_cli import fit as command

    command.run(
        layer, option or [], over, at or [], reading.metric(metric, dtype, device_profile), limit, as_json=as_json
    )


@app.command(
    cls=_Command,
    epilog=_example("costmodel plot map danet-pam sparse-attention conv -o map.png"),
    short_help="Draw curves, a map, a ratio or the terms, into a file.",
)
def plot(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="curves|map|ratio|terms", autocompletion=_complete(FIGURES), help="What is drawn, as above."
        ),
    ],
    layers: Annotated[
        list[str],
        typer.Argument(
            metavar="LAYER...", autocompletion=_complete_subject, help="Layers; se:reduction=4 sets options."
        ),
    ],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Ending in .png, .svg or .pdf.")],
    over: Annotated[
        list[str] | None,
        typer.Option(
            metavar="V[=VALUES]",
            help="What varies, and from:to:step or a list; a map and a ratio have two. side, and c, unless given.",
        ),
    ] = None,
    at: At = None,
    metric: Metric = "macs",
    dtype: Dtype = None,
    device_profile: Profile = None,
) -> None:
    """Draw what layers cost, with the exact places where they cross; needs matplotlib.

    \b
    curves  cost against one variable, with the crossings marked
    map     which layer is cheapest over two variables
    ratio   how many times dearer the first of two layers is, over two variables
    terms   what each term of a layer's formula is of its cost, over one variable
    """  # noqa: D301 (the mark that keeps the lines below it as they are)
    from costmodel_cli import plot as command

    command.run(kind, layers, over or [], at or [], reading.metric(metric, dtype, device_profile), output)


@app.command(
    cls=_Command,
    epilog=_example("costmodel claims danet"),
    short_help="Check sentences and figures of papers.",
)
def claims(
    names: Annotated[list[str] | None, typer.Argument(metavar="[CLAIM]...", help="Claims; all unless given.")] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Check the claims of this TOML file instead.")
    ] = None,
    published: Annotated[
        bool,
        typer.Option("--published", help="Count figures of papers again instead; CLAIM is then a source or a model."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check sentences of papers, as propositions about costs, or the figures that they print."""
    from costmodel_cli import claims as command

    raise typer.Exit(command.run(names or [], file, published=published, as_json=as_json))


@app.command(
    cls=_Command,
    epilog=_example("costmodel check budget.toml"),
    short_help="Check assertions on formulas and budgets.",
)
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Assertions, as TOML.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORM",
            autocompletion=_complete(("table", "json", "junit", "github")),
            help="table, json, junit or github (workflow annotations).",
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write that form to FILE, and print the table.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check assertions on formulas and budgets: proved over their domain, or evaluated at every point of it.

    Where a check derives the formula of a torch module, that module's code is run; nothing else in FILE is.
    """
    from costmodel_cli import check as command

    raise typer.Exit(command.run(file, form, output, as_json=as_json))


@app.command(
    cls=_Command,
    epilog=_example("costmodel validate cbam non-local --report report.json"),
    short_help="Hold the counts against real torch modules.",
)
def validate(
    layers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LAYER]...", autocompletion=_layers, help="Layers and networks; all layers unless given."
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(metavar="auto|cpu|cuda", autocompletion=_complete(DEVICES), help="Where the torch modules run."),
    ] = "auto",
    report: Annotated[str | None, typer.Option(metavar="FILE", help="Write every comparison to FILE, as JSON.")] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Prove the counts for all sizes instead, on no device; some minutes.")
    ] = False,
    networks: Annotated[bool, typer.Option("--networks", help="All networks; a minute or two.")] = False,
    memory: Annotated[
        bool, typer.Option("--memory", help="Hold memory and training against them instead; a minute, without fvcore.")
    ] = False,
    time: Annotated[
        bool,
        typer.Option("--time", help="Time them instead, beside their bounds; some minutes, the machine to itself."),
    ] = False,
    dtype: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DTYPE", autocompletion=_complete(DTYPES), help="What is timed; the usual ones unless told."
        ),
    ] = None,
    device_profile: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.toml",
            autocompletion=_complete(DEVICE_NAMES),
            help="What bounds the time: as 'calibrate' wrote it, which is done first unless given.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold the counts against real torch modules, as integers; needs torch and fvcore.

    --memory and --time may be asked for together, and then one report has both.
    """
    if prove and (memory or time or networks):
        raise CostModelError("--prove is a check by itself, of layers: leave out --memory, --time and --networks")
    if (dtype or device_profile is not None) and not time:
        raise CostModelError("--dtype and --device-profile are for --time")
    if prove:
        from costmodel_cli import prove as proofs

        raise typer.Exit(proofs.run(layers or [], report, as_json=as_json))
    from costmodel_cli import validate as command

    raise typer.Exit(
        command.run(
            layers or [],
            device,
            report,
            networks=networks,
            as_json=as_json,
            memory=memory,
            time=time,
            dtypes=dtype or [],
            profile=device_profile,
        )
    )


@app.command(
    cls=_Command,
    epilog=_example("costmodel calibrate --output here.toml"),
    short_help="Measure this machine, as a device of metrics in time.",
)
def calibrate(
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda", autocompletion=_complete(DEVICES), help="What is measured.")
    ] = "auto",
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Ending in .toml; printed unless given.")
    ] = None,
) -> None:
    """Measure this machine, and describe it in a file that --device-profile takes; needs torch.

    It takes most of a minute, and the machine to itself: other work makes it look slower than it is.
    """
    from costmodel_cli import calibrate as command

    raise typer.Exit(command.run(device, output))


@app.command(
    cls=_Command,
    epilog=_example("costmodel sweep se non-local --grid c=64:2048:64 --grid side=7:224:7 -o costs.csv"),
    short_help="Count layers over a grid of sizes, into a file.",
)
def sweep(
    layers: Annotated[
        list[str],
        typer.Argument(
            metavar="LAYER...", autocompletion=_complete_subject, help="Layers; se:reduction=4,bias=true sets options."
        ),
    ],
    grid: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUES",
            help="An axis: n, c, t, h, w, side (h=w) or an integer option. 64:2048:64 ends at 2048, if a step hits it; "
            "64,128,256 lists. Repeatable.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="Ending in .csv, .parquet or .npz, which is its format."),
    ],
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="SIZES", help="Sizes and options that are no axis, as side=28,n=2; n is 1 unless given."),
    ] = None,
    metric: Annotated[
        str, typer.Option(metavar="METRIC", autocompletion=_complete(ASKED), help="What is counted.")
    ] = "macs",
    dtype: Dtype = None,
    device_profile: Profile = None,
) -> None:
    """Count layers over a grid of sizes, exactly, into a file.

    CSV and Parquet have a row for each point, NPZ an array for each layer. An interrupted sweep goes on when the
    same command is run again.
    """
    from costmodel_cli import sweep as command

    raise typer.Exit(command.run(layers, grid, at or [], reading.metric(metric, dtype, device_profile), output))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    # Counts of legal sizes can have more digits than Python prints by default.
    sys.set_int_max_str_digits(0)
    try:
        with printed_at_once():
            return _status(arguments)
    except Unchecked as error:
        return _refuse(str(error), Exit.UNCHECKED)
    except CostModelError as error:
        return _refuse(str(error), Exit.BAD_INPUT)
    except KeyboardInterrupt:
        return _refuse("interrupted; nothing was written", 130)


def _status(arguments: Sequence[str] | None) -> int:
    try:
        return int(app(arguments, prog_name="costmodel", standalone_mode=False) or Exit.HOLDS)
    except SystemExit as done:  # of shell completion
        return int(done.code or Exit.HOLDS)
    except Exception as error:
        # What Typer says of a command line that it cannot parse; its class is not public in every version.
        if isinstance(error, CostModelError) or not hasattr(error, "format_message"):
            raise
        raise CostModelError(error.format_message()) from None


def _refuse(sentence: str, status: int) -> int:
    print(f"costmodel: {' '.join(sentence.split())}", file=sys.stderr)
    return status
