//! What holds for a whole Python script: its imports, its calls, and where a value is changed after it was bound.
//!
//! Nothing is run. A change is noted for the scope in which the name is bound, also where it happens by another name: of a
//! loop over the value, of an alias, or of a parameter that the value is handed to.

use std::collections::HashMap;
use std::rc::Rc;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprAttribute, ExprCall, ModModule, Stmt, StmtFunctionDef};
use ruff_text_size::{Ranged as _, TextSize};

use super::python_names::{Binding, Scope, Scopes, root};

/// A call and where it stands.
#[derive(Debug)]
pub(super) struct CallSite<'a> {
    pub(super) call: &'a ExprCall,
    /// The full name of what is called.
    pub(super) callee: Option<String>,
    pub(super) scopes: Scopes<'a>,
}

/// An attribute that is bound, and where it stands.
#[derive(Debug)]
pub(super) struct BoundAttribute<'a> {
    pub(super) attribute: &'a ExprAttribute,
    pub(super) scopes: Scopes<'a>,
}

/// A name that is annotated as a config, with its value.
#[derive(Debug)]
pub(super) struct Annotated<'a> {
    pub(super) value: &'a Expr,
    pub(super) scopes: Scopes<'a>,
}

/// A name in its scope.
type Owned<'a> = (Option<TextSize>, &'a str);

/// What holds for the whole script.
#[derive(Debug)]
pub(super) struct Script<'a> {
    /// Local names of imported things, with the full name.
    imports: HashMap<&'a str, String>,
    /// Where the value of a name is changed in place, by the name itself.
    changes: HashMap<Owned<'a>, Vec<TextSize>>,
    /// Where it is changed by another name.
    foreign: HashMap<Owned<'a>, TextSize>,
    /// Names that stand for the values, or for parts of the values, of others.
    aliases: Vec<(Owned<'a>, Owned<'a>)>,
    functions: HashMap<TextSize, Scopes<'a>>,
    pub(super) calls: Vec<CallSite<'a>>,
    pub(super) attributes: Vec<BoundAttribute<'a>>,
    pub(super) annotated: Vec<Annotated<'a>>,
    scopes: Scopes<'a>,
}

/// Methods that change a dictionary or a list.
const CHANGING: [&str; 11] =
    ["append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update"];

impl<'a> Script<'a> {
    pub(super) fn of(module: &'a ModModule) -> Self {
        let mut script = Self {
            imports: HashMap::new(),
            changes: HashMap::new(),
            foreign: HashMap::new(),
            aliases: Vec::new(),
            functions: HashMap::new(),
            calls: Vec::new(),
            attributes: Vec::new(),
            annotated: Vec::new(),
            scopes: vec![Rc::new(Scope::of_module(&module.body))],
        };
        script.visit_body(&module.body);
        script.pass_on_changes();
        script
    }

