//! Histograms of the protobuf format: what is in the message, and the native histogram that it makes.
//!
//! In:   the bytes of a `Histogram` message.
//! Out:  its classic buckets one by one; its native part as a `Histogram`, checked as the Prometheus server checks it.
//! Not:  exemplars and the time of creation are passed. There are no custom buckets: the format has no field for their
//!       bounds.

use super::protobuf::ProtobufFault;
use super::wire::{Field, Fields, Malformed, zigzag};
use crate::series::{Histogram, Reset};

/// The schemas that have a meaning.
const SCHEMAS: std::ops::RangeInclusive<i64> = -4..=8;

/// A `Histogram` message, read in one pass.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    count: u64,
    count_float: f64,
    pub(super) sum: f64,
    /// Upper bound and cumulative count of each classic bucket, in the order of the page.
    pub(super) buckets: Vec<(f64, f64)>,
    schema: i64,
    zero_threshold: f64,
    zero_count: u64,
    zero_count_float: f64,
    negative: Side<'a>,
    positive: Side<'a>,
}

/// The buckets on one side of zero.
#[derive(Debug, Default)]
struct Side<'a> {
    spans: Vec<&'a [u8]>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

impl<'a> Message<'a> {
    /// Reads the message anew, into the room that this one has.
    pub(super) fn read(&mut self, message: &'a [u8]) -> Result<(), Malformed> {
        self.clear();
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Varint(count)) => self.count = count,
                (4, Field::Fixed64(bits)) => self.count_float = f64::from_bits(bits),
                (2, Field::Fixed64(bits)) => self.sum = f64::from_bits(bits),
                (3, Field::Bytes(bucket)) => self.buckets.push(read_bucket(bucket)?),
                (5, Field::Varint(schema)) => self.schema = zigzag(schema),
                (6, Field::Fixed64(bits)) => self.zero_threshold = f64::from_bits(bits),
                (7, Field::Varint(count)) => self.zero_count = count,
                (8, Field::Fixed64(bits)) => self.zero_count_float = f64::from_bits(bits),
                (9, Field::Bytes(span)) => self.negative.spans.push(span),
                (10, field) => read_deltas(field, &mut self.negative.deltas)?,
                (11, field) => read_counts(field, &mut self.negative.counts)?,
                (12, Field::Bytes(span)) => self.positive.spans.push(span),
                (13, field) => read_deltas(field, &mut self.positive.deltas)?,
                (14, field) => read_counts(field, &mut self.positive.counts)?,
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        let mut buckets = std::mem::take(&mut self.buckets);
        buckets.clear();
        *self = Self { buckets, ..Self::default() };
    }

    /// All observations, as the classic series `_count` has it.
    pub(super) fn count(&self) -> f64 {
        either(self.count_float, self.count)
    }

    /// Whether it has a native part. One without observations and without a zero bucket says so by an empty span.
    pub(super) fn is_native(&self) -> bool {
        !self.positive.spans.is_empty()
            || !self.negative.spans.is_empty()
            || 0.0 < self.zero_threshold
            || 0 < self.zero_count
    }

    /// The native part.
    pub(super) fn native(&self, reset: Reset) -> Result<Histogram, ProtobufFault> {
        let schema = i32::try_from(self.schema).ok().filter(|_| SCHEMAS.contains(&self.schema));
        let schema = schema.ok_or(ProtobufFault::Schema(self.schema))?;
        // As the server tells them apart.
        let is_float = 0.0 < self.count_float || 0.0 < self.zero_count_float;
        let (negative, positive) = (self.negative.buckets(is_float)?, self.positive.buckets(is_float)?);
        let (count, zero_count) = if is_float {
            (self.count_float, self.zero_count_float)
        } else {
            (self.count as f64, self.zero_count as f64)
        };
        let in_buckets = zero_count + negative.iter().chain(&positive).map(|(_, count)| count).sum::<f64>();
        // Observations of NaN are in no bucket and make the sum NaN. The counts of floats need not add up exactly.
        let fits = is_float || in_buckets == count || (self.sum.is_nan() && in_buckets < count);
        if !fits {
            return Err(ProtobufFault::Histogram("the counts of its buckets do not add up to its count"));
        }
        Ok(Histogram {
            schema,
            zero_threshold: self.zero_threshold,
            zero_count,
            count,
            sum: self.sum,
            positive,
            negative,
            bounds: Vec::new(),
            reset,
        })
    }
}

