//! The members of a body around its rows, and the parameters of a request, by names that are the same however they are written.

use super::said::count;
use crate::json::{Kind, Node, Path};
use crate::plan::{Endpoint, ParameterPlace};

/// Keys from the body to a sign.
const DEPTH_MAX: usize = 6;
/// Members that are looked at: envelopes have few, and a row that is taken for one may have many.
const MEMBERS_MAX: usize = 500;

/// Names that are as often those of filters and data: as numbers of a first page or row only small ones are taken for such, and no
/// date, time or key.
const AMBIGUOUS: [&str; 5] = ["start", "from", "p", "number", "current"];
const AMBIGUOUS_MAX: u64 = 1;

/// One member of an object in the body.
pub(super) struct Sign<'a> {
    pub(super) keys: Vec<&'a str>,
    pub(super) node: Node<'a>,
    /// The last key in small letters without what joins words, behind any namespace.
    pub(super) name: String,
}

/// What the endpoint's own request says of pages.
pub(super) struct Asked {
    parameters: Vec<AskedParameter>,
}

/// One parameter of the endpoint's own request.
struct AskedParameter {
    place: ParameterPlace,
    /// As that of a sign.
    name: String,
    /// Its value, if that may count rows or pages.
    number: Option<u64>,
}

/// All members of the objects in a body that are not in its rows, to which `rows` leads.
pub(super) fn collected<'a>(root: Node<'a>, rows: Option<&[&str]>) -> Vec<Sign<'a>> {
    let mut signs = Vec::new();
    collect(root, &mut Vec::new(), rows, &mut signs);
    signs
}

/// Depth is bounded, so that this may call itself.
fn collect<'a>(node: Node<'a>, keys: &mut Vec<&'a str>, rows: Option<&[&str]>, signs: &mut Vec<Sign<'a>>) {
    let Kind::Object(members) = node.kind() else { return };
    for (key, value) in members.iter() {
        if signs.len() >= MEMBERS_MAX {
            return;
        }
        keys.push(key);
        if rows != Some(keys.as_slice()) {
            signs.push(Sign { keys: keys.clone(), node: value, name: normal(key) });
            if keys.len() < DEPTH_MAX {
                collect(value, keys, rows, signs);
            }
        }
        keys.pop();
    }
}

/// `@odata.nextLink`, `hydra:next_link` and `next-link` are `nextlink`; `page[number]` and `$skip` are `pagenumber` and `skip`.
pub(super) fn normal(key: &str) -> String {
    let name = key.rsplit(['.', ':', '@', '$']).next().unwrap_or(key);
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Sign<'_> {
    pub(super) fn is_in(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }

    pub(super) fn path(&self) -> String {
        Path::of_members(self.keys.iter().copied()).to_string()
    }

    /// The key as it is written, without its namespace.
    pub(super) fn key(&self) -> &str {
        self.keys.last().and_then(|key| key.rsplit(['.', ':', '@', '$']).next()).unwrap_or_default()
    }

    pub(super) fn is_beside(&self, other: &Sign<'_>) -> bool {
        self.keys.len() == other.keys.len()
            && self.keys.split_last().map(|(_, up)| up) == other.keys.split_last().map(|(_, up)| up)
    }
}

/// The first sign of one of these names that may count rows or pages.
pub(super) fn shown<'s, 'a>(signs: &'s [Sign<'a>], names: &[&str]) -> Option<&'s Sign<'a>> {
    signs.iter().find(|sign| sign.is_in(names) && counts(&sign.name, count(sign.node)).is_some())
}

fn counts(name: &str, number: Option<u64>) -> Option<u64> {
    number.filter(|number| *number <= AMBIGUOUS_MAX || !AMBIGUOUS.contains(&name))
}

pub(super) fn query(name: &str) -> ParameterPlace {
    ParameterPlace::Query(name.to_owned())
}

impl Asked {
    pub(super) fn by(endpoint: &Endpoint) -> Self {
        let in_url = endpoint.url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
        let in_query = in_url.chain(endpoint.params.iter().cloned());
        let mut parameters: Vec<AskedParameter> =
            in_query.map(|(name, value)| AskedParameter::new(query(&name), &name, value.trim().parse().ok())).collect();
        if let Some(serde_json::Value::Object(members)) = &endpoint.json {
            parameters.extend(members.iter().map(|(name, value)| {
                AskedParameter::new(ParameterPlace::Body(vec![name.clone()]), name, value.as_u64())
            }));
        }
        Self { parameters }
    }

    /// The place of a parameter of this name, whatever it holds.
    pub(super) fn named(&self, name: &str) -> Option<ParameterPlace> {
        self.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.place.clone())
    }

    /// The place and the value of the first parameter of these names that may count rows or pages.
    pub(super) fn counted(&self, names: &[&str]) -> Option<(ParameterPlace, u64)> {
        self.parameters
            .iter()
            .filter(|parameter| names.contains(&parameter.name.as_str()))
            .find_map(|parameter| Some((parameter.place.clone(), parameter.number?)))
    }

    pub(super) fn place(&self, names: &[&str]) -> Option<ParameterPlace> {
        self.counted(names).map(|(place, _)| place)
    }

    pub(super) fn number(&self, names: &[&str]) -> Option<u64> {
        self.counted(names).map(|(_, number)| number)
    }
}

impl AskedParameter {
    fn new(place: ParameterPlace, name: &str, number: Option<u64>) -> Self {
        let name = normal(name);
        let number = counts(&name, number);
        Self { place, name, number }
    }
}
