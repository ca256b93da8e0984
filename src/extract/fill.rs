//! Fills the gaps of a request: with fields of the parent's row, and with values of the cursor.
//!
//! Values are written as Python's `str` writes them, because that is what dlt sends; in a URL they stay one segment or one value.
//! A text of a JSON body that is one gap and nothing else keeps the type of what fills it.

use std::fmt;

use serde_json::{Map, Value};

use super::text::{formatted, plain};
use crate::plan::{
    CursorPlace, Data, Endpoint, Gap, GapSource, JsonTemplate, RequestTemplate, Template, TemplatePart, percent_encoded,
};

/// What is known once a walk begins.
pub(super) struct Values<'v> {
    /// The fields of the parent's row.
    pub(super) parent: &'v [Option<Value>],
    pub(super) cursor: &'v dyn Fn(CursorPlace) -> Option<Value>,
}

/// Why a gap cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillFault {
    /// The placeholder, without its braces.
    pub gap: String,
    /// What is wrong with its value.
    pub problem: FillProblem,
}

/// What is wrong with the value of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillProblem {
    /// The parent's row has no such field, or null in it.
    Missing,
    /// The cursor has no such value yet.
    NoCursor,
    /// It is a list or an object, which is no text.
    NoText,
    /// Its format does not fit it.
    Format,
    /// It makes no URL, or leads to where it may not.
    Url,
}

impl fmt::Display for FillFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.problem {
            FillProblem::Missing => "the parent's row has no such field, or null in it",
            FillProblem::NoCursor => "the cursor has no such value yet",
            FillProblem::NoText => "the value is a list or an object, which is no text",
            FillProblem::Format => "the value does not fit the format",
            FillProblem::Url => "the value makes no URL",
        };
        write!(formatter, "`{{{}}}` cannot be filled: {problem}", self.gap)
    }
}

/// The endpoint with the gaps of its request filled.
pub(super) fn fill(
    template: &RequestTemplate,
    endpoint: &Endpoint,
    values: &Values<'_>,
) -> Result<Endpoint, FillFault> {
    let mut params = Vec::with_capacity(template.params.len());
    for (name, value) in &template.params {
        if !values.is_absent(value) {
            params.push((values.text(name)?, values.text(value)?));
        }
    }
    let mut headers = Vec::with_capacity(template.headers.len());
    for (name, value) in &template.headers {
        if !values.is_absent(value) {
            let text = values.text(value)?;
            if text.chars().any(|character| character.is_control() && character != '\t') {
                let gap = value.gaps().next().map(|gap| gap.text.clone()).unwrap_or_default();
                return Err(FillFault { gap, problem: FillProblem::NoText });
            }
            headers.push((name.clone(), text));
        }
    }
    Ok(Endpoint {
        url: values.url(template, endpoint)?,
        params,
        headers,
        json: template.json.as_ref().map(|json| values.json(json)).transpose()?,
        data: values.data(template)?,
        ..endpoint.clone()
    })
}

