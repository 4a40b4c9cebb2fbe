//! Discovery: which targets there are, as files, services and clusters say it.
//!
//! In:   jobs, the clock, and what each provider is told from outside.
//! Out:  a plan of all targets whenever they change, and figures for people.
//! Not:  nothing is scraped here, and nothing is written. A provider that fails keeps what it found last.
//!
//! Each entry of some `…_sd_configs` is a provider: a task that sends whole groups of targets under the name of their
//! source. `finder` gathers them, `found` keeps them and relabels only what is new, `resolve` makes targets of them.

mod ask;
#[cfg(feature = "dns-sd")]
mod dns;
mod file;
mod finder;
mod found;
mod group;
mod http;
mod kubernetes;
mod listed;
mod provider;
mod resolve;
mod settings;
mod view;

pub(super) use finder::{Finder, Orders, Plan};
pub(super) use found::prepare;
use group::Group;
pub use resolve::{OverLimit, Target, TargetError, TargetErrors, TargetFault, resolve_targets};
pub use settings::{
    Discovery, DnsDiscovery, DnsRecord, FileDiscovery, HttpDiscovery, KubernetesApi, KubernetesDiscovery,
    KubernetesNamespaces, KubernetesRole, KubernetesSelector, RequestSettings,
};
pub use view::{
    DiscoveredTarget, DiscoveryFigures, DiscoveryView, JobFigures, Listed, MechanismFigures, TargetFate,
};
