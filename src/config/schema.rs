//! `schema_contract`, `type_conflict`, `infer`, `on_missing_key`, `replace_schema` and `max_table_nesting`: how a table's schema may change.

use super::problem::Report;
use super::reader::{self, Reader, one_of, wrong_type};
use super::tree::{Tree, Value};
use crate::plan::{ContractMode, MissingKey, SchemaContract, SchemaRules, TypeConflict};

const CONFLICTS: [(&str, TypeConflict); 2] = [("variant", TypeConflict::Variant), ("widen", TypeConflict::Widen)];
const MISSING_KEYS: [(&str, MissingKey); 2] = [("fail", MissingKey::Fail), ("reject", MissingKey::Reject)];
const INFERRED: [&str; 1] = ["dates"];

/// Reads these keys of a resource.
pub(super) fn read(reader: &mut Reader<'_>) -> SchemaRules {
    let report = reader.report;
    let contract = reader.present("schema_contract").map(|tree| contract(tree, report)).unwrap_or_default();
    let type_conflict =
        reader.present("type_conflict").and_then(|tree| one_of(tree, &CONFLICTS, report)).unwrap_or_default();
    let inferred = reader.present("infer").and_then(|tree| Some((tree, reader::texts(tree, report)?)));
    if let Some((tree, words)) = &inferred
        && let Some(word) = words.iter().find(|word| !INFERRED.contains(&word.as_str()))
    {
        reader::invalid(tree, &format!("has no `{word}`; there is `dates`"), report);
    }
    let missing_key = reader.present("on_missing_key").and_then(|tree| one_of(tree, &MISSING_KEYS, report));
    let levels = reader.integer("max_table_nesting", 0);
    SchemaRules {
        contract,
        type_conflict,
        infer_dates: inferred.is_some_and(|(_, words)| !words.is_empty()),
        missing_key: missing_key.unwrap_or_default(),
        starts_anew: reader.bool("replace_schema").unwrap_or_default(),
        text_below: levels.map(|levels| usize::try_from(levels).unwrap_or(usize::MAX)),
    }
}

/// One mode for all, or one for each of `tables`, `columns` and `data_type`.
fn contract(tree: &Tree, report: &Report) -> SchemaContract {
    match &tree.value {
        Value::Text(_) => {
            let mode = one_of(tree, &ContractMode::NAMES, report).unwrap_or_default();
            SchemaContract { tables: mode, columns: mode, data_type: mode }
        }
        Value::Map(_) => {
            let Some(mut reader) = Reader::open(tree, report) else { return SchemaContract::default() };
            let mut mode = |key| {
                reader.present(key).and_then(|tree| one_of(tree, &ContractMode::NAMES, report)).unwrap_or_default()
            };
            let contract =
                SchemaContract { tables: mode("tables"), columns: mode("columns"), data_type: mode("data_type") };
            reader.close();
            contract
        }
        _ => {
            wrong_type(tree, "a string or a map", report);
            SchemaContract::default()
        }
    }
}
