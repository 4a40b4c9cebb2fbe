//! The operators of PromQL: between two expressions, and over the elements of one.

use crate::promql::tree::ast::ValueType;

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
    /// `</`: what a histogram has observed below
    TrimUpper,
    /// `>/`: what a histogram has observed above
    TrimLower,
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
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
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

    /// `</`, `>/`
    pub const fn is_trim(self) -> bool {
        matches!(self, Self::TrimUpper | Self::TrimLower)
    }

    /// All others, which make a new value and so lose the metric's name.
    pub const fn is_arithmetic(self) -> bool {
        !self.is_comparison() && !self.is_set() && !self.is_trim()
    }

    /// How strongly it binds, from 1; all bind to the left but `^`.
    pub(in crate::promql) const fn precedence(self) -> u8 {
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

/// Makes the enum of aggregations from one table: name, and the type of the parameter where there is one.
macro_rules! aggregations {
    ($($op:ident $name:literal $param:expr,)*) => {
        /// How an aggregation makes one of many.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum AggregateOp {
            $(#[doc = concat!("`", $name, "`")] $op,)*
        }

        impl AggregateOp {
            /// Every one of them.
            pub(in crate::promql) const ALL: &[Self] = &[$(Self::$op,)*];

            /// As PromQL writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$op => $name,)* }
            }

            /// The type of its parameter, where it has one.
            pub const fn param(self) -> Option<ValueType> {
                match self { $(Self::$op => $param,)* }
            }
        }
    };
}

aggregations! {
    Sum "sum" None,
    Avg "avg" None,
    Min "min" None,
    Max "max" None,
    Count "count" None,
    Group "group" None,
    Stddev "stddev" None,
    Stdvar "stdvar" None,
    TopK "topk" Some(ValueType::Scalar),
    BottomK "bottomk" Some(ValueType::Scalar),
    Quantile "quantile" Some(ValueType::Scalar),
    CountValues "count_values" Some(ValueType::Text),
    LimitK "limitk" Some(ValueType::Scalar),
    LimitRatio "limit_ratio" Some(ValueType::Scalar),
}

impl AggregateOp {
    /// Whether Prometheus has it behind a switch.
    pub const fn is_experimental(self) -> bool {
        matches!(self, Self::LimitK | Self::LimitRatio)
    }
}
