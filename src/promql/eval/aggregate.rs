//! Many elements made one for each group.
//!
//! In:   the elements of an expression.
//! Out:  a sum, a mean, a count, … for each group.
//! Not:  what chooses among the elements instead of making one of them is in `ranking`.

use std::sync::Arc;

use crate::model::Labels;
use crate::promql::eval::evaluation::{Evaluation, Moment};
use crate::promql::eval::groups::{By, Groups};
use crate::promql::eval::{ranking, same_labels};
use crate::promql::tree::ast::{Aggregate, Expr};
use crate::promql::tree::faults;
use crate::promql::tree::operators::AggregateOp;
use crate::promql::value::sums::{self, Mean, Sum, Variance};
use crate::promql::value::{Amount, EvalError, Feeds, Histogram, Incompatible, Point, Tally};

/// The elements of `aggregate`, groups in the order in which they are first met.
pub(super) fn apply(
    evaluation: &Evaluation<'_>,
    aggregate: &Aggregate,
    moment: Moment,
) -> Result<Vec<Point>, EvalError> {
    let (param, param_feeds) = match aggregate.param.as_ref().map(Expr::without_parens) {
        Some(Expr::Text { value, .. }) => {
            if let Some(fault) = faults::of_aggregate(aggregate) {
                return Err(EvalError::new(fault.span, fault.what));
            }
            return count_values(aggregate, value, evaluation.vector(&aggregate.of, moment)?);
        }
        Some(param) => evaluation.scalar(param, moment)?,
        None => (f64::NAN, Feeds::default()),
    };
    let points = evaluation.vector(&aggregate.of, moment)?;
    match aggregate.op {
        AggregateOp::TopK | AggregateOp::BottomK | AggregateOp::LimitK | AggregateOp::LimitRatio => {
            ranking::chosen(evaluation, aggregate, param, &param_feeds, points)
        }
        _ => Ok(combined(evaluation, aggregate, param, &param_feeds, points)),
    }
}

/// Elements that come together.
struct Group {
    made: Made,
    nameless: bool,
    feeds: Feeds,
}

fn combined(
    evaluation: &Evaluation<'_>,
    aggregate: &Aggregate,
    param: f64,
    param_feeds: &Feeds,
    points: Vec<Point>,
) -> Vec<Point> {
    let (op, span) = (aggregate.op, aggregate.of.span());
    let notes = &evaluation.notes;
    if let (AggregateOp::Quantile, Some(quantile)) = (op, &aggregate.param)
        && !(0.0..=1.0).contains(&param)
        && !points.is_empty()
    {
        notes.odd_quantile(quantile.span(), param);
    }
    let mut groups = Groups::new(By::from(&aggregate.grouping));
    let mut all: Vec<Group> = Vec::new();
    for point in points {
        let place = groups.place(&point.labels);
        if place == all.len() {
            all.push(Group { made: Made::new(op), nameless: false, feeds: Feeds::default() });
        }
        let group = &mut all[place];
        group.nameless |= point.nameless;
        group.feeds.0.extend(point.feeds.0);
        match point.amount {
            Amount::Float(value) => group.made.add(value),
            Amount::Histogram(histogram) => {
                if let Some(odd) = group.made.add_histogram(&histogram) {
                    match odd {
                        Odd::LeftOut => {
                            notes.inform(span, format!("ignored histogram in {} aggregation", op.as_str()));
                        }
                        Odd::Incompatible => notes.mixed_schemas(span, point.labels.metric_name()),
                    }
                }
            }
        }
    }
    let each = |(place, mut group): (usize, Group)| {
        group.feeds.settle();
        let feeds = group.feeds.and(param_feeds);
        if let Made::Added { tally: Some(tally), .. } = &group.made {
            if tally.resets_collide() {
                notes.reset_collision(span, "aggregation");
            }
            if tally.reconciled() {
                notes.reconciled(span, "aggregation");
            }
        }
        let amount = match group.made.result(param) {
            Ok(amount) => amount?,
            Err(Mixed) => {
                notes.warn(span, "encountered a mix of histograms and floats for aggregation");
                return None;
            }
        };
        Some(Point { labels: groups.labels(place), amount, nameless: group.nameless, feeds })
    };
    all.into_iter().enumerate().filter_map(each).collect()
}

/// What is made of the elements of a group so far.
enum Made {
    /// A sum or, where `mean`, the mean; numbers and histograms don't go together.
    Added {
        mean: bool,
        floats: Mean,
        sum: Sum,
        any: bool,
        tally: Option<Box<Tally>>,
        incompatible: bool,
    },
    /// The least number that is one, or the most.
    Least(Option<f64>),
    Most(Option<f64>),
    Counted(f64),
    Grouped,
    Spread {
        variance: Variance,
        root: bool,
        any: bool,
    },
    Values(Vec<f64>),
}

/// Why a histogram is not in the result.
enum Odd {
    LeftOut,
    Incompatible,
}

