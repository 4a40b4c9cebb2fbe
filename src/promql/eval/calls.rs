//! Calls of functions: what each is handed, and what becomes of the elements.

use crate::model::{Labels, Timestamp};
use crate::promql::eval::evaluation::{Evaluation, Moment};
use crate::promql::eval::{absent, classic, estimate, info, labels, numbers, over_time, ranking};
use crate::promql::tree::ast::{Call, Expr, ValueType};
use crate::promql::tree::faults;
use crate::promql::tree::functions::Function;
use crate::promql::value::{Amount, EvalError, Feeds, Operand, Point};

impl Evaluation<'_> {
    pub(super) fn call(&self, call: &Call, moment: Moment) -> Result<Operand, EvalError> {
        let args: Vec<&Expr> = call.args.iter().map(Expr::without_parens).collect();
        match args.as_slice() {
            [] => self.of_nothing(call, moment),
            args if args.iter().any(|arg| arg.value_type() == ValueType::Matrix) => {
                self.over_range(call, args, moment, &|_| true).map(Operand::Vector)
            }
            [arg, rest @ ..] => match call.function {
                Function::MinOf | Function::MaxOf => self.of_scalars(call, args.as_slice(), moment),
                Function::ToScalar => Ok(to_scalar(&self.vector(arg, moment)?)),
                Function::ToVector => {
                    let (value, feeds) = self.scalar(arg, moment)?;
                    Ok(Operand::Vector(vec![Point::new(Labels::empty(), value, feeds)]))
                }
                Function::Absent => {
                    let nothing = self.vector(arg, moment)?.is_empty();
                    Ok(Operand::Vector(absent::point(arg, nothing)))
                }
                function => self.of_vector(function, call, (arg, rest), moment).map(Operand::Vector),
            },
        }
    }

    /// What is told of the evaluation itself.
    fn of_nothing(&self, call: &Call, moment: Moment) -> Result<Operand, EvalError> {
        let query = &self.query;
        let value = match call.function {
            Function::Time => moment.at.as_secs_f64(),
            Function::Pi => std::f64::consts::PI,
            Function::Start => query.start.as_secs_f64(),
            Function::End => query.end.as_secs_f64(),
            Function::Step => query.step.as_secs_f64(),
            Function::Range => query.end.since(query.start).as_secs_f64(),
            function => {
                let now = moment.at.as_millis().div_euclid(1000) as f64;
                return match numbers::apply(function, now, &[]) {
                    Some(now) => {
                        Ok(Operand::Vector(vec![Point::new(Labels::empty(), now, Feeds::default())]))
                    }
                    None => Err(EvalError::new(call.span, "expected an argument")),
                };
            }
        };
        Ok(Operand::Scalar(value, Feeds::default()))
    }

    fn of_scalars(&self, call: &Call, args: &[&Expr], moment: Moment) -> Result<Operand, EvalError> {
        let [a, b] = args else { return Err(EvalError::new(call.span, "expected two arguments")) };
        let ((a, a_feeds), (b, b_feeds)) = (self.scalar(a, moment)?, self.scalar(b, moment)?);
        let value = match call.function {
            _ if a.is_nan() || b.is_nan() => f64::NAN,
            Function::MinOf => a.min(b),
            _ => a.max(b),
        };
        Ok(Operand::Scalar(value, a_feeds.and(&b_feeds)))
    }

    fn of_vector(
        &self,
        function: Function,
        call: &Call,
        (arg, rest): (&Expr, &[&Expr]),
        moment: Moment,
    ) -> Result<Vec<Point>, EvalError> {
        match function {
            Function::Timestamp => self.times(arg, moment),
            Function::StartTimestamp => self.starts(arg, moment),
            Function::Sort | Function::SortDesc => {
                self.sorting_is_idle(call, moment);
                Ok(ranking::sorted(self.vector(arg, moment)?, function == Function::SortDesc))
            }
            Function::SortByLabel | Function::SortByLabelDesc => {
                self.sorting_is_idle(call, moment);
                let descending = function == Function::SortByLabelDesc;
                Ok(labels::sorted_by(self.vector(arg, moment)?, &texts(rest), descending))
            }
            Function::LabelReplace | Function::LabelJoin => {
                if let Some(fault) = faults::of_call(call) {
                    return Err(EvalError::new(fault.span, fault.what));
                }
                labels::changed(call, self.vector(arg, moment)?, &texts(rest))
            }
            Function::Info => info::apply(self, call, arg, rest.first().copied(), moment),
            Function::HistogramQuantile | Function::HistogramQuantiles | Function::HistogramFraction => {
                self.told_apart(false, || classic::apply(self, call, moment))
            }
            Function::HistogramAvg
            | Function::HistogramCount
            | Function::HistogramSum
            | Function::HistogramStddev
            | Function::HistogramStdvar => self.figures(function, arg, moment),
            function => self.over_elements(function, arg, rest, moment),
        }
    }

    /// Evaluates with or without resets of histograms told sample by sample.
    fn told_apart<R>(&self, counts_only: bool, evaluate: impl FnOnce() -> R) -> R {
        let outer = self.counts_only.replace(counts_only);
        let result = evaluate();
        self.counts_only.set(outer);
        result
    }

    /// A figure of each histogram among the elements.
    fn figures(&self, function: Function, arg: &Expr, moment: Moment) -> Result<Vec<Point>, EvalError> {
        let counts_only = !matches!(function, Function::HistogramStddev | Function::HistogramStdvar);
        let points = self.told_apart(counts_only, || self.vector(arg, moment))?;
        let each = |mut point: Point| {
            point.amount = Amount::Float(estimate::figure(function, point.amount.histogram()?));
            self.unname(&mut point);
            Some(point)
        };
        Ok(points.into_iter().filter_map(each).collect())
    }

    /// Where every series is a row, in the order of labels, sorting means nothing.
    fn sorting_is_idle(&self, call: &Call, moment: Moment) {
        if !moment.is_once() {
            let what = "sort is ineffective for range queries since results are always ordered by labels";
            self.notes.warn(call.span, what);
        }
    }

    /// When each element was measured; what has been made of measurements is as new as the evaluation.
    fn times(&self, arg: &Expr, moment: Moment) -> Result<Vec<Point>, EvalError> {
        let Expr::Selector(selector) = arg else {
            let mut points = self.vector(arg, moment)?;
            for point in &mut points {
                point.amount = Amount::Float(moment.at.as_secs_f64());
                self.unname(point);
            }
            return Ok(points);
        };
        let mut points = Vec::new();
        self.each_latest(selector, moment, &mut |latest| {
            let feeds = self.feeds(latest.series);
            let mut point = Point::new(latest.labels.clone(), latest.at.as_secs_f64(), feeds);
            self.unname(&mut point);
            points.push(point);
        })?;
        Ok(points)
    }

    /// When the counter behind each element began; what has been made of measurements has no such time.
    fn starts(&self, arg: &Expr, moment: Moment) -> Result<Vec<Point>, EvalError> {
        let mut points = Vec::new();
        if let Expr::Selector(selector) = arg {
            self.each_latest(selector, moment, &mut |latest| {
                if let Some(since) = latest.since.filter(|since| *since != Timestamp::default()) {
                    let feeds = self.feeds(latest.series);
                    let mut point = Point::new(latest.labels.clone(), since.as_secs_f64(), feeds);
                    self.unname(&mut point);
                    points.push(point);
                }
            })?;
        }
        Ok(points)
    }

    /// The elements of a call over a stretch that pass; `None` where it is none.
    pub(super) fn call_over_range(
        &self,
        call: &Call,
        moment: Moment,
        passes: &dyn Fn(&Amount) -> bool,
    ) -> Result<Option<Vec<Point>>, EvalError> {
        let args: Vec<&Expr> = call.args.iter().map(Expr::without_parens).collect();
        let over_range = args.iter().any(|arg| arg.value_type() == ValueType::Matrix);
        over_range.then(|| self.over_range(call, &args, moment, passes)).transpose()
    }

    fn over_range(
        &self,
        call: &Call,
        args: &[&Expr],
        moment: Moment,
        passes: &dyn Fn(&Amount) -> bool,
    ) -> Result<Vec<Point>, EvalError> {
        let function = call.function;
        let Some(range) = args.iter().find(|arg| arg.value_type() == ValueType::Matrix) else {
            return Err(EvalError::new(call.span, "expected a range vector"));
        };
        if let Expr::Range(selected) = range
            && selected.selector.extension.is_some()
            && let Some(fault) = faults::of_call(call)
        {
            return Err(EvalError::new(fault.span, fault.what));
        }
        let (mut params, mut param_feeds) = (Vec::new(), Feeds::default());
        for param in args.iter().filter(|arg| arg.value_type() == ValueType::Scalar) {
            let (value, feeds) = self.scalar(param, moment)?;
            params.push(value);
            param_feeds.add(&feeds);
        }
        if function == Function::AbsentOverTime {
            let mut nothing = true;
            self.stretches(range, moment, &mut |_, _| nothing = false)?;
            let mut points = absent::point(range, nothing);
            points.retain(|point| passes(&point.amount));
            return Ok(points);
        }
        let keeps_name = matches!(function, Function::FirstOverTime | Function::LastOverTime);
        let mut points = Vec::new();
        let mut wrong = None;
        self.stretches(range, moment, &mut |owner, stretch| {
            wrong = wrong.take().or_else(|| self.odd_params(function, args, &params));
            if let Some(amount) = over_time::apply(function, stretch, &params) {
                if self.notes.are_heard() && matches!(function, Function::Rate | Function::Increase) {
                    self.note_no_counter(range, owner.labels, &amount);
                }
                if !passes(&amount) {
                    return;
                }
                let (labels, nameless) = (owner.labels.clone(), owner.nameless);
                let feeds = owner.feeds.clone().and(&param_feeds);
                let mut point = Point { labels, amount, nameless, feeds };
                if !keeps_name {
                    self.unname(&mut point);
                }
                points.push(point);
            }
        })?;
        wrong.map_or(Ok(points), |what| Err(EvalError::new(call.span, what)))
    }

    /// Notes a rate of what is not named as counters are.
    fn note_no_counter(&self, range: &Expr, labels: &Labels, amount: &Amount) {
        let name = labels.metric_name();
        let counts = ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| name.ends_with(suffix));
        if !name.is_empty() && !counts && amount.float().is_some() {
            let what = format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"
            );
            self.notes.inform(range.span(), what);
        }
    }

    /// Notes parameters that make little sense; those that make none are an error.
    fn odd_params(&self, function: Function, args: &[&Expr], params: &[f64]) -> Option<String> {
        match (function, params) {
            (Function::QuantileOverTime, [quantile]) if !(0.0..=1.0).contains(quantile) => {
                self.notes.odd_quantile(args[0].span(), *quantile);
                None
            }
            (Function::DoubleExponentialSmoothing, [level, trend]) => {
                let sound = |factor: f64| 0.0 < factor && factor < 1.0;
                let odd = [("smoothing", *level), ("trend", *trend)];
                let odd = odd.into_iter().find(|(_, factor)| !sound(*factor));
                odd.map(|(name, factor)| {
                    format!("invalid {name} factor. expected: 0 < {name} factor < 1, got: {factor}")
                })
            }
            _ => None,
        }
    }

    fn over_elements(
        &self,
        function: Function,
        arg: &Expr,
        params: &[&Expr],
        moment: Moment,
    ) -> Result<Vec<Point>, EvalError> {
        let mut points = self.vector(arg, moment)?;
        let (mut values, mut feeds) = (Vec::with_capacity(params.len()), Feeds::default());
        for param in params {
            let (value, from) = self.scalar(param, moment)?;
            values.push(value);
            feeds.add(&from);
        }
        if let (Function::Clamp, [least, most]) = (function, values.as_slice())
            && most < least
        {
            points.clear();
        }
        let mut points = self.mapped(points, |value| numbers::apply(function, value, &values));
        points.iter_mut().for_each(|point| point.feeds.add(&feeds));
        Ok(points)
    }
}

/// The only number among the elements, or NaN.
fn to_scalar(points: &[Point]) -> Operand {
    let mut numbers = points.iter().filter_map(|point| point.amount.float());
    let value = match (numbers.next(), numbers.next()) {
        (Some(only), None) => only,
        _ => f64::NAN,
    };
    let mut feeds = Feeds::default();
    points.iter().for_each(|point| feeds.add(&point.feeds));
    Operand::Scalar(value, feeds)
}

fn texts<'e>(args: &[&'e Expr]) -> Vec<&'e str> {
    let text = |arg: &&'e Expr| match *arg {
        Expr::Text { value, .. } => Some(value.as_str()),
        _ => None,
    };
    args.iter().filter_map(text).collect()
}
