//! Expressions by chance, of the part of the language that 2.42 has too.

use std::time::Duration;

use fogsignal::model::Timestamp;
use fogsignal::promql::Instants;

use super::Question;
use super::dice::Dice;
use super::series::{BEGIN_S, LENGTH_S};

/// An expression, at an instant or at several, on the third second of ten: there no aligned step of a subquery lies.
pub fn question(dice: &mut Dice) -> Question {
    let mut writer = Writer { in_subquery: false };
    let depth = dice.pick(&[(2, 1), (3, 2), (3, 3)]);
    let expr = match dice.below(12) {
        0 => writer.scalar(dice, depth),
        _ => writer.vector(dice, depth),
    };
    let start = Timestamp::from_secs(third_second(dice));
    let instants = match dice.below(4) {
        0 => {
            let step = Duration::from_secs(dice.pick(&[(1, 10), (1, 70), (1, 300)]));
            Instants { start, end: start + step * 6, step }
        }
        _ => Instants { start, end: start, step: Duration::ZERO },
    };
    Question { expr, instants }
}

fn third_second(dice: &mut Dice) -> i64 {
    BEGIN_S + 1200 + 10 * dice.below((LENGTH_S as u64 - 1800) / 10) as i64 + 3
}

fn one<'a>(dice: &mut Dice, words: &[&'a str]) -> &'a str {
    words[dice.below(words.len() as u64) as usize]
}

const OVER_TIME: [&str; 20] = [
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "deriv",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "count_over_time",
    "last_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "changes",
    "resets",
    "rate",
    "increase",
    "absent_over_time",
];
const OF_VECTOR: [&str; 29] = [
    "abs",
    "ceil",
    "floor",
    "exp",
    "ln",
    "log2",
    "log10",
    "sqrt",
    "sgn",
    "sin",
    "cos",
    "tan",
    "atan",
    "tanh",
    "asinh",
    "deg",
    "rad",
    "round",
    "timestamp",
    "sort",
    "sort_desc",
    "absent",
    "minute",
    "hour",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "month",
    "days_in_month",
];
const GROUPINGS: [&str; 7] = [
    "",
    "by (job)",
    "by (job, code)",
    "without (instance)",
    "by ()",
    "without (code, le)",
    "by (instance, none)",
];

struct Writer {
    /// Steps of one within another could lie on its edge.
    in_subquery: bool,
}

