//! A minimal AMQP server for the tests of the generator: queues in memory, a thread a connection, no prefetch.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use anymq_amqp::wire::methods::{basic, channel, confirm, connection, exchange, queue};
use anymq_amqp::wire::{Deliver, Encode, Method, Payload, parse_frame};

const FRAME_MAX: u32 = 8192;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    consumer: Option<Arc<Mutex<TcpStream>>>,
    delivered: u64,
}

#[derive(Default)]
struct State {
    queues: BTreeMap<String, Queue>,
    fanouts: BTreeMap<String, BTreeSet<String>>,
    acked: u64,
    log: Vec<&'static str>,
}

/// Counts and names that a test looks at afterwards.
#[derive(Clone, Default)]
pub(super) struct StandIn(Arc<Mutex<State>>);

impl StandIn {
    /// Serves on a free port, for as long as the test's process lives.
    pub(super) fn start() -> (StandIn, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let server = StandIn::default();
        let accepted = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let server = accepted.clone();
                thread::spawn(move || Peer::new(server, stream).serve());
            }
        });
        (server, port)
    }

    pub(super) fn acked(&self) -> u64 {
        self.0.lock().expect("no panic").acked
    }

    pub(super) fn waiting(&self) -> usize {
        self.0.lock().expect("no panic").queues.values().map(|queue| queue.waiting.len()).sum()
    }

    /// Names of queues and exchanges there are.
    pub(super) fn names(&self) -> Vec<String> {
        let state = self.0.lock().expect("no panic");
        state.queues.keys().chain(state.fanouts.keys()).cloned().collect()
    }

    pub(super) fn heard(&self, method: &str) -> usize {
        self.0.lock().expect("no panic").log.iter().filter(|name| **name == method).count()
    }
}

struct Peer {
    server: StandIn,
    stream: TcpStream,
    writer: Arc<Mutex<TcpStream>>,
    /// Exchange and routing key of the message that is arriving, its body, and the bytes to come.
    target: (String, String),
    body: Vec<u8>,
    rest: u64,
    published: u64,
    confirms: bool,
}

impl Peer {
    fn new(server: StandIn, stream: TcpStream) -> Peer {
        let writer = Arc::new(Mutex::new(stream.try_clone().expect("a second handle")));
        let target = (String::new(), String::new());
        Peer { server, stream, writer, target, body: Vec::new(), rest: 0, published: 0, confirms: false }
    }

    fn serve(mut self) {
        let mut inbox = vec![0; 8];
        self.stream.read_exact(&mut inbox).expect("the protocol header");
        self.send(0, &connection::Start { mechanisms: b"PLAIN", locales: b"en_US", ..Default::default() });
        inbox.clear();
        let mut piece = [0; 8192];
        while let Ok(read @ 1..) = self.stream.read(&mut piece) {
            inbox.extend_from_slice(&piece[..read]);
            let mut done = 0;
            while let Some((frame, bytes)) = parse_frame(&inbox[done..], FRAME_MAX).expect("good frames") {
                match frame.payload {
                    Payload::Method(method) => self.method(method.decode().expect("a good method")),
                    Payload::Header(header) => self.rest = header.body_size,
                    Payload::Body(body) => self.piece(body),
                    Payload::Heartbeat => {}
                }
                done += bytes;
            }
            inbox.drain(..done);
        }
    }

    fn send(&self, channel: u16, method: &impl Encode) {
        let mut out = Vec::new();
        method.encode(channel, &mut out);
        // A client that has gone is no failure of the server.
        let _ = self.writer.lock().expect("no panic").write_all(&out);
    }

    fn method(&mut self, method: Method<'_>) {
        let server = self.server.clone();
        let mut state = server.0.lock().expect("no panic");
        state.log.push(method.name());
        match method {
            Method::ConnectionStartOk(_) => {
                self.send(0, &connection::Tune { channel_max: 16, frame_max: FRAME_MAX, heartbeat: 60 });
            }
            Method::ConnectionOpen(_) => self.send(0, &connection::OpenOk::default()),
            Method::ConnectionClose(_) => self.send(0, &connection::CloseOk::default()),
            Method::ChannelOpen(_) => self.send(1, &channel::OpenOk::default()),
            Method::ConfirmSelect(_) => {
                self.confirms = true;
                self.send(1, &confirm::SelectOk::default());
            }
            Method::QueueDeclare(declare) => {
                state.queues.entry(declare.queue.to_owned()).or_default();
                self.send(1, &queue::DeclareOk { queue: declare.queue, ..Default::default() });
            }
            Method::QueueDelete(delete) => {
                state.queues.remove(delete.queue);
                self.send(1, &queue::DeleteOk::default());
            }
            Method::ExchangeDeclare(declare) => {
                state.fanouts.entry(declare.exchange.to_owned()).or_default();
                self.send(1, &exchange::DeclareOk::default());
            }
            Method::ExchangeDelete(delete) => {
                state.fanouts.remove(delete.exchange);
                self.send(1, &exchange::DeleteOk::default());
            }
            Method::QueueBind(bind) => {
                let bound = state.fanouts.get_mut(bind.exchange).expect("declared before");
                bound.insert(bind.queue.to_owned());
                self.send(1, &queue::BindOk::default());
            }
            Method::BasicQos(_) => self.send(1, &basic::QosOk::default()),
            Method::BasicConsume(consume) => {
                let queue = state.queues.get_mut(consume.queue).expect("declared before");
                queue.consumer = Some(self.writer.clone());
                self.send(1, &basic::ConsumeOk { consumer_tag: "c" });
            }
            Method::BasicPublish(publish) => {
                self.target = (publish.exchange.to_owned(), publish.routing_key.to_owned());
            }
            Method::BasicAck(_) => state.acked += 1,
            _ => {}
        }
    }

    fn piece(&mut self, body: &[u8]) {
        self.body.extend_from_slice(body);
        self.rest -= body.len() as u64;
        if self.rest > 0 {
            return;
        }
        let body = std::mem::take(&mut self.body);
        let server = self.server.clone();
        let mut state = server.0.lock().expect("no panic");
        let (exchange, key) = &self.target;
        let queues = state.fanouts.get(exchange).cloned().unwrap_or_else(|| BTreeSet::from([key.clone()]));
        for name in queues {
            let queue = state.queues.get_mut(&name).expect("declared before");
            queue.put(&body);
        }
        self.published += 1;
        if self.confirms {
            self.send(1, &basic::Ack { delivery_tag: self.published, multiple: false });
        }
    }
}

impl Queue {
    fn put(&mut self, body: &[u8]) {
        let Some(consumer) = &self.consumer else {
            self.waiting.push_back(body.to_owned());
            return;
        };
        self.delivered += 1;
        let mut out = Vec::new();
        let delivery_tag = self.delivered;
        let (consumer_tag, exchange, routing_key, props) = (&b"c"[..], &b""[..], &b"q"[..], &[0, 0][..]);
        Deliver {
            channel: 1,
            consumer_tag,
            delivery_tag,
            redelivered: false,
            exchange,
            routing_key,
            props,
            body,
        }
        .encode(FRAME_MAX, &mut out);
        let _ = consumer.lock().expect("no panic").write_all(&out);
    }
}
