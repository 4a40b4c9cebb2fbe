//! What a round of rules costs: ten thousand expressions over two hundred thousand series.
//!
//! In:   expressions of one kind, each over twenty series of its own with five minutes of samples; the Prometheus that
//!       Debian packages, where it is installed.
//! Out:  a row a kind: time a round, time a series, and how many times as long the real Prometheus
//!       takes in the same run for the same expressions over a smaller number of series.
//! Not:  how series are found is another's: here a name leads to them at once, as a standing selector does. The real one
//!       finds them in its index, which is a part of what it takes for a round.

#[path = "promql/peer.rs"]
mod peer;

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use fogsignal::model::{Labels, Matcher, Timestamp};
use fogsignal::promql::{
    Expr, Feed, Options, Presence, Sample, Samples, SeriesId, Source, evaluate_vector, parse,
};

const RULES: usize = 10_000;
const SERIES_A_RULE: usize = 20;
const MEASURED_FOR: Duration = Duration::from_secs(2);

struct Standing {
    series: HashMap<String, Vec<(SeriesId, Labels)>>,
    samples: Vec<Sample>,
}

impl Source for Standing {
    fn select_samples(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        let start = self.samples.partition_point(|sample| sample.at <= after);
        let end = self.samples.partition_point(|sample| sample.at <= until);
        for (id, labels) in &self.series[matchers[0].value()] {
            let floats = &self.samples[start..end];
            visit(*id, labels, Samples { floats, ..Samples::default() });
        }
    }

    fn feeds(&self, _: SeriesId) -> Vec<Feed> {
        Vec::new()
    }

    fn presence(&self, _: &Feed, _: Duration, _: Timestamp) -> Presence {
        Presence::Whole
    }
}

fn main() {
    let at = Timestamp::from_secs(1_675_260_600);
    let sample = |n: u32| Sample { at: at - Duration::from_secs(15) * (40 - n), value: f64::from(n) * 1.5 };
    let mut series = HashMap::new();
    for rule in 0..RULES {
        let name = format!("metric_{rule}");
        let of = |n: usize| {
            let instance = format!("10.0.{}.{}:9100", n / 250, n % 250);
            let job = format!("job-{}", n % 2);
            let labels =
                [("__name__", name.as_str()), ("instance", &instance), ("job", &job), ("zone", "eu-1")];
            (SeriesId((rule * SERIES_A_RULE + n) as u64), labels.into_iter().collect::<Labels>())
        };
        series.insert(name.clone(), (0..SERIES_A_RULE).map(of).collect());
    }
    let source = Standing { series, samples: (0..41).map(sample).collect() };
    let kinds = [
        "M > 500",
        "M > 5",
        "rate(M[5m]) > 5",
        "rate(M[5m]) > 0.05",
        "sum by (job) (M) > 5",
        "sum by (job) (rate(M[5m])) > 5",
        "sum by (job) (rate(M[5m])) / sum by (job) (M)",
        "M / on (instance, job) M > 5",
    ];
    let theirs = peer::rounds(&kinds);
    for (n, kind) in kinds.iter().enumerate() {
        let read = |rule: usize| parse(&kind.replace('M', &format!("metric_{rule}"))).expect("it is PromQL");
        let rules: Vec<Expr> = (0..RULES).map(read).collect();
        let options = Options::default();
        let (mut rounds, began) = (0u32, Instant::now());
        while began.elapsed() < MEASURED_FOR {
            for rule in &rules {
                black_box(evaluate_vector(rule, &source, at, &options).expect("it has a value"));
            }
            rounds += 1;
        }
        let round = began.elapsed() / rounds;
        let each = round / u32::try_from(RULES * SERIES_A_RULE).expect("few enough");
        let ratio = theirs.as_ref().map(|theirs| {
            let share = theirs[n].as_secs_f64() / peer::RULES as f64 / (round.as_secs_f64() / RULES as f64);
            format!(" {share:>6.1} times as long in Prometheus")
        });
        let ratio = ratio.unwrap_or_default();
        println!("{kind:<46} {round:>8.1?} a round {each:>6.0?} a series{ratio}");
    }
}
