"""A field of a template, as `raytemplate schema FIELD` shows it."""

from collections.abc import Sequence

from raytemplate.reports.layout import hanging, sentences
from raytemplate.spec.field_docs import FieldDoc
from raytemplate.spec.wording import show_value


def fields_text(docs: Sequence[FieldDoc]) -> str:
    """What a field means, expects and defaults to; one block for each different meaning that a family gives it."""
    return "\n\n".join(_block(doc) for doc in docs)


def _block(doc: FieldDoc) -> str:
    kinds = f"   {', '.join(doc.kinds)}" if doc.kinds else ""
    lines = [f"{doc.path}{kinds}", sentences(doc.meaning), hanging("  expected   ", doc.expected)]
    if doc.default is not None and "Default:" not in doc.meaning:
        lines.append(hanging("  default    ", show_value(doc.default).strip('"')))
    if doc.inside:
        lines.append(hanging("  inside     ", ", ".join(doc.inside)))
    return "\n".join(line for line in lines if line)
