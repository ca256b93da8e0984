//! Resources: names, defaults, keys, columns, write dispositions, and what bounds the run.

use std::time::Duration;

use super::{one, yaml};
use crate::plan::{DataType, DedupSort, Matched, Merge, Naming, Scd2, WriteDisposition};

#[test]
fn defaults_are_merged_as_deep_as_dlt_does() {
    let text = "client: {base_url: https://a.b}\n\
                resource_defaults:\n  primary_key: id\n  write_disposition: merge\n  columns: {a: {data_type: text}, b: {data_type: text, nullable: false}}\n\
                \x20 endpoint: {paginator: single_page, headers: {A: a}, params: {x: 1, y: 2}, json: {o: {p: 1}, q: 1}}\n\
                resources:\n- a\n\
                - {name: b, write_disposition: append, primary_key: null, columns: [{name: b, data_type: double}, {name: c}],\n\
                \x20  endpoint: {headers: {B: b}, params: {x: null, z: 3}, json: {o: {r: 2}}}}\n";
    let plan = yaml(text).plan();
    let shown: Vec<String> = plan
        .resources
        .iter()
        .map(|resource| {
            let endpoint = &resource.endpoint;
            let columns: Vec<_> =
                resource.columns.iter().map(|hint| (hint.name.as_str(), hint.data_type, hint.nullable)).collect();
            format!(
                "{:?} {:?} {:?} {} {columns:?}",
                resource.write,
                endpoint.params,
                endpoint.headers,
                endpoint.json.as_ref().expect("json")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#"Merge(Merge { key: ["id"], merge_key: [], matched: UpdateChanged, is_deduplicated: false, hard_delete: None, dedup_sort: None }) [("x", "1"), ("y", "2")] [("A", "a")] {"o":{"p":1},"q":1} [("a", Some(Text), true), ("b", Some(Text), false)]"#,
            r#"Append [("y", "2"), ("z", "3")] [("B", "b")] {"o":{"r":2},"q":1} [("a", Some(Text), true), ("b", Some(Double), false), ("c", None, true)]"#,
        ]
    );
}

#[test]
fn problems_of_the_defaults_are_told_once_and_where_they_are_written() {
    let text = "client: {base_url: https://a.b, paginator: single_page}\n\
                resource_defaults: {name: x, endpoint: {paginater: 1}}\nresources: [a, b]\n";
    assert_eq!(
        yaml(text).problems(),
        [
            "config.yaml:2:21: unknown key `name` in `resource_defaults` (names belong to the resources)",
            "config.yaml:2:41: unknown key `paginater` in `resource_defaults.endpoint` (did you mean `paginator`?)",
        ]
    );
    let text = "client: {base_url: https://a.b}\nresource_defaults: {endpoint: x}\nresources: []\n";
    assert_eq!(yaml(text).problems(), ["config.yaml:2:31: `endpoint` must be a map, not a string"]);
}

#[test]
fn names_and_tables_are_unique() {
    let text =
        "client: {base_url: https://a.b, paginator: single_page}\nresources: [a-b, c, c, {name: d, table_name: A_b}]\n";
    assert_eq!(
        yaml(text).problems(),
        [
            "config.yaml:2:21: there is a resource `c` already",
            "config.yaml:2:46: resource `d` has the table `a_b`, as resource `a-b` has (give one of them a `table_name`)",
        ]
    );
}

#[test]
fn write_dispositions_and_keys_are_read() {
    let table = [
        ("selected: true", WriteDisposition::Append),
        ("write_disposition: replace", WriteDisposition::Replace),
        ("write_disposition: {disposition: skip}", WriteDisposition::Skip),
        ("write_disposition: {disposition: merge, strategy: upsert}\nprimary_key: [a, b]", merge(&["a", "b"])),
        (
            "write_disposition: merge\nprimary_key: a\ncolumns: {b: {primary_key: true}, a: {primary_key: true}}",
            merge(&["a", "b"]),
        ),
    ];
    for (keys, expected) in table.into_iter().chain(strategies()) {
        assert_eq!(one(keys).resource().write, expected, "{keys}");
    }
    assert_eq!(
        one("write_disposition: merge").problems(),
        ["config.yaml:3:3: `write_disposition` `merge` needs a `primary_key` (give `primary_key: id`)"]
    );
    assert_eq!(
        one("primary_key: id\nwrite_disposition: {disposition: merge, strategy: cdc, source_filter: x > 1}").problems(),
        [
            "config.yaml:5:53: `strategy` `cdc` is not supported yet",
            "config.yaml:5:58: `source_filter` is not supported yet",
        ]
    );
    let scd2 = "{disposition: merge, strategy: scd2, boundary_timestamp: soon, validity_column_names: [a, a]}";
    assert_eq!(
        one(&format!("write_disposition: {scd2}")).problems(),
        [
            "config.yaml:4:79: `boundary_timestamp` must be a time such as `2024-01-25T10:00:00Z`",
            "config.yaml:4:108: `validity_column_names` must be two different column names",
        ]
    );
    assert_eq!(one("write_disposition: upsert").problems().len(), 1);
}

/// Strategies of a merge with what they are.
fn strategies() -> Vec<(&'static str, WriteDisposition)> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    let delete = Merge { merge_key: texts(&["d"]), matched: Matched::Update, ..Merge::default() };
    let sort = DedupSort { column: "s".to_owned(), is_descending: true };
    let by_hints = Merge {
        merge_key: texts(&["m"]),
        hard_delete: Some("h".to_owned()),
        dedup_sort: Some(sort),
        matched: Matched::Update,
        ..Merge::by(texts(&["a"]))
    };
    let scd2 = Scd2 {
        merge_key: texts(&["d"]),
        validity: Some(["f".to_owned(), "t".to_owned()]),
        version: Some("v".to_owned()),
        boundary_us: Some(0),
        active_us: Some(1_000_000),
    };
    vec![
        ("write_disposition: merge\nmerge_key: d", WriteDisposition::Merge(delete.clone())),
        (
            "write_disposition: {disposition: merge, strategy: delete-insert, deduplicated: true}\nmerge_key: [d]",
            WriteDisposition::Merge(Merge { is_deduplicated: true, ..delete }),
        ),
        ("write_disposition: {disposition: merge, strategy: upsert}\nprimary_key: a\nmerge_key: d", merge(&["a"])),
        (
            "write_disposition: merge\nprimary_key: a\ncolumns: {m: {merge_key: true}, h: {hard_delete: true}, s: {dedup_sort: desc}}",
            WriteDisposition::Merge(by_hints),
        ),
        (
            "write_disposition: {disposition: merge, strategy: scd2, boundary_timestamp: '1970-01-01', active_record_timestamp: '1970-01-01T00:00:01Z', row_version_column_name: v, validity_column_names: [f, t]}\nmerge_key: d",
            WriteDisposition::Scd2(scd2),
        ),
    ]
}

fn merge(key: &[&str]) -> WriteDisposition {
    WriteDisposition::Merge(Merge::by(key.iter().map(|column| (*column).to_owned()).collect()))
}

#[test]
fn columns_are_read_and_what_is_not_supported_is_named() {
    let keys = "columns:\n- {name: a, data_type: bigint, nullable: false, description: x, x-y: 1, root_key: false}\n- {name: b}";
    let hints = one(keys).resource().columns;
    assert_eq!(hints.len(), 2);
    assert_eq!((hints[0].name.as_str(), hints[0].data_type, hints[0].nullable), ("a", Some(DataType::BigInt), false));
    let keys =
        "columns: {a: {data_type: int}, b: {data_type: wei}, c: {row_key: true}, d: {dat: 1}, e: {data_type: txt}}";
    assert_eq!(
        one(keys).problems(),
        [
            "config.yaml:4:28: `data_type` cannot be `int` (valid here: `text`, `bigint`, `double`, `bool`, `timestamp`, `date`, `decimal`, `time`, `binary`, `json`)",
            "config.yaml:4:59: `row_key` is not supported yet",
            "config.yaml:4:79: unknown key `dat` in `resources[0].columns.d` \
             (valid here: `name`, `data_type`, `precision`, `scale`, `nullable`, `primary_key`, `merge_key`, `partition`, `hard_delete`, `dedup_sort`, `timezone`)",
            "config.yaml:4:103: `data_type` cannot be `txt` (did you mean `text`?)",
        ]
    );
}

#[test]
fn what_dlt_has_and_we_do_not_is_refused_by_name() {
    let keys = "include_from_parent: [id]\nprocessing_steps: []\nmerge_key: id\nnested_hints: {}\nschema_contract: freeze\n\
                table_format: iceberg\nfile_format: csv\nparallelized: true";
    let messages: Vec<String> = one(keys).problems();
    assert_eq!(
        messages,
        [
            "config.yaml:4:24: `include_from_parent` needs a parent, and the endpoint has no `{resources.…}`",
            "config.yaml:7:3: `nested_hints` is not supported yet",
            "config.yaml:9:17: `table_format` `iceberg` is not supported yet",
            "config.yaml:10:16: `file_format` `csv` is not supported yet",
        ]
    );
    let keys = "schema_contract: {columns: evolve}\ntable_format: delta\nfile_format: parquet\nparallelized: false\n\
                max_table_nesting: 2\nreferences: [{referenced_table: t, columns: [a], referenced_columns: [b]}]";
    let plan = one(keys).plan();
    assert_eq!((plan.resources[0].selected, plan.resources[0].schema.text_below), (true, Some(2)));
}

#[test]
fn our_own_keys_are_read() {
    let text = "name: p\ndestination: {uri: s3://b/lake, storage_options: {AWS_REGION: x}}\ndataset: raw\n\
                limits: {max_pages: 3, memory: 64MiB, max_nesting: 9, commit_attempts: 2, file_bytes: 1MB, resources_in_flight: 1}\n\
                client: {base_url: https://a.b, paginator: single_page, timeout: 0.5, max_body_bytes: 1KB, concurrency: 7,\n\
                \x20 rate_limit: {requests: 10, per: 1m},\n\
                \x20 retry: {status_codes: [500], max_retries: 0, backoff_factor: 0.1, max_wait: 9}}\n\
                resources:\n- {name: r, selected: false, naming: preserve, rename: {a.b: c}}\n";
    let plan = yaml(text).plan();
    assert_eq!((plan.pipeline.as_str(), plan.target.to_string().as_str()), ("p", "s3://b/lake/raw"));
    assert_eq!(plan.target.storage_options.len(), 1);
    let limits = &plan.limits;
    assert_eq!((limits.pages_max.get(), limits.memory_bytes.get(), limits.nesting_max), (3, 64 << 20, 9));
    assert_eq!(
        (limits.commit_attempts.get(), limits.file_bytes.get(), limits.resources_in_flight.get()),
        (2, 1_000_000, 1)
    );
    assert_eq!((limits.request_timeout, limits.body_bytes_max), (Duration::from_millis(500), 1000));
    assert_eq!(limits.requests_in_flight.get(), 7);
    let rate = limits.rate.expect("a rate limit");
    assert_eq!((rate.interval(), rate.burst.get()), (Duration::from_secs(6), 1));
    assert_eq!((plan.retry.status_codes.as_slice(), plan.retry.max_retries), ([500].as_slice(), 0));
    let resource = &plan.resources[0];
    assert_eq!((resource.selected, resource.naming), (false, Naming::Preserve));
    assert_eq!((resource.rename[0].path.join("/"), resource.rename[0].to.as_str()), ("a/b".to_owned(), "c"));
}

#[test]
fn a_rate_limit_that_is_none_is_told() {
    let table = [
        ("5", "`rate_limit` must be a map, not an integer"),
        ("{per: 1s}", "`requests` is missing in `client.rate_limit`"),
        ("{requests: 0}", "`requests` must be at least 1"),
        ("{requests: 1, per: soon}", "`per` must be a duration such as `30s`, `10m`, `24h` or a number of seconds"),
        ("{requests: 1, bursts: 2}", "unknown key `bursts` in `client.rate_limit` (did you mean `burst`?)"),
    ];
    for (written, expected) in table {
        let problems =
            yaml(&format!("client: {{base_url: https://a.b, rate_limit: {written}}}\nresources: []")).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].ends_with(expected), "{problems:?}");
    }
}

