//! One source key of a table, and the columns that take its values: the one that has the plain name, and its variants.

use std::sync::Arc;

use arrow::datatypes::Field as ArrowField;

use super::arrow_types::{arrow_type, stored_kind};
use super::join::{Rules, needs_settling, settle_kind};
use super::kind::{Class, Kind};
use super::seen::Seen;
use super::shape::members;
use super::spread::Slot;
use crate::flow::{SOURCE_KEY, VARIANT_KEY};
use crate::plan::ContractMode;

/// One source key, with the columns that take its values.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// The source key; `None`: no key was seen yet for a column of the table or of a hint.
    pub(super) source: Option<Arc<str>>,
    /// The name of its first column, unique among its siblings whatever the case.
    pub(super) name: Arc<str>,
    /// The columns: the first has the plain name, the others are variants. None while types are open.
    pub(super) outlets: Vec<Outlet>,
    /// What was seen while types are open.
    pub(super) seen: Seen,
    /// A hint asks for values of other kinds to be converted.
    pub(super) converts: bool,
    pub(super) nullable: bool,
    /// Whether its first column may be there.
    pub(super) mode: ContractMode,
    /// A row of this load had the key.
    pub(super) is_used: bool,
    /// A hint forbids null.
    pub(super) required: bool,
}

/// One column.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) firmness: Firmness,
    /// Whether it may be there. The values of one that may not are rejected.
    pub(super) mode: ContractMode,
    /// The page at which it was settled; `None`: the table or a hint has it.
    pub(super) page: Option<u64>,
}

/// How firm the kind of a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Firmness {
    /// Files of this load have it: it may only widen.
    Settled,
    /// The table or a hint has it: it stays.
    Fixed,
}

impl Outlet {
    /// Whether the column takes the values of a class.
    pub(super) fn takes(&self, class: Class) -> bool {
        self.kind.takes(class, self.firmness == Firmness::Fixed)
    }

    /// Whether it is a column of the table, now or after this load.
    pub(super) fn is_column(&self) -> bool {
        self.kind.is_known() && self.mode == ContractMode::Evolve
    }

    /// Where its values go, before the type of the column is known.
    pub(super) fn slot(&self) -> Slot<'_> {
        Slot { kind: &self.kind, is_fixed: self.firmness == Firmness::Fixed, data_type: None }
    }

    /// Settled by this load.
    pub(super) fn settled(name: Arc<str>, kind: Kind, mode: ContractMode, rules: Rules) -> Self {
        Self { name, kind, firmness: Firmness::Settled, mode, page: Some(rules.page) }
    }

    /// As the table or a hint has it.
    pub(super) fn fixed(name: Arc<str>, kind: Kind) -> Self {
        Self { name, kind, firmness: Firmness::Fixed, mode: ContractMode::Evolve, page: None }
    }
}

impl Field {
    /// A new field under a name, with nothing known of its values.
    pub(super) fn open(source: Option<Arc<str>>, name: Arc<str>) -> Self {
        Self {
            source,
            name,
            outlets: Vec::new(),
            seen: Seen::default(),
            converts: false,
            nullable: true,
            mode: ContractMode::Evolve,
            is_used: false,
            required: false,
        }
    }

    /// Whether one of its columns may be there: the first as the field, variants by a rule of their own.
    pub(super) fn outlet_mode(&self, index: usize, rules: Rules) -> ContractMode {
        if index == 0 || self.mode != ContractMode::Evolve { self.mode } else { rules.variants }
    }

    pub(super) fn has_column(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.outlets.iter().any(|outlet| outlet.name.eq_ignore_ascii_case(name))
    }

    /// Whether settling would change anything, asked before shared shapes are copied.
    pub(super) fn needs_settling(&self) -> bool {
        let is_open = self.outlets.is_empty() && !self.seen.is_nothing();
        is_open || self.outlets.iter().any(|outlet| needs_settling(&outlet.kind))
    }

    /// The kind of the first column; nothing known while types are open.
    pub(super) fn kind(&self) -> &Kind {
        self.outlets.first().map_or(&Kind::Unknown, |outlet| &outlet.kind)
    }

    /// Whether there may be values in it that are kept out.
    pub(super) fn denies(&self) -> bool {
        self.outlets.iter().any(|outlet| match members(&outlet.kind) {
            _ if outlet.mode != ContractMode::Evolve => true,
            Some(shape) => shape.fields().iter().any(Self::denies),
            None => false,
        })
    }

    /// Gives the field its columns, if it held anything.
    pub(super) fn settle(&mut self, rules: Rules) -> bool {
        if !self.outlets.is_empty() {
            let mut changed = false;
            for outlet in &mut self.outlets {
                changed |= settle_kind(&mut outlet.kind, rules);
            }
            return changed;
        }
        for (index, kind) in self.seen.settled(rules).into_iter().enumerate() {
            let name = if index == 0 { Arc::clone(&self.name) } else { self.variant_name(&kind).into() };
            self.outlets.push(Outlet::settled(name, kind, self.outlet_mode(index, rules), rules));
        }
        if !self.outlets.is_empty() {
            self.seen = Seen::default();
        }
        !self.outlets.is_empty()
    }

    /// The name of a variant of a kind, by dlt's convention.
    pub(super) fn variant_name(&self, kind: &Kind) -> String {
        format!("{}__v_{}", self.name, kind.name())
    }

    pub(super) fn arrow(&self) -> impl Iterator<Item = ArrowField> + '_ {
        self.outlets.iter().enumerate().filter_map(|(index, outlet)| {
            let data_type = outlet.is_column().then(|| arrow_type(&outlet.kind)).flatten()?;
            let source = self.source.iter().map(|source| (SOURCE_KEY.to_owned(), source.to_string()));
            let variant = (index > 0).then(|| (VARIANT_KEY.to_owned(), self.name.to_string()));
            let field = ArrowField::new(outlet.name.as_ref(), data_type, self.nullable || index > 0);
            Some(field.with_metadata(source.chain(variant).collect()))
        })
    }
}

impl Outlet {
    pub(super) fn of_table(stored: &ArrowField) -> Self {
        let (name, kind) = (stored.name().as_str().into(), stored_kind(stored.data_type()));
        // JSON in a variant is stored as text, which its name tells apart.
        let is_json = stored.metadata().contains_key(VARIANT_KEY) && stored.name().contains("__v_json");
        let kind = if is_json && matches!(kind, Kind::Text) { Kind::Json } else { kind };
        Self::fixed(name, kind)
    }
}
