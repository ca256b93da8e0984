//! What a script does with its source after the config: which resources it selects, and what `pipeline.run` is told of them.
//!
//! What changes the data is honoured or told by name; what concerns only how dlt itself runs is dlt's own.

use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::Ranged;

use super::NESTING_MAX;
use super::Outside;
use super::python::Reading;
use super::python_bindings::Found;
use super::python_names::{Binding, Scopes};
use super::python_pick::Candidate;
use super::python_script::CallSite;
use crate::config::problem::{Problem, code};
use crate::config::tree::{Key, Tree, Value};

/// Methods of sources and resources that change what is loaded, with what says the same in a config.
const METHODS: [(&str, &str); 7] = [
    (
        "add_limit",
        "leave it out: a walk is loaded as a whole, and `limits.max_pages` stops one that goes on for too long",
    ),
    ("add_map", "say it in `processing_steps`"),
    ("add_filter", "say it in `processing_steps`"),
    ("add_yield_map", "say it in `processing_steps`"),
    ("add_step", "say it in `processing_steps`"),
    ("apply_hints", "write the hints as keys of the resource"),
    ("bind", "write the values in the config"),
];

/// Arguments of `pipeline.run` that change what is loaded, with what says the same.
const ARGUMENTS: [(&str, &str); 6] = [
    ("refresh", "`--full-refresh` loads everything anew"),
    ("table_name", "write it as a key of the resource"),
    ("primary_key", "write it as a key of the resource"),
    ("columns", "write them as a key of the resource"),
    ("schema_contract", "write it as a key of the resource"),
    ("schema", "write the hints as keys of the resource"),
];

/// Attributes of sources and resources that change nothing of what is loaded.
const HARMLESS: [&str; 4] = ["name", "parallelized", "root_key", "section"];

/// Whether an expression leads to the source of the config.
#[derive(PartialEq, Eq)]
enum Leads {
    Yes,
    No,
    /// It is not known.
    Maybe,
}

/// Reads what the script does with the source.
pub(super) fn read<'a>(reading: &Reading<'_, 'a>, candidate: &Candidate<'a>, root: &mut Tree, outside: &mut Outside) {
    refuse_bound(reading, candidate);
    for site in &reading.script.calls {
        if Some(site.call.start()) == candidate.call.map(|call| call.start()) {
            reading.of_source(site, root);
            continue;
        }
        let Expr::Attribute(method) = site.call.func.as_ref() else { continue };
        let name = method.attr.as_str();
        if let Some((_, hint)) = METHODS.iter().find(|(known, _)| *known == name) {
            if reading.leads(&method.value, &site.scopes, candidate, 0) == Leads::Yes {
                reading.unsupported(site.call, &format!("`{name}`"), hint);
            }
        } else if name == "with_resources" && reading.leads(&method.value, &site.scopes, candidate, 0) != Leads::No {
            reading.selection(site, outside);
        } else if name == "run"
            && let Some(data) = data_of(site.call)
            && reading.leads(data, &site.scopes, candidate, 0) != Leads::No
        {
            reading.run(site, root);
        }
    }
}

/// Tells what the script binds of the source or its resources, such as `source.max_table_nesting = 0`.
fn refuse_bound<'a>(reading: &Reading<'_, 'a>, candidate: &Candidate<'a>) {
    for site in &reading.script.attributes {
        let (of, name) = (&site.attribute.value, site.attribute.attr.as_str());
        if !HARMLESS.contains(&name) && reading.leads(of, &site.scopes, candidate, 0) == Leads::Yes {
            reading.unsupported(site.attribute, &format!("`{name} = …`"), "write it as a key of the resource");
        }
    }
}

fn data_of(call: &ExprCall) -> Option<&Expr> {
    call.arguments.args.first().or_else(|| call.arguments.find_keyword("data").map(|keyword| &keyword.value))
}

