//! One measurement: set up, load, measure, clear away.

use std::fmt::{Debug, Display};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::clock::{Clock, Nanos, SECOND};
use crate::live::Live;
use crate::load::{Load, Plan};
use crate::process::{self, Usage};
use crate::progress::Progress;
use crate::result::{Measurement, Span, Tally};
use crate::worker::{self, Goal, Member};

/// From the set-up to the first message.
const HEAD_START: Nanos = SECOND / 20;
/// Longest wait for what is on its way when the measured time is over.
const GRACE: Nanos = 5 * SECOND;
/// How often the watching thread looks.
const LOOK: Duration = Duration::from_millis(10);

/// What a protocol has to bring: the rest is the same for all.
pub(crate) trait Protocol {
    type Load: Load;
    /// A server's address.
    type Target: Clone + Debug + Display;
    /// What the set-up found out.
    type Ground;
    type Producer: Member;
    type Consumer: Member;

    /// Reads a URL.
    fn target(url: &str) -> Result<Self::Target>;

    /// Makes on the server what the load needs.
    fn set_up(target: &Self::Target, load: &Self::Load, names: &Names) -> Result<Self::Ground>;

    /// Connects those who consume; they are there before the first message.
    fn consumers(site: &Site<'_, Self>) -> Result<Vec<Self::Consumer>>;

    /// Connects those who produce.
    fn producers(site: &Site<'_, Self>) -> Result<Vec<Self::Producer>>;

    /// Takes away from the server what the set-up made.
    fn clear_away(target: &Self::Target, load: &Self::Load, names: &Names) -> Result<()>;
}

/// Where a load runs.
pub(crate) struct Site<'a, P: Protocol + ?Sized> {
    pub(crate) target: &'a P::Target,
    pub(crate) load: &'a P::Load,
    pub(crate) names: &'a Names,
    pub(crate) ground: &'a P::Ground,
}

/// A server and how to treat it.
#[derive(Clone, Debug)]
pub(crate) struct Server<T> {
    pub(crate) target: T,
    /// Whose CPU and memory to measure.
    pub(crate) pid: Option<u32>,
}

/// Names on the server, and whether they stay.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) prefix: String,
    pub(crate) keep: bool,
}

/// Runs `load` against `server` once.
///
/// # Errors
/// A connection that fails, a server that refuses something.
pub(crate) fn measure<P: Protocol>(
    server: &Server<P::Target>,
    load: &P::Load,
    names: &Names,
    progress: &Progress,
) -> Result<Measurement<P::Load>> {
    load.validate()?;
    let clock = Clock::start();
    let ground = P::set_up(&server.target, load, names)?;
    let run = |load: &P::Load| {
        let site = Site::<P> { target: &server.target, load, names, ground: &ground };
        under_load(server.pid, &site, progress, clock)
    };
    let before = load.before().map_or(Ok(()), |before| run(&before).map(drop));
    let outcome = before.and_then(|()| run(load));
    // Cleared away also after a failure; the first error is the one to tell.
    let cleared = if names.keep { Ok(()) } else { P::clear_away(&server.target, load, names) };
    let measurement = outcome?;
    cleared?;
    Ok(measurement)
}

/// The numbers of the queues that client `index` of `clients` uses: at least one, all clients together all of them.
pub(crate) fn share(index: u32, clients: u32, queues: u32) -> Vec<u32> {
    if clients >= queues { vec![index % queues] } else { (index..queues).step_by(clients as usize).collect() }
}

/// What of `messages` producer `index` of `count` publishes; without a number there is no limit.
pub(crate) fn limit(messages: u64, index: u32, count: u32) -> u64 {
    let (index, count) = (u64::from(index), u64::from(count));
    if messages == 0 { u64::MAX } else { messages / count + u64::from(index < messages % count) }
}

fn under_load<P: Protocol>(
    pid: Option<u32>,
    site: &Site<'_, P>,
    progress: &Progress,
    clock: Clock,
) -> Result<Measurement<P::Load>> {
    let plan = site.load.plan();
    let consumers = P::consumers(site)?;
    let producers = P::producers(site)?;

    let nanos = |span: Duration| Nanos::try_from(span.as_nanos()).unwrap_or(Nanos::MAX / 4);
    let start = clock.now() + HEAD_START;
    let from = start + nanos(plan.warmup);
    let mut live = Live::new(clock, start, from, from + nanos(plan.duration), GRACE);
    live.copies = plan.copies;
    live.backlog = if plan.backlog > 0 { plan.backlog } else { u64::MAX };
    let goal = Goal {
        producers: producers.len() as u64,
        copies: if consumers.is_empty() { 0 } else { plan.copies },
    };

    let (tally, watched) = thread::scope(|scope| {
        let live = &live;
        let mut workers = Vec::new();
        if !producers.is_empty() {
            workers.push(scope.spawn(move || worker::run(producers, goal, live)));
        }
        if !consumers.is_empty() {
            workers.push(scope.spawn(move || worker::run(consumers, goal, live)));
        }
        let finished = || workers.iter().all(|worker| worker.is_finished());
        let watched = watch(pid, &plan, goal, live, progress, finished);
        let mut sum = Tally::new()?;
        for worker in workers {
            let tally = worker.join().map_err(|_| anyhow!("a worker panicked"))??;
            sum.add(&tally)?;
        }
        anyhow::Ok((sum, watched?))
    })?;

    let missing = if plan.consumers > 0 && plan.producers > 0 {
        (live.published.load(Relaxed) * plan.copies).saturating_sub(live.delivered.load(Relaxed))
    } else {
        0
    };
    let Watched { seconds, server, generator } = watched;
    Ok(Measurement::new(site.load, seconds, &tally, missing, server, generator))
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
    pid: Option<u32>,
    plan: &Plan,
    goal: Goal,
    live: &Live,
    progress: &Progress,
    finished: impl Fn() -> bool,
) -> Result<Watched> {
    let pids = [pid, Some(std::process::id())];
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
            if is_through(plan, goal, live) {
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
fn is_through(plan: &Plan, goal: Goal, live: &Live) -> bool {
    let wanted = plan.messages * plan.copies;
    let consumed = live.delivered.load(Relaxed) >= wanted;
    let published = live.producers_done.load(Relaxed) == goal.producers;
    plan.messages > 0 && (plan.consumers == 0 || consumed) && (plan.producers == 0 || published)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_queues_are_spread_over_each_other() {
        assert_eq!(share(0, 1, 3), [0, 1, 2]);
        assert_eq!(share(1, 2, 5), [1, 3]);
        assert_eq!(share(4, 5, 2), [0]);
        for (clients, queues) in [(1, 1), (3, 7), (7, 3), (4, 4)] {
            let mut used: Vec<u32> = (0..clients).flat_map(|index| share(index, clients, queues)).collect();
            used.sort_unstable();
            used.dedup();
            assert_eq!(used, (0..queues).collect::<Vec<_>>(), "{clients} {queues}");
        }
    }

    #[test]
    fn producers_publish_what_was_asked_for_together() {
        assert_eq!([limit(10, 0, 3), limit(10, 1, 3), limit(10, 2, 3)], [4, 3, 3]);
        assert_eq!(limit(0, 2, 3), u64::MAX);
    }
}
