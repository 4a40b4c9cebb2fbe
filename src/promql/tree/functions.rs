//! The catalogue of functions: names, and what each takes and gives.

use crate::promql::tree::ast::ValueType::{self, Matrix, Scalar, Text, Vector};
use crate::promql::tree::operators::AggregateOp;

/// Makes the enum of functions and their signatures from one table: name, arguments, how many of them must be
/// given, what comes out, and whether the last argument may be `repeated` and the function is `experimental`.
macro_rules! catalogue {
    ($($function:ident $name:literal ($($arg:ident),*) needs $required:literal gives $returns:ident
        $(also $trait:ident)*,)*) => {
        /// A function that can be evaluated.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Function {
            $(#[doc = concat!("`", $name, "`")] $function,)*
        }

        impl Function {
            /// Every one of them.
            pub(in crate::promql) const ALL: &[Self] = &[$(Self::$function,)*];

            /// As PromQL writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$function => $name,)* }
            }

            /// What it takes and gives.
            pub fn signature(self) -> Signature {
                match self {
                    $(Self::$function => {
                        let traits: &[&str] = &[$(stringify!($trait)),*];
                        Signature {
                            args: &[$($arg),*],
                            required: $required,
                            returns: $returns,
                            repeats: traits.contains(&"repeated"),
                            experimental: traits.contains(&"experimental"),
                        }
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
    /// Whether the last argument may be given several times.
    pub repeats: bool,
    /// Whether Prometheus has it behind a switch.
    pub experimental: bool,
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
    MadOverTime "mad_over_time" (Matrix) needs 1 gives Vector also experimental,
    TsOfFirstOverTime "ts_of_first_over_time" (Matrix) needs 1 gives Vector also experimental,
    TsOfLastOverTime "ts_of_last_over_time" (Matrix) needs 1 gives Vector also experimental,
    TsOfMaxOverTime "ts_of_max_over_time" (Matrix) needs 1 gives Vector also experimental,
    TsOfMinOverTime "ts_of_min_over_time" (Matrix) needs 1 gives Vector also experimental,
    DoubleExponentialSmoothing "double_exponential_smoothing" (Matrix, Scalar, Scalar) needs 3 gives Vector
        also experimental,
    HistogramQuantile "histogram_quantile" (Scalar, Vector) needs 2 gives Vector,
    HistogramQuantiles "histogram_quantiles" (Vector, Text, Scalar) needs 3 gives Vector
        also repeated also experimental,
    HistogramFraction "histogram_fraction" (Scalar, Scalar, Vector) needs 3 gives Vector,
    HistogramAvg "histogram_avg" (Vector) needs 1 gives Vector,
    HistogramCount "histogram_count" (Vector) needs 1 gives Vector,
    HistogramSum "histogram_sum" (Vector) needs 1 gives Vector,
    HistogramStddev "histogram_stddev" (Vector) needs 1 gives Vector,
    HistogramStdvar "histogram_stdvar" (Vector) needs 1 gives Vector,
    LabelReplace "label_replace" (Vector, Text, Text, Text, Text) needs 5 gives Vector,
    LabelJoin "label_join" (Vector, Text, Text, Text) needs 3 gives Vector also repeated,
    SortByLabel "sort_by_label" (Vector, Text) needs 1 gives Vector also repeated also experimental,
    SortByLabelDesc "sort_by_label_desc" (Vector, Text) needs 1 gives Vector also repeated also experimental,
    Info "info" (Vector, Vector) needs 1 gives Vector also experimental,
    StartTimestamp "start_timestamp" (Vector) needs 1 gives Vector also experimental,
    Start "start" () needs 0 gives Scalar also experimental,
    End "end" () needs 0 gives Scalar also experimental,
    Step "step" () needs 0 gives Scalar also experimental,
    Range "range" () needs 0 gives Scalar also experimental,
    MinOf "min_of" (Scalar, Scalar) needs 2 gives Scalar also experimental,
    MaxOf "max_of" (Scalar, Scalar) needs 2 gives Scalar also experimental,
}

impl Function {
    /// The function of this name; names are told apart by case.
    pub(in crate::promql) fn named(name: &str) -> Option<Self> {
        match name {
            // As it was called before Prometheus 3.
            "holt_winters" => Some(Self::DoubleExponentialSmoothing),
            _ => Self::ALL.iter().copied().find(|function| function.as_str() == name),
        }
    }
}

/// A longer name is near to no function's, and not worth the time to compare.
const NAME_MAX_BYTES: usize = 40;

/// The known name that is nearest to `name`, where one is near.
pub(in crate::promql) fn nearest(name: &str) -> Option<&'static str> {
    let known = Function::ALL.iter().map(|function| function.as_str());
    let known = known.chain(AggregateOp::ALL.iter().map(|op| op.as_str()));
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
    fn a_name_of_old_still_finds_its_function() {
        assert_eq!(Function::named("holt_winters"), Some(Function::DoubleExponentialSmoothing));
        assert_eq!(Function::named("Rate"), None);
    }

    #[test]
    fn only_what_takes_an_argument_can_repeat_it() {
        for function in Function::ALL {
            let signature = function.signature();
            assert!(!signature.repeats || !signature.args.is_empty(), "{function:?}");
            assert!(signature.required <= signature.args.len(), "{function:?}");
        }
    }
}
