//! A template that was read, as a tree.

use super::functions::Function;
use super::go_format::GoValue;

/// What stands one behind the other.
pub(super) type Block = Vec<Node>;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    /// A pipeline whose value is written, unless it sets variables.
    Action(Pipeline),
    If(Branch),
    Range(Branch),
    With(Branch),
    /// `{{ template "name" . }}`
    Template(String, Option<Pipeline>),
    Break,
    Continue,
}

/// A pipeline that decides, and what follows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Branch {
    pub(super) on: Pipeline,
    pub(super) then: Block,
    pub(super) otherwise: Block,
}

/// Commands, each fed to the next as its last argument.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Pipeline {
    /// Variables that take its value; of a `range` the last takes each element, one before it the index.
    pub(super) variables: Vec<String>,
    /// Whether the variables begin here (`:=`) or only change (`=`).
    pub(super) declares: bool,
    pub(super) commands: Vec<Command>,
}

/// A function with its arguments, or one value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    pub(super) first: Operand,
    pub(super) arguments: Vec<Operand>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Literal(GoValue),
    /// `.` and the fields behind it.
    Dot(Vec<String>),
    /// `$x` and the fields behind it.
    Variable(String, Vec<String>),
    Function(Function),
    /// `( … )` and the fields behind it.
    Group(Pipeline, Vec<String>),
}

/// Calls `visit` for each pipeline of a block, those within others included.
pub(super) fn pipelines(block: &[Node], visit: &mut dyn FnMut(&Pipeline)) {
    for node in block {
        match node {
            Node::Text(_) | Node::Break | Node::Continue | Node::Template(_, None) => {}
            Node::Action(pipeline) | Node::Template(_, Some(pipeline)) => within(pipeline, visit),
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                within(&branch.on, visit);
                pipelines(&branch.then, visit);
                pipelines(&branch.otherwise, visit);
            }
        }
    }
}

fn within(pipeline: &Pipeline, visit: &mut dyn FnMut(&Pipeline)) {
    visit(pipeline);
    for command in &pipeline.commands {
        for operand in command.arguments.iter().chain([&command.first]) {
            if let Operand::Group(inner, _) = operand {
                within(inner, visit);
            }
        }
    }
}
