//! What is left of a storm in this process.

use std::fs;

use crate::{ALLOCATOR, watched::PATIENCE};

/// What a process holds at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remains {
    /// Allocated and not freed.
    pub(crate) bytes: usize,
    /// Open files, sockets and watches; 0 where the system does not tell.
    pub(crate) files: usize,
    /// Threads; likewise.
    pub(crate) threads: usize,
}

impl Remains {
    pub(crate) fn now() -> Self {
        let stats = ALLOCATOR.stats();
        Self {
            bytes: stats.bytes_allocated - stats.bytes_deallocated,
            files: files(),
            threads: count("/proc/self/task"),
        }
    }
}

/// Open files now.
pub(crate) fn files() -> usize {
    count("/proc/self/fd")
}

fn count(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Waits until what ends by itself has ended.
pub(crate) async fn wait(what: &str, is_gone: impl Fn() -> bool) {
    let gone = async {
        while !is_gone() {
            tokio::task::yield_now().await;
        }
    };
    let gone = tokio::time::timeout(PATIENCE, gone).await;
    gone.unwrap_or_else(|_| panic!("there are still {what}: {:#?}", Remains::now()));
}
