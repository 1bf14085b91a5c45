"""The layers of the survey as torch modules, each written once and built in any of three spellings.

Parameters are called as those of `costmodel.validate.references`, so that both can be held against each other.
"""

import torch
from torch import nn
from torch.nn import functional

from costmodel.validate.references.criss_cross import crosses
from costmodel.validate.references.sparse_attention import attended


class Modules:
    """Whatever can be a module is one; products are `torch.bmm`; the rest operators."""

    def relu(self):
        return nn.ReLU()

    def sigmoid(self):
        return nn.Sigmoid()

    def softmax(self):
        return nn.Softmax(-1)

    def relu6(self):
        return nn.ReLU6()

    def silu(self):
        return nn.SiLU()

    def hard_sigmoid(self):
        return nn.Hardsigmoid()

    def hard_swish(self):
        return nn.Hardswish()

    def average(self):
        return nn.AvgPool2d(3, 2, 1)

    def avg_pool(self):
        return nn.AdaptiveAvgPool2d(1)

    def video_avg_pool(self):
        return nn.AdaptiveAvgPool3d(1)

    def max_pool(self):
        return nn.AdaptiveMaxPool2d(1)

    def video_max_pool(self):
        return nn.AdaptiveMaxPool3d(1)

    def subsample(self, *, video):
        # Wang et al. pool in H and W alone.
        return nn.MaxPool3d((1, 2, 2)) if video else nn.MaxPool2d(2)

    def upsample(self, mode):
        return nn.Upsample(scale_factor=3, mode=mode)

    def mean(self, x, axis):
        return x.mean(axis, keepdim=True)

    def amax(self, x, axis):
        return x.amax(axis, keepdim=True)

    def product(self, a, b):
        return torch.bmm(a, b)

    def add(self, a, b):
        return a + b

    def sub(self, a, b):
        return a - b

    def mul(self, a, b):
        return a * b

    def div(self, a, b):
        return a / b


class Functions(Modules):
    """As `torch.nn.functional` and `torch` name them, looked up when they run: what patches them comes later."""

    def relu(self):
        return lambda x: functional.relu(x)  # noqa: PLW0108

    def sigmoid(self):
        return lambda x: torch.sigmoid(x)  # noqa: PLW0108

    def softmax(self):
        return lambda x: functional.softmax(x, -1)

    def relu6(self):
        return lambda x: functional.relu6(x)  # noqa: PLW0108

    def silu(self):
        return lambda x: functional.silu(x)  # noqa: PLW0108

    def hard_sigmoid(self):
        return lambda x: functional.hardsigmoid(x)  # noqa: PLW0108

    def hard_swish(self):
        return lambda x: functional.hardswish(x)  # noqa: PLW0108

    def average(self):
        return lambda x: functional.avg_pool2d(x, 3, 2, 1)

    def avg_pool(self):
        return lambda x: functional.adaptive_avg_pool2d(x, 1)

    def video_avg_pool(self):
        return lambda x: functional.adaptive_avg_pool3d(x, 1)

    def max_pool(self):
        return lambda x: functional.adaptive_max_pool2d(x, 1)

    def video_max_pool(self):
        return lambda x: functional.adaptive_max_pool3d(x, 1)

    def subsample(self, *, video):
        return lambda x: functional.max_pool3d(x, (1, 2, 2)) if video else functional.max_pool2d(x, 2)

    def upsample(self, mode):
        return lambda x: functional.interpolate(x, scale_factor=3, mode=mode)

    def mean(self, x, axis):
        return torch.mean(x, axis, keepdim=True)

    def amax(self, x, axis):
        return torch.amax(x, axis, keepdim=True)

    def product(self, a, b):
        return torch.matmul(a, b)

    def add(self, a, b):
        return torch.add(a, b)

    def sub(self, a, b):
        return torch.sub(a, b)

    def mul(self, a, b):
        return torch.mul(a, b)

    def div(self, a, b):
        return torch.div(a, b)


