//! Lines on their way to standard error. Whoever reads there may stand still: then lines are lost, and no time.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;
use wharfinger_metrics::Counter;

use super::escape;

/// So much waits at most, and as much again may be on its way.
const MOST_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// How long lines are gathered, so that the thread is not woken for each.
const GATHERING: Duration = Duration::from_millis(5);

/// How long the end of the program waits for the last lines to be taken.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where lines are put down, each by one write. Cheap to clone; all clones are the same queue.
#[derive(Clone)]
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There is something to be written.
    filled: Condvar,
    /// All has been written.
    emptied: Condvar,
    /// Lines that found no room or could not be written, ever.
    lost: Counter,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that found no room since that was last told.
    lost: u64,
    is_writing: bool,
}

impl Queue {
    /// Starts the thread that brings lines to `sink`. Those that never come there are added to `lost`.
    ///
    /// # Errors
    /// When there can't be one more thread.
    pub(super) fn start(sink: impl Write + Send + 'static, lost: Counter) -> io::Result<Self> {
        let queue = Self(Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            lost,
        }));
        let carried = queue.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || carried.carry(sink))?;
        Ok(queue)
    }

    fn carry(&self, mut sink: impl Write) {
        let mut lines = Vec::new();
        loop {
            let lost = self.take(&mut lines);
            // There is nobody to be told of what can't be written, except those who look at metrics.
            if sink.write_all(&lines).and_then(|()| sink.flush()).is_err() {
                self.0.lost.inc_by(lines.split(|byte| *byte == b'\n').count() as u64 - 1);
            }
            lines.clear();
            if lost > 0 {
                tracing::warn!(
                    lines = lost,
                    "lines of the log were lost: nobody took them from standard error"
                );
            }
            thread::sleep(GATHERING);
        }
    }

    /// Waits for lines and takes all there are; and how many were lost.
    fn take(&self, lines: &mut Vec<u8>) -> u64 {
        let mut state = self.state();
        state.is_writing = false;
        self.0.emptied.notify_all();
        let nothing = |state: &mut State| state.waiting.is_empty();
        state = self.0.filled.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
        state.is_writing = true;
        std::mem::swap(&mut state.waiting, lines);
        std::mem::take(&mut state.lost)
    }

    fn put(&self, line: &[u8]) {
        let line = escape::line(line);
        let mut state = self.state();
        if state.waiting.len() + line.len() > MOST_WAITING_BYTES {
            state.lost += 1;
            self.0.lost.inc();
            return;
        }
        let was_empty = state.waiting.is_empty();
        state.waiting.extend_from_slice(&line);
        drop(state);
        if was_empty {
            self.0.filled.notify_one();
        }
    }

    /// Waits until all lines have been taken, but not for long.
    pub(super) fn flush(&self) {
        let busy = |state: &mut State| state.is_writing || !state.waiting.is_empty();
        drop(self.0.emptied.wait_timeout_while(self.state(), FAREWELL, busy));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Queue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that takes one write after another when it is told to.
    struct Slow {
        taken: Sender<Vec<u8>>,
        next: Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.next.recv().map_err(io::Error::other)?;
            self.taken.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_nobody_can_take_any_more_are_lost() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let lost = Counter::default();
        let queue = Queue::start(writer, lost.clone()).unwrap();
        queue.put(b"one\n");
        queue.put(b"another\n");
        queue.flush();
        assert_eq!(lost.get(), 2);
    }

    #[test]
    fn a_reader_that_stands_still_costs_lines_but_no_time_and_hears_how_many() {
        let ((taken, read), (go, next)) = (channel(), channel());
        let lost = Counter::default();
        let queue = Queue::start(Slow { taken, next }, lost.clone()).unwrap();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(queue.clone()).finish();
        // The thread tells what was lost by itself.
        tracing::subscriber::set_global_default(subscriber).unwrap();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        let fits = MOST_WAITING_BYTES / line.len();
        queue.put(&line);
        while !queue.state().is_writing {
            thread::yield_now();
        }
        for _ in 0..fits + 7 {
            queue.put(&line);
        }
        assert_eq!(queue.state().lost, 7);
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        assert_eq!(read.recv().unwrap().len(), line.len());
        assert_eq!(read.recv().unwrap().len(), fits * line.len());
        let told = String::from_utf8(read.recv().unwrap()).unwrap();
        assert!(told.contains("lines=7"), "{told}");
        assert_eq!(queue.state().lost, 0);
        assert_eq!(lost.get(), 7);
    }
}
