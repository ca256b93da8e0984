//! Progress on stderr: a bar a resource on a terminal, a line every few seconds elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alluvium::pipeline::{Event, Observer, Progress};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle as BarStyle};

use super::args::ProgressStyle;
use super::render;

/// How often a line is printed for a resource.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows what a run tells.
pub(crate) enum Shown {
    Bars(Bars),
    Lines(Mutex<HashMap<String, Line>>),
    Nothing,
}

/// One bar a resource.
pub(crate) struct Bars {
    all: MultiProgress,
    bars: Mutex<HashMap<String, ProgressBar>>,
}

/// When a resource began and was last told of.
pub(crate) struct Line {
    began: Instant,
    told: Instant,
}

/// What shows the progress in a style.
pub(crate) fn observer(style: ProgressStyle) -> Arc<Shown> {
    let on_terminal = std::io::stderr().is_terminal();
    Arc::new(match style {
        ProgressStyle::None => Shown::Nothing,
        ProgressStyle::Bar => Shown::bars(),
        ProgressStyle::Auto if on_terminal => Shown::bars(),
        ProgressStyle::Plain | ProgressStyle::Auto => Shown::Lines(Mutex::default()),
    })
}

impl Shown {
    fn bars() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        Self::Bars(Bars { all, bars: Mutex::default() })
    }

    pub(crate) fn into_observer(self: Arc<Self>) -> Arc<dyn Observer> {
        self
    }

    /// Takes the bars off the screen.
    pub(crate) fn finish(&self) {
        if let Self::Bars(bars) = self {
            // A terminal that is gone cannot be cleared.
            let _ = bars.all.clear();
        }
    }
}

impl Observer for Shown {
    fn event(&self, event: &Event) {
        match self {
            Self::Bars(bars) => bars.show(event),
            Self::Lines(lines) => show_line(&mut lines.lock().unwrap_or_else(PoisonError::into_inner), event),
            Self::Nothing => {}
        }
    }
}

impl Bars {
    fn show(&self, event: &Event) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started(name) => {
                let style = BarStyle::with_template("{spinner} {prefix}  {msg}  {elapsed}");
                let bar = ProgressBar::new_spinner().with_prefix(name.to_string());
                let bar = self.all.add(bar.with_style(style.unwrap_or_else(|_| BarStyle::default_spinner())));
                bar.enable_steady_tick(Duration::from_millis(125));
                bars.insert(name.to_string(), bar);
            }
            Event::Page(name, progress) => {
                if let Some(bar) = bars.get(name.as_str()) {
                    bar.set_message(told(progress, bar.elapsed()));
                }
            }
            Event::Committing(name) => {
                if let Some(bar) = bars.get(name.as_str()) {
                    bar.set_message(format!("{}  committing", bar.message()));
                }
            }
            Event::Ended(name) => {
                if let Some(bar) = bars.remove(name.as_str()) {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

fn show_line(lines: &mut HashMap<String, Line>, event: &Event) {
    let now = Instant::now();
    match event {
        Event::Started(name) => {
            lines.insert(name.to_string(), Line { began: now, told: now });
        }
        Event::Page(name, progress) => {
            let Some(line) = lines.get_mut(name.as_str()) else { return };
            if now.duration_since(line.told) >= LINE_EVERY {
                line.told = now;
                render::problem(&format!("{name}: {}", told(progress, now.duration_since(line.began))));
            }
        }
        Event::Committing(_) => {}
        Event::Ended(name) => {
            lines.remove(name.as_str());
        }
    }
}

/// Rows, pages, rate, retries and time waited.
fn told(progress: &Progress, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs().max(1);
    let mut text = format!(
        "{} rows, {} pages, {}, {} rows/s",
        render::grouped(progress.rows),
        render::grouped(progress.pages),
        render::bytes(progress.bytes),
        render::grouped(progress.rows / seconds),
    );
    if progress.retries > 0 {
        text.push_str(&format!(", {} retries, {:.0} s waited", progress.retries, progress.waited_seconds));
    }
    text
}
