//! Runs a template's tree.
//!
//! In:   the tree, and what it may speak of.
//! Out:  the text, or why there is none.
//! Not:  it takes so many steps and no more, whatever it loops over.

use std::collections::BTreeMap;

use crate::model::Labels;

use super::go_format::GoValue;
use super::parser::GIVEN;
use super::tree::{Block, Branch, Command, Node, Operand, Pipeline};
use super::{TemplateData, functions, moments};

/// More nodes than this are not run.
const STEPS_MAX: usize = 200_000;
/// A longer text is none that anybody reads.
const BYTES_MAX: usize = 1 << 20;
/// Templates may call each other so deep.
const CALLS_MAX: usize = 30;

/// How a block ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

/// A template being run.
pub(super) struct Run<'a> {
    pub(super) data: &'a TemplateData<'a>,
    defined: &'a BTreeMap<String, Block>,
    out: String,
    variables: Vec<(String, GoValue)>,
    steps: usize,
    calls: usize,
}

/// The text of a template for `data`.
pub(super) fn run(
    root: &[Node],
    defined: &BTreeMap<String, Block>,
    data: &TemplateData<'_>,
) -> Result<String, String> {
    let given = GIVEN.into_iter().zip([
        GoValue::Data,
        GoValue::Map(data.labels.clone()),
        GoValue::Map(data.external_labels.clone()),
        GoValue::Text(data.external_url.to_owned()),
        GoValue::Float(data.value),
    ]);
    let variables = given.map(|(name, value)| (name.to_owned(), value)).collect();
    let mut run = Run { data, defined, out: String::new(), variables, steps: 0, calls: 0 };
    run.block(root, &GoValue::Data)?;
    Ok(run.out)
}

