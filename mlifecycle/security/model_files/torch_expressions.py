"""What PyTorch interprets in an exported program when it loads one: sizes, guards, containers.

Sizes and guards are Python; they are read by its own parser and held to what PyTorch writes,
arithmetic on sizes and comparisons of the sizes of inputs. Containers are JSON within JSON, whose
types and contexts can name modules.
"""

import ast
import json
import re
from collections.abc import Callable

_SYMBOL = re.compile(r"(s|u|z|zf|zuf)\d+|True|False|oo|int_oo")
# sympy's and PyTorch's names for arithmetic (torch/utils/_sympy/functions.py). No power: a tower of
# them takes the reader's time.
_FUNCTIONS = frozenset(
    {
        *("Symbol", "Integer", "Rational", "Add", "Mul", "Max", "Min", "Mod", "PythonMod"),
        *("FloorDiv", "CeilDiv", "CleanDiv", "IntTrueDiv", "FloatTrueDiv", "ModularIndexing"),
        *("CeilToInt", "FloorToInt", "TruncToInt", "ToFloat"),
        *("Eq", "Equality", "Ne", "Unequality", "GreaterThan", "LessThan", "StrictGreaterThan"),
        *("StrictLessThan", "And", "Or", "Not"),
    }
)
# No quotation mark but ', no comment, no line break: PyTorch puts it into a text of its own.
_PLAIN = re.compile(r"[\w\[\]'(),=<>!+\-*/%. ]*", re.ASCII)
_OPERATIONS = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Load),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
)
_KEY = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
_COSTLY = (ast.Pow, ast.LShift)
_LONGEST = 1000
# Operations in one expression: sympy's time grows faster with them than with a text's length.
_MOST = 50
# None stands for a leaf.
_CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict")


def is_size(text: object) -> bool:
    """Whether a text is arithmetic on sizes: Mul(Integer(2), Symbol('s77', positive=True))."""
    return _consists_of(text, _is_of_size)


def is_guard(text: object) -> bool:
    """Whether a text compares sizes of inputs: L['x'].size()[0] <= 64."""
    return _consists_of(text, _is_of_guard)


def is_spec(text: object) -> bool:
    """Whether a text describes plain containers, as PyTorch writes it: [1, {"type": ...}]."""
    try:
        document = json.loads(text) if isinstance(text, str) else None
        waiting = [document[1]] if isinstance(document, list) and len(document) == 2 else [None]
        while waiting:
            node = waiting.pop()
            if not isinstance(node, dict) or set(node) != {"type", "context", "children_spec"}:
                return False
            if node["type"] not in _CONTAINERS or not _is_plain(node["context"]):
                return False
            waiting += node["children_spec"]
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def _is_plain(context: object) -> bool:
    """Whether a container's context is nothing, or its keys."""
    value = json.loads(context) if isinstance(context, str) else context
    # PyTorch writes them into Python, as they are.
    return value is None or (
        isinstance(value, list) and all(type(key) is int or _is_key(key) for key in value)
    )


def _is_key(key: object) -> bool:
    return isinstance(key, str) and _KEY.fullmatch(key) is not None


def _consists_of(text: object, known: Callable[[ast.AST], bool]) -> bool:
    if not isinstance(text, str) or len(text) > _LONGEST or not _PLAIN.fullmatch(text):
        return False
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    nodes = list(ast.walk(tree))
    if (
        sum(isinstance(node, ast.Call | ast.BinOp | ast.BoolOp | ast.Compare) for node in nodes)
        > _MOST
    ):
        return False
    return all(
        (isinstance(node, _OPERATIONS) and not isinstance(node, _COSTLY)) or known(node)
        for node in nodes
    )


def _is_of_size(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in _FUNCTIONS
        case ast.keyword(arg=str(), value=ast.Constant(value=bool())):
            return True
        case ast.Name(id=name):
            return name in _FUNCTIONS or _SYMBOL.fullmatch(name) is not None
        case ast.Constant(value=str(value)):
            return _SYMBOL.fullmatch(value) is not None
        case ast.Constant(value=value):
            return isinstance(value, int | float)
    return False


def _is_of_guard(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="size"), args=[], keywords=[]):
            return True
        case ast.Attribute(attr="size", value=ast.Subscript()):
            return True
        case ast.Name(id="L") | ast.Subscript():
            return True
        case ast.Constant(value=str(value)):
            return value.isidentifier()
        case ast.Constant(value=value):
            return isinstance(value, int)
    return False
