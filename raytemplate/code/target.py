"""Checks targets such as "my_pkg.model:build", of a module that `code.modules` lists, without importing."""

import ast
import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from raytemplate.code.files import find_package, looked_in

_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def target_problem(target: object, modules: Sequence[str], folder: Path) -> str:
    """What is wrong with a target, in words; "" if nothing is.

    Args:
        modules: `code.modules`; modules below one of them are allowed too.
        folder: the template's folder.
    """
    if not isinstance(target, str) or not _TARGET.fullmatch(target):
        return f'got "{target}", expected a module and a name it defines, such as my_pkg.model:build'
    module, _, attribute = target.partition(":")
    if not any(module == listed or module.startswith(f"{listed}.") for listed in modules):
        return f"{module} may not be imported: it is not in code.modules; add it there, code: {{modules: [{module}]}}"
    file = _file_of(module, folder)
    return file if isinstance(file, str) else _attribute_problem(file, attribute)


def module_problem(module: str, folder: Path) -> str:
    """Why there is no such module; "" if there is."""
    package = find_package(module, folder)
    if package is None:
        locations = ", ".join(str(location) for location in looked_in(folder) if location.is_dir())
        return f'no module "{module.partition(".")[0]}" in {locations} or among the installed packages'
    if package.module_file(module) is None and not (package.path.is_dir() and module == package.name):
        return f'no module "{module}": {package.path} does not hold it'
    return ""


def _file_of(module: str, folder: Path) -> Path | str:
    if problem := module_problem(module, folder):
        return problem
    package = find_package(module, folder)
    file = package.module_file(module) if package else None
    return file or f'"{module}" is a folder without code; expected a module with the function'


def _attribute_problem(file: Path, attribute: str) -> str:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 0) or 0
        return f"{file}:{line}: {getattr(error, 'msg', error)}"
    names = set(_defined(tree.body))
    if attribute in names or "*" in names:
        return ""
    near = difflib.get_close_matches(attribute, sorted(names), n=1, cutoff=0.6)
    return f'{file} defines no "{attribute}"' + (f"; did you mean {near[0]}?" if near else "")


def _defined(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Names that a module's own statements bind; "*" for a star import, whose names are unknown."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
            case ast.Assign(targets=targets):
                yield from (n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If() | ast.Try() | ast.With():
                yield from _defined([s for s in ast.walk(statement) if isinstance(s, ast.stmt) and s is not statement])
            case _:
                pass
