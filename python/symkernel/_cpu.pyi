# mypy: disable-error-code=overload-overlap
"""
Native CPU core of symkernel. Use the Python layers; this interface is private.
"""

from __future__ import annotations

import collections.abc
import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "BaseKernel",
    "ClosedForm",
    "ElementTrie",
    "JointFields",
    "OrbitAction",
    "OrderedChain",
    "PermutationChain",
    "Samples32",
    "Samples64",
    "add_segment_sums",
    "available_isas",
    "close_matrices",
    "curve_points",
    "diagonal",
    "diagonal_gradient_x",
    "exp_rate",
    "find_modes",
    "gradient_x",
    "gram",
    "gram_gradient",
    "gram_packed",
    "isa",
    "joint_blocks",
    "joint_rotation_blocks",
    "joint_rotation_field",
    "joint_rotation_mixed",
    "joint_rotation_turns",
    "kernel_names",
    "labelled_frames",
    "least_images",
    "match_points",
    "matvec",
    "max_threads",
    "mode_orbits",
    "mode_sums",
    "modes",
    "multiply_add_rate",
    "nearest",
    "ordered_chain",
    "permutation_chain",
    "permuted_frames",
    "prepare",
    "rotate_points",
    "set_isa",
    "shift_cost",
    "solve_triangular",
    "sort_points",
    "threading_layer",
]

class BaseKernel:
    """
    A base kernel by name, with its parameters.
    """
    def __init__(
        self,
        name: str,
        parameters: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        weights: typing.Annotated[numpy.typing.ArrayLike, numpy.float64] | None = None,
    ) -> None: ...
    @property
    def family(self) -> str: ...
    @property
    def gradients(self) -> int: ...
    @property
    def kind(self) -> tuple[bool, bool, int]: ...
    @property
    def kink(self) -> bool: ...
    @property
    def mixture(self) -> bool: ...
    @property
    def per_feature(self) -> bool: ...
    @property
    def polynomial(self) -> tuple[int, float, float] | None: ...
    @property
    def unit_rows(self) -> bool: ...

class ClosedForm:
    """
    A closed form of averages, as a mixture of rates or a sum of powers.
    """
    @staticmethod
    def of_powers(name: str, values: numpy.typing.NDArray[numpy.float64]) -> ClosedForm: ...
    def __init__(
        self,
        name: str,
        rates: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        values: numpy.typing.NDArray[numpy.float64],
        slopes: numpy.typing.NDArray[numpy.float64],
        base: str = "rbf",
    ) -> None: ...
    @property
    def kind(self) -> tuple[bool, bool, int]: ...

class OrbitAction:
    """
    The elements of a finite group as native arrays.
    """
    @staticmethod
    def matrices(matrices: numpy.typing.NDArray[numpy.float64]) -> OrbitAction: ...
    @staticmethod
    def points(
        rows: numpy.typing.NDArray[numpy.int32],
        matrices: numpy.typing.NDArray[numpy.float64],
        layout: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        blocks: collections.abc.Sequence[
            tuple[
                typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex
            ]
        ],
        basis: numpy.typing.NDArray[numpy.float64] | None = None,
    ) -> OrbitAction: ...
    @staticmethod
    def shifts(
        grid_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        maps: numpy.typing.NDArray[numpy.int32],
        layout: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    ) -> OrbitAction: ...
    @staticmethod
    def signed_permutations(
        indices: numpy.typing.NDArray[numpy.int32], signs: numpy.typing.NDArray[numpy.int8] | None
    ) -> OrbitAction: ...
    @property
    def degree(self) -> int: ...
    @property
    def order(self) -> int: ...

class Samples64:
    """
    Samples prepared for an action and a kind of kernel.
    """
    def __len__(self) -> int: ...
    @property
    def packings(self) -> int: ...
    @property
    def rows(self) -> numpy.typing.NDArray[numpy.float64]: ...

class Samples32:
    """
    Samples prepared for an action and a kind of kernel.
    """
    def __len__(self) -> int: ...
    @property
    def packings(self) -> int: ...
    @property
    def rows(self) -> numpy.typing.NDArray[numpy.float32]: ...

