//! Names and values of the labels `__meta_kubernetes_…`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::objects::Meta;

/// A label set in the making.
pub(super) type Set = BTreeMap<String, String>;

/// Puts a label of Kubernetes.
pub(super) fn put(set: &mut Set, name: &str, value: impl Into<String>) {
    set.insert(format!("__meta_kubernetes_{name}"), value.into());
}

/// Puts one where there is a value.
pub(super) fn put_some(set: &mut Set, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        put(set, name, value);
    }
}

/// Puts an object's name, labels and annotations, each with a second label that says that it is there.
pub(super) fn put_meta(set: &mut Set, kind: &str, meta: &Meta) {
    put(set, &format!("{kind}_name"), &meta.name);
    put_marks(set, kind, meta);
}

/// Puts an object's labels and annotations.
pub(super) fn put_marks(set: &mut Set, kind: &str, meta: &Meta) {
    for (what, marks) in [("label", &meta.labels), ("annotation", &meta.annotations)] {
        for (name, value) in marks {
            let name = label_name(name);
            put(set, &format!("{kind}_{what}_{name}"), value);
            put(set, &format!("{kind}_{what}present_{name}"), "true");
        }
    }
}

/// A name with everything else than ASCII letters, digits and `_` replaced by `_`.
pub(super) fn label_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// `host:port`, with the brackets that IPv6 needs.
pub(super) fn with_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A host alone, with the brackets that IPv6 needs.
pub(super) fn without_port(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V6(_)) => format!("[{host}]"),
        _ => host.to_owned(),
    }
}
