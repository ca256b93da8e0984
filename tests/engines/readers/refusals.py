"""What an engine cannot read and says so. An entry is asserted to be refused: it fails once it is no longer true."""

# By the engine and the table's feature: why it is not read, and a part of the message with which the engine says so.
REFUSALS: dict[tuple[str, str], tuple[str, str]] = {
    ("polars", "columnMapping"): ("polars reads files by the columns' own names", "column mapping"),
    ("polars", "v2Checkpoint"): ("polars does not list the feature as one that it knows", "['v2Checkpoint']"),
    ("polars", "typeWidening"): ("polars does not list the feature as one that it knows", "['typeWidening']"),
    ("deltalake", "typeWidening"): ("delta-rs does not cast the values of older files", "[TypeWidening]"),
}