class Methods(Modules):
    """Methods of tensors, and operators; functions of what is neither."""

    relu6 = Functions.relu6
    silu = Functions.silu
    hard_sigmoid = Functions.hard_sigmoid
    hard_swish = Functions.hard_swish
    average = Functions.average
    subsample = Functions.subsample
    upsample = Functions.upsample

    def relu(self):
        return lambda x: x.relu()

    def sigmoid(self):
        return lambda x: x.sigmoid()

    def softmax(self):
        return lambda x: x.softmax(-1)

    def avg_pool(self):
        return lambda x: x.mean((2, 3), keepdim=True)

    def video_avg_pool(self):
        return lambda x: x.mean((2, 3, 4), keepdim=True)

    def max_pool(self):
        return lambda x: x.amax((2, 3), keepdim=True)

    def video_max_pool(self):
        return lambda x: x.amax((2, 3, 4), keepdim=True)

    def product(self, a, b):
        return a @ b


SPELLINGS = {"modules": Modules(), "functions": Functions(), "methods": Methods()}


class Convolution(nn.Module):
    def __init__(self, _s, channels, *, out=None, kernel=3, stride=1, groups=1, dilation=1, bias=False):
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(channels, out or channels, kernel, stride, padding, dilation, groups, bias)

    def forward(self, x):
        return self.conv(x)


class DepthwiseSeparable(nn.Module):
    def __init__(self, s, channels, *, out=None, kernel=3, stride=1, norm=True):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.pointwise = nn.Conv2d(channels, out or channels, 1, bias=False)
        self.pointwise_norm = nn.BatchNorm2d(out or channels) if norm else nn.Identity()
        self.relu = s.relu()

    def forward(self, x):
        y = self.relu(self.depthwise_norm(self.depthwise(x)))
        return self.relu(self.pointwise_norm(self.pointwise(y)))


class Linear(nn.Module):
    def __init__(self, _s, channels, *, out=None, flatten=False, bias=False):
        super().__init__()
        self.flatten = flatten
        out = out or channels
        self.linear = nn.LazyLinear(out, bias=bias) if flatten else nn.Linear(channels, out, bias=bias)

    def forward(self, x):
        return self.linear(x.flatten(1) if self.flatten else x.flatten(2).transpose(1, 2))