impl<'a> Reading<'_, 'a> {
    fn unsupported(&self, site: &impl Ranged, what: &str, hint: &str) {
        let at = self.positions.at_byte(site.start().to_usize());
        let message = format!("{what} of the script changes what is loaded and cannot be read");
        self.report.add(Problem::new(code::UNSUPPORTED, &at, message).hint(hint));
    }

    /// `rest_api_source(config, schema_contract=…, max_table_nesting=…)`.
    fn of_source(&self, site: &CallSite<'a>, root: &mut Tree) {
        for key in ["schema_contract", "max_table_nesting"] {
            let Some(keyword) = site.call.arguments.find_keyword(key) else { continue };
            let mut evaluator = self.evaluator(&site.scopes);
            let value = evaluator.tree(&keyword.value);
            set_in_resources(root, key, &value, false);
        }
    }

    /// `source.with_resources("a", "b")`.
    fn selection(&self, site: &CallSite<'a>, outside: &mut Outside) {
        if outside.resources.is_some() {
            self.unsupported(site.call, "a second `with_resources`", "choose the resources with `--resource`");
            return;
        }
        let mut evaluator = self.evaluator(&site.scopes);
        let mut names = Vec::new();
        for argument in &site.call.arguments.args {
            let read = match argument {
                Expr::Starred(starred) => evaluator.items(&starred.value),
                argument => evaluator.try_tree(argument).map(|tree| vec![tree]),
            };
            match read {
                Ok(read) if read.iter().all(|tree| tree.written_text().is_some()) => names.extend(read),
                _ => {
                    self.unsupported(site.call, "`with_resources`", "choose the resources with `--resource`");
                    return;
                }
            }
        }
        outside.resources = Some(names);
    }

    /// `pipeline.run(source, write_disposition="replace")`.
    fn run(&self, site: &CallSite<'a>, root: &mut Tree) {
        for keyword in &site.call.arguments.keywords {
            let Some(name) = &keyword.arg else { continue };
            if name.as_str() == "write_disposition" {
                let mut evaluator = self.evaluator(&site.scopes);
                match evaluator.tree(&keyword.value) {
                    Tree { value: Value::Null, .. } => {}
                    disposition => set_in_resources(root, "write_disposition", &disposition, true),
                }
            } else if let Some((argument, hint)) = ARGUMENTS.iter().find(|(known, _)| *known == name.as_str())
                && !keyword.value.is_none_literal_expr()
            {
                self.unsupported(site.call, &format!("`{argument}` of `pipeline.run`"), hint);
            }
        }
    }

    /// Whether an expression leads to the source of the config, or to one of its resources.
    fn leads(&self, expression: &'a Expr, scopes: &Scopes<'a>, candidate: &Candidate<'a>, depth: usize) -> Leads {
        if depth > NESTING_MAX {
            return Leads::Maybe;
        }
        let next = |expression: &'a Expr| self.leads(expression, scopes, candidate, depth + 1);
        match expression {
            Expr::Attribute(attribute) => next(&attribute.value),
            Expr::Subscript(subscript) => next(&subscript.value),
            Expr::List(list) => match list.elts.iter().map(next).find(|leads| *leads != Leads::No) {
                Some(leads) => leads,
                None => Leads::No,
            },
            Expr::Call(call) => {
                if candidate.call.is_some_and(|own| own.start() == call.start()) {
                    return Leads::Yes;
                }
                match call.func.as_ref() {
                    Expr::Attribute(method) => next(&method.value),
                    Expr::Name(name) => match self.seen_from(scopes, name.id.as_str()) {
                        Found::Bound(Binding::Function(function), _) => {
                            let mut around = candidate.scopes.iter().filter_map(|scope| scope.function);
                            let is_around = around.any(|known| known.start() == function.start());
                            if is_around { Leads::Yes } else { Leads::No }
                        }
                        _ => Leads::Maybe,
                    },
                    _ => Leads::Maybe,
                }
            }
            Expr::Name(name) => match self.seen_from(scopes, name.id.as_str()) {
                Found::Bound(Binding::Value(value), scopes) => self.leads(value, &scopes, candidate, depth + 1),
                Found::Bound(Binding::Function(_), _) => Leads::No,
                _ => Leads::Maybe,
            },
            _ => Leads::Maybe,
        }
    }

    fn seen_from(&self, scopes: &Scopes<'a>, name: &str) -> Found<'a> {
        self.evaluator(scopes).found(name)
    }
}

/// Gives every resource a value for a key: in place of its own, or where it has none.
fn set_in_resources(root: &mut Tree, key: &str, value: &Tree, replaces: bool) {
    let entry = || (Key { text: key.to_owned(), at: value.at.clone(), within: "".into() }, value.clone());
    let Value::Map(entries) = &mut root.value else { return };
    if !replaces {
        // What all resources share is told by their defaults.
        match entries.iter_mut().find(|(known, _)| known.text == "resource_defaults") {
            Some((_, Tree { value: Value::Map(defaults), .. })) => {
                if defaults.iter().all(|(known, _)| known.text != key) {
                    defaults.push(entry());
                }
            }
            _ => {
                let defaults = Tree::new(Value::Map(vec![entry()]), &value.at);
                let name = Key { text: "resource_defaults".to_owned(), at: value.at.clone(), within: "".into() };
                entries.push((name, defaults));
            }
        }
        return;
    }
    let resources = entries.iter_mut().find(|(known, _)| known.text == "resources").map(|(_, resources)| resources);
    let Some(Tree { value: Value::List(items), .. }) = resources else { return };
    for item in items {
        if let Value::Text(_) = &item.value {
            let name = Key { text: "name".to_owned(), at: item.at.clone(), within: "".into() };
            item.value = Value::Map(vec![(name, item.clone())]);
        }
        let Value::Map(keys) = &mut item.value else { continue };
        keys.retain(|(known, _)| known.text != key);
        keys.push(entry());
    }
}
