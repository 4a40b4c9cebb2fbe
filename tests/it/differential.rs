//! The same expressions over the same series, here and in the real Prometheus that Debian packages (2.42).
//!
//! In:   `EXPRESSIONS` (2000 where nothing is said) and `SEED` of the environment.
//! Out:  nothing, or every expression on which the two disagree and `known` has no reason why.
//! Not:  what changed between the versions is kept out where it can be: no sample lies on the edge of a window, and no
//!       step of a subquery does, since 2.42 has windows that are closed on both sides.

mod expressions;
mod known;
mod prometheus;
mod series;

use std::collections::BTreeMap;
use std::time::Duration;

use fogsignal::model::{Labels, Timestamp, format_value};
use fogsignal::promql::{Amount, Instants, Loaded, Names, Options, Track, Value};
use fogsignal::promql::{evaluate_range, evaluate_within, parse};

use crate::differential::prometheus::Prometheus;

// The dice of the crash harness.
#[path = "../crash/dice.rs"]
#[expect(dead_code, reason = "the crash harness also throws lengths of time")]
pub mod dice;

/// One question to both.
#[derive(Debug, Clone)]
pub struct Question {
    pub expr: String,
    /// One instant, where the step is zero.
    pub instants: Instants,
}

/// What either says: for each label set its values by time; a number is one without labels.
pub type Rows = BTreeMap<BTreeMap<String, String>, Vec<(i64, f64)>>;

/// Names go at once, as they did in 2.42.
const OPTIONS: Options = Options {
    look_back: Duration::from_mins(5),
    subquery_step: Duration::from_mins(1),
    names: Names::OffAtOnce,
    track_feeds: false,
    samples_max: 50_000_000,
};

#[tokio::test]
async fn the_real_prometheus_says_the_same() {
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number in the environment"))
    };
    let (seed, count) = (number("SEED", 1), number("EXPRESSIONS", 2000));
    let mut dice = dice::Dice::new(seed);
    let all = series::some(&mut dice);
    let mut loaded = Loaded::new();
    all.iter().for_each(|one| loaded.add(one.labels.clone(), one.samples.clone()));
    let prometheus = Prometheus::start(&all).await;
    let (mut same, mut valued, mut reasons, mut wrong) = (0, 0, BTreeMap::<&str, usize>::new(), Vec::new());
    for _ in 0..count {
        let question = expressions::question(&mut dice);
        let (ours, theirs) = (ours(&question, &loaded), prometheus.answer(&question).await);
        match (&ours, &theirs) {
            (Err(_), Err(_)) => same += 1,
            (Ok(a), Ok(b)) if alike(a, b) => {
                same += 1;
                valued += u64::from(!a.is_empty());
            }
            _ => match known::reason(&question, &ours, &theirs) {
                Some(reason) => *reasons.entry(reason).or_default() += 1,
                None => wrong.push(format!("{question:?}\n  ours:   {ours:?}\n  theirs: {theirs:?}")),
            },
        }
    }
    println!("seed {seed}: {same} of {count} the same, {valued} of them with values; known: {reasons:?}");
    assert!(wrong.is_empty(), "seed {seed}: {} unexplained\n{}", wrong.len(), wrong.join("\n"));
    // What no series answers tells little.
    assert!(count / 2 <= valued, "seed {seed}: only {valued} of {count} have values");
}

fn ours(question: &Question, loaded: &Loaded) -> Result<Rows, String> {
    let expr = parse(&question.expr).map_err(|error| error.to_string())?;
    let instants = &question.instants;
    if instants.step.is_zero() {
        let at = instants.start;
        let value = evaluate_within(&expr, loaded, at, &OPTIONS, &|| false);
        return match value.map_err(|error| error.to_string())?.0 {
            Value::Scalar(value) => Ok([(BTreeMap::new(), vec![(at.as_millis(), value)])].into()),
            Value::Vector(items) => {
                let row =
                    |labels: &Labels, amount: &Amount| (named(labels), vec![point(&(at, amount.clone()))]);
                Ok(items.iter().map(|item| row(&item.labels, &item.amount)).collect())
            }
            other => Err(format!("{other:?}")),
        };
    }
    let (tracks, _) =
        evaluate_range(&expr, loaded, instants, &OPTIONS, &|| false).map_err(|error| error.to_string())?;
    let row = |track: &Track| (named(&track.labels), track.samples.iter().map(point).collect());
    Ok(tracks.iter().map(row).collect())
}

fn named(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn point((at, amount): &(Timestamp, Amount)) -> (i64, f64) {
    (at.as_millis(), amount.float().expect("no series is a histogram"))
}

/// Whether both say the same, but for the last digits, which depend on the order of a sum.
fn alike(ours: &Rows, theirs: &Rows) -> bool {
    let number = |a: f64, b: f64| {
        let near = (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3);
        near || format_value(a) == format_value(b)
    };
    let points = |a: &[(i64, f64)], b: &[(i64, f64)]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && number(a.1, b.1))
    };
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|((a, points_a), (b, points_b))| a == b && points(points_a, points_b))
}
