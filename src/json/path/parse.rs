//! Text to steps: a cursor over characters, one function for each form. Every error names the character.

use super::{Condition, Literal, Operator, PathError, Step, is_bare_character};

/// Longest path, in characters: far above any real one, and a bound on all work here.
pub(super) const CHARACTERS_MAX: usize = 2_000;
/// Deepest nesting of parentheses in a filter: the parser calls itself once a level.
const PARENTHESES_MAX: usize = 16;

/// Reads a whole path.
pub(super) fn steps(text: &str) -> Result<Vec<Step>, PathError> {
    let characters: Vec<char> = text.trim().chars().collect();
    if characters.len() > CHARACTERS_MAX {
        return Err(PathError {
            at: CHARACTERS_MAX,
            problem: format!("a path has at most {CHARACTERS_MAX} characters"),
        });
    }
    let mut cursor = Cursor { characters, at: 0 };
    if cursor.peek().is_none() {
        return Err(cursor.fault("a path cannot be empty"));
    }
    let steps = path(&mut cursor, Place::Whole)?;
    match cursor.peek() {
        None => Ok(steps),
        Some(seen) => Err(cursor.unexpected(seen)),
    }
}

/// Where a path stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the whole text.
    Whole,
    /// It is an operand of a filter; `@` alone is the element.
    Filter,
}

struct Cursor {
    characters: Vec<char>,
    at: usize,
}

impl Cursor {
    fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn take(&mut self, expected: &str) -> bool {
        let found = expected.chars().enumerate().all(|(ahead, character)| self.peek_at(ahead) == Some(character));
        if found {
            self.at += expected.chars().count();
        }
        found
    }

    fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(character) = self.peek().filter(|character| accepts(*character)) {
            text.push(character);
            self.at += 1;
        }
        text
    }

    fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn expect(&mut self, expected: &str) -> Result<(), PathError> {
        self.skip_blanks();
        if self.take(expected) { Ok(()) } else { Err(self.fault(format!("expected `{expected}`"))) }
    }

    fn fault(&self, problem: impl Into<String>) -> PathError {
        PathError { at: self.at, problem: problem.into() }
    }

    fn unexpected(&self, seen: char) -> PathError {
        match seen {
            '|' | '`' | '(' => self.fault(format!("`{seen}` is not supported here")),
            ' ' => self.fault("unexpected blank; a name that has one is written in quotes, as in `['a b']`"),
            _ => self.fault(format!(
                "unexpected `{seen}`; a name with special characters is written in quotes, as in `['a b']`"
            )),
        }
    }
}

fn path(cursor: &mut Cursor, place: Place) -> Result<Vec<Step>, PathError> {
    let mut steps = Vec::new();
    if !at_root(cursor, place) {
        first_step(cursor, place, &mut steps)?;
    }
    loop {
        if cursor.take("..") {
            if place == Place::Filter {
                return Err(cursor.fault("`..` is not supported in a filter"));
            }
            steps.push(Step::Descend);
            first_step(cursor, place, &mut steps)?;
        } else if cursor.take(".") {
            first_step(cursor, place, &mut steps)?;
        } else if cursor.peek() == Some('[') {
            steps.push(bracket(cursor, place)?);
        } else {
            return Ok(steps);
        }
    }
}

/// Takes the `$` of a path or the `@` of a filter's operand, where it stands for itself and does not begin a name.
fn at_root(cursor: &mut Cursor, place: Place) -> bool {
    let ends = |next: Option<char>| !next.is_some_and(|next| is_bare_character(next) || next == '$');
    let root = match (place, cursor.peek()) {
        (_, Some('$')) => ends(cursor.peek_at(1)),
        (Place::Filter, Some('@')) => ends(cursor.peek_at(1)),
        _ => false,
    };
    if root {
        cursor.at += 1;
    }
    root
}

