//! What an expression is once it is read: a tree in which each node knows its bytes in the text.

use std::time::Duration;

use crate::model::{METRIC_NAME, MatchOp, Matcher, Span};
use crate::promql::functions::Function;

/// A checked expression: its types fit, its functions exist, and all of it can be evaluated.
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
        /// Where it stands.
        span: Span,
    },
    /// `up{job="db"} offset 5m`: one sample of each series
    Selector(Selector),
    /// `up{job="db"}[5m] offset 5m`: a stretch of each series
    Range(RangeSelector),
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
    /// How far back the samples are taken from, in milliseconds; negative looks ahead.
    pub offset_ms: i64,
    /// Where it stands.
    pub span: Span,
}

/// A selector with a stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeSelector {
    /// Which series, at which distance.
    pub selector: Selector,
    /// How long the stretch is.
    pub range: Duration,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Whether `labels` are those compared or those left out.
    pub by: MatchBy,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// `group_left` or `group_right`, where many elements of a side may meet one of the other.
    pub group: Option<Group>,
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
        Self { by: MatchBy::Ignoring, labels: Vec::new(), group: None }
    }
}

/// An operator between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `atan2`
    Atan2,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    GreaterEqual,
    /// `<=`
    LessEqual,
    /// `and`
    And,
    /// `or`
    Or,
    /// `unless`
    Unless,
}

impl BinaryOp {
    /// As PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterEqual => ">=",
            Self::LessEqual => "<=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// `==`, `!=`, `>`, `<`, `>=`, `<=`
    pub const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Greater | Self::Less | Self::GreaterEqual | Self::LessEqual
        )
    }

    /// `and`, `or`, `unless`
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    /// All others, which make a new value and so lose the metric's name.
    pub const fn is_arithmetic(self) -> bool {
        !self.is_comparison() && !self.is_set()
    }

    /// How strongly it binds, from 1; all bind to the left but `^`.
    pub(super) const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
            _ => 3,
        }
    }
}

/// Many elements made one for each group.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// How they are made one.
    pub op: AggregateOp,
    /// What a group is.
    pub grouping: Grouping,
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

/// How an aggregation makes one of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateOp {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `count`
    Count,
    /// `group`
    Group,
    /// `stddev`
    Stddev,
    /// `stdvar`
    Stdvar,
}

impl AggregateOp {
    /// Every one of them.
    pub(super) const ALL: [Self; 8] =
        [Self::Sum, Self::Avg, Self::Min, Self::Max, Self::Count, Self::Group, Self::Stddev, Self::Stdvar];

    /// As PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
        }
    }
}

/// A function and what it is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// Its arguments, which fit its signature.
    pub args: Vec<Expr>,
    /// Where it stands.
    pub span: Span,
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
        self.matchers.iter().find(|m| m.name() == METRIC_NAME && m.op() == MatchOp::Equal).map(Matcher::value)
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
            Self::Range(_) => ValueType::Matrix,
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
            Self::Aggregate(aggregate) => vec![&aggregate.of],
            Self::Call(call) => call.args.iter().collect(),
        }
    }

    /// Calls `visit` for this expression and each one below it.
    pub fn walk(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        self.children().into_iter().for_each(|child| child.walk(visit));
    }
}
