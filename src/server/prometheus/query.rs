//! `/api/v1/query` and `/api/v1/query_range`: an expression over what the window keeps.
//!
//! In:   an expression; an instant, or several.
//! Out:  its value, and a word where rules need nothing of what it asks, so that nothing of it is kept.
//! Not:  the house is held only while samples are copied. A few queries run at a time, each with a budget and a
//!       deadline; the others wait for their turn until their own deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json_;
use tokio::sync::Semaphore;

use super::answer::{Said, data, tracks};
use super::parameters::{Parameters, length, limit, moment};
use super::{Failure, Kind};
use crate::journal::Journal;
use crate::model::{Clock, Timestamp, format_duration};
use crate::pipeline::SharedHouse;
use crate::promql::{
    Demand, EvalError, Expr, Instants, LOOK_BACK, Options, ParseError, evaluate_range, evaluate_within, parse,
};
use crate::series::{Excerpt, Kept};
use crate::server::Face;
use crate::server::commands::Body;

/// So many run at a time.
const AT_A_TIME: usize = 4;
/// A query may copy so many samples out of the window.
const COPIED_MAX: usize = 5_000_000;
/// And read so many of them, each time it looks.
const SAMPLES_MAX: u64 = 50_000_000;
/// No query runs longer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// As in Prometheus: no series of an answer has more points.
const POINTS_MAX: u128 = 11_000;

/// Lets a few queries run at a time.
#[derive(Debug, Clone)]
pub struct Queries(Arc<Semaphore>);

impl Default for Queries {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_A_TIME)))
    }
}

/// What is asked.
struct Query {
    text: String,
    expr: Expr,
    /// None where one instant is asked.
    range: bool,
    instants: Instants,
    look_back: Duration,
    timeout: Duration,
    limit: Option<usize>,
    now: Timestamp,
}

/// An expression at an instant.
pub async fn query<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    uri: Uri,
    body: Body,
) -> Response {
    let now = face.clock.now();
    let asked = Parameters::new(&uri, body).and_then(|parameters| {
        let at = parameters.read("time", moment)?.unwrap_or(now);
        Query::new(&parameters, Instants::one(at), false, now)
    });
    answered(&face, asked).await
}

/// An expression at several instants.
pub async fn query_range<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    uri: Uri,
    body: Body,
) -> Response {
    let now = face.clock.now();
    let asked = Parameters::new(&uri, body)
        .and_then(|parameters| Query::new(&parameters, instants(&parameters)?, true, now));
    answered(&face, asked).await
}

fn instants(parameters: &Parameters) -> Result<Instants, Failure> {
    let needed = |name: &str| parameters.required(name);
    needed("start").and(needed("end")).and(needed("step"))?;
    let at = |name: &str| Ok(parameters.read(name, moment)?.unwrap_or_default());
    let (start, end) = (at("start")?, at("end")?);
    let step = parameters.read("step", length)?.unwrap_or(TIMEOUT);
    if end < start {
        return Err(Failure::bad("invalid parameter `end`: it lies before `start`"));
    }
    if POINTS_MAX < end.since(start).as_millis() / step.as_millis() {
        let why = "exceeded maximum resolution of 11,000 points per timeseries; ask with a longer `step`";
        return Err(Failure::bad(why));
    }
    Ok(Instants { start, end, step })
}

impl Query {
    fn new(
        parameters: &Parameters,
        instants: Instants,
        range: bool,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let text = parameters.required("query")?.to_owned();
        let expr = parse(&text).map_err(|error| unreadable(&text, &error))?;
        let timeout = parameters.read("timeout", length)?.unwrap_or(TIMEOUT).min(TIMEOUT);
        Ok(Self {
            expr,
            range,
            instants,
            look_back: parameters.read("lookback_delta", length)?.unwrap_or(LOOK_BACK),
            timeout,
            limit: parameters.read("limit", limit)?.flatten(),
            now,
            text,
        })
    }

    /// What it needs; where it looks further back for a sample than usual, that too.
    fn demands(&self) -> Vec<Demand> {
        let further = self.look_back.saturating_sub(LOOK_BACK);
        let demands = self.expr.demand().into_iter();
        demands.map(|demand| Demand { look_back: demand.look_back + further, ..demand }).collect()
    }
}

