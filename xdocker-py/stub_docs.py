"""Puts the docstrings of the installed module into its stubs, where editors look for them.

They are written once, in the Rust sources. ``python stub_docs.py`` rewrites the stubs, ``--check`` says which of them are
not in step, and what has no docstring at all.
"""

import ast
import importlib
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Iterator, List, Union

STUBS = Path(__file__).parent / "python" / "xdocker" / "_native"

Documented = Union[ast.ClassDef, ast.FunctionDef]


def documented(body: List[ast.stmt], owner: object) -> "Iterator[tuple[Documented, str, str]]":
    """Classes, functions and properties of a stub, with their names and the docstrings that they are to have."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("__"):
            thing = getattr(owner, node.name)
            yield node, f"{getattr(owner, '__name__', '')}.{node.name}", inspect.cleandoc(thing.__doc__ or "")
            if isinstance(node, ast.ClassDef):
                yield from documented(node.body, thing)


def block(doc: str, column: int) -> List[str]:
    """A docstring as lines."""
    if "\n" not in doc:
        return [" " * column + f'"""{doc}"""\n']
    lines = textwrap.indent(f'"""{doc}\n"""', " " * column, lambda line: line.strip() != "")
    return [line + "\n" for line in lines.split("\n")]


def rewritten(source: str, module: object) -> "tuple[str, List[str]]":
    """The stub with its docstrings, and the names that have none."""
    lines, without = source.splitlines(keepends=True), []
    nodes = list(documented(ast.parse(source).body, module))
    for node, name, doc in reversed(nodes):
        if not doc:
            without.append(name)
            continue
        first, column = node.body[0], node.col_offset + 4
        is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        start = first.lineno - 1
        if not is_text:
            # A class of properties: they stand behind its docstring.
            start -= len(getattr(first, "decorator_list", []))
            lines[start:start] = [*block(doc, column), "\n"]
            continue
        assert first.end_lineno is not None
        before = lines[start][: first.col_offset].rstrip()
        lines[start : first.end_lineno] = [*([before + "\n"] if before else []), *block(doc, column)]
    return "".join(lines), without


def main() -> int:
    """Returns 1 when something was not in step, or has no docstring."""
    wrong = 0
    for path in sorted(STUBS.glob("*.pyi")):
        name = "xdocker._native" + ("" if path.stem == "__init__" else f".{path.stem}")
        source = path.read_text()
        text, without = rewritten(source, importlib.import_module(name))
        for each in without:
            print(f"{each} has no docstring")
            wrong = 1
        if text != source and "--check" in sys.argv[1:]:
            print(f"{path}: its docstrings are not those of the module; run {Path(__file__).name}")
            wrong = 1
        elif text != source:
            path.write_text(text)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
