"""Both programs load the same configs from the same API: they must ask the same and leave the same rows.

What differs is in `known.py`, with its reason; that what is listed there still differs is tested as well.
"""

from collections import Counter
from pathlib import Path

import pytest

from configs import SCENARIOS
from known import KNOWN, Difference
from programs import Alluvium, Dlt
from scenario import Scenario
from server import Api


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_both_do_the_same(scenario: Scenario, tmp_path: Path) -> None:
    found = differences(scenario, tmp_path)
    known = [one.difference for one in KNOWN.get(scenario.name, [])]
    new = [one for one in found if not any(one.is_as(other) for other in known)]
    gone = [one for one in known if not any(other.is_as(one) for other in found)]
    lines = [f"differs, and is not listed: {one}" for one in new] + [f"is listed, and does not differ so: {one}" for one in gone]
    assert not lines, "\n" + "\n".join(lines)


def test_every_name_is_of_one_scenario() -> None:
    names = Counter(scenario.name for scenario in SCENARIOS)
    assert max(names.values()) == 1, names
    assert set(KNOWN) <= set(names)


def differences(scenario: Scenario, folder: Path) -> list[Difference]:
    """What differs in any of the runs of a scenario."""
    theirs, ours = Dlt(folder), Alluvium(folder)
    found: list[Difference] = []
    with Api() as dlt_api, Api() as alluvium_api:
        for run in range(1, scenario.runs + 1):
            for api in (dlt_api, alluvium_api):
                api.generation = run
                api.requests.clear()
            # Alluvium is a process of its own, and runs beside dlt, which runs in this one.
            with ours.running(scenario.config_for(alluvium_api.url)) as our_problems:
                with theirs.running(scenario.config_for(dlt_api.url)) as their_problems:
                    pass
            outcomes = [["failed"] if problems else [] for problems in (their_problems, our_problems)]
            compared = {"outcome": outcomes, "requests": [list(map(str, api.requests)) for api in (dlt_api, alluvium_api)]}
            their_tables, our_tables = theirs.tables(), ours.tables()
            for table in sorted({*their_tables, *our_tables}):
                compared[f"table {table}"] = [their_tables.get(table, []), our_tables.get(table, [])]
            for where, (dlts, alluviums) in compared.items():
                left, right = Counter(dlts), Counter(alluviums)
                if left != right:
                    problems = tuple(their_problems + our_problems)
                    found.append(Difference(run, where, _sorted(left - right), _sorted(right - left), problems))
    return found


def _sorted(counts: Counter[str]) -> list[str]:
    return sorted(counts.elements())
