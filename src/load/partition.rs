//! Partitions: columns whose values are told by the log for a whole file, and are not in the file.
//!
//! A value stands in the log as a text. Integers, texts, booleans and days can be told so and back without loss; other types are
//! refused as partition columns, and so is an empty text, which Delta Lake cannot tell from null.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, UInt32Array, new_null_array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use serde_json::{Map, Value, json};

use super::error::LoadErrorKind;
use super::key::position;

/// The values of the partition columns of a file, in the order of the columns; empty where a table has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Partition(Arc<[(String, Option<String>)]>);

impl Partition {
    /// From what the log has, in the order of `columns`.
    pub(super) fn of_log(values: Option<&Value>, columns: &[String]) -> Self {
        let value = |name: &String| values?.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Self(columns.iter().map(|name| (name.clone(), value(name))).collect())
    }

    /// As the log has it.
    pub(super) fn to_log(&self) -> Value {
        self.0.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into()
    }

    /// The folder of the files, named as Hive does: some readers take the values from there.
    pub(super) fn folder(&self) -> String {
        let level = |(name, value): &(String, Option<String>)| {
            let value = value.as_deref().map_or_else(|| "__HIVE_DEFAULT_PARTITION__".to_owned(), escaped);
            format!("{}={value}/", escaped(name))
        };
        self.0.iter().map(level).collect()
    }

    /// Whether a column of this name is told by the log.
    fn value(&self, name: &str) -> Option<&Option<String>> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The only value of a column, as statistics have it.
    pub(super) fn bound(&self, name: &str, schema: &SchemaRef) -> Option<Value> {
        let text = self.value(name)?.as_ref()?;
        let field = schema.fields().get(position(schema, name)?)?;
        Some(match field.data_type() {
            DataType::Int64 | DataType::Int32 | DataType::Int16 | DataType::Int8 => json!(text.parse::<i64>().ok()?),
            DataType::Utf8 | DataType::Date32 => json!(text),
            _ => return None,
        })
    }

    /// Rows of the file with the values of its partition in their columns.
    pub(super) fn fill(&self, rows: RecordBatch) -> Result<RecordBatch, LoadErrorKind> {
        if self.0.is_empty() {
            return Ok(rows);
        }
        let schema = rows.schema();
        let mut columns = rows.columns().to_vec();
        for (field, column) in schema.fields().iter().zip(&mut columns) {
            let Some(value) = self.value(field.name()) else { continue };
            *column = match value {
                Some(text) => {
                    cast(&StringArray::from_iter_values(std::iter::repeat_n(text, column.len())), field.data_type())?
                }
                None => new_null_array(field.data_type(), column.len()),
            };
        }
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}

/// A text as part of a path, with everything but plain signs as in a URL.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => escaped.push(char::from(byte)),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// Rows by the values of some columns, each group without these.
pub(super) fn split(rows: &RecordBatch, names: &[String]) -> Result<Vec<(Partition, RecordBatch)>, LoadErrorKind> {
    if names.is_empty() {
        return Ok(vec![(Partition::default(), rows.clone())]);
    }
    let schema = rows.schema();
    let places: Vec<Option<usize>> = names.iter().map(|name| position(&schema, name)).collect();
    let texts: Vec<Option<ArrayRef>> = names
        .iter()
        .zip(&places)
        .map(|(name, place)| {
            place.and_then(|index| rows.columns().get(index)).map(|column| texts(name, column)).transpose()
        })
        .collect::<Result<_, _>>()?;
    let mut groups: BTreeMap<Vec<Option<&str>>, Vec<u32>> = BTreeMap::new();
    for row in 0..rows.num_rows() {
        let key = texts.iter().map(|texts| text(texts.as_ref()?, row)).collect();
        groups.entry(key).or_default().push(u32::try_from(row).unwrap_or(u32::MAX));
    }
    let kept: Vec<usize> = (0..rows.num_columns()).filter(|index| !places.contains(&Some(*index))).collect();
    let without = rows.project(&kept)?;
    let group = |(key, members): (Vec<Option<&str>>, Vec<u32>)| {
        let values = names.iter().cloned().zip(key.into_iter().map(|text| text.map(str::to_owned)));
        let part = match members.len() == rows.num_rows() {
            true => without.clone(),
            false => take_record_batch(&without, &UInt32Array::from(members))?,
        };
        Ok((Partition(values.collect()), part))
    };
    groups.into_iter().map(group).collect()
}

fn text(texts: &ArrayRef, row: usize) -> Option<&str> {
    let texts = texts.as_any().downcast_ref::<StringArray>()?;
    texts.is_valid(row).then(|| texts.value(row))
}

/// The values of a partition column as the log has them.
fn texts(name: &str, column: &ArrayRef) -> Result<ArrayRef, LoadErrorKind> {
    if !takes(column.data_type()) {
        let (column, problem) = (name.to_owned(), format!("it holds values of type {}", column.data_type()));
        return Err(LoadErrorKind::Partition { column, problem });
    }
    let texts = cast(column, &DataType::Utf8)?;
    let is_empty = |texts: &StringArray| texts.iter().flatten().any(str::is_empty);
    if texts.as_any().downcast_ref::<StringArray>().is_some_and(is_empty) {
        let problem = "it holds an empty text, which Delta Lake cannot tell from null".to_owned();
        return Err(LoadErrorKind::Partition { column: name.to_owned(), problem });
    }
    Ok(texts)
}

/// Whether the values of a type can be told as texts and back.
pub(super) fn takes(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int64
            | DataType::Int32
            | DataType::Int16
            | DataType::Int8
            | DataType::Utf8
            | DataType::Date32
            | DataType::Boolean
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Date32Array, Int64Array};

