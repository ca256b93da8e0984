//! `alluvium plan` and `alluvium import`: what a config comes to, and the same config as YAML. Neither runs anything.

use alluvium::config::{self, Problem, Resolved, Source};

use super::args::{ImportArgs, Output, PlanArgs};
use super::exit::Exit;
use super::render;
use super::run::{options, refused};

/// Shows what a config comes to.
pub(crate) fn plan(args: &PlanArgs) -> Exit {
    match resolved(args) {
        Ok(resolved) => {
            render::table(args.output, &resolved, || text(&resolved));
            Exit::Ok
        }
        Err(problems) => refused(args.output, &problems),
    }
}

/// Prints a config as YAML.
pub(crate) fn import(args: &ImportArgs) -> Exit {
    let yaml = Source::read(&args.config).map_err(|problem| vec![problem]);
    let yaml = yaml.and_then(|source| {
        config::to_yaml(&source, args.source.as_deref()).map_err(|problems| problems.into_iter().collect())
    });
    match yaml {
        Ok(yaml) => {
            render::out(yaml.trim_end());
            Exit::Ok
        }
        Err(problems) => refused(Output::Text, &problems),
    }
}

fn resolved(args: &PlanArgs) -> Result<Resolved, Vec<Problem>> {
    let options = options(&args.config)?;
    let source = Source::read(&args.config.config).map_err(|problem| vec![problem])?;
    config::resolve(&source, &options).map_err(|problems| problems.into_iter().collect())
}

/// The plan for people: one block a resource, without what is not said.
fn text(resolved: &Resolved) -> String {
    let mut text = String::new();
    for name in &resolved.order {
        text.push_str(&format!("{name}\n"));
        let members = resolved.resources.get(name).and_then(|resource| resource.as_object()).into_iter().flatten();
        for (key, value) in members.filter(|(_, value)| !value.is_null()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!("  {key}: {value}\n"));
        }
    }
    for secret in &resolved.missing_secrets {
        text.push_str(&format!("missing secret: {secret}\n"));
    }
    for problem in &resolved.unsupported {
        text.push_str(&format!("{problem}\n"));
    }
    text.truncate(text.trim_end().len());
    text
}
