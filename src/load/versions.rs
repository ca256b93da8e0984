//! The columns that versions of rows have (`scd2`): when each is valid, and what tells it from others.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use serde_json::Value;

use super::error::LoadErrorKind;
use super::key::{column, position};
use super::row_text::row_versions;
use super::table::TableFile;
use crate::flow::{KeyColumn, KeyColumns, LoadSchema};
use crate::plan::Scd2;

/// How the versions of a load's rows are kept.
#[derive(Debug, Clone)]
pub(super) struct Versions {
    from: String,
    pub(super) to: String,
    pub(super) version: String,
    /// The version is made of the values of a row.
    is_made: bool,
    boundary_us: i64,
    active_us: Option<i64>,
}

impl Versions {
    pub(super) fn new(rules: &Scd2, columns: &KeyColumns) -> Self {
        let [from, to] = rules.validity.clone().unwrap_or_else(|| Scd2::VALIDITY.map(str::to_owned));
        Self {
            from,
            to,
            version: columns.version.clone().unwrap_or_else(|| Scd2::VERSION.to_owned()),
            is_made: columns.version.is_none(),
            boundary_us: rules.boundary_us.unwrap_or_else(|| chrono::Utc::now().timestamp_micros()),
            active_us: rules.active_us,
        }
    }

    /// The columns by which rows are told apart, and those by which they end.
    pub(super) fn keys(&self, columns: &KeyColumns) -> KeyColumns {
        KeyColumns { key: vec![KeyColumn::top(&self.version)], ..columns.clone() }
    }

    fn fields(&self) -> Vec<Field> {
        let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let validity = [&self.from, &self.to].map(|name| Field::new(name, time(), true));
        let made = self.is_made.then(|| Field::new(&self.version, DataType::Utf8, true));
        validity.into_iter().chain(made).collect()
    }

    fn is_own(&self, name: &str) -> bool {
        self.fields().iter().any(|field| field.name().eq_ignore_ascii_case(name))
    }

    /// A table's columns without these, which no row of the load has.
    pub(super) fn hidden(&self, schema: &SchemaRef) -> SchemaRef {
        let fields: Vec<_> = schema.fields().iter().filter(|field| !self.is_own(field.name())).cloned().collect();
        Arc::new(Schema::new(fields))
    }

    /// The columns of a load and these.
    pub(super) fn shown(&self, load: &LoadSchema) -> LoadSchema {
        if load.columns.fields().is_empty() {
            return load.clone();
        }
        let fields = self.fields().into_iter().map(Arc::new).chain(load.columns.fields().iter().cloned());
        LoadSchema { columns: Arc::new(Schema::new(fields.collect::<Vec<_>>())), ..load.clone() }
    }

    /// New rows as versions that begin.
    pub(super) fn begun(&self, rows: &RecordBatch) -> Result<RecordBatch, LoadErrorKind> {
        let schema = rows.schema();
        if let Some(field) = schema.fields().iter().find(|field| self.is_own(field.name())) {
            return Err(LoadErrorKind::Taken { column: field.name().clone() });
        }
        let count = rows.num_rows();
        let mut columns: Vec<ArrayRef> =
            vec![self.times(Some(self.boundary_us), count), self.times(self.active_us, count)];
        if self.is_made {
            columns.push(Arc::new(StringArray::from_iter_values(row_versions(rows))));
        }
        columns.extend(rows.columns().iter().cloned());
        let fields = self.fields().into_iter().map(Arc::new).chain(schema.fields().iter().cloned());
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)?)
    }

    /// Stored versions, with their end.
    pub(super) fn ended(&self, rows: &RecordBatch) -> Result<RecordBatch, LoadErrorKind> {
        let mut columns = rows.columns().to_vec();
        let place = position(rows.schema_ref(), &self.to).and_then(|index| columns.get_mut(index));
        *place.ok_or(LoadErrorKind::Internal("a version without an end"))? =
            self.times(Some(self.boundary_us), rows.num_rows());
        Ok(RecordBatch::try_new(rows.schema(), columns)?)
    }

    fn times(&self, time_us: Option<i64>, count: usize) -> ArrayRef {
        let times: TimestampMicrosecondArray = std::iter::repeat_n(time_us, count).collect();
        Arc::new(times.with_timezone("UTC"))
    }

    /// Whether a file may have versions that are valid.
    pub(super) fn may_be_valid(&self, file: &TableFile) -> bool {
        let nulls = file.stats.as_ref().and_then(|stats| stats.get("nullCount")?.get(&self.to)?.as_u64());
        self.active_us.is_some()
            || nulls != Some(0)
            || file.rows.is_none()
            || file.stats.as_ref().is_none_or(Value::is_null)
    }

    /// The rows that are valid.
    pub(super) fn valid_rows(&self, rows: &RecordBatch) -> Vec<usize> {
        let Some(ends) = column(rows, &self.to).and_then(|ends| ends.as_primitive_opt::<TimestampMicrosecondType>())
        else {
            return (0..rows.num_rows()).collect();
        };
        let is_valid = |row: &usize| match self.active_us {
            None => ends.is_null(*row),
            Some(active) => ends.is_valid(*row) && ends.value(*row) == active,
        };
        (0..rows.num_rows()).filter(is_valid).collect()
    }
}
