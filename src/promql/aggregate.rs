//! Many elements made one for each group.

use std::collections::HashMap;

use crate::model::{Labels, METRIC_NAME};
use crate::promql::SeriesId;
use crate::promql::ast::{Aggregate, AggregateOp, Grouping};
use crate::promql::sums;
use crate::promql::value::{Feeds, Point};

/// Elements that come together.
#[derive(Default)]
struct Members {
    values: Vec<f64>,
    nameless: bool,
    feeds: Vec<SeriesId>,
}

/// The groups of `points`, in the order in which they are first met.
pub(super) fn apply(aggregate: &Aggregate, points: Vec<Point>) -> Vec<Point> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Members)> = Vec::new();
    for point in points {
        let key = group_of(&aggregate.grouping, &point.labels);
        let place = *places.entry(key.clone()).or_insert_with(|| {
            groups.push((key, Members::default()));
            groups.len() - 1
        });
        let members = &mut groups[place].1;
        members.values.push(point.value);
        members.nameless |= point.nameless;
        members.feeds.extend(point.feeds.0);
    }
    let result = groups.into_iter().map(|(labels, mut members)| {
        members.feeds.sort_unstable();
        members.feeds.dedup();
        let value = combine(aggregate.op, &members.values);
        Point { labels, value, nameless: members.nameless, feeds: Feeds(members.feeds) }
    });
    result.collect()
}

fn group_of(grouping: &Grouping, labels: &Labels) -> Labels {
    match grouping {
        Grouping::By(listed) => labels.filtered(|label| listed.iter().any(|listed| listed == label)),
        Grouping::Without(listed) => {
            labels.filtered(|label| label != METRIC_NAME && !listed.iter().any(|listed| listed == label))
        }
    }
}

fn combine(op: AggregateOp, values: &[f64]) -> f64 {
    let each = values.iter().copied();
    match op {
        AggregateOp::Sum => sums::sum(each),
        AggregateOp::Avg => sums::mean(each),
        AggregateOp::Min => sums::smallest(each),
        AggregateOp::Max => sums::largest(each),
        AggregateOp::Count => values.len() as f64,
        AggregateOp::Group => 1.0,
        AggregateOp::Stddev => sums::variance(each).sqrt(),
        AggregateOp::Stdvar => sums::variance(each),
    }
}