/// Numbers and histograms came together.
struct Mixed;

impl Made {
    fn new(op: AggregateOp) -> Self {
        match op {
            AggregateOp::Sum | AggregateOp::Avg => Self::Added {
                mean: op == AggregateOp::Avg,
                floats: Mean::default(),
                sum: Sum::default(),
                any: false,
                tally: None,
                incompatible: false,
            },
            AggregateOp::Min => Self::Least(None),
            AggregateOp::Max => Self::Most(None),
            AggregateOp::Count => Self::Counted(0.0),
            AggregateOp::Stddev => Self::Spread { variance: Variance::default(), root: true, any: false },
            AggregateOp::Stdvar => Self::Spread { variance: Variance::default(), root: false, any: false },
            AggregateOp::Quantile => Self::Values(Vec::new()),
            _ => Self::Grouped,
        }
    }

    fn add(&mut self, value: f64) {
        match self {
            Self::Added { mean, floats, sum, any, .. } => {
                *any = true;
                if *mean {
                    floats.add(value);
                } else {
                    sum.add(value);
                }
            }
            Self::Least(least) => *least = Some(least.map_or(value, |least| sums::smaller(least, value))),
            Self::Most(most) => *most = Some(most.map_or(value, |most| sums::larger(most, value))),
            Self::Counted(count) => *count += 1.0,
            Self::Grouped => {}
            Self::Spread { variance, any, .. } => {
                *any = true;
                variance.add(value);
            }
            Self::Values(values) => values.push(value),
        }
    }

    fn add_histogram(&mut self, histogram: &Arc<Histogram>) -> Option<Odd> {
        match self {
            Self::Added { mean, tally, incompatible, .. } => {
                let added = match tally {
                    None => {
                        *tally = Some(Box::new(Tally::new(histogram)));
                        Ok(())
                    }
                    Some(_) if *incompatible => Ok(()),
                    Some(tally) if *mean => tally.add_to_mean(histogram),
                    Some(tally) => tally.add(histogram),
                };
                added.err().map(|Incompatible| {
                    *incompatible = true;
                    Odd::Incompatible
                })
            }
            Self::Counted(count) => {
                *count += 1.0;
                None
            }
            Self::Grouped => None,
            Self::Least(_) | Self::Most(_) | Self::Spread { .. } | Self::Values(_) => Some(Odd::LeftOut),
        }
    }

    fn result(self, param: f64) -> Result<Option<Amount>, Mixed> {
        Ok(match self {
            Self::Added { any: true, tally: Some(_), .. } => return Err(Mixed),
            Self::Added { incompatible: true, .. } => None,
            Self::Added { mean, tally: Some(tally), .. } => {
                Some(Amount::from(if mean { tally.mean() } else { tally.total() }))
            }
            Self::Added { mean: true, floats, .. } => Some(Amount::Float(floats.total())),
            Self::Added { sum, .. } => Some(Amount::Float(sum.total())),
            Self::Least(value) | Self::Most(value) => value.map(Amount::Float),
            Self::Counted(count) => Some(Amount::Float(count)),
            Self::Grouped => Some(Amount::Float(1.0)),
            Self::Spread { any: false, .. } => None,
            Self::Spread { variance, root, .. } => {
                let variance = variance.total();
                Some(Amount::Float(if root { variance.sqrt() } else { variance }))
            }
            Self::Values(values) if values.is_empty() => None,
            Self::Values(values) => Some(Amount::Float(sums::quantile(param, values))),
        })
    }
}

/// How often each value is there, with the value as a label.
fn count_values(aggregate: &Aggregate, label: &str, points: Vec<Point>) -> Result<Vec<Point>, EvalError> {
    let named = |point: Point| {
        let value = match &point.amount {
            Amount::Float(value) => plain(*value),
            Amount::Histogram(histogram) => histogram.to_string(),
        };
        // The label may be one that is grouped by, so that it is put in after that.
        (By::from(&aggregate.grouping).of(&point.labels).with(label, &value), point)
    };
    let mut counts: Vec<Point> = Vec::new();
    let mut groups = Groups::new(By::AllBut(&[]));
    for (labels, point) in points.into_iter().map(named) {
        let place = groups.place(&labels);
        if place == counts.len() {
            counts.push(Point::new(labels, 0.0, Feeds::default()));
        }
        let count = &mut counts[place];
        count.amount = Amount::Float(count.amount.float().unwrap_or(0.0) + 1.0);
        count.nameless |= point.nameless;
        count.feeds.add(&point.feeds);
    }
    let mut order: Vec<&Labels> = counts.iter().map(|count| &count.labels).collect();
    order.sort_unstable();
    match order.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(EvalError::new(aggregate.span, same_labels(twice[0]))),
        None => Ok(counts),
    }
}

/// A value with all of its digits and without an exponent.
fn plain(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        value if value.is_infinite() => "-Inf".to_owned(),
        value => value.to_string(),
    }
}