fn unreadable(text: &str, error: &ParseError) -> Failure {
    let (line, column) = line_and_column(text, error.span.start);
    let hint = error.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
    Failure::bad(format!("invalid parameter `query`: {line}:{column}: parse error: {}{hint}", error.what))
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

async fn answered<J: Journal, C: Clock>(face: &Face<J, C>, asked: Result<Query, Failure>) -> Response {
    let query = match asked {
        Ok(query) => query,
        Err(failure) => return failure.into_response(),
    };
    let (house, timeout) = (face.house.clone(), query.timeout);
    let run = move |stop: &dyn Fn() -> bool| evaluated(&house, &query, stop);
    match bounded(face, timeout, run).await {
        Ok(answer) => Json(answer).into_response(),
        Err(failure) => failure.into_response(),
    }
}

/// Says that nobody waits any more once it goes.
struct Waits(Arc<AtomicBool>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` beside the server's own threads, when it is its turn and until `timeout` has passed.
pub(super) async fn bounded<J: Journal, C: Clock, T: Send + 'static>(
    face: &Face<J, C>,
    timeout: Duration,
    work: impl FnOnce(&dyn Fn() -> bool) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let deadline = face.clock.now() + timeout;
    let late =
        || Failure { kind: Kind::Timeout, why: format!("no answer within {}", format_duration(timeout)) };
    let turn = tokio::select! {
        turn = face.queries.0.clone().acquire_owned() => turn,
        () = face.clock.sleep_until(deadline) => return Err(late()),
    };
    let over = Arc::new(AtomicBool::new(false));
    let _waits = Waits(over.clone());
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work(&|| over.load(Ordering::Relaxed))
    });
    tokio::select! {
        done = work => done.unwrap_or_else(|error| {
            tracing::error!(%error, "a query failed from inside");
            Err(Failure { kind: Kind::Internal, why: "the evaluation ended by a fault of the program".to_owned() })
        }),
        () = face.clock.sleep_until(deadline) => Err(late()),
    }
}

fn evaluated(house: &SharedHouse, query: &Query, stop: &dyn Fn() -> bool) -> Result<Json_, Failure> {
    let (excerpt, mut said) = excerpt(house, &query.demands(), query.instants.start, query.now)?;
    let options = Options { look_back: query.look_back, samples_max: SAMPLES_MAX, ..Options::default() };
    let failed = |error: EvalError| without_value(&query.text, &error);
    let (data, notes) = if query.range {
        let found = evaluate_range(&query.expr, &excerpt, &query.instants, &options, stop);
        found.map(|(all, notes)| (tracks(&all), notes)).map_err(failed)?
    } else {
        let at = query.instants.start;
        let found = evaluate_within(&query.expr, &excerpt, at, &options, stop);
        found.map(|(value, notes)| (data(&value, at), notes)).map_err(failed)?
    };
    said.extend(&notes, &query.text);
    Ok(said.with(data, query.limit))
}

pub(super) fn without_value(text: &str, error: &EvalError) -> Failure {
    let (line, column) = line_and_column(text, error.span.start);
    Failure { kind: Kind::Execution, why: format!("{line}:{column}: {}", error.what) }
}

/// What an expression sees at `first` and later, and what nobody keeps of it.
pub(super) fn excerpt(
    house: &SharedHouse,
    demands: &[Demand],
    first: Timestamp,
    now: Timestamp,
) -> Result<(Excerpt, Said), Failure> {
    let house = house.read();
    let mut said = Said::default();
    for demand in demands {
        let selector = selector(demand);
        match house.window.keeps(demand, first, now) {
            Kept::Whole => {}
            Kept::For(kept) => said.infos.push(format!(
                "`{selector}` is kept for {} only, as long as rules need it",
                format_duration(kept)
            )),
            Kept::InPart => said.infos.push(format!(
                "rules need a part of `{selector}` only, so that there may be series that are not kept"
            )),
            Kept::Nothing => {
                said.warnings.push(format!("no rule needs `{selector}`, so that nothing of it is kept"));
            }
        }
    }
    let excerpt = house.window.excerpt(demands, first, COPIED_MAX).ok_or_else(|| Failure {
        kind: Kind::Execution,
        why: format!("the expression reads too many samples: more than {COPIED_MAX}"),
    })?;
    Ok((excerpt, said))
}

/// A demand's matchers as PromQL writes them.
pub(super) fn selector(demand: &Demand) -> String {
    let own = |name: &str| name == crate::model::METRIC_NAME;
    let named = demand.matchers.iter().find(|m| own(m.name()) && m.op() == crate::model::MatchOp::Equal);
    let rest: Vec<String> =
        demand.matchers.iter().filter(|m| named != Some(m)).map(ToString::to_string).collect();
    let name = named.map(crate::model::Matcher::value).unwrap_or_default();
    if rest.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", rest.join(",")) }
}
