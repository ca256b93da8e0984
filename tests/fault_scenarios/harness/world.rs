//! A world for one case: an API whose rows can be changed, a config, and a folder for it all.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Check, Child, Disposition, Run, Stage, Table};
use crate::api::{Answer, Api, Running};

/// How a world is made.
pub struct Options {
    pub disposition: Disposition,
    /// How long the API takes for a page.
    pub latency: Duration,
    /// Rows of a page.
    pub page_rows: usize,
    /// The config's `limits`.
    pub limits: Value,
    /// When the load commits, or stages, what it has.
    pub commit_every: &'static str,
    /// Where the tables go; the folder `lake` of the world if none is given.
    pub destination: Option<Value>,
}

/// A world for one case. All of it goes when this is dropped.
pub struct World {
    folder: tempfile::TempDir,
    binary: PathBuf,
    api: Running,
    rows: Arc<Mutex<Vec<Value>>>,
    config: PathBuf,
}

impl Options {
    /// A run of some 100s of milliseconds over a dozen pages, with several data files.
    pub fn of(disposition: Disposition) -> Self {
        Self {
            disposition,
            latency: Duration::from_millis(40),
            page_rows: 25,
            // Small enough that rows leave memory, and a data file ends, every few pages.
            limits: json!({"memory": "20kB", "file_bytes": "8kB"}),
            commit_every: "1GB",
            destination: None,
        }
    }
}

impl World {
    /// A world whose API serves what [`World::serve`] says.
    pub async fn new(stage: &Stage, options: &Options) -> Self {
        let rows: Arc<Mutex<Vec<Value>>> = Arc::default();
        let shared = Arc::clone(&rows);
        let latency = options.latency;
        let api = Api::handler(move |request| {
            let rows = shared.lock().expect("no poison");
            let number = |name| request.number_param(name).unwrap_or_default();
            let page: Vec<&Value> = rows.iter().skip(number("offset")).take(number("limit")).collect();
            Answer::json(&json!({"data": page, "total": rows.len()}))
        });
        Self { rows, ..Self::over(stage, options, api.latency(move |_| latency)).await }
    }

    /// A world over an API of its own.
    pub async fn over(stage: &Stage, options: &Options, api: Api) -> Self {
        let paginator = json!({"type": "offset", "limit": options.page_rows});
        let mut resource = json!({
            "name": "items",
            "primary_key": "id",
            "commit_every": options.commit_every,
            "endpoint": {"path": "items", "data_selector": "data", "paginator": paginator},
        });
        for (key, value) in options.disposition.config().as_object().expect("an object") {
            resource[key] = value.clone();
        }
        let mut config = json!({"limits": options.limits, "resources": [resource]});
        if let Some(destination) = &options.destination {
            config["destination"] = destination.clone();
        }
        Self::of_config(stage, config, api).await
    }

    /// A world over an API and a config of its own, which gets what all have.
    pub async fn of_config(stage: &Stage, mut config: Value, api: Api) -> Self {
        let api = api.start().await;
        let folder = tempfile::tempdir().expect("a folder");
        config["name"] = json!("faults");
        if config["destination"].is_null() {
            config["destination"] = json!(folder.path().join("lake"));
        }
        config["client"] = json!({
            "base_url": api.url.trim_end_matches("/items"),
            // A run that lost its API must not outlive its case.
            "retry": {"backoff_factor": 0.001, "max_retries": 2},
        });
        let path = folder.path().join("faults.json");
        std::fs::write(&path, config.to_string()).expect("a file");
        Self { folder, binary: stage.binary.clone(), api, rows: Arc::default(), config: path }
    }

    /// Changes the API for another one.
    pub async fn replace_api(&mut self, api: Api) {
        let api = api.start().await;
        let config = std::fs::read_to_string(&self.config).expect("the config");
        let base = |api: &Running| api.url.trim_end_matches("/items").to_owned();
        std::fs::write(&self.config, config.replace(&base(&self.api), &base(&api))).expect("a file");
        self.api = api;
    }

    /// Changes what the API serves.
    pub fn serve(&self, rows: &[Value]) {
        *self.rows.lock().expect("no poison") = rows.to_vec();
    }

    /// How many requests the API has got.
    pub fn requests(&self) -> usize {
        self.api.requests().len()
    }

    /// A path in the world's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The table in the world's own lake.
    pub fn table(&self) -> Table {
        self.table_of("items")
    }

    /// The table of a resource in the world's own lake.
    pub fn table_of(&self, resource: &str) -> Table {
        Table { folder: self.path("lake").join(resource) }
    }

    /// The command of a run.
    pub fn command(&self) -> Command {
        self.command_under(&[])
    }

    /// The command of a run that other programs start, such as `strace` with its arguments.
    pub fn command_under(&self, wrapper: &[&str]) -> Command {
        let binary = self.binary.to_string_lossy();
        let words: Vec<&str> = wrapper.iter().copied().chain([binary.as_ref()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("run").arg(&self.config).args(["--output", "json", "--progress", "none"]);
        command.current_dir(self.folder.path());
        command
    }

    /// Starts a command of the world.
    pub fn start(&self, command: Command) -> Child {
        Child::start(command, self.path("stdout"), self.path("stderr"))
    }

    /// Runs to the end.
    pub async fn run(&self) -> Check<Run> {
        self.start(self.command()).ended().await
    }

    /// Runs to the end and succeeds.
    pub async fn load(&self, rows: &[Value]) -> Check<Run> {
        self.serve(rows);
        let run = self.run().await?;
        run.ok()?;
        Ok(run)
    }
}