impl Writer {
    fn number(&self, dice: &mut Dice) -> &'static str {
        one(dice, &["0", "1", "2", "0.5", "-1", "10", "1e3", "100", "NaN", "Inf", "0x1f", "-2.5"])
    }

    fn scalar(&mut self, dice: &mut Dice, depth: u32) -> String {
        match dice.below(if depth == 0 { 3 } else { 7 }) {
            0 | 1 => self.number(dice).to_owned(),
            2 => one(dice, &["time()", "pi()", "5"]).to_owned(),
            3 => format!("scalar({})", self.vector(dice, depth - 1)),
            4 => format!("-{}", self.scalar(dice, depth - 1)),
            _ => {
                let op = one(dice, &["+", "-", "*", "/", "%", "^", "atan2", "> bool", "== bool", "<= bool"]);
                format!("({} {op} {})", self.scalar(dice, depth - 1), self.scalar(dice, depth - 1))
            }
        }
    }

    fn vector(&mut self, dice: &mut Dice, depth: u32) -> String {
        if depth == 0 {
            return self.selector(dice);
        }
        match dice.below(12) {
            0 | 1 => self.selector(dice),
            2 | 3 => self.over_time(dice, depth),
            4 | 5 => self.of_vector(dice, depth),
            6..=8 => self.aggregation(dice, depth),
            _ => self.binary(dice, depth),
        }
    }

    fn selector(&mut self, dice: &mut Dice) -> String {
        format!("{}{}", self.series(dice), self.shift(dice))
    }

    fn series(&self, dice: &mut Dice) -> &'static str {
        one(
            dice,
            &[
                "temperature",
                "queue_length",
                "requests_total",
                "requests_total{code=\"500\"}",
                "job_info",
                "temperature{job=\"api\"}",
                "queue_length{instance!=\"i1\"}",
                "{__name__=~\"temp.+|queue.*\",job=\"db\"}",
                "latency_bucket{job=\"api\"}",
                "requests_total{instance=~\"i[01]\"}",
                "temperature{none=\"\"}",
                "temperature{job=~\"a.*\",instance!~\"i0\"}",
                "requests_total",
                "temperature",
                "nothing",
            ],
        )
    }

    fn shift(&self, dice: &mut Dice) -> String {
        let offset = one(dice, &["", "", "", "", " offset 1m", " offset 10m", " offset -50s"]);
        let pin = match dice.below(12) {
            0 => format!(" @ {}", third_second(dice)),
            1 => one(dice, &[" @ start()", " @ end()"]).to_owned(),
            _ => String::new(),
        };
        format!("{offset}{pin}")
    }

    fn range(&mut self, dice: &mut Dice, depth: u32) -> String {
        let length = one(dice, &["1m", "2m30s", "5m", "10m", "20m"]);
        if self.in_subquery || dice.below(4) != 0 {
            return format!("{}[{length}]{}", self.series(dice), self.shift(dice));
        }
        let step = one(dice, &["30s", "1m", "", "50s"]);
        self.in_subquery = true;
        let of = self.vector(dice, depth.saturating_sub(1));
        self.in_subquery = false;
        format!("({of})[{length}:{step}]{}", self.shift(dice))
    }

    fn over_time(&mut self, dice: &mut Dice, depth: u32) -> String {
        let range = self.range(dice, depth);
        match dice.below(8) {
            0 => format!("quantile_over_time({}, {range})", one(dice, &["0.5", "0.9", "0", "1", "-1", "2"])),
            1 => format!("predict_linear({range}, {})", one(dice, &["60", "-300", "3600"])),
            _ => format!("{}({range})", one(dice, &OVER_TIME)),
        }
    }

    fn of_vector(&mut self, dice: &mut Dice, depth: u32) -> String {
        let of = self.vector(dice, depth - 1);
        match dice.below(8) {
            0 => format!("clamp({of}, {}, {})", self.number(dice), self.number(dice)),
            1 => format!("{}({of}, {})", one(dice, &["clamp_min", "clamp_max", "round"]), self.number(dice)),
            2 => {
                let to = one(dice, &["x", "job", "instance"]);
                format!("label_replace({of}, \"{to}\", \"$1-x\", \"instance\", \"i(.)\")")
            }
            3 => format!("label_join({of}, \"both\", \"/\", \"job\", \"instance\")"),
            4 => {
                let quantile = one(dice, &["0.5", "0.9", "0.99", "0", "1"]);
                let of = one(
                    dice,
                    &[
                        "latency_bucket",
                        "rate(latency_bucket[5m])",
                        "sum by (le) (rate(latency_bucket[10m]))",
                        "sum by (job, le) (latency_bucket)",
                    ],
                );
                format!("histogram_quantile({quantile}, {of})")
            }
            5 => format!("vector({})", self.scalar(dice, depth - 1)),
            _ => format!("{}({of})", one(dice, &OF_VECTOR)),
        }
    }

    fn aggregation(&mut self, dice: &mut Dice, depth: u32) -> String {
        let (of, grouping) = (self.vector(dice, depth - 1), one(dice, &GROUPINGS));
        match dice.below(10) {
            0 => format!(
                "{} {grouping} ({}, {of})",
                one(dice, &["topk", "bottomk"]),
                one(dice, &["1", "2", "5"])
            ),
            1 => format!("quantile {grouping} ({}, {of})", one(dice, &["0.5", "0.9", "0", "1", "-1", "2"])),
            2 => format!("count_values {grouping} (\"value\", {of})"),
            _ => {
                let op = one(
                    dice,
                    &["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "sum", "avg"],
                );
                format!("{op} {grouping} ({of})")
            }
        }
    }

    fn binary(&mut self, dice: &mut Dice, depth: u32) -> String {
        let arithmetic = one(dice, &["+", "-", "*", "/", "%", "^", "atan2", "+", "-", "*", "/"]);
        let comparison = one(dice, &[">", "<", ">=", "<=", "==", "!=", "> bool", "== bool", "<= bool"]);
        let op = one(dice, &[arithmetic, comparison]);
        match dice.below(9) {
            0 | 1 => format!("({} {op} {})", self.vector(dice, depth - 1), self.scalar(dice, depth - 1)),
            2 => format!("({} {op} {})", self.scalar(dice, depth - 1), self.vector(dice, depth - 1)),
            3 => format!("-({})", self.vector(dice, depth - 1)),
            4 | 5 => {
                let set = one(
                    dice,
                    &["and", "or", "unless", "and on (job)", "unless ignoring (code)", "or on (instance)"],
                );
                format!("({} {set} {})", self.vector(dice, depth - 1), self.vector(dice, depth - 1))
            }
            6 => {
                let group = one(dice, &["group_left", "group_left (team)"]);
                let many = self.series(dice);
                format!("({many} {op} on (job) {group} job_info)")
            }
            7 => {
                let matching = one(dice, &["on (job, instance)", "ignoring (code)", "on (job)", ""]);
                format!("({} {op} {matching} {})", self.vector(dice, depth - 1), self.vector(dice, depth - 1))
            }
            _ => {
                let of = self.vector(dice, depth - 1);
                format!("({of} {op} {of})")
            }
        }
    }
}
