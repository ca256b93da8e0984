//! What a name stands for at one place, where it is bound several times or its value is changed: the statements of its scope
//! are played through up to there.
//!
//! Only what a reader would do by hand is done: assignments in a row, `append`, `extend` and `update`, items that are set, loops
//! over lists that are known, and branches whose condition is known. A value that is changed after it was used is refused,
//! because whoever used it sees the change as well.

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprContext, Operator, Stmt, StmtAugAssign, StmtFor, StmtIf, StmtTry};
use ruff_text_size::{Ranged, TextSize};

use super::python_changes::merged;
use super::python_loops::Condition;
use super::python_names::Scope;
use super::python_values::{Evaluator, Local, Refusal};
use crate::config::tree::{Choice, Tree, Value};

/// How far the statements have been played through.
pub(super) struct Replay<'r, 'a> {
    pub(super) name: &'r str,
    scope: &'r Scope<'a>,
    use_of_it: &'a Expr,
    pub(super) current: Option<Tree>,
}

impl Replay<'_, '_> {
    /// Whether the use is somewhere in this part.
    fn holds_use(&self, part: &impl Ranged) -> bool {
        part.range().contains(self.use_of_it.start())
    }
}

/// Who uses a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// Its own scope.
    Itself,
    /// A function inside.
    Inner,
}

/// Whether the place of the use is reached.
#[derive(PartialEq, Eq)]
enum Reached {
    Yes,
    No,
}

