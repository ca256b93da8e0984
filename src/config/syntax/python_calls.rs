//! Calls in a Python script: look-ups of secrets and variables, dlt's classes, the script's own functions, and those of
//! Python's functions and methods that make a text or a list of others.

use ruff_python_ast::{Expr, ExprAttribute, ExprCall, ExprSubscript, Stmt, StmtFunctionDef};
use ruff_text_size::Ranged as _;

use super::map::MapBuilder;
use super::python_bindings::{Found, argument};
use super::python_classes;
use super::python_names::{Binding, Scopes};
use super::python_values::{Evaluator, Local, Refusal, joined};
use crate::config::tree::{Lookup, LookupKind, Text, Tree, Value};

impl<'a> Evaluator<'_, 'a> {
    /// `dlt.secrets["a.b"]`, `dlt.config["a.b"]`, `os.environ["X"]`, or an item of a known value.
    pub(super) fn subscript(&mut self, subscript: &'a ExprSubscript, expression: &'a Expr) -> Result<Tree, Refusal> {
        let kind = match self.script.full_name(&subscript.value).as_deref() {
            Some("dlt.secrets") => LookupKind::Secret,
            Some("dlt.config") => LookupKind::Config,
            Some("os.environ") => LookupKind::Env,
            _ => return self.item(subscript, expression),
        };
        let lookup = Lookup { kind, name: self.key(&subscript.slice)?, otherwise: None };
        Ok(Tree::new(Value::Lookup(lookup), &self.at(expression)))
    }

    fn item(&mut self, subscript: &'a ExprSubscript, expression: &'a Expr) -> Result<Tree, Refusal> {
        if matches!(subscript.slice.as_ref(), Expr::Slice(_)) {
            return Err(self.not_static(expression));
        }
        let container = self.try_tree(&subscript.value)?;
        let wanted = self.try_tree(&subscript.slice)?;
        let item = match (&container.value, &wanted.value) {
            (Value::Map(_), Value::Text(_)) => wanted.written_text().and_then(|key| container.get(key)),
            (Value::List(items), Value::Int(index)) => {
                let from_end =
                    usize::try_from(index.unsigned_abs()).ok().and_then(|back| items.len().checked_sub(back));
                let index = if *index < 0 { from_end } else { usize::try_from(*index).ok() };
                index.and_then(|index| items.get(index))
            }
            _ => None,
        };
        item.cloned().ok_or_else(|| self.not_static(expression))
    }

    pub(super) fn attribute(&mut self, attribute: &'a ExprAttribute, expression: &'a Expr) -> Result<Value, Refusal> {
        let moment = match attribute.attr.as_str() {
            "year" | "month" | "day" | "int_timestamp" => self.moment(&attribute.value)?,
            _ => None,
        };
        let number = moment.and_then(|moment| moment.field(attribute.attr.as_str()));
        number.map(Value::Int).ok_or_else(|| self.not_static(expression))
    }

    pub(super) fn call(&mut self, call: &'a ExprCall, expression: &'a Expr) -> Result<Tree, Refusal> {
        // A class may be given the type that it is generic over: `incremental[str](…)`.
        let callee = match call.func.as_ref() {
            Expr::Subscript(subscript) => &subscript.value,
            callee => callee,
        };
        let name = self.script.full_name(callee);
        if let Expr::Name(plain) = callee
            && let Found::Bound(Binding::Function(function), scopes) = self.found(plain.id.as_str())
        {
            return self.played(call, function, scopes, expression);
        }
        let value = match name.as_deref() {
            Some(name) if python_classes::class(name).is_some() => self.constructor(call, expression, name)?,
            Some(name) if python_classes::is_typed_dict(name) => self.keywords(call, MapBuilder::default())?,
            Some(name) => match self.lookup(call, name, expression)? {
                Some(value) => value,
                None => self.builtin(call, name, expression)?,
            },
            None => self.method(call, expression)?,
        };
        Ok(Tree::new(value, &self.at(expression)))
    }

    /// `dlt.secrets.get("a.b")`, `dlt.config.get("a.b")`, `os.environ.get("X", default)` and `os.getenv("X", default)`.
    fn lookup(&mut self, call: &'a ExprCall, name: &str, expression: &'a Expr) -> Result<Option<Value>, Refusal> {
        let kind = match name {
            "dlt.secrets.get" => LookupKind::Secret,
            "dlt.config.get" => LookupKind::Config,
            "os.environ.get" | "os.getenv" => LookupKind::Env,
            _ => return Ok(None),
        };
        let arguments = &call.arguments;
        let Some(name) = arguments.args.first() else { return Err(self.not_static(expression)) };
        let default = arguments.args.get(1).or_else(|| arguments.find_keyword("default").map(|keyword| &keyword.value));
        // The second argument of dlt's `get` is the expected type.
        let otherwise = match default.filter(|_| kind == LookupKind::Env) {
            Some(default) => self.try_tree(default)?,
            None => Tree::new(Value::Null, &self.at(expression)),
        };
        Ok(Some(Value::Lookup(Lookup { kind, name: self.key(name)?, otherwise: Some(Box::new(otherwise)) })))
    }

    /// A call of a class as the map with `type` that says the same.
    fn constructor(&mut self, call: &'a ExprCall, expression: &'a Expr, name: &str) -> Result<Value, Refusal> {
        let Some((kind, parameters)) = python_classes::class(name) else { return Err(self.not_static(expression)) };
        let at = self.at(expression);
        let mut map = MapBuilder::default();
        map.push("type".to_owned(), &at, Tree::text(kind, &at), self.report);
        for (index, argument) in call.arguments.args.iter().enumerate() {
            let Some(name) = parameters.get(index).filter(|_| !argument.is_starred_expr()) else {
                return Err(self.problem(argument, "the class has no such argument"));
            };
            let value = self.tree(argument);
            map.push((*name).to_owned(), &self.at(argument), value, self.report);
        }
        self.keywords(call, map)
    }

    /// The arguments of a call that have names, as a map.
    fn keywords(&mut self, call: &'a ExprCall, mut map: MapBuilder) -> Result<Value, Refusal> {
        for keyword in &call.arguments.keywords {
            let Some(name) = &keyword.arg else {
                match self.try_tree(&keyword.value)?.value {
                    Value::Map(entries) => map.unpack(entries),
                    _ => return Err(self.problem(&keyword.value, "`**` can be read before a dictionary only")),
                }
                continue;
            };
            let value = self.tree(&keyword.value);
            map.push(name.as_str().to_owned(), &self.at(keyword), value, self.report);
        }
        Ok(map.finish())
    }

    /// A call of a function of the script: what it returns for these arguments.
    fn played(
        &mut self,
        call: &'a ExprCall,
        function: &'a StmtFunctionDef,
        scopes: Scopes<'a>,
        expression: &'a Expr,
    ) -> Result<Tree, Refusal> {
        let arguments = &call.arguments;
        let parameters = &function.parameters;
        let is_plain = parameters.vararg.is_none() && parameters.kwarg.is_none() && function.decorator_list.is_empty();
        let takes_apart = arguments.args.iter().any(Expr::is_starred_expr)
            || arguments.keywords.iter().any(|keyword| keyword.arg.is_none());
        if !is_plain || takes_apart || function.is_async {
            return Err(self.not_static(expression));
        }
        let scope = Some(function.start());
        let mut locals = Vec::new();
        for parameter in parameters.iter_non_variadic_params() {
            let name = parameter.parameter.name.as_str();
            let value = match (argument(call, function, name), parameter.default.as_deref()) {
                (Some(handed), _) => self.try_tree(handed)?,
                (None, Some(default)) => self.within(scopes.clone(), |evaluator| evaluator.try_tree(default))?,
                (None, None) => return Err(self.not_static(expression)),
            };
            locals.push(Local { scope, name, value });
        }
        let Some(inside) = self.script.inside(function).cloned() else { return Err(self.not_static(expression)) };
        let known = self.locals.len();
        self.locals.append(&mut locals);
        let result = self.within(inside, |evaluator| match evaluator.returned(&function.body)? {
            Some(value) => evaluator.try_tree(value),
            None => Err(evaluator.not_static(expression)),
        });
        self.locals.truncate(known);
        result
    }

    /// What a function's body returns, as far as that is known.
    fn returned(&mut self, body: &'a [Stmt]) -> Result<Option<&'a Expr>, Refusal> {
        for statement in body {
            match statement {
                Stmt::Return(result) => return Ok(result.value.as_deref()),
                Stmt::If(branches) => {
                    let mut taken = self.known(&branches.test)?.then_some(&branches.body);
                    for clause in &branches.elif_else_clauses {
                        let holds = match &clause.test {
                            None => true,
                            Some(test) => self.known(test)?,
                        };
                        if taken.is_none() && holds {
                            taken = Some(&clause.body);
                        }
                    }
                    if let Some(body) = taken
                        && let Some(result) = self.returned(body)?
                    {
                        return Ok(Some(result));
                    }
                }
                Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::AugAssign(_) | Stmt::Expr(_) | Stmt::For(_) => {}
                Stmt::FunctionDef(_) | Stmt::Import(_) | Stmt::ImportFrom(_) | Stmt::Pass(_) => {}
                _ => {
                    let message = "what the function returns cannot be told; only static values can be read";
                    return Err(self.problem(statement, message));
                }
            }
        }
        Ok(None)
    }

    /// Python's own functions, and those of dates.
    fn builtin(&mut self, call: &'a ExprCall, name: &str, expression: &'a Expr) -> Result<Value, Refusal> {
        let short = name.rsplit('.').next().unwrap_or(name);
        let arguments = &call.arguments;
        match (name, &*arguments.args) {
            ("dict", []) => self.keywords(call, MapBuilder::default()),
            ("dict", [first]) => match self.try_tree(first)?.value {
                Value::Map(entries) => {
                    let mut map = MapBuilder::default();
                    map.unpack(entries);
                    self.keywords(call, map)
                }
                _ => Err(self.not_static(expression)),
            },
            ("list" | "tuple", []) => Ok(Value::List(Vec::new())),
            ("list" | "tuple", [first]) => self.items(first).map(Value::List),
            ("str", [first]) => match self.moment(first)? {
                Some(moment) => Ok(Value::Text(Text::written(moment.to_string()))),
                None => Ok(joined(vec![self.scalar(first)?])),
            },
            ("int", [first]) => match self.try_tree(first)?.value {
                Value::Int(number) => Ok(Value::Int(number)),
                // What is looked up may stand for a number as it is.
                Value::Lookup(mut lookup) => {
                    if let Some(otherwise) = &mut lookup.otherwise
                        && let Some(number) = otherwise.written_text().and_then(|text| text.trim().parse().ok())
                    {
                        otherwise.value = Value::Int(number);
                    }
                    Ok(Value::Lookup(lookup))
                }
                Value::Float(number) => {
                    let whole = format!("{:.0}", number.trunc()).parse();
                    whole.map(Value::Int).map_err(|_| self.not_static(expression))
                }
                Value::Text(text) => {
                    let number = text.as_written().and_then(|text| text.trim().parse().ok());
                    number.map(Value::Int).ok_or_else(|| self.not_static(expression))
                }
                _ => Err(self.not_static(expression)),
            },
            ("len", [first]) => {
                let length = i64::try_from(self.items(first)?.len());
                length.map(Value::Int).map_err(|_| self.not_static(expression))
            }
            ("range", bounds) => self.range(bounds, expression),
            ("enumerate", [first]) if arguments.keywords.is_empty() => {
                let at = self.at(expression);
                let numbered = self.items(first)?.into_iter().zip(0_i64..);
                let pair = |(item, index)| Tree::new(Value::List(vec![Tree::new(Value::Int(index), &at), item]), &at);
                Ok(Value::List(numbered.map(pair).collect()))
            }
            ("zip", [left, right]) if arguments.keywords.is_empty() => {
                let at = self.at(expression);
                let pairs = self.items(left)?.into_iter().zip(self.items(right)?);
                Ok(Value::List(pairs.map(|(left, right)| Tree::new(Value::List(vec![left, right]), &at)).collect()))
            }
            (_, [_, value]) if matches!(name, "typing.cast" | "cast") => Ok(self.try_tree(value)?.value),
            (_, [value]) if matches!(name, "copy.copy" | "copy.deepcopy") => Ok(self.try_tree(value)?.value),
            _ => match self.moment(expression)? {
                Some(moment) => Ok(Value::Text(Text::written(moment.to_string()))),
                None if short == name => Err(self.not_static(expression)),
                None => self.method(call, expression),
            },
        }
    }

    fn scalar(&mut self, expression: &'a Expr) -> Result<Tree, Refusal> {
        let tree = self.try_tree(expression)?;
        match tree.value {
            Value::List(_) | Value::Map(_) => Err(self.not_static(expression)),
            _ => Ok(tree),
        }
    }

    fn range(&mut self, bounds: &'a [Expr], expression: &'a Expr) -> Result<Value, Refusal> {
        let mut numbers = Vec::new();
        for bound in bounds {
            let Value::Int(number) = self.settled(bound)?.value else { return Err(self.not_static(expression)) };
            numbers.push(number);
        }
        let (first, end, step) = match numbers.as_slice() {
            [end] => (0, *end, 1),
            [first, end] => (*first, *end, 1),
            [first, end, step] => (*first, *end, *step),
            _ => return Err(self.not_static(expression)),
        };
        let Some(step) = usize::try_from(step).ok().filter(|step| *step > 0) else {
            return Err(self.not_static(expression));
        };
        let at = self.at(expression);
        let numbers = (first..end).step_by(step).take(super::VALUES_MAX);
        Ok(Value::List(numbers.map(|number| Tree::new(Value::Int(number), &at)).collect()))
    }

    /// A text that names something.
    pub(super) fn key(&mut self, expression: &'a Expr) -> Result<String, Refusal> {
        let key = self.try_tree(expression)?;
        match key.written_text() {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.problem(expression, &format!("a static string is needed here, not {}", key.kind()))),
        }
    }
}