impl Values<'_> {
    /// What fills a gap; `None`: the cursor has no such value yet.
    fn value(&self, gap: &Gap) -> Result<Option<Value>, FillFault> {
        match gap.source {
            GapSource::Cursor(place) => Ok((self.cursor)(place)),
            GapSource::Parent(field) => match self.parent.get(field) {
                Some(Some(value)) if !value.is_null() => Ok(Some(value.clone())),
                _ => Err(FillFault { gap: gap.text.clone(), problem: FillProblem::Missing }),
            },
        }
    }

    /// A parameter or header that is a value of the cursor alone is left out as long as there is none.
    fn is_absent(&self, template: &Template) -> bool {
        match template.only_gap().map(|gap| gap.source) {
            Some(GapSource::Cursor(place)) => (self.cursor)(place).is_none(),
            _ => false,
        }
    }

    fn data(&self, template: &RequestTemplate) -> Result<Option<Data>, FillFault> {
        if let Some(raw) = &template.raw {
            return Ok(Some(Data::Text(self.text(raw)?)));
        }
        let Some(form) = &template.form else { return Ok(None) };
        let mut fields = Vec::with_capacity(form.len());
        for (name, value) in form {
            if !self.is_absent(value) {
                fields.push((self.text(name)?, self.text(value)?));
            }
        }
        Ok(Some(Data::Form(fields)))
    }

    fn text(&self, template: &Template) -> Result<String, FillFault> {
        let mut text = String::new();
        for part in &template.0 {
            match part {
                TemplatePart::Literal(literal) => text.push_str(literal),
                TemplatePart::Gap(gap) => text.push_str(&self.gap_text(gap)?),
            }
        }
        Ok(text)
    }

    fn gap_text(&self, gap: &Gap) -> Result<String, FillFault> {
        let fault = |problem| FillFault { gap: gap.text.clone(), problem };
        let value = self.value(gap)?.ok_or_else(|| fault(FillProblem::NoCursor))?;
        match &gap.format {
            Some(format) => formatted(&value, format).ok_or_else(|| fault(FillProblem::Format)),
            None => plain(&value).ok_or_else(|| fault(FillProblem::NoText)),
        }
    }

    fn url(&self, template: &RequestTemplate, endpoint: &Endpoint) -> Result<url::Url, FillFault> {
        let mut text = String::new();
        let (mut last, mut places) = (None, Vec::new());
        for part in &template.url.0 {
            match part {
                TemplatePart::Literal(literal) => text.push_str(literal),
                TemplatePart::Gap(gap) => {
                    let value = self.gap_text(gap)?;
                    places.push((gap, text.len()));
                    text.push_str(&percent_encoded(&value));
                    last = Some((gap, value));
                }
            }
        }
        let fault = |gap: &str| FillFault { gap: gap.to_owned(), problem: FillProblem::Url };
        if template.may_be_url
            && let Some((gap, value)) = &last
            && ["http://", "https://"].iter().any(|scheme| value.starts_with(scheme))
        {
            return url::Url::parse(value).map_err(|_| fault(&gap.text));
        }
        if let Some((gap, _)) = places.iter().find(|(_, at)| is_dots(&text, *at)) {
            return Err(fault(&gap.text));
        }
        let gap = last.as_ref().map(|(gap, _)| gap.text.as_str()).unwrap_or_default();
        let url = url::Url::parse(&text).map_err(|_| fault(gap))?;
        if url.origin() == endpoint.url.origin() { Ok(url) } else { Err(fault(gap)) }
    }

    fn json(&self, template: &JsonTemplate) -> Result<Value, FillFault> {
        Ok(match template {
            JsonTemplate::Value(value) => value.clone(),
            JsonTemplate::Text(text) => match text.only_gap().filter(|gap| gap.format.is_none()) {
                Some(gap) => self.value(gap)?.unwrap_or(Value::Null),
                None => self.text(text)?.into(),
            },
            JsonTemplate::List(items) => {
                Value::Array(items.iter().map(|item| self.json(item)).collect::<Result<_, _>>()?)
            }
            JsonTemplate::Map(entries) => {
                let mut object = Map::new();
                for (name, value) in entries {
                    object.insert(self.text(name)?, self.json(value)?);
                }
                object.into()
            }
        })
    }
}

