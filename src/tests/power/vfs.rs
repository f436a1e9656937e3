//! A SQLite VFS that forwards to the default VFS and records everything on a [`Tape`]. It is the
//! only place with `unsafe`: SQLite calls its VFS through C.
//!
//! Nothing is really synced: the simulated disk is rebuilt from the tape. Shared memory and locks
//! are the real ones; memory-mapped files are not offered, so every write is recorded.

#![expect(unsafe_code, reason = "SQLite's VFS interface is C")]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    path::Path,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use libsqlite3_sys::{
    SQLITE_FCNTL_PRAGMA, SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE, SQLITE_OK,
    SQLITE_OPEN_CREATE, SQLITE_OPEN_MAIN_DB, SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_WAL,
    sqlite3_file, sqlite3_filename, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs,
    sqlite3_vfs_find, sqlite3_vfs_register,
};

use super::tape::{Entry, Tape};

/// A file as SQLite sees it. The real file's memory follows directly.
#[repr(C)]
struct Shim {
    /// First, because SQLite looks for its methods there.
    base: sqlite3_file,
    tape: &'static Tape,
    /// `None` for temporary files, which do not matter after a power cut.
    file: Option<usize>,
    /// As in the default VFS: the first sync of a journal syncs its folder.
    syncs_folder: bool,
}

/// Registers a VFS with its own tape. Both live until the process ends, as SQLite requires.
pub fn register(tape: Tape) -> (String, &'static Tape) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("power-{}", COUNT.fetch_add(1, Ordering::SeqCst));
    let tape: &'static Tape = Box::leak(Box::new(tape));
    // SAFETY: the default VFS is there for as long as the process; ours is leaked, so it is too.
    // What we do not replace of the copy makes no use of its VFS argument (os_unix.c).
    unsafe {
        let real = real_vfs();
        let mut vfs = ptr::read(real);
        vfs.szOsFile += c_int::try_from(size_of::<Shim>()).unwrap();
        vfs.pNext = ptr::null_mut();
        vfs.zName = CString::new(name.clone()).unwrap().into_raw();
        vfs.pAppData = ptr::from_ref(tape).cast_mut().cast();
        vfs.xOpen = Some(open);
        vfs.xDelete = Some(delete);
        assert_eq!(sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0), SQLITE_OK);
    }
    (name, tape)
}

unsafe fn real_vfs() -> *mut sqlite3_vfs {
    // SAFETY: without a name SQLite answers with its default, which every build has.
    unsafe { sqlite3_vfs_find(ptr::null()) }
}

unsafe fn tape_of(vfs: *mut sqlite3_vfs) -> &'static Tape {
    // SAFETY: `register` put it there and leaked it.
    unsafe { &*(*vfs).pAppData.cast::<Tape>() }
}

/// The last part of a path: all files of one tape are in one folder.
unsafe fn name_of(path: *const c_char) -> String {
    // SAFETY: SQLite hands over paths that end in NUL.
    let path = unsafe { CStr::from_ptr(path) }.to_str().unwrap();
    Path::new(path).file_name().unwrap().to_str().unwrap().to_owned()
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    path: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let is_kept = flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL) != 0;
    let is_journal = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL) != 0;
    // SAFETY: `file` has the size that we asked for, ours and the real VFS's.
    unsafe {
        let shim = file.cast::<Shim>();
        let tape = tape_of(vfs);
        let syncs_folder = is_journal && flags & SQLITE_OPEN_CREATE != 0;
        ptr::write(
            shim,
            Shim { base: sqlite3_file { pMethods: ptr::null() }, tape, file: None, syncs_folder },
        );
        let real_vfs = real_vfs();
        let outcome = (*real_vfs).xOpen.unwrap()(real_vfs, path, real(file), flags, out_flags);
        if outcome == SQLITE_OK {
            (*shim).base.pMethods = &METHODS;
            (*shim).file = is_kept.then(|| tape.open(&name_of(path)));
        }
        outcome
    }
}

unsafe extern "C" fn delete(
    vfs: *mut sqlite3_vfs,
    path: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        let real_vfs = real_vfs();
        let outcome = (*real_vfs).xDelete.unwrap()(real_vfs, path, 0);
        if outcome == SQLITE_OK {
            tape_of(vfs).delete(&name_of(path));
            if sync_folder != 0 {
                tape_of(vfs).push(Entry::SyncFolder);
            }
        }
        outcome
    }
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    // Version 2: shared memory, but no memory-mapped files.
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

