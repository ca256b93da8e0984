//! What the names of a Python script stand for: imports, and names that are bound once to an expression.
//!
//! Nothing is run, so a name counts only if it has one meaning whatever runs first: one plain binding in its scope, and no
//! statement anywhere that changes the value in place.

use std::collections::HashMap;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprContext, Parameters, Stmt};
use ruff_text_size::{Ranged as _, TextSize};

/// What a name stands for in one scope.
#[derive(Debug, Clone, Copy)]
pub(super) enum Binding<'a> {
    /// It is bound once, to this expression.
    Value(&'a Expr),
    /// It is a parameter; this is its default.
    Parameter(Option<&'a Expr>),
    /// It is bound several times.
    Several,
    /// It is a function.
    Function,
    /// It is bound by something else, such as a loop, an import or a class.
    Other,
}

/// The names of a module or of one function.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    names: HashMap<&'a str, Binding<'a>>,
}

impl<'a> Scope<'a> {
    pub(super) fn of_module(body: &'a [Stmt]) -> Self {
        let mut scope = Self::default();
        scope.visit_body(body);
        scope
    }

    pub(super) fn of_function(parameters: &'a Parameters, body: &'a [Stmt]) -> Self {
        let mut scope = Self::default();
        for parameter in parameters.iter_non_variadic_params() {
            scope.bind(parameter.parameter.name.as_str(), Binding::Parameter(parameter.default.as_deref()));
        }
        for parameter in [&parameters.vararg, &parameters.kwarg].into_iter().flatten() {
            scope.bind(parameter.name.as_str(), Binding::Other);
        }
        scope.visit_body(body);
        scope
    }

    pub(super) fn get(&self, name: &str) -> Option<Binding<'a>> {
        self.names.get(name).copied()
    }

    fn bind(&mut self, name: &'a str, binding: Binding<'a>) {
        self.names.entry(name).and_modify(|known| *known = Binding::Several).or_insert(binding);
    }

    /// Binds the targets of `target = value`.
    fn assign(&mut self, target: &'a Expr, value: &'a Expr) {
        match target {
            Expr::Name(name) => self.bind(name.id.as_str(), Binding::Value(value)),
            target => self.visit_expr(target),
        }
    }
}

/// Collects the names of one scope; functions and classes inside it have their own.
impl<'a> Visitor<'a> for Scope<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.bind(function.name.as_str(), Binding::Function),
            Stmt::ClassDef(class) => self.bind(class.name.as_str(), Binding::Other),
            Stmt::Assign(assignment) => {
                assignment.targets.iter().for_each(|target| self.assign(target, &assignment.value));
            }
            Stmt::AnnAssign(assignment) => {
                if let Some(value) = assignment.value.as_deref() {
                    self.assign(&assignment.target, value);
                }
            }
            Stmt::AugAssign(assignment) => {
                if let Expr::Name(name) = assignment.target.as_ref() {
                    self.names.insert(name.id.as_str(), Binding::Several);
                }
            }
            Stmt::Import(import) => {
                let names = import.names.iter().map(|alias| alias.asname.as_ref().unwrap_or(&alias.name));
                names.for_each(|name| self.bind(name.as_str(), Binding::Other));
            }
            Stmt::ImportFrom(import) => {
                let names = import.names.iter().map(|alias| alias.asname.as_ref().unwrap_or(&alias.name));
                names.for_each(|name| self.bind(name.as_str(), Binding::Other));
            }
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if !matches!(name.ctx, ExprContext::Load) => self.bind(name.id.as_str(), Binding::Other),
            // These have a scope of their own.
            Expr::Lambda(_) | Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {}
            _ => walk_expr(self, expression),
        }
    }
}

/// What holds for the whole script.
#[derive(Debug, Default)]
pub(super) struct Script<'a> {
    /// Local names of imported things, with the full name.
    imports: HashMap<&'a str, String>,
    /// Names whose value is changed in place, with the first such statement.
    changes: HashMap<&'a str, TextSize>,
}

/// Methods that change a dictionary or a list.
const CHANGING: [&str; 10] =
    ["append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "update"];

impl<'a> Script<'a> {
    pub(super) fn of(body: &'a [Stmt]) -> Self {
        let mut script = Self::default();
        script.visit_body(body);
        script
    }

    /// Where the value of a name is changed in place.
    pub(super) fn change_of(&self, name: &str) -> Option<TextSize> {
        self.changes.get(name).copied()
    }

    /// The full name of `a.b.c`, with `a` replaced by what was imported under it.
    pub(super) fn full_name(&self, expression: &Expr) -> Option<String> {
        match expression {
            Expr::Name(name) => {
                Some(self.imports.get(name.id.as_str()).cloned().unwrap_or_else(|| name.id.as_str().to_owned()))
            }
            Expr::Attribute(attribute) => {
                Some(format!("{}.{}", self.full_name(&attribute.value)?, attribute.attr.as_str()))
            }
            _ => None,
        }
    }

    fn change(&mut self, target: &'a Expr) {
        if let Expr::Tuple(tuple) = target {
            tuple.elts.iter().for_each(|target| self.change(target));
        }
        // `a = ..` binds the name and changes nothing; `a[..] = ..` does.
        if !matches!(target, Expr::Name(_))
            && let Some(name) = root(target)
        {
            self.changes.entry(name).or_insert_with(|| target.start());
        }
    }
}

/// The name at the left end of `name["a"].b["c"]`.
fn root(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => root(&attribute.value),
        Expr::Subscript(subscript) => root(&subscript.value),
        _ => None,
    }
}

impl<'a> Visitor<'a> for Script<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    if let Some(local) = &alias.asname {
                        self.imports.insert(local.as_str(), alias.name.as_str().to_owned());
                    }
                }
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map(|module| module.as_str()).unwrap_or_default();
                for alias in &import.names {
                    let local = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.imports.insert(local.as_str(), format!("{module}.{}", alias.name.as_str()));
                }
            }
            Stmt::Assign(assignment) => assignment.targets.iter().for_each(|target| self.change(target)),
            Stmt::AugAssign(assignment) => self.change(&assignment.target),
            Stmt::Delete(delete) => delete.targets.iter().for_each(|target| self.change(target)),
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && let Expr::Attribute(method) = call.func.as_ref()
            && CHANGING.contains(&method.attr.as_str())
            && let Some(name) = root(&method.value)
        {
            self.changes.entry(name).or_insert_with(|| expression.start());
        }
        walk_expr(self, expression);
    }
}