class PermutationChain:
    """
    Base and strong generating set of a permutation group.
    """
    def contains(self, permutation: typing.Annotated[numpy.typing.ArrayLike, numpy.int32]) -> bool:
        """
        Whether the permutation (int32, shape (degree,)) lies in the group.
        """
    def elements(
        self, digits: typing.Annotated[numpy.typing.ArrayLike, numpy.int64]
    ) -> numpy.typing.NDArray[numpy.int32]:
        """
        Elements (int32, shape (m, degree)) named by digits (int64, shape (m, levels)), one digit below the orbit length per level; all zeros is the identity.
        """
    @property
    def base(self) -> list[int]:
        """
        Base points b_0, b_1, ...
        """
    @property
    def degree(self) -> int: ...
    @property
    def orbit_lengths(self) -> list[int]:
        """
        Length of the orbit at each level; the order is their product.
        """

class OrderedChain:
    """
    Stabiliser chain of a permutation group along its points in order.
    """
    @typing.overload
    def least_images(
        self,
        X: numpy.typing.NDArray[numpy.float64],
        limit: typing.SupportsInt | typing.SupportsIndex,
        n_jobs: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[
        numpy.typing.NDArray[numpy.float64],
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int8] | None,
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int32],
    ]:
        """
        Least rearrangements of the rows of X (m, d), d the degree of the chain, or half of it for signed permutations. Returns (representatives, indices, signs or None, rows, factors): the order of the stabiliser of a row is the product of the factors with its number.
        """
    @typing.overload
    def least_images(
        self,
        X: numpy.typing.NDArray[numpy.float32],
        limit: typing.SupportsInt | typing.SupportsIndex,
        n_jobs: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[
        numpy.typing.NDArray[numpy.float32],
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int8] | None,
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int32],
    ]:
        """
        Least rearrangements of the rows of X (m, d), d the degree of the chain, or half of it for signed permutations. Returns (representatives, indices, signs or None, rows, factors): the order of the stabiliser of a row is the product of the factors with its number.
        """
    def stabilizer(
        self,
        colours: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        limit: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32]]:
        """
        Generators (k, degree) of the elements that keep colours (int32, (degree,)), and numbers whose product is their order.
        """
    @property
    def degree(self) -> int: ...

