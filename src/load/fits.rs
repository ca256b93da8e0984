//! Whether files and loads have the types that a table has now.

use arrow::datatypes::{DataType, Fields};

use super::error::LoadErrorKind;

/// Whether a file's columns have the types of the schema. Columns that the file lacks are null to every reader.
pub(super) fn same_types(file: &Fields, schema: &Fields) -> bool {
    file.iter().all(|field| {
        let found = schema.iter().find(|other| other.name() == field.name());
        found.is_some_and(|other| same_type(field.data_type(), other.data_type()))
    })
}

fn same_type(file: &DataType, schema: &DataType) -> bool {
    match (file, schema) {
        (DataType::Struct(file), DataType::Struct(schema)) => same_types(file, schema),
        (DataType::List(file), DataType::List(schema)) => same_type(file.data_type(), schema.data_type()),
        (file, schema) => file == schema,
    }
}

/// Whether the load's columns still have the table's types, which another writer may have changed.
pub(super) fn check_types(load: &Fields, table: &Fields) -> Result<(), LoadErrorKind> {
    let fits = load.iter().all(|field| {
        let found = table.iter().find(|other| other.name().eq_ignore_ascii_case(field.name()));
        found.is_none_or(|other| same_or_grown(field.data_type(), other.data_type()))
    });
    if fits { Ok(()) } else { Err(LoadErrorKind::SchemaMoved) }
}

fn same_or_grown(load: &DataType, table: &DataType) -> bool {
    match (load, table) {
        (DataType::Struct(load), DataType::Struct(table)) => check_types(load, table).is_ok(),
        (DataType::List(load), DataType::List(table)) => same_or_grown(load.data_type(), table.data_type()),
        (load, table) => load == table,
    }
}