/// The real file behind ours.
unsafe fn real(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: `szOsFile` made room for both, and a shim's size is a multiple of its alignment.
    unsafe { file.cast::<Shim>().add(1).cast() }
}

unsafe fn shim<'a>(file: *mut sqlite3_file) -> &'a mut Shim {
    // SAFETY: `open` wrote it, and SQLite uses a file from one thread at a time.
    unsafe { &mut *file.cast::<Shim>() }
}

/// Methods that only forward.
macro_rules! pass_on {
    ($($name:ident = $method:ident($($argument:ident: $kind:ty),*) $(-> $answer:ty)?;)+) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $kind),*) $(-> $answer)? {
            // SAFETY: the real file is open for as long as ours, and the arguments are SQLite's
            // own.
            unsafe { (*(*real(file)).pMethods).$method.unwrap()(real(file), $($argument),*) }
        }
    )+};
}

pass_on! {
    close = xClose() -> c_int;
    read = xRead(into: *mut c_void, amount: c_int, at: sqlite3_int64) -> c_int;
    real_write = xWrite(from: *const c_void, amount: c_int, at: sqlite3_int64) -> c_int;
    real_truncate = xTruncate(len: sqlite3_int64) -> c_int;
    file_size = xFileSize(len: *mut sqlite3_int64) -> c_int;
    lock = xLock(level: c_int) -> c_int;
    unlock = xUnlock(level: c_int) -> c_int;
    check_reserved_lock = xCheckReservedLock(is_locked: *mut c_int) -> c_int;
    real_file_control = xFileControl(operation: c_int, argument: *mut c_void) -> c_int;
    sector_size = xSectorSize() -> c_int;
    device_characteristics = xDeviceCharacteristics() -> c_int;
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, at: *mut *mut c_void) -> c_int;
    shm_lock = xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier = xShmBarrier();
    shm_unmap = xShmUnmap(delete: c_int) -> c_int;
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    amount: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives `amount` readable bytes.
    unsafe {
        let Shim { tape, file: number, .. } = shim(file);
        let is_full = number.is_some() && tape.refuses();
        // Like a disk that becomes full during a write: only the first part is written.
        let amount = if is_full { amount / 2 } else { amount };
        let outcome = real_write(file, from, amount, at);
        if outcome == SQLITE_OK
            && let Some(file) = *number
        {
            let (Ok(amount), Ok(at)) = (usize::try_from(amount), usize::try_from(at)) else {
                return SQLITE_IOERR_WRITE;
            };
            let bytes = std::slice::from_raw_parts(from.cast::<u8>(), amount).to_vec();
            tape.push(Entry::Write { file, at, bytes });
        }
        if is_full { SQLITE_FULL } else { outcome }
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, len: sqlite3_int64) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        let outcome = real_truncate(file, len);
        let Shim { tape, file: number, .. } = shim(file);
        if outcome == SQLITE_OK
            && let Some(file) = *number
        {
            tape.push(Entry::Truncate { file, len: usize::try_from(len).unwrap_or(0) });
        }
        outcome
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: the file is open.
    let shim = unsafe { shim(file) };
    if let Some(file) = shim.file {
        if shim.tape.syncs_fail() {
            shim.tape.push(Entry::SyncFailed { file });
            return SQLITE_IOERR_FSYNC;
        }
        shim.tape.push(Entry::Sync { file });
    }
    if std::mem::take(&mut shim.syncs_folder) {
        shim.tape.push(Entry::SyncFolder);
    }
    SQLITE_OK
}

unsafe extern "C" fn file_control(
    file: *mut sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: for a pragma the argument is four strings: answer, name, value, nothing; the value is
    // SQLite's copy of the statement's text and not read before this returns, and the digit written
    // over it is shorter than any word.
    unsafe {
        if operation == SQLITE_FCNTL_PRAGMA && shim(file).tape.is_normal {
            let words = argument.cast::<*mut c_char>();
            let (name, value) = (*words.add(1), *words.add(2));
            if !value.is_null() && *value != 0 && CStr::from_ptr(name).to_bytes() == b"synchronous"
            {
                // 1 is NORMAL.
                *value = c_char::try_from(b'1').unwrap();
                *value.add(1) = 0;
            }
        }
        real_file_control(file, operation, argument)
    }
}
