//! The catalogue of functions: names, what each takes and gives, and those that are not here yet.

use crate::promql::ast::ValueType::{self, Matrix, Scalar, Vector};

/// Makes the enum of functions and their signatures from one table: name, arguments, how many of them must be
/// given, and what comes out.
macro_rules! catalogue {
    ($($function:ident $name:literal ($($arg:ident),*) needs $required:literal gives $returns:ident,)*) => {
        /// A function that can be evaluated.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Function {
            $(#[doc = concat!("`", $name, "`")] $function,)*
        }

        impl Function {
            /// Every one of them.
            pub(super) const ALL: &[Self] = &[$(Self::$function,)*];

            /// As PromQL writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$function => $name,)* }
            }

            /// What it takes and gives.
            pub const fn signature(self) -> Signature {
                match self {
                    $(Self::$function => {
                        Signature { args: &[$($arg),*], required: $required, returns: $returns }
                    })*
                }
            }
        }
    };
}

/// What a function takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// The types of its arguments.
    pub args: &'static [ValueType],
    /// How many of them must be given.
    pub required: usize,
    /// The type of what it gives.
    pub returns: ValueType,
}

catalogue! {
    Rate "rate" (Matrix) needs 1 gives Vector,
    Increase "increase" (Matrix) needs 1 gives Vector,
    Delta "delta" (Matrix) needs 1 gives Vector,
    Irate "irate" (Matrix) needs 1 gives Vector,
    Idelta "idelta" (Matrix) needs 1 gives Vector,
    Deriv "deriv" (Matrix) needs 1 gives Vector,
    PredictLinear "predict_linear" (Matrix, Scalar) needs 2 gives Vector,
    Changes "changes" (Matrix) needs 1 gives Vector,
    Resets "resets" (Matrix) needs 1 gives Vector,
    AvgOverTime "avg_over_time" (Matrix) needs 1 gives Vector,
    MinOverTime "min_over_time" (Matrix) needs 1 gives Vector,
    MaxOverTime "max_over_time" (Matrix) needs 1 gives Vector,
    SumOverTime "sum_over_time" (Matrix) needs 1 gives Vector,
    CountOverTime "count_over_time" (Matrix) needs 1 gives Vector,
    FirstOverTime "first_over_time" (Matrix) needs 1 gives Vector,
    LastOverTime "last_over_time" (Matrix) needs 1 gives Vector,
    PresentOverTime "present_over_time" (Matrix) needs 1 gives Vector,
    StddevOverTime "stddev_over_time" (Matrix) needs 1 gives Vector,
    StdvarOverTime "stdvar_over_time" (Matrix) needs 1 gives Vector,
    QuantileOverTime "quantile_over_time" (Scalar, Matrix) needs 2 gives Vector,
    AbsentOverTime "absent_over_time" (Matrix) needs 1 gives Vector,
    Absent "absent" (Vector) needs 1 gives Vector,
    Time "time" () needs 0 gives Scalar,
    Pi "pi" () needs 0 gives Scalar,
    ToVector "vector" (Scalar) needs 1 gives Vector,
    ToScalar "scalar" (Vector) needs 1 gives Scalar,
    Timestamp "timestamp" (Vector) needs 1 gives Vector,
    Sort "sort" (Vector) needs 1 gives Vector,
    SortDesc "sort_desc" (Vector) needs 1 gives Vector,
    Clamp "clamp" (Vector, Scalar, Scalar) needs 3 gives Vector,
    ClampMin "clamp_min" (Vector, Scalar) needs 2 gives Vector,
    ClampMax "clamp_max" (Vector, Scalar) needs 2 gives Vector,
    Round "round" (Vector, Scalar) needs 1 gives Vector,
    Abs "abs" (Vector) needs 1 gives Vector,
    Ceil "ceil" (Vector) needs 1 gives Vector,
    Floor "floor" (Vector) needs 1 gives Vector,
    Exp "exp" (Vector) needs 1 gives Vector,
    Ln "ln" (Vector) needs 1 gives Vector,
    Log2 "log2" (Vector) needs 1 gives Vector,
    Log10 "log10" (Vector) needs 1 gives Vector,
    Sqrt "sqrt" (Vector) needs 1 gives Vector,
    Sgn "sgn" (Vector) needs 1 gives Vector,
    Sin "sin" (Vector) needs 1 gives Vector,
    Cos "cos" (Vector) needs 1 gives Vector,
    Tan "tan" (Vector) needs 1 gives Vector,
    Asin "asin" (Vector) needs 1 gives Vector,
    Acos "acos" (Vector) needs 1 gives Vector,
    Atan "atan" (Vector) needs 1 gives Vector,
    Sinh "sinh" (Vector) needs 1 gives Vector,
    Cosh "cosh" (Vector) needs 1 gives Vector,
    Tanh "tanh" (Vector) needs 1 gives Vector,
    Asinh "asinh" (Vector) needs 1 gives Vector,
    Acosh "acosh" (Vector) needs 1 gives Vector,
    Atanh "atanh" (Vector) needs 1 gives Vector,
    Deg "deg" (Vector) needs 1 gives Vector,
    Rad "rad" (Vector) needs 1 gives Vector,
    Minute "minute" (Vector) needs 0 gives Vector,
    Hour "hour" (Vector) needs 0 gives Vector,
    DayOfWeek "day_of_week" (Vector) needs 0 gives Vector,
    DayOfMonth "day_of_month" (Vector) needs 0 gives Vector,
    DayOfYear "day_of_year" (Vector) needs 0 gives Vector,
    DaysInMonth "days_in_month" (Vector) needs 0 gives Vector,
    Month "month" (Vector) needs 0 gives Vector,
    Year "year" (Vector) needs 0 gives Vector,
}