/// Whether the segment of a URL's path that the byte is in leads to its own folder or to the one above: also with its dots escaped,
/// which makes no difference to URLs (WHATWG URL, "double-dot URL path segment").
fn is_dots(url: &str, at: usize) -> bool {
    let (before, after) = (url.get(..at).unwrap_or_default(), url.get(at..).unwrap_or_default());
    if before.contains(['?', '#']) {
        return false;
    }
    let before = before.rsplit(['/', '\\']).next().unwrap_or_default();
    let after = after.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let segment = format!("{before}{after}").replace(['\t', '\n', '\r'], "").to_ascii_lowercase().replace("%2e", ".");
    segment == "." || segment == ".."
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::fuzzing::{Target, tear};

    /// The URL of a template with `{}` for its gap.
    fn filled(template: &str, value: Value) -> Result<url::Url, FillFault> {
        let gap = Gap { text: "resources.p.x".to_owned(), source: GapSource::Parent(0), format: None };
        let pieces: Vec<&str> = template.split("{}").collect();
        let mut parts = vec![TemplatePart::Literal(pieces[0].to_owned())];
        for piece in &pieces[1..] {
            parts.extend([TemplatePart::Gap(gap.clone()), TemplatePart::Literal((*piece).to_owned())]);
        }
        let text = Template(parts.clone());
        let pair = (Template::literal("q"), Template(vec![TemplatePart::Gap(gap.clone())]));
        let json = JsonTemplate::List(vec![
            JsonTemplate::Text(Template(vec![TemplatePart::Gap(gap)])),
            JsonTemplate::Text(text.clone()),
        ]);
        let request = RequestTemplate {
            url: text,
            params: vec![pair.clone()],
            headers: vec![("x".to_owned(), pair.1.clone())],
            json: Some(json),
            ..RequestTemplate::default()
        };
        let endpoint = Endpoint::get(url::Url::parse("https://a.b/").expect("a URL"));
        let parent = [Some(value)];
        fill(&request, &endpoint, &Values { parent: &parent, cursor: &|_| None }).map(|endpoint| endpoint.url)
    }

    #[test]
    fn a_value_that_would_lead_to_another_folder_is_refused() {
        for (template, value) in [
            ("https://a.b/x/{}", "."),
            ("https://a.b/x/{}", ".."),
            ("https://a.b/x/{}/y", ".."),
            ("https://a.b/x/.{}?q", "."),
            ("https://a.b/x/%2e{}#f", "."),
        ] {
            let fault = filled(template, value.into()).expect_err(template);
            assert_eq!(fault.problem, FillProblem::Url, "{template}");
        }
        assert_eq!(
            filled("https://a.b/x/{}?q={}", "...".into()).map(String::from),
            Ok("https://a.b/x/...?q=...".to_owned())
        );
        assert_eq!(filled("https://a.b/x?q=/{}", "..".into()).map(String::from), Ok("https://a.b/x?q=/..".to_owned()));
    }

    /// A filled value stays one segment of the path, or one value of the query, which reads as the value.
    #[test]
    fn fuzz_fill() {
        const TEMPLATES: [&str; 8] = [
            "https://a.b/{}",
            "https://a.b/x/{}/y",
            "https://a.b/x/{}-{}/",
            "https://a.b/.{}/y",
            "https://a.b/{}.json?x={}&y=1",
            "https://a.b/%2e{}",
            "https://a.b/x?q={}",
            "https://a.b/{}/{}#{}",
        ];
        const SEEDS: [&str; 10] =
            ["x", "..", ".", "a/b", "a b?c#d", "%2e%2e", "http://c.d/", "\u{e4}\u{1f600}", "1.5", "[null, {\"a\": 1}]"];
        const WORDS: [&str; 24] = [
            ".", "..", "/", "\\", "?", "#", "%", "%2e", "%2F", "&", "=", "+", " ", "\t", "\n", "\r", "\0", "@", ":",
            "//", "{}", "\u{7f}", "\u{2028}", "\u{e4}",
        ];
        fn input(random: &mut Rng) -> Vec<u8> {
            let mut text = random.choice(SEEDS).expect("some").as_bytes().to_vec();
            let other = random.choice(SEEDS).expect("some").as_bytes();
            (0..random.usize(..5)).for_each(|_| tear(random, &mut text, other, &WORDS));
            text.push(random.u8(..));
            text
        }
        fn check(text: &[u8]) -> Result<(), String> {
            let [text @ .., which] = text else { return Ok(()) };
            let template = TEMPLATES[usize::from(*which) % TEMPLATES.len()];
            let text = String::from_utf8_lossy(text).into_owned();
            let value =
                if *which < 200 { text.clone().into() } else { serde_json::from_str(&text).unwrap_or(Value::Null) };
            let Some(written) = plain(&value) else { return Ok(()) };
            let Ok(url) = filled(template, value) else { return Ok(()) };
            let same = url::Url::parse(&template.replace("{}", "x")).expect("a URL");
            let segments = |url: &url::Url| url.path_segments().map(Iterator::count);
            let pairs = |url: &url::Url| url.query_pairs().count();
            if url.origin() != same.origin() || segments(&url) != segments(&same) || pairs(&url) != pairs(&same) {
                return Err(format!("`{template}` with `{text}` is `{url}`"));
            }
            let expected: Vec<String> = same.path().split('/').map(str::to_owned).collect();
            for (found, expected) in url.path().split('/').zip(expected) {
                // A gap that is a whole segment is all of it.
                if expected == "x" && template.contains("/{}") && found != percent_encoded(&written) && found != "x" {
                    return Err(format!("`{found}` of `{url}` is not `{written}`"));
                }
            }
            Ok(())
        }
        Target { name: "fuzz_fill", cases: 3_000, input, check }.run();
    }
}
