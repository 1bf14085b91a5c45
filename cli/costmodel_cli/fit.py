"""``costmodel fit``."""

from collections.abc import Sequence

from costmodel.subjects import read
from costmodel_cli import reading, render


def run(
    layer: str, given: Sequence[str], over: str, at: Sequence[str], metric: str, limit: str, *, as_json: bool
) -> None:
    """Print the largest size at which a layer, or a torch module, fits a budget."""
    fixed, budget, name = reading.sizes(at), reading.limit(limit, metric), over.replace("-", "_")
    # The arguments of a module are in its name: options that are given are those of a layer.
    curve = read(layer, given) if given else reading.subject(layer, fixed)
    from costmodel.crossover import costs, largest

    def cost(value: int) -> int | None:
        return costs((curve,), over=name, at=fixed, metric=metric, value=value)[0]

    value = largest(curve, over=name, at=fixed, metric=metric, limit=budget)
    if as_json:
        document = {"layer": curve.name, "over": over, "at": fixed, "metric": metric, "limit": budget}
        render.show_json({**document, "largest": value, "cost": value and cost(value)})
    elif value is None:
        print(f"{curve.name}: {render.question(metric, over, fixed)} exceeds {limit} everywhere")
    else:
        table = render.table([over], [metric, "of the limit"])
        for size in (value, value + 1):
            counted = cost(size)
            if counted is not None:
                table.add_row(str(size), render.amount(counted, metric, render.exact), render.percent(counted, budget))
        title = f"{curve.name}: {render.question(metric, over, fixed)}"
        render.show(title, "", f"fits {limit} up to {over} = {value}", "", table)
