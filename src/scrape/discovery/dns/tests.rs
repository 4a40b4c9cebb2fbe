//! Against a name server of our own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use tokio::net::UdpSocket;

use super::*;

/// What the server answers to a type of record: the kind and data of each record, or a code of failure.
type Answers = BTreeMap<u16, Result<Vec<(u16, Vec<u8>)>, u8>>;

const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const MX: u16 = 15;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;

/// A server on UDP, which goes with the test's runtime.
struct Server {
    address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
}

impl Server {
    async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = socket.local_addr().expect("it is bound");
        let answers: Arc<Mutex<Answers>> = Arc::default();
        let known = answers.clone();
        tokio::spawn(async move {
            let mut question = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                let answer = answer(&question[..length], &known.lock().expect("no test panics under it"));
                let _ = socket.send_to(&answer, from).await;
            }
        });
        Self { address, answers }
    }

    fn set(&self, kind: u16, answer: Result<Vec<(u16, Vec<u8>)>, u8>) {
        self.answers.lock().expect("no test panics under it").insert(kind, answer);
    }

    fn resolver(&self) -> TokioResolver {
        let mut way = ConnectionConfig::udp();
        way.port = self.address.port();
        let server = NameServerConfig::new(self.address.ip(), true, vec![way]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        builder.options_mut().attempts = 0;
        build(builder).expect("good settings")
    }
}

/// RFC 1035: the head and the question again, then the records, whose name is that of the question.
fn answer(question: &[u8], answers: &Answers) -> Vec<u8> {
    let name = question[12..].iter().position(|byte| *byte == 0).expect("a name ends") + 13;
    let kind = u16::from_be_bytes([question[name], question[name + 1]]);
    let found = answers.get(&kind).cloned().unwrap_or(Err(NXDOMAIN));
    let (records, code) = match found {
        Ok(records) => (records, 0),
        Err(code) => (Vec::new(), code),
    };
    let mut bytes = question[..2].to_vec();
    bytes.extend([0x81, 0x80 | code, 0, 1]);
    bytes.extend(u16::try_from(records.len()).expect("few").to_be_bytes());
    bytes.extend([0, 0, 0, 0]);
    bytes.extend(&question[12..name + 4]);
    for (kind, data) in records {
        bytes.extend([0xc0, 12]);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 60]);
        bytes.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        bytes.extend(data);
    }
    bytes
}

fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.') {
        bytes.push(u8::try_from(label.len()).expect("short"));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn with(numbers: &[u16], host: &str) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).chain(name(host)).collect()
}

fn settings(kind: DnsRecord) -> DnsDiscovery {
    DnsDiscovery {
        names: vec!["_m._tcp.example.org.".to_owned()],
        kind,
        port: 9100,
        refresh_interval: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn each_kind_of_record_is_a_target() {
    let server = Server::start().await;
    server.set(
        SRV,
        Ok(vec![(SRV, with(&[1, 1, 8080], "b.example.org")), (SRV, with(&[0, 1, 80], "a.example.org"))]),
    );
    server.set(A, Ok(vec![(A, vec![10, 0, 0, 2]), (A, vec![10, 0, 0, 1])]));
    server.set(AAAA, Ok(vec![(AAAA, [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].to_vec())]));
    server.set(MX, Ok(vec![(MX, with(&[10], "mail.example.org"))]));
    server.set(NS, Ok(vec![(NS, name("ns.example.org"))]));
    let resolver = server.resolver();
    let check = async |kind, expected: &[&str]| {
        let settings = settings(kind);
        let group = group(&resolver, &settings.names[0], &settings).await.expect("an answer");
        assert_eq!(group.labels[META_NAME], settings.names[0]);
        let shown = group.targets.iter().map(|target| {
            let labels: Vec<String> = target
                .iter()
                .map(|(name, value)| format!("{}={value}", name.trim_start_matches("__meta_dns_")))
                .collect();
            labels.join(" ")
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{kind:?}");
    };
    check(
        DnsRecord::Srv,
        &[
            "__address__=a.example.org:80 srv_record_port=80 srv_record_target=a.example.org",
            "__address__=b.example.org:8080 srv_record_port=8080 srv_record_target=b.example.org",
        ],
    )
    .await;
    check(DnsRecord::A, &["__address__=10.0.0.1:9100", "__address__=10.0.0.2:9100"]).await;
    check(DnsRecord::Aaaa, &["__address__=[fd00::1]:9100"]).await;
    check(DnsRecord::Mx, &["__address__=mail.example.org:9100 mx_record_target=mail.example.org"]).await;
    check(DnsRecord::Ns, &["__address__=ns.example.org:9100 ns_record_target=ns.example.org"]).await;
}

#[tokio::test]
async fn a_name_that_is_gone_has_no_targets_and_one_that_cannot_be_asked_keeps_them() {
    let server = Server::start().await;
    let (resolver, settings) = (server.resolver(), settings(DnsRecord::A));
    let mut known = Known::default();
    let addresses = |known: &Known| known.0.values().map(|group| group.targets.len()).sum::<usize>();
    server.set(A, Err(SERVFAIL));
    assert_eq!(known.look_up(&resolver, &settings).await.len(), 1);
    assert!(known.0.is_empty(), "nothing is known of a name that never was answered");
    server.set(A, Ok(vec![(A, vec![10, 0, 0, 1])]));
    assert_eq!((known.look_up(&resolver, &settings).await, addresses(&known)), (Vec::new(), 1));
    server.set(A, Err(SERVFAIL));
    assert_eq!((known.look_up(&resolver, &settings).await.len(), addresses(&known)), (1, 1));
    // A name that exists and has no such record is an answer, too.
    server.set(A, Ok(Vec::new()));
    assert_eq!((known.look_up(&resolver, &settings).await, addresses(&known)), (Vec::new(), 0));
    server.set(A, Ok(vec![(CNAME, name("x.example.org")), (A, vec![10, 0, 0, 1])]));
    known.look_up(&resolver, &settings).await;
    server.set(A, Err(NXDOMAIN));
    assert_eq!((known.look_up(&resolver, &settings).await, addresses(&known)), (Vec::new(), 0));
}
