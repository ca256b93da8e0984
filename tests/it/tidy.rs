//! Keeps the architecture: who may use whom, which crate stays in which folder, and how large a file may be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules a module may name behind `crate::`, as in `src/ARCHITECTURE.md`.
const EDGES: [(&str, &[&str]); 11] = [
    ("json", &[]),
    ("plan", &["json"]),
    ("flow", &["plan", "json"]),
    ("config", &["plan", "json"]),
    ("client", &["plan"]),
    ("extract", &["plan", "json", "flow", "client"]),
    ("normalize", &["plan", "json", "flow"]),
    ("load", &["plan", "flow"]),
    ("error", &["client", "extract", "normalize", "load"]),
    ("pipeline", &["plan", "json", "flow", "client", "extract", "normalize", "load", "error"]),
    ("table", &["plan", "load", "error"]),
];

/// Text that may stand only in files below some folders (or in some files).
const FENCES: [(&str, &[&str]); 13] = [
    ("reqwest::", &["client/"]),
    ("deltalake::", &["load/"]),
    ("parquet::", &["load/"]),
    ("object_store::", &["load/"]),
    ("arrow::", &["flow.rs", "flow/", "normalize/", "load/"]),
    ("clap::", &["cli/"]),
    ("csv::", &["extract/format/"]),
    ("jsonwebtoken::", &["plan/signing.rs"]),
    ("jaq_", &["json/expression.rs", "json/step.rs"]),
    ("flate2::", &["extract/format/", "cli/"]),
    // Fuzz tests are told by it how long to run.
    ("env::var", &["config/secrets.rs", "cli/", "fuzzing.rs"]),
    ("tokio::spawn", &["pipeline/walker.rs"]),
    ("sonic_rs::", &["json/document.rs", "json/tape.rs"]),
];

/// Folders that are pure.
const PURE: [&str; 4] = ["json/", "plan/", "normalize/", "extract/paginate/"];
/// What a pure file does not hold.
const IMPURE: [&str; 5] = ["async fn", "tokio::", "std::fs", "std::env", "Instant::now"];

/// Lines of a file without its tests.
const LINES_MAX: usize = 400;
/// Files that are longer, with the reason.
const LONG_FILES: [(&str, &str); 0] = [];
/// Names that say nothing.
const BAD_NAMES: [&str; 6] = ["utils", "helpers", "common", "misc", "types", "manager"];

/// Every source file below `src`, with its path from there.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("it was found there").to_string_lossy().replace('\\', "/");
            (name, fs::read_to_string(&path).expect("it can be read"))
        })
        .collect()
}

/// The file up to its tests, which stand last.
fn production(text: &str) -> &str {
    text.split("\n#[cfg(test)]").next().unwrap_or(text)
}

/// The code lines, without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    production(text).lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn modules_use_only_what_the_architecture_allows() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let module = file.split(['/', '.']).next().unwrap_or_default().to_owned();
        let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == module) else { continue };
        for line in code(&text) {
            for used in line.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                // Nothing but tests can use that.
                let is_tests_own = used == "fuzzing";
                if !used.is_empty() && used != module && !is_tests_own && !allowed.contains(&used.as_str()) {
                    faults.push(format!("{file}: `{module}` may not use `{used}`"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn crates_stay_behind_their_fences() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        for (fenced, places) in FENCES {
            let inside = places.iter().any(|place| file.starts_with(place));
            if !inside && code(&text).any(|line| line.contains(fenced)) {
                faults.push(format!("{file}: `{fenced}` belongs in {}", places.join(", ")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pure_folders_are_pure() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        if PURE.iter().any(|folder| file.starts_with(folder)) {
            for impure in IMPURE {
                if code(&text).any(|line| line.contains(impure)) {
                    faults.push(format!("{file}: holds `{impure}`"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_are_small_named_and_introduced() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let lines = production(&text).lines().count();
        if lines > LINES_MAX && !LONG_FILES.iter().any(|(name, _)| *name == file) {
            faults.push(format!("{file}: {lines} lines"));
        }
        if !text.starts_with("//!") {
            faults.push(format!("{file}: does not open with what it is responsible for"));
        }
        let stem = Path::new(&file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if BAD_NAMES.contains(&stem) {
            faults.push(format!("{file}: the name says nothing"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_table_of_edges_is_that_of_the_document() {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ARCHITECTURE.md"));
    let document = document.expect("the document is there");
    for (module, allowed) in EDGES {
        let row = document.lines().find(|line| line.starts_with(&format!("| `{module}` |"))).expect(module);
        for used in allowed {
            let said = row.contains(&format!("`{used}`")) || row.contains("everything") || row.contains("error types");
            assert!(said, "the row of `{module}` lacks `{used}`");
        }
    }
}
