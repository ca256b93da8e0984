//! Finds what a config leaves to be looked up: secrets, configuration values and environment variables.
//!
//! This is the only file of the library that reads environment variables. What is found becomes a piece of text that is
//! never shown. The places and their order are dlt's: the environment, where a secret may be a file in `/run/secrets` too, as
//! containers have them; then `.dlt/secrets.toml` beside the config, in the working directory, and in dlt's folder for all projects;
//! for `dlt.config` the `config.toml` of the same folders follow.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::problem::{Place, Problem, Report, code};
use super::scalar_text::python_text;
use super::syntax;
use super::tree::{Choice, Lookup, LookupKind, Text, Tree, Value};

/// What surrounds a run: environment variables and the working directory.
#[derive(Clone, Default)]
pub struct Surroundings {
    environment: BTreeMap<String, String>,
    working_dir: PathBuf,
    /// Where a container has its secrets, each in a file.
    secrets_dir: PathBuf,
    /// Whether the process is that of the superuser, for whom dlt has another folder.
    is_root: bool,
}

/// Where Docker and Kubernetes put secrets, as dlt has it.
const SECRETS_DIR: &str = "/run/secrets";
/// dlt's folder for all projects of the superuser.
const ROOTS_FOLDER: &str = "/var/dlt";

impl Surroundings {
    /// The surroundings of this process. Variables that are not UTF-8 count as not set.
    pub fn from_process() -> Self {
        let texts = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        // Without a working directory, paths stay relative to it, and opening them tells what is wrong.
        let working_dir = std::env::current_dir().unwrap_or_default();
        let environment = std::env::vars_os().filter_map(texts).collect();
        Self { environment, working_dir, secrets_dir: SECRETS_DIR.into(), is_root: is_root() }
    }

    /// Surroundings that are made up; no container has secrets there.
    pub fn new(environment: impl IntoIterator<Item = (String, String)>, working_dir: impl Into<PathBuf>) -> Self {
        Self {
            environment: environment.into_iter().collect(),
            working_dir: working_dir.into(),
            secrets_dir: PathBuf::new(),
            is_root: false,
        }
    }

    /// The same with secrets in the files of a folder, whose names are those of variables in small letters, with `-` for `_`.
    #[must_use]
    pub fn with_secrets_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.secrets_dir = folder.into();
        self
    }

    /// The file that a secret of this variable would be in.
    fn secret_file(&self, variable: &str) -> Option<PathBuf> {
        let name = variable.to_lowercase().replace('_', "-");
        let is_one = !self.secrets_dir.as_os_str().is_empty() && !name.contains(['/', '\\']);
        is_one.then(|| self.secrets_dir.join(name))
    }

    /// dlt's folder for all projects.
    fn global_folder(&self) -> Option<PathBuf> {
        let set = |name: &str| self.environment.get(name).filter(|value| !value.is_empty());
        match set("XDG_DATA_HOME") {
            Some(home) => Some(Path::new(home).join("dlt")),
            None if self.is_root => Some(ROOTS_FOLDER.into()),
            None => Some(Path::new(set("HOME")?).join(".dlt")),
        }
    }
}

#[cfg(target_os = "linux")]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Elsewhere the superuser has a home as others have.
#[cfg(not(target_os = "linux"))]
fn is_root() -> bool {
    false
}

/// Without the variables, which may be secrets.
impl fmt::Debug for Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Surroundings").field("working_dir", &self.working_dir).finish_non_exhaustive()
    }
}

/// The sections under which dlt looks for a value of this pipeline and source.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) pipeline: Option<String>,
    /// The script whose function the source is.
    pub(super) module: Option<String>,
    pub(super) source: Option<String>,
}

impl Sections {
    /// `key` under each section of sources, the most specific first.
    fn of_sources(&self, key: &str) -> Vec<String> {
        let of_function = self.module.iter().flat_map(|module| {
            let named = self.source.iter().map(move |source| format!("sources.{module}.{source}.{key}"));
            named.chain([format!("sources.{module}.{key}")])
        });
        let named = self.source.iter().map(|source| format!("sources.rest_api.{source}.{key}"));
        let all = of_function.chain(named).chain([format!("sources.rest_api.{key}")]);
        let compact = self.source.iter().map(|source| format!("sources.{source}.{key}"));
        all.chain(compact).chain([format!("sources.{key}"), key.to_owned()]).collect()
    }

    /// All names of a key, in dlt's order: first below the pipeline's name, then without it.
    fn names(&self, key: &str) -> Vec<String> {
        let plain = self.of_sources(key);
        let mut names: Vec<String> = Vec::new();
        if let Some(pipeline) = &self.pipeline {
            names.extend(plain.iter().map(|name| format!("{pipeline}.{name}")));
        }
        names.extend(plain);
        names
    }
}

/// A file of secrets or configuration; one that does not exist holds nothing.
#[derive(Debug)]
struct TomlFile {
    path: Arc<Path>,
    root: Option<Tree>,
}

