//! What a name stands for where it is used: what it is bound to there, a parameter of a function, or what dlt fills in.

use ruff_python_ast::{Expr, ExprCall, ParameterWithDefault, StmtFunctionDef};
use ruff_text_size::Ranged as _;

use super::python_names::{Binding, Scope, Scopes};
use super::python_replay::User;
use super::python_script::{CallSite, called};
use super::python_values::{Evaluator, Refusal, WITHOUT_PYTHON};
use crate::config::tree::{Lookup, LookupKind, Tree, Value};

/// A name as it is bound where it is used.
pub(super) enum Found<'a> {
    /// By a loop or a call that is played through.
    Local(Tree),
    /// In the last of these scopes.
    Bound(Binding<'a>, Scopes<'a>),
}

impl<'a> Evaluator<'_, 'a> {
    pub(super) fn named(&mut self, name: &str, expression: &'a Expr) -> Result<Tree, Refusal> {
        let (binding, scopes) = match self.found(name) {
            Found::Local(tree) => return Ok(tree),
            Found::Bound(binding, scopes) => (binding, scopes),
        };
        let scope = scopes.last().cloned();
        if let Some(scope) = scope.as_deref()
            && (matches!(binding, Binding::Several) || self.is_changed(scope, name))
        {
            let user = if self.scopes.len() > scopes.len() { User::Inner } else { User::Itself };
            return self.within(scopes.clone(), |evaluator| evaluator.replayed(name, scope, expression, user));
        }
        let fault = match binding {
            // Python's own, which dlt takes for `last_value_func`.
            Binding::Other if matches!(name, "max" | "min") && scope.is_none() => {
                return Ok(Tree::text(name, &self.at(expression)));
            }
            Binding::Value(value) => return self.within(scopes, |evaluator| evaluator.try_tree(value)),
            Binding::Parameter(parameter) => {
                return self.within(scopes, |evaluator| evaluator.parameter(parameter, expression));
            }
            Binding::Function(_) => {
                let fault = format!("`{name}` is a function; only static values can be read");
                return Err(Box::new(self.problem(expression, &fault).hint(WITHOUT_PYTHON)));
            }
            Binding::Several | Binding::Other => {
                format!("`{name}` is not bound to a literal in this file; only static values can be read")
            }
        };
        Err(self.problem(expression, &fault))
    }

    /// Reads in other scopes, to which the names of comprehensions do not reach.
    pub(super) fn within<T>(&mut self, scopes: Scopes<'a>, read: impl FnOnce(&mut Self) -> T) -> T {
        let inner = std::mem::replace(&mut self.scopes, scopes);
        let loop_names = std::mem::take(&mut self.loop_names);
        let result = read(self);
        self.scopes = inner;
        self.loop_names = loop_names;
        result
    }

    /// What a name stands for here: its innermost binding.
    pub(super) fn found(&self, name: &str) -> Found<'a> {
        if let Some((_, value)) = self.loop_names.iter().rev().find(|(known, _)| *known == name) {
            return Found::Local(value.clone());
        }
        let mut scopes = self.scopes.as_slice();
        while let Some((innermost, outer)) = scopes.split_last() {
            let is_rebound =
                matches!(innermost.get(name), Some(Binding::Several)) && innermost.parameter(name).is_some();
            // A value that is changed is that of the loop or the call with its changes.
            if let Some(value) =
                self.local(innermost, name).filter(|_| !is_rebound && !self.is_changed(innermost, name))
            {
                return Found::Local(value);
            }
            if let Some(binding) = innermost.get(name) {
                return Found::Bound(binding, scopes.to_vec());
            }
            scopes = outer;
        }
        Found::Bound(Binding::Other, Vec::new())
    }

    /// What a loop or a call that is played through binds a name of a scope to.
    pub(super) fn local(&self, scope: &Scope<'a>, name: &str) -> Option<Tree> {
        let local = self.locals.iter().rev().find(|local| local.scope == scope.id() && local.name == name)?;
        Some(local.value.clone())
    }

    fn is_changed(&self, scope: &Scope<'a>, name: &str) -> bool {
        !self.script.changes_of(scope, name).is_empty() || self.script.foreign_change_of(scope, name).is_some()
    }

    /// The value of a parameter of the function whose scope is the innermost: what the script hands to it, or its default.
    pub(super) fn parameter(
        &mut self,
        parameter: &'a ParameterWithDefault,
        expression: &'a Expr,
    ) -> Result<Tree, Refusal> {
        let name = parameter.parameter.name.as_str();
        let Some(function) = self.scopes.last().and_then(|scope| scope.function) else {
            return Err(self.not_static(expression));
        };
        let script = self.script;
        let sites =
            script.calls.iter().filter(|site| called(site).is_some_and(|called| called.start() == function.start()));
        let mut handed: Vec<(&CallSite<'a>, &'a Expr)> = Vec::new();
        let mut calls = 0;
        for site in sites {
            calls += 1;
            handed.extend(argument(site.call, function, name).map(|value| (site, value)));
        }
        let several = || format!("`{name}` is a parameter that gets several values; only static values can be read");
        match handed.as_slice() {
            [] => self.default(parameter, function, expression),
            [(site, value)] if calls == 1 => {
                let scopes = site.scopes.clone();
                self.within(scopes, |evaluator| evaluator.try_tree(value))
            }
            [(site, first), others @ ..] if others.len() + 1 == calls => {
                let text = |value: &Expr| self.positions.slice(value.start().to_usize(), value.end().to_usize());
                let is_literal = |value: &Expr| value.is_literal_expr();
                if !others.iter().all(|(_, other)| is_literal(other) && text(other) == text(first)) {
                    return Err(self.problem(expression, &several()));
                }
                let scopes = site.scopes.clone();
                self.within(scopes, |evaluator| evaluator.try_tree(first))
            }
            _ => Err(self.problem(expression, &several())),
        }
    }

    /// The default of a parameter. dlt fills those of sources that are not handed over from its secrets and configuration,
    /// under the parameter's own name.
    fn default(
        &mut self,
        parameter: &'a ParameterWithDefault,
        function: &'a StmtFunctionDef,
        expression: &'a Expr,
    ) -> Result<Tree, Refusal> {
        let name = parameter.parameter.name.as_str();
        let Some(default) = parameter.default.as_deref() else {
            let message = format!("`{name}` is a parameter; only static values can be read");
            return Err(Box::new(
                self.problem(expression, &message).hint("give it a default, or hand it over in the script"),
            ));
        };
        let at = self.at(expression);
        let kind = match self.script.full_name(default).as_deref() {
            Some("dlt.secrets.value") => Some(LookupKind::Secret),
            Some("dlt.config.value") => Some(LookupKind::Config),
            _ => None,
        };
        let annotation = parameter.parameter.annotation.as_deref();
        if let Some(kind) = kind {
            let may_miss = annotation.is_some_and(is_optional);
            let otherwise = may_miss.then(|| Box::new(Tree::new(Value::Null, &at)));
            return Ok(Tree::new(Value::Lookup(Lookup { kind, name: name.to_owned(), otherwise }), &at));
        }
        let mut outer = self.scopes.clone();
        outer.pop();
        let otherwise = self.within(outer, |evaluator| evaluator.try_tree(default))?;
        let is_filled =
            matches!(otherwise.value, Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_));
        if !is_filled || !self.is_source(function) {
            return Ok(otherwise);
        }
        let lookup = Lookup { kind: LookupKind::Config, name: name.to_owned(), otherwise: Some(Box::new(otherwise)) };
        Ok(Tree::new(Value::Lookup(lookup), &at))
    }

    /// Whether dlt fills the parameters of a function.
    fn is_source(&self, function: &StmtFunctionDef) -> bool {
        self.script.decorator(function, &["dlt.source", "dlt.resource"]).is_some()
    }
}

/// What a call hands to a parameter.
pub(super) fn argument<'a>(call: &'a ExprCall, function: &StmtFunctionDef, name: &str) -> Option<&'a Expr> {
    let arguments = &call.arguments;
    if let Some(keyword) = arguments.find_keyword(name) {
        return Some(&keyword.value);
    }
    let parameters = &function.parameters;
    let mut positional = parameters.posonlyargs.iter().chain(&parameters.args);
    let index = positional.position(|parameter| parameter.parameter.name.as_str() == name)?;
    arguments.args.get(index)
}

/// `Optional[..]`, `.. | None`.
fn is_optional(annotation: &Expr) -> bool {
    match annotation {
        Expr::Subscript(subscript) => match subscript.value.as_ref() {
            Expr::Name(name) => name.id.as_str() == "Optional",
            Expr::Attribute(attribute) => attribute.attr.as_str() == "Optional",
            _ => false,
        },
        Expr::BinOp(union) => {
            union.left.is_none_literal_expr() || union.right.is_none_literal_expr() || is_optional(&union.left)
        }
        Expr::StringLiteral(text) => {
            text.value.to_str().contains("Optional[") || text.value.to_str().contains("| None")
        }
        _ => false,
    }
}
