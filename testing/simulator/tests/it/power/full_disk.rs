//! A full disk: commands are refused with the reason, reads continue, and so do commands once there
//! is room.

use earmark_contracts::allocation::ListStock;
use earmark_kernel::runtime::drive;
use earmark_kernel::{Bus, Failure};
use earmark_stores::faults::Disk;

use super::commands::COMMANDS;
use super::power_cuts::{Run, each_key_has_one_answer};
use super::service::{Outcome, check_integrity, open, records, send, temp_folder};

/// Bytes left on the disk: from none to what a few dozen commands need.
const ROOMS: [u64; 9] = [0, 1, 511, 4_095, 4_120, 8_000, 20_000, 40_000, 66_000];
/// Commands that are procedures: they send several commands.
const PROCEDURES: [&str; 4] = [
    "allocation.create_batch",
    "allocation.hold",
    "allocation.confirm_hold",
    "allocation.release_hold",
];
/// Number of attempts before room is made.
const TRIES: usize = 3;
/// The views are flushed once in this number of commands, if there is room.
const FLUSH_AFTER_COMMANDS: usize = 9;

#[test]
fn a_full_disk_is_reported_and_work_continues_once_there_is_room() {
    let run = Run::recorded((0..COMMANDS).map(|index| index..index + 1).collect());
    let mut refused = 0;
    for room in ROOMS {
        refused += fill(&run, room).unwrap_or_else(|why| panic!("room for {room} bytes: {why}"));
    }
    println!("{} full disks, {refused} commands refused", ROOMS.len());
}

/// Limits the room several times during the commands; returns how many were refused.
fn fill(run: &Run, room: u64) -> Result<usize, String> {
    let folder = temp_folder();
    let disk = Disk::under(folder.path()).unwrap();
    let bus = open(folder.path())?;
    let mut refused = 0;
    for (index, command) in run.commands.iter().enumerate() {
        if index % 50 == 20 {
            disk.leave_room(Some(room));
        }
        let (mut outcome, _) = drive(&bus, send(&bus, index, command));
        let mut tries = 0;
        while !matches!(outcome, Outcome::Answered(_)) {
            match &outcome {
                Outcome::Failed(Failure::StorageFull(_)) => {}
                // A procedure was interrupted between its commands.
                Outcome::Unknown if PROCEDURES.contains(&command.name) => {}
                other => return Err(format!("{} ended {other:?}", command.json)),
            }
            refused += 1;
            tries += 1;
            check_reads(&bus)?;
            // Views are flushed later if there is no room.
            let _ = bus.flush();
            if tries == TRIES {
                disk.leave_room(None);
            }
            (outcome, _) = drive(&bus, send(&bus, index, command));
        }
        if outcome != run.outcomes[index] {
            return Err(format!("{} ended {outcome:?}", command.json));
        }
        if index % FLUSH_AFTER_COMMANDS == 0 {
            let _ = bus.flush();
        }
    }
    disk.leave_room(None);
    bus.flush().map_err(|e| e.to_string())?;
    check_integrity(&bus, folder.path())?;
    each_key_has_one_answer(&records(&bus))?;
    drop(bus);
    check_integrity(&open(folder.path())?, folder.path())?;
    if refused == 0 {
        return Err("the disk was never full".to_owned());
    }
    Ok(refused)
}

fn check_reads(bus: &Bus) -> Result<(), String> {
    let page =
        bus.ask(ListStock { after: None, limit: 9 }).map_err(|e| format!("a query failed: {e}"))?;
    assert!(!page.is_empty());
    bus.feed("allocation", 0, 0, 10).map_err(|e| format!("the feed failed: {e}"))?;
    Ok(())
}
