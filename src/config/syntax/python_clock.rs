//! Dates and times in a Python script: where they come from, and what their methods make of them.
//!
//! What counts from now is told by the clock when the script is read, as it is when Python runs it.

use chrono::{Datelike as _, Local, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _};
use ruff_python_ast::{Expr, ExprCall, Operator};

use super::python_bindings::Found;
use super::python_moment::{Moment, Span, edge, parsed};
use super::python_names::Binding;
use super::python_values::{Evaluator, Refusal};
use crate::config::tree::{Text, Value};

impl<'a> Evaluator<'_, 'a> {
    /// The time that an expression is, `None` if it is none.
    pub(super) fn moment(&mut self, expression: &'a Expr) -> Result<Option<Moment>, Refusal> {
        match expression {
            Expr::Name(name) => match self.found(name.id.as_str()) {
                Found::Bound(Binding::Value(value), scopes) if is_timely(value) => {
                    self.nested(expression, |evaluator| evaluator.within(scopes, |evaluator| evaluator.moment(value)))
                }
                _ => Ok(None),
            },
            Expr::BinOp(operation) if matches!(operation.op, Operator::Add | Operator::Sub) => {
                let Some(span) = self.span(&operation.right)? else { return Ok(None) };
                let moment = self.nested(expression, |evaluator| evaluator.moment(&operation.left))?;
                let Some(moment) = moment else { return Ok(None) };
                let span = if operation.op == Operator::Sub { span.negated() } else { Some(span) };
                let moment = span.and_then(|span| moment.plus(span));
                moment.map(Some).ok_or_else(|| self.not_static(expression))
            }
            Expr::Call(call) => self.nested(expression, |evaluator| evaluator.moment_of_call(call, expression)),
            _ => Ok(None),
        }
    }

    fn moment_of_call(&mut self, call: &'a ExprCall, expression: &'a Expr) -> Result<Option<Moment>, Refusal> {
        if let Some(name) = self.script.full_name(&call.func)
            && let Some((class, function)) = name.rsplit_once('.').or(Some(("", name.as_str())))
            && is_clock(class, function)
        {
            return self.made(call, class, function).map(Some).ok_or_else(|| self.not_static(expression));
        }
        let Expr::Attribute(method) = call.func.as_ref() else { return Ok(None) };
        let name = method.attr.as_str();
        if !matches!(
            name,
            "subtract" | "add" | "replace" | "start_of" | "end_of" | "date" | "astimezone" | "in_timezone" | "in_tz"
        ) {
            return Ok(None);
        }
        let Some(moment) = self.moment(&method.value)? else { return Ok(None) };
        let argument = call.arguments.args.first();
        let moved = match name {
            "subtract" => self.span_of(call)?.and_then(Span::negated).and_then(|span| moment.plus(span)),
            "add" => self.span_of(call)?.and_then(|span| moment.plus(span)),
            "date" => Some(Moment::day(moment.time.date())),
            "replace" => self.replaced(moment, call)?,
            "start_of" | "end_of" => match argument {
                Some(unit) => edge(moment, &self.key(unit)?, name == "end_of"),
                None => None,
            },
            _ if moment.offset == Some(0) && argument.is_some_and(|zone| self.is_utc(zone)) => Some(moment),
            _ => None,
        };
        moved.map(Some).ok_or_else(|| self.not_static(expression))
    }

    /// What a function that makes a time makes; `None`: it cannot be told.
    fn made(&mut self, call: &'a ExprCall, class: &str, function: &str) -> Option<Moment> {
        let arguments = &call.arguments;
        let is_pendulum = class.split('.').any(|part| part == "pendulum");
        let zone = arguments.find_keyword("tz").or_else(|| arguments.find_keyword("tzinfo"));
        let zone = zone.map(|keyword| &keyword.value);
        let written = |evaluator: &mut Self| evaluator.key(arguments.args.first()?).ok();
        let utc = self.now.naive_utc();
        let local = self.now.with_timezone(&Local);
        let place = |local: &chrono::DateTime<Local>| Some(local.offset().local_minus_utc());
        let moment = match function {
            "utcnow" => Moment::time(utc, is_pendulum.then_some(0)),
            "now" | "today" | "yesterday" | "tomorrow" => {
                let zone = zone.or_else(|| arguments.args.first());
                let moment = match zone {
                    Some(zone) if self.is_utc(zone) => Moment::time(utc, Some(0)),
                    Some(_) => return None,
                    None => Moment::time(local.naive_local(), place(&local).filter(|_| is_pendulum)),
                };
                let days = match function {
                    "yesterday" => -1,
                    "tomorrow" => 1,
                    _ => 0,
                };
                let moment = moment.plus(Span { months: 0, rest: TimeDelta::days(days) })?;
                match function {
                    "now" => moment,
                    "today" if !is_pendulum && class.ends_with("date") => Moment::day(moment.time.date()),
                    "today" if !is_pendulum => moment,
                    _ => edge(moment, "day", false)?,
                }
            }
            "datetime" | "DateTime" | "date" | "Date" => {
                let mut parts = Vec::new();
                for part in arguments.args.iter().take(7) {
                    let Value::Int(number) = self.try_tree(part).ok()?.value else { return None };
                    parts.push(u32::try_from(number).ok()?);
                }
                let part = |index: usize, otherwise: u32| parts.get(index).copied().unwrap_or(otherwise);
                let is_written = arguments
                    .keywords
                    .iter()
                    .all(|keyword| keyword.arg.as_ref().is_some_and(|name| matches!(name.as_str(), "tz" | "tzinfo")));
                if !is_written {
                    return None;
                }
                let day = NaiveDate::from_ymd_opt(i32::try_from(part(0, 0)).ok()?, part(1, 1), part(2, 1))?;
                if matches!(function, "date" | "Date") {
                    return Some(Moment::day(day));
                }
                let time = day.and_hms_micro_opt(part(3, 0), part(4, 0), part(5, 0), part(6, 0))?;
                let offset = match zone {
                    Some(zone) if self.is_utc(zone) => Some(0),
                    Some(_) => return None,
                    // Only this function of pendulum's takes the time for one of UTC.
                    None => (is_pendulum && function == "datetime").then_some(0),
                };
                Moment::time(time, offset)
            }
            "fromisoformat" | "parse" => parsed(&written(self)?, is_pendulum, class.ends_with("date"))?,
            "strptime" => {
                let pattern = self.key(arguments.args.get(1)?).ok()?;
                let text = written(self)?;
                let day = || NaiveDate::parse_from_str(&text, &pattern).ok().map(NaiveDateTime::from);
                Moment::time(NaiveDateTime::parse_from_str(&text, &pattern).ok().or_else(day)?, None)
            }
            _ => return None,
        };
        Some(moment)
    }

    /// `timedelta(days=1)` and `pendulum.duration(days=1)`, `None` if it is neither.
    fn span(&mut self, expression: &'a Expr) -> Result<Option<Span>, Refusal> {
        match expression {
            Expr::Name(name) => match self.found(name.id.as_str()) {
                Found::Bound(Binding::Value(value), scopes) if value.is_call_expr() => {
                    self.nested(expression, |evaluator| evaluator.within(scopes, |evaluator| evaluator.span(value)))
                }
                _ => Ok(None),
            },
            Expr::Call(call) => {
                let name = self.script.full_name(&call.func);
                match name.as_deref().and_then(|name| name.rsplit('.').next()) {
                    Some("timedelta" | "duration" | "Duration") => self.span_of(call),
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// The arguments `days`, `hours` and so on of a call.
    fn span_of(&mut self, call: &'a ExprCall) -> Result<Option<Span>, Refusal> {
        let mut span = Span { months: 0, rest: TimeDelta::zero() };
        let positional = call.arguments.args.iter().map(|value| ("days", value));
        let named = call.arguments.keywords.iter();
        let named = named.map(|keyword| (keyword.arg.as_ref().map_or("", |name| name.as_str()), &keyword.value));
        for (unit, value) in positional.chain(named) {
            let Value::Int(count) = self.settled(value)?.value else { return Ok(None) };
            let months = |months: i64| i32::try_from(count).ok()?.checked_mul(i32::try_from(months).ok()?);
            let added = match unit {
                "years" => months(12).map(|months| Span { months, rest: TimeDelta::zero() }),
                "months" => months(1).map(|months| Span { months, rest: TimeDelta::zero() }),
                unit => seconds(unit).and_then(|seconds| {
                    let rest = TimeDelta::try_seconds(count.checked_mul(seconds)?)?;
                    Some(Span { months: 0, rest })
                }),
            };
            let Some(added) = added else { return Ok(None) };
            let (Some(months), Some(rest)) =
                (span.months.checked_add(added.months), span.rest.checked_add(&added.rest))
            else {
                return Ok(None);
            };
            span = Span { months, rest };
        }
        Ok(Some(span))
    }

    /// `replace(hour=0, …)`.
    fn replaced(&mut self, moment: Moment, call: &'a ExprCall) -> Result<Option<Moment>, Refusal> {
        let mut moment = moment;
        if !call.arguments.args.is_empty() {
            return Ok(None);
        }
        for keyword in &call.arguments.keywords {
            let name = keyword.arg.as_ref().map_or("", |name| name.as_str());
            if name == "tzinfo" {
                let is_none = keyword.value.is_none_literal_expr();
                if !is_none && !self.is_utc(&keyword.value) {
                    return Ok(None);
                }
                moment.offset = (!is_none).then_some(0);
                continue;
            }
            let Value::Int(number) = self.try_tree(&keyword.value)?.value else { return Ok(None) };
            let Ok(number) = u32::try_from(number) else { return Ok(None) };
            let time = match name {
                "year" => i32::try_from(number).ok().and_then(|year| moment.time.with_year(year)),
                "month" => moment.time.with_month(number),
                "day" => moment.time.with_day(number),
                "hour" => moment.time.with_hour(number),
                "minute" => moment.time.with_minute(number),
                "second" => moment.time.with_second(number),
                "microsecond" => {
                    number.checked_mul(1000).and_then(|nanoseconds| moment.time.with_nanosecond(nanoseconds))
                }
                _ => None,
            };
            let Some(time) = time else { return Ok(None) };
            moment.time = time;
        }
        Ok(Some(moment))
    }

    /// A text or a number that a method of a time makes; `None`: it is no time, or no such method.
    pub(super) fn text_of_moment(
        &mut self,
        call: &'a ExprCall,
        method: &str,
        receiver: &'a Expr,
    ) -> Result<Option<Value>, Refusal> {
        const METHODS: [&str; 9] = [
            "isoformat",
            "to_iso8601_string",
            "to_rfc3339_string",
            "to_date_string",
            "to_datetime_string",
            "to_w3c_string",
            "strftime",
            "format",
            "timestamp",
        ];
        if !METHODS.contains(&method) {
            return Ok(None);
        }
        let Some(moment) = self.moment(receiver)? else { return Ok(None) };
        let pattern = match call.arguments.args.first() {
            Some(pattern) => Some(self.key(pattern)?),
            None => None,
        };
        let precision = match call.arguments.find_keyword("timespec") {
            Some(keyword) => Some(self.key(&keyword.value)?),
            None => None,
        };
        let text = match (method, pattern.as_deref(), precision.as_deref()) {
            ("isoformat" | "to_rfc3339_string" | "to_w3c_string", None, None) => Some(moment.iso('T')),
            ("isoformat", None, Some("seconds")) => {
                let time = moment.time.with_nanosecond(0).unwrap_or(moment.time);
                Some(moment.at(time).iso('T'))
            }
            ("to_iso8601_string", None, None) => {
                let iso = moment.iso('T');
                Some(if moment.offset == Some(0) { iso.replace("+00:00", "Z") } else { iso })
            }
            ("to_date_string", None, None) => moment.strftime("%Y-%m-%d"),
            ("to_datetime_string", None, None) => moment.strftime("%Y-%m-%d %H:%M:%S"),
            ("strftime", Some(pattern), None) => moment.strftime(pattern),
            ("format", Some(pattern), None) => moment.pendulum_format(pattern),
            ("timestamp", None, None) => {
                let micros = f64::from(moment.time.nanosecond() / 1000) / 1e6;
                let seconds = format!("{}", moment.timestamp()).parse::<f64>().unwrap_or_default();
                return Ok(Some(Value::Float(seconds + micros)));
            }
            _ => None,
        };
        let text = text.ok_or_else(|| self.problem(call, "this way to write a time cannot be read; `strftime` can"))?;
        Ok(Some(Value::Text(Text::written(text))))
    }

    /// Whether an expression names the time zone UTC.
    fn is_utc(&self, expression: &Expr) -> bool {
        if let Expr::StringLiteral(text) = expression {
            return text.value.to_str().eq_ignore_ascii_case("utc");
        }
        let name = self.script.full_name(expression).unwrap_or_default();
        matches!(name.rsplit('.').next(), Some("utc" | "UTC"))
    }
}

/// Whether an expression may be a time, so that a name is followed to it.
fn is_timely(expression: &Expr) -> bool {
    matches!(expression, Expr::Call(_) | Expr::BinOp(_) | Expr::Name(_))
}

/// Whether a function makes a time.
fn is_clock(class: &str, function: &str) -> bool {
    let of = |wanted: &[&str]| class.split('.').any(|part| wanted.contains(&part));
    match function {
        "now" | "today" | "fromisoformat" | "utcnow" | "strptime" => of(&["datetime", "date", "pendulum"]),
        "yesterday" | "tomorrow" | "parse" | "DateTime" | "Date" => of(&["pendulum"]),
        "datetime" | "date" => of(&["datetime", "pendulum"]),
        _ => false,
    }
}

/// The seconds of a unit.
fn seconds(unit: &str) -> Option<i64> {
    match unit {
        "weeks" => Some(604_800),
        "days" => Some(86_400),
        "hours" => Some(3_600),
        "minutes" => Some(60),
        "seconds" => Some(1),
        _ => None,
    }
}
