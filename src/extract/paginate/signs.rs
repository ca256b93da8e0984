//! What in a first page suggests that others follow, and how they are asked for.
//!
//! Looked at are the members of objects, a few keys deep, not in arrays and not in what is a row. The first that
//! is there decides:
//!
//! 1. the header `Link` with `rel="next"`;
//! 2. a link under a key that starts with `next` (`next`, `nextLink`, `@odata.nextLink`, `hydra:next`, `links.next`), also as the
//!    `href`, `url` or `link` in an object there (HAL, JSON:API), or in a list of links by their relation (FHIR);
//! 3. a cursor under such a key that names one (`next_cursor`, `nextPageToken`);
//! 4. a number of pages (`total_pages`, `pages`, `lastPage`) above 1: page numbers;
//! 5. any other text or number under a key that starts with `next`: a cursor, or the number or offset that it is called;
//! 6. a number of records (`total`, `meta.total`, `count`) above those that came: page numbers where the page is numbered, else
//!    an offset;
//! 7. a `has_more` that is true: the same, or a fault where neither is spoken of.
//!
//! dlt knows 1, 2 (not `@odata.nextLink`), 4 (always from 0) and 5 (always as `cursor`). Names of parameters are those that the
//! endpoint's own request has, else those that the body says back, else dlt's.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::envelope::{Asked, Sign, collected, normal, query, shown};
use super::said::count;
use super::{PagingFault, Seen, link_header};
use crate::flow::RowPath;
use crate::json::{Kind, Node};
use crate::plan::{Endpoint, ParameterPlace};

/// A scheme that a page suggests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Choice {
    SinglePage,
    HeaderLink,
    JsonLink {
        path: String,
    },
    Cursor {
        path: String,
        place: ParameterPlace,
        has_more_path: Option<String>,
    },
    Page {
        place: ParameterPlace,
        first: Option<u64>,
        total_path: Option<String>,
        has_more_path: Option<String>,
    },
    Offset {
        place: ParameterPlace,
        limit_place: ParameterPlace,
        first: u64,
        limit: NonZeroU64,
        total_path: Option<String>,
        has_more_path: Option<String>,
    },
}

const PAGE_COUNTS: [&str; 10] = [
    "totalpages",
    "pages",
    "totalpage",
    "pagecount",
    "numpages",
    "nbpages",
    "numberofpages",
    "lastpage",
    "pagetotal",
    "maxpages",
];
const RECORD_COUNTS: [&str; 16] = [
    "total",
    "totalcount",
    "totalrecords",
    "totalresults",
    "totalitems",
    "totalelements",
    "totalrows",
    "totalhits",
    "totalsize",
    "totalentries",
    "recordstotal",
    "recordcount",
    "itemcount",
    "resultcount",
    "numfound",
    "count",
];
const PAGES: [&str; 7] = ["page", "currentpage", "pagenumber", "pageindex", "pageno", "pagenum", "p"];
/// Names that mean the number of the page beside a number of pages only.
const PAGES_BESIDE_COUNTS: [&str; 2] = ["number", "current"];
const OFFSETS: [&str; 7] = ["offset", "skip", "start", "startindex", "startat", "from", "pageoffset"];
const LIMITS: [&str; 6] = ["limit", "pagesize", "perpage", "itemsperpage", "maxresults", "pagelimit"];
/// Names that mean the limit where that is how many records came.
const LIMITS_THAT_FIT: [&str; 5] = ["size", "top", "rows", "take", "max"];
/// What stands behind `next` where the parameter is called so too. Any other word, such as `id`, may be that of a filter.
const TAKEN_BACK: [&str; 11] = [
    "cursor",
    "page",
    "pagetoken",
    "pagecursor",
    "pagenumber",
    "paginationtoken",
    "continuationtoken",
    "offset",
    "start",
    "skip",
    "marker",
];
const HAS_MORE: [&str; 6] = ["hasmore", "hasnext", "hasnextpage", "hasmorepages", "moreresults", "moreitems"];
const LINK_LISTS: [&str; 2] = ["links", "link"];
/// Links of a list that are looked at.
const LINKS_MAX: usize = 100;