#[test]
fn arguments_choose_the_resources_and_the_folder() {
    let mut case = yaml(
        "client: {base_url: https://a.b, paginator: single_page}\nresources: [posts, {name: users, selected: false}]",
    );
    case.options.resources = vec!["users".into()];
    case.options.to = Some("/x".into());
    let plan = case.plan();
    let selected: Vec<bool> = plan.resources.iter().map(|resource| resource.selected).collect();
    assert_eq!((selected, plan.target.to_string()), (vec![false, true], "/x".to_owned()));
    case.options.resources = vec!["post".into()];
    assert_eq!(case.problems(), ["--resource: there is no resource `post` (did you mean `posts`?)"]);
}

#[test]
fn the_maintenance_of_a_table_is_read() {
    use crate::plan::Maintenance;
    let maintenance = |text: &str| one(text).resource().delta.maintenance;
    assert_eq!(maintenance("delta: {deletion_vectors: true}"), Maintenance::default());
    let read = maintenance("delta: {maintenance: {optimize_files: 20, vacuum: true, retention: 8d}}");
    let days = |days: u64| std::time::Duration::from_secs(days * 86_400);
    assert_eq!((read.optimize_files.map(std::num::NonZeroU64::get), read.vacuum), (Some(20), true));
    assert_eq!(read.retention, Some(days(8)));
    assert_eq!(maintenance("delta: {maintenance: {retention: 604800}}").retention, Some(days(7)));
    let wrong = "delta: {maintenance: {optimize_files: 0, vacuum: often, retention: 24h, keep: 1}}";
    assert_eq!(
        one(wrong).problems(),
        [
            "config.yaml:4:41: `optimize_files` must be at least 1",
            "config.yaml:4:52: `vacuum` must be a boolean, not a string",
            "config.yaml:4:70: `retention` must be at least 7 days (`alluvium table vacuum --allow-short-retention` takes less)",
            "config.yaml:4:75: unknown key `keep` in `resources[0].delta.maintenance` (valid here: `optimize_files`, `vacuum`, `retention`)",
        ]
    );
    assert_eq!(one("delta: {maintenance: {retention: soon}}").problems().len(), 1);
}

