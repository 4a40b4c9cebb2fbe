//! The objects of a cluster that some role looks at, and which groups change with them.
//!
//! In:   objects as they are listed and watched.
//! Out:  the groups that are new, changed or gone since they were last asked for.
//! Not:  an object that changed in nothing that we read is no news.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::objects::{EndpointSlice, Endpoints, Ingress, Meta, Namespace, Node, Place, Pod, Service};
use super::roles::{self, SERVICE_NAME, source};
use crate::scrape::KubernetesRole;
use crate::scrape::discovery::Group;

/// All that is known.
#[derive(Default)]
pub(super) struct Cluster {
    pub(super) pods: BTreeMap<Place, Pod>,
    pub(super) services: BTreeMap<Place, Service>,
    pub(super) nodes: BTreeMap<Place, Node>,
    pub(super) namespaces: BTreeMap<Place, Namespace>,
    slices: BTreeMap<Place, EndpointSlice>,
    endpoints: BTreeMap<Place, Endpoints>,
    ingresses: BTreeMap<Place, Ingress>,
    changed: Changed,
}

/// The kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Pod,
    Service,
    Node,
    Namespace,
    EndpointSlice,
    Endpoints,
    Ingress,
}

/// What a watch reads, and where it is kept.
pub(super) trait Object: DeserializeOwned + PartialEq + Send + 'static {
    /// Its kind.
    const KIND: Kind;
    /// Its metadata.
    fn meta(&self) -> &Meta;
    /// Where those of its kind are kept.
    fn shelf(cluster: &mut Cluster) -> &mut BTreeMap<Place, Self>;
}

macro_rules! objects {
    ($($type:ident in $shelf:ident),* $(,)?) => {$(
        impl Object for $type {
            const KIND: Kind = Kind::$type;

            fn meta(&self) -> &Meta {
                &self.metadata
            }

            fn shelf(cluster: &mut Cluster) -> &mut BTreeMap<Place, Self> {
                &mut cluster.$shelf
            }
        }
    )*};
}

objects! {
    Pod in pods, Service in services, Node in nodes, Namespace in namespaces, EndpointSlice in slices,
    Endpoints in endpoints, Ingress in ingresses,
}

/// Where something changed.
#[derive(Default)]
struct Changed(BTreeMap<Kind, BTreeSet<Place>>);

impl Changed {
    fn note(&mut self, kind: Kind, place: Place) {
        self.0.entry(kind).or_default().insert(place);
    }

    fn has(&self, kind: Kind, place: &Place) -> bool {
        self.0.get(&kind).is_some_and(|places| places.contains(place))
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = &Place> {
        self.0.get(&kind).into_iter().flatten()
    }

    /// Whether anything else changed than objects of this kind.
    fn beside(&self, kind: Kind) -> bool {
        self.0.keys().any(|changed| *changed != kind)
    }

    fn node(&self, name: &str) -> bool {
        self.has(Kind::Node, &(String::new(), name.to_owned()))
    }

    fn namespace(&self, name: &str) -> bool {
        self.has(Kind::Namespace, &(String::new(), name.to_owned()))
    }
}

impl Cluster {
    /// Takes the whole list of a kind, in one namespace or in all.
    pub(super) fn list<T: Object>(&mut self, namespace: Option<&str>, objects: Vec<T>) {
        let listed: BTreeSet<Place> = objects.iter().map(|object| object.meta().place()).collect();
        let is_here = |place: &Place| namespace.is_none_or(|namespace| place.0 == namespace);
        let known = T::shelf(self).keys();
        let gone: Vec<Place> =
            known.filter(|place| is_here(place) && !listed.contains(*place)).cloned().collect();
        gone.into_iter().for_each(|place| self.remove::<T>(place));
        objects.into_iter().for_each(|object| self.put(object));
    }

    /// Takes an object that is new or changed.
    pub(super) fn put<T: Object>(&mut self, object: T) {
        let place = object.meta().place();
        if T::shelf(self).get(&place) != Some(&object) {
            T::shelf(self).insert(place.clone(), object);
            self.changed.note(T::KIND, place);
        }
    }

