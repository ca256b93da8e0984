//! How data files are laid out: their size, that of their row groups, and how they are encoded.

use std::num::{NonZeroU64, NonZeroUsize};

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::error::LoadErrorKind;
use crate::plan::{FileLayout, Limits};

/// Rows of one row group: small enough to be pruned by its statistics and encoded in little memory.
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// Bytes of rows at which a row group ends early: wide rows would fill the memory otherwise.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// The levels above cost more time than the network saves for REST data.
const ZSTD_LEVEL: i32 = 1;
/// How many of a hundred values that a row group has not its bloom filter lets through. A merge asks for many keys at once, so that of the
/// usual 5 in 100 nothing would be spared; one costs some 10 bits a row in place of 6.
const BLOOM_FPP: f64 = 0.01;
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
    /// The columns that get bloom filters, by their paths.
    pub(super) blooms: Vec<Vec<String>>,
    pub(super) zstd_level: i32,
    /// Columns are encoded one after the other, by the thread that writes: the cores have work of the same kind already.
    pub(super) encodes_alone: bool,
}

impl Layout {
    pub(super) fn new(limits: &Limits, partitions: Vec<String>) -> Self {
        let share = usize::try_from(limits.memory_bytes.get() / ROW_GROUP_SHARE).unwrap_or(usize::MAX);
        Self {
            file_bytes: limits.file_bytes.get(),
            group_rows: ROW_GROUP_ROWS,
            group_bytes: share.clamp(1, ROW_GROUP_BYTES),
            partitions,
            blooms: Vec::new(),
            zstd_level: ZSTD_LEVEL,
            encodes_alone: false,
        }
    }

    /// The same as a config has it.
    pub(super) fn with(self, files: FileLayout) -> Self {
        Self {
            file_bytes: files.file_bytes.map_or(self.file_bytes, NonZeroU64::get),
            group_rows: files.row_group_rows.map_or(self.group_rows, NonZeroUsize::get),
            zstd_level: files.zstd_level.map_or(self.zstd_level, i32::from),
            ..self
        }
    }

    /// What the encoder is told; it does not end row groups by itself. `plain`: columns without a dictionary.
    pub(super) fn properties(&self, plain: Vec<ColumnPath>) -> Result<WriterProperties, LoadErrorKind> {
        let properties = WriterProperties::builder()
            .set_created_by(concat!("alluvium ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(self.zstd_level)?))
            .set_statistics_enabled(EnabledStatistics::Page);
        let without = |properties: WriterPropertiesBuilder, path| properties.set_column_dictionary_enabled(path, false);
        let with_bloom = |properties: WriterPropertiesBuilder, path: &Vec<String>| {
            let path = ColumnPath::new(path.clone());
            let ndv = u64::try_from(self.group_rows).unwrap_or(u64::MAX);
            properties
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_max_ndv(path.clone(), ndv)
                .set_column_bloom_filter_fpp(path, BLOOM_FPP)
        };
        let properties = self.blooms.iter().fold(properties, with_bloom);
        Ok(plain.into_iter().fold(properties, without).build())
    }
}
