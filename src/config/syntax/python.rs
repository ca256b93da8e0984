//! A Python script to a tree: finds the config that `rest_api_source` is called with, and what `dlt.pipeline` is told.
//!
//! 1. `python_names` collects imports and what each name is bound to.
//! 2. `Finder` walks the script for calls and for names annotated as `RESTAPIConfig`.
//! 3. `python_values` reads the one config that was found.

use std::rc::Rc;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprCall, Stmt};
use ruff_text_size::Ranged as _;

use super::position::Positions;
use super::python_names::{Binding, Scope, Script};
use super::python_values::Evaluator;
use super::{Document, NESTING_MAX, Outside};
use crate::config::problem::{Problem, Report, code};
use crate::config::tree::{Tree, Value};

pub(super) fn parse(text: &str, positions: &Positions<'_>, report: &Report) -> Option<Document> {
    if let Some(offset) = too_deep(text) {
        let message = format!("brackets are nested deeper than {NESTING_MAX} levels");
        report.add(Problem::new(code::SYNTAX, &positions.at_byte(offset), message));
        return None;
    }
    let module = match ruff_python_parser::parse_module(text) {
        Ok(module) => module.into_syntax(),
        Err(error) => {
            let at = positions.at_byte(error.location.start().to_usize());
            let fault = error.error.to_string();
            let fault = fault.strip_prefix("Expected").map(|rest| format!("expected{rest}")).unwrap_or(fault);
            report.add(Problem::new(code::SYNTAX, &at, format!("not valid Python: {fault}")));
            return None;
        }
    };
    let script = Script::of(&module.body);
    let mut finder = Finder::new(&script, Scope::of_module(&module.body));
    finder.visit_body(&module.body);
    let reading = Reading { script: &script, positions, report };
    let config = reading.only_config(&finder)?;
    let mut evaluator = reading.evaluator(&config.scopes);
    let mut outside = Outside { source_name: config.name.map(|name| evaluator.tree(name)), ..Outside::default() };
    let root = evaluator.tree(config.config);
    for pipeline in &finder.pipelines {
        reading.pipeline(pipeline, &mut outside);
    }
    Some(Document { root, outside })
}

/// Where brackets nest too deeply for trees that are walked by recursion. Brackets in strings count too: a config has few.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX {
            return Some(offset);
        }
    }
    None
}

/// An expression that is a config, and the scopes in which it stands.
struct Candidate<'a> {
    config: &'a Expr,
    name: Option<&'a Expr>,
    scopes: Vec<Rc<Scope<'a>>>,
}

/// A call of `dlt.pipeline`, and the scopes in which it stands.
struct PipelineCall<'a> {
    call: &'a ExprCall,
    scopes: Vec<Rc<Scope<'a>>>,
}

/// Walks the script for everything that may be or describe the config.
struct Finder<'f, 'a> {
    script: &'f Script<'a>,
    scopes: Vec<Rc<Scope<'a>>>,
    calls: Vec<Candidate<'a>>,
    annotated: Vec<Candidate<'a>>,
    pipelines: Vec<PipelineCall<'a>>,
}

impl<'f, 'a> Finder<'f, 'a> {
    fn new(script: &'f Script<'a>, module: Scope<'a>) -> Self {
        let scopes = vec![Rc::new(module)];
        Self { script, scopes, calls: Vec::new(), annotated: Vec::new(), pipelines: Vec::new() }
    }

    fn source_call(&mut self, call: &'a ExprCall) {
        let arguments = &call.arguments;
        let keyword = |name: &str| arguments.find_keyword(name).map(|keyword| &keyword.value);
        if let Some(config) = keyword("config").or_else(|| arguments.args.first()) {
            let name = keyword("name").or_else(|| arguments.args.get(1));
            self.calls.push(Candidate { config, name, scopes: self.scopes.clone() });
        }
    }
}

