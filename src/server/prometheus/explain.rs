//! `GET /api/fogsignal/v1/rules/explain?rule=NAME`: an expression as a tree, with the value of each of its nodes.
//!
//! In:   the name of a rule, and of its group where there are several of that name.
//! Out:  the tree, what it demands of the window, and how much of that is kept.
//! Not:  what stands in a subquery is shown as it is at the one instant, not at the many that the subquery takes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json_, json};

use super::answer::data;
use super::parameters::Parameters;
use super::query::{bounded, excerpt, selector};
use super::{Failure, Kind};
use crate::journal::Journal;
use crate::model::{Clock, Timestamp, format_duration, suggest};
use crate::pipeline::SharedHouse;
use crate::promql::{Expr, Options, Source, evaluate_within};
use crate::rules::{Group, Rule};
use crate::server::{Face, error};

/// So many elements of a node's value are shown.
const SHOWN: usize = 10;
/// So many rules of one name are explained.
const RULES_MAX: usize = 10;

/// Explains the rules of a name.
pub async fn explain<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>, uri: Uri) -> Response {
    let asked = Parameters::new(&uri, Ok(axum::body::Bytes::new())).and_then(|parameters| {
        let group = parameters.get("group").map(str::to_owned);
        Ok((parameters.required("rule")?.to_owned(), group))
    });
    let (name, group) = match asked {
        Ok(asked) => asked,
        Err(failure) => return error(StatusCode::BAD_REQUEST, failure.why).into_response(),
    };
    let (house, now) = (face.house.clone(), face.clock.now());
    let timeout = std::time::Duration::from_secs(10);
    let work = move |stop: &dyn Fn() -> bool| explained(&house, &name, group.as_deref(), now, stop);
    match bounded(&face, timeout, work).await {
        Ok(rules) => Json(json!({ "rules": rules })).into_response(),
        Err(failure) if failure.kind == Kind::BadData => {
            error(StatusCode::NOT_FOUND, failure.why).into_response()
        }
        Err(failure) => error(StatusCode::SERVICE_UNAVAILABLE, failure.why).into_response(),
    }
}

fn explained(
    house: &SharedHouse,
    name: &str,
    group: Option<&str>,
    now: Timestamp,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Json_>, Failure> {
    let groups = house.read().rulebook().groups.clone();
    let explain = |(of, rule): (&Group, &Rule)| {
        let at = now - of.query_offset;
        let (excerpt, said) = excerpt(house, &rule.expr.demand(), at, now)?;
        let mut written = written(of, rule, Some((&excerpt, at, stop)));
        written["at"] = json!(at.to_rfc3339());
        written["notes"] = json!([said.warnings, said.infos].concat());
        Ok(written)
    };
    found(&groups, name, group).map_err(Failure::bad)?.into_iter().map(explain).collect()
}

/// As the daemon explains the rules called `name`, without values.
///
/// # Errors
/// Where there is no such rule.
pub fn offline(groups: &[Arc<Group>], name: &str, group: Option<&str>) -> Result<Json_, String> {
    let all = found(groups, name, group)?;
    let rules: Vec<Json_> = all.into_iter().map(|(of, rule)| written(of, rule, None)).collect();
    Ok(json!({ "rules": rules }))
}

fn found<'a>(
    groups: &'a [Arc<Group>],
    name: &str,
    group: Option<&str>,
) -> Result<Vec<(&'a Group, &'a Rule)>, String> {
    let all = || groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (&**group, rule)));
    let fits = |(of, rule): &(&Group, &Rule)| rule.name == name && group.is_none_or(|group| group == of.name);
    let fitting: Vec<_> = all().filter(fits).take(RULES_MAX).collect();
    if fitting.is_empty() {
        let hint = suggest::hint(name, all().map(|(_, rule)| rule.name.as_str()));
        let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        let of = group.map(|group| format!(" in the group `{group}`")).unwrap_or_default();
        return Err(format!("there is no rule `{name}`{of}{hint}"));
    }
    Ok(fitting)
}

/// Where values come from, at which instant, until when.
type Now<'a> = (&'a dyn Source, Timestamp, &'a dyn Fn() -> bool);

fn written(group: &Group, rule: &Rule, now: Option<Now<'_>>) -> Json_ {
    let demands = rule.expr.demand();
    let demands = demands.iter().map(|demand| {
        json!({
            "selector": selector(demand),
            "look_back": format_duration(demand.look_back + group.query_offset),
            "without_gaps": format_duration(demand.window),
        })
    });
    json!({
        "rule": rule.name,
        "group": group.name,
        "file": &*group.file,
        "line": rule.place.line,
        "interval_seconds": group.interval.as_secs_f64(),
        "demands": demands.collect::<Vec<_>>(),
        "tree": node(&rule.expr, now),
    })
}

fn node(expr: &Expr, now: Option<Now<'_>>) -> Json_ {
    let expr = expr.without_parens();
    let is_known = matches!(expr, Expr::Number { .. } | Expr::Text { .. });
    let of: Vec<Json_> =
        expr.children().into_iter().filter(|child| !is_plain(child)).map(|child| node(child, now)).collect();
    let mut written = json!({ "expr": expr.to_string(), "type": expr.value_type().as_str(), "of": of });
    if let Some((source, at, stop)) = now.filter(|_| !is_known) {
        match evaluate_within(expr, source, at, &Options::default(), stop) {
            Ok((value, _)) => {
                let mut value = data(&value, at);
                if let Some(results) = value["result"].as_array_mut().filter(|_| expr.value_type().is_list())
                {
                    written["results"] = json!(results.len());
                    results.truncate(SHOWN);
                }
                written["value"] = value;
            }
            Err(error) => written["error"] = json!(error.what),
        }
    }
    written
}

/// A number or a text, which says all in its parent's line.
fn is_plain(expr: &Expr) -> bool {
    matches!(expr.without_parens(), Expr::Number { .. } | Expr::Text { .. })
}
