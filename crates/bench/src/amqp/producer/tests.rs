use anymq_amqp::wire::parse_frame;

use super::*;

fn settle(window: &mut Window, tag: u64, multiple: bool) -> Vec<Nanos> {
    let mut heard = Vec::new();
    window.settle(tag, multiple, |due| heard.push(due)).expect("a published tag");
    heard
}

#[test]
fn confirms_are_matched_in_any_order_and_once() {
    let mut window = Window::new(4);
    (1..=4).for_each(|n| window.push(n * 10));
    assert!(!window.has_room());
    assert_eq!(settle(&mut window, 3, false), [30]);
    assert!(settle(&mut window, 3, false).is_empty());
    assert!(window.has_room());
    assert_eq!(settle(&mut window, 4, true), [10, 20, 40]);
    assert_eq!((window.low, window.outstanding), (5, 0));
    assert!(window.settle(5, false, |_| ()).is_err());
    assert!(window.settle(0, false, |_| ()).is_err());
    window.push(50);
    assert_eq!(settle(&mut window, 0, true), [50]);
}

#[test]
fn one_late_confirm_bounds_the_window() {
    let mut window = Window::new(4);
    let mut pushed = 0;
    while window.has_room() {
        window.push(1);
        pushed += 1;
        if pushed > 1 {
            settle(&mut window, pushed, false);
        }
        assert!(pushed <= 8);
    }
    assert_eq!(pushed, 8);
    assert_eq!(settle(&mut window, 1, false), [1]);
    assert_eq!((window.low, window.outstanding, window.has_room()), (9, 0, true));
}

#[test]
fn a_template_is_a_publish_with_the_time_in_its_body() {
    for size in [8, 100, 10_000] {
        let load = Load { size, persistent: true, ..Load::default() };
        let template = Template::new(&load, ("ex", "key"), 4096).expect("valid");
        let mut out = vec![0xCE];
        template.write(0x0102_0304_0506_0708, &mut out);

        let mut rest = &out[1..];
        let mut body = Vec::new();
        let mut head = Vec::new();
        while let Some((frame, bytes)) = parse_frame(rest, 4096).expect("valid frames") {
            match frame.payload {
                Payload::Method(method) => {
                    let publish = basic::Publish::decode(method.args).expect("a publish");
                    head.push(format!("{}/{}", publish.exchange, publish.routing_key));
                }
                Payload::Header(header) => {
                    let mode = Properties::decode(header.props).expect("properties").delivery_mode;
                    head.push(format!("{} {mode:?}", header.body_size));
                }
                Payload::Body(piece) => body.extend_from_slice(piece),
                Payload::Heartbeat => panic!("no heartbeat"),
            }
            rest = &rest[bytes..];
        }
        assert_eq!(head, ["ex/key".to_owned(), format!("{size} Some(2)")]);
        assert_eq!(body[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!((body.len(), rest.len()), (size as usize, 0));
    }
}
