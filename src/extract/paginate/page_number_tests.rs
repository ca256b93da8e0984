//! Pages that are counted, by example.

use super::*;
use crate::extract::paginate::testing::{Drive, TestPage, after, endpoint, page, page_spec, path, told};
use crate::plan::{PaginatorSpec, ParameterPlace};

#[test]
fn pages_are_counted_from_their_base_to_their_total() {
    let (full, short, none) = (r#"{"data":[1,2],"total":3}"#, r#"{"data":[1],"total":3}"#, r#"{"data":[],"total":3}"#);
    let table: [(u64, &[&str], &[&str]); 5] = [
        (0, &[full, full, short], &["page=1", "page=2", "end"]),
        (1, &[full, full, short], &["page=2", "page=3", "end"]),
        // A page that is shorter than others proves nothing.
        (1, &[full, short, short], &["page=2", "page=3", "end"]),
        (0, &[full, full, full], &["page=1", "page=2", "end"]),
        (0, &[full, none], &["page=1", "end, 2 missing"]),
    ];
    for (base, pages, expected) in table {
        let pages: Vec<TestPage<'_>> = pages.iter().map(|body| page(body)).collect();
        assert_eq!(told(PaginatorSpec::PageNumber(page_spec(base)), &pages), expected, "{base}");
    }
}

#[test]
fn a_total_is_doubted_where_the_scheme_is_a_guess() {
    // It may be the number of the last page, from 0, or the count of the rows of a page.
    let (full, short, none) = (r#"{"data":[1,2],"total":3}"#, r#"{"data":[1],"total":3}"#, r#"{"data":[],"total":3}"#);
    let table: [(&[&str], &[&str]); 2] = [
        (&[full, full, full, short, none], &["page=1", "page=2", "page=3", "page=4", "end"]),
        (&[full, full, full, none], &["page=1", "page=2", "page=3", "end"]),
    ];
    for (pages, expected) in table {
        let mut drive = Drive::with(Box::new(PageNumber::new(page_spec(0), Trust::Guessed)));
        let told: Vec<String> = pages.iter().map(|body| drive.tell(&page(body))).collect();
        assert_eq!(told, expected);
    }
}

#[test]
fn without_a_total_the_first_empty_page_ends_the_walk() {
    let pages = [r#"{"data":[1,2]}"#, r#"{"data":[1],"total":null}"#, r#"{"data":[1,2]}"#, r#"{"data":[]}"#].map(page);
    assert_eq!(told(PaginatorSpec::PageNumber(page_spec(1)), &pages), ["page=2", "page=3", "page=4", "end"]);
    assert_eq!(told(PaginatorSpec::PageNumber(page_spec(1)), &[page("")]), ["end"]);
    assert_eq!(
        after(PaginatorSpec::PageNumber(page_spec(1)), r#"{"data":[1],"total":"many"}"#),
        "fault: expected a number of pages at `total`, found `\"many\"`"
    );
}

#[test]
fn a_total_of_records_where_one_of_pages_is_meant_loses_no_page() {
    // 5 records on 3 pages: the walk ends at the empty page, and nothing is missing.
    let pages = [r#"{"data":[1,2],"total":5}"#, r#"{"data":[1,2],"total":5}"#, r#"{"data":[1],"total":5}"#].map(page);
    let mut drive = Drive::of(&endpoint(PaginatorSpec::PageNumber(page_spec(1))));
    let told: Vec<String> = pages.iter().map(|page| drive.tell(page)).collect();
    assert_eq!(told, ["page=2", "page=3", "page=4"]);
    assert!([404, 400].into_iter().all(|status| drive.position.ends_by(status)), "or at the refusal of one");
    assert_eq!(drive.tell(&page(r#"{"data":[],"total":5}"#)), "end");
}

#[test]
fn a_refusal_ends_the_pages_only_where_nobody_said_that_there_are_more() {
    let mut drive = Drive::of(&endpoint(PaginatorSpec::PageNumber(page_spec(1))));
    assert!(!drive.position.ends_by(404), "the first page has to be there");
    drive.tell(&page(r#"{"data":[1,2]}"#));
    assert!(drive.position.ends_by(404) && !drive.position.ends_by(400) && !drive.position.ends_by(500));
    drive.tell(&page(r#"{"data":[1]}"#));
    assert!(drive.position.ends_by(404) && drive.position.ends_by(400), "the last page was short");
    drive.tell(&page(r#"{"data":[1],"total":9}"#));
    assert!(!drive.position.ends_by(404), "the total says that there is one");
}

#[test]
fn other_ends_of_counted_pages_are_heard() {
    let full = r#"{"data":[1,2],"more":"yes"}"#;
    let spec = PageNumberSpec { has_more_path: Some(path("more")), total_path: None, ..page_spec(1) };
    let pages = [full, r#"{"data":[1,2],"more":"no"}"#].map(page);
    assert_eq!(told(PaginatorSpec::PageNumber(spec.clone()), &pages), ["page=2", "end"]);
    assert!(after(PaginatorSpec::PageNumber(spec.clone()), r#"{"data":[1]}"#).starts_with("fault: expected a boolean"));
    // Nobody but `more` ends this one.
    let spec = PageNumberSpec { stop_after_empty_page: false, ..spec };
    let pages = [full, r#"{"data":[],"more":true}"#, r#"{"data":[],"more":false}"#].map(page);
    assert_eq!(told(PaginatorSpec::PageNumber(spec), &pages), ["page=2", "page=3", "end"]);
    // The maximum is exclusive, as in dlt.
    let spec = PageNumberSpec { maximum_page: Some(3), ..page_spec(1) };
    assert_eq!(told(PaginatorSpec::PageNumber(spec), &[page(full), page(full)]), ["page=2", "end"]);
    let spec = PageNumberSpec { page: u64::MAX, ..page_spec(0) };
    assert!(after(PaginatorSpec::PageNumber(spec), full).contains("beyond what can be counted"));
    let spec = PageNumberSpec { page: 3, page_place: ParameterPlace::Body(vec!["p".into()]), ..page_spec(1) };
    assert_eq!(after(PaginatorSpec::PageNumber(spec), full), "p:4");
}

#[test]
fn counted_pages_are_asked_for_ahead_once_the_total_is_known() {
    let mut drive = Drive::of(&endpoint(PaginatorSpec::PageNumber(page_spec(1))));
    let first = drive.position.clone();
    assert_eq!(drive.machine.likely_after(&first), None);
    drive.tell(&page(r#"{"data":[1,2],"total":4}"#));
    let mut ahead = vec![drive.position.clone()];
    while let Some(next) = ahead.last().and_then(|last| drive.machine.likely_after(last)) {
        ahead.push(next);
    }
    let asked: Vec<String> = ahead.iter().map(|position| drive.asked(position)).collect();
    assert_eq!(asked, ["page=2", "page=3", "page=4"]);
}
