//! Which resources need the rows of which: every parent has to be there, none may need itself, and parents come first.

use super::problem::{Place, Problem, Report, code, suggestion};
use super::resource::Resource;

/// Resources that need rows of others: all below one run at the same time, each with its share of the memory.
const CHILDREN_MAX: usize = 127;

/// Puts resources in the order in which dlt takes them: level by level, each level in the order of the config.
///
/// What is wrong is reported; the resources that it concerns come last then.
pub(super) fn in_order(resources: Vec<Resource>, report: &Report) -> Vec<Resource> {
    let names: Vec<Option<String>> = resources.iter().map(name_of).collect();
    let index = |name: &str| names.iter().position(|known| known.as_deref() == Some(name));
    let parents: Vec<Option<(usize, Place)>> = resources
        .iter()
        .map(|resource| {
            let (parent, at) = resource.parent.as_ref()?;
            let found = index(parent);
            if found.is_none() {
                unknown(resource, parent, at, &names, report);
            }
            Some((found?, at.clone()))
        })
        .collect();
    let mentioned = mentioned(&resources, &parents);
    let mut order: Vec<usize> = Vec::with_capacity(resources.len());
    let is_root = |one: &usize| parents.get(*one).is_some_and(Option::is_none);
    let mut level: Vec<usize> = mentioned.iter().copied().filter(is_root).collect();
    while !level.is_empty() {
        order.extend(&level);
        let children = |parent: &usize| children(*parent, &mentioned, &parents);
        level = level.iter().flat_map(children).collect();
    }
    if let Some(resource) = parents.iter().flatten().count().gt(&CHILDREN_MAX).then(|| resources.first()).flatten()
        && let Some((_, at)) = &resource.name
    {
        let message = format!("more than {CHILDREN_MAX} resources have a parent");
        report.add(Problem::new(code::INVALID, at, message).hint("split the config: they run at the same time"));
    }
    report_cycle(&mentioned, &order, &names, &parents, report);
    let rest: Vec<usize> = mentioned.iter().copied().filter(|one| !order.contains(one)).collect();
    order.extend(rest);
    let mut slots: Vec<Option<Resource>> = resources.into_iter().map(Some).collect();
    order.into_iter().filter_map(|one| slots.get_mut(one)?.take()).collect()
}

fn name_of(resource: &Resource) -> Option<String> {
    resource.name.as_ref().map(|(name, _)| name.to_string())
}

fn parents_of(parents: &[Option<(usize, Place)>], one: usize) -> Option<usize> {
    parents.get(one)?.as_ref().map(|(parent, _)| *parent)
}

fn children(parent: usize, mentioned: &[usize], parents: &[Option<(usize, Place)>]) -> Vec<usize> {
    mentioned.iter().copied().filter(|one| parents_of(parents, *one) == Some(parent)).collect()
}

/// The resources in the order of the config, each parent right after its first child where it stands later: as dlt meets them.
fn mentioned(resources: &[Resource], parents: &[Option<(usize, Place)>]) -> Vec<usize> {
    let mut mentioned = Vec::with_capacity(resources.len());
    for one in 0..resources.len() {
        for next in [Some(one), parents_of(parents, one)].into_iter().flatten() {
            if !mentioned.contains(&next) {
                mentioned.push(next);
            }
        }
    }
    mentioned
}

fn unknown(resource: &Resource, parent: &str, at: &Place, names: &[Option<String>], report: &Report) {
    let valid: Vec<&str> = names.iter().flatten().map(String::as_str).collect();
    let who = name_of(resource).map(|name| format!("resource `{name}`")).unwrap_or_else(|| "a resource".to_owned());
    let problem = Problem::new(code::INVALID, at, format!("{who} needs rows of `{parent}`, which is no resource"));
    report.add(problem.hint(suggestion(parent, &valid)));
}

/// Names the resources of one circle, from the first that is in it.
fn report_cycle(
    mentioned: &[usize],
    order: &[usize],
    names: &[Option<String>],
    parents: &[Option<(usize, Place)>],
    report: &Report,
) {
    let Some(first) = mentioned.iter().copied().find(|one| !order.contains(one)) else { return };
    let mut circle = vec![first];
    while let Some(next) = circle.last().and_then(|last| parents_of(parents, *last)) {
        if let Some(begin) = circle.iter().position(|one| *one == next) {
            circle.drain(..begin);
            break;
        }
        circle.push(next);
    }
    let name = |one: usize| names.get(one).cloned().flatten().unwrap_or_default();
    let listed: Vec<String> = circle.iter().chain(circle.first()).map(|one| format!("`{}`", name(*one))).collect();
    let at = circle.first().and_then(|one| parents.get(*one)?.as_ref()).map(|(_, at)| at.clone());
    let Some(at) = at else { return };
    let message = format!("resources need the rows of each other in a circle: {}", listed.join(" needs "));
    report.add(Problem::new(code::INVALID, &at, message));
}