/// What may follow a dot or begin a path.
fn first_step(cursor: &mut Cursor, place: Place, steps: &mut Vec<Step>) -> Result<(), PathError> {
    let step = match cursor.peek() {
        None => return Err(cursor.fault("expected a name")),
        Some('*') => {
            cursor.at += 1;
            Step::AnyMember
        }
        Some('[') => bracket(cursor, place)?,
        Some(quote @ ('"' | '\'')) => Step::Member(quoted(cursor, quote)?),
        Some(seen) => {
            let name = cursor.take_while(is_bare_character);
            if name.is_empty() {
                return Err(cursor.unexpected(seen));
            }
            Step::Member(name)
        }
    };
    steps.push(step);
    Ok(())
}

fn bracket(cursor: &mut Cursor, place: Place) -> Result<Step, PathError> {
    cursor.expect("[")?;
    cursor.skip_blanks();
    let step = match cursor.peek() {
        Some('*') => {
            cursor.at += 1;
            Step::AnyElement
        }
        Some('?') if place == Place::Filter => return Err(cursor.fault("a filter in a filter is not supported")),
        Some('?') => {
            cursor.at += 1;
            Step::Filter(any(cursor, 0)?)
        }
        Some('(') => return Err(cursor.fault("a script in brackets is not supported")),
        Some(next) if next == ':' || next == '-' || next.is_ascii_digit() => numbers(cursor)?,
        _ => names(cursor)?,
    };
    cursor.expect("]")?;
    Ok(step)
}

/// `0`, `-1`, `0,1`, `0:2`, `:`, `::2`.
fn numbers(cursor: &mut Cursor) -> Result<Step, PathError> {
    let start = integer(cursor)?;
    cursor.skip_blanks();
    if cursor.take(":") {
        return slice(cursor, start);
    }
    let mut indices = vec![start.ok_or_else(|| cursor.fault("expected a number"))?];
    while {
        cursor.skip_blanks();
        cursor.take(",")
    } {
        indices.push(integer(cursor)?.ok_or_else(|| cursor.fault("expected a number"))?);
    }
    Ok(match indices.as_slice() {
        [one] => Step::Index(*one),
        _ => Step::Indices(indices),
    })
}

fn slice(cursor: &mut Cursor, start: Option<i64>) -> Result<Step, PathError> {
    let end = integer(cursor)?;
    cursor.skip_blanks();
    let stride = if cursor.take(":") { integer(cursor)?.unwrap_or(1) } else { 1 };
    let stride = usize::try_from(stride).ok().filter(|stride| *stride > 0);
    let Some(stride) = stride else { return Err(cursor.fault("a slice's step must be 1 or more")) };
    Ok(Step::Slice { start, end, stride })
}

fn integer(cursor: &mut Cursor) -> Result<Option<i64>, PathError> {
    cursor.skip_blanks();
    let at = cursor.at;
    let sign = if cursor.take("-") { "-" } else { "" };
    let digits = cursor.take_while(|character| character.is_ascii_digit());
    if digits.is_empty() && sign.is_empty() {
        return Ok(None);
    }
    let problem = || PathError { at, problem: "not a number that an index can be".to_owned() };
    format!("{sign}{digits}").parse().map(Some).map_err(|_| problem())
}

/// `'a'`, `"a"`, `a`, `'a', 'b'`.
fn names(cursor: &mut Cursor) -> Result<Step, PathError> {
    let mut names = Vec::new();
    loop {
        cursor.skip_blanks();
        let (name, was_quoted) = match cursor.peek() {
            Some(quote @ ('"' | '\'')) => (quoted(cursor, quote)?, true),
            _ => (cursor.take_while(is_bare_character), false),
        };
        // A key may be empty, if it is said so.
        if name.is_empty() && !was_quoted {
            return Err(cursor.fault("expected a name in quotes, an index, a slice, `*` or a filter"));
        }
        names.push(name);
        cursor.skip_blanks();
        if !cursor.take(",") {
            break;
        }
    }
    match <[String; 1]>::try_from(names) {
        Ok([name]) => Ok(Step::Member(name)),
        Err(names) => Ok(Step::Members(names)),
    }
}

