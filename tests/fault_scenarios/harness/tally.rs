//! The verdicts: what passed, what failed, and what is known to fail.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;

use super::Check;

/// Cases that fail today, by name, with the reason and the sign by which they fail. One that passes fails the suite, so that it
/// is struck off here; so does one that fails by another sign.
pub const EXPECTED_FAILURES: [(&str, &str, &str); 0] = [];

/// The longest that one case may take; everything in it has a shorter bound, so this tells of a fault of the suite.
const CASE_MAX: Duration = Duration::from_secs(300);

/// Verdicts of cases.
#[derive(Default)]
pub struct Tally {
    scenario: String,
    started: Option<Instant>,
    passed: u64,
    failed: u64,
    passed_before: u64,
    failed_before: u64,
    /// How often something happened in the scenario.
    counts: BTreeMap<String, u64>,
    /// Expected failures that failed, with their count.
    expected: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub fn begin(&mut self, scenario: &str) {
        self.scenario = scenario.to_owned();
        self.started = Some(Instant::now());
        (self.passed_before, self.failed_before) = (self.passed, self.failed);
        self.counts.clear();
    }

    /// Ends the scenario with its summary.
    pub fn end(&mut self) {
        let seconds = self.started.map_or(0.0, |started| started.elapsed().as_secs_f64());
        let passed = self.passed - self.passed_before;
        let failed = self.failed - self.failed_before;
        println!("{}: {passed} passed, {failed} failed in {seconds:.1} s", self.scenario);
        for (what, count) in &self.counts {
            println!("  {count} x {what}");
        }
    }

    /// Prints the expected failures and the last line. Gives how many failed.
    pub fn print(&self) -> u64 {
        for (name, count) in &self.expected {
            println!("expected failure, {count} x: {name}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed
    }

    /// Counts something that happened, to be shown in the summary.
    pub fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// Judges one case of the run of a seed. What it gives is counted in the summary.
    pub async fn case(&mut self, name: &str, seed: u64, case: impl Future<Output = Check<Vec<String>>>) {
        let bounded = tokio::time::timeout(CASE_MAX, AssertUnwindSafe(case).catch_unwind()).await;
        let verdict = match bounded {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(panic)) => Err(panic_text(panic.as_ref())),
            Err(_) => Err(format!("not done within {} s", CASE_MAX.as_secs())),
        };
        let name = format!("{}/{name}", self.scenario);
        let known = EXPECTED_FAILURES.iter().find(|(known, ..)| *known == name);
        match (verdict, known) {
            (Ok(counted), None) => {
                self.passed += 1;
                counted.iter().for_each(|what| self.count(what));
            }
            (Err(wrong), Some((name, _, sign))) if wrong.starts_with(sign) => {
                self.passed += 1;
                *self.expected.entry(name).or_default() += 1;
            }
            (Err(wrong), _) => self.fail(&name, seed, &wrong),
            (Ok(_), Some(_)) => self.fail(&name, seed, "passes unnoticed: strike it off the expected failures"),
        }
    }

    fn fail(&mut self, name: &str, seed: u64, wrong: &str) {
        self.failed += 1;
        println!("FAILED {name}: {wrong}");
        println!("  repeat: tests/faults {} --runs 1 --seed {seed}", self.scenario);
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!("panicked: {}", text.unwrap_or_default())
}
