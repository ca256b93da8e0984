//! Rows as a digest that is the same in every run, whatever columns the table has got meanwhile: what tells versions of a row apart.
//!
//! It is the 128-bit XXH3 over the names and values that are not null or empty, sorted by name at every level. Numbers count by their value, not
//! by the type of their column, which may have been widened between two runs.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use xxhash_rust::xxh3::Xxh3;

/// The version of every row, as 32 hexadecimal digits.
pub(super) fn row_versions(rows: &RecordBatch) -> Vec<String> {
    let schema = rows.schema();
    let mut columns: Vec<(&str, &ArrayRef)> =
        schema.fields().iter().map(|field| field.name().as_str()).zip(rows.columns()).collect();
    columns.sort_unstable_by_key(|(name, _)| *name);
    let version = |row: usize| {
        let mut digest = Xxh3::new();
        add_members(&columns, row, &mut digest);
        format!("{:032x}", digest.digest128())
    };
    (0..rows.num_rows()).map(version).collect()
}

fn add_members(columns: &[(&str, &ArrayRef)], row: usize, digest: &mut Xxh3) {
    for (name, column) in columns.iter().filter(|(_, column)| is_something(column, row)) {
        add_text(b'n', name.as_bytes(), digest);
        add_value(column, row, digest);
    }
}

/// Whether a column has more than null, `{}` or `[]` in a row: of these it depends on other rows whether there is a column.
fn is_something(column: &ArrayRef, row: usize) -> bool {
    column.is_valid(row)
        && match column.data_type() {
            DataType::Struct(_) => column.as_struct().columns().iter().any(|member| is_something(member, row)),
            DataType::List(_) => !column.as_list::<i32>().value(row).is_empty(),
            _ => true,
        }
}

/// A text with its length, so that no two sequences of texts run together.
fn add_text(kind: u8, text: &[u8], digest: &mut Xxh3) {
    digest.update(&[kind]);
    digest.update(&(text.len() as u64).to_le_bytes());
    digest.update(text);
}

fn add_value(column: &ArrayRef, row: usize, digest: &mut Xxh3) {
    if column.is_null(row) {
        digest.update(b"0");
        return;
    }
    match column.data_type() {
        DataType::Boolean => digest.update(if column.as_boolean().value(row) { b"t" } else { b"f" }),
        DataType::Int64 => add_text(b'#', column.as_primitive::<Int64Type>().value(row).to_string().as_bytes(), digest),
        // Whole numbers as integers have them: `5`, not `5.0`.
        DataType::Float64 => {
            add_text(b'#', column.as_primitive::<Float64Type>().value(row).to_string().as_bytes(), digest)
        }
        DataType::Decimal128(_, _) => {
            let text = column.as_primitive::<Decimal128Type>().value_as_string(row);
            let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            add_text(b'#', text.as_bytes(), digest);
        }
        DataType::Utf8 => add_text(b's', column.as_string::<i32>().value(row).as_bytes(), digest),
        DataType::Binary => add_text(b'b', column.as_binary::<i32>().value(row), digest),
        DataType::Date32 => add_text(b'd', &column.as_primitive::<Date32Type>().value(row).to_le_bytes(), digest),
        DataType::Timestamp(_, _) if column.as_primitive_opt::<TimestampMicrosecondType>().is_some() => {
            add_text(b'u', &column.as_primitive::<TimestampMicrosecondType>().value(row).to_le_bytes(), digest);
        }
        DataType::Struct(_) => add_struct(column.as_struct(), row, digest),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            digest.update(b"[");
            (0..items.len()).for_each(|item| add_value(&items, item, digest));
            digest.update(b"]");
        }
        // No type that rows of a load have.
        _ => add_text(b'?', array_value_to_string(column, row).unwrap_or_default().as_bytes(), digest),
    }
}

fn add_struct(column: &StructArray, row: usize, digest: &mut Xxh3) {
    let mut members: Vec<(&str, &ArrayRef)> = column.column_names().into_iter().zip(column.columns()).collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    digest.update(b"{");
    add_members(&members, row, digest);
    digest.update(b"}");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};

    use super::row_versions;

    fn versions(columns: Vec<(&str, ArrayRef)>) -> Vec<String> {
        row_versions(
            &RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
                .expect("a batch"),
        )
    }

    #[test]
    fn a_version_is_of_the_values_and_not_of_their_columns() {
        let a = || Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef;
        let b = || Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef;
        let plain = versions(vec![("a", a()), ("b", b())]);
        assert_ne!(plain[0], plain[1]);
        let nulls = Arc::new(Int64Array::from(vec![None, Some(0)])) as ArrayRef;
        let more = versions(vec![("b", b()), ("new", nulls), ("a", Arc::new(Float64Array::from(vec![1.0, 2.0])))]);
        assert_eq!(plain[0], more[0], "another order, a new column, a wider type");
        assert_ne!(plain[1], more[1]);
        assert_ne!(plain, versions(vec![("b", a()), ("a", b())]));
    }
}