    /// Forgets an object.
    pub(super) fn remove<T: Object>(&mut self, place: Place) {
        if T::shelf(self).remove(&place).is_some() {
            self.changed.note(T::KIND, place);
        }
    }

    /// The groups of a role that changed since this was last asked.
    pub(super) fn changed(&mut self, role: KubernetesRole) -> Vec<Group> {
        let changed = std::mem::take(&mut self.changed);
        let in_namespace = |meta: &Meta| changed.namespace(&meta.namespace);
        match role {
            KubernetesRole::Node => groups("node", &self.nodes, &changed, |_| false, roles::node),
            KubernetesRole::Pod => {
                let touched = |pod: &Pod| changed.node(&pod.spec.node_name) || in_namespace(&pod.metadata);
                groups("pod", &self.pods, &changed, touched, |pod| roles::pod(pod, self))
            }
            KubernetesRole::Service => {
                let touched = |service: &Service| in_namespace(&service.metadata);
                groups("svc", &self.services, &changed, touched, |service| roles::service(service, self))
            }
            KubernetesRole::EndpointSlice => {
                let touched = |slice: &EndpointSlice| touches_slice(&changed, slice);
                groups("endpointslice", &self.slices, &changed, touched, |slice| roles::slice(slice, self))
            }
            KubernetesRole::Endpoints => {
                let touched = |endpoints: &Endpoints| touches_endpoints(&changed, endpoints);
                groups("endpoints", &self.endpoints, &changed, touched, |endpoints| {
                    roles::endpoints(endpoints, self)
                })
            }
            KubernetesRole::Ingress => {
                let touched = |ingress: &Ingress| in_namespace(&ingress.metadata);
                groups("ingress", &self.ingresses, &changed, touched, |ingress| roles::ingress(ingress, self))
            }
        }
    }

    /// How many objects are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.pods.len() + self.services.len() + self.nodes.len() + self.slices.len() + self.ingresses.len()
    }
}

fn touches_slice(changed: &Changed, slice: &EndpointSlice) -> bool {
    let meta = &slice.metadata;
    let of_service = meta.labels.get(SERVICE_NAME).map(|name| (meta.namespace.clone(), name.clone()));
    changed.namespace(&meta.namespace)
        || of_service.is_some_and(|place| changed.has(Kind::Service, &place))
        || slice.endpoints.iter().any(|endpoint| {
            let of = endpoint.target_ref.as_ref();
            of.is_some_and(|of| changed.has(Kind::Pod, &(of.namespace.clone(), of.name.clone())))
                || of.is_some_and(|of| of.kind == "Node" && changed.node(&of.name))
                || endpoint.node_name.as_ref().is_some_and(|name| changed.node(name))
        })
}

fn touches_endpoints(changed: &Changed, endpoints: &Endpoints) -> bool {
    let meta = &endpoints.metadata;
    let mut addresses = endpoints
        .subsets
        .iter()
        .flat_map(|subset| subset.addresses.iter().chain(&subset.not_ready_addresses));
    changed.namespace(&meta.namespace)
        || changed.has(Kind::Service, &meta.place())
        || addresses.any(|address| {
            let of = address.target_ref.as_ref();
            of.is_some_and(|of| changed.has(Kind::Pod, &(of.namespace.clone(), of.name.clone())))
                || of.is_some_and(|of| of.kind == "Node" && changed.node(&of.name))
                || address.node_name.as_ref().is_some_and(|name| changed.node(name))
        })
}

fn groups<T: Object>(
    name: &str,
    objects: &BTreeMap<Place, T>,
    changed: &Changed,
    touched: impl Fn(&T) -> bool,
    make: impl Fn(&T) -> Group,
) -> Vec<Group> {
    let group = |place: &Place| match objects.get(place) {
        Some(object) => make(object),
        None => Group { source: source(name, place), ..Group::default() },
    };
    let mut groups: Vec<Group> = changed.of(T::KIND).map(group).collect();
    // Only what stands beside them makes it worth while to look at all.
    if changed.beside(T::KIND) {
        let others = objects.iter().filter(|(place, object)| !changed.has(T::KIND, place) && touched(object));
        groups.extend(others.map(|(_, object)| make(object)));
    }
    groups
}