    /// The first decorator of a function that has one of these full names, with or without arguments.
    pub(super) fn decorator<'f>(&self, function: &'f StmtFunctionDef, names: &[&str]) -> Option<&'f Expr> {
        let mut decorators = function.decorator_list.iter().map(|decorator| &decorator.expression);
        decorators.find(|decorator| {
            let callee = match decorator {
                Expr::Call(call) => &call.func,
                other => *other,
            };
            self.full_name(callee).is_some_and(|name| names.contains(&name.as_str()))
        })
    }

    /// Where the value of a name is changed in place, by the name itself.
    pub(super) fn changes_of(&self, scope: &Scope<'a>, name: &str) -> Vec<TextSize> {
        let changes = self.changes.iter().filter(|((id, known), _)| *id == scope.id() && *known == name);
        changes.flat_map(|(_, places)| places.iter().copied()).collect()
    }

    /// Where it is changed by another name.
    pub(super) fn foreign_change_of(&self, scope: &Scope<'a>, name: &str) -> Option<TextSize> {
        let mut changes = self.foreign.iter();
        changes.find(|((id, known), _)| *id == scope.id() && *known == name).map(|(_, place)| *place)
    }

    /// The scopes inside a function.
    pub(super) fn inside(&self, function: &StmtFunctionDef) -> Option<&Scopes<'a>> {
        self.functions.get(&function.start())
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

    /// The scope that a name belongs to, as seen from where the walk is.
    fn owner(&self, name: &'a str) -> Option<Owned<'a>> {
        let scope = self.scopes.iter().rev().find(|scope| scope.get(name).is_some())?;
        Some((scope.id(), name))
    }

    fn change(&mut self, target: &'a Expr) {
        if let Expr::Tuple(tuple) = target {
            tuple.elts.iter().for_each(|target| self.change(target));
        }
        // `a = ..` binds the name and changes nothing; `a[..] = ..` does.
        if !matches!(target, Expr::Name(_)) {
            self.change_root(target, target.start());
        }
    }

    fn change_root(&mut self, target: &'a Expr, at: TextSize) {
        if let Some(owner) = root(target).and_then(|name| self.owner(name)) {
            self.changes.entry(owner).or_default().push(at);
        }
    }

    /// Notes that a target stands for what an expression leads to.
    fn alias(&mut self, target: &'a Expr, value: &'a Expr) {
        let mut targets = Names::default();
        targets.visit_expr(target);
        let mut values = Names::default();
        values.visit_expr(value);
        for alias in &targets.0 {
            for value in &values.0 {
                if let (Some(alias), Some(value)) = (self.owner(alias), self.owner(value)) {
                    self.aliases.push((alias, value));
                }
            }
        }
    }

    /// Tells the names whose values are changed by other names.
    fn pass_on_changes(&mut self) {
        let mut aliases = std::mem::take(&mut self.aliases);
        for site in &self.calls {
            let Some(function) = called(site) else { continue };
            let parameters: Vec<&str> =
                function.parameters.iter_non_variadic_params().map(|one| one.parameter.name.as_str()).collect();
            let positional = site.call.arguments.args.iter().zip(parameters.iter().copied().map(Some));
            let named = site.call.arguments.keywords.iter();
            let named = named.map(|keyword| (&keyword.value, keyword.arg.as_ref().map(|name| name.as_str())));
            for (argument, parameter) in positional.chain(named) {
                let Some(parameter) = parameters.iter().copied().find(|known| Some(*known) == parameter) else {
                    continue;
                };
                let Some(name) = root(argument) else { continue };
                let Some(scope) = site.scopes.iter().rev().find(|scope| scope.get(name).is_some()) else { continue };
                aliases.push(((Some(function.start()), parameter), (scope.id(), name)));
            }
        }
        // A chain of aliases is as long as there are aliases, at most.
        for _ in 0..aliases.len().min(ALIAS_CHAIN_MAX) {
            let known = self.foreign.len();
            for (alias, value) in &aliases {
                let changed = self.changes.get(alias).and_then(|places| places.first()).or(self.foreign.get(alias));
                if let Some(place) = changed.copied() {
                    self.foreign.entry(*value).or_insert(place);
                }
            }
            if self.foreign.len() == known {
                break;
            }
        }
    }
}

/// Names of names of names: scripts have two or three of them in a row.
const ALIAS_CHAIN_MAX: usize = 20;

/// The function of the script that is called by its plain name.
pub(super) fn called<'a>(site: &CallSite<'a>) -> Option<&'a StmtFunctionDef> {
    let Expr::Name(name) = site.call.func.as_ref() else { return None };
    match site.scopes.iter().rev().find_map(|scope| scope.get(name.id.as_str()))? {
        Binding::Function(function) => Some(function),
        _ => None,
    }
}

/// The names in an expression whose values, or parts of them, the expression may lead to.
#[derive(Default)]
struct Names<'a>(Vec<&'a str>);

impl<'a> Visitor<'a> for Names<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => self.0.push(name.id.as_str()),
            Expr::Subscript(subscript) => self.visit_expr(&subscript.value),
            Expr::Attribute(attribute) => self.visit_expr(&attribute.value),
            Expr::Tuple(_) | Expr::List(_) | Expr::If(_) | Expr::BoolOp(_) | Expr::Call(_) | Expr::Starred(_) => {
                walk_expr(self, expression);
            }
            // What is built anew is changed for itself.
            _ => {}
        }
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
            Stmt::FunctionDef(function) => {
                function.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                self.scopes.push(Rc::new(Scope::of_function(function)));
                self.functions.insert(function.start(), self.scopes.clone());
                self.visit_body(&function.body);
                self.scopes.pop();
                return;
            }
            Stmt::Assign(assignment) => {
                for target in &assignment.targets {
                    self.change(target);
                    if let Expr::Attribute(attribute) = target {
                        self.attributes.push(BoundAttribute { attribute, scopes: self.scopes.clone() });
                    }
                    if !matches!(target, Expr::Subscript(_) | Expr::Attribute(_))
                        && matches!(*assignment.value, Expr::Name(_) | Expr::Subscript(_) | Expr::Attribute(_))
                    {
                        self.alias(target, &assignment.value);
                    }
                }
            }
            Stmt::AnnAssign(assignment) => {
                if let Some(value) = assignment.value.as_deref()
                    && is_config_type(&assignment.annotation)
                {
                    self.annotated.push(Annotated { value, scopes: self.scopes.clone() });
                }
            }
            Stmt::AugAssign(assignment) => self.change(&assignment.target),
            Stmt::Delete(delete) => delete.targets.iter().for_each(|target| self.change(target)),
            Stmt::For(repeated) => self.alias(&repeated.target, &repeated.iter),
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression {
            if let Expr::Attribute(method) = call.func.as_ref()
                && CHANGING.contains(&method.attr.as_str())
            {
                self.change_root(&method.value, expression.start());
            }
            let callee = self.full_name(&call.func);
            self.calls.push(CallSite { call, callee, scopes: self.scopes.clone() });
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
