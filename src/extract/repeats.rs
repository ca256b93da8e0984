//! What to say of two equal pages in a row.

use super::paginate::{Paginator, PagingFault, Position};
use crate::plan::{PaginatorSpec, ParameterPlace};

/// Why the page at `position` is most likely the one before it once more.
pub(super) fn fault(
    paginator: &dyn Paginator,
    spec: &PaginatorSpec,
    last: Option<&Position>,
    position: &Position,
) -> PagingFault {
    let first = |position: &Position| {
        let parameter = paginator.parameters(position).into_iter().next()?;
        let name = match parameter.place {
            ParameterPlace::Query(name) => name.clone(),
            ParameterPlace::Body(keys) => keys.join("."),
        };
        Some((name, parameter.text()))
    };
    let before = last.and_then(first).map(|(_, value)| value);
    match (first(position), spec) {
        (None, _) => PagingFault::RepeatedLink,
        (Some((parameter, after)), PaginatorSpec::PageNumber(_)) if after == "1" && before.as_deref() == Some("0") => {
            PagingFault::CountsFromOne { parameter }
        }
        (Some((parameter, after)), PaginatorSpec::Auto) => PagingFault::Guessed { parameter, before, after },
        (Some((parameter, after)), _) => PagingFault::Repeated { parameter, before, after },
    }
}