/// Functions of PromQL that can't be evaluated yet.
const UNSUPPORTED: [&str; 28] = [
    "double_exponential_smoothing",
    "end",
    "histogram_avg",
    "histogram_count",
    "histogram_fraction",
    "histogram_quantile",
    "histogram_quantiles",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
    "holt_winters",
    "info",
    "label_join",
    "label_replace",
    "mad_over_time",
    "max_of",
    "min_of",
    "range",
    "sort_by_label",
    "sort_by_label_desc",
    "start",
    "start_timestamp",
    "step",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    "xor_over_time",
];

/// Aggregations of PromQL that can't be evaluated yet.
const UNSUPPORTED_AGGREGATIONS: [&str; 6] =
    ["topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio"];

impl Function {
    /// The function of this name; names are told apart by case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|function| function.as_str() == name)
    }
}

/// Whether PromQL has a function of this name that is not here yet.
pub(super) fn is_unsupported_function(name: &str) -> bool {
    UNSUPPORTED.contains(&name)
}

/// Whether PromQL has an aggregation of this name that is not here yet.
pub(super) fn is_unsupported_aggregation(name: &str) -> bool {
    UNSUPPORTED_AGGREGATIONS.contains(&name.to_ascii_lowercase().as_str())
}

/// A longer name is near to no function's, and not worth the time to compare.
const NAME_MAX_BYTES: usize = 40;

/// The known name that is nearest to `name`, where one is near.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let known = Function::ALL.iter().map(|function| function.as_str());
    let known = known.chain(crate::promql::ast::AggregateOp::ALL.iter().map(|op| op.as_str()));
    let name = name.to_ascii_lowercase();
    if NAME_MAX_BYTES < name.len() {
        return None;
    }
    known
        .map(|known| (distance(&name, known), known))
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min()
        .map(|(_, known)| known)
}

/// How many letters must be added, removed, changed or swapped with the next to come from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swaps = 1 < i && 1 < j && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swaps { least.min(rows[i - 2][j - 2] + 1) } else { least }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slip_finds_its_function() {
        assert_eq!(nearest("raet"), Some("rate"));
        assert_eq!(nearest("rates"), Some("rate"));
        assert_eq!(nearest("avg_overtime"), Some("avg_over_time"));
        assert_eq!(nearest("INCREASE"), Some("increase"));
        assert_eq!(nearest("frobnicate"), None);
    }

    #[test]
    fn no_function_is_both_here_and_missing() {
        assert!(Function::ALL.iter().all(|function| !is_unsupported_function(function.as_str())));
    }
}
