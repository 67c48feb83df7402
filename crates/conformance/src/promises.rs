//! The promises, by what they are about, and the macros that make tests of them.

pub mod bounds;
pub mod history;
pub mod keeping;
pub mod leases;
pub mod order;
pub mod streams;
pub mod time;

use crate::door::{Answer, Client, Door, End, Given, Kind, Message, QueueSpec};

/// One test per promise: `promises!(open(); module: name, name; …)`.
#[macro_export]
macro_rules! promises {
    ($open:expr; $($module:ident: $($name:ident),+ $(,)?);+ $(;)?) => {
        $($(
            #[test]
            fn $name() {
                $crate::promises::$module::$name(&mut $open);
            }
        )+)+
    };
}

/// One test of each promise there is, on a door that `$open` opens.
#[macro_export]
macro_rules! every_promise {
    ($open:expr) => {
        $crate::promises!($open;
            keeping:
                what_was_confirmed_survives_a_crash,
                what_was_acknowledged_does_not_come_back,
                nothing_appears_that_was_never_published,
                a_message_is_in_exactly_one_place,
                a_volatile_message_is_gone_after_a_restart,
                a_purge_survives,
                a_deleted_queue_stays_deleted;
            order:
                order_within_a_queue_holds,
                what_comes_back_takes_its_place,
                what_comes_back_to_a_quorum_queue_goes_to_the_front,
                priority_order_holds,
                urgent_messages_keep_their_turns,
                messages_of_a_group_come_one_at_a_time,
                a_returned_message_goes_before_the_rest_of_its_group,
                groups_and_priorities_go_together;
            leases:
                redelivery_is_told,
                a_lost_clients_messages_return_in_order,
                a_credit_is_not_exceeded,
                a_single_active_consumer_hands_over,
                redelivered_is_still_told_after_an_orderly_restart;
            history:
                what_fails_too_often_is_dead_lettered_with_its_history,
                failures_are_counted_over_interruptions,
                what_is_refused_is_dead_lettered_with_its_history,
                a_dead_letter_follows_blind_copies;
            time:
                a_time_to_live_ends_behind_the_head,
                a_time_to_live_goes_on_over_interruptions,
                a_queues_time_to_live_ends_though_nobody_looks,
                an_unused_queue_goes_though_nobody_looks,
                a_delayed_message_comes_in_time,
                a_delay_and_a_priority_go_together,
                a_queue_that_delays_goes_on_delaying,
                a_duplicate_is_dropped_within_its_window;
            bounds:
                a_full_queue_drops_its_oldest,
                a_full_queue_refuses_newcomers,
                a_full_queue_dead_letters_newcomers;
            streams:
                a_stream_keeps_everything,
                every_reader_has_its_own_place;
        );
    };
}

/// A body that tells its number.
fn body(number: usize) -> Vec<u8> {
    // Lengths differ, so that records are found by their own lengths and by nothing else.
    format!("message {number:05} {}", "x".repeat(number * 37 % 300)).into_bytes()
}

fn message(number: usize) -> Message {
    Message::new(body(number))
}

fn numbered(numbers: impl IntoIterator<Item = usize>) -> Vec<Message> {
    numbers.into_iter().map(message).collect()
}

/// The number of a body; the body has to be right in every byte.
fn number(given: &Given) -> usize {
    let text = std::str::from_utf8(&given.body).expect("a body as it was published");
    let number = text.get(8..13).and_then(|n| n.parse().ok()).expect("a body as it was published");
    assert_eq!(given.body, body(number), "a body as it was published");
    number
}

/// Publishes and expects to hear that it is safe.
fn confirmed(door: &mut dyn Door, queue: &str, messages: &[Message]) {
    let answers = door.publish(queue, messages);
    assert_eq!(answers, vec![Answer::Confirmed; messages.len()], "confirms from {queue}");
}

fn plain(door: &mut dyn Door, name: &str, kind: Kind) {
    door.declare(&QueueSpec::new(name, kind));
}

/// The next message, which must be there.
fn take(door: &mut dyn Door, client: Client, queue: &str) -> Given {
    door.fetch(client, queue).unwrap_or_else(|| panic!("{queue} has nothing more"))
}

/// Takes and acknowledges everything, in order.
fn drain(door: &mut dyn Door, queue: &str) -> Vec<Given> {
    let client = door.connect();
    let mut all = Vec::new();
    while let Some(given) = door.fetch(client, queue) {
        door.end(given.lease, End::Ack);
        all.push(given);
    }
    door.disconnect(client);
    all
}

/// Takes and acknowledges everything; its numbers, in order.
fn drain_numbers(door: &mut dyn Door, queue: &str) -> Vec<usize> {
    drain(door, queue).iter().map(number).collect()
}
