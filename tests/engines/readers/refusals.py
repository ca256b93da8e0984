"""What an engine cannot read and says so. An entry is asserted to be refused: it fails once it is no longer true."""

# By the engine and the table's feature: why it is not read, and a part of the message with which the engine says so.
REFUSALS: dict[tuple[str, str], tuple[str, str]] = {}
