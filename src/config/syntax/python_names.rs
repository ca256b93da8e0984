//! What the names of a Python script are bound to, in the module and in each function.
//!
//! What happens to the values afterwards is told by `python_script` and played through by `python_replay`.

use std::collections::HashMap;
use std::rc::Rc;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprContext, ParameterWithDefault, Stmt, StmtFunctionDef};
use ruff_text_size::{Ranged as _, TextSize};

/// What a name stands for in one scope.
#[derive(Debug, Clone, Copy)]
pub(super) enum Binding<'a> {
    /// It is bound once, to this expression.
    Value(&'a Expr),
    /// It is a parameter.
    Parameter(&'a ParameterWithDefault),
    /// It is bound several times.
    Several,
    /// It is a function.
    Function(&'a StmtFunctionDef),
    /// It is bound by something else, such as a loop, an import or a class.
    Other,
}

/// The scopes in which something stands, from the module inwards.
pub(super) type Scopes<'a> = Vec<Rc<Scope<'a>>>;

/// The names of a module or of one function.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    names: HashMap<&'a str, Binding<'a>>,
    pub(super) body: &'a [Stmt],
    /// The function, unless this is the module.
    pub(super) function: Option<&'a StmtFunctionDef>,
}

impl<'a> Scope<'a> {
    pub(super) fn of_module(body: &'a [Stmt]) -> Self {
        let mut scope = Self { names: HashMap::new(), body, function: None };
        scope.visit_body(body);
        scope
    }

    pub(super) fn of_function(function: &'a StmtFunctionDef) -> Self {
        let mut scope = Self { names: HashMap::new(), body: &function.body, function: Some(function) };
        for parameter in function.parameters.iter_non_variadic_params() {
            scope.bind(parameter.parameter.name.as_str(), Binding::Parameter(parameter));
        }
        for parameter in [&function.parameters.vararg, &function.parameters.kwarg].into_iter().flatten() {
            scope.bind(parameter.name.as_str(), Binding::Other);
        }
        scope.visit_body(&function.body);
        scope
    }

    pub(super) fn get(&self, name: &str) -> Option<Binding<'a>> {
        self.names.get(name).copied()
    }

    /// The name that is bound to the expression at a place.
    pub(super) fn name_of(&self, start: TextSize) -> Option<&'a str> {
        let is_bound = |binding: &Binding<'a>| matches!(binding, Binding::Value(value) if value.start() == start);
        self.names.iter().find(|(_, binding)| is_bound(binding)).map(|(name, _)| *name)
    }

    /// What tells this scope from all others of the script.
    pub(super) fn id(&self) -> Option<TextSize> {
        self.function.map(|function| function.start())
    }

    /// The parameter of this name, whatever else the name is bound to later.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a ParameterWithDefault> {
        let mut parameters = self.function?.parameters.iter_non_variadic_params();
        parameters.find(|parameter| parameter.parameter.name.as_str() == name)
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
            Stmt::FunctionDef(function) => self.bind(function.name.as_str(), Binding::Function(function)),
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

/// The name at the left end of `name["a"].b["c"]`.
pub(super) fn root(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => root(&attribute.value),
        Expr::Subscript(subscript) => root(&subscript.value),
        _ => None,
    }
}
