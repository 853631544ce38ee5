//! One connection: request, script, request, script.

use std::{cell::Cell, pin::pin};

use futures_util::future::{self, Either};
use tokio::io::{self, AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{
    super::{Departure, Happened, ReceivedRequest, Script, chat},
    Shared,
    incoming::{Inbox, body_decoder, take_head},
    player::{Ending, Player},
    wire::Wire,
};
use crate::conformance::framing::BodyDecoder;

/// What shall become of a connection.
enum Next {
    /// It waits for a request.
    Request,
    /// The provider lets go of it: the caller has left, or has sent what cannot be read.
    Drop,
    /// The provider closes it; `lingers` if the caller may still be sending, because a kernel turns
    /// the close of a socket with unread bytes into a reset.
    Close { lingers: bool },
    /// The provider resets it.
    Reset,
}

/// Why the rest of a request does not arrive.
enum Broken {
    /// The caller left.
    Left(Departure),
    /// It is not HTTP/1.1, and why.
    Unreadable(String),
}

impl From<Departure> for Broken {
    fn from(departure: Departure) -> Self {
        Self::Left(departure)
    }
}

impl From<String> for Broken {
    fn from(reason: String) -> Self {
        Self::Unreadable(reason)
    }
}

/// Serves a connection until one side is done with it.
pub(super) async fn serve(wire: impl Wire, shared: &Shared, connection: usize) {
    let (reader, mut writer) = io::split(wire);
    let mut inbox = Inbox::new(reader);
    let mut number = 0;
    let last = loop {
        number += 1;
        match exchange(shared, connection, number, &mut inbox, &mut writer).await {
            Next::Request => {}
            last => break last,
        }
    };
    match last {
        Next::Request | Next::Drop => {}
        Next::Reset => inbox.into_reader().unsplit(writer).reset(),
        Next::Close { lingers } => {
            // If this fails the caller has closed first, which is as good.
            let _ = writer.shutdown().await;
            if lingers {
                inbox.until_left().await;
            }
        }
    }
    shared
        .record
        .note(connection, number, Happened::ConnectionClosed);
}

/// Takes one request and plays the script for it.
async fn exchange(
    shared: &Shared,
    connection: usize,
    number: usize,
    inbox: &mut Inbox<impl AsyncRead + Unpin>,
    writer: &mut (impl AsyncWrite + Unpin),
) -> Next {
    let head = match next_head(inbox).await {
        Ok(head) => head,
        Err(Broken::Left(_)) => return Next::Drop,
        Err(Broken::Unreadable(reason)) => {
            shared
                .record
                .note(connection, number, Happened::RequestUnreadable(reason));
            return Next::Drop;
        }
    };
    let note = |what| shared.record.note(connection, number, what);
    note(Happened::RequestHead {
        method: head.method.clone(),
        path: head.path.clone(),
    });
    let says_close = head.says_close();
    let script = shared.next_script().unwrap_or_else(|| {
        note(Happened::NoScript);
        no_script(&head)
    });
    let sent = Cell::new(0);
    let broken = |broken| {
        match broken {
            Broken::Left(how) => note(Happened::CallerLeft {
                how,
                sent: sent.get(),
            }),
            Broken::Unreadable(reason) => note(Happened::RequestUnreadable(reason)),
        }
        Next::Drop
    };

    let head = ReceivedRequest {
        connection,
        request: number,
        ..head
    };
    let mut receipt = match body_decoder(&head) {
        Ok(body) => Receipt {
            shared,
            inbox,
            pending: Some((head, body)),
        },
        Err(reason) => return broken(reason.into()),
    };
    if !script.answers_early()
        && let Err(reason) = receipt.complete().await
    {
        return broken(reason);
    }

    let play = Player::new(&script, writer, &sent, note).play(script.steps());
    let listen = async {
        match receipt.complete().await {
            Ok(()) => receipt.inbox.until_left().await.into(),
            Err(reason) => reason,
        }
    };
    // The player goes first: a caller that leaves on reading the last byte has not left early.
    let ending = match future::select(pin!(play), pin!(listen)).await {
        Either::Left((Ok(ending), _)) => ending,
        Either::Left((Err(error), _)) => return broken(Broken::Left(error.into())),
        Either::Right((reason, _)) => return broken(reason),
    };
    note(Happened::ScriptFinished { sent: sent.get() });

    match ending {
        Ending::Reset => Next::Reset,
        Ending::KeepAlive if !says_close => match receipt.complete().await {
            Ok(()) => Next::Request,
            // The answer is out already, so this is no early leave.
            Err(_) => Next::Drop,
        },
        Ending::KeepAlive | Ending::Close => Next::Close {
            lingers: receipt.pending.is_some(),
        },
    }
}

async fn next_head(inbox: &mut Inbox<impl AsyncRead + Unpin>) -> Result<ReceivedRequest, Broken> {
    loop {
        if let Some(head) = take_head(&mut inbox.buffer)? {
            return Ok(head);
        }
        inbox.fill().await?;
    }
}

/// A request on its way into the record.
struct Receipt<'a, R> {
    shared: &'a Shared,
    inbox: &'a mut Inbox<R>,
    /// `None` once it is whole and recorded.
    pending: Option<(ReceivedRequest, BodyDecoder)>,
}

impl<R: AsyncRead + Unpin> Receipt<'_, R> {
    /// Reads what is missing and records the request; does nothing the second time.
    ///
    /// # Cancel safety
    /// A dropped call has lost nothing.
    async fn complete(&mut self) -> Result<(), Broken> {
        while let Some((_, body)) = &mut self.pending {
            if !body.advance(&mut self.inbox.buffer)? {
                self.inbox.fill().await?;
                continue;
            }
            if let Some((head, body)) = self.pending.take() {
                let request = ReceivedRequest {
                    body: body.into_body(),
                    ..head
                };
                self.shared.record.note_request(request);
            }
        }
        Ok(())
    }
}

/// The answer to a request that no script is left for.
fn no_script(head: &ReceivedRequest) -> Script {
    let message = format!(
        "the scripted provider has no script left for {} {}: give it one more, or repeat() the last",
        head.method, head.path
    );
    Script::json(500, chat::error(&message, "no_script_left"))
}
