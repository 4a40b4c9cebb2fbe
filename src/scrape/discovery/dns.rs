//! `dns_sd_configs`: targets that DNS names.
//!
//! In:   names, a kind of record, and the name servers of the system.
//! Out:  one group for each name, with one target for each record.
//! Not:  nothing is kept for the time to live that a record names: names are asked as often as the settings say.
//!
//! A name that does not exist, or has no such record, has no targets. Where no server gives a good answer, the name keeps
//! what it had. The system's settings are read before each round, so that new name servers need no restart.

use std::collections::BTreeMap;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{ResolverBuilder, config::ResolverOpts};

use crate::model::Clock;
use crate::scrape::discovery::group::{ADDRESS, Group};
use crate::scrape::discovery::provider::Reporter;
use crate::scrape::discovery::{DnsDiscovery, DnsRecord};

const META_NAME: &str = "__meta_dns_name";
const SRV_TARGET: &str = "__meta_dns_srv_record_target";
const SRV_PORT: &str = "__meta_dns_srv_record_port";
const MX_TARGET: &str = "__meta_dns_mx_record_target";
const NS_TARGET: &str = "__meta_dns_ns_record_target";

/// Asks until the task is ended.
pub(super) async fn run<C: Clock>(clock: C, settings: DnsDiscovery, mut reporter: Reporter) {
    let mut known = Known::default();
    loop {
        let begun = clock.steady();
        match system() {
            Ok(resolver) => {
                let faults = known.look_up(&resolver, &settings).await;
                if faults.is_empty() {
                    reporter.works();
                } else {
                    reporter.failed(faults.join("; ")).await;
                }
                known.report(&settings, &mut reporter).await;
            }
            Err(fault) => reporter.failed(format!("the settings of DNS cannot be read: {fault}")).await,
        }
        clock.sleep((begun + settings.refresh_interval).saturating_sub(clock.steady())).await;
    }
}

/// Asks the servers that the system names.
fn system() -> Result<TokioResolver, NetError> {
    build(TokioResolver::builder_tokio()?)
}

fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, NetError> {
    let options: &mut ResolverOpts = builder.options_mut();
    options.cache_size = 0;
    builder.build()
}

/// What each name had when it was last answered.
#[derive(Default)]
struct Known(BTreeMap<String, Group>);

impl Known {
    /// Asks for each name; why some gave no answer.
    async fn look_up(&mut self, resolver: &TokioResolver, settings: &DnsDiscovery) -> Vec<String> {
        let mut faults = Vec::new();
        for name in &settings.names {
            match group(resolver, name, settings).await {
                Ok(group) => drop(self.0.insert(name.clone(), group)),
                Err(error) => faults.push(format!("`{name}`: {error}")),
            }
        }
        faults
    }

    async fn report(&self, settings: &DnsDiscovery, reporter: &mut Reporter) {
        let groups = self.0.values().cloned().collect();
        match settings.names.iter().all(|name| self.0.contains_key(name)) {
            true => reporter.all(groups).await,
            false => reporter.some(groups).await,
        }
    }
}

async fn group(resolver: &TokioResolver, name: &str, settings: &DnsDiscovery) -> Result<Group, NetError> {
    let kind = match settings.kind {
        DnsRecord::Srv => RecordType::SRV,
        DnsRecord::A => RecordType::A,
        DnsRecord::Aaaa => RecordType::AAAA,
        DnsRecord::Mx => RecordType::MX,
        DnsRecord::Ns => RecordType::NS,
    };
    let mut group = Group { source: name.to_owned(), ..Group::default() };
    group.labels.insert(META_NAME.to_owned(), name.to_owned());
    let answers = match resolver.lookup(name, kind).await {
        Ok(answers) => answers,
        Err(error) if is_nothing(&error) => return Ok(group),
        Err(error) => return Err(error),
    };
    let targets = answers.answers().iter().filter_map(|record| target(&record.data, settings));
    group.targets = targets.collect();
    // Servers turn the order round and round, which changes nothing.
    group.targets.sort();
    Ok(group)
}

/// Whether a server said that there is nothing.
fn is_nothing(error: &NetError) -> bool {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else { return false };
    matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError)
}

/// The target of a record of the kind that was asked for; others, as of aliases, come along in answers.
fn target(record: &RData, settings: &DnsDiscovery) -> Option<BTreeMap<String, String>> {
    let (host, port, more) = match (settings.kind, record) {
        (DnsRecord::Srv, RData::SRV(srv)) => {
            let host = without_dot(&srv.target);
            let more = vec![(SRV_TARGET, host.clone()), (SRV_PORT, srv.port.to_string())];
            (host, srv.port, more)
        }
        (DnsRecord::A, RData::A(ip)) => (ip.0.to_string(), settings.port, Vec::new()),
        (DnsRecord::Aaaa, RData::AAAA(ip)) => (format!("[{}]", ip.0), settings.port, Vec::new()),
        (DnsRecord::Mx, RData::MX(mx)) => {
            let host = without_dot(&mx.exchange);
            (host.clone(), settings.port, vec![(MX_TARGET, host)])
        }
        (DnsRecord::Ns, RData::NS(ns)) => {
            let host = without_dot(&ns.0);
            (host.clone(), settings.port, vec![(NS_TARGET, host)])
        }
        _ => return None,
    };
    let address = (ADDRESS.to_owned(), format!("{host}:{port}"));
    let more = more.into_iter().map(|(label, value)| (label.to_owned(), value));
    Some(std::iter::once(address).chain(more).collect())
}

fn without_dot(name: &Name) -> String {
    let name = name.to_ascii();
    name.strip_suffix('.').map(str::to_owned).unwrap_or(name)
}

#[cfg(test)]
mod tests;
