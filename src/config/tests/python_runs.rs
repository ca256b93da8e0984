//! Several sources in a script, and what a script does with a source beside its config.

use super::{Case, python, to_yaml};

/// Two sources, each with a pipeline, as in the script that `dlt init rest_api` writes.
const TWO: &str = "
import dlt
@dlt.source(name='tickets')
def tickets_source(key=dlt.secrets.value):
    config: RESTAPIConfig = {'client': {'base_url': 'https://a.b', 'auth': {'token': key}}, 'resources': ['a']}
    yield from rest_api_resources(config)

def load_tickets():
    pipeline = dlt.pipeline(pipeline_name='first', destination='duckdb', dataset_name='one', dev_mode=True)
    pipeline.run(tickets_source())

def load_shops():
    pipeline = dlt.pipeline(pipeline_name='second', destination='duckdb', dataset_name='two')
    shops = rest_api_source({'client': {'base_url': 'https://c.d'}, 'resources': ['b']})
    pipeline.run(shops)

if __name__ == '__main__':
    load_tickets()
    load_shops()
";

fn of(source: &str) -> Case {
    let mut case = python(TWO).env(&[("KEY", "k")]);
    case.options.source = Some(source.to_owned());
    case
}

#[test]
fn one_of_several_sources_is_chosen_by_its_name() {
    assert_eq!(
        python(TWO).problems(),
        [
            "config.py:14:29: the script has more than one config; only one can be read (choose one with `--source`: `tickets`, `shops`)"
        ]
    );
    for (source, url, pipeline) in [("tickets", "https://a.b/a", "first"), ("shops", "https://c.d/b", "second")] {
        let case = of(source);
        assert_eq!(case.plan().pipeline.as_str(), pipeline);
        assert_eq!(case.resource().endpoint.url.as_str(), url);
    }
    assert_eq!(
        of("x").problems(),
        ["config.py: the script has no one source `x` (its sources are `tickets`, `shops`)"]
    );
}

/// A script with resources `a` and `b`, and what it does with them.
fn script(arguments: &str, then: &str) -> Case {
    python(&format!(
        "import dlt\npipeline = dlt.pipeline('p')\nsource = rest_api_source({{'client': {{'base_url': 'https://a.b'}}, 'resources': \
         ['a', {{'name': 'b', 'write_disposition': 'append'}}]}}{arguments})\n{then}\n"
    ))
}

fn shown(case: &Case) -> Vec<String> {
    let resources = case.plan().resources.into_iter();
    resources.map(|resource| format!("{} {} {:?}", resource.name, resource.selected, resource.write)).collect()
}

#[test]
fn what_is_selected_and_how_it_is_written_is_honoured() {
    assert_eq!(shown(&script("", "pipeline.run(source)")), ["a true Append", "b true Append"]);
    let selected = script("", "pipeline.run(source.with_resources('b'))");
    assert_eq!(shown(&selected), ["a false Append", "b true Append"]);
    assert!(to_yaml(&selected.source, None).expect_err("refused").to_string().contains("`with_resources`"));
    let replaced = script("", "MODE = 'replace'\npipeline.run(source, write_disposition=MODE)");
    assert_eq!(shown(&replaced), ["a true Replace", "b true Replace"]);
    let flat = script(", max_table_nesting=1", "").plan();
    assert!(flat.resources.iter().all(|resource| resource.schema.text_below == Some(1)));
    let frozen = script(", schema_contract='freeze'", "");
    let plain = script("", "");
    assert_ne!(format!("{:?}", frozen.plan().resources), format!("{:?}", plain.plan().resources));
}

#[test]
fn what_changes_the_data_and_cannot_be_read_is_refused_by_name() {
    let table = [
        (
            "pipeline.run(source.add_limit(1))",
            "config.py:4:14: `add_limit` of the script changes what is loaded and cannot be read \
          (leave it out: a walk is loaded as a whole, and `limits.max_pages` stops one that goes on for too long)",
        ),
        (
            "source.resources['a'].add_map(lambda row: row)",
            "config.py:4:1: `add_map` of the script changes what is loaded and \
          cannot be read (say it in `processing_steps`)",
        ),
        (
            "source.max_table_nesting = 0\nsource.root_key = True",
            "config.py:4:1: `max_table_nesting = …` of the script changes what is loaded and cannot be read (write it as a key of the resource)",
        ),
        (
            "source.resources['a'].selected = False",
            "config.py:4:1: `selected = …` of the script changes what is loaded and cannot be read (write it as a key of the resource)",
        ),
        (
            "source.b.apply_hints(primary_key='id')",
            "config.py:4:1: `apply_hints` of the script changes what is loaded and cannot \
          be read (write the hints as keys of the resource)",
        ),
        (
            "pipeline.run(source, refresh='drop_sources')",
            "config.py:4:1: `refresh` of `pipeline.run` of the script changes what is \
          loaded and cannot be read (`--full-refresh` loads everything anew)",
        ),
        (
            "import sys\npipeline.run(source.with_resources(sys.argv[1]))",
            "config.py:5:14: `with_resources` of the script changes what \
          is loaded and cannot be read (choose the resources with `--resource`)",
        ),
    ];
    for (then, expected) in table {
        assert_eq!(script("", then).problems(), [expected], "{then}");
    }
    // What is done to something else does not concern the source.
    assert_eq!(shown(&script("", "def other():\n    yield 1\nother().add_limit(1)")).len(), 2);
}
