//! The URL of an endpoint: `base_url` and `path`, with what of it is known only later.

use super::endpoint::Surrounding;
use super::gaps::Gaps;
use super::params::{self, FilledPath};
use super::problem::{Place, Problem, Report, code};
use super::reader::{self, Reader};
use crate::plan::{Template, TemplatePart};

/// The path of an endpoint.
pub(super) struct Path<'a> {
    /// The whole URL, with `base_url`.
    pub(super) template: Template,
    pub(super) may_be_url: bool,
    pub(super) is_entity: bool,
    pub(super) shown: String,
    pub(super) used: Vec<String>,
    pub(super) at: &'a Place,
}

/// The path with what comes before it. A path that is a URL itself takes the place of `base_url`.
pub(super) fn path<'a>(
    reader: &mut Reader<'a>,
    params: &mut Vec<params::Param>,
    gaps: &Gaps<'_>,
    surrounding: &Surrounding<'a, '_>,
) -> Option<Path<'a>> {
    let report = reader.report;
    let written = reader.present("path");
    let at = &written.unwrap_or(surrounding.resource).at;
    let filled = match written {
        Some(path) => params::fill_path(reader::text(path, report)?, params, at, gaps)?,
        // A name is no template.
        None => {
            params::refuse_unbound(params, gaps);
            let name = surrounding.name?.reveal();
            FilledPath { template: Template::literal(name.as_str()), used: Vec::new(), shown: name, is_entity: false }
        }
    };
    let FilledPath { template: Template(mut parts), used, shown, is_entity } = filled;
    let is_absolute = ["http://", "https://"].iter().any(|scheme| shown.starts_with(scheme));
    let may_be_url = matches!(parts.as_slice(), [TemplatePart::Gap(_)]);
    if !is_absolute {
        // Without one, which is reported, there is no URL; the path can be shown all the same.
        let base = surrounding.client.base_url.as_deref().unwrap_or_default();
        if let Some(TemplatePart::Literal(first)) = parts.first_mut() {
            *first = first.trim_start_matches('/').to_owned();
        }
        if !shown.is_empty() {
            parts.insert(0, TemplatePart::Literal(format!("{}/", base.trim_end_matches('/'))));
        } else {
            parts.insert(0, TemplatePart::Literal(base.to_owned()));
        }
    }
    Some(Path { template: Template(parts), may_be_url, is_entity, shown, used, at })
}

/// The URL with its gaps as they are written, to be shown, and to tell where its credentials go.
pub(super) fn url(
    template: &Template,
    surrounding: &Surrounding<'_, '_>,
    at: &Place,
    report: &Report,
) -> Option<url::Url> {
    let parsed = url::Url::parse(&template.written()).ok().filter(|url| {
        // A gap in the host would let a row tell where the credentials go.
        let origin = format!("{}://", url.scheme());
        let rest = template.0.first().map_or("", |part| match part {
            TemplatePart::Literal(text) => text.strip_prefix(&origin).unwrap_or(text),
            TemplatePart::Gap(_) => "",
        });
        rest.contains('/') || template.gaps().next().is_none()
    });
    if parsed.is_none() && surrounding.client.base_url.is_some() {
        let fault = match url::Url::parse(&template.written()) {
            Err(error) => error.to_string(),
            Ok(_) => "a placeholder cannot be part of the host".to_owned(),
        };
        report.add(Problem::new(code::INVALID, at, format!("`base_url` and `path` make no URL: {fault}")));
    }
    parsed
}
