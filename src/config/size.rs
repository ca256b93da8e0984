//! Sizes: a number of bytes, or a text such as `128MB` or `64MiB`.

use super::problem::Report;
use super::reader::{integer, invalid};
use super::tree::{Tree, Value};

const UNITS: [(&str, u64); 7] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("b", 1),
];

/// A size of at least one byte.
pub(super) fn bytes(tree: &Tree, report: &Report) -> Option<u64> {
    let Value::Text(text) = &tree.value else { return integer(tree, 1, report) };
    let size = parse(&text.reveal());
    if size.is_none() {
        invalid(tree, "must be a size such as `128MB`, `64MiB` or a number of bytes", report);
    }
    size
}

/// Reads a size of at least one byte such as `128MB` or `64MiB`; a number without a unit is one of bytes.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((&text, 1));
    let number: u64 = number.trim().parse().ok()?;
    number.checked_mul(factor).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        let sizes = ["128MB", "64 MiB", "7", "1gb", "12B", "0", "MB", "-1", "1.5GB", "99999999999999999999"];
        let read =
            [Some(128_000_000), Some(64 << 20), Some(7), Some(1_000_000_000), Some(12), None, None, None, None, None];
        assert_eq!(sizes.map(parse), read);
    }
}
