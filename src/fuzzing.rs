//! Runs the fuzz tests of what users and servers write: texts from seeds, each checked in its own time.
//!
//! `cargo test` runs a fixed number of cases of each target from a fixed seed. One target for a time, from a seed of its own:
//! `ALLUVIUM_FUZZ_SECONDS=600 ALLUVIUM_FUZZ_SEED=7 cargo test --lib fuzz_yaml -- --nocapture`, with `ALLUVIUM_FUZZ_CASES` for a
//! number of cases instead. The targets are what `cargo test --lib fuzz_ -- --list` lists. A case depends on its seed alone, and the
//! one that a failure names is run again as the first of one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;

/// The longest that a case may take in a debug build. One that took longer is run again, because the machine may have been busy.
const CASE_MAX: Duration = Duration::from_secs(2);
/// A case that has not ended by now will not.
const HANG: Duration = Duration::from_secs(30);

/// What is fuzzed.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// The name of its test.
    pub(crate) name: &'static str,
    /// Cases of `cargo test`.
    pub(crate) cases: u64,
    /// Makes the input of a case.
    pub(crate) input: fn(&mut Rng) -> Vec<u8>,
    /// Tells what of it is not as it should be.
    pub(crate) check: fn(&[u8]) -> Result<(), String>,
}

/// The case that is under way: its seed, and since when.
type Current = Arc<Mutex<(u64, Instant)>>;

impl Target {
    /// Runs the cases that are asked for.
    pub(crate) fn run(self) {
        let current: Current = Arc::new(Mutex::new((0, Instant::now())));
        let (seen, worker) = (Arc::clone(&current), std::thread::Builder::new().name(self.name.to_owned()));
        // The stack of a thread of the runtime, which is where configs and bodies are read.
        let worker = worker.stack_size(2 << 20).spawn(move || self.cases(&current)).expect("a thread");
        while !worker.is_finished() {
            std::thread::sleep(Duration::from_millis(5));
            let (seed, since) = *seen.lock().expect("nobody panics with it");
            if since.elapsed() > HANG {
                let input = (self.input)(&mut Rng::with_seed(seed));
                panic!("{}: seed {seed} hangs\ninput: b\"{}\"", self.name, input.escape_ascii());
            }
        }
        if let Err(fault) = worker.join().expect("its panics are caught") {
            panic!("{fault}");
        }
    }

    #[expect(clippy::print_stdout, reason = "what a long run came to")]
    fn cases(self, current: &Current) -> Result<(), String> {
        let first = number("ALLUVIUM_FUZZ_SEED").unwrap_or(1);
        let seconds = number("ALLUVIUM_FUZZ_SECONDS").map(Duration::from_secs);
        let cases =
            number("ALLUVIUM_FUZZ_CASES").unwrap_or(if seconds.is_some() { u64::MAX - first } else { self.cases });
        let (started, mut slowest) = (Instant::now(), (Duration::ZERO, 0));
        let mut done = 0;
        while done < cases && seconds.is_none_or(|seconds| started.elapsed() < seconds) {
            let seed = first + done;
            *current.lock().expect("nobody panics with it") = (seed, Instant::now());
            let input = (self.input)(&mut Rng::with_seed(seed));
            let took = self.timed(&input).map_err(|fault| {
                let smallest = self.shrunk(&input);
                let now = self.timed(&smallest).err().unwrap_or_else(|| "in time now".to_owned());
                format!(
                    "{}: {fault}\nALLUVIUM_FUZZ_SEED={seed} ALLUVIUM_FUZZ_CASES=1\ninput: b\"{}\"\nsmallest: b\"{}\": {now}",
                    self.name,
                    input.escape_ascii(),
                    smallest.escape_ascii()
                )
            })?;
            slowest = slowest.max((took, seed));
            done += 1;
        }
        println!("{}: {done} cases, the slowest of seed {} in {:?}", self.name, slowest.1, slowest.0);
        Ok(())
    }

    /// How long a case took that is as it should be.
    fn timed(self, input: &[u8]) -> Result<Duration, String> {
        let mut took = Duration::ZERO;
        for _ in 0..2 {
            let started = Instant::now();
            self.checked(input)?;
            took = started.elapsed();
            if took <= CASE_MAX {
                return Ok(took);
            }
        }
        Err(format!("takes {took:?}"))
    }

    fn checked(self, input: &[u8]) -> Result<(), String> {
        catch_unwind(AssertUnwindSafe(|| (self.check)(input))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Err(format!("panic: {:?}", text.or(panic.downcast_ref::<&str>().copied())))
        })
    }

    /// The smallest input found that still fails: ever shorter pieces are left out, for as long as a case may take.
    fn shrunk(self, input: &[u8]) -> Vec<u8> {
        let (mut smallest, started) = (input.to_vec(), Instant::now());
        let mut piece = smallest.len();
        while piece > 0 {
            let mut at = 0;
            while at < smallest.len() && started.elapsed() < HANG / 2 {
                let mut shorter = smallest.clone();
                shorter.drain(at..(at + piece).min(smallest.len()));
                match self.checked(&shorter) {
                    Ok(()) => at += piece,
                    Err(_) => smallest = shorter,
                }
            }
            piece /= 2;
        }
        smallest
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Changes a text in one place: with a byte, with a part of itself or of another one, or with a word.
pub(crate) fn tear(random: &mut Rng, text: &mut Vec<u8>, other: &[u8], words: &[&str]) {
    let at = random.usize(..=text.len());
    let end = (at + random.usize(1..12)).min(text.len());
    let from = random.usize(..=other.len());
    let part = other[from..(from + random.usize(..60)).min(other.len())].to_vec();
    let (place, with) = match random.u8(..10) {
        0 => (at..at, vec![random.u8(..)]),
        1 => (at..end, text[at..end].iter().map(|byte| byte ^ (1 << random.u8(..8))).collect()),
        2 => (at..end, Vec::new()),
        3 => (at..at, text[at..end].to_vec()),
        4 => (at..at, part),
        5 => (at..end, part),
        6 => (at..at, text[at..end].repeat(random.usize(1..200))),
        _ => (at..at, random.choice(words).map(|word| word.as_bytes().to_vec()).unwrap_or_default()),
    };
    text.splice(place, with);
}