impl Run<'_> {
    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if STEPS_MAX < self.steps || BYTES_MAX < self.out.len() {
            return Err("it does not come to an end".to_owned());
        }
        Ok(())
    }

    fn block(&mut self, block: &[Node], dot: &GoValue) -> Result<Flow, String> {
        for node in block {
            self.step()?;
            let flow = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Flow::On
                }
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        let text = if value == GoValue::Nil { "<no value>".to_owned() } else { value.show() };
                        self.out.push_str(&text);
                    }
                    Flow::On
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
                Node::If(branch) => self.decide(branch, dot, false)?,
                Node::With(branch) => self.decide(branch, dot, true)?,
                Node::Range(branch) => self.range(branch, dot)?,
                Node::Template(name, pipeline) => {
                    let dot = match pipeline {
                        Some(pipeline) => self.pipeline(pipeline, dot)?,
                        None => GoValue::Nil,
                    };
                    self.template(name, dot)?;
                    Flow::On
                }
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// `if`, or `with` where the value becomes the dot.
    fn decide(&mut self, branch: &Branch, dot: &GoValue, becomes_dot: bool) -> Result<Flow, String> {
        let known = self.variables.len();
        let value = self.pipeline(&branch.on, dot)?;
        let flow = match (value.is_true(), becomes_dot) {
            (true, true) => self.block(&branch.then, &value)?,
            (true, false) => self.block(&branch.then, dot)?,
            (false, _) => self.block(&branch.otherwise, dot)?,
        };
        self.variables.truncate(known);
        Ok(flow)
    }

    fn range(&mut self, branch: &Branch, dot: &GoValue) -> Result<Flow, String> {
        let known = self.variables.len();
        let bare = Pipeline { variables: Vec::new(), ..branch.on.clone() };
        let over = self.pipeline(&bare, dot)?;
        let (elements, count) = elements(&over)?;
        if count == 0 {
            let flow = self.block(&branch.otherwise, dot)?;
            self.variables.truncate(known);
            return Ok(flow);
        }
        for (key, value) in elements {
            let given = match branch.on.variables.as_slice() {
                [] => Vec::new(),
                [one] => vec![(one, value.clone())],
                [first, second, ..] => vec![(first, key), (second, value.clone())],
            };
            for (name, value) in given {
                self.set(name, value, branch.on.declares);
            }
            let flow = self.block(&branch.then, &value)?;
            if branch.on.declares {
                self.variables.truncate(known);
            }
            self.step()?;
            if flow == Flow::Break {
                break;
            }
        }
        self.variables.truncate(known);
        Ok(Flow::On)
    }

    /// Runs a defined template with `dot`.
    fn template(&mut self, name: &str, dot: GoValue) -> Result<(), String> {
        let defined = self.defined;
        let Some(block) = defined.get(name) else { return Err(format!("template `{name}` is not defined")) };
        self.calls += 1;
        if CALLS_MAX < self.calls {
            return Err("templates call each other too deep".to_owned());
        }
        let around = std::mem::replace(&mut self.variables, vec![("$".to_owned(), dot.clone())]);
        self.block(block, &dot)?;
        self.variables = around;
        self.calls -= 1;
        Ok(())
    }

    /// The text of a defined template.
    pub(super) fn template_text(&mut self, name: &str, dot: GoValue) -> Result<String, String> {
        let before = std::mem::take(&mut self.out);
        self.template(name, dot)?;
        Ok(std::mem::replace(&mut self.out, before))
    }

    fn set(&mut self, name: &str, value: GoValue, declares: bool) {
        match self.variables.iter_mut().rev().find(|(have, _)| have == name) {
            Some((_, have)) if !declares => *have = value,
            _ => self.variables.push((name.to_owned(), value)),
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &GoValue) -> Result<GoValue, String> {
        let mut piped = None;
        for command in &pipeline.commands {
            self.step()?;
            piped = Some(self.command(command, piped, dot)?);
        }
        let value = piped.unwrap_or(GoValue::Nil);
        if let [name] = pipeline.variables.as_slice() {
            self.set(name, value.clone(), pipeline.declares);
        }
        Ok(value)
    }

    fn command(
        &mut self,
        command: &Command,
        piped: Option<GoValue>,
        dot: &GoValue,
    ) -> Result<GoValue, String> {
        if let Operand::Function(function) = command.first {
            // `and` and `or` look no further than they must.
            if let Some(stops_at) = function.stops_at() {
                return self.first_that(stops_at, &command.arguments, piped, dot);
            }
            let mut arguments = self.operands(&command.arguments, dot)?;
            arguments.extend(piped);
            return functions::call(function, &arguments, self);
        }
        if command.arguments.is_empty() && piped.is_none() {
            return self.operand(&command.first, dot);
        }
        // A method: the last field, with arguments.
        let mut arguments = self.operands(&command.arguments, dot)?;
        arguments.extend(piped);
        let (of, method) = match &command.first {
            Operand::Dot(fields) => (self.fields(dot.clone(), all_but_last(fields))?, fields.last()),
            Operand::Variable(name, fields) => {
                (self.fields(self.variable(name)?, all_but_last(fields))?, fields.last())
            }
            Operand::Group(pipeline, fields) => {
                let value = self.pipeline(pipeline, dot)?;
                (self.fields(value, all_but_last(fields))?, fields.last())
            }
            Operand::Literal(_) | Operand::Function(_) => (GoValue::Nil, None),
        };
        let method = method.map(String::as_str).unwrap_or_default();
        moments::method(&of, method, &arguments)
            .unwrap_or_else(|| Err(format!("`{method}` is not a function, and takes no arguments")))
    }

    /// The first argument that is as true as `stops_at`, or the last.
    fn first_that(
        &mut self,
        stops_at: bool,
        arguments: &[Operand],
        piped: Option<GoValue>,
        dot: &GoValue,
    ) -> Result<GoValue, String> {
        let mut last = None;
        for argument in arguments {
            let value = self.operand(argument, dot)?;
            if value.is_true() == stops_at {
                return Ok(value);
            }
            last = Some(value);
        }
        piped.or(last).ok_or_else(|| "wrong number of args: want at least 1 got 0".to_owned())
    }

    fn operands(&mut self, operands: &[Operand], dot: &GoValue) -> Result<Vec<GoValue>, String> {
        operands.iter().map(|operand| self.operand(operand, dot)).collect()
    }

    fn operand(&mut self, operand: &Operand, dot: &GoValue) -> Result<GoValue, String> {
        self.step()?;
        match operand {
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Function(function) => functions::call(*function, &[], self),
            Operand::Dot(fields) => self.fields(dot.clone(), fields),
            Operand::Variable(name, fields) => self.fields(self.variable(name)?, fields),
            Operand::Group(pipeline, fields) => {
                let value = self.pipeline(pipeline, dot)?;
                self.fields(value, fields)
            }
        }
    }

    fn variable(&self, name: &str) -> Result<GoValue, String> {
        let found = self.variables.iter().rev().find(|(have, _)| have == name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| format!("undefined variable {name}"))
    }

    /// A label that is not there is an empty text, as Prometheus sets `missingkey=zero`.
    fn fields(&self, mut value: GoValue, fields: &[String]) -> Result<GoValue, String> {
        for field in fields {
            value = match &value {
                GoValue::Map(labels) => GoValue::Text(labels.get(field).unwrap_or_default().to_owned()),
                GoValue::Args(args) => args.get(field).cloned().unwrap_or(GoValue::Nil),
                GoValue::Data => self.data_field(field)?,
                GoValue::Sample(sample) => match field.as_str() {
                    "Labels" => GoValue::Map(sample.0.clone()),
                    "Value" => GoValue::Float(sample.1),
                    other => return Err(format!("can't evaluate field {other}: there are Labels and Value")),
                },
                other => match moments::method(other, field, &[]) {
                    Some(value) => value?,
                    None => {
                        return Err(format!("can't evaluate field {field} in type {}", other.type_name()));
                    }
                },
            };
        }
        Ok(value)
    }

    fn data_field(&self, field: &str) -> Result<GoValue, String> {
        Ok(match field {
            "Labels" => GoValue::Map(self.data.labels.clone()),
            "ExternalLabels" => GoValue::Map(self.data.external_labels.clone()),
            "ExternalURL" => GoValue::Text(self.data.external_url.to_owned()),
            "Value" => GoValue::Float(self.data.value),
            other => {
                return Err(format!(
                    "can't evaluate field {other}: there are Labels, ExternalLabels, ExternalURL and Value"
                ));
            }
        })
    }
}

