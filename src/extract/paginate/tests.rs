//! Each machine over made-up pages, by example. How the next page is asked for is told as `name=value`, as `name:value` in the
//! body, or as the URL of a link.

use serde_json::{Value, json};
use url::Url;

use super::testing::{
    Drive, TestPage, after, cursor_spec, endpoint, header_cursor, header_link, json_link, page, page_spec, path, query,
    told,
};
use super::*;
use crate::plan::{ApiKeyLocation, Auth, PageNumberSpec, Secret};

#[test]
fn a_cursor_leads_on_and_nothing_ends_the_walk() {
    let table = [
        (r#"{"data":[1],"next":"abc"}"#, "cursor=abc"),
        (r#"{"data":[1],"next":" abc "}"#, "cursor= abc "),
        (r#"{"data":[1],"next":7}"#, "cursor=7"),
        (r#"{"data":[1],"next":1.5}"#, "cursor=1.5"),
        (r#"{"data":[1],"next":18446744073709551615}"#, "cursor=18446744073709551615"),
        (r#"{"data":[1],"next":123456789012345678901234567890}"#, "cursor=123456789012345678901234567890"),
        // Filters may leave a page empty.
        (r#"{"data":[],"next":"abc"}"#, "cursor=abc"),
        (r#"{"data":[1],"next":null}"#, "end"),
        (r#"{"data":[1],"next":""}"#, "end"),
        (r#"{"data":[1],"next":" "}"#, "end"),
        (r#"{"data":[1],"next":0}"#, "end"),
        (r#"{"data":[1],"next":false}"#, "end"),
        (r#"{"data":[1],"next":[]}"#, "end"),
        (r#"{"data":[1]}"#, "end"),
        (r#"{"data":null,"next":null}"#, "end"),
        ("", "end"),
        (
            r#"{"data":[1],"next":{"a":1}}"#,
            "fault: expected a text or a number at `next` (`cursor_path`), found an object",
        ),
        (r#"{"data":[1],"next":true}"#, "fault: expected a text or a number at `next` (`cursor_path`), found `true`"),
    ];
    for (body, expected) in table {
        assert_eq!(after(PaginatorSpec::Cursor(cursor_spec(query("cursor"))), body), expected, "{body}");
    }
}

#[test]
fn a_cursor_keeps_its_type_in_a_body() {
    let spec = || PaginatorSpec::Cursor(cursor_spec(ParameterPlace::Body(vec!["page".into(), "after".into()])));
    assert_eq!(after(spec(), r#"{"data":[1],"next":7}"#), "page.after:7");
    assert_eq!(after(spec(), r#"{"data":[1],"next":"7"}"#), "page.after:\"7\"");
}

#[test]
fn a_cursor_may_be_the_last_row_of_a_page_that_has_one() {
    let mut spec = cursor_spec(query("starting_after"));
    spec.cursor_path = path("data[-1].id");
    spec.has_more_path = Some(path("has_more"));
    spec.stop_after_empty_page = true;
    let pages = [r#"{"data":[{"id":1},{"id":2}],"has_more":true}"#, r#"{"data":[{"id":3}],"has_more":false}"#];
    let spec = PaginatorSpec::Cursor(spec);
    assert_eq!(told(spec.clone(), &pages.map(page)), ["starting_after=2", "end"]);
    assert_eq!(after(spec.clone(), r#"{"data":[],"has_more":true}"#), "end");
    assert_eq!(
        after(spec.clone(), r#"{"data":[{"id":1}]}"#),
        "fault: expected a boolean at `has_more` (`has_more_path`), found nothing"
    );
    // dlt ends here, without a word.
    assert_eq!(
        after(spec, r#"{"data":[{"key":1}],"has_more":true}"#),
        "fault: `has_more` says that more follows, and there is no cursor at `data[-1].id`"
    );
}

#[test]
fn a_header_holds_a_cursor_or_ends_the_walk() {
    let header = |headers: &'static [(&'static str, &'static str)]| TestPage { headers, ..page("[1]") };
    let pages = [header(&[("x-next", "a b")]), header(&[("X-NEXT", ""), ("x-next", "7")]), header(&[("x-other", "1")])];
    assert_eq!(told(header_cursor(), &pages), ["c=a b", "c=7", "end"]);
    // dlt never ends here.
    assert_eq!(told(header_cursor(), &[header(&[("x-next", " ")])]), ["end"]);
}

#[test]
fn what_led_on_before_is_a_fault() {
    let next = |text: &'static str| page(text);
    let (a, b) = (r#"{"data":[1],"next":"a"}"#, r#"{"data":[2],"next":"b"}"#);
    let cursor = || PaginatorSpec::Cursor(cursor_spec(query("cursor")));
    let fault = "fault: the cursor `a` at `next` leads back to a page that was there before, so that the walk would have no end";
    assert_eq!(told(cursor(), &[next(a), next(a)]), ["cursor=a", fault]);
    assert_eq!(told(cursor(), &[next(a), next(b), next(a)]), ["cursor=a", "cursor=b", fault]);
    // Solr says so that this is the end, and others.
    assert_eq!(told(cursor(), &[next(a), next(r#"{"data":[],"next":"a"}"#)]), ["cursor=a", "end"]);
    let (at, empty) = (r#"{"data":[1],"next":"?c=1"}"#, r#"{"data":[],"next":"?c=1"}"#);
    assert_eq!(told(json_link(), &[next(at), next(empty)]), ["https://api.example/items?c=1", "end"]);
    let link = "fault: the link `https://api.example/items?c=1&api_key=***` at `next` leads back to a page that was there \
                before, so that the walk would have no end";
    let body = r#"{"data":[1],"next":"?c=1&api_key=canary"}"#;
    assert_eq!(told(json_link(), &[next(body), next(body)]), ["https://api.example/items?c=1&api_key=canary", link]);
    assert!(after(json_link(), r#"{"data":[1],"next":"/items"}"#).starts_with("fault: the link"), "its own page");
}

#[test]
fn pages_without_rows_are_not_followed_for_ever() {
    let mut drive = Drive::of(&endpoint(PaginatorSpec::Cursor(cursor_spec(query("cursor")))));
    let told = (0..20_000).find_map(|count| {
        let body = format!("{{\"data\":[],\"next\":\"{count}\"}}");
        Some(drive.tell(&page(&body))).filter(|told| told.starts_with("fault"))
    });
    assert_eq!(told.as_deref(), Some("fault: the last 10000 pages hold no rows, and each leads to another one"));
}

#[test]
fn a_link_leads_on_wherever_it_stands_and_however_it_is_written() {
    let table = [
        (r#""https://api.example/items?page=2&a=b%20c#top""#, "https://api.example/items?page=2&a=b%20c"),
        (r#""/v2/items?page=2""#, "https://api.example/v2/items?page=2"),
        (r#""?page=2""#, "https://api.example/v1/items?page=2"),
        (r#""more?page=2""#, "https://api.example/v1/more?page=2"),
        (r#"" /v2?page=2 ""#, "https://api.example/v2?page=2"),
        (r#""//other.example/x""#, "https://other.example/x"),
        // The server is behind a proxy that speaks TLS for it.
        (r#""http://api.example/x""#, "https://api.example/x"),
        (r#""http://api.example:8080/x""#, "http://api.example:8080/x"),
        ("null", "end"),
        ("false", "end"),
        (r#""""#, "end"),
        (r#""  ""#, "end"),
        ("{}", "end"),
        ("2", "fault: expected a link to the next page at `next`, found `2`"),
        (r#""ftp://a/b""#, "fault: expected a link to the next page at `next`, found a text that is no URL of HTTP"),
        (r#""https://""#, "fault: expected a link to the next page at `next`, found a text that is no URL of HTTP"),
    ];
    for (next, expected) in table {
        let body = format!("{{\"data\":[1],\"next\":{next}}}");
        let page = TestPage { url: "https://api.example/v1/items?page=1", ..page(&body) };
        assert_eq!(told(json_link(), &[page]), [expected], "{next}");
    }
    assert_eq!(after(json_link(), r#"{"data":[1]}"#), "end");
    assert_eq!(after(json_link(), ""), "end");
    let headers =
        [("Link", r#"<https://api.example/items?page=1>; rel="prev""#), ("link", "</items?page=3>; rel=next")];
    let pages = [TestPage { headers: &headers, ..page("[1]") }, TestPage { headers: &headers[..1], ..page("[1]") }];
    assert_eq!(told(header_link(), &pages), ["https://api.example/items?page=3", "end"]);
}

/// The position that a first page leads to.
fn linked(endpoint: &Endpoint, next: &str) -> Position {
    let mut drive = Drive::of(endpoint);
    let body = json!({"data": [1], "next": next}).to_string();
    drive.step(&page(&body)).expect("a link");
    drive.position
}

#[test]
fn a_link_keeps_no_secret_of_the_config_and_gets_it_back_at_home() {
    let key = Auth::ApiKey { name: "key".into(), key: Secret::new("canary 1"), location: ApiKeyLocation::Query };
    let endpoint = Endpoint {
        url: Url::parse("https://me:canary@api.example/items").expect("a URL"),
        params: vec![("tenant".into(), "canary2".into()), ("size".into(), "5".into())],
        auth: Some(key),
        secrets: vec![Secret::new("canary2")],
        ..endpoint(json_link())
    };
    let next = "https://api.example/items?a=%20x&key=canary+1&tenant=canary2&size=5";
    let Position::Link(link) = linked(&endpoint, next) else { panic!("no link") };
    assert_eq!((link.url.as_str(), link.left_origin), ("https://api.example/items?a=%20x&size=5", false));
    assert_eq!(link.restored, ["tenant"]);
    let noted = paginator(&endpoint).noted(&Position::Link(link.clone()));
    assert_eq!(noted, json!({"link": "/items?a=%20x&size=5", "restored": ["tenant"], "left_origin": false}));
    assert_eq!(paginator(&endpoint).resume(&noted), Some(Position::Link(link.clone())));
    assert!(!format!("{link:?} {noted}").contains("canary"));
    // The API has moved, and the walk goes on there.
    let moved = Endpoint { url: Url::parse("http://new.example:81/items").expect("a URL"), ..endpoint };
    let Some(Position::Link(link)) = paginator(&moved).resume(&noted) else { panic!("no link") };
    assert_eq!((link.url.as_str(), link.left_origin), ("http://new.example:81/items?a=%20x&size=5", false));
}

#[test]
fn a_link_is_noted_without_a_secret_that_is_a_part_of_it() {
    let secrets =
        vec![Secret::new("can"), Secret::new("can ary/ä"), Secret::new("0"), Secret::new("/"), Secret::new("x/..")];
    let base = Url::parse("https://api.example/v1/can%20ary%2Fä/items").expect("a URL");
    let endpoint = Endpoint { url: base, secrets, ..endpoint(json_link()) };
    for next in [
        "/v1/can%20ary/%C3%A4/items?page=2",
        "/v1/can/items?page=10&of=can+ary%2F%C3%A4",
        "https://can.other.example/v0/items",
    ] {
        let Position::Link(link) = linked(&endpoint, next) else { panic!("no link") };
        let noted = paginator(&endpoint).noted(&Position::Link(link.clone()));
        let text = noted["link"].as_str().expect("a text").replace(" in a ", "");
        assert!(!text.contains("can") && !text.contains("ary"), "{noted}");
        assert_eq!(paginator(&endpoint).resume(&noted), Some(Position::Link(link)), "{noted}");
        // The config has another key now, or none.
        let changed = Endpoint { secrets: vec![Secret::new("new")], ..endpoint.clone() };
        assert_ne!(paginator(&changed).resume(&noted), paginator(&endpoint).resume(&noted));
    }
}

#[test]
fn a_link_keeps_no_token_that_a_server_repeats_in_it() {
    let bearer = Auth::Bearer { token: Secret::new("canary") };
    let endpoint = Endpoint { auth: Some(bearer), ..endpoint(json_link()) };
    let Position::Link(link) = linked(&endpoint, "/items?page=2&access_token=canary") else { panic!("no link") };
    assert_eq!(link.url.as_str(), "https://api.example/items?page=2");
    // One that had to be asked for is known from the request.
    let mut answered = crate::client::Answered::new(endpoint.url.clone(), false, vec![]);
    answered.token = Some(Secret::new("canary2"));
    let link = super::link::Link::found("?page=2&t=canary2", &answered, &endpoint).expect("a link");
    assert_eq!(link.url.as_str(), "https://api.example/items?page=2");
}

#[test]
fn a_link_that_leaves_the_origin_says_so_for_good() {
    let endpoint = endpoint(json_link());
    for next in ["http://other.example/x", "https://api.example:444/x", "//x.api.example/x"] {
        let Position::Link(link) = linked(&endpoint, next) else { panic!("no link") };
        assert!(link.left_origin, "{next}");
        let machine = paginator(&endpoint);
        assert_eq!(
            paginator(&endpoint).resume(&machine.noted(&Position::Link(link.clone()))),
            Some(Position::Link(link))
        );
    }
    // An answer from another origin leads back: where it leads is another party's choice.
    let back = Url::parse("https://other.example/x").expect("a URL");
    let answered = Answered::new(back, true, vec![]);
    let link = Link::found("https://api.example/items?page=3", &answered, &endpoint).expect("a link");
    assert!(link.left_origin);
    let noted = link.noted(&endpoint);
    assert_eq!(Link::resumed(&noted, &endpoint), Some(link));
}

#[test]
fn equal_pages_in_a_row_are_a_fault_unless_they_are_allowed_or_beyond_the_total() {
    let seen_at = |spec: PaginatorSpec, position: &Position| {
        let answered = Answered::new(Url::parse("https://a.b").expect("a URL"), false, vec![]);
        let seen = Seen { body: None, answered: &answered, path: &RowPath::Whole, records: Some(1), rows: 1 };
        paginator(&endpoint(spec)).repeated(position, &seen)
    };
    let at = |prospect| Position::Page(Numbered { number: 3, prospect });
    let strict = PaginatorSpec::PageNumber(page_spec(0));
    let lenient = PaginatorSpec::PageNumber(PageNumberSpec { allow_repeated_pages: true, ..page_spec(0) });
    assert_eq!(seen_at(strict.clone(), &at(Prospect::Told)), Repeated::Fault);
    assert_eq!(seen_at(strict, &at(Prospect::Doubt)), Repeated::End);
    assert_eq!(seen_at(lenient, &at(Prospect::Open)), Repeated::Accept);
    let cursor = Position::Cursor(Value::from("a"));
    assert_eq!(seen_at(PaginatorSpec::Cursor(cursor_spec(query("c"))), &cursor), Repeated::Fault);
    assert_eq!(seen_at(json_link(), &Position::Only), Repeated::Fault);
}

fn specs() -> [PaginatorSpec; 7] {
    [
        PaginatorSpec::SinglePage,
        json_link(),
        header_link(),
        header_cursor(),
        PaginatorSpec::Cursor(cursor_spec(query("cursor"))),
        PaginatorSpec::PageNumber(page_spec(1)),
        PaginatorSpec::Auto,
    ]
}

/// Two pages on which every scheme finds its next page.
const LEADING: [&str; 2] =
    [r#"{"data":[1,2],"total":9,"next":"/items?c=5"}"#, r#"{"data":[3,4],"total":9,"next":"/items?c=6"}"#];
const LEADING_HEADERS: [[(&str, &str); 2]; 2] =
    [[("link", "</items?c=5>; rel=next"), ("x-next", "5")], [("link", "</items?c=6>; rel=next"), ("x-next", "6")]];

/// What a machine notes of its second page, and what follows that page.
fn noted(spec: &PaginatorSpec) -> (Value, String) {
    let mut drive = Drive::of(&endpoint(spec.clone()));
    drive.tell(&TestPage { headers: &LEADING_HEADERS[0], ..page(LEADING[0]) });
    let second = drive.position.clone();
    let told = drive.tell(&TestPage { headers: &LEADING_HEADERS[1], ..page(LEADING[1]) });
    (drive.machine.noted(&second), told)
}

#[test]
fn every_machine_goes_on_from_what_it_noted() {
    for spec in specs() {
        let (note, expected) = noted(&spec);
        let mut other = Drive::of(&endpoint(spec.clone()));
        let read = serde_json::from_str(&note.to_string()).expect("JSON");
        other.position = other.machine.resume(&read).expect("it goes on");
        // Another run sees the page again and goes on as this one did.
        let told = other.tell(&TestPage { headers: &LEADING_HEADERS[1], ..page(LEADING[1]) });
        assert_eq!(told, expected, "{spec:?}: {note}");
        assert_eq!(other.machine.noted(&other.machine.first()).is_null(), matches!(spec, PaginatorSpec::SinglePage));
    }
}

#[test]
fn no_machine_goes_on_from_what_is_not_its_own() {
    let links = |spec: &PaginatorSpec| matches!(spec, PaginatorSpec::JsonLink(_) | PaginatorSpec::HeaderLink(_));
    let cursors = |spec: &PaginatorSpec| matches!(spec, PaginatorSpec::Cursor(_) | PaginatorSpec::HeaderCursor(_));
    for (one, first) in specs().iter().enumerate().skip(1) {
        for (other, second) in specs().iter().enumerate() {
            // What is noted of a link, and of a cursor, is the same wherever it was found.
            if one == other || (links(first) && links(second)) || (cursors(first) && cursors(second)) {
                continue;
            }
            let (note, _) = noted(second);
            assert_eq!(paginator(&endpoint(first.clone())).resume(&note), None, "{first:?} from {second:?}: {note}");
        }
    }
}
