"""Date formats are inferred from values; the name of a month tells which part is the month."""

from datetime import datetime, timedelta

from raytemplate.starting.survey.dates import choose, formats_of


def test_dates_of_one_month_by_its_name_are_no_riddle():
    found = formats_of(["May 01, 2024", "May 12, 2024"])
    assert set(found) == {"%b %d, %Y", "%B %d, %Y"}
    assert choose({"day": found}, {"day": "May 01, 2024"}, ()) == (found[0],)


def test_of_a_sorted_file_values_from_all_over_it_are_looked_at():
    start = datetime(2024, 1, 1)
    minutes = [f"{start + timedelta(minutes=n):%d/%m/%Y %H:%M}" for n in range(40_000)]
    assert formats_of(minutes) == ("%d/%m/%Y %H:%M",)
