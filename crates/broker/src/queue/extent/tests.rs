use super::*;

fn stored(base: u64, count: u32, at: u32, span: u32) -> Extent {
    let at = Position::new(1, at);
    Extent {
        base,
        at,
        count,
        live: count,
        span,
        own: span,
        time_s: 0,
        stored: true,
        volatile: false,
        synced: false,
        encoding: Encoding::Canonical,
        data: None,
    }
}

#[test]
fn offsets_are_found_over_gaps_and_after_removals() {
    let mut stream = Stream::default();
    for (base, count) in [(0, 3), (3, 1), (10, 5)] {
        stream.push(stored(base, count, base as u32 * 100 + 1, 50));
    }
    assert_eq!(stream.next, 15);
    let found: Vec<_> = [0, 2, 3, 5, 10, 14, 15].map(|o| stream.find(o)).into();
    assert_eq!(found, [Some(0), Some(0), Some(1), None, Some(2), Some(2), None]);
    stream.pop_front();
    assert_eq!((stream.find(0), stream.find(3), stream.number_of(5)), (None, Some(1), 2));
}

#[test]
#[should_panic(expected = "was given out before")]
fn an_offset_is_never_given_out_twice() {
    let mut stream = Stream::default();
    stream.push(stored(5, 2, 0, 10));
    stream.push(stored(6, 1, 20, 10));
}

#[test]
fn close_neighbours_merge_and_places_find_their_way() {
    let mut stream = Stream::default();
    let mut place = Place::at(0);
    for i in 0..100u64 {
        stream.push(stored(i, 1, i as u32 * 120, 100));
        if i == 57 {
            place = Place::at(57);
            assert!(stream.settle_place(&mut place).is_some());
        }
        stream.merge_back(stream.end_number() - 1);
    }
    assert_eq!(stream.extents().len(), 1);
    let merged = stream.extents().next().expect("there");
    assert_eq!((merged.base, merged.count, merged.live, merged.own), (0, 100, 100, 10_000));
    assert_eq!(merged.span, 99 * 120 + 100);
    let number = stream.settle_place(&mut place).expect("found again");
    assert_eq!((stream.extent(number).expect("there").base, place.offset), (0, 57));
}

#[test]
fn sparse_or_distant_neighbours_stay_apart() {
    let mut stream = Stream::default();
    stream.push(stored(0, 1, 0, 100));
    stream.push(stored(1, 1, 1_000, 100));
    stream.push(stored(2, 1, 2_000, 100));
    stream.merge_back(2);
    assert_eq!(stream.extents().len(), 3, "200 bytes in 1100 are too sparse");
}

#[test]
fn history_and_live_messages_stay_apart() {
    let mut stream = Stream::default();
    for i in 0..4u64 {
        stream.push(Extent { live: u32::from(i > 1), ..stored(i, 1, i as u32 * 100, 100) });
    }
    for number in (1..4).rev() {
        stream.merge_back(number);
    }
    assert_eq!(
        stream.extents().map(|e| (e.base, e.count, e.live)).collect::<Vec<_>>(),
        [(0, 2, 0), (2, 2, 2)]
    );
}
