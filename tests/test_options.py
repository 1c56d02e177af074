"""The docstrings of settings, which those who show them read from the source."""

from raytemplate.options import Options, field_docs


class Base(Options):
    first: int = 1
    """The first, on
    two lines."""


class Derived(Base):
    second: int = 2
    third: int = 3
    """The third."""


def test_each_field_has_the_docstring_below_it_also_that_of_a_base():
    assert field_docs(Derived) == {"first": "The first, on\ntwo lines.", "second": "", "third": "The third."}


def test_a_class_inside_a_function_has_them_too():
    class Inner(Options):
        only: int = 1
        """The only one."""

    assert field_docs(Inner) == {"only": "The only one."}


def test_a_class_without_source_has_none():
    made: dict[str, type[Options]] = {}
    exec("class Typed(Options):\n    x: int = 1\n    '''Lost.'''", {"Options": Options, "__name__": "nowhere"}, made)
    assert field_docs(made["Typed"]) == {"x": ""}
