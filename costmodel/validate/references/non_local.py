"""Non-local blocks: Wang et al. 2018 (arXiv:1711.07971), Eq. 1-6, Fig. 2, §3.3 for the subsampling."""

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference


@reference("non-local")
class NonLocal(nn.Module):
    """z = W y + x with y_i = 1/C(x) Σ_j f(x_i, x_j) g(x_j), of ``N×C×H×W`` or, if `video`, ``N×C×T×H×W``."""

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 2,
        affinity: str = "embedded-gaussian",
        subsample: str = "none",
        scale: bool = False,
        norm: bool = True,
        bias: bool = True,
        out_bias: bool = True,
        video: bool = False,
    ) -> None:
        super().__init__()
        inner = channels // reduction
        conv: type[nn.Conv2d | nn.Conv3d] = nn.Conv3d if video else nn.Conv2d
        # The paper pools in the spatial domain alone.
        pool = nn.MaxPool3d((1, 2, 2)) if video else nn.MaxPool2d(2)

        self.affinity, self.subsample = affinity, subsample
        self.scale = inner**-0.5 if scale else None
        embedded = affinity != "gaussian"
        self.theta = conv(channels, inner, 1, bias=bias) if embedded else nn.Identity()
        self.phi = conv(channels, inner, 1, bias=bias) if embedded else nn.Identity()
        self.g = conv(channels, inner, 1, bias=bias)
        self.pair = nn.Conv2d(2 * inner, 1, 1, bias=False) if affinity == "concatenation" else None
        self.pool = pool
        self.out = conv(inner, channels, 1, bias=out_bias)
        norms: type[nn.BatchNorm2d | nn.BatchNorm3d] = nn.BatchNorm3d if video else nn.BatchNorm2d
        self.norm = norms(channels) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        source = self.pool(x) if self.subsample == "before" else x
        pool = self.pool if self.subsample == "after" else nn.Identity()
        theta, phi, g = self.theta(x), pool(self.phi(source)), pool(self.g(source))
        del source
        theta, phi, g = theta.flatten(2), phi.flatten(2), g.flatten(2)

        if self.pair is not None:
            # Eq. 6, literally: the channels of every pair (i, j), as one ``N×2C/r×P×P'`` map.
            rows = theta.unsqueeze(3).expand(-1, -1, -1, phi.shape[2])
            scores = torch.cat([rows, phi.unsqueeze(2).expand(-1, -1, theta.shape[2], -1)], 1)
            del rows, theta, phi
            scores = self.pair(scores)
            scores = torch.relu(scores).squeeze(1)
        else:
            scores = torch.bmm(theta.transpose(1, 2), phi)
            del theta, phi
        if self.affinity in ("embedded-gaussian", "gaussian"):
            if self.scale is not None:
                scores = scores * self.scale
            scores = scores.softmax(2)
        else:
            scores = scores / scores.shape[2]

        y = torch.bmm(scores, g.transpose(1, 2)).transpose(1, 2).reshape(x.shape[0], g.shape[1], *x.shape[2:])
        del scores, g
        y = self.out(y)
        y = self.norm(y)
        z: Tensor = y + x
        return z