impl<'a> Evaluator<'_, 'a> {
    /// The value of a name of the innermost scope, where an expression uses it. A function inside it, which runs at any time,
    /// uses the one value that is bound before it.
    pub(super) fn replayed(
        &mut self,
        name: &str,
        scope: &Scope<'a>,
        use_of_it: &'a Expr,
        user: User,
    ) -> Result<Tree, Refusal> {
        let later = scope.body.iter().filter(|statement| statement.start() > use_of_it.start());
        if user == User::Inner
            && let Some(statement) = later.into_iter().find(|statement| binds(statement, name))
        {
            return Err(self.changed(name, statement.start(), use_of_it));
        }
        let changes = self.script.changes_of(scope, name);
        let mut rebinding = Rebinding { name, at: use_of_it.start(), found: false };
        rebinding.visit_body(scope.body);
        // What a name is bound to anew is changed as the new value.
        let later = changes.into_iter().find(|change| *change > use_of_it.start() && !rebinding.found);
        if let Some(change) = later.or_else(|| self.script.foreign_change_of(scope, name)) {
            return Err(self.changed(name, change, use_of_it));
        }
        let current = match scope.parameter(name) {
            // What was handed over may not matter, if the name is bound to something else before it is used.
            Some(parameter) => self.local(scope, name).or_else(|| self.parameter(parameter, use_of_it).ok()),
            None => None,
        };
        let mut replay = Replay { name, scope, use_of_it, current };
        self.nested(use_of_it, |evaluator| evaluator.replay(scope.body, &mut replay))?;
        replay.current.ok_or_else(|| {
            let message = format!("what `{name}` stands for here cannot be told; only static values can be read");
            self.problem(use_of_it, &message)
        })
    }

    fn changed(&self, name: &str, change: TextSize, use_of_it: &Expr) -> Refusal {
        let place = self.positions.at_byte(change.to_usize());
        let message = format!("`{name}` is changed after it is bound, at {place}; only static values can be read");
        self.problem(use_of_it, &message)
    }

    fn replay(&mut self, body: &'a [Stmt], replay: &mut Replay<'_, 'a>) -> Result<Reached, Refusal> {
        for statement in body {
            if statement.start() > replay.use_of_it.start() {
                // What stands in an outer scope is used once all of that has run.
                return Ok(Reached::Yes);
            }
            if self.step(statement, replay)? == Reached::Yes {
                return Ok(Reached::Yes);
            }
        }
        Ok(Reached::No)
    }

    fn step(&mut self, statement: &'a Stmt, replay: &mut Replay<'_, 'a>) -> Result<Reached, Refusal> {
        let here = if replay.holds_use(statement) { Reached::Yes } else { Reached::No };
        if !mentions(statement, replay.name) {
            return Ok(here);
        }
        match statement {
            Stmt::For(repeated) => return self.repeat(repeated, here, replay),
            Stmt::If(branches) => return self.branch(branches, here, replay),
            Stmt::With(with) => return self.replay(&with.body, replay),
            Stmt::Try(attempt) => return self.attempt(attempt, here, replay),
            Stmt::While(_) | Stmt::Match(_) => self.untold(statement, replay)?,
            _ if here == Reached::Yes => {}
            Stmt::Assign(assignment) => match assignment.targets.as_slice() {
                [target] => self.set(target, &assignment.value, replay)?,
                _ => self.untold(statement, replay)?,
            },
            Stmt::AnnAssign(assignment) => {
                if let Some(value) = assignment.value.as_deref() {
                    self.set(&assignment.target, value, replay)?;
                }
            }
            Stmt::AugAssign(assignment) => self.add(assignment, statement, replay)?,
            Stmt::Expr(expression) => match expression.value.as_ref() {
                Expr::Call(call) if self.apply(call, replay)? => {}
                _ => self.untold(statement, replay)?,
            },
            _ => self.untold(statement, replay)?,
        }
        Ok(here)
    }

    /// `name += value` and `name |= value`.
    fn add(
        &mut self,
        assignment: &'a StmtAugAssign,
        statement: &'a Stmt,
        replay: &mut Replay<'_, 'a>,
    ) -> Result<(), Refusal> {
        if !matches!(assignment.target.as_ref(), Expr::Name(name) if name.id.as_str() == replay.name) {
            return self.untold(statement, replay);
        }
        let more = self.try_tree(&assignment.value)?;
        let known = replay.current.take().map(|tree| tree.value);
        let sum = match (known, assignment.op, more.value) {
            (Some(Value::List(mut items)), Operator::Add, Value::List(more)) => {
                items.extend(more);
                Value::List(items)
            }
            (Some(Value::Map(entries)), Operator::BitOr, Value::Map(more)) => merged(entries, more),
            _ => return self.untold(statement, replay),
        };
        replay.current = Some(Tree::new(sum, &self.at(statement)));
        Ok(())
    }

    /// A loop: round by round if it changes the value, and the round that is being played if the use is in it.
    fn repeat(
        &mut self,
        repeated: &'a StmtFor,
        here: Reached,
        replay: &mut Replay<'_, 'a>,
    ) -> Result<Reached, Refusal> {
        if here == Reached::Yes {
            let in_body = repeated.body.iter().any(|statement| replay.holds_use(statement));
            let is_its_own = targets(&repeated.target, replay.name);
            let is_bound = is_its_own || binds_in(&repeated.body, replay.name);
            if in_body && is_its_own {
                replay.current = self.local(replay.scope, replay.name);
            }
            if in_body && !is_bound && self.changes_in(repeated, replay) {
                return Err(self.changed(replay.name, repeated.start(), replay.use_of_it));
            }
            if in_body {
                self.replay(&repeated.body, replay)?;
            }
            return Ok(here);
        }
        let is_bound = binds_in(&repeated.body, replay.name) || binds_in(&repeated.orelse, replay.name);
        if !is_bound && !self.changes_in(repeated, replay) {
            return Ok(here);
        }
        let mut jumps = Jumps(false);
        jumps.visit_body(&repeated.body);
        if jumps.0 || !repeated.orelse.is_empty() || repeated.is_async {
            return Err(self.changed(replay.name, repeated.start(), replay.use_of_it));
        }
        for item in self.items(&repeated.iter)? {
            let known = self.locals.len();
            let mut names = Vec::new();
            self.bind(&repeated.target, item, &mut names)?;
            let scope = replay.scope.id();
            self.locals.extend(names.into_iter().map(|(name, value)| Local { scope, name, value }));
            let round = self.nested(&repeated.iter, |evaluator| evaluator.replay(&repeated.body, replay));
            self.locals.truncate(known);
            round?;
        }
        Ok(here)
    }

    /// Branches: the one that holds the use, or the one that is taken.
    fn branch(&mut self, branches: &'a StmtIf, here: Reached, replay: &mut Replay<'_, 'a>) -> Result<Reached, Refusal> {
        let bodies =
            std::iter::once(&branches.body).chain(branches.elif_else_clauses.iter().map(|clause| &clause.body));
        if here == Reached::Yes {
            for body in bodies {
                if body.iter().any(|statement| replay.holds_use(statement)) {
                    return self.replay(body, replay);
                }
            }
            return Ok(here);
        }
        let is_bound = bodies.clone().any(|body| binds_in(body, replay.name));
        if !is_bound && !self.changes_in(branches, replay) {
            return Ok(here);
        }
        match self.condition(&branches.test)? {
            Condition::Known(true) => self.replay(&branches.body, replay)?,
            Condition::Asked(condition, test) if branches.elif_else_clauses.is_empty() => {
                let no = replay.current.clone();
                self.replay(&branches.body, replay)?;
                if let (Some(yes), Some(no)) = (replay.current.take(), no) {
                    let choice = Choice { condition, test, yes, no };
                    replay.current = Some(Tree::new(Value::Choice(Box::new(choice)), &self.at(branches)));
                }
                Reached::No
            }
            Condition::Asked(..) => return Err(self.not_static(&branches.test)),
            Condition::Known(false) => {
                for clause in &branches.elif_else_clauses {
                    let is_taken = match &clause.test {
                        None => true,
                        Some(test) => self.known(test)?,
                    };
                    if is_taken {
                        return self.replay(&clause.body, replay);
                    }
                }
                Reached::No
            }
        };
        Ok(here)
    }

    /// What is tried is taken to succeed: a value that counts only after a failure is refused.
    fn attempt(
        &mut self,
        attempt: &'a StmtTry,
        here: Reached,
        replay: &mut Replay<'_, 'a>,
    ) -> Result<Reached, Refusal> {
        let in_body = attempt.body.iter().any(|statement| replay.holds_use(statement));
        let handlers = attempt.handlers.iter().filter_map(|handler| handler.as_except_handler());
        let mut others = handlers.map(|handler| handler.body.as_slice()).chain([&*attempt.orelse, &*attempt.finalbody]);
        if !in_body && others.any(|body| binds_in(body, replay.name)) {
            return Err(self.changed(replay.name, attempt.start(), replay.use_of_it));
        }
        self.replay(&attempt.body, replay)?;
        Ok(here)
    }

    /// A statement that cannot be played through. One that only uses the name does nothing to it.
    fn untold(&self, statement: &Stmt, replay: &Replay<'_, 'a>) -> Result<(), Refusal> {
        if self.changes_in(statement, replay) || binds(statement, replay.name) {
            return Err(self.changed(replay.name, statement.start(), replay.use_of_it));
        }
        Ok(())
    }

    fn changes_in(&self, part: &impl Ranged, replay: &Replay<'_, 'a>) -> bool {
        let changes = self.script.changes_of(replay.scope, replay.name);
        changes.into_iter().any(|change| part.range().contains(change))
    }
}

