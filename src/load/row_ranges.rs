//! The rows of a data file that may have a value, by the statistics of its row groups and of its pages.

use std::ops::Range;

use parquet::basic::Type;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;

/// What rows are looked for: those whose value in a column of integers or texts may be one of some.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Its path.
    pub(super) column: &'a [String],
    /// Whether one of them lies between two integers.
    pub(super) may_lie_within: &'a (dyn Fn(i64, i64) -> bool + Sync),
    /// All of them, where they are few: then pages and bloom filters, which have to be read, are worth a look.
    pub(super) few: Option<Few<'a>>,
}

/// A few values.
#[derive(Clone, Copy)]
pub(super) enum Few<'a> {
    Integers(&'a [i64]),
    Texts(&'a [String]),
}

impl Few<'_> {
    /// Whether a bloom filter lets one of them through.
    pub(super) fn may_be_in(&self, filter: &Sbbf) -> bool {
        match self {
            Self::Integers(values) => values.iter().any(|value| filter.check(value)),
            Self::Texts(values) => values.iter().any(|value| filter.check(value.as_str())),
        }
    }
}

/// The leaf of a file that has the column that is looked for, if its values are of the type of those.
pub(super) fn wanted_leaf(file: &ParquetMetaData, wanted: Wanted<'_>) -> Option<usize> {
    let schema = file.file_metadata().schema_descr();
    let leaf = schema.columns().iter().position(|leaf| is_at(leaf.path().parts(), wanted.column))?;
    let stored = schema.column(leaf).physical_type();
    let is_same = match wanted.few {
        Some(Few::Texts(_)) => stored == Type::BYTE_ARRAY,
        Some(Few::Integers(_)) | None => stored == Type::INT64,
    };
    is_same.then_some(leaf)
}

fn is_at(path: &[String], wanted: &[String]) -> bool {
    path.len() == wanted.len() && path.iter().zip(wanted).all(|(name, wanted)| name.eq_ignore_ascii_case(wanted))
}

/// The rows that may be wanted, in rising order; `None`: all. `lacking`: row groups that are known to have none.
pub(super) fn row_ranges(file: &ParquetMetaData, wanted: Wanted<'_>, lacking: &[usize]) -> Option<Vec<Range<u64>>> {
    let leaf = wanted_leaf(file, wanted)?;
    let (mut ranges, mut first, mut all) = (Vec::new(), 0, 0);
    for (index, group) in file.row_groups().iter().enumerate() {
        let end = first + u64::try_from(group.num_rows()).ok()?;
        all = end;
        if !lacking.contains(&index) && may_have(group, leaf, wanted) {
            match page_ranges(file, index, leaf, first..end, wanted) {
                Some(pages) => ranges.extend(pages),
                None => ranges.push(first..end),
            }
        }
        first = end;
    }
    let kept: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    (kept < all).then_some(ranges)
}

/// Whether a row group may have a value, by its statistics.
pub(super) fn may_have(group: &RowGroupMetaData, leaf: usize, wanted: Wanted<'_>) -> bool {
    group_bounds(group, leaf).is_none_or(|(low, high)| (wanted.may_lie_within)(low, high))
}

fn group_bounds(group: &RowGroupMetaData, leaf: usize) -> Option<(i64, i64)> {
    match group.column(leaf).statistics()? {
        Statistics::Int64(values) => Some((*values.min_opt()?, *values.max_opt()?)),
        _ => None,
    }
}

/// The pages of a row group that may have a value; `None`: that cannot be told.
fn page_ranges(
    file: &ParquetMetaData,
    group: usize,
    leaf: usize,
    rows: Range<u64>,
    wanted: Wanted<'_>,
) -> Option<Vec<Range<u64>>> {
    let bounds = match file.column_index()?.get(group)?.get(leaf)? {
        ColumnIndexMetaData::INT64(bounds) => bounds,
        _ => return None,
    };
    let pages = file.offset_index()?.get(group)?.get(leaf)?.page_locations();
    let starts: Option<Vec<u64>> =
        pages.iter().map(|page| Some(rows.start + u64::try_from(page.first_row_index).ok()?)).collect();
    let starts = starts?;
    let ends = starts.iter().skip(1).copied().chain([rows.end]);
    let mut ranges = Vec::new();
    for (index, (start, end)) in starts.iter().zip(ends).enumerate() {
        // A page of nulls has no bounds, and no key.
        let is_wanted = match (bounds.min_value(index), bounds.max_value(index)) {
            (Some(low), Some(high)) => (wanted.may_lie_within)(*low, *high),
            _ => true,
        };
        if is_wanted {
            ranges.push(*start..end);
        }
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
    use parquet::file::properties::{EnabledStatistics, WriterProperties};

    use super::*;

    /// The footer of a file of row groups of 100 rows, and pages of 10.
    fn footer(ids: &[i64]) -> ParquetMetaData {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(ids.iter().map(|id| format!("text {id}"))));
        let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
        let rows = RecordBatch::try_from_iter([("text", texts), ("ID", ids)]).expect("rows");
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(100))
            .set_data_page_row_count_limit(10)
            .set_write_batch_size(10)
            .set_statistics_enabled(EnabledStatistics::Page)
            .build();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), Some(properties)).expect("a writer");
        writer.write(&rows).expect("rows are written");
        writer.close().expect("a file");
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
        reader.parse_and_finish(&Bytes::from(file)).expect("a footer")
    }

    fn found(file: &ParquetMetaData, ids: &[i64]) -> Option<Vec<Range<u64>>> {
        let may_lie_within = |low: i64, high: i64| ids.iter().any(|id| (low..=high).contains(id));
        row_ranges(file, Wanted { column: &["id".to_owned()], may_lie_within: &may_lie_within, few: None }, &[3])
    }

    #[test]
    fn only_row_groups_and_pages_that_may_have_a_value_are_left() {
        let file = footer(&(0..1_000).map(|id| id * 2).collect::<Vec<_>>());
        assert_eq!(found(&file, &[0, 1_000, 1_998]), Some(vec![0..10, 500..510, 990..1_000]));
        assert_eq!(found(&file, &[700, 702]), Some(Vec::new()), "the fourth row group is known to lack them");
        assert_eq!(found(&file, &[18, 20]), Some(vec![0..10, 10..20]), "on both sides of an end of a page");
        assert_eq!(found(&file, &[19, 21, 1_998]), Some(vec![10..20, 990..1_000]), "19 lies between two pages");
        assert_eq!(found(&file, &[5_000, -1]), Some(Vec::new()));
        let all = Wanted { column: &["id".to_owned()], may_lie_within: &|_, _| true, few: None };
        assert_eq!(row_ranges(&file, all, &[]), None, "all are needed");
        let text = Wanted { column: &["text".to_owned()], may_lie_within: &|_, _| false, few: None };
        assert_eq!(row_ranges(&file, text, &[]), None, "nothing is known of texts");
    }
}
