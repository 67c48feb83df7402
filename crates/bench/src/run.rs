//! One measurement: set up, load, measure, clear away.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::clock::{Clock, Nanos, SECOND};
use crate::consumer::Consumer;
use crate::control::Control;
use crate::live::Live;
use crate::load::Load;
use crate::process::{self, Usage};
use crate::producer::{Producer, Schedule};
use crate::progress::Progress;
use crate::result::{Measurement, Span, Tally};
use crate::target::Target;
use crate::worker::{self, Goal, Member};

/// From the set-up to the first message.
const HEAD_START: Nanos = SECOND / 20;
/// Longest wait for what is on its way when the measured time is over.
const GRACE: Nanos = 5 * SECOND;
/// How often the watching thread looks.
const LOOK: Duration = Duration::from_millis(10);

/// A server and how to treat it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) target: Target,
    /// Whose CPU and memory to measure.
    pub(crate) pid: Option<u32>,
}

/// Names on the server, and whether they stay.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) prefix: String,
    pub(crate) keep: bool,
}

impl Names {
    fn queue(&self, index: u32) -> String {
        format!("{}-{index}", self.prefix)
    }

    fn exchange(&self) -> String {
        format!("{}-fanout", self.prefix)
    }
}

/// Runs `load` against `server` once.
///
/// # Errors
/// A connection that fails, a server that refuses something.
pub(crate) fn measure(
    server: &Server,
    load: &Load,
    names: &Names,
    progress: &Progress,
) -> Result<Measurement> {
    load.validate()?;
    let clock = Clock::start();
    set_up(&server.target, load, names)?;
    let outcome = under_load(server, load, names, progress, clock);
    // Cleared away also after a failure; the first error is the one to tell.
    let cleared = if names.keep { Ok(()) } else { clear_away(&server.target, load, names) };
    let measurement = outcome?;
    cleared?;
    Ok(measurement)
}

fn set_up(target: &Target, load: &Load, names: &Names) -> Result<()> {
    let mut control = Control::open(target)?;
    if load.fanout {
        control.declare_fanout(&names.exchange(), load.durable)?;
    }
    for index in 0..load.queues {
        let queue = names.queue(index);
        control.declare_queue(&queue, load.durable, load.queue_type.name())?;
        if load.fanout {
            control.bind(&queue, &names.exchange())?;
        }
    }
    control.close()
}

fn clear_away(target: &Target, load: &Load, names: &Names) -> Result<()> {
    let mut control = Control::open(target)?;
    for index in 0..load.queues {
        control.delete_queue(&names.queue(index))?;
    }
    if load.fanout {
        control.delete_exchange(&names.exchange())?;
    }
    control.close()
}

/// The numbers of the queues that client `index` of `clients` uses: at least one, all clients together all of them.
fn share(index: u32, clients: u32, queues: u32) -> Vec<u32> {
    if clients >= queues { vec![index % queues] } else { (index..queues).step_by(clients as usize).collect() }
}

fn under_load(
    server: &Server,
    load: &Load,
    names: &Names,
    progress: &Progress,
    clock: Clock,
) -> Result<Measurement> {
    let consumers = connect_consumers(&server.target, load, names)?;
    let controls = connect_producers(&server.target, load)?;

    let nanos = |span: Duration| Nanos::try_from(span.as_nanos()).unwrap_or(Nanos::MAX / 4);
    let start = clock.now() + HEAD_START;
    let from = start + nanos(load.warmup);
    let mut live = Live::new(clock, start, from, from + nanos(load.duration), GRACE);
    live.copies = load.copies();
    live.backlog = if load.backlog > 0 { load.backlog } else { u64::MAX };
    let producers = producers(controls, load, names, start)?;
    let goal = Goal {
        producers: u64::from(load.producers),
        copies: if load.consumers > 0 { load.copies() } else { 0 },
    };

    let (tally, watched) = thread::scope(|scope| {
        let workers: Vec<_> = [producers, consumers]
            .into_iter()
            .filter(|members| !members.is_empty())
            .map(|members| scope.spawn(|| worker::run(members, goal, &live)))
            .collect();
        let watched =
            watch(server, load, &live, progress, || workers.iter().all(|worker| worker.is_finished()));
        let mut sum = Tally::new()?;
        for worker in workers {
            let tally = worker.join().map_err(|_| anyhow!("a worker panicked"))??;
            sum.add(&tally)?;
        }
        anyhow::Ok((sum, watched?))
    })?;

    let seconds = watched.seconds;
    let missing = if load.consumers > 0 && load.producers > 0 {
        (live.published.load(Relaxed) * load.copies()).saturating_sub(live.delivered.load(Relaxed))
    } else {
        0
    };
    Ok(Measurement::new(load, seconds, &tally, missing, watched.server, watched.generator))
}

