//! The layer between SQLite and its own file system: reports every write and sync to a disk, and
//! fails when the disk does.
//!
//! Everything else is passed through: locks, and the memory that connections share. That memory is
//! only an index of the write-ahead file and is rebuilt from it after a power cut.

#![expect(unsafe_code, reason = "an SQLite file system is a table of C functions")]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::Once;

use rusqlite::ffi::{
    SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_OK, SQLITE_OPEN_CREATE, SQLITE_OPEN_MAIN_JOURNAL,
    SQLITE_OPEN_SUPER_JOURNAL, SQLITE_OPEN_WAL, sqlite3_file, sqlite3_filename, sqlite3_int64,
    sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find, sqlite3_vfs_register,
};

use super::disk::{Disk, Handle};

/// An open file: the part that SQLite uses, the handle of its disk, and behind it, in the same
/// piece of memory, the file of the file system below.
#[repr(C)]
struct Layered {
    seen: sqlite3_file,
    /// From `Box::into_raw`; null if there is no disk under the file.
    handle: *mut Handle,
}

/// Version 2 has no memory maps of the database, so no write can bypass this layer.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Puts the layer over SQLite's own file system, for every connection opened from now on.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: a null name selects the default file system, which lives until the process ends.
        // The copy does too, because it is leaked. The functions that are not replaced in it
        // (names, randomness, time, loading of libraries) do not use the table they are called
        // through.
        let registered = unsafe {
            let below = sqlite3_vfs_find(ptr::null());
            assert!(!below.is_null(), "SQLite has a file system of its own");
            let mut layer = *below;
            layer.pNext = ptr::null_mut();
            layer.zName = c"earmark-faults".as_ptr();
            layer.szOsFile += c_int::try_from(size_of::<Layered>()).expect("a few words");
            layer.pAppData = below.cast();
            layer.xOpen = Some(open);
            layer.xDelete = Some(delete);
            sqlite3_vfs_register(Box::leak(Box::new(layer)), 1)
        };
        assert_eq!(registered, SQLITE_OK, "the layer is registered");
    });
}

/// The file below, and its functions.
///
/// # Safety
/// `file` must be one that [`open`] opened.
unsafe fn below<'a>(file: *mut sqlite3_file) -> (*mut sqlite3_file, &'a sqlite3_io_methods) {
    // SAFETY: SQLite allocated `szOsFile` bytes, so the file below is behind ours. It is open while
    // ours is open, and its functions live until the process ends.
    unsafe {
        let inner = file.cast::<Layered>().add(1).cast::<sqlite3_file>();
        (inner, &*(*inner).pMethods)
    }
}

/// The handle of the disk under a file.
///
/// # Safety
/// `file` must be one that [`open`] opened.
unsafe fn handle<'a>(file: *mut sqlite3_file) -> Option<&'a Handle> {
    // SAFETY: the handle is null or from `Box::into_raw`, and is freed only when the file closes.
    unsafe { (*file.cast::<Layered>()).handle.as_ref() }
}

