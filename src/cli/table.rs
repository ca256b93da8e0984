//! `alluvium table`: compaction and vacuum of one table.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use alluvium::config::{parse_duration, parse_size};
use alluvium::pipeline::ErrorReport;
use alluvium::plan::{Limits, Secret, Target};
use alluvium::table::{self, OptimizeOptions, OptimizeReport, VacuumOptions, VacuumReport};

use super::args::{OptimizeArgs, Output, TableArgs, TableCommand, VacuumArgs};
use super::exit::Exit;
use super::render::{self, bytes, grouped};

/// Does what is asked to a table.
pub(crate) async fn table(command: &TableCommand) -> Exit {
    match command {
        TableCommand::Optimize(args) => optimize(args).await,
        TableCommand::Vacuum(args) => vacuum(args).await,
    }
}

async fn optimize(args: &OptimizeArgs) -> Exit {
    let output = args.table.output;
    let (target, options) = match (target(&args.table), optimize_options(args)) {
        (Ok(target), Ok(options)) => (target, options),
        (target, options) => return misused(output, [target.err(), options.err()]),
    };
    match table::optimize(&target, &options).await {
        Ok(report) => {
            render::table(output, &report, || optimize_text(&report));
            Exit::Ok
        }
        Err(error) => failed(output, &error),
    }
}

async fn vacuum(args: &VacuumArgs) -> Exit {
    let output = args.table.output;
    let (target, options) = match (target(&args.table), vacuum_options(args)) {
        (Ok(target), Ok(options)) => (target, options),
        (target, options) => return misused(output, [target.err(), options.err()]),
    };
    match table::vacuum(&target, &options).await {
        Ok(report) => {
            render::table(output, &report, || vacuum_text(&report));
            Exit::Ok
        }
        Err(error) => failed(output, &error),
    }
}

fn failed(output: Output, error: &alluvium::Error) -> Exit {
    render::refused(output, &[ErrorReport::from(error)]);
    error.into()
}

fn misused(output: Output, faults: [Option<String>; 2]) -> Exit {
    let errors: Vec<_> = faults.into_iter().flatten().map(render::usage_error).collect();
    render::refused(output, &errors);
    Exit::NotStarted
}

fn target(args: &TableArgs) -> Result<Target, String> {
    let mut options = BTreeMap::new();
    for option in &args.storage_options {
        // Of what has no name, all may be a secret.
        let (name, value) = option.split_once('=').ok_or("`--storage-option` must be `NAME=VALUE`")?;
        options.insert(name.to_owned(), Secret::new(value.to_owned()));
    }
    let mut target = Target::parse(&args.uri, options).map_err(|error| format!("the table's place: {error}"))?;
    target.single_writer = args.single_writer;
    Ok(target)
}

fn optimize_options(args: &OptimizeArgs) -> Result<OptimizeOptions, String> {
    let size = parse_size(&args.target_size).and_then(NonZeroU64::new);
    let file_bytes =
        size.ok_or("`--target-size` must be a size such as `128MB`, `64MiB` or a number of bytes".to_owned())?;
    Ok(OptimizeOptions { key: args.key.clone(), limits: Limits { file_bytes, ..Limits::default() } })
}

fn vacuum_options(args: &VacuumArgs) -> Result<VacuumOptions, String> {
    let retention = match &args.retention {
        Some(text) => {
            let fault = "`--retention` must be a duration such as `24h`, `30d` or a number of seconds";
            Some(parse_duration(text).ok_or(fault)?)
        }
        None => None,
    };
    Ok(VacuumOptions { retention, allow_short_retention: args.allow_short_retention, dry_run: args.dry_run })
}

fn optimize_text(report: &OptimizeReport) -> String {
    let OptimizeReport { table, version, files_removed, files_added, rows, bytes_before, bytes_after } = report;
    if *files_removed == 0 {
        return format!("{table} stays at version {version}: there is nothing to put together");
    }
    format!(
        "{table} is at version {version}\n  {} of {} became {} of {}, with {} rows",
        files(*files_removed),
        bytes(*bytes_before),
        files(*files_added),
        bytes(*bytes_after),
        grouped(*rows),
    )
}

fn vacuum_text(report: &VacuumReport) -> String {
    let verb = if report.dry_run { "would be removed" } else { "removed" };
    let sum = format!("{}: {} of {} {verb}", report.table, files(report.files), bytes(report.bytes));
    let listed = if report.dry_run { report.deleted.as_slice() } else { &[] };
    listed.iter().cloned().chain([sum]).collect::<Vec<_>>().join("\n")
}

fn files(count: u64) -> String {
    format!("{} {}", grouped(count), if count == 1 { "file" } else { "files" })
}