fn connect_consumers(target: &Target, load: &Load, names: &Names) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    for index in 0..load.consumers {
        let mut control = Control::open(target)?;
        if !load.auto_ack {
            control.qos(load.prefetch)?;
        }
        for queue in share(index, load.consumers, load.queues) {
            control.consume(&names.queue(queue), load.auto_ack)?;
        }
        members.push(Member::Consumer(Consumer::new(control.into_connection()?, load)));
    }
    Ok(members)
}

fn connect_producers(target: &Target, load: &Load) -> Result<Vec<Control>> {
    let mut controls = Vec::new();
    for _ in 0..load.producers {
        let mut control = Control::open(target)?;
        if load.confirm > 0 {
            control.confirm()?;
        }
        controls.push(control);
    }
    Ok(controls)
}

fn producers(controls: Vec<Control>, load: &Load, names: &Names, start: Nanos) -> Result<Vec<Member>> {
    let exchange = names.exchange();
    let count = u64::from(load.producers);
    let mut members = Vec::new();
    for (index, control) in (0..load.producers).zip(controls) {
        let queues: Vec<String> =
            share(index, load.producers, load.queues).iter().map(|queue| names.queue(*queue)).collect();
        let routes: Vec<(&str, &str)> = if load.fanout {
            vec![(&exchange, "")]
        } else {
            queues.iter().map(|queue| ("", queue.as_str())).collect()
        };
        let limit = match load.messages {
            0 => u64::MAX,
            all => all / count + u64::from(u64::from(index) < all % count),
        };
        // Producers take turns, so that the sum is as even as one producer would be.
        let phase = f64::from(index) / count as f64;
        let schedule = (load.rate > 0).then(|| Schedule::new(start, load.rate as f64 / count as f64, phase));
        let connection = control.into_connection()?;
        members.push(Member::Producer(Producer::new(connection, load, &routes, limit, schedule)?));
    }
    Ok(members)
}

/// What the watching thread saw.
struct Watched {
    seconds: f64,
    server: Option<Span>,
    generator: Span,
}

/// Sees the run through: notes the usage at both ends of the measured time, ends it early when the wanted number of
/// messages is through, draws the progress.
fn watch(
    server: &Server,
    load: &Load,
    live: &Live,
    progress: &Progress,
    finished: impl Fn() -> bool,
) -> Result<Watched> {
    let pids = [server.pid, Some(std::process::id())];
    let look = || -> Result<[Option<Usage>; 2]> {
        let mut usages = [None; 2];
        for (usage, pid) in usages.iter_mut().zip(pids) {
            *usage = pid.map(process::usage).transpose()?;
        }
        Ok(usages)
    };
    let watched = (|| {
        while live.clock.now() < live.measure_from && !finished() {
            live.clock.pause(LOOK);
            progress.draw(live);
        }
        let (before, from) = (look()?, live.clock.now());
        let (mut resident_max, mut looked) = ([0; 2], from);
        while live.clock.now() < live.measure_to() && !finished() {
            live.clock.pause(LOOK);
            progress.draw(live);
            if live.clock.now() > looked + SECOND {
                looked = live.clock.now();
                for (max, usage) in resident_max.iter_mut().zip(look()?) {
                    *max = usage.map_or(0, |usage| usage.resident.max(*max));
                }
            }
            if is_through(load, live) {
                live.end(live.clock.now(), GRACE);
            }
        }
        let (after, to) = (look()?, live.clock.now());
        while !finished() {
            live.clock.pause(LOOK);
            progress.draw(live);
        }
        let span = |index: usize| {
            let (before, after): (Usage, Usage) = (before[index]?, after[index]?);
            Some(Span { before, after, resident_max: resident_max[index] })
        };
        let generator = span(1).context("this process has no /proc entry")?;
        Ok(Watched { seconds: (to - from) as f64 / SECOND as f64, server: span(0), generator })
    })();
    progress.clear();
    if watched.is_err() {
        live.failed.store(true, Relaxed);
    }
    watched
}

/// Whether the number of messages asked for has been published, or consumed.
fn is_through(load: &Load, live: &Live) -> bool {
    let wanted = load.messages * load.copies();
    let consumed = live.delivered.load(Relaxed) >= wanted;
    let published = live.producers_done.load(Relaxed) == u64::from(load.producers);
    load.messages > 0 && (load.consumers == 0 || consumed) && (load.producers == 0 || published)
}

#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