class SqueezeExcitation(nn.Module):
    def __init__(self, s, channels, *, reduction=16, bias=False):
        super().__init__()
        self.s = s
        self.squeeze, self.relu, self.sigmoid = s.avg_pool(), s.relu(), s.sigmoid()
        self.reduce = nn.Linear(channels, channels // reduction, bias=bias)
        self.expand = nn.Linear(channels // reduction, channels, bias=bias)

    def forward(self, x):
        gate = self.sigmoid(self.expand(self.relu(self.reduce(self.squeeze(x).flatten(1)))))
        return self.s.mul(x, gate[:, :, None, None])


class ChannelMLP(nn.Module):
    def __init__(self, s, channels, *, reduction, bias):
        super().__init__()
        self.reduce = nn.Linear(channels, channels // reduction, bias=bias)
        self.relu = s.relu()
        self.expand = nn.Linear(channels // reduction, channels, bias=bias)

    def forward(self, v):
        return self.expand(self.relu(self.reduce(v)))


class SharedFC(nn.Module):
    def __init__(self, s, channels, *, branches=2, shared=True, reduction=16, bias=True):
        super().__init__()
        self.s = s
        pools = [s.max_pool() if branch % 2 else s.avg_pool() for branch in range(branches)]
        self.pools = nn.ModuleList(pools) if isinstance(pools[0], nn.Module) else pools
        mlp = ChannelMLP(s, channels, reduction=reduction, bias=bias)
        self.mlps = nn.ModuleList(
            mlp if shared else ChannelMLP(s, channels, reduction=reduction, bias=bias) for _ in range(branches)
        )
        self.sigmoid = s.sigmoid()

    def forward(self, x):
        first, *others = [mlp(pool(x).flatten(1)) for pool, mlp in zip(self.pools, self.mlps, strict=True)]
        for other in others:
            first = self.s.add(first, other)
        return self.s.mul(x, self.sigmoid(first)[:, :, None, None])


class ChannelGate(nn.Module):
    def __init__(self, s, channels, *, reduction, pool, bias):
        super().__init__()
        self.s = s
        pools = [{"avg": s.avg_pool, "max": s.max_pool}[kind]() for kind in pool.split("+")]
        self.pools = nn.ModuleList(pools) if isinstance(pools[0], nn.Module) else pools
        self.mlp = ChannelMLP(s, channels, reduction=reduction, bias=bias)
        self.sigmoid = s.sigmoid()

    def forward(self, x):
        first, *others = [self.mlp(pool(x).flatten(1)) for pool in self.pools]
        for other in others:
            first = self.s.add(first, other)
        return self.sigmoid(first)[:, :, None, None]


class SpatialGate(nn.Module):
    def __init__(self, s, channels, *, kernel, compress, norm):
        super().__init__()
        self.s = s
        self.compress = nn.Conv2d(channels, 1, 1, bias=False) if compress == "conv" else None
        self.conv = nn.Conv2d(1 if self.compress else 2, 1, kernel, padding=kernel // 2, bias=not norm)
        self.norm = nn.BatchNorm2d(1) if norm else nn.Identity()
        self.sigmoid = s.sigmoid()

    def forward(self, x):
        maps = self.compress(x) if self.compress else torch.cat([self.s.mean(x, 1), self.s.amax(x, 1)], 1)
        return self.sigmoid(self.norm(self.conv(maps)))


class Gated(nn.Module):
    """x · M(x)."""

    def __init__(self, s, gate):
        super().__init__()
        self.s, self.gate = s, gate

    def forward(self, x):
        return self.s.mul(x, self.gate(x))


def cbam_channel(s, channels, *, reduction=16, pool="avg+max", bias=True):
    return Gated(s, ChannelGate(s, channels, reduction=reduction, pool=pool, bias=bias))


def cbam_spatial(s, channels, *, kernel=7, compress="pool", norm=True):
    return Gated(s, SpatialGate(s, channels, kernel=kernel, compress=compress, norm=norm))


class CBAM(nn.Module):
    def __init__(
        self,
        s,
        channels,
        *,
        reduction=16,
        pool="avg+max",
        bias=True,
        kernel=7,
        compress="pool",
        norm=True,
        order="channel-spatial",
    ):
        super().__init__()
        self.s = s
        channel = ChannelGate(s, channels, reduction=reduction, pool=pool, bias=bias)
        spatial = SpatialGate(s, channels, kernel=kernel, compress=compress, norm=norm)
        self.gates = nn.ModuleList([spatial, channel] if order == "spatial-channel" else [channel, spatial])
        self.parallel = order == "parallel"

    def forward(self, x):
        first, second = self.gates
        y = self.s.mul(x, first(x))
        return self.s.mul(y, second(x if self.parallel else y))


class BAM(nn.Module):
    def __init__(self, s, channels, *, reduction=16, dilation=4):
        super().__init__()
        self.s = s
        reduced = channels // reduction
        self.pool, self.sigmoid, self.relu = s.avg_pool(), s.sigmoid(), s.relu()
        self.channel = nn.ModuleDict(
            {"0": nn.Linear(channels, reduced), "1": nn.BatchNorm1d(reduced), "3": nn.Linear(reduced, channels)}
        )
        layers = {"0": nn.Conv2d(channels, reduced, 1), "1": nn.BatchNorm2d(reduced)}
        for index in (3, 6):
            layers[str(index)] = nn.Conv2d(reduced, reduced, 3, padding=dilation, dilation=dilation)
            layers[str(index + 1)] = nn.BatchNorm2d(reduced)
        self.spatial = nn.ModuleDict({**layers, "9": nn.Conv2d(reduced, 1, 1)})

    def forward(self, x):
        v = self.channel["1"](self.channel["0"](self.pool(x).flatten(1)))
        channel = self.channel["3"](self.relu(v))[:, :, None, None]
        y = x
        for index in (0, 3, 6):
            y = self.relu(self.spatial[str(index + 1)](self.spatial[str(index)](y)))
        gate = self.sigmoid(self.s.mul(channel, self.spatial["9"](y)))
        return self.s.mul(x, self.s.add(gate, 1))


class GlobalContext(nn.Module):
    def __init__(self, s, channels, *, reduction=16, pool="attention", fusion="add", norm=True, bias=True):
        super().__init__()
        self.s, self.fusion = s, fusion
        self.mask = nn.Conv2d(channels, 1, 1, bias=bias) if pool == "attention" else None
        self.pool, self.softmax, self.relu, self.sigmoid = s.avg_pool(), s.softmax(), s.relu(), s.sigmoid()
        self.reduce = nn.Linear(channels, channels // reduction, bias=bias)
        self.norm = nn.LayerNorm(channels // reduction) if norm else nn.Identity()
        self.expand = nn.Linear(channels // reduction, channels, bias=bias)

    def forward(self, x):
        if self.mask is None:
            context = self.pool(x)
        else:
            weights = self.softmax(self.mask(x).flatten(2))
            context = self.s.product(x.flatten(2), weights.transpose(1, 2))
        y = self.expand(self.relu(self.norm(self.reduce(context.flatten(1)))))
        if self.fusion == "add":
            return self.s.add(x, y[:, :, None, None])
        return self.s.mul(x, self.sigmoid(y)[:, :, None, None])


class EfficientChannelAttention(nn.Module):
    def __init__(self, s, _channels, *, kernel=None):
        super().__init__()
        self.s, self.squeeze, self.sigmoid = s, s.avg_pool(), s.sigmoid()
        kernel = kernel or 3  # of 8 to 127 channels
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x):
        gate = self.sigmoid(self.conv(self.squeeze(x).flatten(2).transpose(1, 2)))
        return self.s.mul(x, gate.flatten(1)[:, :, None, None])


class NonLocal(nn.Module):
    def __init__(
        self,
        s,
        channels,
        *,
        reduction=2,
        affinity="embedded-gaussian",
        subsample="none",
        scale=False,
        norm=True,
        bias=True,
        out_bias=True,
        video=False,
    ):
        super().__init__()
        inner = channels // reduction
        conv = nn.Conv3d if video else nn.Conv2d
        self.s, self.affinity, self.subsample = s, affinity, subsample
        self.scale = inner**-0.5 if scale else None
        embedded = affinity != "gaussian"
        self.theta = conv(channels, inner, 1, bias=bias) if embedded else nn.Identity()
        self.phi = conv(channels, inner, 1, bias=bias) if embedded else nn.Identity()
        self.g = conv(channels, inner, 1, bias=bias)
        self.pair = nn.Conv2d(2 * inner, 1, 1, bias=False) if affinity == "concatenation" else None
        self.pool, self.relu, self.softmax = s.subsample(video=video), s.relu(), s.softmax()
        self.out = conv(inner, channels, 1, bias=out_bias)
        norms = nn.BatchNorm3d if video else nn.BatchNorm2d
        self.norm = norms(channels) if norm else nn.Identity()

    def forward(self, x):
        source = self.pool(x) if self.subsample == "before" else x
        theta, phi, g = self.theta(x), self.phi(source), self.g(source)
        if self.subsample == "after":
            phi, g = self.pool(phi), self.pool(g)
        inner = g.shape[1]
        theta, phi, g = theta.flatten(2), phi.flatten(2), g.flatten(2)
        if self.pair is not None:
            rows = theta.unsqueeze(3).expand(-1, -1, -1, phi.shape[2])
            columns = phi.unsqueeze(2).expand(-1, -1, theta.shape[2], -1)
            scores = self.relu(self.pair(torch.cat([rows, columns], 1))).squeeze(1)
        else:
            scores = self.s.product(theta.transpose(1, 2), phi)
        if "gaussian" in self.affinity:
            weights = self.softmax(scores if self.scale is None else self.s.mul(scores, self.scale))
        else:
            weights = self.s.div(scores, int(scores.shape[2]))
        y = self.s.product(weights, g.transpose(1, 2)).transpose(1, 2).reshape(x.shape[0], inner, *x.shape[2:])
        return self.s.add(self.norm(self.out(y)), x)


class PositionAttention(nn.Module):
    def __init__(self, s, channels, *, reduction=8):
        super().__init__()
        self.s, self.softmax = s, s.softmax()
        self.query = nn.Conv2d(channels, channels // reduction, 1)
        self.key = nn.Conv2d(channels, channels // reduction, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        query, key, value = self.query(x).flatten(2), self.key(x).flatten(2), self.value(x).flatten(2)
        attention = self.softmax(self.s.product(query.transpose(1, 2), key))
        e = self.s.product(value, attention.transpose(1, 2)).reshape(x.shape)
        return self.s.add(self.s.mul(self.alpha, e), x)


class CrissCrossAttention(nn.Module):
    def __init__(self, s, channels, *, reduction=8, loops=2, count="ideal"):
        super().__init__()
        self.s, self.softmax, self.loops = s, s.softmax(), loops
        self.attend = self.by_cross if count == "ideal" else self.by_line
        self.query = nn.Conv2d(channels, channels // reduction, 1)
        self.key = nn.Conv2d(channels, channels // reduction, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        for _ in range(self.loops):
            y = self.attend(self.query(x), self.key(x), self.value(x))
            x = self.s.add(self.s.mul(self.gamma, y), x)
        return x

    def by_cross(self, query, key, value):
        index = crosses(query)
        queries = query.flatten(2).transpose(1, 2).flatten(0, 1).unsqueeze(1)
        keys, values = (tensor.flatten(2)[:, :, index].transpose(1, 2).flatten(0, 1) for tensor in (key, value))
        y = self.s.product(self.softmax(self.s.product(queries, keys)), values.transpose(1, 2))
        return y.view(value.shape[0], -1, value.shape[1]).transpose(1, 2).reshape(value.shape)

    def by_line(self, query, key, value):
        n, _, h, w = query.shape
        columns, rows = (
            [tensor.permute(order).flatten(0, 1) for tensor in (query, key, value)]
            for order in ((0, 3, 1, 2), (0, 2, 1, 3))
        )
        itself = torch.diag(torch.full((h,), float("-inf"))).unsqueeze(0)
        down = self.s.add(self.s.product(columns[0].transpose(1, 2), columns[1]), itself)
        along = self.s.product(rows[0].transpose(1, 2), rows[1])
        scores = torch.cat([down.view(n, w, h, h).transpose(1, 2), along.view(n, h, w, w)], 3)
        to_column, to_row = self.softmax(scores).split([h, w], 3)
        y = self.s.product(columns[2], to_column.transpose(1, 2).flatten(0, 1).transpose(1, 2))
        z = self.s.product(rows[2], to_row.flatten(0, 1).transpose(1, 2))
        return self.s.add(y.view(n, w, -1, h).permute(0, 2, 3, 1), z.view(n, h, -1, w).permute(0, 2, 1, 3))


class ChannelAttention(nn.Module):
    def __init__(self, s, _channels):
        super().__init__()
        self.s, self.softmax = s, s.softmax()
        self.beta = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        a = x.flatten(2)
        energy = self.s.product(a, a.transpose(1, 2))
        attention = self.softmax(self.s.sub(self.s.amax(energy, 2), energy))
        return self.s.add(self.s.mul(self.beta, self.s.product(attention, a).reshape(x.shape)), x)


class Branch(nn.Module):
    def __init__(self, s, channels, inner, attention):
        super().__init__()
        self.before, self.after = s.relu(), s.relu()
        parts = (
            nn.Conv2d(channels, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            attention,
            nn.Conv2d(inner, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
        )
        for name, part in zip("01345", parts, strict=True):  # of a sequence, in which the ReLUs are 2 and 6
            self.add_module(name, part)

    def forward(self, x):
        conv, norm, attention, last, last_norm = (self.get_submodule(name) for name in "01345")
        return self.after(last_norm(last(attention(self.before(norm(conv(x)))))))


class DualAttentionHead(nn.Module):
    def __init__(self, s, channels, *, inner=None, classes=19):
        super().__init__()
        self.s = s
        inner = channels // 4 if inner is None else inner
        self.position = Branch(s, channels, inner, PositionAttention(s, inner))
        self.channel = Branch(s, channels, inner, ChannelAttention(s, inner))
        self.classify = nn.Conv2d(inner, classes, 1)
        self.position_classify = nn.Conv2d(inner, classes, 1)
        self.channel_classify = nn.Conv2d(inner, classes, 1)

    def forward(self, x):
        position, channel = self.position(x), self.channel(x)
        fused = self.classify(self.s.add(position, channel))
        return fused, self.position_classify(position), self.channel_classify(channel)


class MultiHead(nn.Module):
    def __init__(self, s, channels, *, heads=8, causal=False, bias=False):
        super().__init__()
        self.s, self.softmax, self.heads, self.causal = s, s.softmax(), heads, causal
        self.scale = (channels // heads) ** -0.5
        self.query = nn.Linear(channels, channels, bias=bias)
        self.key = nn.Linear(channels, channels, bias=bias)
        self.value = nn.Linear(channels, channels, bias=bias)
        self.output = nn.Linear(channels, channels, bias=bias)

    def split(self, tokens):
        n, positions = tokens.shape[:2]
        return tokens.view(n, positions, self.heads, -1).transpose(1, 2).flatten(0, 1)

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        context = self.attend(*(self.split(project(tokens)) for project in (self.query, self.key, self.value)))
        context = context.view(x.shape[0], self.heads, *context.shape[1:]).transpose(1, 2).flatten(2)
        return self.output(context)

    def mask(self, scores):
        positions = int(scores.shape[1])
        ahead = torch.ones(positions, positions, dtype=torch.bool).triu(1)
        # Of the scores' rank: some counters line shapes up from the front.
        return scores.new_zeros(1, positions, positions).masked_fill(ahead, float("-inf"))

    def attend(self, query, key, value):
        scores = self.s.mul(self.s.product(query, key.transpose(1, 2)), self.scale)
        if self.causal:
            scores = self.s.add(scores, self.mask(scores))
        return self.s.product(self.softmax(scores), value)


class SparseAttention(MultiHead):
    """Pair by pair, with a dense softmax for the one over pairs that torch lacks; or dense behind a mask."""

    def __init__(self, s, channels, *, stride=None, count="ideal", heads=8, causal=True, bias=False):
        super().__init__(s, channels, heads=heads, causal=causal, bias=bias)
        self.stride, self.count = stride, count

    def pairs(self, positions):
        stride = self.stride or int(positions**0.5)
        return attended(positions, pattern="strided", stride=stride, summary=8, causal=self.causal, window="paper")

    def mask(self, scores):
        positions = int(scores.shape[1])
        rows, columns = torch.tensor(self.pairs(positions)).unbind(1)
        mask = torch.full((1, positions, positions), float("-inf"))
        mask[:, rows, columns] = 0.0
        return mask

    def attend(self, query, key, value):
        if self.count == "masked":
            scores = self.s.mul(self.s.product(query, key.transpose(1, 2)), self.scale)
            return self.s.product(self.softmax(self.s.add(scores, self.mask(scores))), value)
        positions = int(query.shape[1])
        rows, columns = torch.tensor(self.pairs(positions)).unbind(1)
        queries, keys = query[:, rows].flatten(0, 1).unsqueeze(1), key[:, columns].flatten(0, 1).unsqueeze(2)
        scores = self.s.mul(self.s.product(queries, keys), self.scale).view(query.shape[0], -1)
        dense = scores.new_full((query.shape[0], positions, positions), float("-inf"))
        dense[:, rows, columns] = scores
        weights = self.softmax(dense)[:, rows, columns]
        values = self.s.product(weights.view(-1, 1, 1), value[:, columns].flatten(0, 1).unsqueeze(1))
        return torch.zeros_like(query).index_add(1, rows, values.view(query.shape[0], -1, query.shape[2]))


LAYERS = {
    "conv": Convolution,
    "depthwise-separable": DepthwiseSeparable,
    "linear": Linear,
    "se": SqueezeExcitation,
    "shared-fc": SharedFC,
    "cbam-channel": cbam_channel,
    "cbam-spatial": cbam_spatial,
    "cbam": CBAM,
    "bam": BAM,
    "gc": GlobalContext,
    "eca": EfficientChannelAttention,
    "non-local": NonLocal,
    "danet-pam": PositionAttention,
    "danet-cam": ChannelAttention,
    "danet-head": DualAttentionHead,
    "criss-cross": CrissCrossAttention,
    "dense-attention": MultiHead,
    "sparse-attention": SparseAttention,
}


class Operation(nn.Module):
    """One operation that is no layer, with a parameter that does nothing: some counters look for one."""

    def __init__(self, run):
        super().__init__()
        self.run = run
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.run(x)


# An operation of `costmodel.Tensor`, and as torch has it, on `SHAPE`, or on `VIDEO` where its name says so.
SHAPE, VIDEO = (3, 40, 5, 7), (3, 40, 3, 4, 6)
OPERATIONS = {
    "batch norm": (lambda x: x.batch_norm(), lambda _: nn.BatchNorm2d(40)),
    "plain batch norm": (lambda x: x.batch_norm(affine=False), lambda _: nn.BatchNorm2d(40, affine=False)),
    "layer norm": (lambda x: x.layer_norm(), lambda _: nn.LayerNorm(7)),
    "plain layer norm": (lambda x: x.layer_norm(affine=False), lambda _: nn.LayerNorm(7, elementwise_affine=False)),
    "group norm": (lambda x: x.group_norm(5), lambda _: nn.GroupNorm(5, 40)),
    "plain group norm": (lambda x: x.group_norm(5, affine=False), lambda _: nn.GroupNorm(5, 40, affine=False)),
    "relu": (lambda x: x.relu(), lambda s: s.relu()),
    "sigmoid": (lambda x: x.sigmoid(), lambda s: s.sigmoid()),
    "relu6": (lambda x: x.relu6(), lambda s: s.relu6()),
    "silu": (lambda x: x.silu(), lambda s: s.silu()),
    "hard sigmoid": (lambda x: x.hard_sigmoid(), lambda s: s.hard_sigmoid()),
    "hard swish": (lambda x: x.hard_swish(), lambda s: s.hard_swish()),
    "softmax": (lambda x: x.softmax(), lambda s: s.softmax()),
    "add": (lambda x: x + x, lambda s: lambda x: s.add(x, x)),
    "sub": (lambda x: x.sub(x), lambda s: lambda x: s.sub(x, x)),
    "mul": (lambda x: x * x, lambda s: lambda x: s.mul(x, x)),
    "div": (lambda x: x.div_scalar(), lambda s: lambda x: s.div(x, 3)),
    "mean": (lambda x: x.mean(1), lambda s: lambda x: s.mean(x, 1)),
    "max": (lambda x: x.max(1), lambda s: lambda x: s.amax(x, 1)),
    "average pool": (lambda x: x.global_avg_pool(), lambda s: s.avg_pool()),
    "maximum pool": (lambda x: x.global_max_pool(), lambda s: s.max_pool()),
    "average pool of video": (lambda x: x.global_avg_pool(), lambda s: s.video_avg_pool()),
    "maximum pool of video": (lambda x: x.global_max_pool(), lambda s: s.video_max_pool()),
    "max pool": (lambda x: x.max_pool(2), lambda s: s.subsample(video=False)),
    "average of windows": (lambda x: x.avg_pool(3, stride=2), lambda s: s.average()),
    "nearest": (lambda x: x.upsample(3, "nearest"), lambda s: s.upsample("nearest")),
    "bilinear": (lambda x: x.upsample(3, "bilinear"), lambda s: s.upsample("bilinear")),
    "pad": (lambda x: x.pad_channels(53), lambda _: lambda x: functional.pad(x, (0, 0, 0, 0, 0, 13))),
    "concat": (lambda x: x.concat(x), lambda _: lambda x: torch.cat([x, x], 1)),
    "copy": (
        lambda x: x.flatten().T.contiguous(),
        lambda _: lambda x: x.flatten(2).transpose(1, 2).contiguous(),
    ),
    "matmul": (
        lambda x: x.flatten().T.matmul(x.flatten()),
        lambda s: lambda x: s.product(x.flatten(2).transpose(1, 2), x.flatten(2)),
    ),
}


def layer(name, spelling, shape, **options):
    """A layer in a spelling, in eval mode, run once so that lazy weights exist."""
    if len(shape) == 5:
        options["video"] = True
    module = LAYERS[name](SPELLINGS[spelling], shape[1], **options).eval()
    module(torch.zeros(shape))
    return module


def operation(name, spelling):
    """An operation in a spelling, in eval mode."""
    return Operation(OPERATIONS[name][1](SPELLINGS[spelling])).eval()
