//! Runs of the binary in a folder of their own, with the report as JSON.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::api::{Answer, Api, Running};
use super::lake::{self, Lake};
use super::s3::Server;

/// The key that the runs send. It must appear in no output.
pub const CANARY: &str = "canary-5e7d";

/// A folder with a config and a lake, and an API whose rows can be changed between runs.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub api: Running,
    rows: Arc<Mutex<Vec<Value>>>,
    /// Where the lake is: in the folder, or on this server.
    pub s3: Option<Server>,
    /// Worker threads of the runs; `None`: as many as there are cores.
    threads: Option<usize>,
}

/// What a run said.
pub struct Run {
    pub code: i32,
    pub report: Value,
    pub stderr: String,
}

impl Bench {
    /// An API that serves these rows in pages, behind a key.
    pub async fn new(rows: Vec<Value>) -> Self {
        Self::with(rows, |api| api).await
    }

    /// As [`Bench::new`], with an API that is changed before it starts.
    pub async fn with(rows: Vec<Value>, change: impl FnOnce(Api) -> Api) -> Self {
        let rows = Arc::new(Mutex::new(rows));
        let shared = Arc::clone(&rows);
        let api = Api::handler(move |request| {
            let rows = shared.lock().expect("no poison");
            let number = |name| request.number_param(name).unwrap_or_default();
            let page: Vec<&Value> = rows.iter().skip(number("offset")).take(number("limit")).collect();
            Answer::json(&json!({"data": page, "total": rows.len()}))
        });
        let api = change(api.require_key("api_key", CANARY, super::api::KeyPlace::Query)).start().await;
        Self { folder: tempfile::tempdir().expect("a folder"), api, rows, s3: None, threads: None }
    }

    /// The same with its lake on an S3 server.
    pub fn on(mut self, s3: Server) -> Self {
        self.s3 = Some(s3);
        self
    }

    /// The same with so many worker threads.
    pub fn on_threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Changes what the API serves.
    pub fn serve(&self, rows: Vec<Value>) {
        *self.rows.lock().expect("no poison") = rows;
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a config of one resource `items`: keys of the resource are added to, or replace, those of a merge by `id`.
    pub fn config(&self, resource: &Value) -> PathBuf {
        let mut items = json!({
            "name": "items",
            "primary_key": "id",
            "write_disposition": "merge",
            "endpoint": {"path": "items", "data_selector": "data", "paginator": {"type": "offset", "limit": 10}},
        });
        for (key, value) in resource.as_object().expect("an object") {
            items[key] = value.clone();
        }
        let auth = json!({"type": "api_key", "name": "api_key", "api_key": CANARY, "location": "query"});
        let mut config = json!({
            "client": {"base_url": self.base_url(), "auth": auth, "retry": {"backoff_factor": 0.001}},
            "resources": [items],
        });
        if let Some(s3) = &self.s3 {
            let options: HashMap<&str, String> = s3.options().into_iter().collect();
            config["destination"] = json!({"uri": s3.uri("tables"), "storage_options": options});
        }
        self.write("items.json", &config.to_string())
    }

    pub fn base_url(&self) -> String {
        self.api.url.trim_end_matches("/items").to_owned()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// Runs a config into `lake` and gives its JSON report.
    pub async fn run(&self, config: &Path, more: &[&str]) -> Run {
        let mut arguments = vec!["run", config.to_str().expect("a path"), "--output", "json"];
        if self.s3.is_none() {
            arguments.extend(["--to", "lake"]);
        }
        arguments.extend(more);
        let mut command = command(self.folder.path(), &arguments);
        command.envs(self.threads.map(|threads| ("TOKIO_WORKER_THREADS", threads.to_string())));
        let output = output(command).await;
        let report = serde_json::from_slice(&output.stdout).expect("a report on every exit");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        for secret in [CANARY, super::s3::SECRET_KEY] {
            assert!(!String::from_utf8_lossy(&output.stdout).contains(secret), "a secret is in the report");
            assert!(!stderr.contains(secret), "a secret is on stderr: {stderr}");
        }
        Run { code: output.status.code().expect("no signal"), report, stderr }
    }

    /// Runs the config that must succeed, and gives the report of its only resource.
    pub async fn load(&self, config: &Path) -> Value {
        let run = self.run(config, &[]).await;
        assert_eq!(run.code, 0, "{:#}\n{}", run.report, run.stderr);
        run.report["resources"][0].clone()
    }

    pub async fn table(&self, name: &str) -> Lake {
        match self.remote(name) {
            Some((url, options)) => lake::read_at(url, options).await,
            None => lake::read(&self.path("lake").join(name)).await,
        }
    }

    /// How many Parquet files a table's folder has, whether in the table or not.
    pub async fn parquet_files(&self, name: &str) -> usize {
        self.files(name).await.iter().filter(|path| path.ends_with(".parquet")).count()
    }

    /// Every file of a table's folder but the log's, whether in the table or not.
    pub async fn files(&self, name: &str) -> BTreeSet<String> {
        let (url, options) = self.remote(name).unwrap_or_else(|| {
            let folder = self.path("lake").join(name);
            (url::Url::from_directory_path(folder).expect("a path"), HashMap::new())
        });
        lake::files_at(url, options).await
    }

    /// The actions of one version of the table `items` on disk.
    pub fn actions(&self, version: u64) -> Vec<Value> {
        let text = std::fs::read_to_string(self.entry(version)).expect("an entry of the log");
        text.lines().map(|line| serde_json::from_str(line).expect("an action")).collect()
    }

    /// The entry of a version of the table `items` on disk.
    pub fn entry(&self, version: u64) -> PathBuf {
        self.path(&format!("lake/items/_delta_log/{version:020}.json"))
    }

    /// Where a table is on the S3 server.
    fn remote(&self, name: &str) -> Option<(url::Url, HashMap<String, String>)> {
        let s3 = self.s3.as_ref()?;
        let url = url::Url::parse(&format!("{}/{name}", s3.uri("tables"))).expect("a URL");
        Some((url, s3.options().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }
}

/// Runs the binary in a folder; everything it logs is on its stderr.
pub async fn alluvium(folder: &Path, arguments: &[&str]) -> Output {
    output(command(folder, arguments)).await
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alluvium"));
    command.args(arguments).current_dir(folder).env("API_KEY", CANARY).env("ALLUVIUM_LOG", "alluvium=trace");
    command
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("the binary runs")).await.expect("no panic")
}

/// Rows `{"id", "name", "score"}` with these ids.
pub fn people(ids: std::ops::Range<i64>) -> Vec<Value> {
    ids.map(|id| json!({"id": id, "name": format!("person {id}"), "score": id * 10})).collect()
}
