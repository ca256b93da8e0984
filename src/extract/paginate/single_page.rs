//! One request and no more.

use serde_json::Value;

use super::{Paginator, PagingFault, Parameter, Position, Repeated, Seen, Step};
use crate::json::Node;

/// The scheme without a next page.
pub(super) struct SinglePage;

impl Paginator for SinglePage {
    fn first(&self) -> Position {
        Position::Only
    }

    fn noted(&self, _position: &Position) -> Value {
        Value::Null
    }

    fn resume(&mut self, _noted: &Value) -> Option<Position> {
        Some(Position::Only)
    }

    fn advance(&mut self, _position: &Position, _seen: &Seen<'_>) -> Result<Step, PagingFault> {
        Ok(Step::Done { missing: 0 })
    }

    fn likely_after(&self, _position: &Position) -> Option<Position> {
        None
    }

    fn parameters(&self, _position: &Position) -> Vec<Parameter<'_>> {
        Vec::new()
    }

    fn repeated(&mut self, _position: &Position, _seen: &Seen<'_>) -> Repeated {
        Repeated::Accept
    }

    fn is_paged(&self, _body: Node<'_>) -> bool {
        false
    }
}