#[test]
fn nothing_of_a_parent_needs_no_parent() {
    assert!(one("include_from_parent: []").resource().parent.is_none());
    let said = one("include_from_parent: [id]").problems().concat();
    assert!(said.contains("`include_from_parent` needs a parent"), "{said}");
}

#[test]
fn a_path_of_one_thing_asks_for_one_page_with_a_selector_too() {
    let entity = |endpoint: &str| {
        let text = format!(
            "client: {{base_url: https://a.b, paginator: {{type: page_number}}}}\nresources:\n- p\n- name: c\n  endpoint: {endpoint}\n"
        );
        let plan = yaml(&text).plan();
        let child = plan.resources.into_iter().find(|resource| resource.name.as_str() == "c").expect("the child");
        matches!(child.endpoint.paginator, crate::plan::PaginatorSpec::Auto)
    };
    assert!(entity("{path: 'x/{resources.p.id}'}"));
    assert!(entity("{path: 'x/{resources.p.id}', data_selector: items}"));
    // What it says itself counts, and what is not the key of one thing is none.
    assert!(!entity("{path: 'x/{resources.p.id}', paginator: {type: page_number}}"));
    assert!(!entity("{path: 'x/{resources.p.ids[0]}'}"));
    assert!(!entity("{path: 'x/{resources.p.id}/y'}"));
}