fn all_but_last(fields: &[String]) -> &[String] {
    fields.split_last().map(|(_, rest)| rest).unwrap_or_default()
}

/// What a `range` goes through: keys with values, and how many there are.
type Elements = (Box<dyn Iterator<Item = (GoValue, GoValue)>>, usize);

fn elements(over: &GoValue) -> Result<Elements, String> {
    Ok(match over {
        GoValue::List(items) => {
            let items: Vec<GoValue> = items.to_vec();
            let count = items.len();
            (Box::new((0..).map(GoValue::Int).zip(items)), count)
        }
        GoValue::Map(labels) => {
            let labels: Labels = labels.clone();
            let pair = |(name, value): (&str, &str)| {
                (GoValue::Text(name.to_owned()), GoValue::Text(value.to_owned()))
            };
            let pairs: Vec<_> = labels.iter().map(pair).collect();
            let count = pairs.len();
            (Box::new(pairs.into_iter()), count)
        }
        GoValue::Args(args) => {
            let args = args.clone();
            let count = args.len();
            (Box::new(args.into_iter().map(|(name, value)| (GoValue::Text(name), value))), count)
        }
        GoValue::Int(count) => {
            let count = *count;
            let each = (0..count.max(0)).map(|n| (GoValue::Int(n), GoValue::Int(n)));
            (Box::new(each), usize::try_from(count).unwrap_or(0))
        }
        GoValue::Nil => (Box::new(std::iter::empty()), 0),
        other => return Err(format!("range can't iterate over {}", other.type_name())),
    })
}