/// The scheme that the first page suggests.
///
/// # Errors
/// When it says that more follows, and nothing tells how that is asked for.
pub(super) fn choice(seen: &Seen<'_>, endpoint: &Endpoint) -> Result<Choice, PagingFault> {
    if link_header::target(seen.answered.header("link"), "next").is_some_and(|target| !target.is_empty()) {
        return Ok(Choice::HeaderLink);
    }
    let Some(root) = seen.root() else { return Ok(Choice::SinglePage) };
    let rows: Option<Vec<&str>> = match seen.path {
        // The body is a row, where a name that starts with `next` may mean anything.
        RowPath::Whole | RowPath::Picked(..) => return Ok(Choice::SinglePage),
        RowPath::At(path) if path.names().is_some_and(|names| names.is_empty()) && seen.records.is_none() => {
            return Ok(Choice::SinglePage);
        }
        RowPath::At(path) => path.names(),
        RowPath::Nothing => None,
    };
    let signs = collected(root, rows.as_deref());
    let asked = Asked::by(endpoint);
    let records = seen.records.unwrap_or(seen.rows);
    let is_more = |sign: &&Sign<'_>| sign.is_in(&HAS_MORE) && matches!(sign.node.kind(), Kind::Bool(true));
    let more = signs.iter().find(is_more).map(Sign::path);
    let found = next_link(&signs)
        .or_else(|| cursor(&signs, &asked, is_cursor_name))
        .or_else(|| page_count(&signs, &asked))
        .or_else(|| cursor(&signs, &asked, |_| true))
        .or_else(|| record_count(&signs, &asked, records))
        .or_else(|| counted(&signs, &asked, records, Ends { total_path: None, has_more_path: Some(more.clone()?) }));
    match (found, more) {
        (Some(choice), _) => Ok(choice),
        (None, None) => Ok(Choice::SinglePage),
        (None, Some(path)) => Err(PagingFault::Undetected { path }),
    }
}

/// Whether a body without rows is an empty page rather than a row.
pub(super) fn is_envelope(root: Node<'_>) -> bool {
    if root.member("id").is_some() {
        return false;
    }
    collected(root, None).iter().any(|sign| {
        let is_count = sign.is_in(&PAGE_COUNTS) || sign.is_in(&RECORD_COUNTS);
        sign.name.starts_with("next") || (is_count && count(sign.node) == Some(0))
    })
}

fn is_cursor_name(name: &str) -> bool {
    ["cursor", "token", "marker", "continuation"].iter().any(|word| name.contains(word))
}

fn next_link(signs: &[Sign<'_>]) -> Option<Choice> {
    for sign in signs {
        if sign.is_in(&LINK_LISTS)
            && let Some(path) = listed_link(sign)
        {
            return Some(Choice::JsonLink { path });
        }
        if sign.name.starts_with("next")
            && let Some(behind) = link_below(sign)
        {
            return Some(Choice::JsonLink { path: format!("{}{behind}", sign.path()) });
        }
    }
    None
}

/// What leads from a sign to the link that it is or holds.
fn link_below(sign: &Sign<'_>) -> Option<String> {
    let in_object = |node: Node<'_>| {
        let link = |key: &&str| matches!(node.member(key).map(Node::kind), Some(Kind::Text(text)) if !text.is_empty());
        ["href", "url", "link"].into_iter().find(link)
    };
    match sign.node.kind() {
        Kind::Text(text) if is_link(&sign.name, text) => Some(String::new()),
        Kind::Object(_) => in_object(sign.node).map(|key| format!(".{key}")),
        Kind::Array(items) => items.get(0).and_then(in_object).map(|key| format!("[0].{key}")),
        _ => None,
    }
}