/// Everything that look-ups of one config need.
pub(super) struct Lookups<'a> {
    pub(super) surroundings: &'a Surroundings,
    pub(super) sections: Sections,
    /// The folder of the config.
    pub(super) folder: PathBuf,
    pub(super) report: &'a Report,
    /// Names of what was not found, where that is no problem.
    pub(super) missing: Option<RefCell<Vec<String>>>,
    secrets: OnceCell<Vec<TomlFile>>,
    configuration: OnceCell<Vec<TomlFile>>,
}

impl<'a> Lookups<'a> {
    pub(super) fn new(surroundings: &'a Surroundings, sections: Sections, config: &Path, report: &'a Report) -> Self {
        let folder = config.parent().map(Path::to_path_buf).unwrap_or_default();
        let (secrets, configuration) = (OnceCell::new(), OnceCell::new());
        Self { surroundings, sections, folder, report, missing: None, secrets, configuration }
    }

    /// Replaces every look-up in the tree by what it finds.
    pub(super) fn resolve(&self, tree: &mut Tree) {
        match &mut tree.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.resolve(item)),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| self.resolve(value)),
            Value::Lookup(lookup) => tree.value = self.found(lookup, &tree.at),
            Value::Joined(parts) => {
                parts.iter_mut().for_each(|part| self.resolve(part));
                tree.value = self.joined(parts);
            }
            Value::Choice(choice) => tree.value = self.chosen(choice),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::Lost => {}
        }
    }

    /// Refuses values for what a script has been worked out without.
    pub(super) fn refuse_set(&self, assumed: &[Tree]) {
        for tree in assumed {
            let Value::Lookup(lookup) = &tree.value else { continue };
            if self.find(lookup.kind, &self.names(lookup)).is_none() {
                continue;
            }
            let message = format!(
                "`{}` is set, and the script works something out with it; only its default can be read",
                lookup.name
            );
            let problem = Problem::new(code::UNSUPPORTED, &tree.at, message);
            self.report.add(problem.hint("write the value into the script, or leave it unset and use `--set`"));
        }
    }

    /// The field of an auth that the config leaves out, looked up as dlt does.
    pub(super) fn credential(&self, kind: LookupKind, field: &str, at: &Place) -> Tree {
        let names = self.sections.names(&format!("credentials.{field}"));
        Tree::new(self.find_or_report(kind, field, &names, at), at)
    }

    fn found(&self, lookup: &mut Lookup, at: &Place) -> Value {
        let names = self.names(lookup);
        let Some(otherwise) = &mut lookup.otherwise else {
            return self.find_or_report(lookup.kind, &lookup.name, &names, at);
        };
        self.find(lookup.kind, &names).unwrap_or_else(|| {
            self.resolve(otherwise);
            otherwise.value.clone()
        })
    }

    /// The names under which a look-up is looked for.
    fn names(&self, lookup: &Lookup) -> Vec<String> {
        match lookup.kind {
            LookupKind::Env | LookupKind::File => vec![lookup.name.clone()],
            LookupKind::Secret | LookupKind::Config => {
                // The script names the key in full, so it is looked for as it is before dlt's sections.
                let mut names = self.sections.names(&lookup.name);
                names.retain(|name| *name != lookup.name);
                names.insert(0, lookup.name.clone());
                names
            }
        }
    }

    /// What a required look-up that is not set would choose cannot be told; what is asked for is what it would be needed for.
    fn chosen(&self, choice: &mut Choice) -> Value {
        self.resolve(&mut choice.condition);
        let chosen = match choice.test.of(&choice.condition) {
            Some(false) => &mut choice.no,
            None if !choice.test.is_of_what_is_set() => &mut choice.no,
            Some(true) | None => &mut choice.yes,
        };
        self.resolve(chosen);
        chosen.value.clone()
    }

    fn joined(&self, parts: &[Tree]) -> Value {
        let mut whole = Text::default();
        for part in parts {
            match (&part.value, python_text(part)) {
                (Value::Lost, _) => return Value::Lost,
                (Value::Null, _) | (_, None) => {
                    let message = format!("{} cannot be part of a text", part.kind());
                    self.report.add(Problem::new(code::WRONG_TYPE, &part.at, message));
                    return Value::Lost;
                }
                (_, Some(text)) => whole.append(text),
            }
        }
        Value::Text(whole)
    }

    fn find_or_report(&self, kind: LookupKind, name: &str, names: &[String], at: &Place) -> Value {
        self.find(kind, names).unwrap_or_else(|| {
            match &self.missing {
                Some(missing) => missing.borrow_mut().push(name.to_owned()),
                None => self.report.add(self.not_found(kind, name, names, at)),
            }
            Value::Lost
        })
    }

    /// The environment under every name comes before any file.
    fn find(&self, kind: LookupKind, names: &[String]) -> Option<Value> {
        if kind == LookupKind::File {
            return names.iter().find_map(|name| self.text_of_file(&self.path_of(name)));
        }
        for name in names {
            let variable = variable(kind, name);
            if let Some(value) = self.contained(kind, &variable) {
                return Some(value);
            }
            if let Some(text) = self.surroundings.environment.get(&variable) {
                return Some(Value::Text(Text::looked_up(text.as_str())));
            }
        }
        for root in self.files(kind).into_iter().filter_map(|file| file.root.as_ref()) {
            if let Some(value) = names.iter().find_map(|name| value_at(root, name)) {
                return Some(value);
            }
        }
        None
    }

    fn files(&self, kind: LookupKind) -> Vec<&TomlFile> {
        let secrets = || self.secrets.get_or_init(|| self.open("secrets.toml"));
        match kind {
            LookupKind::Env | LookupKind::File => Vec::new(),
            LookupKind::Secret => secrets().iter().collect(),
            LookupKind::Config => {
                secrets().iter().chain(self.configuration.get_or_init(|| self.open("config.toml"))).collect()
            }
        }
    }

    /// The path of a file that the config names.
    fn path_of(&self, name: &str) -> PathBuf {
        self.surroundings.working_dir.join(&self.folder).join(name)
    }

    /// A secret that a container has in a file, as Kubernetes also in a folder of its name.
    fn contained(&self, kind: LookupKind, variable: &str) -> Option<Value> {
        let path = self.surroundings.secret_file(variable).filter(|_| kind == LookupKind::Secret)?;
        let path = if path.is_dir() { path.join(path.file_name()?) } else { path };
        self.text_of_file(&path)
    }

    /// The text of a file, without the line break at its end; `None`: there is none.
    fn text_of_file(&self, path: &Path) -> Option<Value> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(Value::Text(Text::looked_up(text.trim_end_matches(['\r', '\n'])))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let at = Place::Whole { path: path.into() };
                self.report.add(Problem::new(code::FILE, &at, format!("cannot read the file: {error}")));
                Some(Value::Lost)
            }
        }
    }

    /// The file beside the config, the one in the working directory, and that of all projects.
    fn open(&self, name: &str) -> Vec<TomlFile> {
        let beside = self.surroundings.working_dir.join(&self.folder).join(".dlt").join(name);
        let working = self.surroundings.working_dir.join(".dlt").join(name);
        let mut paths = vec![beside];
        let global = self.surroundings.global_folder().map(|folder| folder.join(name));
        for path in [Some(working), global].into_iter().flatten() {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths.into_iter().map(|path| self.open_file(path.into())).collect()
    }

    fn open_file(&self, path: Arc<Path>) -> TomlFile {
        let root = match std::fs::read_to_string(&path) {
            Ok(text) => syntax::parse_toml(path.clone(), &text, self.report),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let at = Place::Whole { path: path.clone() };
                self.report.add(Problem::new(code::FILE, &at, format!("cannot read the file: {error}")));
                None
            }
        };
        TomlFile { path, root }
    }

    fn not_found(&self, kind: LookupKind, name: &str, names: &[String], at: &Place) -> Problem {
        if kind == LookupKind::Env {
            return Problem::new(code::SECRET, at, format!("the environment variable `{name}` is not set"));
        }
        if kind == LookupKind::File {
            let message = format!("there is no file `{}`", self.path_of(name).display());
            return Problem::new(code::SECRET, at, message).hint("the path counts from the config's folder");
        }
        let what = if kind == LookupKind::Secret { "secret" } else { "configuration value" };
        let variables: Vec<String> = names.iter().map(|name| variable(kind, name)).collect();
        let files: Vec<String> = self.files(kind).iter().map(|file| file.path.display().to_string()).collect();
        let in_container: Vec<String> = match kind {
            LookupKind::Secret => {
                let paths = variables.iter().filter_map(|variable| self.surroundings.secret_file(variable));
                paths.map(|path| path.display().to_string()).collect()
            }
            _ => Vec::new(),
        };
        let in_container = match in_container.as_slice() {
            [] => String::new(),
            paths => format!(", at the files {}", quoted(paths)),
        };
        let message = format!(
            "the {what} `{name}` is not set; looked at the environment variables {}{in_container} and at the keys {} of the files {}",
            quoted(&variables),
            quoted(names),
            quoted(&files),
        );
        let hint = variables.first().map(|first| format!("set the environment variable `{first}`"));
        Problem { hint, ..Problem::new(code::SECRET, at, message) }
    }
}

fn quoted(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// dlt writes the path of a key in capitals, with `__` between its parts.
fn variable(kind: LookupKind, name: &str) -> String {
    match kind {
        LookupKind::Env | LookupKind::File => name.to_owned(),
        LookupKind::Secret | LookupKind::Config => name.replace('.', "__").to_uppercase(),
    }
}

/// The value at a dotted path, with its texts marked as looked up.
fn value_at(root: &Tree, path: &str) -> Option<Value> {
    let mut tree = root;
    for key in path.split('.') {
        tree = tree.get(key)?;
    }
    Some(tree.looked_up().value)
}
