//! The only place that prints: the report on stdout, everything else on stderr.

use std::io::Write;

use alluvium::config::Problem;
use alluvium::pipeline::{ErrorReport, ResourceReport, ResourceStatus, RunReport, RunStatus};
use serde::Serialize;

use super::args::Output;

/// The report as it is printed: what the library tells, what the process knows, and what kept it from starting.
#[derive(Serialize)]
struct Printed<'a> {
    run_id: &'a str,
    status: RunStatus,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    errors: &'a [ErrorReport],
    resources: &'a [ResourceReport],
}

/// Prints the report of a run.
pub(crate) fn report(output: Output, report: &RunReport) {
    let printed = Printed {
        run_id: &report.run_id,
        status: report.status,
        seconds: report.seconds,
        peak_memory_bytes: peak_memory_bytes(),
        errors: &[],
        resources: &report.resources,
    };
    match output {
        Output::Json => json(&printed),
        Output::Text => {
            for resource in &report.resources {
                out(&resource_text(resource));
            }
            out(&summary(report));
        }
    }
}

/// Prints what was done to a table; `text` for people.
pub(crate) fn table(output: Output, report: &impl Serialize, text: impl FnOnce() -> String) {
    match output {
        Output::Json => json(report),
        Output::Text => out(&text()),
    }
}

/// Prints why nothing was started, or what failed.
pub(crate) fn refused(output: Output, errors: &[ErrorReport]) {
    match output {
        Output::Json => json(&Printed {
            run_id: "",
            status: RunStatus::Failed,
            seconds: 0.0,
            peak_memory_bytes: peak_memory_bytes(),
            errors,
            resources: &[],
        }),
        Output::Text => {
            for error in errors {
                let place = error.at.as_ref().filter(|at| !error.message.contains(at.as_str()));
                let place = place.map(|at| format!("{at}: ")).unwrap_or_default();
                problem(&format!("{place}{}", error.message));
                if let Some(hint) = &error.hint {
                    problem(&format!("  hint: {hint}"));
                }
            }
        }
    }
}

/// A fault of a config in the form of the report.
pub(crate) fn config_error(problem: &Problem) -> ErrorReport {
    ErrorReport {
        code: problem.code.to_owned(),
        class: "config".to_owned(),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
        at: Some(problem.at.to_string()),
    }
}

/// A fault of the command line in the form of the report.
pub(crate) fn usage_error(message: String) -> ErrorReport {
    ErrorReport { code: "usage".to_owned(), class: "config".to_owned(), message, hint: None, at: None }
}

/// Prints a line on stdout.
pub(crate) fn out(text: &str) {
    // A reader that went away, such as `head`, wants no more.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a line on stderr.
pub(crate) fn problem(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn json(printed: &impl Serialize) {
    match serde_json::to_string_pretty(printed) {
        Ok(text) => out(&text),
        Err(error) => problem(&format!("could not print the report: {error}")),
    }
}

fn resource_text(resource: &ResourceReport) -> String {
    let name = &resource.resource;
    if resource.status == ResourceStatus::Skipped {
        return format!("{name}: skipped");
    }
    if let Some(error) = &resource.error {
        let verb = if resource.status == ResourceStatus::Interrupted { "interrupted" } else { "failed" };
        let mut text = format!("{name}: {verb}: {}", error.message);
        if let Some(at) = error.at.as_ref().filter(|at| !error.message.contains(at.as_str())) {
            text.push_str(&format!("\n  at: {at}"));
        }
        if let Some(hint) = &error.hint {
            text.push_str(&format!("\n  hint: {hint}"));
        }
        return text;
    }
    let rows = &resource.rows;
    let mut text = format!("{name}: {} rows read", grouped(rows.read));
    let counts = [
        ("inserted", rows.inserted),
        ("updated", rows.updated),
        ("unchanged", rows.unchanged),
        ("deleted", rows.deleted),
    ];
    counts.iter().for_each(|(word, count)| text.push_str(&counted(*count, word)));
    match resource.version {
        Some(version) if resource.commits > 0 => {
            text.push_str(&format!("\n  {} is at version {version}", resource.uri))
        }
        Some(version) => text.push_str(&format!("\n  {} stays at version {version}", resource.uri)),
        None => text.push_str("\n  no table was made, because there was no row"),
    }
    text.push_str(&format!(
        "\n  {} pages, {}, {} requests, {} repeated{}",
        grouped(resource.pages),
        bytes(resource.bytes_received),
        grouped(resource.requests),
        grouped(resource.retries),
        counted(resource.ignored, "ignored"),
    ));
    for wait in &resource.waits {
        text.push_str(&format!("\n  waited {:.1} s: {}", wait.seconds, wait.reason.replace('_', " ")));
    }
    if resource.version.is_some_and(|version| version > 0) {
        for change in &resource.schema_changes {
            text.push_str(&format!("\n  column `{}` {}", change.column, change.change));
        }
    }
    for change in resource.schema_changes.iter().filter(|change| change.change == "renamed") {
        let (from, to) = (change.from.as_deref().unwrap_or_default(), change.to.as_deref().unwrap_or_default());
        text.push_str(&format!("\n  column `{from}` was taken, so a key that asked for it is `{to}`"));
    }
    let rejects = &resource.rejects;
    if let Some(reject) = rejects.first.first() {
        text.push_str(&format!(
            "\n  {} rejected, first on page {}, row {}",
            grouped(rejects.count),
            reject.page,
            reject.row
        ));
        text.push_str(&format!(": {}", reject.reason));
    }
    if let Some(file) = &rejects.file {
        text.push_str(&format!("\n  all of them are in {file}, below the folder of the tables"));
    }
    if !resource.null_only.is_empty() {
        text.push_str(&format!("\n  no column for what is always null or empty: {}", resource.null_only.join(", ")));
    }
    text
}

/// One more count of a list, if there is anything to count.
fn counted(count: u64, word: &str) -> String {
    if count == 0 { String::new() } else { format!(", {} {word}", grouped(count)) }
}

fn summary(report: &RunReport) -> String {
    let loaded = report.resources.iter().filter(|resource| resource.status == ResourceStatus::Ok).count();
    let noun = if report.resources.len() == 1 { "resource" } else { "resources" };
    format!("{loaded} of {} {noun} loaded in {:.1} s (run {})", report.resources.len(), report.seconds, report.run_id)
}

/// A number with a comma before every third digit.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest unit of which there is one.
pub(crate) fn bytes(count: u64) -> String {
    for (unit, size) in [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)] {
        if count >= size {
            return format!("{}.{} {unit}", count / size, count % size * 10 / size);
        }
    }
    format!("{count} bytes")
}

/// The most memory that the process has held, where the system tells (Linux: `VmHWM`).
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::{bytes, grouped};

    #[test]
    fn numbers_are_shown_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(123), "123");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_254_000), "1.2 MB");
    }
}