/// A text such as `AbC/=` may be a cursor, also one that starts with a slash.
fn is_link(name: &str, text: &str) -> bool {
    let text = text.trim();
    let is_absolute = text.starts_with("http://") || text.starts_with("https://");
    let has_query = text.split_once('?').is_some_and(|(_, query)| query.contains('='));
    is_absolute
        || (!is_cursor_name(name) && !text.contains(char::is_whitespace) && (text.starts_with('/') || has_query))
}

/// `links: [{rel: next, href: ...}]` and FHIR's `link: [{relation: next, url: ...}]`.
fn listed_link(sign: &Sign<'_>) -> Option<String> {
    let Kind::Array(items) = sign.node.kind() else { return None };
    for item in items.iter().take(LINKS_MAX) {
        for relation in ["rel", "relation"] {
            let is_next = matches!(item.member(relation).map(Node::kind), Some(Kind::Text("next")));
            let target = ["href", "url", "uri"].into_iter().find(|key| item.member(key).is_some());
            if let (true, Some(target)) = (is_next, target) {
                return Some(format!("{}[?(@.{relation}=='next')].{target}", sign.path()));
            }
        }
    }
    None
}

fn cursor(signs: &[Sign<'_>], asked: &Asked, is_wanted: impl Fn(&str) -> bool) -> Option<Choice> {
    let is_cursor = |sign: &&Sign<'_>| {
        let has_value = match sign.node.kind() {
            Kind::Text(text) => !text.trim().is_empty(),
            Kind::Int(number) => number != 0,
            Kind::BigInt | Kind::Inexact | Kind::Float(_) => true,
            Kind::Null | Kind::Bool(_) | Kind::Array(_) | Kind::Object(_) => false,
        };
        sign.name.starts_with("next") && has_value && is_wanted(&sign.name)
    };
    let sign = signs.iter().find(is_cursor)?;
    let follows = |page: &Sign<'_>| count(page.node).and_then(|page| page.checked_add(1)) == count(sign.node);
    let is_page_number = shown(signs, &PAGES).is_some_and(follows);
    let is_more = |sign: &&Sign<'_>| sign.is_in(&HAS_MORE) && matches!(sign.node.kind(), Kind::Bool(_));
    let has_more_path = signs.iter().find(is_more).map(Sign::path);
    Some(Choice::Cursor { path: sign.path(), place: cursor_place(sign, is_page_number, asked), has_more_path })
}

/// `next_cursor` goes to `cursor`, `nextPageToken` to `pageToken`; what is not known to be called so to `cursor`, as all do in dlt.
fn cursor_place(sign: &Sign<'_>, is_page_number: bool, asked: &Asked) -> ParameterPlace {
    let is_number = matches!(sign.node.kind(), Kind::Int(_));
    match sign.name.as_str() {
        "next" if is_page_number => return asked.place(&PAGES).unwrap_or_else(|| query("page")),
        "nextpage" | "nextpagenumber" if is_number => return asked.place(&PAGES).unwrap_or_else(|| query("page")),
        "nextoffset" | "nextstart" | "nextskip" if is_number => {
            let rest = sign.name.trim_start_matches("next");
            return asked.place(&OFFSETS).unwrap_or_else(|| query(rest));
        }
        // APIs that have a bare token take it back under the same name.
        "nexttoken" => return asked.named("nexttoken").unwrap_or_else(|| query(sign.key())),
        _ => {}
    }
    let rest = sign.key().get("next".len()..).unwrap_or_default().trim_start_matches(['_', '-']);
    if !TAKEN_BACK.contains(&normal(rest).as_str()) {
        return asked.named("cursor").unwrap_or_else(|| query("cursor"));
    }
    let mut characters = rest.chars();
    let rest: String = characters.next().into_iter().flat_map(char::to_lowercase).chain(characters).collect();
    asked.named(&normal(&rest)).unwrap_or_else(|| query(&rest))
}

