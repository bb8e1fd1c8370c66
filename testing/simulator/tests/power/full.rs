//! A disk that is full: refused as such, reads go on, and so does the work when there is room.

use earmark_contracts::allocation::ListStock;
use earmark_kernel::runtime::drive;
use earmark_kernel::{Bus, Failure};
use earmark_stores::faults::Disk;

use crate::cuts::{Run, each_answer_is_kept_once};
use crate::orders::COUNT;
use crate::world::{Said, open, place, records, send, sound};

/// Room that is left on the disk, bytes: from none to what a few dozen orders need.
const ROOMS: [u64; 9] = [0, 1, 511, 4_095, 4_120, 8_000, 20_000, 40_000, 66_000];
/// What takes several commands.
const PROCEDURES: [&str; 4] = [
    "allocation.create_batch",
    "allocation.hold",
    "allocation.confirm_hold",
    "allocation.release_hold",
];
/// So often an order is tried while there is no room.
const TRIES: usize = 3;
/// The views are flushed after so many orders, where there is room.
const FLUSH_AFTER_COMMANDS: usize = 9;

#[test]
fn a_full_disk_is_told_and_passes() {
    let run = Run::recorded((0..COUNT).map(|index| index..index + 1).collect());
    let mut refused = 0;
    for room in ROOMS {
        refused += fill(&run, room).unwrap_or_else(|why| panic!("room for {room} bytes: {why}"));
    }
    println!("{} disks were full, {refused} orders refused meanwhile", ROOMS.len());
}

/// Leaves less and less room as the orders come; says how many were refused for want of it.
fn fill(run: &Run, room: u64) -> Result<usize, String> {
    let place = place();
    let disk = Disk::under(place.path()).unwrap();
    let bus = open(place.path())?;
    let mut refused = 0;
    for (index, order) in run.orders.iter().enumerate() {
        if index % 50 == 20 {
            disk.leave_room(Some(room));
        }
        let (mut said, _) = drive(&bus, send(&bus, index, order));
        let mut tries = 0;
        while !matches!(said, Said::Answered(_)) {
            match &said {
                Said::Failed(Failure::StorageFull(_)) => {}
                // What takes several commands broke off between them.
                Said::Unknown if PROCEDURES.contains(&order.name) => {}
                other => return Err(format!("{} ended {other:?}", order.json)),
            }
            refused += 1;
            tries += 1;
            reads_go_on(&bus)?;
            // Views that have no room are flushed later.
            let _ = bus.flush();
            if tries == TRIES {
                disk.leave_room(None);
            }
            (said, _) = drive(&bus, send(&bus, index, order));
        }
        if said != run.said[index] {
            return Err(format!("{} ended {said:?}", order.json));
        }
        if index % FLUSH_AFTER_COMMANDS == 0 {
            let _ = bus.flush();
        }
    }
    disk.leave_room(None);
    bus.flush().map_err(|e| e.to_string())?;
    sound(&bus, place.path())?;
    each_answer_is_kept_once(&records(&bus))?;
    drop(bus);
    sound(&open(place.path())?, place.path())?;
    if refused == 0 {
        return Err("the disk was never full".to_owned());
    }
    Ok(refused)
}

fn reads_go_on(bus: &Bus) -> Result<(), String> {
    let page = bus
        .ask(ListStock { after: None, limit: 9 })
        .map_err(|e| format!("a question failed: {e}"))?;
    assert!(!page.is_empty());
    bus.feed("allocation", 0, 0, 10).map_err(|e| format!("the feed failed: {e}"))?;
    Ok(())
}
