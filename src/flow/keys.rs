//! The columns of keys, and which column a name with a dot means.

use arrow::datatypes::{DataType, Fields, Schema};

use super::{SOURCE_KEY, VARIANT_KEY};

/// The columns that tell how rows join those of the table, by column name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyColumns {
    /// The key of a merge.
    pub key: Vec<KeyColumn>,
    /// Columns by which other rows go.
    pub merge_key: Vec<KeyColumn>,
    /// The column that takes the row of a key out of the table.
    pub hard_delete: Option<String>,
    /// The column that tells which of several rows of a key counts, and whether that is the greatest.
    pub dedup_sort: Option<(String, bool)>,
    /// The column that tells versions apart, where the rows have one.
    pub version: Option<String>,
    /// The columns that split the table's files.
    pub partitions: Vec<String>,
}

impl KeyColumns {
    /// Those that a row has to have.
    pub fn required(&self) -> Vec<KeyColumn> {
        let mut columns = self.key.clone();
        let version = self.version.as_deref().map(KeyColumn::top);
        columns.extend(self.merge_key.iter().cloned().chain(version).filter(|column| !self.key.contains(column)));
        columns
    }

    /// Settles what names with dots mean by the columns of a table, or of one that is to be.
    pub fn settle_by_table(&mut self, table: &Schema) {
        self.key.iter_mut().chain(&mut self.merge_key).for_each(|column| column.settle_by_table(table));
    }
}

/// A column of a key: of the top level, or a member of objects that are stored as structs (`meta.id`).
///
/// What a name with a dot means is settled once, by the first columns that tell: the one whose source key or name is the whole of it,
/// else the member. From then on it means the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// The column names from the top level down, never empty.
    path: Vec<String>,
    /// Of a name with a dot.
    dotted: Option<Dotted>,
    /// Until then `path` is the column that it is if it is no member.
    is_settled: bool,
}

/// A name with a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dotted {
    written: String,
    /// The member that it may mean.
    member: Vec<String>,
}

impl KeyColumn {
    /// A column of the top level.
    pub fn top(name: &str) -> Self {
        Self { path: vec![name.to_owned()], dotted: None, is_settled: true }
    }

    /// A name with a dot: the column `name` of the top level, or a member.
    pub fn dotted(written: &str, name: &str, member: Vec<String>) -> Self {
        Self { dotted: Some(Dotted { written: written.to_owned(), member }), is_settled: false, ..Self::top(name) }
    }

    /// The column names from the top level down.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Whether it is known which column it is.
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Whether it is a member, and there is a column now that it would have been had that been there before.
    pub fn is_contested_by(&self, columns: &Schema) -> bool {
        self.path.len() > 1 && self.whole(columns).is_some()
    }

    /// The name of the column of which the whole of a name with a dot is the source key, or the name.
    fn whole(&self, columns: &Schema) -> Option<String> {
        let written = &self.dotted.as_ref()?.written;
        let mut plain = columns.fields().iter().filter(|field| !field.metadata().contains_key(VARIANT_KEY));
        let whole = plain.find(|field| field.name() == written || field.metadata().get(SOURCE_KEY) == Some(written));
        whole.map(|field| field.name().clone())
    }

    /// The places of the column and its members, from the top level down; `None`: there is no such column.
    pub fn place(&self, fields: &Fields) -> Option<Vec<usize>> {
        place(fields, &self.path)
    }

    /// Settles what it means by the columns of some rows, where these tell.
    pub fn settle_by(&mut self, columns: &Schema) {
        let Some(dotted) = self.dotted.as_ref().filter(|_| !self.is_settled) else { return };
        let found = match self.whole(columns) {
            Some(name) => Some(vec![name]),
            None => names(columns.fields(), &dotted.member),
        };
        if let Some(path) = found {
            self.path = path;
            self.is_settled = true;
        }
    }

    /// Settles what it means by the columns of a table, of which another writer's do not tell their source keys.
    pub fn settle_by_table(&mut self, table: &Schema) {
        self.settle_by(table);
        let found = place(table.fields(), &self.path).and_then(|place| table.fields().get(*place.first()?));
        if found.is_some_and(|field| !field.metadata().contains_key(SOURCE_KEY)) {
            self.is_settled = true;
        }
    }
}

impl std::fmt::Display for KeyColumn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.dotted.as_ref().filter(|_| !self.is_settled) {
            Some(dotted) => formatter.write_str(&dotted.written),
            None => formatter.write_str(&self.path.join(".")),
        }
    }
}

/// The names of the columns that names lead to, as the columns have them.
fn names(fields: &Fields, path: &[String]) -> Option<Vec<String>> {
    let place = place(fields, path)?;
    let mut found = Vec::with_capacity(place.len());
    let mut level = fields;
    for index in place {
        let field = level.get(index)?;
        found.push(field.name().clone());
        if let DataType::Struct(members) = field.data_type() {
            level = members;
        }
    }
    Some(found)
}

/// Where names lead from the top level down, whatever their case.
fn place(fields: &Fields, path: &[String]) -> Option<Vec<usize>> {
    let (first, below) = path.split_first()?;
    let index = fields.iter().position(|field| field.name().eq_ignore_ascii_case(first))?;
    if below.is_empty() {
        return Some(vec![index]);
    }
    match fields.get(index)?.data_type() {
        DataType::Struct(members) => Some([vec![index], place(members, below)?].concat()),
        _ => None,
    }
}
