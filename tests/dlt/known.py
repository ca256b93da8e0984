"""The known differences between dlt and alluvium, each with its reason."""

from dataclasses import dataclass, field

SHOWN = 6


@dataclass(frozen=True)
class Difference:
    """What is not the same after a run; a number stands for so many of a kind that is not worth listing."""

    run: int
    # `outcome`, `requests` or `table NAME`.
    where: str
    only_dlt: list[str] | int
    only_alluvium: list[str] | int
    # What the programs said, for who reads of it.
    problems: tuple[str, ...] = field(default=(), compare=False)

    def is_as(self, other: "Difference") -> bool:
        """Whether they are the same, as far as both say it."""
        sides = ((self.only_dlt, other.only_dlt), (self.only_alluvium, other.only_alluvium))
        return (self.run, self.where) == (other.run, other.where) and all(_agree(*side) for side in sides)

    def __str__(self) -> str:
        lines = [f"run {self.run}, {self.where}"]
        for name, only in (("dlt", self.only_dlt), ("alluvium", self.only_alluvium)):
            lines.append(f"  only {name}: {only if isinstance(only, int) else len(only)}")
            lines += [f"    {text}" for text in ([] if isinstance(only, int) else only[:SHOWN])]
        lines += [f"  said: {problem[:1500]}" for problem in self.problems]
        return "\n".join(lines)


@dataclass(frozen=True)
class Known:
    """A difference that is meant."""

    difference: Difference
    reason: str


def _agree(left: list[str] | int, right: list[str] | int) -> bool:
    if isinstance(left, int) or isinstance(right, int):
        return _count(left) == _count(right)
    return left == right


def _count(side: list[str] | int) -> int:
    return side if isinstance(side, int) else len(side)


DOUBT = "what a total counts is a guess: where it says that a full page was the last, one more page is asked for"
FAILED = ["failed"]


def requests(only_dlt: list[str] | int, only_alluvium: list[str] | int, reason: str) -> Known:
    """Other requests in the first run."""
    return Known(Difference(1, "requests", only_dlt, only_alluvium), reason)


def table(name: str, only_dlt: list[str] | int, only_alluvium: list[str] | int, reason: str) -> Known:
    """Other rows after the first run."""
    return Known(Difference(1, f"table {name}", only_dlt, only_alluvium), reason)


def outcome(only_dlt: list[str], only_alluvium: list[str], reason: str) -> Known:
    """One of both fails in the first run."""
    return Known(Difference(1, "outcome", only_dlt, only_alluvium), reason)


PAGES_FROM_ONE = "dlt counts from 0 where `total_pages` is found: it loads page 1 twice and the last page never"
NOT_ONE_THING = "for dlt a path that ends in a placeholder is one thing: the page around the rows becomes the row, and no page follows"
NO_SUCH_KEY = "dlt refuses a primary key that no row has; alluvium needs a key only where it merges by it"
NOTHING_SELECTED = "a selector that matches nothing is no success: dlt says nothing, and loads nothing"

KNOWN: dict[str, list[Known]] = {
    "auto_pages_from_zero": [requests([], ["GET /posts_total_pages_zero_based?page=5"], DOUBT)],
    "auto_pages_from_one": [
        requests([], ["GET /posts_total_pages?page=5", "GET /posts_total_pages?page=6"], PAGES_FROM_ONE),
        table("posts_total_pages", 5, 5, PAGES_FROM_ONE),
    ],
    "offset_without_total": [
        requests(
            ["GET /posts_offset_limit?limit=10&offset=30"],
            ["GET /posts_offset_limit?limit=10&offset=25"],
            "dlt goes on by the limit, alluvium by the rows that came: a server may cap a page below the limit",
        )
    ],
    "selector_of_nothing": [outcome([], FAILED, NOTHING_SELECTED)],
    "a_key_that_no_row_has": [
        outcome(FAILED, [], NO_SUCH_KEY),
        table("echo", [], ['{"asked": "/echo"}'], NO_SUCH_KEY),
    ],
    "parent_in_the_query_of_the_path": [
        requests([], 45, NOT_ONE_THING),
        table("comments", 5, 250, NOT_ONE_THING),
    ],
    "incremental_without_initial_value": [
        requests(
            ["GET /events?since=None"],
            ["GET /events"],
            "where there is no value there is no parameter; dlt sends Python's `None`",
        )
    ],
    "auth_api_key_in_the_query": [
        requests(4, 4, "a next link that has the key already: dlt adds it again, alluvium sends it once"),
    ],
}
