//! Counts the bytes that the decoder searches or copies, so that a test can show that its work is linear
//! without a clock. Outside of tests there is nothing here.

#[cfg(test)]
thread_local! {
    static BYTES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Notes that this many bytes were searched or copied.
#[inline(always)]
pub(super) fn count(_bytes: usize) {
    #[cfg(test)]
    BYTES.set(BYTES.get() + _bytes);
}

/// The sum since the last call on this thread.
#[cfg(test)]
pub(super) fn take() -> usize {
    BYTES.take()
}
