"""The program that strict mypy passes also runs."""

from __future__ import annotations

import user_program


def test_it_runs_and_is_told_why_methods_do_not_apply():
    method, *reasons = user_program.main()
    assert method == "sum"  # four shifts: fewer steps than a transform
    assert reasons[0] == "inf elements"
    assert len(reasons) == 2
