//! How the schema of a table may change, and what becomes of values that its columns do not take.

/// The rules of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchemaRules {
    /// What may be new.
    pub contract: SchemaContract,
    /// What becomes of a value that does not fit a column of the table.
    pub type_conflict: TypeConflict,
    /// Whether texts such as `2024-01-25` become dates where all of a column are.
    pub infer_dates: bool,
    /// What becomes of a row without its key.
    pub missing_key: MissingKey,
    /// A `replace` settles the columns anew, whatever the table has (`replace_schema`).
    pub starts_anew: bool,
    /// Objects and lists below so many levels are JSON text (dlt's `max_table_nesting`); `None`: none are.
    pub text_below: Option<usize>,
}

/// What becomes of a row that lacks a value of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingKey {
    /// It stops the resource.
    #[default]
    Fail,
    /// It is rejected.
    Reject,
}

/// dlt's `schema_contract`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchemaContract {
    /// The table itself, if it is not there yet.
    pub tables: ContractMode,
    /// Columns that a table does not have yet. A new table takes all.
    pub columns: ContractMode,
    /// Variants: values that do not fit their column.
    pub data_type: ContractMode,
}

/// What becomes of what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContractMode {
    /// It is taken.
    #[default]
    Evolve,
    /// It stops the resource.
    Freeze,
    /// Its row is rejected.
    DiscardRow,
    /// The value is rejected, and is null in its row.
    DiscardValue,
}

/// What becomes of a value that does not fit a column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TypeConflict {
    /// It goes to a variant column, such as `price__v_text`.
    #[default]
    Variant,
    /// The column gets the joined type where there is one that loses nothing, and the table is rewritten once.
    Widen,
}

impl ContractMode {
    /// Every mode with its name in a config.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("evolve", Self::Evolve),
        ("freeze", Self::Freeze),
        ("discard_row", Self::DiscardRow),
        ("discard_value", Self::DiscardValue),
    ];
}
