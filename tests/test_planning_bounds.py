"""Planning lists no elements and seeks no representations that cannot make the plan cheaper."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from catalog import GROUPS
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, RationalQuadratic
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.backends.element_tables import ActionTable, PointTable
from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.groups.elements import element_at
from symkernel.groups.mixing import feature_orbits
from symkernel.kernels import ArcCosine, Polynomial, Sample
from symkernel.kernels.translate import spec_of
from symkernel.plans import irreps
from symkernel.plans.base import Cost
from symkernel.plans.entries import least_of_a_sum
from symkernel.plans.fourier import Irreps
from symkernel.plans.orbit_sum import OrbitSum
from symkernel.plans.planner import make_plan

FINITE = {name: group for name, group in GROUPS.items() if group.is_finite}
KERNELS = [RBF(1.5), Matern(nu=2.5), RationalQuadratic(alpha=1e5), Polynomial(3), DotProduct()]
LARGE = {
    "S_9": groups.Symmetric(9),
    "S_10": groups.Symmetric(10),
    "S_9 on points": groups.Symmetric(9).along(0, (9, 3)),
    "B_7": groups.Hyperoctahedral(7),
    "sign flips of points": groups.SignFlips(14).along(0, (14, 3)),
    "young": groups.Young("a" * 6 + "b" * 5),
    "S_6 x S_6": groups.Symmetric(6).along(0, (6, 6)) * groups.Symmetric(6).along(1, (6, 6)),
    "S_7 x Oh": groups.Symmetric(7).along(0, (7, 3)) * groups.PointGroup("Oh").along(1, (7, 3)),
}
HUGE = {
    "S_n": groups.Symmetric(10**7),
    "A_n": groups.Alternating(10**6),
    "B_n": groups.Hyperoctahedral(10**6),
    "young": groups.Young([0, 1] * 10**5),
}


def fresh(group):
    """The same group without what it remembers."""
    return group.along(tuple(range(len(group.shape))), group.shape)


@pytest.fixture
def counted(monkeypatch):
    """Orders of the tables that are made, and how many searches begin."""
    seen = {"elements": [], "searches": 0}
    for cls in (groups.Group, *all_subclasses(groups.Group)):
        for name in ("_table", "_point_table"):
            if name in vars(cls):
                original = vars(cls)[name]

                def counting(self, original=original):
                    table: ActionTable | PointTable = original(self)
                    seen["elements"].append(0 if table is None else len(table))
                    return table

                monkeypatch.setattr(cls, name, counting)
    original = irreps._irreducible_subspaces

    def searching(*arguments):
        seen["searches"] += 1
        return original(*arguments)

    monkeypatch.setattr(irreps, "_irreducible_subspaces", searching)
    return seen


def all_subclasses(cls):
    return [c for sub in cls.__subclasses__() for c in (sub, *all_subclasses(sub))]


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.parametrize("name", LARGE)
def test_a_closed_form_cheaper_than_the_elements_lists_none(name, kernel, counted):
    group = fresh(LARGE[name])
    plan = InvariantKernel(kernel, group).plan()
    assert plan.method == "closed_form"
    # Beside Oh permutations of the points are listed, to be summed over.
    assert max(counted["elements"], default=0) < (group.order / 40 if name == "S_7 x Oh" else 1)
    assert counted["searches"] == 0


def test_a_fit_of_ten_features_under_all_permutations_lists_none(counted):
    X = np.random.default_rng(0).standard_normal((20, 10))
    InvariantKernelRidge(kernel="rbf", gamma=0.1, group="symmetric").fit(X, X.sum(axis=1))
    assert counted == {"elements": [], "searches": 0}


@pytest.mark.parametrize("n", [9, 10])
def test_a_sum_is_costed_without_its_elements(n, counted):
    plan = InvariantKernel(ArcCosine(1), groups.Alternating(n)).plan()
    order = math.factorial(n) // 2
    assert plan.method == "sum" and plan.cost == Cost(
        float(n * order), float(order), plan.base.native
    )
    assert counted == {"elements": [], "searches": 0}


@pytest.mark.parametrize("name", FINITE)
def test_the_cost_of_a_sum_is_that_of_its_table(name):
    group = FINITE[name]
    plan = OrbitSum(spec_of(ArcCosine(0), group), group)
    table = plan._table
    whole = Cost(float(group.order * group.degree), float(group.order), plan.base.native)
    if isinstance(table, PointTable):
        s, p = table.rows.shape
        h, r = table.matrices.shape[:2]
        signed = ((table.matrices != 0).sum(axis=-1) == 1).all()
        adds = float(s * (p * r * r + h * (r if signed else r * r)))
        least = Cost(adds, float(s * h), plan.base.native)
        assert plan.cost.maps == least.maps == group.order
        assert least.total <= plan.cost.total <= whole.total
    else:
        assert plan.cost == whole


@pytest.mark.parametrize("name", FINITE)
def test_bounds_do_not_change_the_cheapest_plan(name):
    group = FINITE[name]
    spec = spec_of(ArcCosine(1), group)  # no closed form: sums and representations alone
    plans = []
    for method in ("sum", "fourier"):
        plans.append(make_plan(spec, group, method))
    chosen = make_plan(spec, group)
    if plans[0].cost.multiply_adds > 128:
        assert chosen.cost.total == min(p.cost.total for p in plans)
    assert least_of_a_sum(group) <= min(p.cost.total for p in plans)


def test_representations_that_cannot_win_are_not_sought(counted):
    group = groups.Image((4, 4), "D4")
    spec = spec_of(RBF(), group)
    with pytest.raises(NotApplicableError, match="would not be cheaper"):
        Irreps(spec, group, below=least_of_a_sum(group))
    assert counted == {"elements": [], "searches": 0}
    with pytest.raises(NotApplicableError, match="would not be cheaper"):
        Irreps(spec, groups.Image((4, 4), "D4"), below=200.0)  # known from the dimensions
    assert counted["searches"] > 0
    whole = Irreps(spec, groups.Image((4, 4), "D4"))
    assert whole.cost.total > 200.0


def test_a_search_is_bounded():
    group = groups.Alternating(9)
    spec = spec_of(RBF(), group)
    with pytest.raises(NotApplicableError, match="too long to find"):
        Irreps(spec, group, below=1e9)
    with pytest.raises(NotApplicableError, match="too long to find"):
        irreps.isotypic_decomposition(groups.Symmetric(5).table(200), work=1e3)


def test_a_search_that_is_asked_for_is_refused_before_it_lists_millions(counted):
    with pytest.raises(NotApplicableError, match="would take too long to find"):
        InvariantKernel(RBF(), groups.Symmetric(10), "fourier").plan()
    assert counted == {"elements": [], "searches": 0}


@pytest.mark.parametrize("name", ["alternating", "sign_flips", "I", "Oh on points", "p4m"])
def test_elements_are_taken_a_few_at_a_time(name, monkeypatch):
    table = FINITE[name].table(1_000)
    want = irreps.isotypic_decomposition(table)
    sizes = []
    act = irreps.act

    def watched(block, B):
        moved = act(block, B)
        sizes.append(moved.size)
        return moved

    monkeypatch.setattr(irreps, "act", watched)
    monkeypatch.setattr(irreps, "_BLOCK", 100)
    got = irreps.isotypic_decomposition(table)
    assert got is not None and got.blocks == want.blocks  # None where it is not the action
    one = max(element_at(table, 0).degree * B for B in (r for _, r in got.blocks))
    assert max(sizes) <= max(100, one)


@pytest.mark.parametrize("name", GROUPS)
def test_logarithms_of_orders(name):
    group = GROUPS[name]
    want = math.log(group.order) if group.is_finite else math.inf
    assert group.log_order == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("name", HUGE)
def test_a_group_of_millions_of_digits_is_refused_by_its_logarithm(name, monkeypatch):
    group = HUGE[name]
    monkeypatch.setattr(math, "factorial", None)  # takes half a minute
    with pytest.raises(GroupTooLargeError, match=r"has about \d\.\d\de\d+ elements; at m"):
        group.table(10_000_000)
    with pytest.raises(GroupTooLargeError, match="method='sample' averages over random"):
        InvariantKernel(RBF(), group).plan()
    assert group != groups.Trivial(group.degree)
    assert hash(group) == hash(type(group)(*group._arguments()))


@pytest.mark.parametrize(
    "group",
    [
        groups.Young("abab" + "b"),
        groups.Young("aaa"),
        groups.Wreath(groups.Hyperoctahedral(2), groups.Symmetric(3)),
        groups.Wreath(groups.Cyclic(3), groups.Cyclic(2)),
        groups.Wreath(groups.SignFlips(2), groups.Trivial(2)),
    ],
    ids=repr,
)
def test_tables_hold_the_elements_in_their_order(group):
    table = group.table(10_000)
    listed = list(group.elements())
    assert len(table) == len(listed) == group.order
    assert all(element_at(table, k) == g for k, g in enumerate(listed))


@pytest.mark.parametrize("name", FINITE)
def test_orbits_of_features_are_those_of_the_elements(name):
    group = FINITE[name]
    labels = feature_orbits(group)
    mixed = sum(np.abs(g.as_matrix()) for g in group.elements()) > 1e-9
    for i in range(group.degree):
        assert set(np.flatnonzero(mixed[i])) <= set(np.flatnonzero(labels == labels[i]))
    assert len(np.unique(labels)) == labels.max() + 1


def test_a_plan_shows_what_it_does():
    plan = InvariantKernel(RBF(), groups.Symmetric(10)).plan()
    assert "permanent of k(x_i, y_j)" in repr(plan) and "method='closed_form'" in repr(plan)


def test_sign_flips_of_points_are_a_product():
    group = groups.SignFlips(5).along(0, (5, 3))
    X = np.random.default_rng(0).standard_normal((4, 15))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        k = InvariantKernel(RBF(1.2), group)
    assert k.plan().steps[-1].startswith("product over points")
    points = X.reshape(4, 1, 5, 3)
    values = [
        np.exp(-((points - s * X.reshape(1, 4, 5, 3)) ** 2).sum(axis=3) / (2 * 1.2**2))
        for s in (1, -1)
    ]
    assert np.allclose(k(X), (sum(values) / 2).prod(axis=2), rtol=1e-13)


def test_millions_of_random_permutations_are_counted_before_they_are_drawn():
    with pytest.raises(MemoryError, match=r"table of random elements .* Use fewer n_samples"):
        InvariantKernel(RBF(), groups.Symmetric(10**7), Sample(400)).plan()


def test_rotations_beside_a_group_of_millions_of_digits_are_refused_in_words():
    n = 20_000
    group = groups.Symmetric(n).along(0, (n, 3)) * groups.O(3).along(1, (n, 3))
    with pytest.raises(NotApplicableError, match=r"summed over about 10\^77337 permutations"):
        InvariantKernel(RBF(), group).plan()
