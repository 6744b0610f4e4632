"""The benchmark of growth with n: answers are compared, exponents and pictures come out."""

import importlib
import json

import numpy as np
import pytest

growth = importlib.import_module("symkernel.bench.growth")


def test_both_are_measured_and_drawn(tmp_path, capsys):
    path, picture = tmp_path / "growth.json", tmp_path / "growth.png"
    assert growth.main(["--quick", "--json", str(path), "--output", str(picture)]) == 0
    found = json.loads(path.read_text())["growth"]
    assert set(found) == {growth.FIT, growth.PRODUCT}
    assert [int(n) for n in found[growth.FIT]] == list(growth.QUICK_FITS)
    assert picture.stat().st_size > 10_000
    assert "grows like n^" in capsys.readouterr().out


def test_slopes_of_powers():
    assert growth.slope({n: 3e-7 * n**2 for n in (10, 100, 1000)}) == pytest.approx(2.0)


def test_a_wrong_product_is_not_timed(monkeypatch):
    class Wrong:
        gram = staticmethod(growth.KERNEL.gram)
        matvec = staticmethod(lambda *args, **options: np.ones((200, 1)))

    monkeypatch.setattr(growth, "KERNEL", Wrong)
    with pytest.raises(AssertionError, match="differs"):
        growth.check_product(200)