class JointFields:
    """
    A sum over values and derivatives, packed.
    """
    def __init__(
        self,
        kernel: typing.SupportsInt | typing.SupportsIndex,
        parameter: typing.SupportsFloat | typing.SupportsIndex,
        metrics: numpy.typing.NDArray[numpy.float64],
        amplitudes: numpy.typing.NDArray[numpy.float64],
        Y: numpy.typing.NDArray[numpy.float64],
        a: numpy.typing.NDArray[numpy.float64],
        b: numpy.typing.NDArray[numpy.float64],
    ) -> None: ...
    def apply(
        self,
        images: numpy.typing.NDArray[numpy.float64],
        gradient: bool,
        n_threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64] | None]:
        """
        Values (n) and gradients (n, order, p) or None.
        """
    def contract(
        self,
        images: numpy.typing.NDArray[numpy.float64],
        a: numpy.typing.NDArray[numpy.float64],
        b: numpy.typing.NDArray[numpy.float64],
        n_threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[float, numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """
        The form, its derivatives in the metrics (C, p) and in the amplitudes (C).
        """

class ElementTrie:
    """
    Maps (g.x)_i = v[table_gi], as a trie.
    """
    def __init__(
        self,
        table: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        width: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...

@typing.overload
def add_segment_sums(
    values: numpy.typing.NDArray[numpy.float64],
    row_offsets: numpy.typing.NDArray[numpy.int64],
    column_offsets: numpy.typing.NDArray[numpy.int64],
    out: numpy.typing.NDArray[numpy.float64],
    first_row: typing.SupportsInt | typing.SupportsIndex,
    first_column: typing.SupportsInt | typing.SupportsIndex,
    mirrored: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> None:
    """
    Add sums of values over row and column segments to out, from a first row and column on, and to their mirror image.
    """

@typing.overload
def add_segment_sums(
    values: numpy.typing.NDArray[numpy.float32],
    row_offsets: numpy.typing.NDArray[numpy.int64],
    column_offsets: numpy.typing.NDArray[numpy.int64],
    out: numpy.typing.NDArray[numpy.float32],
    first_row: typing.SupportsInt | typing.SupportsIndex,
    first_column: typing.SupportsInt | typing.SupportsIndex,
    mirrored: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> None:
    """
    Add sums of values over row and column segments to out, from a first row and column on, and to their mirror image.
    """

def available_isas() -> list[str]:
    """
    Instruction sets this machine can run, best first.
    """

def close_matrices(
    generators: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    limit: typing.SupportsInt | typing.SupportsIndex,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    All elements, shape (order, d, d), of the group generated by orthogonal matrices (k, d, d), the identity first; ValueError beyond limit elements.
    """

@typing.overload
def curve_points(
    x: numpy.typing.NDArray[numpy.float64],
    points: typing.SupportsInt | typing.SupportsIndex,
    channels: typing.SupportsInt | typing.SupportsIndex,
    offsets: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    bits: typing.SupportsInt | typing.SupportsIndex,
    corner: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] | None,
    side: typing.SupportsFloat | typing.SupportsIndex,
    all: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int32] | None,
    numpy.typing.NDArray[numpy.int8] | None,
    numpy.typing.NDArray[numpy.uint64] | None,
    numpy.typing.NDArray[numpy.float64] | None,
]:
    """
    Points in the order of a Hilbert curve; the results of sort_points.
    """

@typing.overload
def curve_points(
    x: numpy.typing.NDArray[numpy.float32],
    points: typing.SupportsInt | typing.SupportsIndex,
    channels: typing.SupportsInt | typing.SupportsIndex,
    offsets: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    bits: typing.SupportsInt | typing.SupportsIndex,
    corner: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] | None,
    side: typing.SupportsFloat | typing.SupportsIndex,
    all: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float32],
    numpy.typing.NDArray[numpy.int32] | None,
    numpy.typing.NDArray[numpy.int8] | None,
    numpy.typing.NDArray[numpy.uint64] | None,
    numpy.typing.NDArray[numpy.float64] | None,
]:
    """
    Points in the order of a Hilbert curve; the results of sort_points.
    """

@typing.overload
def diagonal(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    gradient: bool = False,
    per_feature: bool = False,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    """
    K(x_i, x_i), and its derivatives when asked.
    """

@typing.overload
def diagonal(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    gradient: bool = False,
    per_feature: bool = False,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
    """
    K(x_i, x_i), and its derivatives when asked.
    """

@typing.overload
def diagonal_gradient_x(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Gradients (n, d) of K(x_i, x_i) in the rows of x.
    """

@typing.overload
def diagonal_gradient_x(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Gradients (n, d) of K(x_i, x_i) in the rows of x.
    """

@typing.overload
def diagonal_gradient_x(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    Gradients (n, d) of K(x_i, x_i) in the rows of x.
    """

@typing.overload
def diagonal_gradient_x(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    Gradients (n, d) of K(x_i, x_i) in the rows of x.
    """

def exp_rate(
    single: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
    seconds: typing.SupportsFloat | typing.SupportsIndex = 0.05,
) -> float:
    """
    Exponentials per second from the first-level cache.
    """

def find_modes(
    words: numpy.typing.NDArray[numpy.int32], queries: numpy.typing.NDArray[numpy.int32]
) -> numpy.typing.NDArray[numpy.int32]:
    """
    Row of each query among the words, int32, or -1.
    """

@typing.overload
def gradient_x(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    y: numpy.typing.NDArray[numpy.float64] | Samples64 | None,
    v: numpy.typing.NDArray[numpy.float64],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Gradients (n, columns, d) of K(x, y) v in the rows of x.
    """

@typing.overload
def gradient_x(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    y: numpy.typing.NDArray[numpy.float64] | Samples64 | None,
    v: numpy.typing.NDArray[numpy.float64],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Gradients (n, columns, d) of K(x, y) v in the rows of x.
    """

@typing.overload
def gradient_x(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    y: numpy.typing.NDArray[numpy.float32] | Samples32 | None,
    v: numpy.typing.NDArray[numpy.float32],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    Gradients (n, columns, d) of K(x, y) v in the rows of x.
    """

@typing.overload
def gradient_x(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    y: numpy.typing.NDArray[numpy.float32] | Samples32 | None,
    v: numpy.typing.NDArray[numpy.float32],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    Gradients (n, columns, d) of K(x, y) v in the rows of x.
    """

@typing.overload
def gram(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    y: numpy.typing.NDArray[numpy.float64] | Samples64 | None,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    K(x, y) of shape (n, m); y = None means x, at half the cost.
    """

@typing.overload
def gram(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    y: numpy.typing.NDArray[numpy.float64] | Samples64 | None,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    K(x, y) of shape (n, m); y = None means x, at half the cost.
    """

@typing.overload
def gram(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    y: numpy.typing.NDArray[numpy.float32] | Samples32 | None,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    K(x, y) of shape (n, m); y = None means x, at half the cost.
    """

@typing.overload
def gram(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    y: numpy.typing.NDArray[numpy.float32] | Samples32 | None,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    K(x, y) of shape (n, m); y = None means x, at half the cost.
    """

@typing.overload
def gram_gradient(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    y: numpy.typing.NDArray[numpy.float64] | Samples64 | None,
    per_feature: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    """
    K and its derivatives for the logarithms of the hyperparameters, or of a length scale per feature.
    """

@typing.overload
def gram_gradient(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    y: numpy.typing.NDArray[numpy.float64] | Samples64 | None,
    per_feature: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    """
    K and its derivatives for the logarithms of the hyperparameters, or of a length scale per feature.
    """

@typing.overload
def gram_gradient(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    y: numpy.typing.NDArray[numpy.float32] | Samples32 | None,
    per_feature: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
    """
    K and its derivatives for the logarithms of the hyperparameters, or of a length scale per feature.
    """

@typing.overload
def gram_gradient(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    y: numpy.typing.NDArray[numpy.float32] | Samples32 | None,
    per_feature: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
    """
    K and its derivatives for the logarithms of the hyperparameters, or of a length scale per feature.
    """

@typing.overload
def gram_packed(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    The n (n + 1) / 2 numbers of the lower triangle of K(x, x), in LAPACK's rectangular full packed format.
    """

@typing.overload
def gram_packed(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    The n (n + 1) / 2 numbers of the lower triangle of K(x, x), in LAPACK's rectangular full packed format.
    """

@typing.overload
def gram_packed(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    The n (n + 1) / 2 numbers of the lower triangle of K(x, x), in LAPACK's rectangular full packed format.
    """

@typing.overload
def gram_packed(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    The n (n + 1) / 2 numbers of the lower triangle of K(x, x), in LAPACK's rectangular full packed format.
    """

def isa() -> str:
    """
    Instruction set in use.
    """

def joint_blocks(
    kernel: typing.SupportsInt | typing.SupportsIndex,
    parameter: typing.SupportsFloat | typing.SupportsIndex,
    metrics: numpy.typing.NDArray[numpy.float64],
    amplitudes: numpy.typing.NDArray[numpy.float64],
    images: numpy.typing.NDArray[numpy.float64],
    x_directions: numpy.typing.NDArray[numpy.float64] | None,
    Y: numpy.typing.NDArray[numpy.float64],
    y_directions: numpy.typing.NDArray[numpy.float64] | None,
    out: numpy.typing.NDArray[numpy.float64],
    packed_rows: typing.SupportsInt | typing.SupportsIndex,
    row: typing.SupportsInt | typing.SupportsIndex,
    column: typing.SupportsInt | typing.SupportsIndex,
    add: bool,
    first: typing.SupportsInt | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Covariances of values, or derivatives along directions, written to a matrix, packed where packed_rows is not negative.
    """

def joint_rotation_blocks(
    x: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    y: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
    reflections: bool,
    rates: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    weights: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    gradient: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    """
    K (n, m), and its gradients in x (n, m, d) or none.
    """

def joint_rotation_field(
    x: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    y: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
    reflections: bool,
    rates: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    weights: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    a: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    b: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    gradient: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    """
    Values (n) and gradients (n, points, dimension), or none, of f = sum_j [a_j + b_j . grad_y] K(., y_j), K the average over rotations and row permutations of sum_r weights[r] exp(-rates[r] |x - R s y|^2).
    """

def joint_rotation_mixed(
    x: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    y: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
    reflections: bool,
    rates: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    weights: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    a: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    b: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Derivatives of K (n, r, m, s) along a (n, r, d) at x and along b (m, s, d) at y.
    """

def joint_rotation_turns(
    x: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    y: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
    reflections: bool,
    rates: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    weights: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    symmetric: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Derivatives of K (n, dimension, m, dimension) in X^T s Y with |x| and |y| held: means of the rotations times 2 rates[r]. symmetric: y is x, and rows are a group.
    """

def kernel_names() -> list[str]:
    """
    Names of all base kernels.
    """

@typing.overload
def labelled_frames(
    clouds: numpy.typing.NDArray[numpy.float64],
    weights: numpy.typing.NDArray[numpy.float64],
    centred: bool,
    proper: bool,
    method: str,
    band: typing.SupportsFloat | typing.SupportsIndex,
    null: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.bool],
]:
    """
    Coordinates (n, points, d), axes (n, d, d), centres (n, d), margins, ranks and whether moments left the frame undecided (n,).
    """

@typing.overload
def labelled_frames(
    clouds: numpy.typing.NDArray[numpy.float32],
    weights: numpy.typing.NDArray[numpy.float64],
    centred: bool,
    proper: bool,
    method: str,
    band: typing.SupportsFloat | typing.SupportsIndex,
    null: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float32],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.bool],
]:
    """
    Coordinates (n, points, d), axes (n, d, d), centres (n, d), margins, ranks and whether moments left the frame undecided (n,).
    """

@typing.overload
def least_images(
    trie: ElementTrie,
    x: numpy.typing.NDArray[numpy.float64],
    with_negatives: bool,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
    all: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.uint64] | None,
    numpy.typing.NDArray[numpy.float64] | None,
]:
    """
    Least images: y, elements, and stabiliser orders and gaps or None.
    """

@typing.overload
def least_images(
    trie: ElementTrie,
    x: numpy.typing.NDArray[numpy.float32],
    with_negatives: bool,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
    all: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float32],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.uint64] | None,
    numpy.typing.NDArray[numpy.float64] | None,
]:
    """
    Least images: y, elements, and stabiliser orders and gaps or None.
    """

def match_points(
    x: numpy.typing.NDArray[numpy.float64],
    y: numpy.typing.NDArray[numpy.float64] | None,
    blocks: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    matrices: numpy.typing.NDArray[numpy.float64],
    either_sign: bool = False,
    paired: bool = False,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.int32],
]:
    """
    Least |x - h s y|^2 over permutations s within blocks of consecutive points and over matrices h; for pairs of rows also the point of y for every point of x, and the matrix. y = None means x, at half the cost.
    """

@typing.overload
def matvec(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    y: numpy.typing.NDArray[numpy.float64] | Samples64 | None,
    v: numpy.typing.NDArray[numpy.float64],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    K(x, y) v without storing K.
    """

@typing.overload
def matvec(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64] | Samples64,
    y: numpy.typing.NDArray[numpy.float64] | Samples64 | None,
    v: numpy.typing.NDArray[numpy.float64],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    K(x, y) v without storing K.
    """

@typing.overload
def matvec(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    y: numpy.typing.NDArray[numpy.float32] | Samples32 | None,
    v: numpy.typing.NDArray[numpy.float32],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    K(x, y) v without storing K.
    """

@typing.overload
def matvec(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32] | Samples32,
    y: numpy.typing.NDArray[numpy.float32] | Samples32 | None,
    v: numpy.typing.NDArray[numpy.float32],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    K(x, y) v without storing K.
    """

def max_threads() -> int:
    """
    Threads a call uses by default.
    """

def mode_orbits(
    words: numpy.typing.NDArray[numpy.int32],
    maps: numpy.typing.NDArray[numpy.int32],
    signs: numpy.typing.NDArray[numpy.int8],
) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int8], int]:
    """
    (labels int32, signs int8, count): orbits of the words under letter maps (generators, alphabet) with signs; label -1 where a mode would equal its own negative.
    """

def mode_sums(
    X: numpy.typing.NDArray[numpy.float64],
    words: numpy.typing.NDArray[numpy.int32],
    weights: numpy.typing.NDArray[numpy.float64],
    real: numpy.typing.NDArray[numpy.int32],
    imaginary: numpy.typing.NDArray[numpy.int32] | None,
    columns: typing.SupportsInt | typing.SupportsIndex,
    largest: typing.SupportsInt | typing.SupportsIndex,
    frequency: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Weighted sums (n, columns) of modes at samples X (n, d); real and imaginary give the column of each mode's parts, or -1.
    """

def modes(
    coordinates: typing.SupportsInt | typing.SupportsIndex,
    level: typing.SupportsInt | typing.SupportsIndex,
    largest: typing.SupportsInt | typing.SupportsIndex,
    fourier: bool,
) -> numpy.typing.NDArray[numpy.int32]:
    """
    Words int32 (modes, width) of the monomials of a degree, or of the Fourier modes whose squared frequencies sum to a level; -1 fills up.
    """

def multiply_add_rate(
    single: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
    seconds: typing.SupportsFloat | typing.SupportsIndex = 0.05,
) -> float:
    """
    Multiply-adds per second on registers.
    """

@typing.overload
def nearest(
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64],
    y: numpy.typing.NDArray[numpy.float64] | None,
    elements: bool = False,
    paired: bool = False,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.int32]]:
    """
    Least |x - g y|^2 over the elements, (n, m), or (n) for pairs of rows; and, when asked, the number of the element that has it. y = None means x, at half the cost.
    """

@typing.overload
def nearest(
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32],
    y: numpy.typing.NDArray[numpy.float32] | None,
    elements: bool = False,
    paired: bool = False,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.int32]]:
    """
    Least |x - g y|^2 over the elements, (n, m), or (n) for pairs of rows; and, when asked, the number of the element that has it. y = None means x, at half the cost.
    """

def ordered_chain(
    group: PermutationChain,
    max_bytes: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex = 0,
) -> OrderedChain:
    """
    The ordered chain of the group of a PermutationChain.
    """

def permutation_chain(
    generators: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
    seed: typing.SupportsInt | typing.SupportsIndex = 0,
    max_bytes: typing.SupportsInt | typing.SupportsIndex = 18446744073709551615,
) -> PermutationChain:
    """
    The chain of the group generated by int32 rows of shape (generators, degree); MemoryError beyond max_bytes.
    """

@typing.overload
def permuted_frames(
    clouds: numpy.typing.NDArray[numpy.float64],
    weights: numpy.typing.NDArray[numpy.float64],
    members: numpy.typing.NDArray[numpy.int32],
    kinds: numpy.typing.NDArray[numpy.int32],
    centred: bool,
    proper: bool,
    band: typing.SupportsFloat | typing.SupportsIndex,
    null: typing.SupportsFloat | typing.SupportsIndex,
    tie: typing.SupportsFloat | typing.SupportsIndex,
    rounding: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.bool],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.bool],
    numpy.typing.NDArray[numpy.int64],
]:
    """
    As labelled_frames, rows sorted; then the order (n, points), which members coincide with the one before (n, points) and symmetries (n,).
    """

@typing.overload
def permuted_frames(
    clouds: numpy.typing.NDArray[numpy.float32],
    weights: numpy.typing.NDArray[numpy.float64],
    members: numpy.typing.NDArray[numpy.int32],
    kinds: numpy.typing.NDArray[numpy.int32],
    centred: bool,
    proper: bool,
    band: typing.SupportsFloat | typing.SupportsIndex,
    null: typing.SupportsFloat | typing.SupportsIndex,
    tie: typing.SupportsFloat | typing.SupportsIndex,
    rounding: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float32],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.bool],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.bool],
    numpy.typing.NDArray[numpy.int64],
]:
    """
    As labelled_frames, rows sorted; then the order (n, points), which members coincide with the one before (n, points) and symmetries (n,).
    """

@typing.overload
def prepare(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> Samples64:
    """
    Samples prepared for an action: they serve every hyperparameter of the kernel.
    """

@typing.overload
def prepare(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float64],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> Samples64:
    """
    Samples prepared for an action: they serve every hyperparameter of the kernel.
    """

@typing.overload
def prepare(
    kernel: BaseKernel,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> Samples32:
    """
    Samples prepared for an action: they serve every hyperparameter of the kernel.
    """

@typing.overload
def prepare(
    kernel: ClosedForm,
    action: OrbitAction,
    x: numpy.typing.NDArray[numpy.float32],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> Samples32:
    """
    Samples prepared for an action: they serve every hyperparameter of the kernel.
    """

@typing.overload
def rotate_points(
    x: numpy.typing.NDArray[numpy.float64],
    y: numpy.typing.NDArray[numpy.float64] | None,
    rows: numpy.typing.NDArray[numpy.int32],
    reflections: bool = False,
    paired: bool = False,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int32],
]:
    """
    Least |x - R s y|^2 over rotations R and the row permutations s; for pairs of rows also R and the number of s. y = None means x, at half the cost.
    """

@typing.overload
def rotate_points(
    x: numpy.typing.NDArray[numpy.float64],
    points: typing.SupportsInt | typing.SupportsIndex,
    channels: typing.SupportsInt | typing.SupportsIndex,
    reflections: bool,
    all: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int32] | None,
    numpy.typing.NDArray[numpy.uint8] | None,
    numpy.typing.NDArray[numpy.uint64] | None,
    numpy.typing.NDArray[numpy.float64] | None,
]:
    """
    Least rotations: y, and shifts, mirrors, stabiliser orders and gaps or None.
    """

@typing.overload
def rotate_points(
    x: numpy.typing.NDArray[numpy.float32],
    points: typing.SupportsInt | typing.SupportsIndex,
    channels: typing.SupportsInt | typing.SupportsIndex,
    reflections: bool,
    all: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float32],
    numpy.typing.NDArray[numpy.int32] | None,
    numpy.typing.NDArray[numpy.uint8] | None,
    numpy.typing.NDArray[numpy.uint64] | None,
    numpy.typing.NDArray[numpy.float64] | None,
]:
    """
    Least rotations: y, and shifts, mirrors, stabiliser orders and gaps or None.
    """

def set_isa(name: str) -> None:
    """
    Select an instruction set for later calls.
    """

def shift_cost(
    grid_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    channels: typing.SupportsInt | typing.SupportsIndex,
) -> float: ...
def solve_triangular(
    triangle: numpy.typing.NDArray[numpy.float64],
    columns: numpy.typing.NDArray[numpy.float64],
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> None:
    """
    Solve L z = k for every column of k (size, count), in its place; L is lower triangular.
    """

@typing.overload
def sort_points(
    x: numpy.typing.NDArray[numpy.float64],
    points: typing.SupportsInt | typing.SupportsIndex,
    channels: typing.SupportsInt | typing.SupportsIndex,
    offsets: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    flips: bool,
    even: bool,
    all: bool,
    gaps: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    numpy.typing.NDArray[numpy.int32] | None,
    numpy.typing.NDArray[numpy.int8] | None,
    numpy.typing.NDArray[numpy.uint64] | None,
    numpy.typing.NDArray[numpy.float64] | None,
]:
    """
    Points sorted within blocks: y, and indices, signs, stabiliser orders (0 from 2^64 on) and gaps or None.
    """

@typing.overload
def sort_points(
    x: numpy.typing.NDArray[numpy.float32],
    points: typing.SupportsInt | typing.SupportsIndex,
    channels: typing.SupportsInt | typing.SupportsIndex,
    offsets: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    flips: bool,
    even: bool,
    all: bool,
    gaps: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> tuple[
    numpy.typing.NDArray[numpy.float32],
    numpy.typing.NDArray[numpy.int32] | None,
    numpy.typing.NDArray[numpy.int8] | None,
    numpy.typing.NDArray[numpy.uint64] | None,
    numpy.typing.NDArray[numpy.float64] | None,
]:
    """
    Points sorted within blocks: y, and indices, signs, stabiliser orders (0 from 2^64 on) and gaps or None.
    """

def threading_layer() -> str: ...

__version__: str
