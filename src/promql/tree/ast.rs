//! What an expression is once it is read: a tree in which each node knows its bytes in the text.

use regex::{Captures, Regex};

use crate::model::{Matcher, Span, exact_metric_name};
use crate::promql::tree::functions::Function;
use crate::promql::tree::length::{Length, Shift};
use crate::promql::tree::operators::{AggregateOp, BinaryOp};

/// A checked expression: its types fit and its functions exist.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `97`, `0x1f`, `Inf`, `5m` (its seconds)
    Number {
        /// The value, its sign included.
        value: f64,
        /// Where it stands.
        span: Span,
    },
    /// `"words"`
    Text {
        /// The text without quotes and escapes.
        value: String,
        /// Whether its bytes are UTF-8; what is not has been replaced in `value`, and can't be a label.
        is_utf8: bool,
        /// Where it stands.
        span: Span,
    },
    /// `up{job="db"} offset 5m`: one sample of each series
    Selector(Selector),
    /// `up{job="db"}[5m] offset 5m`: a stretch of each series
    Range(RangeSelector),
    /// `rate(x[5m])[1h:1m]`: an expression at several instants
    Subquery(Box<Subquery>),
    /// `-x` or `+x`
    Unary {
        /// Which of the two.
        sign: Sign,
        /// What it stands before.
        of: Box<Expr>,
        /// Where it stands.
        span: Span,
    },
    /// `a / on (x) group_left b`
    Binary(Box<Binary>),
    /// `sum by (job) (x)`
    Aggregate(Box<Aggregate>),
    /// `rate(x[5m])`
    Call(Call),
    /// `(x)`
    Paren {
        /// What stands between the parentheses.
        inner: Box<Expr>,
        /// Where it stands.
        span: Span,
    },
}

/// Which series, at which distance.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// The conditions, the one on `__name__` among them; at least one refuses the empty text.
    pub matchers: Vec<Matcher>,
    /// `offset` and `@`
    pub shift: Shift,
    /// `anchored` or `smoothed`
    pub extension: Option<Extension>,
    /// Where it stands.
    pub span: Span,
}

/// How a selector treats the ends of its stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `anchored`: the samples at or before both ends stand for them.
    Anchored,
    /// `smoothed`: the values at both ends are interpolated.
    Smoothed,
}

impl Extension {
    /// As PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anchored => "anchored",
            Self::Smoothed => "smoothed",
        }
    }
}

/// A selector with a stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeSelector {
    /// Which series, at which distance.
    pub selector: Selector,
    /// How long the stretch is.
    pub range: Length,
    /// Where it stands.
    pub span: Span,
}

/// An expression that is evaluated at several instants, which make stretches of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// The expression.
    pub of: Expr,
    /// How long the stretch is.
    pub range: Length,
    /// How far apart the instants are; the evaluation's default where nothing is said.
    pub step: Option<Length>,
    /// `offset` and `@`
    pub shift: Shift,
    /// Where it stands.
    pub span: Span,
}

/// The sign before an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `+`, which changes nothing
    Plus,
    /// `-`
    Minus,
}

/// Two expressions and what stands between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Whether a comparison says 0 or 1 instead of filtering (`bool`).
    pub returns_bool: bool,
    /// Which elements of two vectors belong together.
    pub matching: Matching,
    /// The left side.
    pub left: Expr,
    /// The right side.
    pub right: Expr,
    /// Where it stands.
    pub span: Span,
}

/// How the elements of two vectors find each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// Whether `labels` are those compared or those left out.
    pub by: MatchBy,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// `group_left` or `group_right`, where many elements of a side may meet one of the other.
    pub group: Option<Group>,
    /// What stands in for a partner that is missing.
    pub fill: Fill,
}

/// Values that stand in for missing elements: `fill`, `fill_left`, `fill_right`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fill {
    /// For one that the left side lacks.
    pub left: Option<f64>,
    /// For one that the right side lacks.
    pub right: Option<f64>,
}

/// What the labels of a matching mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchBy {
    /// Only these are compared.
    On,
    /// All others but the metric's name are compared.
    Ignoring,
}

