//! Writes protobuf pages for tests.

/// A `MetricFamily`.
pub(in crate::scrape) struct Family<'a> {
    pub(in crate::scrape) name: &'a str,
    pub(in crate::scrape) kind: u64,
    pub(in crate::scrape) metrics: Vec<Vec<u8>>,
}

/// What a metric holds.
pub(in crate::scrape) enum Body {
    Gauge(f64),
    Counter(f64),
    Untyped(f64),
    Summary {
        count: u64,
        sum: f64,
        quantiles: Vec<(f64, f64)>,
    },
    /// A `Histogram` message.
    Histogram(Vec<u8>),
}

pub(in crate::scrape) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while 0x80 <= number {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

pub(in crate::scrape) fn number(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

pub(in crate::scrape) fn signed(field: u64, value: i64) -> Vec<u8> {
    number(field, ((value << 1) ^ (value >> 63)) as u64)
}

pub(in crate::scrape) fn double(field: u64, value: f64) -> Vec<u8> {
    [varint(field << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

pub(in crate::scrape) fn bytes(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A metric with labels.
pub(in crate::scrape) fn labelled(labels: &[(&str, &str)], body: Body) -> Vec<u8> {
    let mut metric = Vec::new();
    for (name, value) in labels {
        metric.extend(bytes(1, &[bytes(1, name.as_bytes()), bytes(2, value.as_bytes())].concat()));
    }
    metric.extend(match body {
        Body::Gauge(value) => bytes(2, &double(1, value)),
        Body::Counter(value) => bytes(3, &double(1, value)),
        Body::Untyped(value) => bytes(5, &double(1, value)),
        Body::Summary { count, sum, quantiles } => {
            let mut summary = [number(1, count), double(2, sum)].concat();
            for (quantile, value) in quantiles {
                summary.extend(bytes(3, &[double(1, quantile), double(2, value)].concat()));
            }
            bytes(4, &summary)
        }
        Body::Histogram(message) => bytes(7, &message),
    });
    metric
}

/// A classic `Histogram`.
pub(in crate::scrape) fn classic(count: u64, sum: f64, buckets: &[(f64, u64)]) -> Vec<u8> {
    let mut message = [number(1, count), double(2, sum)].concat();
    for (bound, count) in buckets {
        message.extend(bytes(3, &[number(1, *count), double(2, *bound)].concat()));
    }
    message
}

/// A span of buckets.
pub(in crate::scrape) fn span(field: u64, offset: i64, length: u64) -> Vec<u8> {
    bytes(field, &[signed(1, offset), number(2, length)].concat())
}

/// A native `Histogram` of integers: six observations, one in the zero bucket, one below it, 1, 2 and 1 above it.
pub(in crate::scrape) fn native() -> Vec<u8> {
    [
        number(1, 6),
        double(2, 12.5),
        signed(5, 3),
        double(6, 0.001),
        number(7, 1),
        span(9, 2, 1),
        signed(10, 1),
        span(12, -1, 2),
        span(12, 3, 1),
        signed(13, 1),
        signed(13, 1),
        signed(13, -1),
    ]
    .concat()
}

/// A page of families.
pub(in crate::scrape) fn page(families: &[Family<'_>]) -> Vec<u8> {
    let mut page = Vec::new();
    for family in families {
        let mut message =
            [bytes(1, family.name.as_bytes()), bytes(2, b"Any help."), number(3, family.kind)].concat();
        for metric in &family.metrics {
            message.extend(bytes(4, metric));
        }
        page.extend(varint(message.len() as u64));
        page.extend(message);
    }
    page
}