    use super::*;

    #[test]
    fn what_is_split_is_filled_again() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("n", Arc::new(Int64Array::from(vec![Some(1), Some(-2), None, Some(1)]))),
            ("id", Arc::new(Int64Array::from(vec![10, 11, 12, 13]))),
            ("day", Arc::new(Date32Array::from(vec![19_000, 19_000, 19_001, 19_000]))),
            ("is", Arc::new(BooleanArray::from(vec![true, false, true, true]))),
            ("text", Arc::new(StringArray::from(vec![Some("a/b c"), None, Some("é"), Some("a/b c")]))),
        ];
        let rows =
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)));
        let rows = rows.expect("rows");
        let names = ["n", "day", "is", "text"].map(str::to_owned);
        let parts = split(&rows, &names).expect("types that can be told");
        assert_eq!(parts.len(), 3);
        let mut filled = Vec::new();
        for (partition, part) in &parts {
            assert_eq!(part.num_columns(), 1);
            let again = Partition::of_log(Some(&partition.to_log()), &names);
            assert_eq!(&again, partition);
            let aligned = super::super::align::align(part, &rows.schema()).expect("nulls");
            filled.push(again.fill(aligned).expect("values"));
        }
        let order = UInt32Array::from(vec![2, 1, 0, 3]);
        let found = arrow::compute::concat_batches(&rows.schema(), &filled).expect("one schema");
        assert_eq!(found, take_record_batch(&rows, &order).expect("rows"));
        assert!(parts.iter().any(|(partition, _)| partition.folder() == "n=1/day=2022-01-08/is=true/text=a%2Fb%20c/"));
    }

    #[test]
    fn what_cannot_be_told_back_is_refused() {
        for column in
            [Arc::new(StringArray::from(vec![""])) as ArrayRef, Arc::new(arrow::array::Float64Array::from(vec![1.0]))]
        {
            let rows = RecordBatch::try_from_iter([("p", column)]).expect("a row");
            assert!(matches!(split(&rows, &["p".to_owned()]), Err(LoadErrorKind::Partition { .. })));
        }
    }
}
