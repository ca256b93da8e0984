//! The binary's own modules. They see only the crate's public API.

mod args;
mod demo;
mod demo_api;
mod exit;
mod plan;
mod progress;
mod render;
mod run;
mod table;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Args, Command, Output};
use exit::Exit;

/// Parses the arguments, does what they say and tells how it ended.
pub(crate) fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return misused(&error),
    };
    start_log();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            render::problem(&format!("could not start: {error}"));
            return Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(async {
        match args.command {
            Command::Run(args) => run::run(&args).await,
            Command::Plan(args) => plan::plan(&args),
            Command::Import(args) => plan::import(&args),
            Command::Table(command) => table::table(&command).await,
            Command::Demo(args) => demo::demo(&args).await,
        }
    });
    // A second Ctrl-C or a stuck lookup must not hold the process.
    runtime.shutdown_background();
    exit.into()
}

/// Help and version are no errors; everything else is wrong usage, told in JSON too if that was asked for.
fn misused(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Nothing can be told to a stdout that is gone.
        let _ = error.print();
        return Exit::Ok.into();
    }
    let words: Vec<String> = std::env::args().collect();
    let json =
        words.iter().any(|word| word == "--output=json") || words.windows(2).any(|pair| pair == ["--output", "json"]);
    if json {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        render::refused(Output::Json, &[render::usage_error(message)]);
    } else {
        let _ = error.print();
    }
    Exit::NotStarted.into()
}

/// The log goes to stderr, from `warn` on, or as `ALLUVIUM_LOG` says.
fn start_log() {
    let filter = std::env::var("ALLUVIUM_LOG").unwrap_or_else(|_| "alluvium=warn,error".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_default();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
