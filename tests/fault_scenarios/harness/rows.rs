//! The rows that cases load, and what a table must hold after them. This model is the oracle: it knows nothing of the
//! program under test.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Check;
use crate::records::{Keys, Records, Shape};

/// What a load does to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disposition {
    Append,
    Replace,
    Merge,
    /// Versions of rows; one that has ended has a member `ended` in the model.
    Scd2,
}

/// What the API serves before and after.
pub struct Rows {
    /// The rows of the first load.
    pub old: Vec<Value>,
    /// The rows of the second one: some changed, some new, and some of the old ones are missing.
    pub new: Vec<Value>,
}

const OLD_ROWS: u64 = 240;
const NEW_ROWS: u64 = 60;
/// Old rows that the second load has not.
const MISSING_ROWS: u64 = 40;

impl Disposition {
    /// The one of a seed: seeds in a row have all of them.
    pub fn of(seed: u64) -> Self {
        match seed % 3 {
            0 => Self::Append,
            1 => Self::Merge,
            _ => Self::Replace,
        }
    }

    /// The one of a seed, with versions of rows among them.
    pub fn any_of(seed: u64) -> Self {
        if seed % 4 == 3 { Self::Scd2 } else { Self::of(seed / 4 * 3 + seed % 4) }
    }

    /// As a config has it. All versions begin and end at one time, so that runs can be compared.
    pub fn config(self) -> Value {
        let scd2 = json!({"disposition": "merge", "strategy": "scd2", "boundary_timestamp": "2024-01-25T00:00:00Z"});
        if self == Self::Scd2 { scd2 } else { self.name().into() }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Scd2 => "scd2",
            Self::Append => "append",
            Self::Replace => "replace",
            Self::Merge => "merge",
        }
    }
}

impl Rows {
    /// Rows with rising or random keys; the new ones have a column more if that is asked for.
    pub fn made(rng: &mut fastrand::Rng, new_column: bool) -> Self {
        let keys = if rng.bool() { Keys::Rising } else { Keys::Random };
        let record = |number: u64, version: u64| -> Value {
            let text = Records { shape: Shape::Flat, keys, version }.json(number);
            serde_json::from_str(&text).expect("a record is JSON")
        };
        let old = (0..OLD_ROWS).map(|number| record(number, 0)).collect();
        let mut new: Vec<Value> = (MISSING_ROWS..OLD_ROWS + NEW_ROWS)
            .map(|number| record(number, u64::from(number.is_multiple_of(3) || number >= OLD_ROWS)))
            .collect();
        if new_column {
            new.iter_mut().filter(|row| row["version"] == 1).for_each(|row| row["added"] = json!("later"));
        }
        Self { old, new }
    }
}

/// The rows of a table after a load of these into it.
pub fn after(disposition: Disposition, table: &[Value], loaded: &[Value]) -> Vec<Value> {
    match disposition {
        Disposition::Append => [table, loaded].concat(),
        Disposition::Replace => loaded.to_vec(),
        Disposition::Scd2 => {
            let is_valid = |row: &Value| row.get("ended").is_none();
            let valid: Vec<&Value> = table.iter().filter(|row| is_valid(row)).collect();
            let ended = |row: &Value| {
                let mut row = row.clone();
                if is_valid(&row) && !loaded.contains(&row) {
                    row["ended"] = json!(true);
                }
                row
            };
            let begun = loaded.iter().filter(|row| !valid.contains(row)).cloned();
            table.iter().map(ended).chain(begun).collect()
        }
        Disposition::Merge => {
            let keyed = |row: &Value| (row["id"].as_i64(), row.clone());
            let mut rows: BTreeMap<Option<i64>, Value> = table.iter().map(keyed).collect();
            rows.extend(loaded.iter().map(keyed));
            rows.into_values().collect()
        }
    }
}

/// Whether these are the same rows, in any order; null members count as absent.
pub fn same_rows(found: &[Value], expected: &[Value]) -> Check {
    let (found, expected) = (counted(found), counted(expected));
    if found == expected {
        return Ok(());
    }
    let count = |rows: &BTreeMap<String, i64>| rows.values().sum::<i64>();
    let differing = |these: &BTreeMap<String, i64>, those: &BTreeMap<String, i64>| {
        let more = these.iter().filter(|(row, count)| those.get(*row).unwrap_or(&0) < count);
        let more: Vec<&String> = more.map(|(row, _)| row).collect();
        (more.len(), more.first().map_or(String::new(), |row| (*row).clone()))
    };
    let ((extra, an_extra), (lacking, a_lacking)) = (differing(&found, &expected), differing(&expected, &found));
    Err(format!(
        "{} rows in place of {}; {extra} too many such as {an_extra:.120}; {lacking} lacking such as {a_lacking:.120}",
        count(&found),
        count(&expected),
    ))
}

/// Rows by their text, with how often they are there.
fn counted(rows: &[Value]) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        let members = row.as_object().expect("a row is an object");
        // Sorted here, because the order of a map's members depends on a feature of its crate.
        let members: BTreeMap<&String, &Value> = members.iter().filter(|(_, value)| !value.is_null()).collect();
        *counts.entry(serde_json::to_string(&members).expect("JSON")).or_default() += 1;
    }
    counts
}