/// Many elements of one side meet one of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The side that has many.
    pub many: Side,
    /// Labels that the result takes from the side that has one.
    pub include: Vec<String>,
}

/// A side of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before it
    Left,
    /// Behind it
    Right,
}

impl Default for Matching {
    fn default() -> Self {
        Self { by: MatchBy::Ignoring, labels: Vec::new(), group: None, fill: Fill::default() }
    }
}

/// Many elements made one for each group.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// How they are made one.
    pub op: AggregateOp,
    /// What a group is.
    pub grouping: Grouping,
    /// `5` in `topk(5, x)`
    pub param: Option<Expr>,
    /// The elements.
    pub of: Expr,
    /// Where it stands.
    pub span: Span,
}

/// Which elements an aggregation takes together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// Those equal in these labels; of none, all of them.
    By(Vec<String>),
    /// Those equal in all other labels but the metric's name.
    Without(Vec<String>),
}

/// A function and what it is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// Its arguments, which fit its signature.
    pub args: Vec<Expr>,
    /// The regular expression of `label_replace`, where it is one.
    pub pattern: Option<Pattern>,
    /// Where it stands.
    pub span: Span,
}

/// A regular expression, compiled once.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Anchored at both ends; `None` where `text` is no regular expression, or too large a one.
    pub(in crate::promql) fn new(text: &str) -> Option<Self> {
        Matcher::anchored(text).ok().map(Self)
    }

    /// The groups of `text`, where it fits.
    pub(in crate::promql) fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.0.captures(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number
    Scalar,
    /// One number for each series
    Vector,
    /// A stretch of each series
    Matrix,
    /// A text
    Text,
}

impl ValueType {
    /// Whether it has an element for each series.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Vector | Self::Matrix)
    }

    /// As errors say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::Text => "string",
        }
    }
}

impl Selector {
    /// The metric's name, where exactly one is asked for.
    pub fn metric_name(&self) -> Option<&str> {
        exact_metric_name(&self.matchers)
    }

    /// Whether it has nothing but matchers, so that it names series and not samples.
    pub fn is_plain(&self) -> bool {
        self.shift == Shift::default() && self.extension.is_none()
    }
}

impl Expr {
    /// Where it stands in the text.
    pub fn span(&self) -> Span {
        match self {
            Self::Number { span, .. }
            | Self::Text { span, .. }
            | Self::Unary { span, .. }
            | Self::Paren { span, .. } => *span,
            Self::Selector(selector) => selector.span,
            Self::Range(range) => range.span,
            Self::Subquery(subquery) => subquery.span,
            Self::Binary(binary) => binary.span,
            Self::Aggregate(aggregate) => aggregate.span,
            Self::Call(call) => call.span,
        }
    }

    /// What it gives.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number { .. } => ValueType::Scalar,
            Self::Text { .. } => ValueType::Text,
            Self::Selector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Range(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Unary { of, .. } => of.value_type(),
            Self::Paren { inner, .. } => inner.value_type(),
            Self::Call(call) => call.function.signature().returns,
            Self::Binary(binary) => {
                let both = (binary.left.value_type(), binary.right.value_type());
                if both == (ValueType::Scalar, ValueType::Scalar) {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
        }
    }

    /// The expression within any parentheses around it.
    pub fn without_parens(&self) -> &Self {
        let mut expr = self;
        while let Self::Paren { inner, .. } = expr {
            expr = inner;
        }
        expr
    }

    /// The expressions directly below this one.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number { .. } | Self::Text { .. } | Self::Selector(_) | Self::Range(_) => Vec::new(),
            Self::Unary { of, .. } => vec![of],
            Self::Paren { inner, .. } => vec![inner],
            Self::Binary(binary) => vec![&binary.left, &binary.right],
            Self::Subquery(subquery) => vec![&subquery.of],
            Self::Aggregate(aggregate) => aggregate.param.iter().chain([&aggregate.of]).collect(),
            Self::Call(call) => call.args.iter().collect(),
        }
    }

    /// Calls `visit` for this expression and each one below it.
    pub fn walk(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        self.children().into_iter().for_each(|child| child.walk(visit));
    }
}
