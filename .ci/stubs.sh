#!/usr/bin/env bash
# Writes the type stub of the native module, made from the installed one, into a folder:
#   bash .ci/stubs.sh python/symkernel
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
(cd "$tmp" && python -m pybind11_stubgen --ignore-all-errors -o "$tmp" symkernel._cpu >/dev/null 2>&1)
# The version is that of the build; constants of the file system have no place in a stub.
# Arrays of float32 and float64 are overloads of their own, which mypy takes for one type.
{
  echo "# mypy: disable-error-code=overload-overlap"
  sed -E "s/^__version__: str = .*/__version__: str/" "$tmp/symkernel/_cpu.pyi"
} >"$out/_cpu.pyi"
ruff check -q --select I,F401,UP --fix --exit-zero "$out/_cpu.pyi"
ruff format -q --line-length 100 "$out/_cpu.pyi"