impl Side<'_> {
    /// Index and count of each bucket that is not empty.
    fn buckets(&self, is_float: bool) -> Result<Vec<(i32, f64)>, ProtobufFault> {
        let mut sum = 0i64;
        let mut counted: Box<dyn Iterator<Item = Option<f64>>> = if is_float {
            Box::new(self.counts.iter().map(|count| Some(*count)))
        } else {
            Box::new(self.deltas.iter().map(move |delta| {
                sum = sum.checked_add(*delta)?;
                Some(sum as f64)
            }))
        };
        let mut buckets = Vec::new();
        let mut next = 0i32;
        for (place, span) in self.spans.iter().enumerate() {
            let (offset, length) = read_span(span).map_err(|Malformed| ProtobufFault::Malformed)?;
            if 0 < place && offset < 0 {
                return Err(ProtobufFault::Histogram("its spans overlap"));
            }
            next = next.checked_add(offset).ok_or(OUT_OF_RANGE)?;
            for _ in 0..length {
                let count = counted
                    .next()
                    .ok_or(ProtobufFault::Histogram("its spans have more buckets than it has counts"))?;
                let count = count.ok_or(OUT_OF_RANGE)?;
                if count < 0.0 {
                    return Err(ProtobufFault::Histogram("a bucket has a count below zero"));
                }
                if count != 0.0 {
                    if buckets.len() == BUCKETS_MAX {
                        return Err(ProtobufFault::Histogram(
                            "it has more than 10000 buckets with something in them",
                        ));
                    }
                    buckets.push((next, count));
                }
                next = next.checked_add(1).ok_or(OUT_OF_RANGE)?;
            }
        }
        match counted.next() {
            None => Ok(buckets),
            Some(_) => Err(ProtobufFault::Histogram("it has more counts than its spans have buckets")),
        }
    }
}

/// A side may have so many. Clients keep to 160; the finest schema has 65,536 from the smallest number to the largest.
const BUCKETS_MAX: usize = 10_000;

const OUT_OF_RANGE: ProtobufFault = ProtobufFault::Histogram("a bucket is out of the range of numbers");

/// A count is given as a float or as an integer; a float that is not zero holds.
fn either(float: f64, integer: u64) -> f64 {
    if float == 0.0 { integer as f64 } else { float }
}

fn read_bucket(message: &[u8]) -> Result<(f64, f64), Malformed> {
    let (mut bound, mut count, mut count_float) = (0.0, 0, 0.0);
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Varint(number)) => count = number,
            (4, Field::Fixed64(bits)) => count_float = f64::from_bits(bits),
            (2, Field::Fixed64(bits)) => bound = f64::from_bits(bits),
            _ => {}
        }
    }
    Ok((bound, either(count_float, count)))
}

fn read_span(message: &[u8]) -> Result<(i32, u32), Malformed> {
    let (mut offset, mut length) = (0, 0);
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Varint(number)) => offset = i32::try_from(zigzag(number)).map_err(|_| Malformed)?,
            (2, Field::Varint(number)) => length = u32::try_from(number).map_err(|_| Malformed)?,
            _ => {}
        }
    }
    Ok((offset, length))
}

/// Repeated numbers come one by one or packed.
fn read_deltas(field: Field<'_>, deltas: &mut Vec<i64>) -> Result<(), Malformed> {
    match field {
        Field::Varint(number) => deltas.push(zigzag(number)),
        Field::Bytes(packed) => {
            let mut packed = Fields::new(packed);
            while let Some(number) = packed.next_packed()? {
                deltas.push(zigzag(number));
            }
        }
        Field::Fixed64(_) | Field::Fixed32 => {}
    }
    Ok(())
}

fn read_counts(field: Field<'_>, counts: &mut Vec<f64>) -> Result<(), Malformed> {
    match field {
        Field::Fixed64(bits) => counts.push(f64::from_bits(bits)),
        Field::Bytes(packed) => {
            let (numbers, rest) = packed.as_chunks();
            if !rest.is_empty() {
                return Err(Malformed);
            }
            counts.extend(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)));
        }
        Field::Varint(_) | Field::Fixed32 => {}
    }
    Ok(())
}
