"""Average a base kernel over a group, as a scikit-learn kernel."""

from __future__ import annotations

from typing import Literal

from sklearn.gaussian_process.kernels import Kernel

from symkernel.groups import Group
from symkernel.kernels.methods import Quadrature, Sample
from symkernel.kernels.values import KernelValues


class InvariantKernel(KernelValues):
    r"""Average of a base kernel over a group: ``K_G(x, y) = mean over g of k(x, g y)``.

    The average is invariant in each argument, symmetric and positive semidefinite whenever the
    group leaves the base kernel invariant, ``k(g x, g y) = k(x, y)``; a base kernel that it does
    not is refused. It is an ordinary scikit-learn kernel, with hyperparameters those of the base:
    use it in ``GaussianProcessRegressor``, ``KernelRidge(kernel=...)``, ``SVC(kernel=...)``, and in
    arithmetic such as ``ConstantKernel() * InvariantKernel(RBF(), G) + WhiteKernel()``.

    Parameters
    ----------
    base : sklearn.gaussian_process.kernels.Kernel
        RBF, Matern (nu 0.5, 1.5, 2.5, inf; any nu where the group has a closed form),
        RationalQuadratic or DotProduct of scikit-learn; any kernel of symkernel.kernels;
        HeatKernel, SobolevKernel or PolynomialKernel of symkernel.spectral. Length scales per
        feature must be equal on features that the group mixes, and are one hyperparameter there.
    group : Group or str
        Group that acts on the samples, or the name of one that acts on all features, such as
        "symmetric" (see ``symkernel.groups.from_name``); ``G.on(columns)``, a group on some
        columns, is bound to the samples as names are; columns by name to a data frame.
    method : str, Quadrature or Sample, default="auto"
        How to average: "sum", "closed_form" or "fourier", which are exact, "quadrature" or
        "sample", which are not and say so, with options as ``Quadrature(degree)`` or
        ``Sample(n_samples, random_state)``; "spectral" for base kernels of symkernel.spectral,
        which are given by their spectrum; "auto" takes the cheapest exact method, and a
        quadrature, with a warning, only where there is none. ``plan()`` says which. No averages,
        but invariant kernels of their own, are "frame", of a few points of every orbit and
        continuous everywhere, "canonical", of one point of every orbit, and "orbit_distance": the
        base kernel of min over g of |x - g y|, for reflection groups alone.
    normalize : bool, default=False
        Divide by ``sqrt(K(x, x) K(y, y))``, which makes the diagonal one: without it points with
        a large stabiliser have a larger diagonal.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where to compute: "auto" where the samples live; "cuda" and "cpu" move them, and bring the
        result back to where the samples live.

    Raises
    ------
    TypeError, ValueError
        On call, for a base kernel that cannot be averaged over the group, samples that do not fit
        the group, NaN or infinity; the message names the argument and what came.
    MemoryError
        If the Gram matrix would not fit; raised before it is allocated.

    Notes
    -----
    Cost per pair: |G| inner products and |G| base-kernel values for the orbit sum; see ``plan()``.
    float32 samples give float32 results. Source: Haasdonk & Burkhardt, Invariant kernel functions
    for pattern analysis and machine learning, Machine Learning 68 (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import InvariantKernel, groups
    >>> k = InvariantKernel(RBF(1.0), groups.Cyclic(3))
    >>> X = np.array([[0.0, 1.0, 2.0]])
    >>> bool(np.isclose(k(X, X)[0, 0], k(X, np.roll(X, 1, axis=1))[0, 0]))
    True
    """

    def __init__(
        self,
        base: Kernel,
        group: Group | str,
        method: str | Quadrature | Sample = "auto",
        normalize: bool = False,
        device: Literal["auto", "cpu", "cuda"] = "auto",
    ) -> None:
        self.base = base
        self.group = group
        self.method = method
        self.normalize = normalize
        self.device = device