/// # Safety
/// `name` must be null or end with NUL.
unsafe fn path<'a>(name: *const c_char) -> Option<&'a Path> {
    // SAFETY: the caller guarantees it; SQLite keeps the name during the call.
    (!name.is_null())
        .then(|| Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes())))
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes our own table, whose `pAppData` is the file system below, and memory of
    // `szOsFile` bytes. The name is passed on as the same pointer, because parameters follow it in
    // memory. If opening fails, null functions mean that there is nothing to close.
    unsafe {
        let lower = (*vfs).pAppData.cast::<sqlite3_vfs>();
        let layered = file.cast::<Layered>();
        (*layered).seen.pMethods = ptr::null();
        let disk = path(name).and_then(Disk::of);
        let was_there = disk.as_ref().is_some_and(|(_, it)| it.exists());
        let open = (*lower).xOpen.expect("every file system opens");
        let opened = open(lower, name, layered.add(1).cast(), flags, flags_out);
        if opened == SQLITE_OK {
            let journals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
            // SQLite syncs the folder together with the first sync of such a file.
            let syncs_folder = flags & SQLITE_OPEN_CREATE != 0 && flags & journals != 0;
            let handle = disk.map(|(disk, path)| disk.opened(path, was_there, syncs_folder));
            (*layered).handle = handle.map_or(ptr::null_mut(), |it| Box::into_raw(Box::new(it)));
            (*layered).seen.pMethods = &raw const METHODS;
        }
        opened
    }
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, syncs: c_int) -> c_int {
    // SAFETY: as in `open`.
    unsafe {
        let lower = (*vfs).pAppData.cast::<sqlite3_vfs>();
        let disk = path(name).and_then(Disk::of);
        let deleted = (*lower).xDelete.expect("every file system deletes")(lower, name, syncs);
        if let Some((disk, path)) = disk.filter(|_| deleted == SQLITE_OK) {
            disk.removed(path, syncs != 0);
        }
        deleted
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once; the handle, if any, came from `Box::into_raw`.
    unsafe {
        let (inner, methods) = below(file);
        let handle = std::mem::replace(&mut (*file.cast::<Layered>()).handle, ptr::null_mut());
        if !handle.is_null() {
            drop(Box::from_raw(handle));
        }
        methods.xClose.expect("version 1")(inner)
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes an open file and `count` readable bytes; at most `count` are read.
    unsafe {
        let (inner, methods) = below(file);
        let whole =
            std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(count).unwrap_or(0));
        let fits = handle(file).map_or(whole.len(), |it| it.write(at.cast_unsigned(), whole));
        let part = c_int::try_from(fits).unwrap_or(count);
        let written = match part {
            0 if count > 0 => SQLITE_OK,
            _ => methods.xWrite.expect("version 1")(inner, bytes, part, at),
        };
        if written == SQLITE_OK && part < count { SQLITE_FULL } else { written }
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: SQLite passes an open file.
    unsafe {
        let (inner, methods) = below(file);
        if let Some(handle) = handle(file) {
            handle.cut(size.cast_unsigned());
        }
        methods.xTruncate.expect("version 1")(inner, size)
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    unsafe {
        let (inner, methods) = below(file);
        match handle(file).map(Handle::sync) {
            Some(Err(_)) => SQLITE_IOERR_FSYNC,
            Some(Ok(())) | None => methods.xSync.expect("version 1")(inner, flags),
        }
    }
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    bytes: *mut c_void,
    count: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: passed through unchanged, as in all functions below.
    unsafe {
        let (inner, methods) = below(file);
        methods.xRead.expect("version 1")(inner, bytes, count, at)
    }
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut sqlite3_int64) -> c_int {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xFileSize.expect("version 1")(inner, size)
    }
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xLock.expect("version 1")(inner, level)
    }
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xUnlock.expect("version 1")(inner, level)
    }
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, is_locked: *mut c_int) -> c_int {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xCheckReservedLock.expect("version 1")(inner, is_locked)
    }
}

unsafe extern "C" fn file_control(
    file: *mut sqlite3_file,
    what: c_int,
    with: *mut c_void,
) -> c_int {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xFileControl.expect("version 1")(inner, what, with)
    }
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xSectorSize.expect("version 1")(inner)
    }
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xDeviceCharacteristics.expect("version 1")(inner)
    }
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    page: c_int,
    page_bytes: c_int,
    extends: c_int,
    mapped: *mut *mut c_void,
) -> c_int {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xShmMap.expect("version 2")(inner, page, page_bytes, extends, mapped)
    }
}

unsafe extern "C" fn shm_lock(
    file: *mut sqlite3_file,
    from: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xShmLock.expect("version 2")(inner, from, count, flags)
    }
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xShmBarrier.expect("version 2")(inner);
    }
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, deletes: c_int) -> c_int {
    // SAFETY: passed through unchanged.
    unsafe {
        let (inner, methods) = below(file);
        methods.xShmUnmap.expect("version 2")(inner, deletes)
    }
}
