//! Configs in, plans or problems out: the module as its users see it.

mod auth;
mod bodies;
mod formats;
mod fuzz;
mod fuzz_words;
mod languages;
mod paginators;
mod problems;
mod processing_steps;
mod python;
mod python_dates;
mod python_flow;
mod python_runs;
mod requests;
mod resources;
mod response_actions;
mod secrets;
mod set;

use super::*;
use crate::plan::ResourcePlan;

/// A config text that is loaded in made-up surroundings.
struct Case {
    source: Source,
    options: Options,
}

fn case(file: &str, text: &str) -> Case {
    let path = std::path::Path::new(file);
    let surroundings = Surroundings::new([], "/nowhere");
    let options = Options { surroundings, ..Options::default() };
    Case { source: Source { path: path.into(), text: text.to_owned() }, options }
}

fn yaml(text: &str) -> Case {
    case("config.yaml", text)
}

fn python(text: &str) -> Case {
    case("config.py", text)
}

impl Case {
    fn set(mut self, change: &str) -> Self {
        self.options.overrides.push(Override::parse(change).expect("an override"));
        self
    }

    fn env(mut self, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.options.surroundings = Surroundings::new(variables, "/nowhere");
        self
    }

    fn load(&self) -> Result<Plan, Problems> {
        load_source(&self.source, &self.options)
    }

    fn plan(&self) -> Plan {
        self.load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// The only resource of the plan.
    fn resource(&self) -> ResourcePlan {
        let plan = self.plan();
        assert_eq!(plan.resources.len(), 1);
        plan.resources.into_iter().next().expect("a resource")
    }

    /// Every problem on a line of its own, with its hint.
    fn problems(&self) -> Vec<String> {
        let problems = self.load().expect_err("problems");
        let shown = problems.as_slice().iter().map(|problem| match &problem.hint {
            Some(hint) => format!("{problem} ({hint})"),
            None => problem.to_string(),
        });
        shown.collect()
    }
}

/// A YAML config with one resource, whose keys are `resource`.
fn one(resource: &str) -> Case {
    yaml(&format!(
        "client: {{base_url: https://a.b/v1/, paginator: single_page}}\nresources:\n- name: r\n  {}\n",
        resource.replace('\n', "\n  ")
    ))
}

/// A YAML config with one resource, whose endpoint's keys are `endpoint`.
fn endpoint(endpoint: &str) -> Case {
    one(&format!("endpoint:\n  {}", endpoint.replace('\n', "\n  ")))
}