/// A text in quotes; a backslash takes the next character as it is.
fn quoted(cursor: &mut Cursor, quote: char) -> Result<String, PathError> {
    let opened = cursor.at;
    cursor.at += 1;
    let mut text = String::new();
    while let Some(character) = cursor.peek() {
        cursor.at += 1;
        if character == quote {
            return Ok(text);
        }
        let character = match character {
            '\\' => cursor.peek().inspect(|_| cursor.at += 1).unwrap_or('\\'),
            other => other,
        };
        text.push(character);
    }
    Err(PathError { at: opened, problem: "a quote is not closed".to_owned() })
}

fn any(cursor: &mut Cursor, depth: usize) -> Result<Condition, PathError> {
    joined(cursor, ["||", "|"], Condition::Any, |cursor| all(cursor, depth))
}

fn all(cursor: &mut Cursor, depth: usize) -> Result<Condition, PathError> {
    joined(cursor, ["&&", "&"], Condition::All, |cursor| test(cursor, depth))
}

fn joined(
    cursor: &mut Cursor,
    operators: [&str; 2],
    join: fn(Vec<Condition>) -> Condition,
    operand: impl Fn(&mut Cursor) -> Result<Condition, PathError>,
) -> Result<Condition, PathError> {
    let first = operand(cursor)?;
    let mut rest = Vec::new();
    loop {
        cursor.skip_blanks();
        if !operators.iter().any(|operator| cursor.take(operator)) {
            break;
        }
        rest.push(operand(cursor)?);
    }
    if rest.is_empty() {
        return Ok(first);
    }
    rest.insert(0, first);
    Ok(join(rest))
}

fn test(cursor: &mut Cursor, depth: usize) -> Result<Condition, PathError> {
    cursor.skip_blanks();
    if cursor.take("(") {
        if depth == PARENTHESES_MAX {
            return Err(cursor.fault(format!("at most {PARENTHESES_MAX} parentheses can be open")));
        }
        let inner = any(cursor, depth + 1)?;
        cursor.expect(")")?;
        return Ok(inner);
    }
    if cursor.peek() == Some('!') {
        return Err(cursor.fault("`!` is not supported"));
    }
    let steps = path(cursor, Place::Filter)?;
    cursor.skip_blanks();
    let Some(operator) = operator(cursor)? else { return Ok(Condition::Present(steps)) };
    cursor.skip_blanks();
    Ok(Condition::Compare { steps, operator, literal: literal(cursor)? })
}

fn operator(cursor: &mut Cursor) -> Result<Option<Operator>, PathError> {
    if cursor.take("=~") {
        return Err(cursor.fault("the operator `=~` is not supported"));
    }
    // The longer of two that begin alike comes first.
    let operators = [
        ("==", Operator::Equal),
        ("=", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        ("<", Operator::Less),
        (">=", Operator::GreaterOrEqual),
        (">", Operator::Greater),
    ];
    Ok(operators.into_iter().find(|(text, _)| cursor.take(text)).map(|(_, operator)| operator))
}

fn literal(cursor: &mut Cursor) -> Result<Literal, PathError> {
    if let Some(quote @ ('"' | '\'')) = cursor.peek() {
        return quoted(cursor, quote).map(Literal::Text);
    }
    let at = cursor.at;
    let word = cursor.take_while(|character| is_bare_character(character) || matches!(character, '.' | '+'));
    match word.as_str() {
        "" => Err(cursor.fault("expected a number, a text in quotes, `true`, `false` or `null`")),
        "null" | "None" => Ok(Literal::Null),
        "true" | "True" => Ok(Literal::Bool(true)),
        "false" | "False" => Ok(Literal::Bool(false)),
        word => match word.parse::<f64>().ok().filter(|number| number.is_finite()) {
            Some(number) => Ok(Literal::Number(number)),
            None => Err(PathError { at, problem: format!("a text such as `{word}` is written in quotes") }),
        },
    }
}
