//! Which of a script's configs is read, what it is called, and which pipeline it belongs to.

use ruff_python_ast::{Expr, ExprCall, StmtFunctionDef};
use ruff_text_size::Ranged as _;

use super::python::Reading;
use super::python_bindings::Found;
use super::python_names::{Binding, Scopes};
use super::python_script::{CallSite, called};
use super::{NESTING_MAX, Outside};
use crate::config::problem::{Problem, code};
use crate::config::tree::{Tree, Value};

/// An expression that is a config, and the scopes in which it stands.
pub(super) struct Candidate<'a> {
    pub(super) config: &'a Expr,
    /// `name=` of `rest_api_source`.
    pub(super) name: Option<&'a Expr>,
    /// The call that takes the config.
    pub(super) call: Option<&'a ExprCall>,
    pub(super) scopes: Scopes<'a>,
}

impl<'a> Candidate<'a> {
    /// The function in which the config stands.
    pub(super) fn function(&self) -> Option<&'a StmtFunctionDef> {
        self.scopes.last()?.function
    }
}

impl<'a> Reading<'_, 'a> {
    /// The config of the script. The same one may be annotated and handed to several calls.
    pub(super) fn only_config(&self, wanted: Option<&str>) -> Option<Candidate<'a>> {
        let mut candidates: Vec<Candidate<'a>> = Vec::new();
        for candidate in self.candidates() {
            let origin = self.literal(&candidate).start();
            if candidates.iter().all(|known| self.literal(known).start() != origin) {
                candidates.push(candidate);
            }
        }
        if candidates.is_empty() {
            let message =
                "no call of `rest_api_source` with a config and no name annotated as `RESTAPIConfig` was found";
            self.report.add(Problem::new(code::MISSING, &self.positions.whole(), message));
            return None;
        }
        let labels = self.labels(&candidates);
        let listed: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        if let Some(wanted) = wanted {
            let mut found = candidates.into_iter().zip(&labels).filter(|(_, label)| *label == wanted);
            if let (Some((candidate, _)), None) = (found.next(), found.next()) {
                return Some(candidate);
            }
            let message = format!("the script has no one source `{wanted}`");
            let problem = Problem::new(code::INVALID, &self.positions.whole(), message);
            self.report.add(problem.hint(format!("its sources are {}", listed.join(", "))));
            return None;
        }
        if let Some(other) = candidates.get(1) {
            let at = self.positions.at_byte(other.config.start().to_usize());
            let message = "the script has more than one config; only one can be read";
            let hint = format!("choose one with `--source`: {}", listed.join(", "));
            self.report.add(Problem::new(code::DUPLICATE, &at, message).hint(hint));
            return None;
        }
        candidates.into_iter().next()
    }

    fn candidates(&self) -> Vec<Candidate<'a>> {
        let of_call = |site: &CallSite<'a>| {
            let callee = site.callee.as_deref()?;
            if !matches!(callee.rsplit('.').next(), Some("rest_api_source" | "rest_api_resources")) {
                return None;
            }
            let arguments = &site.call.arguments;
            let keyword = |name: &str| arguments.find_keyword(name).map(|keyword| &keyword.value);
            let config = keyword("config").or_else(|| arguments.args.first())?;
            let name = keyword("name").or_else(|| arguments.args.get(1));
            Some(Candidate { config, name, call: Some(site.call), scopes: site.scopes.clone() })
        };
        let calls: Vec<Candidate<'a>> = self.script.calls.iter().filter_map(of_call).collect();
        if !calls.is_empty() {
            return calls;
        }
        let annotated = self.script.annotated.iter();
        let of_name =
            annotated.map(|one| Candidate { config: one.value, name: None, call: None, scopes: one.scopes.clone() });
        of_name.collect()
    }

    /// What the sources are called; those that share a name are told apart by where they stand.
    fn labels(&self, candidates: &[Candidate<'a>]) -> Vec<String> {
        let labels: Vec<String> = candidates.iter().map(|candidate| self.label(candidate)).collect();
        let is_alone = |label: &String| labels.iter().filter(|other| *other == label).count() == 1;
        let alone = labels.iter().zip(candidates).map(|(label, candidate)| {
            let start = candidate.config.start().to_usize();
            if is_alone(label) { label.clone() } else { format!("{label}:{}", self.positions.line_of(start)) }
        });
        alone.collect()
    }

    /// What the user calls a source: its name, or that of its function or variable, or the line where it stands.
    fn label(&self, candidate: &Candidate<'a>) -> String {
        if let Some(Expr::StringLiteral(name)) = candidate.name {
            return name.value.to_str().to_owned();
        }
        if let Some(name) = self.source_name(candidate).as_ref().and_then(Tree::written_text) {
            return name.to_owned();
        }
        let call = candidate.call.map(|call| call.start());
        let variable = candidate.scopes.last().and_then(|scope| scope.name_of(call?));
        let function = candidate.function().map(|function| function.name.as_str());
        match variable.or(function) {
            Some(name) => name.to_owned(),
            None => self.positions.at_byte(candidate.config.start().to_usize()).to_string(),
        }
    }

    /// The innermost function around a config that dlt makes a source of.
    pub(super) fn source(&self, candidate: &Candidate<'a>) -> Option<&'a StmtFunctionDef> {
        let functions = candidate.scopes.iter().rev().filter_map(|scope| scope.function);
        functions.into_iter().find(|function| self.decorator(function).is_some())
    }

    fn decorator(&self, function: &'a StmtFunctionDef) -> Option<&'a Expr> {
        self.script.decorator(function, &["dlt.source"])
    }

    /// The name of the source that a function makes: the decorator's, or that of the function.
    pub(super) fn source_name(&self, candidate: &Candidate<'a>) -> Option<Tree> {
        let function = self.source(candidate)?;
        let at = self.positions.at_byte(function.name.start().to_usize());
        let named = match self.decorator(function)? {
            Expr::Call(call) => call.arguments.find_keyword("name").map(|keyword| &keyword.value),
            _ => None,
        };
        match named {
            Some(Expr::StringLiteral(name)) => Some(Tree::text(name.value.to_str(), &at)),
            _ => Some(Tree::text(function.name.as_str(), &at)),
        }
    }

    /// The expression that a candidate's names lead to.
    fn literal(&self, candidate: &Candidate<'a>) -> &'a Expr {
        let mut expression = candidate.config;
        let mut evaluator = self.evaluator(&candidate.scopes);
        for _ in 0..NESTING_MAX {
            let Expr::Name(name) = expression else { break };
            match evaluator.found(name.id.as_str()) {
                Found::Bound(Binding::Value(value), scopes) => {
                    expression = value;
                    evaluator.scopes = scopes;
                }
                _ => break,
            }
        }
        expression
    }

    /// Takes what `dlt.pipeline` is told: the one in the function of the config or in one that calls it, else the first.
    pub(super) fn pipelines(&self, candidate: &Candidate<'a>, outside: &mut Outside) {
        let sites = || self.script.calls.iter();
        let is_pipeline = |site: &&CallSite<'a>| site.callee.as_deref() == Some("dlt.pipeline");
        let source = self.source(candidate).or(candidate.function());
        let is_of_source = |site: &CallSite<'a>| {
            called(site).is_some_and(|called| source.is_some_and(|source| source.start() == called.start()))
        };
        let scope = |site: &CallSite<'a>| site.scopes.last().and_then(|scope| scope.id());
        let users: Vec<_> = sites().filter(|site| is_of_source(site)).map(scope).collect();
        let own = candidate.scopes.last().and_then(|scope| scope.id());
        let near = sites().filter(is_pipeline).find(|site| scope(site) == own || users.contains(&scope(site)));
        match near {
            Some(site) => self.pipeline(site, outside),
            None => sites().filter(is_pipeline).for_each(|site| self.pipeline(site, outside)),
        }
    }

    /// Takes what is static; the rest of a pipeline's settings is dlt's own.
    fn pipeline(&self, site: &CallSite<'a>, outside: &mut Outside) {
        let arguments = &site.call.arguments;
        let argument = |name: &str| self.static_text(&arguments.find_keyword(name)?.value, &site.scopes);
        let first = || arguments.args.first().and_then(|first| self.static_text(first, &site.scopes));
        let is_folder = |tree: &Tree| tree.written_text().is_some_and(|text| text.contains('/'));
        outside.pipeline_name = outside.pipeline_name.take().or_else(|| argument("pipeline_name")).or_else(first);
        outside.dataset_name = outside.dataset_name.take().or_else(|| argument("dataset_name"));
        outside.destination = outside.destination.take().or_else(|| argument("destination").filter(is_folder));
    }

    fn static_text(&self, expression: &'a Expr, scopes: &Scopes<'a>) -> Option<Tree> {
        self.evaluator(scopes).try_tree(expression).ok().filter(|tree| matches!(tree.value, Value::Text(_)))
    }
}
