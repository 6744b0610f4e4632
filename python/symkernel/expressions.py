"""Read groups and base kernels from text, as the command line gives them, without ``eval``."""

from __future__ import annotations

import ast
import math
from typing import Any

from sklearn.gaussian_process import kernels as skl

from symkernel import groups, kernels
from symkernel.groups import Group
from symkernel.groups.registry import is_group

__all__ = ["evaluate"]

_GROUPS: dict[str, Any] = {
    name: value
    for name in groups.__all__
    if isinstance(value := getattr(groups, name), type)
    and issubclass(value, Group)
    and value is not Group
} | {"from_name": groups.from_name, "molecule": groups.molecule}
_KERNELS: dict[str, Any] = {
    name: getattr(skl, name) for name in ("RBF", "Matern", "RationalQuadratic", "DotProduct")
} | {
    name: value
    for name in kernels.__all__
    if isinstance(value := getattr(kernels, name), type)
    and issubclass(value, kernels.base.NativeKernel)
}
_METHOD_OPTIONS = {"Quadrature": kernels.Quadrature, "Sample": kernels.Sample}
_NAMES: dict[str, Any] = _GROUPS | _KERNELS | _METHOD_OPTIONS | {"inf": math.inf, "pi": math.pi}
_METHODS = ("along", "along_each", "on")
_LONGEST = 100_000  # characters


def evaluate(text: str) -> Any:
    """Evaluate an expression of groups, base kernels, numbers, strings, tuples and lists.

    Calls of the classes of ``symkernel.groups``, of ``molecule``, of the base kernels and of
    methods, ``.along(...)``, ``.along_each(...)``, ``.on(...)``, ``*`` between groups or numbers,
    signs and keyword arguments; nothing else is ever evaluated.

    Parameters
    ----------
    text : str
        The expression.

    Returns
    -------
    object
        A Group, a kernel, or whatever else was written.

    Raises
    ------
    ValueError
        If the text is not such an expression, or a class refuses its arguments; the message is one
        line.

    Examples
    --------
    >>> from symkernel.expressions import evaluate
    >>> evaluate("O(3).along(1, (9, 3)) * Translations(3).along(1, (9, 3))").dim
    6
    >>> evaluate("Matern(length_scale=2.0, nu=2.5)")
    Matern(length_scale=2, nu=2.5)
    """
    if len(text) > _LONGEST:
        raise ValueError(f"an expression has at most {_LONGEST} characters, got {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        if "nested" not in str(error.msg):
            raise ValueError(f"cannot read {text!r}: {error.msg}") from None
        raise ValueError("the expression is nested too deeply") from None
    except (RecursionError, MemoryError):  # the parser reports depth as lack of memory
        raise ValueError("the expression is nested too deeply") from None
    try:
        return _value(tree.body)
    except RecursionError:
        raise ValueError("the expression is nested too deeply") from None


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=int() | float() | str() as value):
            return value
        case ast.Name(id=name):
            return _named(name)
        case ast.Attribute(value=ast.Name(id="groups"), attr=name) if name in _GROUPS:
            return _GROUPS[name]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = _value(operand)
            if isinstance(value, int | float):
                return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _product(_value(left), _value(right), node)
        case ast.Call(func=function, args=arguments, keywords=keywords):
            return _call(function, arguments, keywords)
    raise ValueError(
        f"{ast.unparse(node)!r} is not allowed here: use groups, base kernels, .along(...), "
        ".along_each(...), .on(...), *, numbers, strings, tuples and lists"
    )


def _named(name: str) -> Any:
    if name not in _NAMES:
        raise ValueError(
            f"unknown name {name!r}; groups: {', '.join(sorted(_GROUPS))}; base kernels: "
            f"{', '.join(sorted(_KERNELS))}"
        )
    return _NAMES[name]


def _product(left: Any, right: Any, node: ast.expr) -> Any:
    # Not of sequences: "x" * 10**9 would fill the memory.
    if _joins(left) and _joins(right):
        return left * right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left * right
    raise ValueError(f"{ast.unparse(node)!r}: * joins two groups or two numbers")


def _joins(value: Any) -> bool:
    return is_group(value) and not isinstance(value, str)


def _call(function: ast.expr, arguments: list[ast.expr], keywords: list[ast.keyword]) -> Any:
    if isinstance(function, ast.Attribute) and function.attr in _METHODS:
        owner = _value(function.value)
        if not isinstance(owner, Group):
            owned = ast.unparse(function.value)
            raise ValueError(f"{owned!r} is no group: it has no {function.attr}")
        target = getattr(owner, function.attr)
    else:
        target = _value(function)
        if not callable(target) or isinstance(target, Group):
            raise ValueError(f"{ast.unparse(function)!r} cannot be called")
    if any(isinstance(a, ast.Starred) for a in arguments) or any(k.arg is None for k in keywords):
        raise ValueError("* and ** are not allowed among arguments")
    positional = [_value(a) for a in arguments]
    named = {str(k.arg): _value(k.value) for k in keywords}
    try:
        return target(*positional, **named)
    except (TypeError, ValueError, MemoryError) as error:
        message = " ".join(str(error).split()) or "not enough memory"
        raise ValueError(f"{ast.unparse(function)}: {message}") from None