fn binds_in(body: &[Stmt], name: &str) -> bool {
    body.iter().any(|statement| binds(statement, name))
}

/// Whether a target of a loop binds a name.
fn targets(target: &Expr, name: &str) -> bool {
    let mut search = Search { name, stores_only: true, found: false };
    search.visit_expr(target);
    search.found
}

/// Whether a statement binds a name of its scope.
fn binds(statement: &Stmt, name: &str) -> bool {
    let mut search = Search { name, stores_only: true, found: false };
    search.visit_stmt(statement);
    search.found
}

/// Whether a name stands anywhere in a statement.
fn mentions(statement: &Stmt, name: &str) -> bool {
    let mut search = Search { name, stores_only: false, found: false };
    search.visit_stmt(statement);
    search.found
}

struct Search<'s> {
    name: &'s str,
    stores_only: bool,
    found: bool,
}

impl<'a> Visitor<'a> for Search<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if self.stores_only && matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
            return;
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression {
            let counts = !self.stores_only || !matches!(name.ctx, ExprContext::Load);
            self.found |= counts && name.id.as_str() == self.name;
        }
        walk_expr(self, expression);
    }
}

/// Whether a place is in a statement that binds a name.
struct Rebinding<'s> {
    name: &'s str,
    at: TextSize,
    found: bool,
}

impl<'a> Visitor<'a> for Rebinding<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if !statement.range().contains(self.at) {
            return;
        }
        let is_name = |target: &Expr| matches!(target, Expr::Name(name) if name.id.as_str() == self.name);
        self.found |= match statement {
            Stmt::Assign(assignment) => assignment.targets.iter().all(is_name),
            Stmt::AnnAssign(assignment) => is_name(&assignment.target),
            _ => false,
        };
        walk_stmt(self, statement);
    }
}

/// Whether a loop is left or goes on early.
struct Jumps(bool);

impl<'a> Visitor<'a> for Jumps {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Break(_) | Stmt::Continue(_) | Stmt::Return(_) => self.0 = true,
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            _ => walk_stmt(self, statement),
        }
    }
}
