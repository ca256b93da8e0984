//! The rows that cases load, and what a table must hold after them. This model is the oracle: it knows nothing of the
//! program under test.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Rows go by their key, and all that have the `quantity` of a row of the load.
    DeleteInsert,
    /// Of several rows of a key the one with the greatest `quantity` counts, of equal ones the last.
    DedupSort,
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

    /// The one of a seed, with those that need all rows of a walk among them.
    pub fn any_of(seed: u64) -> Self {
        match seed % 6 {
            3 => Self::Scd2,
            4 => Self::DeleteInsert,
            5 => Self::DedupSort,
            plain => Self::of(plain),
        }
    }

    /// As a config has it: keys of a resource. All versions begin and end at one time, so that runs can be compared.
    pub fn config(self) -> Value {
        let strategy = |name: &str| json!({"disposition": "merge", "strategy": name});
        match self {
            Self::Append | Self::Replace | Self::Merge => json!({"write_disposition": self.name()}),
            Self::Scd2 => {
                let mut scd2 = strategy("scd2");
                scd2["boundary_timestamp"] = json!("2024-01-25T00:00:00Z");
                json!({"write_disposition": scd2})
            }
            Self::DeleteInsert => json!({"write_disposition": strategy("delete-insert"), "merge_key": "quantity"}),
            Self::DedupSort => {
                json!({"write_disposition": "merge", "columns": {"quantity": {"dedup_sort": "desc"}}})
            }
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Scd2 => "scd2",
            Self::DeleteInsert => "delete-insert",
            Self::DedupSort => "dedup-sort",
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

    /// The same, with more rows of every seventh key after the others.
    pub fn with_repeated_keys(mut self) -> Self {
        let mut more: Vec<Value> = self.new.iter().step_by(7).cloned().collect();
        for (quantity, row) in (0..).zip(&mut more) {
            row["quantity"] = json!(quantity * 29 % 1_000);
        }
        self.new.extend(more);
        self
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
        Disposition::Merge => by_key(table.iter().chain(loaded)).into_values().collect(),
        Disposition::DeleteInsert => {
            let quantities: BTreeSet<Option<i64>> = loaded.iter().map(|row| row["quantity"].as_i64()).collect();
            let stays = table.iter().filter(|row| !quantities.contains(&row["quantity"].as_i64()));
            by_key(stays.chain(loaded)).into_values().collect()
        }
        Disposition::DedupSort => {
            let mut ordered: Vec<&Value> = loaded.iter().collect();
            ordered.sort_by_key(|row| row["quantity"].as_i64());
            by_key(table.iter().chain(ordered)).into_values().collect()
        }
    }
}

/// The last row of every key.
fn by_key<'r>(rows: impl Iterator<Item = &'r Value>) -> BTreeMap<Option<i64>, Value> {
    rows.map(|row| (row["id"].as_i64(), row.clone())).collect()
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
