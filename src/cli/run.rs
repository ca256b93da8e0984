//! `alluvium run`: reads a config, runs its plan and shows the report.

use std::convert::Infallible;
use std::sync::Arc;

use alluvium::config::{self, Options, Override, Problem, Surroundings};
use alluvium::pipeline::{self, RunReport, Stop, StopHandle};
use alluvium::plan::{History, Plan};

use super::args::{ConfigArgs, Output, RunArgs, ShowArgs};
use super::exit::Exit;
use super::{progress, render};

/// Runs a config.
pub(crate) async fn run(args: &RunArgs) -> Exit {
    let history = History { refreshes: args.full_refresh, adopts: args.adopt };
    let plan = options(&args.config).and_then(|options| {
        let options = Options { history, ..options };
        config::load(&args.config.config, &options).map_err(|problems| problems.into_iter().collect())
    });
    let plan = match plan {
        Ok(plan) => plan,
        Err(problems) => return refused(args.show.output, &problems),
    };
    let report = run_plan(&plan, args.show).await;
    render::report(args.show.output, &report);
    Exit::of(&report)
}

/// Tells why nothing was started.
pub(crate) fn refused(output: Output, problems: &[Problem]) -> Exit {
    let errors: Vec<_> = problems.iter().map(render::config_error).collect();
    render::refused(output, &errors);
    Exit::NotStarted
}

/// What the command line changes of a config.
pub(crate) fn options(args: &ConfigArgs) -> Result<Options, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut overrides = Vec::new();
    for text in &args.overrides {
        match Override::parse(text) {
            Ok(parsed) => overrides.push(parsed),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let (to, resources, source) = (args.to.clone(), args.resources.clone(), args.source.clone());
    let surroundings = Surroundings::from_process();
    Ok(Options { overrides, to, resources, source, history: History::default(), surroundings })
}

/// Runs a plan with its progress on stderr, until its end or the first Ctrl-C.
pub(crate) async fn run_plan(plan: &Plan, show: ShowArgs) -> RunReport {
    let (handle, stop) = Stop::new();
    let observer = progress::observer(show.progress);
    let report = tokio::select! {
        report = pipeline::run(plan, Arc::clone(&observer).into_observer(), stop) => report,
        never = listen(handle) => match never {},
    };
    observer.finish();
    report
}

/// The first Ctrl-C stops at the next page, the second at once.
async fn listen(handle: StopHandle) -> Infallible {
    if tokio::signal::ctrl_c().await.is_ok() {
        handle.stop();
        render::problem("stopping; press Ctrl-C again to stop at once");
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(5);
        }
    }
    // Without signals there is nothing to hear.
    std::future::pending().await
}
