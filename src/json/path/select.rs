//! Steps over a document. Matches stay in document order; what does not fit a step is no match.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::{Condition, Literal, Operator, Step};
use crate::json::{Items, Kind, Node};

/// All matches of `steps` from `root`.
pub(super) fn all<'a>(steps: &[Step], root: Node<'a>) -> Vec<Node<'a>> {
    steps.iter().fold(vec![root], |matches, next| step(next, matches))
}

/// The matches of one step from each of `matches`.
pub(super) fn step<'a>(step: &Step, matches: Vec<Node<'a>>) -> Vec<Node<'a>> {
    let mut found = Vec::new();
    for node in matches {
        push_matches(step, node, &mut found);
    }
    // Only these can lead to one value twice. Each is taken once: with several such steps they would multiply without end.
    if matches!(step, Step::Members(_) | Step::Indices(_) | Step::Descend) {
        let mut seen = HashSet::with_capacity(found.len());
        found.retain(|node| seen.insert(node.at));
    }
    found
}

fn push_matches<'a>(step: &Step, node: Node<'a>, found: &mut Vec<Node<'a>>) {
    match (step, node.kind()) {
        (Step::Member(name), _) => found.extend(node.member(name)),
        (Step::Members(names), Kind::Object(_)) => found.extend(names.iter().filter_map(|name| node.member(name))),
        (Step::Index(index), Kind::Array(items)) => found.extend(element(items, *index)),
        (Step::Indices(indices), Kind::Array(items)) => {
            found.extend(indices.iter().filter_map(|index| element(items, *index)));
        }
        (Step::AnyMember, Kind::Object(members)) => found.extend(members.iter().map(|(_, value)| value)),
        (Step::AnyElement, Kind::Array(items)) => found.extend(items.iter()),
        (Step::AnyElement, Kind::Null) => {}
        (Step::AnyElement, _) => found.push(node),
        (Step::Slice { start, end, stride }, Kind::Array(items)) => {
            let start = start.map_or(0, |start| bound(start, items.len()));
            let end = end.map_or(items.len(), |end| bound(end, items.len()));
            found.extend(items.iter().take(end).skip(start).step_by(*stride));
        }
        (Step::Descend, _) => descend(node, found),
        (Step::Filter(condition), Kind::Array(items)) => {
            found.extend(items.iter().filter(|item| holds(condition, *item)));
        }
        (Step::Filter(condition), Kind::Object(members)) => {
            found.extend(members.iter().map(|(_, value)| value).filter(|value| holds(condition, *value)));
        }
        (
            Step::Members(_)
            | Step::Index(_)
            | Step::Indices(_)
            | Step::AnyMember
            | Step::Slice { .. }
            | Step::Filter(_),
            _,
        ) => {}
    }
}

fn element(items: Items<'_>, index: i64) -> Option<Node<'_>> {
    let index = match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    items.get(index)
}

/// One end of a slice as a position from the front; a negative one counts from the back.
fn bound(index: i64, length: usize) -> usize {
    match usize::try_from(index) {
        Ok(index) => index.min(length),
        Err(_) => length.saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX)),
    }
}

/// The value and all below it, each before what it holds. Deep documents need no deep stack here.
fn descend<'a>(root: Node<'a>, found: &mut Vec<Node<'a>>) {
    let mut waiting = vec![root];
    while let Some(node) = waiting.pop() {
        found.push(node);
        let first = waiting.len();
        match node.kind() {
            Kind::Array(items) => waiting.extend(items.iter()),
            Kind::Object(members) => waiting.extend(members.iter().map(|(_, value)| value)),
            _ => {}
        }
        if let Some(children) = waiting.get_mut(first..) {
            children.reverse();
        }
    }
}

fn holds(condition: &Condition, node: Node<'_>) -> bool {
    match condition {
        Condition::All(conditions) => conditions.iter().all(|condition| holds(condition, node)),
        Condition::Any(conditions) => conditions.iter().any(|condition| holds(condition, node)),
        Condition::Present(steps) => !all(steps, node).is_empty(),
        Condition::Compare { steps, operator, literal } => {
            all(steps, node).into_iter().any(|value| compares(value, *operator, literal))
        }
    }
}

/// Values of different kinds are different and have no order; a text that is a number counts as one beside a number.
fn compares(value: Node<'_>, operator: Operator, literal: &Literal) -> bool {
    let order = match (value.kind(), literal) {
        (Kind::Null, Literal::Null) => Some(Ordering::Equal),
        (Kind::Bool(value), Literal::Bool(literal)) => Some(value.cmp(literal)),
        (Kind::Text(value), Literal::Text(literal)) => Some(value.cmp(literal.as_str())),
        (kind, Literal::Number(literal)) => number(value, kind).and_then(|value| value.partial_cmp(literal)),
        _ => None,
    };
    match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn number(node: Node<'_>, kind: Kind<'_>) -> Option<f64> {
    match kind {
        Kind::Float(value) => Some(value),
        Kind::Int(_) | Kind::BigInt | Kind::Inexact => node.to_json().parse().ok(),
        Kind::Text(text) => text.trim().parse().ok(),
        Kind::Null | Kind::Bool(_) | Kind::Array(_) | Kind::Object(_) => None,
    }
}
