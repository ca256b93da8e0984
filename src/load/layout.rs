//! How data files are laid out: their size, that of their row groups, and how they are encoded.

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::error::LoadErrorKind;
use crate::plan::Limits;

/// Rows of one row group: small enough to be pruned by its statistics and encoded in little memory.
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// Bytes of rows at which a row group ends early: wide rows would fill the memory otherwise.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// The share of the memory budget for the open row group.
const ROW_GROUP_SHARE: u64 = 4;

/// The layout of the data files of one load.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Bytes at which the next file is begun.
    pub(super) file_bytes: u64,
    /// Rows at which a row group ends.
    pub(super) group_rows: usize,
    /// Encoded bytes at which a row group ends.
    pub(super) group_bytes: usize,
    /// The columns that split the files.
    pub(super) partitions: Vec<String>,
}

impl Layout {
    pub(super) fn new(limits: &Limits, partitions: Vec<String>) -> Self {
        let share = usize::try_from(limits.memory_bytes.get() / ROW_GROUP_SHARE).unwrap_or(usize::MAX);
        Self {
            file_bytes: limits.file_bytes.get(),
            group_rows: ROW_GROUP_ROWS,
            group_bytes: share.clamp(1, ROW_GROUP_BYTES),
            partitions,
        }
    }

    /// What the encoder is told; it does not end row groups by itself. `plain`: columns without a dictionary.
    pub(super) fn properties(&self, plain: Vec<ColumnPath>) -> Result<WriterProperties, LoadErrorKind> {
        let properties = WriterProperties::builder()
            .set_created_by(concat!("alluvium ", env!("CARGO_PKG_VERSION")).to_owned())
            // Level 1: the levels above cost more time than the network saves for REST data.
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_statistics_enabled(EnabledStatistics::Page);
        let without = |properties: WriterPropertiesBuilder, path| properties.set_column_dictionary_enabled(path, false);
        Ok(plain.into_iter().fold(properties, without).build())
    }
}