impl<'a> Visitor<'a> for Finder<'_, 'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                function.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                self.scopes.push(Rc::new(Scope::of_function(&function.parameters, &function.body)));
                self.visit_body(&function.body);
                self.scopes.pop();
            }
            Stmt::AnnAssign(assignment) => {
                if let Some(config) = assignment.value.as_deref()
                    && is_config_type(&assignment.annotation)
                {
                    self.annotated.push(Candidate { config, name: None, scopes: self.scopes.clone() });
                }
                walk_stmt(self, statement);
            }
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && let Some(callee) = self.script.full_name(&call.func)
        {
            match callee.rsplit('.').next() {
                Some("rest_api_source" | "rest_api_resources") => self.source_call(call),
                _ if callee == "dlt.pipeline" => {
                    self.pipelines.push(PipelineCall { call, scopes: self.scopes.clone() });
                }
                _ => {}
            }
        }
        walk_expr(self, expression);
    }
}

fn is_config_type(annotation: &Expr) -> bool {
    match annotation {
        Expr::Name(name) => name.id.as_str() == "RESTAPIConfig",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "RESTAPIConfig",
        Expr::StringLiteral(text) => text.value.to_str() == "RESTAPIConfig",
        _ => false,
    }
}

/// What reading any part of the script needs.
struct Reading<'r, 'a> {
    script: &'r Script<'a>,
    positions: &'r Positions<'r>,
    report: &'r Report,
}

impl<'r, 'a> Reading<'r, 'a> {
    fn evaluator(&self, scopes: &'r [Rc<Scope<'a>>]) -> Evaluator<'r, 'a> {
        Evaluator::new(self.script, scopes, self.positions, self.report)
    }

    /// The config of the script. The same one may be annotated and handed to several calls.
    fn only_config(&self, finder: &'r Finder<'_, 'a>) -> Option<&'r Candidate<'a>> {
        let candidates = if finder.calls.is_empty() { &finder.annotated } else { &finder.calls };
        let Some(first) = candidates.first() else {
            let message =
                "no call of `rest_api_source` with a config and no name annotated as `RESTAPIConfig` was found";
            self.report.add(Problem::new(code::MISSING, &self.positions.whole(), message));
            return None;
        };
        let origin = self.literal(first).start();
        if let Some(other) = candidates.iter().find(|other| self.literal(other).start() != origin) {
            let at = self.positions.at_byte(other.config.start().to_usize());
            let message = "the script has more than one config; only one can be read";
            self.report.add(Problem::new(code::DUPLICATE, &at, message).hint("give each config a file of its own"));
            return None;
        }
        Some(first)
    }

    /// The expression that a candidate's names lead to.
    fn literal(&self, candidate: &Candidate<'a>) -> &'a Expr {
        let mut expression = candidate.config;
        let mut evaluator = Evaluator::new(self.script, &candidate.scopes, self.positions, self.report);
        for _ in 0..NESTING_MAX {
            let Expr::Name(name) = expression else { break };
            match evaluator.target(name.id.as_str(), expression) {
                Ok((Binding::Value(value), scopes)) => {
                    expression = value;
                    evaluator.scopes = scopes;
                }
                _ => break,
            }
        }
        expression
    }

    /// Takes what is static; the rest of a pipeline's settings is dlt's own.
    fn pipeline(&self, pipeline: &PipelineCall<'a>, outside: &mut Outside) {
        let arguments = &pipeline.call.arguments;
        let argument = |name: &str| {
            let keyword = arguments.find_keyword(name)?;
            self.static_text(&keyword.value, &pipeline.scopes)
        };
        let first = || arguments.args.first().and_then(|first| self.static_text(first, &pipeline.scopes));
        let is_folder = |tree: &Tree| tree.written_text().is_some_and(|text| text.contains('/'));
        outside.pipeline_name = outside.pipeline_name.take().or_else(|| argument("pipeline_name")).or_else(first);
        outside.dataset_name = outside.dataset_name.take().or_else(|| argument("dataset_name"));
        outside.destination = outside.destination.take().or_else(|| argument("destination").filter(is_folder));
    }

    fn static_text(&self, expression: &Expr, scopes: &[Rc<Scope<'a>>]) -> Option<Tree> {
        let mut evaluator = Evaluator::new(self.script, scopes, self.positions, self.report);
        evaluator.try_tree(expression).ok().filter(|tree| matches!(tree.value, Value::Text(_)))
    }
}
