//! Dates and times in a script, as Python writes them.

use super::python;

/// What an expression is as a parameter.
fn written(before: &str, expression: &str) -> Result<String, String> {
    let case = python(&format!(
        "{before}\nrest_api_source({{'client': {{'base_url': 'https://a.b', 'paginator': 'single_page'}}, 'resources': [{{'name': \
         'r', 'endpoint': {{'params': {{'d': {expression}}}}}}}]}})"
    ));
    match case.load() {
        Ok(plan) => {
            Ok(plan.resources.first().map(|one| one.endpoint.params.clone()).unwrap_or_default().swap_remove(0).1)
        }
        Err(problems) => Err(problems.to_string()),
    }
}

#[test]
fn times_are_worked_out_and_written_as_python_does() {
    let pendulum = "import pendulum\nT = pendulum.datetime(2024, 3, 31, 4, 5)";
    let datetime = "from datetime import date, datetime, timedelta, timezone\nT = datetime(2024, 1, 2, 3, 4, 5)";
    let table = [
        (pendulum, "T", "2024-03-31 04:05:00+00:00"),
        (pendulum, "T.isoformat()", "2024-03-31T04:05:00+00:00"),
        (pendulum, "T.subtract(days=30).to_iso8601_string()", "2024-03-01T04:05:00Z"),
        (pendulum, "T.subtract(months=1).to_date_string()", "2024-02-29"),
        (pendulum, "T.add(weeks=1, hours=20).format('YYYY-MM-DD[T]HH:mm')", "2024-04-08T00:05"),
        (pendulum, "T.start_of('month').to_datetime_string()", "2024-03-01 00:00:00"),
        (pendulum, "T.end_of('day')", "2024-03-31 23:59:59.999999+00:00"),
        (pendulum, "pendulum.parse('2024-01-01')", "2024-01-01 00:00:00+00:00"),
        (pendulum, "T.int_timestamp", "1711857900"),
        (datetime, "T", "2024-01-02 03:04:05"),
        (datetime, "(T - timedelta(days=2)).strftime('%Y-%m-%d')", "2023-12-31"),
        (
            datetime,
            "T.replace(hour=0, minute=0, second=0, tzinfo=timezone.utc).isoformat()",
            "2024-01-02T00:00:00+00:00",
        ),
        (datetime, "f'{T:%Y%m%d}-{T.year}'", "20240102-2024"),
        (datetime, "str(T.date())", "2024-01-02"),
        (datetime, "date(2024, 2, 1) - timedelta(days=1)", "2024-01-31"),
        (datetime, "datetime.strptime('05.06.2024', '%d.%m.%Y').isoformat()", "2024-06-05T00:00:00"),
        (datetime, "int(datetime(2024, 1, 1, tzinfo=timezone.utc).timestamp())", "1704067200"),
    ];
    for (before, expression, expected) in table {
        assert_eq!(written(before, expression).as_deref(), Ok(expected), "{expression}");
    }
}

#[test]
fn times_that_count_from_now_do() {
    let before = "import pendulum\nfrom datetime import datetime, timedelta, timezone";
    let now = chrono::Utc::now();
    for expression in [
        "pendulum.now('UTC').subtract(days=7).to_iso8601_string()",
        "(datetime.now(timezone.utc) - timedelta(days=7)).isoformat()",
        "(datetime.utcnow() - timedelta(weeks=1)).strftime('%Y-%m-%dT%H:%M:%SZ')",
    ] {
        let text = written(before, expression).expect("a time");
        let time = chrono::DateTime::parse_from_rfc3339(&text).expect("a time").to_utc();
        let away = now - chrono::TimeDelta::days(7) - time;
        assert!(away.num_minutes().abs() < 5, "{expression}: {text}");
    }
}

#[test]
fn what_cannot_be_told_of_a_time_is_refused() {
    let before = "import pendulum\nfrom datetime import datetime";
    let table = [
        (
            "pendulum.now('Europe/Berlin').isoformat()",
            "config.py:3:142: a call of `pendulum.now` cannot be read; only static values can",
        ),
        (
            "datetime(2024, 1, 1).strftime('%U')",
            "config.py:3:142: this way to write a time cannot be read; `strftime` can",
        ),
        (
            "datetime(2024, 13, 1)",
            "config.py:3:142: a call of `datetime.datetime` cannot be read; only static values can",
        ),
    ];
    for (expression, expected) in table {
        assert_eq!(written(before, expression), Err(expected.to_owned()), "{expression}");
    }
}