fn page_count(signs: &[Sign<'_>], asked: &Asked) -> Option<Choice> {
    let is_count = |sign: &&Sign<'_>| sign.is_in(&PAGE_COUNTS) && count(sign.node).is_some_and(|pages| pages > 1);
    let total = signs.iter().find(is_count)?;
    let is_number = |sign: &Sign<'_>| sign.is_in(&PAGES) || sign.is_in(&PAGES_BESIDE_COUNTS);
    let shown = signs.iter().find(|sign| is_number(sign) && sign.is_beside(total));
    let first = asked.number(&PAGES).or_else(|| shown.and_then(|sign| count(sign.node)));
    let place = asked.place(&PAGES).unwrap_or_else(|| query("page"));
    Some(Choice::Page { place, first, total_path: Some(total.path()), has_more_path: None })
}

fn record_count(signs: &[Sign<'_>], asked: &Asked, records: u64) -> Option<Choice> {
    let before = asked.number(&OFFSETS).or_else(|| shown(signs, &OFFSETS).and_then(|sign| count(sign.node)));
    let seen = before.unwrap_or(0).saturating_add(records);
    let is_more = |node: Node<'_>| count(node).is_some_and(|total| total > seen);
    // Deeper down are the counts of facets and of parts of rows.
    let is_near = |sign: &&Sign<'_>| sign.keys.len() <= if sign.name == "count" { 2 } else { 3 };
    let total_path = signs.iter().filter(|sign| sign.is_in(&RECORD_COUNTS)).filter(is_near).find_map(|sign| {
        // Elasticsearch has it one level lower.
        let lower = sign.node.member("value").filter(|node| is_more(*node)).map(|_| format!("{}.value", sign.path()));
        if is_more(sign.node) { Some(sign.path()) } else { lower }
    })?;
    counted(signs, asked, records, Ends { total_path: Some(total_path), has_more_path: None })
}

/// What tells where records end.
struct Ends {
    total_path: Option<String>,
    has_more_path: Option<String>,
}

/// Pages by number or by offset, whichever the request or the body speaks of.
fn counted(signs: &[Sign<'_>], asked: &Asked, records: u64, ends: Ends) -> Option<Choice> {
    let number = |names| asked.number(names).or_else(|| shown(signs, names).and_then(|sign| count(sign.node)));
    let is_spoken_of = |names| asked.place(names).is_some() || shown(signs, names).is_some();
    let Ends { total_path, has_more_path } = ends;
    let by_offset = is_spoken_of(&OFFSETS);
    if !by_offset && is_spoken_of(&PAGES) {
        let place = asked.place(&PAGES).unwrap_or_else(|| query("page"));
        return Some(Choice::Page { place, first: number(&PAGES), total_path: None, has_more_path });
    }
    if !by_offset && total_path.is_none() {
        return None;
    }
    let (limit_place, limit) = limit(signs, asked, records);
    Some(Choice::Offset {
        place: asked.place(&OFFSETS).unwrap_or_else(|| query(shown(signs, &OFFSETS).map_or("offset", Sign::key))),
        limit_place,
        first: number(&OFFSETS).unwrap_or(0),
        limit: NonZeroU64::new(limit)?,
        total_path,
        has_more_path,
    })
}

/// How many records are asked for, and where that stands.
fn limit(signs: &[Sign<'_>], asked: &Asked, records: u64) -> (ParameterPlace, u64) {
    let fitting = || asked.counted(&LIMITS_THAT_FIT).filter(|(_, number)| *number == records);
    if let Some(limit) = asked.counted(&LIMITS).or_else(fitting) {
        return limit;
    }
    let fits = |sign: &&Sign<'_>| sign.is_in(&LIMITS_THAT_FIT) && count(sign.node) == Some(records);
    let shown = shown(signs, &LIMITS).or_else(|| signs.iter().find(fits));
    let number = shown.and_then(|sign| count(sign.node)).filter(|number| *number > 0);
    (query(shown.map_or("limit", Sign::key)), number.unwrap_or(records))
}
