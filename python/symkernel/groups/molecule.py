"""Make the groups of molecules: permutations of like atoms, rotations and translations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups.base import Group
from symkernel.groups.bonds import Integers, atom_name, find_bonds, read_molecule, unbonded
from symkernel.groups.elements import SignedPermutation
from symkernel.groups.euclidean import SE, E
from symkernel.groups.feasible import Arrangement
from symkernel.groups.graph_automorphisms import graph_automorphisms
from symkernel.groups.molecule_words import formula, in_words
from symkernel.groups.named import Trivial
from symkernel.groups.orthogonal import SO, O
from symkernel.groups.permutation_group import PermutationGroup
from symkernel.groups.product import Product
from symkernel.groups.shifts import Translations

__all__ = ["Molecule", "molecule"]

# What acts on R^3, by rotations and translations.
_MOTIONS: dict[tuple[str | None, bool], Callable[[int], Group]] = {
    ("O", True): E,
    ("SO", True): SE,
    (None, True): Translations,
    ("O", False): O,
    ("SO", False): SO,
    (None, False): Trivial,
}


class Molecule(Product):
    """The group of a molecule on the positions of its atoms; see ``groups.molecule``.

    Parameters
    ----------
    numbers : ndarray of int of shape (n,)
        Atomic numbers.
    bonds : ndarray of int of shape (m, 2)
        Atoms that are bonded, each pair ascending.
    permutations : PermutationGroup
        Acts on the n atoms.
    motions : Group
        Acts on R^3.
    total : int
        Number of all automorphisms of the bond graph.
    dropped : sequence of (ndarray of int of shape (n,), str)
        Generators of the automorphisms that were left out, and why.
    """

    def __init__(
        self,
        numbers: Integers,
        bonds: Integers,
        permutations: PermutationGroup,
        motions: Group,
        total: int,
        dropped: Sequence[tuple[Integers, str]] = (),
    ) -> None:
        shape = (len(numbers), 3)
        super().__init__(permutations.along(0, shape), motions.along(1, shape))
        self._numbers, self._bonds, self._permutations = numbers, bonds, permutations
        self._total, self._dropped = total, tuple(dropped)

    @property
    def numbers(self) -> Integers:
        """Atomic numbers, (n,)."""
        return self._numbers.copy()

    @property
    def bonds(self) -> Integers:
        """Atoms that are bonded, (m, 2)."""
        return self._bonds.copy()

    @property
    def permutations(self) -> PermutationGroup:
        """What the group does to the n atoms; its ``order`` is known and nothing is listed."""
        return self._permutations

    def on_pairs(self) -> PermutationGroup:
        """Return the action of the permutations on distances, or other functions, of pairs.

        Returns
        -------
        PermutationGroup
            On n (n - 1) / 2 features: the upper triangle row by row, (0, 1), (0, 2), ...,
            (1, 2), ..., the order of ``np.triu_indices(n, 1)`` and SciPy's ``pdist``. Rotations,
            reflections and translations change no distance.

        Raises
        ------
        ValueError
            If the molecule is a single atom.

        Examples
        --------
        >>> from symkernel import groups
        >>> water = groups.molecule(["O", "H", "H"], [[0, 0, 0], [0, 0, 0.96], [0, 0.93, -0.24]])
        >>> water.on_pairs().generators
        (Permutation([1, 0, 2]),)
        """
        n = len(self._numbers)
        if n == 1:
            raise ValueError("a single atom has no pairs: its distances have no group")
        rows, columns = np.triu_indices(n, 1)
        place = np.zeros((n, n), np.int64)
        place[rows, columns] = place[columns, rows] = np.arange(len(rows))
        images = [g.indices for g in _signed(self._permutations)]
        found = [SignedPermutation._trusted(place[p[rows], p[columns]]) for p in images]
        # Of three atoms and more, only the identity keeps every pair.
        order = self._permutations.order if n > 2 else 1
        return PermutationGroup._known(found, len(rows), order)

    def explain(self) -> str:
        """Return what the permutations do, in words, and why others were left out.

        Examples
        --------
        >>> from symkernel import groups
        >>> water = groups.molecule(["O", "H", "H"], [[0, 0, 0], [0, 0, 0.96], [0, 0.93, -0.24]])
        >>> print(water.explain())
        H2O, 3 atoms and 2 bonds: 2 of the 2 automorphisms of the bond graph
        generators:
          0: swaps H1 and H2 on O0
        """
        n, kept = len(self._numbers), self._permutations
        lines = [
            f"{formula(self._numbers)}, {n} atom{'s' * (n != 1)} and {len(self._bonds)} "
            f"bond{'s' * (len(self._bonds) != 1)}: {kept.order} of the {self._total} automorphisms "
            "of the bond graph"
        ]
        if kept.generators:
            lines.append("generators:")
        lines += [
            f"  {k}: {in_words(g.indices, self._numbers, self._bonds)}"
            for k, g in enumerate(_signed(kept))
        ]
        if self._dropped:
            lines.append("left out:")
        lines += [
            f"  {in_words(image, self._numbers, self._bonds)}: {reason}"
            for image, reason in self._dropped
        ]
        return "\n".join(lines)


def molecule(
    z: Any,
    R: ArrayLike | None = None,
    *,
    rotations: str | None = "O",
    translations: bool = True,
    include: str | Iterable[Any] = "all",
    exclude: Iterable[Any] = (),
) -> Molecule:
    """Return the group of a molecule, found from its atoms: what leaves its energy as it is.

    Atoms are bonded where their distance, on the mean of all frames, is below 1.25 times the sum of
    their covalent radii. The group permutes atoms as the automorphisms of the graph of bonds do,
    which keep elements, and moves all atoms together. Molecules that are not connected swap when
    they are alike.

    Parameters
    ----------
    z : array-like of shape (n,), or molecule, or sequence of molecules
        Atomic numbers up to 96 or symbols; or an object with ``numbers`` and ``positions``, such as
        ASE's atoms, or several of them, frames of one molecule with its atoms in one order.
    R : array-like of shape (n, 3) or (n_frames, n, 3), optional
        Positions in Angstrom, where z does not bring them.
    rotations : {"O", "SO", None}, default="O"
        Rotations and reflections, rotations alone, or none, about the origin.
    translations : bool, default=True
        Whether the molecule may be anywhere.
    include : {"all", "feasible"} or sequence of permutations, default="all"
        "all" automorphisms: the energy is invariant under every one. "feasible": those that the
        motion of the molecule can bring about, see Notes; a subgroup, often much smaller, and the
        one to average over where samples stay near one structure. Permutations as in
        ``PermutationGroup``, automorphisms too, generate a group of their own.
    exclude : sequence of int or permutations, default=()
        Generators to leave out, by their number in ``explain()`` or as permutations; the others
        generate the group.

    Returns
    -------
    Molecule
        A group on (n, 3), flattened, a product of ``permutations`` along the first axis and of
        E(3), SE(3), O(3), SO(3) or translations along the second. ``permutations`` is that on
        atoms, of known order and not listed; ``on_pairs()`` acts on pair distances; ``explain()``
        says what generators do and why others were left out.

    Raises
    ------
    TypeError
        If z or R is not of these kinds.
    ValueError
        For unknown elements, shapes that do not fit, positions that are not finite, atoms that
        overlap (nearer than 0.3 sums of radii), frames with other bonds than their mean (longer
        than 1.6 sums of radii, or other atoms nearer than 1.0); permutations that are no
        automorphisms; generators that cannot be left out as the others bring them back. Also if
        the search for automorphisms takes too many steps.

    Warns
    -----
    UserWarning
        If two atoms or more, noble gases left out, are bonded to nothing: positions are then rarely
        in Angstrom, and alike atoms would all be exchanged.

    Notes
    -----
    **Feasible** is an automorphism p that keeps

    * *hands*: of every four neighbours of an atom that span a volume, or three neighbours out of
      one plane and their atom, the sign of det(a - d, b - d, c - d) of their directions is that of
      their images under p, or, with ``rotations="O"`` only, the opposite sign for all of them at
      once. Nitrogen and oxygen with three neighbours turn inside out, and have no hand; nor have
      atoms with more than six neighbours.
    * *sides*: what is cis at a double bond stays cis. Double is a bond shorter than 0.9 sums of
      radii, between atoms with three neighbours in a plane or two at an angle.

    Methyl groups turn, phenyl rings flip, alike halves swap; two hydrogens of CH2 swap only
    together with a mirror image of everything else. Ethanol has 12 automorphisms, 3! of methyl
    times 2 of CH2. Three turn methyl; three more, a swap in methyl and one in CH2, are turns
    followed by a mirror: 6 are feasible with ``rotations="O"`` and 3 with "SO". The other 6 swap in
    CH2 alone or in methyl alone, and would pull one of the two inside out: no motion does, although
    energies are the same. Volumes and angles are means over frames; whether three neighbours are in
    one plane, and whether a bond is double, is decided for all alike ones together.

    The rule looks at neighbours, and cannot see what is further: axes of chirality (allenes,
    hindered biaryls, helices), rings that are too small to flip, ways that are blocked or cost much
    energy, inversion of phosphorus and sulfur when hot (they keep their hand), pseudorotation (PF5
    keeps it too), square planes with four neighbours (which are free), slow turns about bonds that
    are short but not double, such as amides (free). Give the permutations where that matters.

    Radii are from Cordero et al., Dalton Trans. 2008, 2832. On ethanol, aspirin and benzene the
    feasible permutations are those that sGDML publishes (Chmiela et al., Comput. Phys. Commun. 240,
    2019), 6, 6 and 12. The search takes O(n^2) operations for each of some n refinements on usual
    molecules, milliseconds for 100 atoms.

    Examples
    --------
    >>> from symkernel import groups
    >>> R = [[0, 0, 0], [0.63, 0.63, 0.63], [-0.63, -0.63, 0.63], [-0.63, 0.63, -0.63],
    ...      [0.63, -0.63, -0.63]]
    >>> methane = groups.molecule("C H H H H".split(), R)
    >>> methane.shape, methane.dim, methane.permutations.order
    ((5, 3), 6, 24)
    >>> rigid = groups.molecule("C H H H H".split(), R, rotations="SO", include="feasible")
    >>> rigid.permutations.order
    12
    >>> print(rigid.explain().splitlines()[-1])
      swaps H1 and H2 on C0: turns C0 inside out: a mirror image
    """
    motions = _motions(rotations, translations)
    numbers, frames = read_molecule(z, R)
    bonded, lengths = find_bonds(numbers, frames)
    lonely = unbonded(numbers, bonded, lengths)
    if lonely:
        warnings.warn(lonely, stacklevel=2)
    images, total = graph_automorphisms(bonded, numbers)
    n = len(numbers)
    dropped: list[tuple[Integers, str]] = []
    if isinstance(include, str):
        if include not in ("all", "feasible"):
            raise ValueError(
                f'include must be "all", "feasible" or permutations of the atoms, got {include!r}'
            )
        found = PermutationGroup._known(map(SignedPermutation._trusted, images), n, total)
        if include == "feasible":
            arrangement = Arrangement(numbers, frames, bonded, lengths, images)
            mirrored = rotations == "O"
            reasons = [(image, arrangement.objection(image, mirrored)) for image in images]
            dropped += [(image, reason) for image, reason in reasons if reason]
            if dropped:
                found = arrangement.keep(mirrored)
    else:
        found = _given(include, numbers, bonded)
    found, taken = _without(found, exclude)
    dropped += [(image, "excluded") for image in taken]
    return Molecule(numbers, np.argwhere(np.triu(bonded)), found, motions, total, dropped)


def _motions(rotations: Any, translations: Any) -> Group:
    if rotations not in ("O", "SO", None):
        raise ValueError(f'rotations must be "O", "SO" or None, got {rotations!r}')
    if not isinstance(translations, (bool, np.bool_)):
        raise TypeError(f"translations must be True or False, got {translations!r}")
    return _MOTIONS[rotations, bool(translations)](3)


def _signed(group: PermutationGroup) -> list[SignedPermutation]:
    return [g for g in group.generators if isinstance(g, SignedPermutation)]


def _given(
    include: Iterable[Any], numbers: Integers, bonded: NDArray[np.bool_]
) -> PermutationGroup:
    try:
        group = PermutationGroup(include, degree=len(numbers))
    except (TypeError, ValueError) as error:
        raise type(error)(f"include: {error}") from None
    for g in _signed(group):
        p = g.indices
        if g.signs is not None or not np.array_equal(numbers[p], numbers):
            raise ValueError(f"include must hold permutations of like atoms: {g!r} is none")
        if not np.array_equal(bonded[np.ix_(p, p)], bonded):
            i, j = np.argwhere(bonded[np.ix_(p, p)] != bonded)[0]
            i, j = (i, j) if bonded[i, j] else (p[i], p[j])
            names = (atom_name(numbers[a], a) for a in (i, j))
            raise ValueError(f"include must keep all bonds: {g!r} breaks {'-'.join(names)}")
    return group


def _without(
    group: PermutationGroup, exclude: Iterable[Any]
) -> tuple[PermutationGroup, list[Integers]]:
    """Return the group of the generators that are not excluded, and those that are."""
    if isinstance(exclude, str) or not isinstance(exclude, Iterable):
        raise TypeError(f"exclude must be a sequence of generators, got {exclude!r}")
    own = _signed(group)
    taken = []
    for entry in exclude:
        if isinstance(entry, (int, np.integer)) and not isinstance(entry, bool):
            if not 0 <= entry < len(own):
                raise ValueError(
                    f"exclude must name one of {len(own)} generators, counted from 0, got {entry}"
                )
            taken.append(own[int(entry)])
            continue
        try:
            named = _signed(PermutationGroup([entry], degree=group.degree))
        except (TypeError, ValueError) as error:
            raise type(error)(f"exclude: {error}") from None
        if not named or named[0] not in own:
            raise ValueError(f"exclude must name generators of the group, got {entry!r}")
        taken += named
    if not taken:
        return group, []
    left = PermutationGroup([g for g in own if g not in taken], degree=group.degree)
    for g in taken:
        if left.contains(g):
            raise ValueError(
                f"exclude must leave generators that do not bring it back: {g!r} is a product of "
                "the others"
            )
    return left, [g.indices for g in taken]
